// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registering and unregistering while an allocation, or a copy from or to user memory, fails. As
 * mappings are changed one after the other, those before the failure may be changed; but each is
 * changed wholly or not at all, and the same call then succeeds.
 */
#include "lib/fail_nth.hpp"
#include "lib/hugetlb.hpp"
#include "lib/ksm.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
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

/* Eight pages; mappings end before page 3 and before page 5. */
struct Subject {
	explicit Subject(MemoryKind kind = MemoryKind::anonymous,
			 Features features = Features::PagefaultFlagWp)
		: memory(8, kind), context(open_context(features))
	{
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

/* The same of huge pages. None is reserved in the pool, which has as many as a test touches. */
struct HugeSubject {
	HugeSubject(MemoryKind kind, Features features)
		: memory(HugeMemory::sparse(kind)), context(open_context(features))
	{
		checked(::mprotect(reinterpret_cast<void *>(memory.address(3)), 2 * huge_page_size,
				   PROT_READ));
	}

	Pages registered() const
	{
		const auto small = registered_for(memory.range(0, 8));
		Pages pages;

		for (std::size_t i = 0; i < small.size(); i += small_pages_of_huge)
			pages.push_back(small[i]);
		return pages;
	}

	const HugeMemory memory;
	const Context context;
};

Pages with(Pages pages, std::size_t first, std::size_t count, const char *flags)
{
	std::fill_n(pages.begin() + static_cast<std::ptrdiff_t>(first), count, flags);
	return pages;
}

/* Makes a call that has pages 1 to 6 registered for @flags, and makes it again if it fails. */
template <class Call>
void make_again(const auto &subject, FailNth &nth, const Call &call, const char *flags)
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

/* Registers pages 1 to 6, with a failure. */
void register_again(const auto &subject, FailNth &nth, Modes modes, const char *flags)
{
	make_again(
		subject, nth,
		[&] { return subject.context.register_range(subject.memory.range(1, 6), modes); },
		flags);
}

void unregister_again(const auto &subject, FailNth &nth)
{
	make_again(
		subject, nth,
		[&] { return subject.context.unregister_range(subject.memory.range(1, 6)); },
		"none");
}

} // namespace

MEMORY_TEST_CASE("a registration that finds no memory can be made again", "[injected][register]")
{
	fail_each([&](FailNth &nth) {
		const Subject subject(TestType::kind);

		register_again(subject, nth, Modes::Missing, "um");
		subject.check_pages(1, 6);
		CHECK(subject.memory.word(0) == 0);
		CHECK(subject.memory.word(7) == 0);
	});
}

MEMORY_TEST_CASE("an unregistration that finds no memory can be made again", "[injected][register]")
{
	fail_each([&](FailNth &nth) {
		const Subject subject(TestType::kind);

		take(subject.context.register_range(subject.memory.range(), Modes::Missing));
		unregister_again(subject, nth);
		CHECK(subject.memory.word(1) == 0);
		CHECK(subject.memory.word(6) == 0);
		subject.check_pages(0, 1);
		subject.check_pages(7, 1);
	});
}

MEMORY_TEST_CASE("a change of modes that finds no memory can be made again",
		 "[injected][register][wp]")
{
	need(Features::WpHugetlbfsShmem);
	fail_each([&](FailNth &nth) {
		const Subject subject(TestType::kind, Features::WpHugetlbfsShmem);

		take(subject.context.register_range(subject.memory.range(), Modes::Missing));
		register_again(subject, nth, Modes::Missing | Modes::WriteProtect, "umuw");
		subject.check_pages(0, 8);
		take(subject.context.write_protect(subject.memory.range(1, 6)));
		CHECK(is_protected_at(subject.memory.address(1)));
		CHECK_FALSE(is_protected_at(subject.memory.address(0)));
	});
}

TEMPLATE_TEST_CASE("a registration for minor faults that finds no memory can be made again",
		   "[injected][register][minor]", SharedAnonymous, SharedFile)
{
	need(Features::MinorShmem);
	fail_each([&](FailNth &nth) {
		const Subject subject(TestType::kind);
		const auto &memory = subject.memory;

		write_pattern(memory.bytes(1, 1), 1);
		checked(::madvise(memory.page(1), page_size(),
				  MADV_DONTNEED)); /* the file has it */
		register_again(subject, nth, Modes::Minor, "ui");
		auto reader = in_thread([&] { return memory.word(1) + 0; });
		CHECK(next_fault(subject.context).flags == FaultFlags::Minor);
		CHECK(subject.context.resume(memory.range(1, 1)));
		CHECK(reader.get() == pattern_word(1));
	});
}

HUGE_TEST_CASE("a registration of huge pages that finds no memory can be made again",
	       "[injected][register][hugetlb]")
{
	const HugePages pool(2);
	const HugeSource source(1, 6);

	fail_each([&](FailNth &nth) {
		const HugeSubject subject(TestType::kind, Features::None);
		const auto &memory = subject.memory;

		register_again(subject, nth, Modes::Missing, "um");
		CHECK(subject.context.copy(memory.address(6), source.bytes(0, 1)));
		CHECK(memory.has_pattern(6, 6));
		CHECK(memory.small_word(7, 0) == 0);
	});
	CHECK(pool.pool() == HugePagePool{2, 2, 0});
}

HUGE_TEST_CASE("an unregistration of huge pages that finds no memory can be made again",
	       "[injected][register][hugetlb]")
{
	const HugePages pool(2);
	const HugeSource source(1, 7);

	fail_each([&](FailNth &nth) {
		const HugeSubject subject(TestType::kind, Features::None);
		const auto &memory = subject.memory;

		take(subject.context.register_range(memory.range(0, 8), Modes::Missing));
		unregister_again(subject, nth);
		CHECK(memory.small_word(6, 0) == 0);
		CHECK(subject.context.copy(memory.address(7), source.bytes(0, 1)));
		CHECK(memory.has_pattern(7, 7));
	});
	CHECK(pool.pool() == HugePagePool{2, 2, 0});
}

/* A private page keeps its protection in the page table alone. */
HUGE_TEST_CASE("a change of modes of huge pages that finds no memory can be made again",
	       "[injected][register][wp][hugetlb]")
{
	const HugePages pool(2);

	need(Features::WpHugetlbfsShmem);
	fail_each([&](FailNth &nth) {
		const HugeSubject subject(TestType::kind, Features::WpHugetlbfsShmem);
		const auto &memory = subject.memory;

		memory.small_word(0, 0) = 1;
		memory.small_word(1, 0) = 1;
		take(subject.context.register_range(memory.range(0, 8), Modes::Missing));
		register_again(subject, nth, Modes::Missing | Modes::WriteProtect, "umuw");
		take(subject.context.write_protect(memory.range(1, 6)));
		CHECK(memory.is_protected(1));
		CHECK_FALSE(memory.is_protected(0));
	});
}

HUGE_TEST_CASE("a registration of huge pages for read-write protection can be made again",
	       "[injected][register][rwp][hugetlb]")
{
	const HugePages pool(2);

	need(Features::Rwp);
	fail_each([&](FailNth &nth) {
		const HugeSubject subject(TestType::kind, Features::Rwp);
		const auto &memory = subject.memory;

		memory.small_word(0, 0) = 1;
		memory.small_word(1, 0) = 2;
		register_again(subject, nth, Modes::ReadWriteProtect, "ur");
		take(subject.context.rwprotect(memory.range(1, 2)));
		CHECK(memory.is_protected(1));
		CHECK_FALSE(memory.is_protected(0));
		auto reader = in_thread([&] { return memory.small_word(1, 0) + 0; });
		CHECK(next_fault(subject.context).address == memory.address(1));
		take(subject.context.rwunprotect(memory.range(1, 2)));
		CHECK(reader.get() == 2);
	});
}

TEMPLATE_TEST_CASE("a registration of huge pages for minor faults can be made again",
		   "[injected][register][minor][hugetlb]", SharedHuge, SharedHugeFile)
{
	const HugePages pool(1);

	need(Features::MinorHugetlbfs);
	fail_each([&](FailNth &nth) {
		const HugeSubject subject(TestType::kind, Features::None);
		const auto &memory = subject.memory;

		memory.write_pattern(1, 1);
		checked(::madvise(reinterpret_cast<void *>(memory.address(1)), huge_page_size,
				  MADV_DONTNEED)); /* the file has it */
		register_again(subject, nth, Modes::Minor, "ui");
		auto reader = in_thread([&] { return memory.small_word(1, 0) + 0; });
		CHECK(next_fault(subject.context).flags == FaultFlags::Minor);
		CHECK(subject.context.resume(memory.range(1, 1)));
		CHECK(reader.get() == pattern_word(1));
	});
}

/*
 * The two mappings have one page table, and the registered one may not keep it: all of it, or half
 * of it, for which it is split first.
 */
TEMPLATE_TEST_CASE_SIG("huge pages whose page table is shared can be registered again",
		       "[injected][register][hugetlb]", ((std::size_t Count), Count), 512, 256)
{
	const HugePages pool(3);

	need(Features::MinorHugetlbfs);
	fail_each([&](FailNth &nth) {
		const SharedTables tables;
		const Range range{tables.one.range().start, Count * huge_page_size};
		const auto context = open_context();
		const auto call = [&] { return context.register_range(range, Modes::Minor); };

		tables.one.word_at(0) = 1;
		tables.other.word_at(0) = 2;
		tables.one.word_at(huge_page_size) = 3;
		if (!tables.other_has(huge_page_size))
			skip("the kernel doesn't share page tables");
		if (const int error = nth(call)) {
			CHECK(is_injected(error));
			CHECK(tables.other.word_at(huge_page_size) == 3);
			REQUIRE(call());
		}
		tables.other.word_at(2 * huge_page_size) = 4;
		auto reader = in_thread([&] { return tables.one.word_at(2 * huge_page_size) + 0; });
		CHECK(next_fault(context).address == range.start + 2 * huge_page_size);
		CHECK(context.resume({range.start + 2 * huge_page_size, huge_page_size}));
		CHECK(reader.get() == 4);
		CHECK(tables.other.word_at(0) == 2);
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
	fail_each([&](FailNth &nth) {
		const Subject subject(MemoryKind::anonymous, kind.feature);
		const auto &memory = subject.memory;
		const auto range = memory.range(2, 1), whole = memory.range(0, 3);
		const auto call = [&] { return subject.context.unregister_range(range); };

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

/* Of both kinds, native userfaultfd takes it off first, and, without memory, leaves it off. */
TEST_CASE("protection goes with its registration, though memory is short", "[injected][wp][module]")
{
	unregister_protected({Features::PagefaultFlagWp, Modes::WriteProtect,
			      &Context::write_protect, &Context::write_unprotect});
}

TEST_CASE("protection against all accesses goes with its registration, though memory is short",
	  "[injected][rwp][module]")
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
	const Ksm ksm;

	fail_each([&](FailNth &nth) {
		const Subject subject;
		const auto &memory = subject.memory;
		const auto range = memory.range(0, 2);
		const auto call = [&] {
			return subject.context.register_range(range, Modes::WriteProtect);
		};

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
