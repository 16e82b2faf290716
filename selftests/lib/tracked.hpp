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
 * The world of read-write protection: memory in which every page is there, registered for that.
 * Skips the test where the backend has no such protection. Touching a protected page waits, also
 * when it is only to see what is in there.
 */
struct Tracked : Watched {
	/* Every page has the pattern of its index. */
	explicit Tracked(std::size_t pages,
			 userfault::Features features = userfault::Features::None);
	/* Memory as @fill leaves it; @modes beside that of the protection. */
	Tracked(Memory memory, const Fill &fill,
		userfault::Features features = userfault::Features::None,
		userfault::Modes modes = userfault::Modes::None);

	void protect(std::size_t first, std::size_t count) const;
	void protect() const { protect(0, memory.pages()); }
	void unprotect(std::size_t first, std::size_t count) const;
	void unprotect() const { unprotect(0, memory.pages()); }

	/* Reads or writes the first word of a page in another thread; the word it then has. */
	std::future<std::uint64_t> touch(std::size_t index, Access access) const;

	/*
	 * Does so. If that is told as an access to a protected page, unprotects it and returns true
	 * once it is through.
	 */
	bool is_told(std::size_t index, Access access) const;

	/* Whether nobody waits and there is nothing to read. */
	bool nothing_is_told() const;
};

/* What is told of an access to a protected page. */
userfault::FaultFlags told_of(Access access);

} // namespace selftests

#endif
