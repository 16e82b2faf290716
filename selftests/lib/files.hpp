/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FILES_HPP
#define SELFTESTS_FILES_HPP

#include <cstddef>
#include <userfault/fd.hpp>

namespace selftests {

/*
 * An empty file of so many pages that can be read and written, and that is neither shmem nor
 * hugetlb: userfaultfd can't register its memory. It is on a file system of its own, since the one
 * that the tests run from may be shmem.
 */
userfault::Fd ordinary_file(std::size_t pages);

/* An empty file of so many pages in shmem that can be sealed. */
userfault::Fd shmem_file(std::size_t pages);

/*
 * The same in a tmpfs of its own, mounted with @option = @value: "size", "huge". The file system
 * goes with the descriptor and the file's mappings.
 */
userfault::Fd tmpfs_file(std::size_t pages, const char *option, const char *value);

/* The same in hugetlb, so that it has huge pages. */
userfault::Fd huge_file(std::size_t pages);

/* The number that this process's next descriptor gets. */
int next_descriptor();

/* What is written to @in is read from @out. */
struct Pipe {
	Pipe();

	userfault::Fd out, in;
};

} // namespace selftests

#endif
