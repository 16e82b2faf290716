// SPDX-License-Identifier: GPL-2.0-only
#include "child.hpp"

#include "failure.hpp"

#include <userfault/fd.hpp>

#include <exception>
#include <fcntl.h>
#include <iostream>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

namespace {

[[noreturn]] void be_child(const std::function<std::vector<double>()> &work, int pipe)
try {
	for (const double value : work())
		checked(::write(pipe, &value, sizeof(value)), "write");
	::_exit(0);
} catch (const std::exception &error) {
	std::cerr << "bench: " << error.what() << std::endl;
	::_exit(1);
}

std::vector<double> read_all(int pipe)
{
	std::vector<double> values;

	for (double value; checked(::read(pipe, &value, sizeof(value)), "read") == sizeof(value);)
		values.push_back(value);
	return values;
}

} // namespace

std::vector<double> in_child(const std::function<std::vector<double>()> &work)
{
	int ends[2], status;

	checked(::pipe2(ends, O_CLOEXEC), "pipe");

	userfault::Fd in(ends[0]), out(ends[1]);
	const auto child = static_cast<pid_t>(checked(::fork(), "fork"));

	if (child == 0)
		be_child(work, out.get());
	out.reset();

	auto values = read_all(in.get());

	checked(::waitpid(child, &status, 0), "waitpid");
	if (status != 0)
		throw std::runtime_error("a measurement failed");
	return values;
}

} // namespace bench
