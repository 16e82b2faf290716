// SPDX-License-Identifier: GPL-2.0-only
/*
 * Torture: everything that memory can meet, at once, as long as one likes, in rounds. Each round
 * makes worlds, lets their actors run, takes them down, and looks whether all is as it was before.
 * It is to run in a VM of its own, as root: scripts/torture starts that.
 */
#include "harness/kernel_log.hpp"
#include "harness/kmemleak.hpp"
#include "harness/processes.hpp"
#include "torture/accounts.hpp"
#include "torture/forking.hpp"
#include "torture/leaking.hpp"
#include "torture/machine.hpp"
#include "torture/round.hpp"
#include "torture/stuck.hpp"

#include <charconv>
#include <csignal>
#include <getopt.h>
#include <iostream>
#include <optional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace torture;

namespace {

constexpr auto usage =
	"usage: torture [--seconds N] [--seed N] [--round N] [--steps N] [--patience N]\n"
	"               [--native] [--gentle] [--lie NAME]\n"
	"       torture --plan [--seed N] [--round N] [--steps N]\n"
	"       torture --help\n"
	"\n"
	"  --seconds   how long to run; the round that runs then is ended early\n"
	"  --seed      the seed of the schedule; the same one has each actor do the same again\n"
	"  --round     the round to begin with, 0 by default: what a round does depends on its\n"
	"              number and the seed alone\n"
	"  --steps     how many operations each actor does in a round, divided by the patience\n"
	"  --patience  how much longer than on a stock kernel things may take\n"
	"  --native    all of it on the kernel's own userfaultfd, to see whether the torture is right\n"
	"  --gentle    change nothing of the machine, such as its swap space, and load no module,\n"
	"              and do without what it lacks: for a machine that isn't there for this\n"
	"  --lie       lie in one way, which the torture has to notice: page, zeroes, future, past,\n"
	"              mixed, dropped, unprotected, unkillable, leaks, event, untold, elsewhere,\n"
	"              missed, refused, peeked, forked, merged or counters, see\n"
	"              lying.cpp\n"
	"  --plan      run nothing; print which operations each actor does in one round\n";

struct Options {
	Settings settings;
	std::uint64_t seconds = 60;
	bool help = false, plan = false, nothing = false, gentle = false;
	std::string waiters;
	unsigned lie = 0;
};

template <class Number> bool parse(const char *text, Number &number)
{
	const auto *end = text + std::char_traits<char>::length(text);

	return std::from_chars(text, end, number).ptr == end && end != text;
}

bool parse_lie(const char *text, unsigned &lie)
{
	lie = lie_of(text);
	if (!lie)
		std::cerr << "torture: there is no lie " << text << '\n';
	return lie != 0;
}

std::optional<Options> options_from(int argc, char **argv)
{
	static const option known[] = {
		{"seconds", required_argument, nullptr, 's'},
		{"seed", required_argument, nullptr, 'e'},
		{"round", required_argument, nullptr, 'r'},
		{"steps", required_argument, nullptr, 't'},
		{"patience", required_argument, nullptr, 'p'},
		{"plan", no_argument, nullptr, 'l'},
		{"nothing", no_argument, nullptr, 'n'},
		{"waiters", required_argument, nullptr, 'w'},
		{"lie", required_argument, nullptr, 'i'},
		{"native", no_argument, nullptr, 'v'},
		{"gentle", no_argument, nullptr, 'g'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	Options options;

	for (int key; (key = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
		const bool right = key == 's'	? parse(optarg, options.seconds)
				   : key == 'e' ? parse(optarg, options.settings.seed)
				   : key == 'r' ? parse(optarg, options.settings.number)
				   : key == 't' ? parse(optarg, options.settings.steps)
				   : key == 'p' ? parse(optarg, options.settings.patience) &&
							  options.settings.patience
				   : key == 'i' ? parse_lie(optarg, options.lie)
						: key != '?';
		options.waiters = key == 'w' ? optarg : options.waiters;
		if (!right)
			return std::nullopt;
		options.help |= key == 'h';
		options.plan |= key == 'l';
		options.nothing |= key == 'n';
		options.gentle |= key == 'g';
		options.settings.native |= key == 'v';
	}
	return optind == argc ? std::optional(options) : std::nullopt;
}

/* Prints a line now and then, and tells the round to end when the time is over. */
class Progress {
public:
	explicit Progress(std::uint64_t seconds) : end_(seconds_now() + seconds) {}

	bool is_over() const { return shared().failed || seconds_now() >= end_; }

	void look(unsigned round)
	{
		const auto now = seconds_now();

		if (now >= end_)
			shared().stopping = true;
		if (now < last_ + between)
			return;
		const std::uint64_t faults = shared().faults;
		std::cout << "torture: round " << round << ", " << shared().operations
			  << " operations, " << (faults - faults_) / (now - last_) << " faults/s\n"
			  << std::flush;
		last_ = now;
		faults_ = faults;
	}

private:
	static constexpr std::uint64_t between = 10;

	std::uint64_t end_, last_ = seconds_now(), faults_ = 0;
};

/* The round's process: it watches nobody, and may be stuck itself. */
class Leader {
public:
	Leader(pid_t pid, unsigned patience) : pid_(pid), patience_(patience) {}

	/* Told to end, it ends; if it doesn't, it is killed. */
	bool is_stuck()
	{
		if (!shared().stopping) {
			watch_actors(patience_);
			running_ = seconds_now();
		}
		if (seconds_now() < running_ + longest_end * 3 * patience_)
			return false;
		fail("the round's process doesn't end");
		kill_and_reap(pid_, patience_);
		return true;
	}

private:
	pid_t pid_;
	unsigned patience_;
	std::uint64_t running_ = seconds_now();
};

/* The round is in a process of its own, so that nothing of it stays. */
void run_round(const Settings &settings, Progress &progress)
{
	reset_round();
	std::cout.flush();
	const pid_t leader = ::fork();
	int status = 0;

	if (leader == 0)
		::_exit(Round(settings).run());
	Leader watched(leader, settings.patience);
	while (::waitpid(leader, &status, WNOHANG) == 0 && !watched.is_stuck()) {
		progress.look(settings.number);
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
	}
	if (status && !shared().failed)
		fail("the round's process ended with " + std::to_string(status));
	if (!selftests::kill_children(std::chrono::seconds(longest_kill * settings.patience)))
		fail("a process can't be killed");
}

void judge_log(selftests::KernelLog &log)
{
	for (const auto &line : log.complaints_of_either_backend())
		fail("the kernel's log: " + line);
}

void judge_accounts(const Accounts &accounts)
{
	if (is_told("leaks"))
		leak_everything();
	for (const auto *name : {"torture-0", "torture-1", "torture-2"})
		if (const auto what = Group(name).remove(); !what.empty())
			fail(what);
	if (const auto what = accounts.wrong(); !what.empty())
		fail("after the round: " + what);
}

void judge_leaks(const selftests::Kmemleak &kmemleak)
{
	if (!kmemleak.available())
		return;
	for (const auto &line : kmemleak.report())
		fail("kmemleak: " + line);
}

/* After a round: is all as it was before? */
class Aftermath {
public:
	/* What has been in the log before is not ours. */
	Aftermath() { log_.skip(); }

	void judge() const
	{
		judge_accounts(accounts_);
		judge_log(log_);
		reload_module();
	}

	void judge_at_end() const
	{
		judge_leaks(kmemleak_);
		judge_log(log_);
	}

private:
	Accounts accounts_;
	selftests::Kmemleak kmemleak_;
	mutable selftests::KernelLog log_;
};

bool summarize(const Options &options, unsigned rounds)
{
	shared().tally.print(std::cout, shared().beside);
	const bool missing = shared().tally.print_missing(std::cout);
	const bool failed = shared().failed || missing;

	if (shared().failed)
		std::cout << "torture: that was round " << options.settings.number - 1
			  << "; ROUND= begins with it again, and the seed\n";
	std::cout << "torture: " << (failed ? "FAILED" : "passed") << ", seed "
		  << options.settings.seed << ", " << rounds << " rounds, " << shared().operations
		  << " operations, " << shared().faults << " faults\n";
	return !failed;
}

int torture_all(Options options)
{
	auto &number = options.settings.number;
	const auto first = number;
	std::optional<Aftermath> aftermath;

	shared().gentle = options.gentle;
	shared().lie = options.lie;
	selftests::adopt_orphans();
	reset_round();
	std::cout << "torture: seed " << options.settings.seed << '\n';
	if (!options.gentle) {
		prepare_machine();
		aftermath.emplace();
	}
	Progress progress(options.seconds);
	for (; !progress.is_over(); number++) {
		run_round(options.settings, progress);
		if (aftermath)
			aftermath->judge();
	}
	if (aftermath)
		aftermath->judge_at_end();
	return summarize(options, number - first) ? 0 : 1;
}

int print_plan(const Options &options)
{
	for (const auto &line : planned(options.settings))
		std::cout << line << '\n';
	return 0;
}

} // namespace

int main(int argc, char **argv)
{
	const auto options = options_from(argc, argv);

	if (!options) {
		std::cerr << usage;
		return 2;
	}
	if (options->help)
		std::cout << usage;
	if (options->help || options->nothing)
		return 0;
	if (!options->waiters.empty())
		return run_waiters(options->waiters);
	return options->plan ? print_plan(*options) : torture_all(*options);
}
