/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PROTECTION_HPP
#define SELFTESTS_PROTECTION_HPP

#include "lib/maps.hpp"
#include "lib/world.hpp"

#include <functional>
#include <future>

namespace selftests {

/* Memory that is registered for a protection; /proc/self/pagemap has one bit for both kinds. */
struct Watched {
	using Fill = std::function<void(const Memory &)>;

	/* Memory as @fill leaves it. */
	Watched(Memory memory, const Fill &fill, userfault::Context context, userfault::Modes modes);

	bool is_protected(std::size_t index) const;
	/* Whether exactly the pages [@first, @first + @count) are. */
	bool only_protected(std::size_t first, std::size_t count) const;

	Memory memory;
	userfault::Context context;
};

/* Writes the pattern of its index to every page. */
void fill_with_patterns(const Memory &memory);

/* The world of write protection: memory that can be written to, registered for it. */
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
	 * Writes to a page in another thread. If that is told as a write to a protected page, sees
	 * to it that the page is as it was before, unprotects it, and returns true once it is
	 * written.
	 */
	bool write_is_told(std::size_t index) const;
};

/* Skips the test where a registration may not leave out what protects the memory. */
void need_replacing();

/*
 * Writes patterns to @memory, whole huge pages, and skips the test if it doesn't consist of them
 * then.
 */
void make_huge(const Memory &memory);

} // namespace selftests

#endif
