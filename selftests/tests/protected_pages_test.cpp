// SPDX-License-Identifier: GPL-2.0-only
/* Write protection of every kind of page, and of memory that system calls and forks change. */
#include "lib/ksm.hpp"
#include "lib/pin.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/thp.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Memory that is one huge page. */
Guarded huge()
{
	return Guarded(Memory::aligned(page_table, huge_page), make_huge);
}

bool is_huge(const Guarded &guarded)
{
	return smaps_bytes(guarded.memory.range(), "AnonHugePages") == huge_page;
}

bool same_frame(const Guarded &guarded, std::size_t a, std::size_t b)
{
	return frame_of(guarded.memory, a) == frame_of(guarded.memory, b);
}

/* Protects everything while a thread writes to page 1. Checks that no write comes after that. */
void protect_under_writer(const Guarded &guarded)
{
	auto &word = guarded.memory.word(1);
	const auto before = word;
	std::atomic<bool> stop = false;
	auto writer = in_thread([&] {
		while (!stop)
			word = word + 1;
	});

	wait_until("the page is written", [&] { return word != before; });
	guarded.protect();
	const auto last = word;
	CHECK(next_fault(guarded.context).address == guarded.memory.address(1));
	CHECK(word == last);
	stop = true;
	guarded.unprotect();
	writer.get();
}

} // namespace

TEST_CASE("a huge page is protected and unprotected whole", "[wp]")
{
	const auto guarded = huge();

	guarded.protect();
	CHECK(is_huge(guarded));
	CHECK(guarded.is_protected(0));
	CHECK(guarded.is_protected(511));
	auto writer = in_thread([&] { guarded.memory.word(300) = 1; });
	const auto fault = next_fault(guarded.context);
	CHECK(fault.address == guarded.memory.address(300));
	CHECK(fault.flags == (FaultFlags::Write | FaultFlags::WriteProtect));
	guarded.unprotect();
	writer.get();
	CHECK(is_huge(guarded));
	CHECK(guarded.only_protected(0, 0));
	CHECK(guarded.memory.word(300) == 1);
	CHECK(has_pattern(guarded.memory.bytes(299, 1), 299));
}

TEST_CASE("a part of a huge page can be protected", "[wp]")
{
	const auto guarded = huge();

	guarded.protect(100, 3);
	CHECK_FALSE(is_huge(guarded));
	CHECK(guarded.only_protected(100, 3));
	CHECK(guarded.write_is_told(101));
	CHECK_FALSE(guarded.write_is_told(99));
	guarded.unprotect();
	CHECK(guarded.only_protected(0, 0));
	CHECK(has_pattern(guarded.memory.bytes(100, 1), 100));
}

TEST_CASE("a part of a protected huge page can be unprotected", "[wp]")
{
	const auto guarded = huge();

	guarded.protect();
	CHECK(guarded.write_is_told(7));
	CHECK_FALSE(guarded.is_protected(7));
	CHECK(guarded.is_protected(6));
	CHECK(guarded.write_is_told(8));
	guarded.unprotect(100, 200);
	CHECK_FALSE(guarded.write_is_told(200));
	CHECK(guarded.write_is_told(300));
}

TEST_CASE("the zero page can be protected", "[wp]")
{
	const Guarded guarded(Memory(2), [](const Memory &memory) {
		if (memory.word(0) || memory.word(1))
			give_up("new memory is not zero");
	});

	guarded.protect();
	CHECK(guarded.only_protected(0, 2));
	CHECK(guarded.write_is_told(0));
	CHECK(guarded.memory.word(1) == 0);
	guarded.unprotect();
	CHECK_FALSE(guarded.write_is_told(1));
}

TEST_CASE("the huge zero page can be protected", "[wp]")
{
	const Guarded guarded(Memory::aligned(page_table, huge_page), [](const Memory &memory) {
		need_transparent_huge_pages();
		checked(::madvise(memory.page(0), huge_page, MADV_HUGEPAGE));
		if (memory.word(5))
			give_up("new memory is not zero");
	});

	guarded.protect();
	if (!guarded.is_protected(400))
		skip("the huge zero page is not in use");
	CHECK(guarded.write_is_told(5));
	CHECK_FALSE(guarded.is_protected(5));
	CHECK(guarded.write_is_told(400));
	CHECK(guarded.memory.word(300) == 0);
}

TEST_CASE("pages that were merged can be protected", "[wp]")
{
	const Guarded guarded(Memory(8), [](const Memory &memory) {
		for (std::size_t i = 0; i < 8; i++)
			write_pattern(memory.bytes(i, 1), 1);
		checked(::madvise(memory.page(0), 8 * page_size(), MADV_MERGEABLE));
		const Ksm ksm;
		wait_until("the pages are merged",
			   [&] { return frame_of(memory, 0) == frame_of(memory, 7); });
	});

	/* The module takes the pages out of KSM, see ksm_test.cpp. */
	CHECK(same_frame(guarded, 0, 7) == (backend_under_test() == Backend::native));
	guarded.protect();
	CHECK(guarded.only_protected(0, 8));
	CHECK(guarded.write_is_told(3));
	CHECK_FALSE(same_frame(guarded, 3, 7));
	CHECK(has_pattern(guarded.memory.bytes(7, 1), 1));
	guarded.unprotect();
	CHECK_FALSE(guarded.write_is_told(0));
	CHECK(has_pattern(guarded.memory.bytes(7, 1), 1));
}

