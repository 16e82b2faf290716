/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace redirect {

/* What userfault-run exits with when it doesn't start the program, as env(1) and nohup(1) do. */
enum class Exit {
	failed = 125,	    /* userfault-run itself */
	cannot_start = 126, /* the program is there, but can't be started, or not on the module */
	not_found = 127,
};

/* Why the program is not started (what()), and what to do about it. */
class Failure : public std::runtime_error {
public:
	Failure(Exit status, const std::string &why, std::string remedy)
		: std::runtime_error(why), status(status), remedy(std::move(remedy))
	{
	}

	const Exit status;
	const std::string remedy;
};

} // namespace redirect
