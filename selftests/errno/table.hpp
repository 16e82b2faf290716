/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ERRNO_TABLE_HPP
#define SELFTESTS_ERRNO_TABLE_HPP

#include "errno/rows.hpp"
#include "errno/stage.hpp"

#include <cstdint>
#include <linux/userfault.h>
#include <memory>
#include <string>
#include <sys/ioctl.h>
#include <utility>
#include <vector>

namespace selftests {

/* The content of fields that only the kernel should write. */
inline constexpr std::uint64_t untouched = 0x5a5a'5a5a'5a5a'5a5a;

/* The arguments of a command as the words of its struct; if it has an answer, that is the last. */
using Words = std::vector<std::uint64_t>;

struct Command {
	const char *name;
	unsigned long number;
	bool answers;
	bool changes;	    /* the stage, if it succeeds */
	bool newer = false; /* native userfaultfd of older kernels doesn't have it */
};

inline constexpr Command api{"API", UFFDIO_API, true, false};
inline constexpr Command registering{"REGISTER", UFFDIO_REGISTER, true, true};
inline constexpr Command unregistering{"UNREGISTER", UFFDIO_UNREGISTER, false, true};
inline constexpr Command wake{"WAKE", UFFDIO_WAKE, false, false};
inline constexpr Command copy{"COPY", UFFDIO_COPY, true, true};
inline constexpr Command zeropage{"ZEROPAGE", UFFDIO_ZEROPAGE, true, true};
inline constexpr Command resume{"CONTINUE", UFFDIO_CONTINUE, true, true};
inline constexpr Command writeprotect{"WRITEPROTECT", UFFDIO_WRITEPROTECT, false, true};
inline constexpr Command rwprotect{"RWPROTECT", UFFDIO_RWPROTECT, false, true};
inline constexpr Command set_mode{"SET_MODE", UFFDIO_SET_MODE, false, false};
inline constexpr Command poison{"POISON", UFFDIO_POISON, true, true, true};
inline constexpr Command move{"MOVE", UFFDIO_MOVE, true, true, true};

/* The words of @command for a range; for COPY and MOVE, the range is the destination. */
Words words_for(const Command &command, std::uint64_t start, std::uint64_t length);
Words good_words_for(const Command &command);

/* The mode of a command that has one: the last word before the answer. */
std::uint64_t &mode_of(const Command &command, Words &words);

/*
 * When the stage is rebuilt: after each change, so that each call finds the same stage; or when
 * told, so that a call finds what the calls before it have left.
 */
enum class Renewal { after_each_change, when_told };

/* Makes calls on a stage and notes their outcome. */
class Table {
public:
	explicit Table(Backend backend, const Setting &setting = {},
		       Renewal renewal = Renewal::after_each_change);

	Stage &stage() { return *stage_; }

	Row &call(const Command &command, const std::string &arguments, Words words);
	Row &note(const Command &command, const std::string &arguments, int error, Words words);

	/* After all calls of a command: notes what they have left on the stage, and starts over. */
	void look_at_what_is_left();

	std::vector<Row> take_rows() { return std::move(rows_); }

	/* Rebuilds the stage. */
	void start_over();

private:
	Backend backend_;
	Setting setting_;
	Renewal renewal_;
	StageFiles files_;
	std::unique_ptr<Stage> stage_;
	std::string state_at_first_, state_before_;
	std::vector<Row> rows_;
};

} // namespace selftests

#endif
