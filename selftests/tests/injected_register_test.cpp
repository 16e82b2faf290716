// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registering and unregistering while an allocation, or a copy from or to user memory, fails. As
 * mappings are changed one after the other, those before the failure may be changed; but each is
 * changed wholly or not at all, and the same call then succeeds.
 */
#include "lib/fail_nth.hpp"
#include "lib/ksm.hpp"
#include "lib/maps.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <sys/mman.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

using Pages = std::vector<std::string>; /* what each page is registered for */

/*
 * Whether a first part of the pages is as they are to be, and the rest as they were. The part ends
 * between two mappings, that is before one of the pages of @borders.
 */
bool is_between(const Pages &now, const Pages &before, const Pages &after,
		const std::vector<std::size_t> &borders)
{
	return std::ranges::any_of(borders, [&](std::size_t border) {
		const auto middle = static_cast<std::ptrdiff_t>(border);

		return std::equal(now.begin(), now.begin() + middle, after.begin()) &&
		       std::equal(now.begin() + middle, now.end(), before.begin() + middle);
	});
}

/* Eight pages, mapped anew for each round; mappings end before page 3 and before page 5. */
struct Subject {
	explicit Subject(Features features = Features::PagefaultFlagWp)
		: memory(8), context(open_context(features))
	{
	}

