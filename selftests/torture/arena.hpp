/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_ARENA_HPP
#define SELFTESTS_TORTURE_ARENA_HPP

#include "torture/ledger.hpp"
#include "torture/outcome.hpp"
#include "torture/shared.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <sys/mman.h>

#include <userfault/context.hpp>

namespace torture {

/* What operations ask of an arena. */
enum class Traits : std::uint64_t {
	none = 0,
	anonymous = 1 << 0, /* private, without a file, of small pages */
	shmem = 1 << 1,	    /* a shared file */
	small = 1 << 2,
	huge = 1 << 3,	      /* hugetlb */
	transparent = 1 << 4, /* it may have huge pages */
	privately = 1 << 5,   /* MAP_PRIVATE: a drop is MADV_DONTNEED, and a fork copies it */
	lossy = 1 << 6,	      /* MADV_FREE is used on it */
	alike = 1 << 7,	      /* its pages have the same content, for KSM */
	protect = 1 << 8,     /* write protection is used */
	protect_all = 1 << 9, /* read-write protection is used */
	itself = 1 << 10,     /* protection that resolves itself */
	events = 1 << 11,
	sigbus = 1 << 12, /* a missing page is a SIGBUS instead of a message */
};

} // namespace torture

template <> inline constexpr bool userfault::is_flags<torture::Traits> = true;

namespace torture {

using userfault::operator|;
using userfault::operator&;
using userfault::has;

/* A kind of memory, and what it is registered for. */
struct Kind {
	const char *name;
	Traits traits;
	std::size_t pages;
	userfault::Modes modes;
	userfault::Features features;
};

std::span<const Kind> kinds();

/*
 * Memory of one kind, registered with a context of its own, at an address that is the same in every
 * world and every round. It may be away from there: at the same distance for all of its pages.
 */
class Arena {
public:
	struct Place {
		unsigned world, number;
	};

	/* In the process whose memory it is; nothing if the kernel lacks something for it. */
	static std::unique_ptr<Arena> make(Place place, const Kind &kind,
					   const std::string &device);
	/* In a process that monitors it. */
	Arena(Place place, const Kind &kind, userfault::Context context, userfault::Fd file);

	/* The memory of a child, of which a fork event tells. */
	std::unique_ptr<Arena> of_child(userfault::Fd context) const;
	bool is_of_child() const { return of_child_; }

	const Kind &kind() const { return kind_; }
	bool is(Traits traits) const { return has(kind_.traits, traits); }
	unsigned number() const { return place_.number; }
	std::string name() const;

	std::size_t pages() const { return kind_.pages; }
	std::size_t page_size() const { return page_size_; }
	std::byte *page(std::size_t index) const { return home() + index * page_size_; }
	std::byte *home() const;
	std::byte *away() const;
	std::size_t size() const { return kind_.pages * page_size_; }
	userfault::Address address(std::size_t index) const;
	userfault::Range range(std::size_t first, std::size_t count) const;
	userfault::Range range() const { return range(0, pages()); }
	/* The page at an address, whether the memory is at home or away. */
	std::optional<std::size_t> index_of(userfault::Address address) const;

	volatile std::uint64_t *words(std::size_t index) const;
	Stamp stamp(std::size_t index, unsigned generation) const;
	PageEntry &entry(std::size_t index) const;

	/*
	 * Whether the ledger explains how an access to a page ended that began at @before: with a
	 * signal, or with the errno of a system call that couldn't access it.
	 */
	bool explains(Outcome outcome, const PageEntry &entry, const Before &before) const;

	/*
	 * From now on zeroes are right in these pages, see (2) of the ledger: but not beside other
	 * words, or in place of what was there and didn't change.
	 */
	void expect_zeroes(std::size_t first, std::size_t count) const;

	/* Which pages may be answered with zeroes, and which with poison. */
	bool may_be_zero(std::size_t index) const;
	bool may_be_poison(std::size_t index) const;

	const userfault::Context &context() const { return context_; }
	const userfault::Fd &file() const { return file_; }
	int map_flags() const;
	/* Maps @count pages anew, over what is there; -1 and errno as mmap(2). */
	int map(std::size_t first, std::size_t count) const;
	/* Registers again what was mapped anew. */
	userfault::Result<userfault::Ioctls> register_again(std::size_t first,
							    std::size_t count) const;
	/* Lets all waiters of these pages try again, at home and away. */
	void wake(std::size_t first, std::size_t count) const;
	/* Makes the pages missing, in the file too. */
	int drop(std::size_t first, std::size_t count) const;

	/* Held by whoever unmaps, moves or truncates it; nothing else waits for that. */
	std::mutex &structure() const { return structure_; }

private:
	Arena(Place place, const Kind &kind);
	bool open(const std::string &device);

	Place place_;
	const Kind &kind_;
	std::size_t page_size_;
	userfault::Fd file_;
	userfault::Context context_ = userfault::Context::adopt(userfault::Fd());
	mutable std::mutex structure_;
	bool of_child_ = false;
};

} // namespace torture

#endif
