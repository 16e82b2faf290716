/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MEMORY_HPP
#define SELFTESTS_MEMORY_HPP

#include <userfault/fd.hpp>
#include <userfault/range.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace selftests {

using userfault::page_size;

/* On x86-64: how many pages a page table maps, and the bytes of the huge page in its place. */
inline constexpr std::size_t page_table = 512;
inline constexpr std::size_t huge_page = 2 << 20;

enum class MemoryKind {
	anonymous,	  /* private */
	shared_anonymous, /* which is shmem */
	shared_file,	  /* of shmem, as is the next */
	private_file,
	/* Of huge pages: */
	private_huge,
	shared_huge,
	private_huge_file,
	shared_huge_file,
};

/*
 * A mapping of its own, counted in pages; private and anonymous by default. Its content may change
 * at any moment, and an access may wait: hence volatile.
 *
 * It is where the kernel maps nothing by itself, and each has a place of its own. So a hole in it
 * stays a hole, whatever threads and runtimes map meanwhile, and can be mapped or unmapped again.
 */
class Memory {
public:
	explicit Memory(std::size_t pages, int flags = 0);
	/* Of another kind; if that has a file, the file is new and empty. */
	Memory(std::size_t pages, MemoryKind kind);
	/* Of a file, from its beginning on; @flags has MAP_SHARED or MAP_PRIVATE. */
	Memory(std::size_t pages, const userfault::Fd &file, int flags);
	/* As above; the memory begins at a multiple of @alignment bytes, a power of two. */
	static Memory aligned(std::size_t pages, std::size_t alignment, int flags = 0);
	static Memory aligned(std::size_t pages, std::size_t alignment, MemoryKind kind);
	static Memory aligned(std::size_t pages, std::size_t alignment, const userfault::Fd &file,
			      int flags);

	std::size_t pages() const { return bytes_.size() / page_size(); }
	std::byte *page(std::size_t index) const { return bytes_.data() + index * page_size(); }
	userfault::Address address(std::size_t index) const;
	std::size_t index_of(userfault::Address address) const;

	userfault::Range range() const { return range(0, pages()); }
	userfault::Range range(std::size_t first, std::size_t count) const;
	std::span<std::byte> bytes(std::size_t first, std::size_t count) const;

	/* Makes a hole. */
	void unmap(std::size_t first, std::size_t count) const;

	/* mremap(2), over what is at @to if that is given. Returns 0, or -1 and errno. */
	long remap(std::size_t first, std::size_t old_count, std::size_t new_count, int flags = 0,
		   const std::byte *to = nullptr) const;

	/* Makes pages missing again, in the file too if it is shared. */
	void drop(std::size_t first, std::size_t count) const;

	/* The first word of a page: reading or writing it touches the page. */
	volatile std::uint64_t &word(std::size_t index) const;

private:
	struct Unmap {
		std::size_t length;
		void operator()(std::byte *start) const;
	};
	using Mapping = std::unique_ptr<std::byte, Unmap>;

	Memory(Mapping mapping, std::span<std::byte> bytes);
	static Mapping map_anonymous(std::size_t length, int flags);
	void map(const userfault::Fd &file, int flags);

	Mapping mapping_;
	std::span<std::byte> bytes_;
	bool shared_ = false;
};

/*
 * The content that tests give to pages. Every word of it depends on @seed and on its place in the
 * page, so that tests notice a page that is wrong, misplaced or incomplete.
 */
void write_pattern(std::span<std::byte> page, std::uint64_t seed);
bool has_pattern(std::span<const std::byte> page, std::uint64_t seed);
bool is_zero(std::span<const std::byte> bytes);

/* The first word of the pattern. */
std::uint64_t pattern_word(std::uint64_t seed);

/* Pages that have the patterns @first_seed, @first_seed + 1, and so on. */
Memory patterned(std::size_t pages, std::uint64_t first_seed = 0);
Memory patterned(std::size_t pages, MemoryKind kind, std::uint64_t first_seed = 0);

/*
 * How many pages, counted from the first one, have the patterns @first_seed, @first_seed + 1, ...
 */
std::size_t count_patterned(const Memory &memory, std::uint64_t first_seed = 0);

} // namespace selftests

#endif
