/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ERRNO_ROWS_HPP
#define SELFTESTS_ERRNO_ROWS_HPP

#include "harness/backend.hpp"

#include <cstdint>
#include <string>
#include <userfault/flags.hpp>
#include <vector>

namespace selftests {

/* What a call did: all of it must be the same, whoever serves it. */
struct Outcome {
	int error = 0;			   /* an errno, or 0 */
	std::vector<std::uint64_t> fields; /* the struct afterwards; empty if it can't be read */
	std::string state;		   /* of the stage, where it may have changed */

	friend bool operator==(const Outcome &, const Outcome &) = default;
};

struct Row {
	std::string command; /* "COPY" */
	std::string call;    /* its arguments, by their names */
	Outcome outcome;
	/* The struct as it was given; empty where it was the place of the struct that was wrong. */
	std::vector<std::uint64_t> given = {};
	/* What is in the range. */
	bool other_context = false;
	/* Native userfaultfd of older kernels has no such command, mode, or feature. */
	bool newer = false;
	/* The stage is not what it was. */
	bool changed = false;
};

/* The same calls, in the same order, each time. */
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
/* None where the kernel has no such memory. */
std::vector<Row> rows_of_the_droppable(Backend backend);
std::vector<Row> rows_of_the_dead(Backend backend);
/* While a process, this or another one, waits for an event to be read. */
std::vector<Row> rows_of_the_changing(Backend backend);
std::vector<Row> rows_of_the_device(Backend backend);

} // namespace selftests

#endif
