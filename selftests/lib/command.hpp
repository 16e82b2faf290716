/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_COMMAND_HPP
#define SELFTESTS_COMMAND_HPP

#include "lib/process.hpp"

#include <userfault/fd.hpp>

#include <functional>
#include <string>
#include <vector>

namespace selftests {

/* A program that runs beside the test, and is killed when this object is destroyed. */
class Command {
public:
	using Words = std::vector<std::string>;

	/*
	 * The first word is looked for in PATH. @prepare, if any, runs before it in the new
	 * process.
	 */
	explicit Command(const Words &words, const std::function<void()> &prepare = {});

	void signal(int number) const { process_.signal(number); }
	/* Waits for its end; returns the same as Process::wait(). */
	int wait() { return process_.wait(); }
	/* What it has written to stdout and stderr so far. */
	std::string output() const;

private:
	userfault::Fd output_;
	Process process_;
};

/* How a command ended: a status as from Process::wait(), and all of its output. */
struct Outcome {
	int status;
	std::string output;
};

Outcome run(const Command::Words &words, const std::function<void()> &prepare = {});

} // namespace selftests

#endif
