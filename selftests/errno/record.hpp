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
 * What the module answers to the calls that native userfaultfd of older kernels doesn't know: there
 * is nothing else there to compare it with. On newer kernels native userfaultfd has to answer the
 * same, so the record can't say what suits the module. Left out are ranges whose answer depends on
 * how many levels of page tables the processor has.
 *
 * A line has the answers to one command, called with one argument after the other: a letter each,
 * with a number behind it where so many that follow each other are the same. Capital are answers
 * that are in the struct, too, as a number of bytes or a negative error.
 *
 *	+ success  a EAGAIN  b EBUSY  e EEXIST  f EFAULT  i EINVAL  m ENOMEM  n ENOENT  p EPERM
 *	s ESRCH
 */
using Lines = std::set<std::string>;

/* The lines of the rows that are newer. */
Lines lines_of(const std::vector<Row> &rows);

/* Where the record is in the guest: scripts/lib/testlib/suite.py takes it along. */
inline constexpr auto record_file = "/lib/errno-record";

/* The lines of a table that are in the record. Skips the test if there is no record. */
Lines recorded(std::string_view table);

/* From here on, in this process and those that it forks, a new record is written to a file. */
void record_to(std::string file);
bool is_recording();

/* Adds the lines of a table to the new record. */
void record(std::string_view table, const Lines &lines);

} // namespace selftests

#endif
