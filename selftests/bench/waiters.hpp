/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_WAITERS_HPP
#define BENCH_WAITERS_HPP

#include "context.hpp"
#include "ground.hpp"

#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

namespace bench {

/*
 * Threads that wait in faults that the monitor has read: one thread for each page of @ground, or
 * several for each. The context must be a blocking one and have no other faults.
 */
class Waiters {
public:
	/* Starts the threads; they don't touch anything yet. */
	Waiters(const Context &context, const Ground &ground, std::size_t each = 1);
	/* Unregisters the ground, and waits for the threads' end. */
	~Waiters();

	/*
	 * Lets each thread fault once; the caller is the monitor, and this returns when it has read
	 * all.
	 */
	void fault();

private:
	const Context &context_;
	const Ground &ground_;
	std::latch start_{1};
	bool started_ = false;
	std::vector<std::jthread> threads_;
};

} // namespace bench

#endif
