// SPDX-License-Identifier: GPL-2.0-only
/* Write protection of shmem: pages of a file, mapped or not, and private copies of them. */
#include "lib/files.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/protection.hpp"
#include "lib/swap.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 16;

/* A file that has its pages, and a mapping of it that has none. */
struct UnmappedFile {
	UnmappedFile() : file(shmem_file(pages)), other(pages, file, MAP_SHARED)
	{
		fill_with_patterns(other);
	}

	Memory map(MemoryKind kind) const
	{
		return Memory(pages, file,
			      kind == MemoryKind::private_file ? MAP_PRIVATE : MAP_SHARED);
	}

	Fd file;
	Memory other;
};

/* Checks that a page that was protected while it was absent is still protected. */
void check_inherited(const Guarded &guarded, std::size_t index)
{
	CHECK(guarded.is_protected(index));
	CHECK(guarded.write_is_told(index));
	CHECK_FALSE(guarded.is_protected(index));
	CHECK_FALSE(guarded.write_is_told(index));
}

} // namespace

SHMEM_TEST_CASE("pages of shmem are protected and unprotected", "[wp][shmem]")
{
	const Guarded guarded(Memory(pages, TestType::kind), fill_with_patterns);

	guarded.protect(2, 9);
	CHECK(guarded.only_protected(2, 9));
	CHECK_FALSE(guarded.write_is_told(1));
	CHECK(guarded.write_is_told(2));
	CHECK(guarded.write_is_told(10));
	guarded.unprotect();
	CHECK(guarded.only_protected(0, 0));
	for (std::size_t i = 0; i < pages; i++)
		CHECK_FALSE(guarded.write_is_told(i));
}

SHMEM_TEST_CASE("absent pages of shmem are protected", "[wp][shmem]")
{
	const Guarded guarded(Memory(pages, TestType::kind), [](const Memory &) {});

	guarded.protect(3, 4);
	CHECK(guarded.only_protected(3, 4));
	check_inherited(guarded, 3);
	guarded.unprotect(4, 1);
	CHECK_FALSE(guarded.write_is_told(4));
	check_inherited(guarded, 6);
}

TEMPLATE_TEST_CASE("pages that only the file has are protected", "[wp][shmem]", SharedFile,
		   PrivateFile)
{
	const UnmappedFile unmapped;
	const Guarded guarded(unmapped.map(TestType::kind), [](const Memory &) {});

	guarded.protect(0, 8);
	CHECK(guarded.only_protected(0, 8));
	CHECK(count_patterned(guarded.memory) == pages);
	check_inherited(guarded, 0);
	check_inherited(guarded, 7);
	CHECK_FALSE(guarded.write_is_told(8));
}

/* An absent page that was protected is unprotected after a copy without WP. */
SHMEM_TEST_CASE("a copy replaces the protection of an absent page", "[wp][shmem]")
{
	const Guarded guarded(
		Memory(2, TestType::kind), [](const Memory &) {}, Features::None,
		Modes::Missing | Modes::WriteProtect);
	const auto source = patterned(2);

	guarded.protect();
	REQUIRE(guarded.context.copy_all(guarded.memory.address(0), source.bytes(0, 2)));
	CHECK(guarded.only_protected(0, 0));
	CHECK_FALSE(guarded.write_is_told(0));
}

TEMPLATE_TEST_CASE("pages of the file can be mapped protected", "[wp][minor]", SharedFile,
		   PrivateFile)
{
	if (native_before(6, 4))
		skip("native CONTINUE of this kernel has no mode for that");

	const UnmappedFile unmapped;
	const Guarded guarded(
		unmapped.map(TestType::kind), [](const Memory &) {}, Features::None,
		Modes::Minor | Modes::WriteProtect);

	REQUIRE(guarded.context.resume(guarded.memory.range(0, 4), ContinueModes::WriteProtect));
	REQUIRE(guarded.context.resume(guarded.memory.range(4, pages - 4)));
	CHECK(guarded.only_protected(0, 4));
	CHECK(count_patterned(guarded.memory) == pages);
	CHECK(guarded.write_is_told(3));
	CHECK_FALSE(guarded.write_is_told(3));
	CHECK_FALSE(guarded.write_is_told(4));
	CHECK(count_patterned(unmapped.other) ==
	      (TestType::kind == MemoryKind::private_file ? pages : 3));
}

