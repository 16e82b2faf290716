// SPDX-License-Identifier: GPL-2.0-only
/*
 * KSM that is switched on and off for registered memory while an allocation fails: no page is lost,
 * what is protected stays out of KSM and protected, and the same call then succeeds. Natively KSM
 * merges protected pages, too.
 */
#include "lib/fail_nth.hpp"
#include "lib/ksm.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <set>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

using Pages = std::vector<bool>; /* whether KSM may merge each page */

constexpr std::size_t pages = 6, guarded = 4; /* the first one that is protected */

/*
 * Equal pages: two that nobody has registered, two that are registered for missing pages, and two
 * that are protected.
 */
struct Subject {
	Subject() : memory(pages), context(open_context(Features::PagefaultFlagWp))
	{
		for (std::size_t i = 0; i < pages; i++)
			write_pattern(memory.bytes(i, 1), 0);
		take(context.register_range(memory.range(2, 2), Modes::Missing));
		take(context.register_range(memory.range(guarded, 2), Modes::WriteProtect));
		take(context.write_protect(memory.range(guarded, 2)));
	}

	int advise(std::size_t first, std::size_t count, int advice) const
	{
		return ::madvise(memory.page(first), count * page_size(), advice);
	}

	Pages mergeable() const
	{
		Pages mergeable;

		for (std::size_t i = 0; i < pages; i++)
			mergeable.push_back(smaps_flag(memory.range(i, 1), "mg"));
		return mergeable;
	}

	/* Those that KSM may merge if it may merge everything. */
	static Pages unprotected()
	{
		Pages unprotected(pages, true);

		if (backend_under_test() == Backend::module)
			unprotected[guarded] = unprotected[guarded + 1] = false;
		return unprotected;
	}

	std::size_t count_frames(std::size_t count) const
	{
		std::set<std::uint64_t> frames;

		for (std::size_t i = 0; i < count; i++)
			frames.insert(frame_of(memory, i));
		return frames.size();
	}

	void await_merging() const
	{
		wait_until("the pages are merged", [&] { return count_frames(guarded) == 1; });
	}

	/* A page that KSM may no longer merge isn't merged. */
	void check_pages() const
	{
		const auto now = mergeable();

		for (std::size_t i = 0; i < pages; i++)
			CHECK(has_pattern(memory.bytes(i, 1), 0));
		for (std::size_t i = 0; i < guarded; i++)
			CHECK((now[i] || !shares_frame(i)));
		if (backend_under_test() == Backend::module) {
			CHECK(is_protected_at(memory.address(guarded)));
			CHECK(is_protected_at(memory.address(guarded + 1)));
			CHECK_FALSE(shares_frame(guarded));
			CHECK_FALSE(shares_frame(guarded + 1));
		}
	}

	const Memory memory;
	const Context context;

private:
	bool shares_frame(std::size_t index) const
	{
		const auto frame = frame_of(memory, index);
		std::size_t count = 0;

		for (std::size_t i = 0; i < pages; i++)
			count += frame_of(memory, i) == frame;
		return count > 1;
	}
};

/*
 * KSM at work. It always has memory of another process to scan, and so comes by again and again: a
 * process in which it finds nothing to merge it forgets, and has to allocate for it the next time.
 */
struct Scanner {
	Scanner()
		: other([] {
			  const Memory memory(1);

			  ::madvise(memory.page(0), page_size(), MADV_MERGEABLE);
			  return ::pause();
		  })
	{
	}

	void forget_this_process() const { ksm.await(); }

	const Ksm ksm;
	const Process other;
};

void need_merging_of_all_memory()
{
	need_failures();
	if (!merge_all_memory(true) || !merge_all_memory(false))
		skip("this kernel can't merge all memory of a process");
}

long merge_all(bool on)
{
	return merge_all_memory(on) ? 0 : -1;
}

/* madvise() calls a lack of memory EAGAIN. */
bool is_lack_of_memory(int error)
{
	return error == ENOMEM || error == EAGAIN;
}

} // namespace

/* The advice is for pages 1 to 4, and is taken by one mapping after the other. */
TEST_CASE("an advice to merge that finds no memory can be given again", "[injected][ksm][wp][slow]")
{
	need_failures();
	const Scanner scanner;

	fail_each([&](FailNth &nth) {
		scanner.forget_this_process();
		const Subject subject;
		auto advised = Subject::unprotected();
		const auto call = [&] { return subject.advise(1, 4, MADV_MERGEABLE); };

		advised[0] = advised[5] = false;
		if (const int error = nth(call)) {
			const auto now = subject.mergeable();
			const auto ends = {1, 2, 4};

			CHECK(is_lack_of_memory(error));
			CHECK(std::ranges::any_of(ends, [&](int end) {
				return std::equal(now.begin(), now.begin() + end,
						  advised.begin()) &&
				       std::none_of(now.begin() + end, now.end(),
						    [](bool merged) { return merged; });
			}));
			subject.check_pages();
			REQUIRE(call() == 0);
		}
		CHECK(subject.mergeable() == advised);
		subject.check_pages();
	});
}

TEST_CASE("an advice not to merge that finds no memory can be given again",
	  "[injected][ksm][wp][slow]")
{
	need_failures();
	const Ksm ksm;

	fail_each([&](FailNth &nth) {
		const Subject subject;
		const auto call = [&] { return subject.advise(0, pages, MADV_UNMERGEABLE); };

		REQUIRE(subject.advise(0, pages, MADV_MERGEABLE) == 0);
		subject.await_merging();
		if (const int error = nth(call)) {
			CHECK(is_lack_of_memory(error));
			subject.check_pages();
			REQUIRE(call() == 0);
		}
		CHECK(subject.mergeable() == Pages(pages, false));
		CHECK(subject.count_frames(pages) == pages);
		subject.check_pages();
	});
}

TEST_CASE("a request to merge all memory that finds no memory can be made again",
	  "[injected][ksm][wp][slow]")
{
	need_merging_of_all_memory();
	const Scanner scanner;

	fail_each([&](FailNth &nth) {
		scanner.forget_this_process();
		const Subject subject;

		if (const int error = nth([] { return merge_all(true); })) {
			CHECK(error == ENOMEM);
			CHECK(subject.mergeable() == Pages(pages, false));
			REQUIRE(merge_all_memory(true));
		}
		CHECK(subject.mergeable() == Subject::unprotected());
		subject.check_pages();
		REQUIRE(merge_all_memory(false));
	});
}

TEST_CASE("a request to merge nothing that finds no memory can be made again",
	  "[injected][ksm][wp][slow]")
{
	need_merging_of_all_memory();
	const Ksm ksm;

	fail_each([&](FailNth &nth) {
		const Subject subject;

		REQUIRE(merge_all_memory(true));
		subject.await_merging();
		if (const int error = nth([] { return merge_all(false); })) {
			CHECK(error == ENOMEM);
			CHECK(subject.mergeable() == Subject::unprotected());
			subject.check_pages();
			REQUIRE(merge_all_memory(false));
		}
		CHECK(subject.mergeable() == Pages(pages, false));
		CHECK(subject.count_frames(pages) == pages);
		subject.check_pages();
	});
}
