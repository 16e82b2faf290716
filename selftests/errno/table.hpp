/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ERRNO_TABLE_HPP
#define SELFTESTS_ERRNO_TABLE_HPP

#include "errno/rows.hpp"
#include "errno/stage.hpp"

#include <cstdint>
#include <linux/userfault.h>
#include <optional>
#include <string>
#include <sys/ioctl.h>
#include <utility>
#include <vector>

namespace selftests {

/* What the kernel should write over, and nothing else. */
inline constexpr std::uint64_t untouched = 0x5a5a'5a5a'5a5a'5a5a;

/* The arguments of a command as the words of its struct, the answer last where it has one. */
using Words = std::vector<std::uint64_t>;

struct Command {
	const char *name;
	unsigned long number;
	bool answers;
	bool changes;	    /* the stage, where it succeeds */
	bool newer = false; /* native userfaultfd of older kernels hasn't got it */
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

/* The words of @command for a range; of COPY and MOVE, for that destination. */
Words words_for(const Command &command, std::uint64_t start, std::uint64_t length);
Words good_words_for(const Command &command);

/* The mode of a command that has one: the last of what is asked. */
std::uint64_t &mode_of(const Command &command, Words &words);

/* When a stage is built anew: each call finds the same one, or what those before have left. */
enum class Renewal { after_each_change, when_told };

/* Gives calls to a stage and notes what comes of them. */
class Table {
public:
	explicit Table(Backend backend, const Setting &setting = {},
		       Renewal renewal = Renewal::after_each_change);

	Stage &stage() { return *stage_; }

	Row &call(const Command &command, const std::string &arguments, Words words);
	Row &note(const Command &command, const std::string &arguments, int error, Words words);

	/* When a command is through: what have its calls left? Then it starts over. */
	void look_at_what_is_left();

	std::vector<Row> take_rows() { return std::move(rows_); }

	/* With a stage built anew. */
	void start_over();

private:
	Backend backend_;
	Setting setting_;
	Renewal renewal_;
	StageFiles files_;
	std::optional<Stage> stage_;
	std::string state_at_first_, state_before_;
	std::vector<Row> rows_;
};

} // namespace selftests

#endif
