/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TRACKED_HPP
#define SELFTESTS_TRACKED_HPP

#include "lib/protection.hpp"
#include "lib/world.hpp"

#include <cstddef>
#include <cstdint>
#include <future>

namespace selftests {

enum class Access { read, write };

/*
 * The world of read-write protection: memory that is registered for it, with all pages there. Skips
 * the test if the backend has no such protection. A thread that touches a protected page waits,
 * even if it only checks the content.
 */
struct Tracked : Watched {
	/* Every page has the pattern of its index. */
	explicit Tracked(std::size_t pages,
			 userfault::Features features = userfault::Features::None);
	/* Memory as @fill leaves it, registered for @modes besides the protection. */
	Tracked(Memory memory, const Fill &fill,
		userfault::Features features = userfault::Features::None,
		userfault::Modes modes = userfault::Modes::None);

	void protect(std::size_t first, std::size_t count) const;
	void protect() const { protect(0, memory.pages()); }
	void unprotect(std::size_t first, std::size_t count) const;
	void unprotect() const { unprotect(0, memory.pages()); }

	/*
	 * Reads or writes the first word of a page in another thread; returns the word after that.
	 */
	std::future<std::uint64_t> touch(std::size_t index, Access access) const;

	/*
	 * The same, but if the access faults, checks that the fault is such an access to this page,
	 * unprotects the page, and returns true once the access is done. Returns false if it does
	 * not fault.
	 */
	bool is_told(std::size_t index, Access access) const;

	/* Whether no thread waits and there is nothing to read. */
	bool nothing_is_told() const;
};

/* The flags of the fault that an access to a protected page causes. */
userfault::FaultFlags told_of(Access access);

} // namespace selftests

#endif