TEMPLATE_TEST_CASE("pages of a file can't be mapped protected without the registration",
		   "[wp][minor]", SharedFile, PrivateFile)
{
	const UnmappedFile unmapped;
	const Guarded guarded(
		unmapped.map(TestType::kind), [](const Memory &) {}, Features::None, Modes::Minor);
	const auto progress =
		guarded.context.resume(guarded.memory.range(), ContinueModes::WriteProtect);

	CHECK(progress.done == 0);
	CHECK(progress.error.value() == EINVAL);
}

TEST_CASE("pages of shmem that are swapped out stay protected", "[wp][shmem][swap]")
{
	const Swap swap(32 << 20);
	const UnmappedFile unmapped;
	const Guarded guarded(unmapped.map(MemoryKind::shared_file), [](const Memory &) {});
	const auto length = guarded.memory.range().length;

	/* The file may be mapped in one place only: else it would not be swapped out. */
	checked(::madvise(unmapped.other.page(0), length, MADV_DONTNEED));
	CHECK(count_patterned(guarded.memory) == pages);
	guarded.protect(0, 4);
	wait_until("the file is swapped out", [&] {
		push_out(guarded.memory, 0, guarded.memory.pages());
		return smaps_bytes(unmapped.other.range(), "Swap") == length;
	});
	CHECK(guarded.only_protected(0, 4));
	guarded.unprotect(3, 1);
	CHECK(count_patterned(guarded.memory) == pages);
	check_inherited(guarded, 0);
	CHECK_FALSE(guarded.write_is_told(3));
	CHECK_FALSE(guarded.write_is_told(4));
	guarded.unprotect();
	CHECK(guarded.only_protected(0, 0));
}

TEST_CASE("huge pages of shmem that are mapped again while they are being protected are protected",
	  "[wp][shmem][smp]")
{
	if (native_before(6, 12))
		skip("native userfaultfd of this kernel leaves such huge pages unprotected");
	const std::size_t huge_pages = 8;
	const auto file = tmpfs_file(huge_pages * page_table, "huge", "always");
	const auto memory = Memory::aligned(huge_pages * page_table, huge_page, file, MAP_SHARED);
	const auto length = memory.range().length;
	const auto context = open_context();
	std::atomic<bool> done = false;
	const auto read_all = [&] {
		std::uint64_t seen = 0;

		while (!done)
			for (std::size_t h = 0; h < huge_pages; h++)
				seen |= memory.word(h * page_table + 5);
		return seen;
	};

	for (std::size_t h = 0; h < huge_pages; h++)
		memory.word(h * page_table) = h;
	if (smaps_bytes(memory.range(), "ShmemPmdMapped") != length)
		skip("no huge page was available");
	auto one = in_thread(read_all), other = in_thread(read_all);
	for (unsigned round = 0; round < repeated(25); round++) {
		/* A new mapping has no page tables: huge pages don't replace those. */
		if (::mmap(memory.page(0), length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			   file.get(), 0) == MAP_FAILED)
			give_up("mmap of the file again");
		take(context.register_range(memory.range(), Modes::WriteProtect));
		wait_until("a huge page is mapped",
			   [&] { return is_there(memory, (huge_pages - 1) * page_table); });
		take(context.write_protect(memory.range()));
		for (std::size_t h = 0; h < huge_pages; h++)
			REQUIRE(is_protected_at(memory.address(h * page_table)));
	}
	done = true;
	one.get();
	other.get();
}

/* Writes through another mapping, or to the file, don't fault. */
TEST_CASE("protection covers one mapping of a file only", "[wp][shmem]")
{
	const UnmappedFile unmapped;
	const Guarded guarded(unmapped.map(MemoryKind::shared_file), [](const Memory &) {});

	guarded.protect();
	unmapped.other.word(0) = 3;
	CHECK(guarded.memory.word(0) == 3);
	CHECK(guarded.write_is_told(0));
	CHECK(unmapped.other.word(0) == 4);
}
