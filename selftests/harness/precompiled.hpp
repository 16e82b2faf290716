/* SPDX-License-Identifier: GPL-2.0-only */
/* Third-party and system headers that most tests include: compiled once, before the tests. */
#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>
