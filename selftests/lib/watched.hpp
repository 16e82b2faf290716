/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_WATCHED_HPP
#define SELFTESTS_WATCHED_HPP

#include "lib/world.hpp"

namespace selftests {

/*
 * How pages of memory, which may be huge, are registered, so that an access to the first one, or a
 * change, waits for the monitor.
 */
struct Watched {
	userfault::Features features;
	userfault::Modes modes;
	MemoryKind kind;
	/* What has to be done after registering, or null. */
	void (*prepare)(const userfault::Context &context, const Memory &memory) = nullptr;
	/* How many small pages two pages of the memory have. */
	std::size_t pages = 2;
};

/* The first page of memory that has two. */
userfault::Range first_page(const Memory &memory);

/* Memory without pages, private and of a file. */
extern const Watched missing, missing_in_file;
/* Page 0 is 1 and write-protected. */
extern const Watched guarded;
/* Page 0 is 9 in the file, and isn't mapped. */
extern const Watched cached;
/* Page 0 is 6 and read-write protected. */
extern const Watched tracked;
/* The same of huge pages. */
extern const Watched missing_huge, missing_in_huge_file, guarded_huge, cached_huge, tracked_huge;
/* Memory without pages, and with an event. */
extern const Watched with_fork, with_remap, with_remove, with_unmap;

/* A context for @memory, which is of watched.kind. */
userfault::Context watch(const Watched &watched, const Memory &memory);

/* What a watched process waits in. */
struct Wait {
	const Watched &watched;
	long (*wait)(const Memory &memory); /* returns @result in the end */
	long result;
};

/* Calls @work with each row that has a Wait whose features the backend under test offers. */
template <class Rows, class Work> void with_each_offered(const Rows &rows, Work work)
{
	const auto offered = take(userfault::Context::probe(options_for())).offered;

	for (const auto &row : rows)
		if (has(offered, row.wait.watched.features))
			work(row);
}

/* What waits: both return what is in page 0 in the end. */
long read_first(const Memory &memory);
long write_first(const Memory &memory); /* writes 5 */

} // namespace selftests

#endif
