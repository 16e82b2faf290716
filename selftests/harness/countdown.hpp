/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_COUNTDOWN_HPP
#define SELFTESTS_COUNTDOWN_HPP

#include <algorithm>
#include <chrono>

namespace selftests {

/*
 * Limits how long somebody waits who looks again and again whether others are done. Time in which
 * nobody could run doesn't count: when the emulator stands still, the next look comes late, and
 * counts no more than a twentieth of the limit. Nor does a look count more that takes long itself.
 */
class Countdown {
public:
	using Clock = std::chrono::steady_clock;

	explicit Countdown(Clock::duration limit) : left_(limit), most_(limit / 20) {}

	/* The most that a look counts: who sleeps longer between two waits for longer. */
	Clock::duration slice() const { return most_; }

	/* To be called at each look. */
	bool is_over()
	{
		const auto now = Clock::now();

		left_ -= std::min(now - last_, most_);
		last_ = now;
		return left_.count() <= 0;
	}

private:
	Clock::duration left_, most_;
	Clock::time_point last_ = Clock::now();
};

} // namespace selftests

#endif
