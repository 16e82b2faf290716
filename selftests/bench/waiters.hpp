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
 * Threads that wait for a page of their own, or for each page so many, all pages of @ground, in
 * faults that the monitor has been told of. The context must be a blocking one and have no other faults.
 */
class Waiters {
public:
	/* The threads are there, and don't touch anything yet. */
	Waiters(const Context &context, const Ground &ground, std::size_t each = 1);
	/* Unregisters the ground, and waits for their end. */
	~Waiters();

	/* Has them fault, once; returns when the monitor, the caller, was told of all. */
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
