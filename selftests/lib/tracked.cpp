// SPDX-License-Identifier: GPL-2.0-only
#include "lib/tracked.hpp"

namespace selftests {

using namespace userfault;

namespace {

Context tracking_context(Features features)
{
	need(Features::Rwp);
	return open_context(Features::Rwp | features);
}

} // namespace

FaultFlags told_of(Access access)
{
	return FaultFlags::ReadWriteProtect |
	       (access == Access::write ? FaultFlags::Write : FaultFlags::None);
}

Tracked::Tracked(std::size_t pages, Features features)
	: Tracked(Memory(pages), fill_with_patterns, features)
{
}

Tracked::Tracked(Memory given, const Fill &fill, Features features, Modes modes)
	: Watched(std::move(given), fill, tracking_context(features),
		  Modes::ReadWriteProtect | modes)
{
}

void Tracked::protect(std::size_t first, std::size_t count) const
{
	take(context.rwprotect(memory.range(first, count)));
}

void Tracked::unprotect(std::size_t first, std::size_t count) const
{
	take(context.rwunprotect(memory.range(first, count)));
}

std::future<std::uint64_t> Tracked::touch(std::size_t index, Access access) const
{
	return in_thread([index, access, this]() -> std::uint64_t {
		if (access == Access::write)
			memory.word(index) = ~pattern_word(index);
		return memory.word(index);
	});
}

bool Tracked::is_told(std::size_t index, Access access) const
{
	auto touched = touch(index, access);

	wait_until("the page is touched or the fault waits",
		   [&] { return is_done(touched) || fdinfo(context.fd()).pending; });
	if (is_done(touched))
		return false;

	const auto fault = next_fault(context);
	if (fault.address != memory.address(index))
		give_up("the fault is of another page");
	if (fault.flags != told_of(access))
		give_up("it is another kind of fault");
	unprotect(index, 1);
	touched.get();
	return true;
}

bool Tracked::nothing_is_told() const
{
	const auto waiting = fdinfo(context.fd());

	return !waiting.pending && !waiting.total && !take(context.read());
}

} // namespace selftests