	void renew() const
	{
		if (::mmap(memory.page(0), memory.range().length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			give_up("memory can't be mapped anew");
		checked(::mprotect(memory.page(3), 2 * page_size(), PROT_READ));
	}

	Pages registered() const { return registered_for(memory.range()); }

	/* Fills the pages that are to be missing, and reads all of them. */
	void check_pages(std::size_t first, std::size_t count) const
	{
		for (std::size_t i = first; i < first + count; i++) {
			fill(context, memory, i);
			CHECK(memory.word(i) == pattern_word(i));
		}
	}

	const Memory memory;
	const Context context;
};

Pages with(Pages pages, std::size_t first, std::size_t count, const char *flags)
{
	std::fill_n(pages.begin() + static_cast<std::ptrdiff_t>(first), count, flags);
	return pages;
}

/* Makes a call that has pages 1 to 6 registered for @flags, and makes it again if it fails. */
template <class Call>
void make_again(const Subject &subject, FailNth &nth, const Call &call, const char *flags)
{
	const auto before = subject.registered();
	const auto after = with(before, 1, 6, flags);

	if (const int error = nth(call)) {
		CHECK(is_injected(error));
		CHECK(is_between(subject.registered(), before, after, {0, 3, 5, 8}));
		REQUIRE(call());
	}
	REQUIRE(subject.registered() == after); /* else an access may wait for ever */
}

} // namespace

TEST_CASE("a registration that finds no memory can be made again", "[injected][register]")
{
	const Subject subject;
	const auto range = subject.memory.range(1, 6);
	const auto call = [&] { return subject.context.register_range(range, Modes::Missing); };

	fail_each([&](FailNth &nth) {
		subject.renew();
		make_again(subject, nth, call, "um");
		subject.check_pages(1, 6);
		CHECK(subject.memory.word(0) == 0);
		CHECK(subject.memory.word(7) == 0);
	});
}

TEST_CASE("an unregistration that finds no memory can be made again", "[injected][register]")
{
	const Subject subject;
	const auto range = subject.memory.range(1, 6);
	const auto call = [&] { return subject.context.unregister_range(range); };

	fail_each([&](FailNth &nth) {
		subject.renew();
		take(subject.context.register_range(subject.memory.range(), Modes::Missing));
		make_again(subject, nth, call, "none");
		CHECK(subject.memory.word(1) == 0);
		CHECK(subject.memory.word(6) == 0);
		subject.check_pages(0, 1);
		subject.check_pages(7, 1);
	});
}

TEST_CASE("a change of modes that finds no memory can be made again", "[injected][register][wp]")
{
	const Subject subject;
	const auto range = subject.memory.range(1, 6);
	const auto call = [&] {
		return subject.context.register_range(range, Modes::Missing | Modes::WriteProtect);
	};

	fail_each([&](FailNth &nth) {
		subject.renew();
		take(subject.context.register_range(subject.memory.range(), Modes::Missing));
		make_again(subject, nth, call, "umuw");
		subject.check_pages(0, 8);
		take(subject.context.write_protect(range));
		CHECK(is_protected_at(subject.memory.address(1)));
		CHECK_FALSE(is_protected_at(subject.memory.address(0)));
	});
}

namespace {

/* A kind of protection, and the commands for it. */
struct Protection {
	Features feature;
	Modes mode;
	Result<void> (Context::*protect)(Range) const;
	Result<void> (Context::*unprotect)(Range, UnprotectModes) const;
};

/* Unregisters one of three protected pages. */
void unregister_protected(const Protection &kind)
{
	const Subject subject(kind.feature);
	const auto &memory = subject.memory;
	const auto range = memory.range(2, 1), whole = memory.range(0, 3);
	const auto call = [&] { return subject.context.unregister_range(range); };

	fail_each([&](FailNth &nth) {
		subject.renew();
		for (std::size_t i = 0; i < 3; i++)
			write_pattern(memory.bytes(i, 1), i);
		take(subject.context.register_range(whole, kind.mode));
		take((subject.context.*kind.protect)(whole));

		if (const int error = nth(call)) {
			const bool done = subject.registered()[2] == "none";

			CHECK(is_injected(error));
			CHECK(is_protected_at(memory.address(2)) == !done);
			REQUIRE(call());
		}
		REQUIRE_FALSE(is_protected_at(memory.address(2))); /* an access would wait */
		CHECK(is_protected_at(memory.address(1)));
		memory.word(2) = memory.word(2);
		take((subject.context.*kind.unprotect)(memory.range(0, 2), UnprotectModes::None));
		for (std::size_t i = 0; i < 3; i++)
			CHECK(has_pattern(memory.bytes(i, 1), i));
	});
}

} // namespace

TEST_CASE("protection goes with its registration, though memory is short", "[injected][wp]")
{
	unregister_protected({Features::PagefaultFlagWp, Modes::WriteProtect,
			      &Context::write_protect, &Context::write_unprotect});
}

TEST_CASE("protection against all accesses goes with its registration, though memory is short",
	  "[injected][rwp]")
{
	need(Features::Rwp);
	unregister_protected({Features::Rwp, Modes::ReadWriteProtect, &Context::rwprotect,
			      &Context::rwunprotect});
}

/* The pages become one first, and each has to be copied for the registration. */
TEST_CASE("a registration that finds no memory for pages that KSM has merged can be made again",
	  "[injected][register][wp][ksm][slow][module]")
{
	need_failures();
	const Subject subject;
	const auto &memory = subject.memory;
	const auto range = memory.range(0, 2);
	const auto call = [&] {
		return subject.context.register_range(range, Modes::WriteProtect);
	};
	const Ksm ksm;

	fail_each([&](FailNth &nth) {
		subject.renew();
		for (std::size_t i = 0; i < 2; i++)
			write_pattern(memory.bytes(i, 1), 0);
		checked(::madvise(memory.page(0), range.length, MADV_MERGEABLE));
		wait_until("the pages are merged",
			   [&] { return frame_of(memory, 0) == frame_of(memory, 1); });

		if (const int error = nth(call)) {
			CHECK(is_injected(error));
			REQUIRE(call());
		}
		CHECK(frame_of(memory, 0) != frame_of(memory, 1));
		for (std::size_t i = 0; i < 2; i++)
			CHECK(has_pattern(memory.bytes(i, 1), 0));
		take(subject.context.write_protect(range));
		CHECK(is_protected_at(memory.address(0)));
		CHECK(is_protected_at(memory.address(1)));
	});
}
