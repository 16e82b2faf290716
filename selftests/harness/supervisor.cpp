// SPDX-License-Identifier: GPL-2.0-only
#include "harness/supervisor.hpp"

#include "harness/countdown.hpp"
#include "harness/free_memory.hpp"
#include "harness/loaded_module.hpp"
#include "harness/processes.hpp"
#include "lib/huge_pages.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <linux/userfault.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

/* Ends the process if it has leaked memory. Programs with AddressSanitizer have it, others don't.
 */
extern "C" [[gnu::weak]] void __lsan_do_leak_check();

namespace selftests {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto last_test = "nothing holds the module and the kernel's log has no complaint";
constexpr int slow_factor = 4;
/* How long a process may still live that the test has ended and not waited for. */
constexpr auto grace = milliseconds(1000);
/* A test that takes that long says so: every run waits for it. */
constexpr std::chrono::seconds long_test(5);

[[noreturn]] void fail(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

/* The output of a test, cut into lines. */
class Output {
public:
	Output(int fd, Ktap &report) : fd_(fd), report_(report) {}

	~Output()
	{
		if (!line_.empty())
			report_.comment(line_);
		::close(fd_);
	}

	int fd() const { return fd_; }

	/* Passes on what is there, without waiting. */
	void drain()
	{
		std::array<char, 4096> part;

		for (ssize_t size; (size = ::read(fd_, part.data(), part.size())) > 0;)
			for (ssize_t i = 0; i < size; i++)
				add(part[i]);
	}

private:
	void add(char c)
	{
		if (c != '\n') {
			line_ += c;
			return;
		}
		report_.comment(line_);
		line_.clear();
	}

	int fd_;
	Ktap &report_;
	std::string line_;
};

[[noreturn]] void be_the_test(const Case &test, int output)
{
	::prctl(PR_SET_PDEATHSIG, SIGKILL);
	::setpgid(0, 0);
	::dup2(output, STDOUT_FILENO);
	::dup2(output, STDERR_FILENO);
	::close(output);

	bool passed = false;
	try {
		passed = run_case(test.name);
		Notes::current()->finished();
	} catch (const std::exception &error) {
		std::cout << error.what() << '\n';
	}
	std::cout.flush();
	/* exit() would have called this, and would wait for ever for a thread that waits in a
	 * fault. */
	if (passed && __lsan_do_leak_check)
		__lsan_do_leak_check();
	::_exit(static_cast<int>(passed ? ExitCode::pass : ExitCode::fail));
}

/*
 * True when the process has ended, false if it has not after @limit. Time in which this process
 * could not run either doesn't count: a test doesn't hang when the emulator stands still.
 */
bool follow(int pidfd, Output &output, Clock::duration limit)
{
	std::array<pollfd, 2> fds{{{pidfd, POLLIN, 0}, {output.fd(), POLLIN, 0}}};
	Countdown countdown(limit);
	const auto slice = std::chrono::ceil<milliseconds>(countdown.slice());

	do {
		if (::poll(fds.data(), fds.size(), static_cast<int>(slice.count())) < 0 &&
		    errno != EINTR)
			fail("poll");
		output.drain();
		if (fds[0].revents)
			return true;
		if (fds[1].revents & POLLHUP)
			fds[1].fd = -1;
	} while (!countdown.is_over());
	return false;
}

} // namespace

Supervisor::Supervisor(Ktap &report, std::chrono::seconds time_limit, bool kmemleak)
	: report_(report), time_limit_(time_limit), kmemleak_(kmemleak)
{
	adopt_orphans();
	if (!log_.available())
		report_.comment("/dev/kmsg can't be opened: the kernel's log is not checked");
}

bool Supervisor::run(const Case &test)
{
	if (test.kvm && !kvm_)
		kvm_.emplace();

	Notes notes;
	const FreeMemory memory(kmemleak_);
	const EmptyPools pools;
	const Settings settings;
	std::array<int, 2> pipe;

	report_.comment("RUN " + test.name);
	keep_functions_taken(!test.loads);
	log_.mark("userfault selftests: " + test.name);
	if (::pipe2(pipe.data(), O_CLOEXEC))
		fail("pipe2");
	/* Only this end: a test that writes more than the pipe holds has to wait. */
	if (::fcntl(pipe[0], F_SETFL, O_NONBLOCK))
		fail("fcntl");
	std::cout.flush();
	const pid_t pid = ::fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		keep_functions_taken(false);
		be_the_test(test, pipe[1]);
	}
	::close(pipe[1]);

	const auto began = Clock::now();
	auto verdict = watch(pid, pipe[0], time_limit_ * (test.slow ? slow_factor : 1), notes);
	judge_log(log_.complaints(), verdict);
	if (const auto bytes = memory.missing())
		verdict.wrong.push_back("leaked " + std::to_string(*bytes >> 20) + " MiB");
	if (const auto left = pools.empty_again(); !left.empty())
		verdict.wrong.push_back("huge pages that were not given back: " + left);
	judge_settings(settings.restore(), verdict);
	verdict.skipped = notes.why_skipped();
	const auto took = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began);
	if (took >= long_test)
		report_.comment("took " + std::to_string(took.count()) + " s");
	if (!verdict.wrong.empty())
		report_.comment("last seen at " + notes.last_place());
	report(test.name, verdict);
	return verdict.wrong.empty();
}

