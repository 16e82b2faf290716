/* SPDX-License-Identifier: MIT */
#include <userfault/message.hpp>

#include <bit>

namespace userfault {
namespace {

Fault decode_fault(const uffd_msg &raw) noexcept
{
	auto fault = raw.arg.pagefault;

	return {fault.address, FaultFlags{fault.flags}, fault.feat.ptid};
}

Remap decode_remap(const uffd_msg &raw) noexcept
{
	auto remap = raw.arg.remap;

	return {remap.from, {remap.to, remap.len}};
}

Range decode_range(const uffd_msg &raw) noexcept
{
	auto range = raw.arg.remove;

	return {range.start, range.end - range.start};
}

} // namespace

Message decode(const uffd_msg &raw) noexcept
{
	switch (raw.event) {
	case UFFD_EVENT_PAGEFAULT:
		return decode_fault(raw);
	case UFFD_EVENT_FORK:
		return Fork{Fd(static_cast<int>(raw.arg.fork.ufd))};
	case UFFD_EVENT_REMAP:
		return decode_remap(raw);
	case UFFD_EVENT_REMOVE:
		return Remove{decode_range(raw)};
	case UFFD_EVENT_UNMAP:
		return Unmap{decode_range(raw)};
	default:
		return Unknown{std::bit_cast<decltype(Unknown::bytes)>(raw)};
	}
}

} // namespace userfault
