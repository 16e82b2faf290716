// SPDX-License-Identifier: GPL-2.0-only
#include "harness/processes.hpp"

#include "harness/countdown.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace selftests {

namespace {

struct Stat {
	std::string name;
	char state = '?';
	pid_t parent = 0;
	std::uint64_t faults = 0; /* minor and major ones */
	double cpu_seconds = 0;
};

/* The name is in parentheses, and may contain parentheses itself. */
Stat stat_of(const std::filesystem::path &process)
{
	std::ifstream file(process / "stat");
	std::string line;
	Stat stat;

	std::getline(file, line);
	const auto open = line.find('('), close = line.rfind(')');
	if (close == line.npos || close + 4 > line.size())
		return stat;
	stat.name = line.substr(open + 1, close - open - 1);

	/* The fields from the third on, as proc(5) counts them. */
	std::istringstream rest(line.substr(close + 2));
	const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
	const auto field = [&fields](std::size_t number) { return fields.at(number - 3); };
	stat.state = field(3).front();
	stat.parent = std::stoi(field(4));
	stat.faults = std::stoull(field(10)) + std::stoull(field(12));
	stat.cpu_seconds = (std::stod(field(14)) + std::stod(field(15))) / ::sysconf(_SC_CLK_TCK);
	return stat;
}

std::filesystem::path task_of(pid_t process, pid_t thread)
{
	return "/proc/" + std::to_string(process) + "/task/" + std::to_string(thread);
}

/* The processes that can't be killed. */
std::set<pid_t> &given_up()
{
	static std::set<pid_t> processes;

	return processes;
}

/* Reaps children that have ended; returns whether children are left. */
bool reap_the_dead()
{
	pid_t reaped;

	do
		reaped = ::waitpid(-1, nullptr, WNOHANG);
	while (reaped > 0);
	return reaped == 0;
}

} // namespace

std::string first_line(const std::filesystem::path &path)
{
	std::ifstream file(path);
	std::string line;

	std::getline(file, line);
	return line;
}

void adopt_orphans()
{
	::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

std::vector<pid_t> living_children()
{
	std::vector<pid_t> children;

	if (!reap_the_dead())
		return children;
	for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
		const pid_t pid = std::atoi(entry.path().filename().c_str());

		if (pid <= 0 || given_up().contains(pid))
			continue;
		const auto stat = stat_of(entry.path());
		if (stat.parent == ::getpid() && stat.state != 'Z' && stat.state != 'X')
			children.push_back(pid);
	}
	return children;
}

std::string describe_process(pid_t pid)
{
	return stat_of("/proc/" + std::to_string(pid)).name + " (" + std::to_string(pid) + ')';
}

namespace {

/* The signals that are pending, blocked, ignored and caught. */
std::vector<std::string> signals_of(const std::filesystem::path &task)
{
	std::ifstream status(task / "status");
	std::vector<std::string> lines;

	for (std::string line; std::getline(status, line);)
		if (line.starts_with("Sig") || line.starts_with("ShdPnd"))
			lines.push_back(line);
	return lines;
}

} // namespace

std::vector<std::string> describe_threads(pid_t pid)
{
	std::vector<std::string> lines;
	std::error_code gone;
	const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";

	for (const auto &task : std::filesystem::directory_iterator(tasks, gone)) {
		const auto stat = stat_of(task.path());
		std::ifstream stack(task.path() / "stack");
		std::ostringstream line;

		/* The time shows whether the thread loops for ever or couldn't run. */
		line << "thread " << task.path().filename().string() << " (" << stat.name
		     << ") in state " << stat.state << " after " << stat.cpu_seconds
		     << " s of CPU time, syscall " << first_line(task.path() / "syscall")
		     << ", waits in " << first_line(task.path() / "wchan");
		lines.push_back(line.str());
		for (std::string frame; std::getline(stack, frame);)
			lines.push_back("    " + frame);
		for (const auto &line : signals_of(task.path()))
			lines.push_back("    " + line);
	}
	return lines;
}

namespace {

bool is_asleep(const std::filesystem::path &task)
{
	const auto state = stat_of(task).state;

	return state == 'S' || state == 'D';
}

} // namespace

bool sleeps_in(pid_t process, pid_t thread, long number)
{
	const auto task = task_of(process, thread);

	return is_asleep(task) &&
	       first_line(task / "syscall").starts_with(std::to_string(number) + ' ');
}

bool sleeps(pid_t thread)
{
	return is_asleep(task_of(thread, thread));
}

std::uint64_t faults_over(pid_t process, pid_t thread)
{
	return stat_of(task_of(process, thread)).faults;
}

std::size_t count_faulting_threads()
{
	const std::filesystem::directory_iterator tasks("/proc/self/task");

	return static_cast<std::size_t>(std::count_if(begin(tasks), end(tasks), [](auto &task) {
		return sleeps_in(::getpid(), std::stoi(task.path().filename()), in_no_syscall);
	}));
}

std::size_t count_threads()
{
	const std::filesystem::directory_iterator tasks("/proc/self/task");

	return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

bool kill_children(std::chrono::milliseconds limit)
{
	Countdown countdown(limit);

	for (auto children = living_children(); !children.empty(); children = living_children()) {
		for (const pid_t child : children)
			::kill(child, SIGKILL);
		if (countdown.is_over()) {
			given_up().insert(children.begin(), children.end());
			return false;
		}
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	reap_the_dead();
	return true;
}

} // namespace selftests
