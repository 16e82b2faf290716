// SPDX-License-Identifier: GPL-2.0-only
#include "quiet.hpp"

#include "clock.hpp"
#include "failure.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace bench {

namespace {

constexpr auto patience = std::chrono::seconds(10);
constexpr auto turn_of_others = std::chrono::milliseconds(10);
constexpr auto short_turn_of_others = std::chrono::milliseconds(1);

/*
 * By default the kernel reserves a share of the processor for others: they would be measured too.
 */
void forbid_throttling()
{
	std::ofstream limit("/proc/sys/kernel/sched_rt_runtime_us");

	if (!(limit << -1 << std::flush))
		throw std::runtime_error("can't write /proc/sys/kernel/sched_rt_runtime_us: "
					 "measure as root, in a VM");
}

/* How many threads run or could run, including the caller. */
int runnable()
{
	std::ifstream file("/proc/loadavg");
	std::string load;
	int count = 0;

	file >> load >> load >> load >> count;
	return count;
}

/* Sleeps for at least a grace period of RCU: memory that RCU was to free is free then. */
void let_others_run()
{
	std::this_thread::sleep_for(turn_of_others);
	checked(::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), "membarrier");
}

/* Runs until an interrupt has just ended: the timer's, unless there is another one. */
void run_past_interrupt()
{
	constexpr Instructions interrupt = 100; /* takes more than that */
	auto usual = std::numeric_limits<Instructions>::max();

	for (;;) {
		const Stopwatch watch;

		spin(1000);

		const auto counted = watch.elapsed();

		if (counted > usual && counted - usual > interrupt)
			return;
		usual = std::min(usual, counted);
	}
}

bool nothing_falls_between()
{
	Instructions first = 0;

	for (int i = 0; i < 20; i++) {
		const Stopwatch watch;

		spin(1000);

		const auto counted = watch.elapsed();

		if (i == 0)
			first = counted;
		else if (counted != first)
			return false;
	}
	return true;
}

} // namespace

void become_undisturbed()
{
	const sched_param parameters{.sched_priority = 1};

	forbid_throttling();
	checked(::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters),
		"sched_setscheduler");
}

void wait_until_others_sleep()
{
	const auto start = std::chrono::steady_clock::now();

	do {
		if (std::chrono::steady_clock::now() - start > patience)
			throw std::runtime_error("the machine doesn't become quiet: " +
						 std::to_string(runnable() - 1) +
						 " other threads keep running on it");
		std::this_thread::sleep_for(short_turn_of_others);
	} while (runnable() > 1);
}

void wait_until_quiet()
{
	let_others_run();
	wait_until_others_sleep();
	do {
		run_past_interrupt();
	} while (!nothing_falls_between());
}

} // namespace bench
