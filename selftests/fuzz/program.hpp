/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_PROGRAM_HPP
#define FUZZ_PROGRAM_HPP

#include "program.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

/* What an argument of a call is. */
enum class Kind {
	NONE,
	ADDRESS,
	SOURCE, /* an address that is likely to have a page */
	LENGTH,
	PAGES,
	BYTES,
	WORD,
	SLOT,
	OPEN_FLAGS,
	VERSION,
	FEATURES,
	REGISTER_MODES,
	MODES,
	REQUEST,
	OTHER,
	MEMORY,
	PROTECTION,
	REMAP_FLAGS,
	ADVICE,
	CHILD,
};

/* Advice that the C library doesn't know yet. */
inline constexpr std::uint64_t madv_collapse = 25, madv_guard_install = 102,
			       madv_guard_remove = 103;

struct CallType {
	const char *name;
	bool command; /* an ioctl of a context */
	bool answers; /* its struct has the answer as its last word */
	Kind kinds[FUZZ_ARGUMENTS];
	unsigned long request = 0;
};

const CallType &type_of(const fuzz_call &call);
unsigned arguments_of(const CallType &type);
/* Whether one of its calls maps memory of one of these kinds of enum fuzz_memory. */
bool maps(const fuzz_program &program, std::initializer_list<std::uint64_t> kinds);
/* Whether memory is registered to be protected. */
bool protects(const fuzz_program &program);

/*
 * Programs as text: a line, or what is between two semicolons, has a call: the number of its
 * thread, its name, its slot, if the argument doesn't lie anywhere @ and the number of its place,
 * and the arguments. p7 is the address of the arena's page 7; p7+8 is 8 bytes after it. A line
 * "side by side" says that the threads do not wait for each other. What follows a # is a comment,
 * which has no semicolon.
 *
 *	0 copy 1@20 p3 p64 0x1000 0
 */
std::string to_text(const fuzz_program &program, char separator = '\n');
std::string to_text(const fuzz_call &call);
std::optional<fuzz_program> program_in(std::string_view text);

} // namespace fuzz

#endif
