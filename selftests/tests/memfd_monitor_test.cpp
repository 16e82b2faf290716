// SPDX-License-Identifier: GPL-2.0-only
/*
 * A monitor of a memfd that answers faults by writing the page to the file and waking, and not by a
 * copy; and that protects pages before they are there, to see what is written to them later.
 */
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* A file without pages, and a mapping of it that is registered. */
struct WatchedFile {
	explicit WatchedFile(Features features = Features::None, Modes modes = Modes::Missing)
		: file(shmem_file(pages)), memory(pages, file, MAP_SHARED),
		  context(open_context(features | Features::MissingShmem))
	{
		take(context.register_range(memory.range(), modes));
	}

	/* Writes the pattern of its index to a page of the file. */
	void write(std::size_t index) const
	{
		std::vector<std::byte> page(page_size());

		write_pattern(page, index);
		checked(::pwrite(file.get(), page.data(), page.size(),
				 static_cast<off_t>(index * page_size())));
	}
	void wake(std::size_t index) const { take(context.wake(memory.range(index, 1))); }

	bool is_protected(std::size_t index) const
	{
		return is_protected_at(memory.address(index));
	}

	static constexpr std::size_t pages = 8;

	const Fd file;
	const Memory memory;
	const Context context;
};

/* With protection that resolves itself, of pages that aren't there too. */
WatchedFile with_protection()
{
	constexpr auto features =
		Features::WpHugetlbfsShmem | Features::WpUnpopulated | Features::WpAsync;

	need(features);
	return WatchedFile(features, Modes::Missing | Modes::WriteProtect);
}

} // namespace

TEST_CASE("a page that is written to the file is seen by the thread that is woken", "[memfd][smp]")
{
	const WatchedFile watched;
	auto reader = in_thread([&] { return watched.memory.word(2) + 0; });
	const auto fault = next_fault(watched.context);

	CHECK(fault.address == watched.memory.address(2));
	CHECK(fault.flags == FaultFlags::None);
	watched.write(2);
	CHECK_FALSE(is_done(reader));
	watched.wake(2);
	CHECK(reader.get() == pattern_word(2));
}

TEST_CASE("a thread that waits to write does so on top of what is written to the file",
	  "[memfd][smp]")
{
	const WatchedFile watched;
	auto writer = in_thread([&] { watched.memory.word(3) = 1; });

	CHECK(next_fault(watched.context).flags == FaultFlags::Write);
	watched.write(3);
	watched.wake(3);
	writer.get();
	CHECK(watched.memory.word(3) == 1);
	CHECK(*(&watched.memory.word(3) + 1) == pattern_word(3) + 0x0101010101010101);
}

TEST_CASE("a page that is written to the file ahead of time is neither reported nor waited for",
	  "[memfd]")
{
	const WatchedFile watched;

	for (std::size_t i = 0; i < WatchedFile::pages; i++)
		watched.write(i);
	CHECK(count_patterned(watched.memory) == WatchedFile::pages);
	CHECK_FALSE(is_readable(watched.context));
}

TEST_CASE("a page that was protected before it is written to the file is protected when it comes",
	  "[memfd][wp][wp-async][smp]")
{
	const auto watched = with_protection();
	auto reader = in_thread([&] { return watched.memory.word(2) + 0; });

	next_fault(watched.context);
	take(watched.context.write_protect(watched.memory.range(2, 1)));
	watched.write(2);
	watched.wake(2);
	CHECK(reader.get() == pattern_word(2));
	CHECK(watched.is_protected(2));
	watched.memory.word(2) = 1;
	CHECK_FALSE(watched.is_protected(2));
	CHECK_FALSE(is_readable(watched.context));
}

TEST_CASE("pages that are protected and then written to the file stay so until they are written",
	  "[memfd][wp][wp-async]")
{
	const auto watched = with_protection();

	take(watched.context.write_protect(watched.memory.range(0, 4)));
	for (std::size_t i = 0; i < 4; i++)
		watched.write(i);
	CHECK(watched.memory.word(1) == pattern_word(1));
	for (std::size_t i = 0; i < 4; i++)
		CHECK(watched.is_protected(i));
	watched.memory.word(0) = 1;
	CHECK_FALSE(watched.is_protected(0));
	CHECK(watched.is_protected(1));
	CHECK_FALSE(is_readable(watched.context));
}
