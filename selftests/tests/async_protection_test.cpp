// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write protection of absent pages (WP_UNPOPULATED), and write protection that resolves itself
 * (WP_ASYNC). Native userfaultfd of older kernels has neither: there only the module is tested.
 */
#include "lib/files.hpp"
#include "lib/protection.hpp"
#include "lib/scan.hpp"
#include "lib/thp.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

void leave_empty(const Memory &) {}

Guarded empty(std::size_t pages, Features features, Modes modes = Modes::WriteProtect)
{
	need(features);
	return Guarded(Memory::aligned(pages, huge_page), leave_empty, features, modes);
}

Guarded async(std::size_t pages)
{
	need(Features::WpAsync);
	return Guarded(pages, Features::WpAsync);
}

bool nothing_is_told(const Guarded &guarded)
{
	const auto waiting = fdinfo(guarded.context.fd());

	return !waiting.pending && !waiting.total && !take(guarded.context.read());
}

/* Memory of a file, shared or private, in which every page is there. */
struct FileMemory {
	FileMemory(const Fd &file, std::size_t pages, int flags)
		: memory(pages), context(open_context(Features::WpAsync))
	{
		if (::mmap(memory.page(0), pages * page_size(), PROT_READ | PROT_WRITE,
			   flags | MAP_FIXED, file.get(), 0) != memory.page(0))
			give_up("mmap of a file");
		for (std::size_t i = 0; i < pages; i++)
			memory.word(i) = i;
	}

	bool is_protected(std::size_t index) const
	{
		return is_protected_at(memory.address(index));
	}

	Memory memory;
	Context context;
};

Fd shmem(std::size_t pages)
{
	Fd file(static_cast<int>(checked(::memfd_create("protected", MFD_CLOEXEC))));

	checked(::ftruncate(file.get(), static_cast<off_t>(pages * page_size())));
	return file;
}

void check_file_memory(const FileMemory &file)
{
	take(file.context.register_range(file.memory.range(), Modes::WriteProtect));
	take(file.context.write_protect(file.memory.range()));
	for (std::size_t i = 0; i < file.memory.pages(); i++)
		CHECK(file.is_protected(i));
	file.memory.word(1) = 77;
	CHECK(file.memory.word(1) == 77);
	CHECK(file.is_protected(0));
	CHECK_FALSE(file.is_protected(1));
	take(file.context.write_unprotect(file.memory.range()));
	CHECK_FALSE(file.is_protected(0));
	file.memory.word(0) = 78;
	take(file.context.write_protect(file.memory.range()));
	take(file.context.unregister_range(file.memory.range()));
	CHECK_FALSE(file.is_protected(0));
	file.memory.word(2) = 79;
	CHECK(file.memory.word(0) == 78);
}

} // namespace

TEST_CASE("absent pages can be protected", "[wp][wp-unpopulated]")
{
	const auto guarded = empty(2 * 512, Features::WpUnpopulated);

	guarded.protect();
	CHECK(guarded.only_protected(0, 2 * 512));
	auto writer = in_thread([&] { guarded.memory.word(600) = 3; });
	const auto fault = next_fault(guarded.context);
	CHECK(fault.address == guarded.memory.address(600));
	CHECK(fault.flags == (FaultFlags::Write | FaultFlags::WriteProtect));
	guarded.unprotect(600, 1);
	writer.get();
	CHECK(guarded.memory.word(600) == 3);
	CHECK(guarded.is_protected(599));
	guarded.unprotect();
	CHECK(guarded.only_protected(0, 0));
	CHECK_FALSE(guarded.write_is_told(7));
}

TEST_CASE("an absent page that is protected stays so when it is read", "[wp][wp-unpopulated]")
{
	const auto guarded = empty(2, Features::WpUnpopulated);

	guarded.protect();
	CHECK(is_zero(guarded.memory.bytes(0, 2)));
	CHECK(guarded.only_protected(0, 2));
	CHECK(guarded.write_is_told(1));
	CHECK(guarded.memory.word(1) == 1);
}

TEST_CASE("some pages that are there and some that are not are protected", "[wp][wp-unpopulated]")
{
	const auto guarded = empty(1024, Features::WpUnpopulated);

	keep_small(guarded.memory);
	for (const std::size_t i : {0, 3, 511, 700})
		guarded.memory.word(i) = i;
	guarded.protect(1, 1022);
	CHECK(guarded.only_protected(1, 1022));
	CHECK(guarded.write_is_told(3));
	CHECK(guarded.write_is_told(4));
	CHECK_FALSE(guarded.write_is_told(0));
	CHECK_FALSE(guarded.write_is_told(1023));
}

