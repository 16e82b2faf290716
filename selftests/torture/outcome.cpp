// SPDX-License-Identifier: GPL-2.0-only
#include "torture/outcome.hpp"

#include <cerrno>
#include <cstring>

namespace torture {

Outcome of_call(long result)
{
	return result < 0 ? of_errno(errno) : Outcome::done;
}

Outcome of_error(std::error_code error)
{
	return of_errno(error.value());
}

std::string name_of(Outcome outcome)
{
	switch (outcome) {
	case Outcome::done:
		return "done";
	case Outcome::skipped:
		return "skipped";
	case Outcome::lacking:
		return "lacking";
	case Outcome::sigbus:
		return "SIGBUS";
	case Outcome::sigsegv:
		return "SIGSEGV";
	case Outcome::killed:
		return "killed";
	case Outcome::nothing:
		return "nothing";
	case Outcome::late:
		return "late";
	case Outcome::failed:
		return "FAILED";
	}
	const char *name = ::strerrorname_np(static_cast<int>(outcome));
	return name ? name : std::to_string(static_cast<int>(outcome));
}

} // namespace torture
