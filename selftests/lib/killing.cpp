// SPDX-License-Identifier: GPL-2.0-only
#include "lib/killing.hpp"

#include "harness/harness.hpp"
#include "lib/files.hpp"
#include "lib/process.hpp"

#include <chrono>
#include <csignal>
#include <unistd.h>

namespace selftests {

namespace {

using Delay = std::chrono::microseconds;

/* Kills a process so long after it has begun to make @call. */
void kill_during(const LongCall &call, Delay delay)
{
	const Pipe pipe;
	char word = 0;
	Process process([&] {
		checked(::write(pipe.in.get(), &word, 1));
		call.make();
		return 0;
	});

	checked(::read(pipe.out.get(), &word, 1));
	std::this_thread::sleep_for(delay);
	process.signal(SIGKILL);
	process.wait();
}

} // namespace

bool can_be_killed(const LongCall &call)
{
	Delay delay(500);

	for (int tries = 0; tries < 40; tries++) {
		kill_during(call, delay);
		if (!call.begun()) {
			delay = delay * 7 / 4 + Delay(1); /* it may have become 0 */
			continue;
		}
		if (!call.over())
			return true;
		call.undo();
		delay /= 2;
	}
	return false;
}

} // namespace selftests
