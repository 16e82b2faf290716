/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_GUEST_WORLD_HPP
#define SELFTESTS_GUEST_WORLD_HPP

#include "lib/guest.hpp"
#include "lib/huge_pages.hpp"
#include "lib/memory.hpp"
#include "lib/world.hpp"

#include <cstddef>
#include <future>
#include <memory>
#include <source_location>

namespace selftests {

/*
 * A guest whose memory is registered. Counts and indexes are in pages of that kind of memory, which
 * may be huge.
 */
struct GuestWorld {
	using Answer = userfault::Result<Vcpu::Word>;

	explicit GuestWorld(std::size_t pages, MemoryKind kind = MemoryKind::anonymous,
			    userfault::Modes modes = userfault::Modes::Missing,
			    userfault::Features features = userfault::Features::None,
			    Guest::Hardware hardware = Guest::processors_only);
	/* With memory whose pages are @page_bytes long. */
	GuestWorld(Memory memory, std::size_t page_bytes, userfault::Modes modes,
		   userfault::Features features = userfault::Features::None,
		   Guest::Hardware hardware = Guest::processors_only);

	/* The guest reads or writes the first word of a page, in another thread. */
	std::future<Answer> reading(std::size_t index);
	std::future<Answer> writing(std::size_t index, Vcpu::Word value);
	/* The same in this thread, where nothing has to wait. */
	Answer read(std::size_t index);
	Answer write(std::size_t index, Vcpu::Word value);

	/* Takes the next fault, which has to be of this page and of this kind. */
	void next_fault_is(std::size_t index, userfault::FaultFlags flags,
			   std::source_location where = std::source_location::current()) const;
	/* Whether no fault waits, and no message is there. */
	bool nothing_is_told() const;

	/* Fills a page with the pattern of its index, and wakes its waiters. */
	void fill(std::size_t index, userfault::CopyModes modes = userfault::CopyModes::None) const;
	/* Writes to pages of memory that isn't registered for missing pages. */
	void write_patterns() const;
	bool has_pattern(std::size_t index) const;

	userfault::Range range(std::size_t first, std::size_t count) const;
	volatile Vcpu::Word &word(std::size_t index) const;
	Vcpu &vcpu() { return guest.vcpu(); }

	const std::unique_ptr<HugePages> pool; /* if the memory is hugetlb */
	const std::size_t small_pages;	       /* in one of the pages */
	const Memory memory;
	userfault::Context context;
	const userfault::Ioctls ioctls;
	Guest guest;
};

bool is_huge(MemoryKind kind);

/* The size of a page of such memory. */
std::size_t page_bytes_of(MemoryKind kind);

/* Huge pages for so many pages of such memory, and for private copies of them; null if not huge. */
std::unique_ptr<HugePages> pool_for(std::size_t pages, MemoryKind kind);

} // namespace selftests

#endif
