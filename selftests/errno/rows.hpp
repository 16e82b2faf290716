/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ERRNO_ROWS_HPP
#define SELFTESTS_ERRNO_ROWS_HPP

#include "harness/backend.hpp"

#include <cstdint>
#include <string>
#include <userfault/flags.hpp>
#include <vector>

namespace selftests {

/* What a call did: all of it must be the same on both backends. */
struct Outcome {
	int error = 0;			   /* an errno, or 0 */
	std::vector<std::uint64_t> fields; /* the struct afterwards; empty if it can't be read */
	std::string state;		   /* of the stage, if the call may have changed it */

	friend bool operator==(const Outcome &, const Outcome &) = default;
};

struct Row {
	std::string command; /* "COPY" */
	std::string call;    /* its arguments, by their names */
	Outcome outcome;
	/* The struct before the call; empty if the struct's address was what was wrong. */
	std::vector<std::uint64_t> given = {};
	/* The range has memory of another context. */
	bool other_context = false;
	/* Native userfaultfd of older kernels has no such command, mode, or feature. */
	bool newer = false;
	/* The call has changed the stage. */
	bool changed = false;
	/* A 32-bit program has made it. */
	bool by_32_bits = false;
};

/* Each function makes the same calls in the same order each time. */
std::vector<Row> rows_of_ranges(Backend backend);
/* Of ranges that begin or end in a hole, or have one in the middle. */
std::vector<Row> rows_of_holes(Backend backend);
std::vector<Row> rows_of_copies(Backend backend);
std::vector<Row> rows_of_modes(Backend backend);
/* What works on which memory; none if the backend has no such features. */
std::vector<Row> rows_with_features(Backend backend, userfault::Features features);
std::vector<Row> rows_of_structs(Backend backend);
std::vector<Row> rows_of_commands(Backend backend);
std::vector<Row> rows_of_handshakes(Backend backend);
/* None if the kernel has no such memory. */
std::vector<Row> rows_of_the_droppable(Backend backend);
std::vector<Row> rows_of_the_dead(Backend backend);
/* While a process, this or another one, waits for an event to be read. */
std::vector<Row> rows_of_the_changing(Backend backend);
std::vector<Row> rows_of_the_device(Backend backend);

} // namespace selftests

#endif
