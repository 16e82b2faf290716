/* SPDX-License-Identifier: MIT */
#pragma once

#include <utility>

#include <userfault/context.hpp>
#include <userfault/flags.hpp>
#include <userfault/range.hpp>
#include <userfault/result.hpp>

namespace userfault {

/*
 * A range that is registered with a context as long as this lives.
 *
 * The context must outlive it, but may be moved meanwhile. The destructor unregisters the range,
 * and ignores errors; where they matter, call unregister().
 *
 * After fork() the child has a copy of this and of the context's descriptor, but the range is the
 * parent's: when the child's copy is destroyed, that unregisters the parent's range, too. A child
 * that goes on to run destructors has to release() its copy first; exec and _exit(2) run none.
 *
 * Thread-safety: const members at any time; the others by one thread.
 */
class Region {
public:
	/* Errors as for Context::register_range(). */
	static Result<Region> make(const Context &context, Range range,
				   Modes modes = Modes::Missing);

	Region(Region &&other) noexcept
		: context_(std::exchange(other.context_, -1)), range_(other.range_),
		  ioctls_(other.ioctls_)
	{
	}
	Region &operator=(Region &&other) noexcept;
	~Region();

	Range range() const noexcept { return range_; }
	/* The commands that work on all of the range. */
	Ioctls ioctls() const noexcept { return ioctls_; }

	/*
	 * Unregisters now. Whatever the result, the destructor doesn't try again. Errors as for
	 * Context::unregister_range(), and EBADF: there is nothing to unregister, because
	 * unregister() or release() was called before, or this was moved from.
	 */
	Result<void> unregister();
	/* Leaves the range registered for good. */
	void release() noexcept { context_ = -1; }

private:
	Region(int context, Range range, Ioctls ioctls) noexcept
		: context_(context), range_(range), ioctls_(ioctls)
	{
	}

	int context_; /* not owned; -1: nothing to unregister */
	Range range_;
	Ioctls ioctls_;
};

} // namespace userfault
