/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_CLOCK_HPP
#define BENCH_CLOCK_HPP

#include <atomic>
#include <cstdint>
#include <x86intrin.h>

namespace bench {

/*
 * Executed instructions, of user space and kernel together: under QEMU's -icount shift=0 the time
 * stamp counter counts them.
 */
using Instructions = std::uint64_t;

inline Instructions instructions_now() noexcept
{
	std::atomic_signal_fence(std::memory_order_seq_cst);
	const Instructions now = __rdtsc();
	std::atomic_signal_fence(std::memory_order_seq_cst);
	return now;
}

/* Counts the instructions between its construction and elapsed(), without its own. */
class Stopwatch {
public:
	Stopwatch() noexcept : started_(instructions_now()) {}

	Instructions elapsed() const noexcept { return instructions_now() - started_ - own_; }

	/*
	 * Measures the count of an empty measurement, which is subtracted from all others. Checks
	 * with a loop of known length that the clock counts instructions, and throws if it doesn't.
	 */
	static void calibrate();

private:
	static inline Instructions own_ = 0;

	Instructions started_;
};

/* Executes twice as many instructions as @turns, and a few more. */
inline void spin(std::uint64_t turns) noexcept
{
	asm volatile("1:	dec %0\n"
		     "	jnz 1b"
		     : "+r"(turns)
		     :
		     : "cc");
}

} // namespace bench

#endif
