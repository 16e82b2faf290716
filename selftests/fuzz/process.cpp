// SPDX-License-Identifier: GPL-2.0-only
#include "process.hpp"

#include "serve.h"

#include <cerrno>
#include <cstring>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace fuzz {

using userfault::Fd;

namespace {

int checked(long result, const char *what)
{
	if (result < 0)
		throw std::system_error(errno, std::generic_category(), what);
	return static_cast<int>(result);
}

[[noreturn]] void become(const std::string &program, int processor, int memory, int in, int out)
{
	const auto number = std::to_string(processor);

	/* Above those to which they are copied */
	memory = ::fcntl(memory, F_DUPFD, 10);
	in = ::fcntl(in, F_DUPFD, 10);
	out = ::fcntl(out, F_DUPFD, 10);
	::dup2(memory, FUZZ_SHARED_FD);
	::dup2(in, FUZZ_REQUESTS_FD);
	::dup2(out, FUZZ_ANSWERS_FD);
	::execl(program.c_str(), program.c_str(), number.c_str(), nullptr);
	::_exit(127);
}

} // namespace

Executor::Executor(int processor, unsigned patience, const std::string &program)
{
	const Fd memory(checked(::memfd_create("fuzz", MFD_CLOEXEC), "memfd_create"));
	int in[2], out[2];

	checked(::ftruncate(memory.get(), sizeof(fuzz_shared)), "ftruncate");
	void *mapped = ::mmap(nullptr, sizeof(fuzz_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			      memory.get(), 0);
	checked(mapped == MAP_FAILED ? -1 : 0, "mmap");
	shared_ = static_cast<fuzz_shared *>(mapped);
	shared_->patience = patience;
	checked(::pipe2(in, O_CLOEXEC), "pipe");
	checked(::pipe2(out, O_CLOEXEC), "pipe");
	if (!checked(::fork(), "fork")) {
		::close(in[1]);
		::close(out[0]);
		if (!program.empty())
			become(program, processor, memory.get(), in[0], out[1]);
		serve(shared_, in[0], out[1], processor);
		::_exit(0);
	}
	::close(in[0]);
	::close(out[1]);
	requests_ = Fd(in[1]);
	answers_ = Fd(out[0]);
}

Executor::~Executor()
{
	::munmap(shared_, sizeof(fuzz_shared));
}

const fuzz_transcript &Executor::run(Backend backend, unsigned rounds)
{
	const char request = 'r';

	shared_->native = backend == Backend::native;
	shared_->side_by_side = rounds;
	checked(::write(requests_.get(), &request, 1), "write");
	if (const auto end = answer()) {
		end_ = *end;
	} else {
		::kill(-static_cast<pid_t>(shared_->child), SIGKILL);
		end_ = answer().value_or(FUZZ_UNKILLABLE) == FUZZ_ENDED ? FUZZ_KILLED
									: FUZZ_UNKILLABLE;
	}
	return shared_->transcript;
}

/* None, if it takes too long. */
std::optional<fuzz_end> Executor::answer()
{
	pollfd polled{answers_.get(), POLLIN, 0};
	char end;

	if (!checked(::poll(&polled, 1, static_cast<int>(FUZZ_PATIENCE * shared_->patience)),
		     "poll"))
		return std::nullopt;
	if (::read(answers_.get(), &end, 1) != 1)
		throw std::runtime_error("the executor has died");
	return static_cast<fuzz_end>(end);
}

const fuzz_transcript &Executor::run(const fuzz_program &program, Backend backend, bool afresh)
{
	shared_->program = program;
	shared_->afresh = afresh;
	return run(backend, 0);
}

const fuzz_transcript &Executor::run_side_by_side(const fuzz_program &program, Backend backend,
						  unsigned rounds)
{
	shared_->program = program;
	shared_->afresh = true;
	return run(backend, rounds);
}

void Executor::record_coverage(std::uint64_t text)
{
	shared_->coverage = true;
	shared_->text = text;
}

void Executor::forget_coverage()
{
	if (records_coverage())
		std::memset(shared_->covered, 0, sizeof(shared_->covered));
}

} // namespace fuzz
