/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_OFFER_HPP
#define SELFTESTS_OFFER_HPP

#include <string>
#include <vector>

namespace selftests {

/* One answer of the backend under test, as a row of Documentation/features.rst has it. */
struct Offered {
	std::string subject; /* what was asked about: the context, or a kind of memory */
	std::string name;    /* of a feature, a mode or a command */
	std::string answer;  /* yes, no, or the name of an errno */
};

/*
 * All that UFFDIO_API answers, and UFFDIO_REGISTER of each mode by itself on each kind of memory.
 * A command is offered where one of the modes has it.
 */
std::vector<Offered> offer();

} // namespace selftests

#endif
