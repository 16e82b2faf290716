/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_OFFER_HPP
#define SELFTESTS_OFFER_HPP

#include <string>
#include <vector>

namespace selftests {

/* One answer of the backend under test, for a row of Documentation/features.rst. */
struct Offered {
	std::string subject; /* what was asked about: the context, or a kind of memory */
	std::string name;    /* of a feature, a mode or a command */
	std::string answer;  /* yes, no, or the name of an errno */
};

/*
 * All features that UFFDIO_API answers, and what UFFDIO_REGISTER answers for each mode by itself on
 * each kind of memory. A command is offered on a kind of memory if it is offered in one of the
 * modes.
 */
std::vector<Offered> offer();

} // namespace selftests

#endif
