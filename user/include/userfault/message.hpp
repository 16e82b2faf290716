/* SPDX-License-Identifier: MIT */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <variant>

#include <userfault/fd.hpp>
#include <userfault/flags.hpp>
#include <userfault/range.hpp>

namespace userfault {

/* A thread waits for the page at @address. It goes on when the page is filled, or woken. */
struct Fault {
	/* Start of the page, be it a huge one; with Features::ExactAddress the very byte. */
	Address address = 0;
	FaultFlags flags = FaultFlags::None;
	/* With Features::ThreadId the faulting thread, as its own process numbers it; else 0. */
	std::uint32_t thread = 0;
};

/* The process has forked; @context is the child's, with the same ranges registered. */
struct Fork {
	Fd context;
};

/* Memory that began at @from has moved and now is @to. */
struct Remap {
	Address from = 0;
	Range to;
};

/* The pages of @range are gone, the range is still registered. */
struct Remove {
	Range range;
};

/* @range is no longer mapped, nor registered. */
struct Unmap {
	Range range;
};

/* A message of a kind that this library doesn't know, as it was read. */
struct Unknown {
	std::array<std::byte, sizeof(uffd_msg)> bytes;
};

/* One message of a context. Move-only, since a Fork owns a file descriptor. */
using Message = std::variant<Fault, Fork, Remap, Remove, Unmap, Unknown>;

/* Takes over the file descriptor that a fork's message carries: decode a message only once. */
Message decode(const uffd_msg &raw) noexcept;

} // namespace userfault
