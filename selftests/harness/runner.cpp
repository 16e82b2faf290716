// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests that misbehave on purpose, to prove that the supervisor and the scripts notice. They are
 * hidden: they run only when they are named.
 */
#include "harness/ktap.hpp"
#include "harness/loaded_module.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sys/mount.h>
#include <thread>
#include <unistd.h>

using namespace selftests;

TEST_CASE("runner: fails", "[.runner]")
{
	const int pages = 1;

	CHECK(pages == 2);
}

TEST_CASE("runner: hangs", "[.runner]")
{
	REQUIRE(::getpid() > 0);
	for (;;)
		::pause();
}

TEST_CASE("runner: fails after all stood still", "[.runner]")
{
	/* Longer than the time that runner-tests gives it. */
	::kill(::getppid(), SIGSTOP);
	std::this_thread::sleep_for(std::chrono::seconds(8));
	::kill(::getppid(), SIGCONT);
	FAIL("it went on");
}

TEST_CASE("runner: oopses", "[.runner]")
{
	CHECK_FALSE(load_module("/lib/runner/oops.ko"));
}

TEST_CASE("runner: warns", "[.runner]")
{
	CHECK_FALSE(load_module("/lib/runner/warn.ko"));
}

TEST_CASE("runner: leaks", "[.runner]")
{
	CHECK_FALSE(load_module("/lib/runner/leak.ko"));
}

TEST_CASE("runner: forgets objects", "[.runner]")
{
	CHECK_FALSE(load_module("/lib/runner/forget.ko"));
}

TEST_CASE("runner: crashes", "[.runner]")
{
	REQUIRE(::getpid() > 0);
	*reinterpret_cast<volatile char *>(::getpid()) = 1;
}

TEST_CASE("runner: leaves a process running", "[.runner]")
{
	const pid_t child = ::fork();

	if (child == 0)
		for (;;)
			::pause();
	REQUIRE(child > 0);
}

TEST_CASE("runner: leaves a setting changed", "[.runner]")
{
	std::ofstream limit("/proc/sys/vm/max_map_count");

	CHECK(limit << 65000 << std::flush);
}

TEST_CASE("runner: leaves a setting that can't be set back", "[.runner]")
{
	const auto *path = "/proc/sys/vm/max_map_count";
	std::ofstream limit(path);

	CHECK(limit << 64000 << std::flush);
	REQUIRE(::mount(path, path, nullptr, MS_BIND, nullptr) == 0);
	REQUIRE(::mount(path, path, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0);
}

TEST_CASE("runner: exits before its end", "[.runner]")
{
	REQUIRE(::getpid() > 0);
	::_exit(static_cast<int>(ExitCode::pass));
}

TEST_CASE("runner: skips without a reason", "[.runner]")
{
	REQUIRE(::getpid() > 0);
	::_exit(static_cast<int>(ExitCode::skip));
}

TEST_CASE("runner: asserts nothing", "[.runner]") {}
