// SPDX-License-Identifier: GPL-2.0-only
#include "torture/leaking.hpp"

#include "torture/files.hpp"
#include "torture/forking.hpp"
#include "torture/group.hpp"
#include "torture/machine.hpp"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace torture {

namespace {

constexpr std::size_t huge_page = 2 << 20, small_page = 4096;

void touch(std::byte *start, std::size_t length)
{
	for (std::size_t i = 0; i < length; i += small_page)
		*reinterpret_cast<volatile std::byte *>(start + i) = std::byte{1};
}

std::byte *map(std::size_t length, int flags, int fd = -1)
{
	return static_cast<std::byte *>(
		::mmap(nullptr, length, PROT_READ | PROT_WRITE, flags, fd, 0));
}

int make_file(std::size_t size, unsigned flags = 0)
{
	const int fd = ::memfd_create("torture-leak", flags);

	return ::ftruncate(fd, static_cast<off_t>(size)) ? -1 : fd;
}

/* A huge page's worth of memory, at an address where it can be a huge page. */
std::byte *map_aligned(int flags, int fd = -1)
{
	auto *start = map(2 * huge_page, flags, fd);
	const auto address = reinterpret_cast<std::uintptr_t>(start);

	start += -address % huge_page;
	return static_cast<std::byte *>(
		::mmap(start, huge_page, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0));
}

void leak_transparent_pages(int flags, int fd = -1)
{
	auto *start = map_aligned(flags, fd);

	touch(start, huge_page);
	::madvise(start, huge_page, MADV_COLLAPSE);
}

void leak_blocks()
{
	const int fd = ::open(files_folder, O_TMPFILE | O_RDWR, 0600);

	if (::ftruncate(fd, huge_page) == 0)
		touch(map(huge_page, MAP_SHARED, fd), huge_page);
}

/* One page of two is used: the other stays reserved. */
void leak_huge_pages()
{
	touch(map(2 * huge_page, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB), small_page);
}

/* More than there are: the kernel makes one for as long as it is used. */
void leak_surplus_page()
{
	const std::string folder = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
	const auto unused =
		number_in(folder + "free_hugepages") - number_in(folder + "resv_hugepages");

	write_file(folder + "nr_overcommit_hugepages", "1");
	map((unused + 1) * huge_page, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB);
}

void leak_locked_pages()
{
	auto *start = map(huge_page, MAP_PRIVATE | MAP_ANONYMOUS);

	touch(start, huge_page);
	::mlock(start, huge_page);
}

/* Each page needs a table of its own. */
void leak_page_tables()
{
	constexpr std::size_t tables = 64;
	auto *start = map(tables * huge_page, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);

	for (std::size_t i = 0; i < tables; i++)
		touch(start + i * huge_page, small_page);
}

/* A process of the group fills these files, and they outlive it; half of one is swapped out. */
void leak_files_in_group(const Group &group)
{
	constexpr std::size_t size = 4 * huge_page;
	const int huge = make_file(2 * huge_page, MFD_HUGETLB), small = make_file(size);
	const pid_t child = ::fork();

	if (child == 0) {
		group.join();
		touch(map(2 * huge_page, MAP_SHARED, huge), small_page);
		touch(map(size, MAP_SHARED, small), size);
		::_exit(0);
	}
	::waitpid(child, nullptr, 0);
	group.write("memory.reclaim", std::to_string(size / 2));
}

/* A process of the group stops when it has all this, and lives as long as its parent. */
void leak_memory_in_group(const Group &group)
{
	const pid_t child = fork_bound();

	if (child == 0) {
		group.join();
		leak_page_tables();
		leak_transparent_pages(MAP_PRIVATE | MAP_ANONYMOUS);
		leak_transparent_pages(MAP_SHARED, make_file(2 * huge_page));
		::raise(SIGSTOP);
		::_exit(0);
	}
	::waitpid(child, nullptr, WUNTRACED);
}

} // namespace

void leak_everything()
{
	leak_blocks();
	leak_huge_pages();
	leak_transparent_pages(MAP_PRIVATE | MAP_ANONYMOUS);
	leak_transparent_pages(MAP_SHARED, make_file(2 * huge_page));
	leak_locked_pages();
	leak_files_in_group(Group("torture-0"));
	leak_memory_in_group(Group("torture-0"));
	leak_surplus_page();
}

void leak_huge_pages_of_process()
{
	constexpr std::size_t more_than_few = 5;

	touch(map(more_than_few * huge_page, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB),
	      more_than_few * huge_page);
}

} // namespace torture
