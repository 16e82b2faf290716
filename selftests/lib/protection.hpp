/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PROTECTION_HPP
#define SELFTESTS_PROTECTION_HPP

#include "lib/maps.hpp"
#include "lib/world.hpp"

#include <functional>
#include <future>

namespace selftests {

/* Memory registered for one kind of protection; /proc/self/pagemap has one bit for both kinds. */
struct Watched {
	using Fill = std::function<void(const Memory &)>;

	/* Memory as @fill leaves it. */
	Watched(Memory memory, const Fill &fill, userfault::Context context,
		userfault::Modes modes);

	bool is_protected(std::size_t index) const;
	/* Whether the pages [@first, @first + @count), and no others, are protected. */
	bool only_protected(std::size_t first, std::size_t count) const;

	Memory memory;
	userfault::Context context;
};

/* Writes the pattern of its index to every page. */
void fill_with_patterns(const Memory &memory);

/* The world of write protection: writable memory that is registered for it. */
struct Guarded : Watched {
	/* Every page has the pattern of its index. */
	explicit Guarded(std::size_t pages,
			 userfault::Features features = userfault::Features::None);
	/* Memory as @fill leaves it. */
	Guarded(Memory memory, const Fill &fill,
		userfault::Features features = userfault::Features::None,
		userfault::Modes modes = userfault::Modes::WriteProtect);

	void protect(std::size_t first, std::size_t count) const;
	void protect() const { protect(0, memory.pages()); }
	void unprotect(std::size_t first, std::size_t count) const;
	void unprotect() const { unprotect(0, memory.pages()); }

	/*
	 * Writes to a page in another thread. If the write faults, checks that the fault is a write
	 * to this protected page and that the page is unchanged, unprotects the page, and returns
	 * true once it is written. Returns false if the write does not fault.
	 */
	bool write_is_told(std::size_t index) const;
};

/* Skips the test on a kernel that refuses a registration that leaves protection out. */
void need_replacing();

/*
 * Writes patterns to @memory, which has the size of whole huge pages. Skips the test if it doesn't
 * consist of huge pages then.
 */
void make_huge(const Memory &memory);

} // namespace selftests

#endif
