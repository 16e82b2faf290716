// SPDX-License-Identifier: GPL-2.0-only
#include "lib/protection.hpp"
#include "lib/thp.hpp"

#include <cerrno>
#include <sys/mman.h>

namespace selftests {

using namespace userfault;

void fill_with_patterns(const Memory &memory)
{
	for (std::size_t i = 0; i < memory.pages(); i++)
		write_pattern(memory.bytes(i, 1), i);
}

Watched::Watched(Memory given, const Fill &fill, Context given_context, Modes modes)
	: memory(std::move(given)), context(std::move(given_context))
{
	fill(memory);
	take(context.register_range(memory.range(), modes));
}

bool Watched::is_protected(std::size_t index) const
{
	return is_protected_at(memory.address(index));
}

bool Watched::only_protected(std::size_t first, std::size_t count) const
{
	const auto entries = pagemap_entries(memory);

	for (std::size_t i = 0; i < entries.size(); i++)
		if (!!(entries[i] & pagemap_write_protected) != (i - first < count))
			return false;
	return true;
}

Guarded::Guarded(std::size_t pages, Features features)
	: Guarded(Memory(pages), fill_with_patterns, features)
{
}

Guarded::Guarded(Memory given, const Fill &fill, Features features, Modes modes)
	: Watched(std::move(given), fill, open_context(features), modes)
{
}

void Guarded::protect(std::size_t first, std::size_t count) const
{
	take(context.write_protect(memory.range(first, count)));
}

void Guarded::unprotect(std::size_t first, std::size_t count) const
{
	take(context.write_unprotect(memory.range(first, count)));
}

bool Guarded::write_is_told(std::size_t index) const
{
	const std::uint64_t before = memory.word(index), after = before + 1;
	auto written = in_thread([=, this] { memory.word(index) = after; });

	wait_until("the page is written or the fault waits",
		   [&] { return is_done(written) || fdinfo(context.fd()).pending; });
	if (is_done(written))
		return false;

	const auto fault = next_fault(context);
	if (fault.address != memory.address(index))
		give_up("the fault is of another page");
	if (fault.flags != (FaultFlags::Write | FaultFlags::WriteProtect))
		give_up("it is another kind of fault");
	if (memory.word(index) != before)
		give_up("a protected page was written to");
	unprotect(index, 1);
	written.get();
	if (memory.word(index) != after)
		give_up("the write is lost");
	return true;
}

void need_replacing()
{
	if (!kernel_before(7, 3))
		skip("this kernel refuses a registration that leaves protection out");
}

void make_huge(const Memory &memory)
{
	const auto [start, length] = memory.range();

	need_transparent_huge_pages();
	checked(::madvise(memory.page(0), length, MADV_HUGEPAGE));
	fill_with_patterns(memory);
	if (smaps_bytes(memory.range(), "AnonHugePages") != length)
		skip("no huge page was available");
}

} // namespace selftests
