// SPDX-License-Identifier: GPL-2.0-only
#include "lib/killing.hpp"

#include "harness/harness.hpp"
#include "lib/files.hpp"
#include "lib/process.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <unistd.h>

namespace selftests {

namespace {

using Time = std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

/*
 * Kills a process so long after it has begun to make @call. Returns how long it takes to be gone.
 */
Time kill_during(const std::function<void()> &call, Time delay)
{
	const Pipe pipe;
	char word = 0;
	Process process([&] {
		checked(::write(pipe.in.get(), &word, 1));
		call();
		return 0;
	});

	checked(::read(pipe.out.get(), &word, 1));
	std::this_thread::sleep_for(delay);
	const auto killed = Clock::now();
	process.signal(SIGKILL);
	process.wait();
	return std::chrono::duration_cast<Time>(Clock::now() - killed);
}

/* How long a process that is killed in a long call may take, on a kernel that is as fast as this.
 */
Time longest()
{
	const Time asleep = kill_during([] { ::pause(); }, Time(500));

	return std::max<Time>(std::chrono::milliseconds(50), 10 * asleep);
}

} // namespace

bool can_be_killed(const LongCall &call)
{
	const Time limit = longest();
	Time delay(500);
	int late = 0;

	for (int tries = 0; tries < 40 && late < 3; tries++) {
		const Time taken = kill_during(call.make, delay);
		if (!call.begun()) {
			delay = delay * 7 / 4 + Time(1); /* it may have become 0 */
			continue;
		}
		if (call.over())
			delay /= 2;
		else if (taken <= limit)
			return true;
		else
			late++; /* the machine may have been busy */
		call.undo();
	}
	return false;
}

} // namespace selftests
