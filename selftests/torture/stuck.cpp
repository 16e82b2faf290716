// SPDX-License-Identifier: GPL-2.0-only
#include "torture/stuck.hpp"

#include "harness/processes.hpp"
#include "torture/operation.hpp"
#include "torture/shared.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <poll.h>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <userfault/fd.hpp>
#include <vector>

namespace torture {

namespace {

std::vector<pid_t> children_of(pid_t pid)
{
	const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
	std::vector<pid_t> children;
	std::error_code gone;

	std::filesystem::directory_iterator task(tasks, gone);
	while (!gone && task != std::filesystem::directory_iterator()) {
		std::ifstream list(task->path() / "children");
		for (pid_t child; list >> child;)
			children.push_back(child);
		task.increment(gone);
	}
	return children;
}

/* A thread may wait for a child that doesn't get on. */
void describe(pid_t pid)
{
	for (const auto &line : selftests::describe_threads(pid))
		std::cout << "torture:   " << line << '\n';
	for (const pid_t child : children_of(pid)) {
		std::cout << "torture:   its child " << child << ":\n";
		describe(child);
	}
	std::cout.flush();
}

/* Whether all threads of a child end in time. It isn't reaped. */
bool ends(pid_t child, std::uint64_t seconds)
{
	const userfault::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
	pollfd ended = {process.get(), POLLIN, 0};
	int ready;

	do
		ready = ::poll(&ended, 1, static_cast<int>(seconds * 1000));
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* When an actor was last seen to get on in its step: a large one takes hundreds of faults. */
std::uint64_t got_on(unsigned number)
{
	struct Look {
		std::uint64_t since, time, faults;
	};
	static std::array<Look, most_actors> looks;
	const auto &actor = shared().actors[number];
	auto &last = looks[number];

	const auto faults = selftests::faults_over(actor.process, actor.thread);
	if (last.since != actor.since || last.faults != faults)
		last = {actor.since, seconds_now(), faults};
	return last.time;
}

} // namespace

void watch_actors(unsigned patience)
{
	const auto half = longest_step * patience / 2;

	for (unsigned i = 0; i < most_actors; i++) {
		const std::uint64_t since = shared().actors[i].since;
		if (!since || seconds_now() < since + half || seconds_now() < got_on(i) + half)
			continue;
		fail("actor " + std::to_string(i) + " doesn't get on with \"" +
		     operations()[shared().actors[i].operation].name + '"');
		return describe_all();
	}
}

void describe_all()
{
	for (unsigned i = 0; i < most_actors; i++) {
		const auto &actor = shared().actors[i];
		if (!actor.since)
			continue;
		std::cout << "torture: actor " << i << " is in step " << actor.step << ", \""
			  << operations()[actor.operation].name << "\", thread " << actor.thread
			  << ", for " << seconds_now() - actor.since << " s\n";
	}
	for (const auto &world : shared().worlds)
		for (const pid_t pid : {world.subject.load(), world.monitor.load()})
			if (pid)
				describe(pid);
}

std::string ended_how(int status)
{
	return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
				   : "status " + std::to_string(WEXITSTATUS(status));
}

void kill_and_reap(pid_t pid, unsigned patience)
{
	int status = 0;

	/* With that lie it stops, as if its threads waited and didn't mind SIGKILL. */
	::kill(pid, is_told("unkillable") ? SIGSTOP : SIGKILL);
	if (!ends(pid, longest_kill * patience)) {
		fail("process " + std::to_string(pid) + " can't be killed");
		return describe(pid);
	}
	if (::waitpid(pid, &status, 0) < 0)
		return fail("a process can't be reaped");
	if (status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		fail("a process of the round ended with " + ended_how(status));
}

} // namespace torture