TEST_CASE("a protected page that a pipe refers to stays the same page", "[wp]")
{
	const Guarded guarded(1);
	const iovec part{guarded.memory.page(0), page_size()};
	std::array<int, 2> ends;
	std::vector<std::byte> seen(page_size());

	checked(::pipe2(ends.data(), O_CLOEXEC));
	const Fd out(ends[0]), in(ends[1]);
	checked(::vmsplice(in.get(), &part, 1, 0));
	guarded.protect();
	CHECK(guarded.write_is_told(0));
	const std::uint64_t written = guarded.memory.word(0);
	CHECK(::read(out.get(), seen.data(), seen.size()) == static_cast<ssize_t>(seen.size()));
	CHECK(*reinterpret_cast<std::uint64_t *>(seen.data()) == written);
}

TEST_CASE("a page that is pinned can be protected, and stays the same page", "[wp]")
{
	const Guarded guarded(2);
	const auto pinned = frame_of(guarded.memory, 0);
	const Pin pin(guarded.memory, 0, 1);

	guarded.protect();
	CHECK(guarded.only_protected(0, 2));
	CHECK(guarded.write_is_told(0));
	CHECK(frame_of(guarded.memory, 0) == pinned);
	guarded.unprotect();
	guarded.memory.word(0) = 3;
	CHECK(guarded.memory.word(0) == 3);
	CHECK(frame_of(guarded.memory, 0) == pinned);
}

TEST_CASE("a page that a thread writes all the time is written no more once it is protected",
	  "[wp][smp]")
{
	const Guarded guarded(4);

	for (unsigned n = repeated(20); n; n--)
		protect_under_writer(guarded);
}

TEST_CASE("a page beside a poisoned one is written no more once it is protected",
	  "[wp][poison][smp]")
{
	need(Features::Poison);
	const Guarded guarded(Memory(4), fill_with_patterns, Features::Poison,
			      Modes::Missing | Modes::WriteProtect);

	/* For this entry the module leaves its own walk through the page table. */
	guarded.memory.drop(2, 1);
	REQUIRE(guarded.context.poison(guarded.memory.range(2, 1)));
	for (unsigned n = repeated(20); n; n--)
		protect_under_writer(guarded);
}

TEST_CASE("mprotect leaves the protection as it is", "[wp]")
{
	const Guarded guarded(2);

	guarded.protect(0, 1);
	checked(::mprotect(guarded.memory.page(0), 2 * page_size(), PROT_READ));
	checked(::mprotect(guarded.memory.page(0), 2 * page_size(), PROT_READ | PROT_WRITE));
	CHECK(guarded.write_is_told(0));
	CHECK_FALSE(guarded.write_is_told(1));
}

TEST_CASE("a page without write access can be protected", "[wp]")
{
	const Guarded guarded(2);

	checked(::mprotect(guarded.memory.page(0), page_size(), PROT_READ));
	guarded.protect(0, 1);
	CHECK(guarded.is_protected(0));
	checked(::mprotect(guarded.memory.page(0), page_size(), PROT_NONE));
	guarded.unprotect(0, 1);
	guarded.protect(0, 1);
	checked(::mprotect(guarded.memory.page(0), page_size(), PROT_READ | PROT_WRITE));
	CHECK(guarded.write_is_told(0));
}

TEST_CASE("a page that is dropped is no longer protected", "[wp]")
{
	const Guarded guarded(2);

	guarded.protect();
	checked(::madvise(guarded.memory.page(0), page_size(), MADV_DONTNEED));
	CHECK_FALSE(guarded.write_is_told(0));
	CHECK(guarded.write_is_told(1));
}

TEST_CASE("a child's memory is not protected, and its parent's stays protected", "[wp]")
{
	const Guarded guarded(2);

	guarded.protect();
	Process child([&] {
		if (is_protected_at(guarded.memory.address(0)))
			return 1;
		guarded.memory.word(0) = 1;
		return guarded.memory.word(0) == 1 ? 0 : 2;
	});
	CHECK(child.wait() == 0);
	CHECK(has_pattern(guarded.memory.bytes(0, 1), 0));
	CHECK(guarded.only_protected(0, 2));
	CHECK(guarded.write_is_told(0));
}

TEST_CASE("a page shared with a child since a fork can be protected and unprotected", "[wp]")
{
	const Guarded guarded(1);
	std::array<int, 2> ends;

	checked(::pipe2(ends.data(), O_CLOEXEC));
	Fd out(ends[0]), in(ends[1]);
	Process child([&] {
		char byte;
		in = Fd();
		if (::read(out.get(), &byte, 1) != 0)
			return 2;
		return has_pattern(guarded.memory.bytes(0, 1), 0) ? 0 : 1;
	});
	guarded.protect();
	CHECK(guarded.write_is_told(0));
	in = Fd();
	CHECK(child.wait() == 0);
}

TEST_CASE("memory that was moved is not protected", "[wp]")
{
	const Guarded guarded(2);
	const Memory target(2);

	guarded.protect();
	checked(guarded.memory.remap(0, 2, 2, 0, target.page(0)));
	CHECK_FALSE(is_protected_at(target.address(0)));
	target.word(0) = 9;
	CHECK(has_pattern(target.bytes(1, 1), 1));
}
