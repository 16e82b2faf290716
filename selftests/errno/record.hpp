/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ERRNO_RECORD_HPP
#define SELFTESTS_ERRNO_RECORD_HPP

#include "errno/rows.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace selftests {

/*
 * The module's answers to calls that native userfaultfd of older kernels doesn't know: there is
 * nothing else on these kernels to compare them with. On newer kernels native userfaultfd has to
 * give the same answers, so the record can't just be what the module happens to answer. Ranges
 * whose answer depends on how many levels of page tables the processor has are left out.
 *
 * A line has the answers to one command, which was called with one argument after the other. An
 * answer is a letter; a number after it says how many equal answers follow one another. The letter
 * is a capital if the struct has the answer too, as a number of bytes or a negative errno.
 *
 *	+ success  a EAGAIN  b EBUSY  e EEXIST  f EFAULT  i EINVAL  m ENOMEM  n ENOENT  p EPERM
 *	s ESRCH
 */
using Lines = std::set<std::string>;

/* The lines of the rows that are newer. */
Lines lines_of(const std::vector<Row> &rows);

/* Where the record is in the guest: scripts/lib/testlib/suite.py carries it in. */
inline constexpr auto record_file = "/lib/errno-record";

/* The lines of a table that are in the record. Skips the test if there is no record. */
Lines recorded(std::string_view table);

/* From here on, this process and the processes that it forks write a new record to a file. */
void record_to(std::string file);
bool is_recording();

/* Adds the lines of a table to the new record. */
void record(std::string_view table, const Lines &lines);

} // namespace selftests

#endif
