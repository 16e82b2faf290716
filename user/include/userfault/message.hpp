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

/* A thread waits for the page at @address, until the page is filled or the thread is woken. */
struct Fault {
	/*
	 * The start of the page, or of the huge page; with Features::ExactAddress the exact byte.
	 */
	Address address = 0;
	FaultFlags flags = FaultFlags::None;
	/* With Features::ThreadId the faulting thread, as its own process numbers it; else 0. */
	std::uint32_t thread = 0;
};

/* The process has forked; @context is the child's, with the same ranges registered. */
struct Fork {
	Fd context;
};

/* Memory that began at @from has moved, and is at @to now. */
struct Remap {
	Address from = 0;
	Range to;
};

/* The pages of @range go as soon as this message was read; the range is still registered. */
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
