// SPDX-License-Identifier: GPL-2.0-only
#include "lib/guest_world.hpp"

#include "harness/harness.hpp"

#include <utility>
#include <vector>

namespace selftests {

using namespace userfault;

bool is_huge(MemoryKind kind)
{
	return kind >= MemoryKind::private_huge;
}

std::size_t page_bytes_of(MemoryKind kind)
{
	return is_huge(kind) ? huge_page : page_size();
}

std::unique_ptr<HugePages> pool_for(std::size_t pages, MemoryKind kind)
{
	return is_huge(kind) ? std::make_unique<HugePages>(2 * pages) : nullptr;
}

GuestWorld::GuestWorld(std::size_t pages, MemoryKind kind, Modes modes, Features features,
		       Guest::Hardware hardware)
	: pool(pool_for(pages, kind)), small_pages(page_bytes_of(kind) / page_size()),
	  memory(pages * small_pages, kind), context(open_context(features)),
	  ioctls(take(context.register_range(memory.range(), modes))), guest(memory, 1, hardware)
{
}

GuestWorld::GuestWorld(Memory its_memory, std::size_t page_bytes, Modes modes, Features features,
		       Guest::Hardware hardware)
	: small_pages(page_bytes / page_size()), memory(std::move(its_memory)),
	  context(open_context(features)),
	  ioctls(take(context.register_range(memory.range(), modes))), guest(memory, 1, hardware)
{
}

std::future<GuestWorld::Answer> GuestWorld::reading(std::size_t index)
{
	return in_thread([=, this] { return read(index); });
}

std::future<GuestWorld::Answer> GuestWorld::writing(std::size_t index, Vcpu::Word value)
{
	return in_thread([=, this] { return write(index, value); });
}

GuestWorld::Answer GuestWorld::read(std::size_t index)
{
	return vcpu().read(index * small_pages);
}

GuestWorld::Answer GuestWorld::write(std::size_t index, Vcpu::Word value)
{
	return vcpu().write(index * small_pages, value);
}

void GuestWorld::next_fault_is(std::size_t index, FaultFlags flags,
			       std::source_location where) const
{
	const auto fault = next_fault(context);

	if (fault.address != range(index, 1).start)
		give_up("the fault is of another page", where);
	if (fault.flags != flags)
		give_up("the fault is of another kind", where);
}

bool GuestWorld::nothing_is_told() const
{
	const auto waiting = fdinfo(context.fd());

	return !waiting.pending && !waiting.total && !take(context.read());
}

void GuestWorld::fill(std::size_t index, CopyModes modes) const
{
	std::vector<std::byte> page(small_pages * page_size());

	write_pattern(page, index);
	const auto progress = context.copy(range(index, 1).start, page, modes);
	if (!progress)
		give_up("copy: " + progress.error.message());
}

void GuestWorld::write_patterns() const
{
	for (std::size_t i = 0; i < memory.pages() / small_pages; i++)
		write_pattern(memory.bytes(i * small_pages, small_pages), i);
}

bool GuestWorld::has_pattern(std::size_t index) const
{
	return selftests::has_pattern(memory.bytes(index * small_pages, small_pages), index);
}

Range GuestWorld::range(std::size_t first, std::size_t count) const
{
	return memory.range(first * small_pages, count * small_pages);
}

volatile Vcpu::Word &GuestWorld::word(std::size_t index) const
{
	return memory.word(index * small_pages);
}

} // namespace selftests
