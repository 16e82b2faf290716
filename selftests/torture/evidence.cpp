// SPDX-License-Identifier: GPL-2.0-only
#include "torture/evidence.hpp"

#include "torture/files.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace torture {

using userfault::Fd;

namespace {

constexpr std::size_t small_page = 4096;

std::uint64_t number_at(int fd, std::uint64_t index)
{
	std::uint64_t number = 0;

	if (::pread(fd, &number, sizeof(number), static_cast<off_t>(index * sizeof(number))) !=
	    sizeof(number))
		return 0;
	return number;
}

/* A page of a file is in swap if the file has it, and memory doesn't. Page tables don't tell. */
bool is_out_of_file(const Arena &arena, std::size_t index)
{
	const auto offset = static_cast<off_t>(index * arena.page_size());
	unsigned char resident = 1;

	return ::lseek(arena.file().get(), offset, SEEK_DATA) == offset &&
	       ::mincore(arena.page(index), 1, &resident) == 0 && !(resident & 1);
}

} // namespace

Event::Event(std::string name) : name_(std::move(name)), before_(field("/proc/vmstat", name_)) {}

bool Event::has_happened() const
{
	return field("/proc/vmstat", name_) != before_;
}

std::vector<std::uint64_t> pagemap(const Arena &arena, std::size_t first, std::size_t count)
{
	const auto each = arena.page_size() / small_page;
	const Fd file(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	std::vector<std::uint64_t> all(count * each), entries;

	/* At once: on a debug kernel a call takes longer than an entry. */
	static_cast<void>(
		::pread(file.get(), all.data(), all.size() * sizeof(all[0]),
			static_cast<off_t>(arena.address(first) / small_page * sizeof(all[0]))));
	for (std::size_t i = 0; i < count; i++)
		entries.push_back(all[i * each]);
	return entries;
}

std::uint64_t pagemap_entry(const Arena &arena, std::size_t index)
{
	const Fd file(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));

	return number_at(file.get(), arena.address(index) / small_page);
}

std::uint64_t flags_of(std::uint64_t entry)
{
	const auto frame = frame_in(entry);

	if (!frame)
		return 0;
	const Fd file(::open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
	return number_at(file.get(), frame);
}

bool has_pages(const Arena &arena, std::size_t first, std::size_t count)
{
	return std::ranges::any_of(pagemap(arena, first, count),
				   [](auto entry) { return entry & (present_bit | swapped_bit); });
}

bool is_huge_page(const Arena &arena, std::size_t index)
{
	return flags_of(pagemap_entry(arena, index)) & huge_flag;
}

std::size_t count_swapped(const Arena &arena, std::size_t first, std::size_t count)
{
	std::size_t sum = 0;

	if (arena.is(Traits::privately)) {
		const auto entries = pagemap(arena, first, count);
		return static_cast<std::size_t>(std::ranges::count_if(
			entries, [](auto entry) { return entry & swapped_bit; }));
	}
	for (std::size_t i = first; i < first + count; i++)
		sum += is_out_of_file(arena, i);
	return sum;
}

std::size_t count_free(const Arena &arena, std::size_t first, std::size_t count)
{
	const auto entries = pagemap(arena, first, count);

	return static_cast<std::size_t>(std::ranges::count_if(entries, [](auto entry) {
		return (flags_of(entry) & (anonymous_flag | swap_backed_flag)) == anonymous_flag;
	}));
}

std::size_t count_used(const Arena &arena, std::size_t first, std::size_t count)
{
	const auto entries = pagemap(arena, first, count);

	return static_cast<std::size_t>(std::ranges::count_if(entries, [](auto entry) {
		return flags_of(entry) & (referenced_flag | active_flag);
	}));
}

bool has_swap()
{
	return field("/proc/meminfo", "SwapTotal") != 0;
}

} // namespace torture
