/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the module tells about contexts, as the netlink family in <linux/userfault.h> describes it:
 * fields have the meaning of the attributes of the same names.
 */

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace userfaultctl {

using std::chrono::milliseconds;

struct Context {
	std::uint64_t id = 0;
	/* None: the process is gone, or its fork isn't done. */
	std::optional<std::uint32_t> tgid;
	std::optional<std::uint32_t> pid;
	std::string comm;
	std::uint32_t uid = 0;
	std::uint32_t flags = 0;
	std::uint64_t features = 0;
	std::uint64_t modes = 0;
	milliseconds age{0};
	std::uint32_t pending = 0;
	std::uint32_t waiting = 0;
	std::uint32_t events = 0;
	std::optional<milliseconds> oldest_pending;
	std::optional<milliseconds> oldest_waiting;
	std::optional<milliseconds> oldest_event;
};

struct Region {
	std::uint64_t start = 0;
	std::uint64_t length = 0;
	std::uint64_t modes = 0;
	std::uint32_t memory = 0;
};

struct Waiter {
	std::uint32_t tid = 0; /* 0: in no pid namespace that the reader sees */
	std::uint64_t address = 0;
	std::uint64_t flags = 0;
	milliseconds age{0};
	bool told = false;
};

struct FaultCount {
	std::uint64_t mode = 0;
	std::uint32_t memory = 0;
	bool write = false;
	bool kernel = false;
	std::uint64_t count = 0;
};

struct MessageCount {
	std::uint32_t event = 0;
	std::uint64_t count = 0;
};

struct ErrorCount {
	int number = 0; /* 0: of all errors that aren't told apart */
	std::uint64_t count = 0;
};

struct CommandCount {
	std::uint32_t number = 0;
	std::uint64_t done = 0;
	std::uint64_t partly = 0;
	std::uint64_t bytes = 0;
	std::vector<ErrorCount> errors;
};

struct Counters {
	std::uint64_t context = 0;
	std::vector<FaultCount> faults;
	std::uint64_t woken = 0;
	std::uint64_t retried = 0;
	std::uint64_t interrupted = 0;
	std::uint64_t sigbus = 0;
	std::vector<MessageCount> messages;
	std::vector<CommandCount> commands;

	/* All faults, of any kind. */
	std::uint64_t all_faults() const;
};

} // namespace userfaultctl
