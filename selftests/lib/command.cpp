// SPDX-License-Identifier: GPL-2.0-only
#include "lib/command.hpp"

#include "harness/harness.hpp"

#include <cstdio>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace selftests {

namespace {

[[noreturn]] void execute(const Command::Words &words)
{
	std::vector<char *> pointers;

	for (const auto &word : words)
		pointers.push_back(const_cast<char *>(word.c_str()));
	pointers.push_back(nullptr);
	::execvp(pointers[0], pointers.data());
	::perror(pointers[0]);
	::_exit(127);
}

} // namespace

/* The output goes to a file: a pipe would fill up while nobody reads it. */
Command::Command(const Words &words, const std::function<void()> &prepare)
	: output_(static_cast<int>(checked(::memfd_create("output", MFD_CLOEXEC)))), process_([&] {
		  if (prepare)
			  prepare();
		  ::dup2(output_.get(), STDOUT_FILENO);
		  ::dup2(output_.get(), STDERR_FILENO);
		  execute(words);
		  return 0;
	  })
{
}

std::string Command::output() const
{
	struct stat status;

	checked(::fstat(output_.get(), &status));
	std::string text(static_cast<std::size_t>(status.st_size), '\0');
	text.resize(static_cast<std::size_t>(
		checked(::pread(output_.get(), text.data(), text.size(), 0))));
	return text;
}

Outcome run(const Command::Words &words, const std::function<void()> &prepare)
{
	Command command(words, prepare);
	const int status = command.wait();

	return {status, command.output()};
}

} // namespace selftests