void Supervisor::finish()
{
	Verdict verdict;

	report_.comment(std::string{"RUN "}.append(last_test));
	keep_functions_taken(false);
	if (backend_under_test() == Backend::module && module_is_loaded("userfault") &&
	    std::filesystem::exists(module_file))
		judge_unloading(verdict);
	judge_log(log_.last_complaints(), verdict);
	report(last_test, verdict);
}

Supervisor::Verdict Supervisor::watch(pid_t pid, int output_fd, std::chrono::seconds limit,
				      const Notes &notes)
{
	const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
	Verdict verdict;
	Output output(output_fd, report_);
	int status;

	if (pidfd < 0)
		fail("pidfd_open");
	if (follow(pidfd, output, limit)) {
		if (::waitpid(pid, &status, 0) < 0)
			fail("waitpid");
		judge_exit(status, notes, verdict);
		if (verdict.wrong.empty())
			judge_strays(verdict);
	} else {
		verdict.wrong.push_back("time-out after " + std::to_string(limit.count()) + " s");
		for (const auto &line : describe_threads(pid))
			report_.comment(line);
	}
	if (!kill_children(kill_limit()))
		verdict.wrong.push_back("left a process that can't be killed");
	output.drain();
	::close(pidfd);
	return verdict;
}

void Supervisor::judge_exit(int status, const Notes &notes, Verdict &verdict)
{
	if (WIFSIGNALED(status)) {
		verdict.wrong.push_back("killed by SIG" +
					std::string(::sigabbrev_np(WTERMSIG(status))));
		return;
	}
	switch (static_cast<ExitCode>(WEXITSTATUS(status))) {
	case ExitCode::pass:
		if (!notes.is_finished())
			verdict.wrong.push_back("exited before its end");
		break;
	case ExitCode::fail:
		verdict.wrong.push_back("failed");
		break;
	case ExitCode::skip:
		if (notes.why_skipped().empty())
			verdict.wrong.push_back("exited as skipped, without a reason");
		break;
	default:
		verdict.wrong.push_back("exited with " + std::to_string(WEXITSTATUS(status)));
		break;
	}
}

void Supervisor::judge_strays(Verdict &verdict)
{
	Countdown countdown(grace);
	auto strays = living_children();

	while (!strays.empty() && !countdown.is_over()) {
		std::this_thread::sleep_for(milliseconds(1));
		strays = living_children();
	}
	for (const pid_t stray : strays) {
		verdict.wrong.push_back("left a process running: " + describe_process(stray));
		for (const auto &line : describe_threads(stray))
			report_.comment(line);
	}
}

/* The first test is also blamed for complaints from before it, since the boot. */
void Supervisor::judge_log(const std::vector<std::string> &complaints, Verdict &verdict)
{
	if (complaints.empty())
		return;
	verdict.wrong.push_back("kernel log: " + complaints.front());
	for (const auto &line : complaints)
		report_.comment("kernel: " + line);
}

/* A test that fails may leave settings changed, but the next tests need their values back. */
void Supervisor::judge_settings(const Settings::Changed &changed, Verdict &verdict)
{
	if (verdict.wrong.empty())
		for (const auto &path : changed.paths)
			verdict.wrong.push_back("left a setting changed: " + path);
	for (const auto &path : changed.stuck)
		verdict.wrong.push_back("a setting can't be set back: " + path);
}

/* Unloads the module, and loads it again. */
void Supervisor::judge_unloading(Verdict &verdict)
{
	Countdown countdown(kill_limit());
	auto error = unload_module("userfault");

	while (error == std::errc::resource_unavailable_try_again && !countdown.is_over()) {
		std::this_thread::sleep_for(milliseconds(1));
		error = unload_module("userfault");
	}
	if (error)
		verdict.wrong.push_back("the module can't be unloaded: " + error.message());
	else if ((error = load_module(module_file)))
		verdict.wrong.push_back("the module can't be loaded again: " + error.message());
}

void Supervisor::keep_functions_taken(bool wanted)
{
	if (!wanted) {
		context_.reset();
		return;
	}
	if (context_ || ::sysconf(_SC_NPROCESSORS_ONLN) == 1)
		return;

	const userfault::Fd device(::open(device_of(Backend::module).c_str(), O_RDWR | O_CLOEXEC));

	if (device)
		context_ = userfault::Fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC));
}

void Supervisor::report(const std::string &name, const Verdict &verdict)
{
	std::string why;

	for (const auto &reason : verdict.wrong)
		why += (why.empty() ? "" : "; ") + reason;
	if (!why.empty())
		report_.fail(name, why);
	else if (!verdict.skipped.empty())
		report_.skip(name, verdict.skipped);
	else
		report_.pass(name);
}

} // namespace selftests