TEST_CASE("a fault on a protected page that is missing is reported as missing",
	  "[wp][wp-unpopulated]")
{
	const auto guarded =
		empty(2, Features::WpUnpopulated, Modes::Missing | Modes::WriteProtect);

	guarded.protect();
	auto writer = in_thread([&] { guarded.memory.word(0) = 3; });
	CHECK(next_fault(guarded.context).flags == FaultFlags::Write);
	fill(guarded.context, guarded.memory, 0);
	writer.get();
	auto reader = in_thread([&] { return guarded.memory.word(1) + 0; });
	CHECK(next_fault(guarded.context).flags == FaultFlags::None);
	fill(guarded.context, guarded.memory, 1);
	CHECK(reader.get() == pattern_word(1));
	guarded.protect();
	CHECK(guarded.write_is_told(1));
}

TEST_CASE("with WP_ASYNC a write to a protected page resolves itself and can be seen",
	  "[wp][wp-async]")
{
	const auto guarded = async(8);

	guarded.protect();
	CHECK(guarded.only_protected(0, 8));
	guarded.memory.word(3) = 5;
	CHECK(guarded.memory.word(3) == 5);
	CHECK(nothing_is_told(guarded));
	CHECK_FALSE(guarded.is_protected(3));
	CHECK(guarded.is_protected(2));
	CHECK(guarded.is_protected(4));
	guarded.protect();
	CHECK(guarded.only_protected(0, 8));
	CHECK(has_pattern(guarded.memory.bytes(4, 1), 4));
}

TEST_CASE("with WP_ASYNC absent pages are protected too", "[wp][wp-async]")
{
	const auto guarded = empty(600, Features::WpAsync);

	guarded.protect();
	CHECK(guarded.only_protected(0, 600));
	guarded.memory.word(0) = 1;
	guarded.memory.word(599) = 2;
	CHECK(guarded.only_protected(1, 598));
	CHECK(guarded.memory.word(1) == 0);
	CHECK(guarded.only_protected(1, 598));
	CHECK(nothing_is_told(guarded));
}

TEST_CASE("with WP_ASYNC a write unprotects only a part of a huge page", "[wp][wp-async]")
{
	need(Features::WpAsync);
	const Guarded guarded(Memory::aligned(page_table, huge_page), make_huge, Features::WpAsync);

	guarded.protect();
	guarded.memory.word(9) = 1;
	CHECK_FALSE(guarded.is_protected(9));
	for (const std::size_t i : {0, 8, 10, 511})
		CHECK(guarded.is_protected(i));
	CHECK(has_pattern(guarded.memory.bytes(10, 1), 10));
	CHECK(nothing_is_told(guarded));
}

TEST_CASE("with WP_ASYNC the kernel's write to a protected page resolves itself", "[wp][wp-async]")
{
	need(Features::WpAsync);
	auto options = options_for(Features::WpAsync);
	options.user_mode_only = true;
	const auto memory = patterned(1);
	const auto context = open_context(options);
	const Pipe pipe;

	checked(::write(pipe.in.get(), "abcd", 4));
	take(context.register_range(memory.range(), Modes::WriteProtect));
	take(context.write_protect(memory.range()));
	CHECK(::read(pipe.out.get(), memory.page(0), 4) == 4);
	CHECK(memory.page(0)[0] == std::byte{'a'});
	CHECK_FALSE(is_protected_at(memory.address(0)));
}

TEST_CASE("with WP_ASYNC a scan finds the pages that were written to", "[wp][wp-async]")
{
	const auto guarded = async(8);

	guarded.protect();
	CHECK(written_ranges(guarded.memory.range()).empty());
	guarded.memory.word(2) = 1;
	guarded.memory.word(3) = 1;
	guarded.memory.word(6) = 1;
	const auto found = written_ranges(guarded.memory.range());
	REQUIRE(found.size() == 2);
	CHECK(found[0].start == guarded.memory.address(2));
	CHECK(found[0].end == guarded.memory.address(4));
	CHECK(found[1].start == guarded.memory.address(6));
	CHECK(guarded.only_protected(0, 8));
}

TEST_CASE("with WP_ASYNC memory of any file can be protected", "[wp][wp-async]")
{
	need(Features::WpAsync);
	check_file_memory(FileMemory(shmem(4), 4, MAP_SHARED));
	check_file_memory(FileMemory(shmem(4), 4, MAP_PRIVATE));
	check_file_memory(FileMemory(ordinary_file(4), 4, MAP_SHARED));
	check_file_memory(FileMemory(ordinary_file(4), 4, MAP_PRIVATE));
}

TEST_CASE("an ordinary file can be registered only with WP_ASYNC and only for write protection",
	  "[wp][wp-async]")
{
	need(Features::WpAsync);
	const FileMemory file(ordinary_file(1), 1, MAP_SHARED);
	const auto sync = open_context();

	CHECK_FALSE(sync.register_range(file.memory.range(), Modes::WriteProtect));
	CHECK_FALSE(file.context.register_range(file.memory.range(), Modes::Missing));
	CHECK_FALSE(file.context.register_range(file.memory.range(),
						Modes::Missing | Modes::WriteProtect));
}
