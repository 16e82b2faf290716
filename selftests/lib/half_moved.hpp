/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_HALF_MOVED_HPP
#define SELFTESTS_HALF_MOVED_HPP

#include "lib/world.hpp"

#include <future>

namespace selftests {

/*
 * A thread in mremap(): its mappings have changed, but the memory that moved has not been dealt
 * with yet. The thread waits until another context's event is read: that context's memory was
 * unmapped where the memory moved to. The memory now lies beside other memory of its context, and
 * has merged with that.
 */
class HalfMoved {
public:
	explicit HalfMoved(userfault::Features features);

	/* Lets the thread go on, and checks that only the memory that has moved is unregistered. */
	void finish();

	const Memory &area() const { return area_; }
	const userfault::Context &context() const { return context_; }

private:
	Memory area_, other_; /* the other memory moved to the second half of the area */
	userfault::Context context_, gone_;
	std::future<void> mover_;
};

} // namespace selftests

#endif
