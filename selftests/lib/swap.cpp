// SPDX-License-Identifier: GPL-2.0-only
#include "lib/swap.hpp"

#include "harness/harness.hpp"
#include "harness/loaded_module.hpp"
#include "lib/maps.hpp"

#include <userfault/fd.hpp>

#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>
#include <vector>

namespace selftests {

namespace {

const std::string driver = "/lib/drivers/brd.ko", disk = "/dev/ram0";

/* The first page of a swap disk, as mkswap(8) writes it. */
void make_swap(std::size_t pages)
{
	const userfault::Fd file(
		static_cast<int>(checked(::open(disk.c_str(), O_WRONLY | O_CLOEXEC))));
	std::vector<char> page(userfault::page_size());
	const std::uint32_t header[] = {1, static_cast<std::uint32_t>(pages - 1), 0};
	constexpr char signature[] = "SWAPSPACE2";
	constexpr std::size_t signature_length = sizeof(signature) - 1;

	std::memcpy(page.data() + 1024, header, sizeof(header));
	std::memcpy(page.data() + page.size() - signature_length, signature, signature_length);
	checked(::write(file.get(), page.data(), page.size()));
	checked(::fsync(file.get()));
}

} // namespace

Swap::Swap(std::size_t bytes)
{
	if (!module_is_loaded("brd") &&
	    load_module(driver, "rd_nr=1 rd_size=" + std::to_string(bytes / 1024)))
		skip("there is no disk to swap to: " + driver + " can't be loaded");
	::swapoff(disk.c_str()); /* a test that was killed may have left it on */
	wait_until("the disk is there", [] { return ::access(disk.c_str(), W_OK) == 0; });
	make_swap(bytes / userfault::page_size());
	checked(::swapon(disk.c_str(), 0));
}

Swap::~Swap()
{
	::swapoff(disk.c_str());
	unload_module("brd");
}

void push_out(const Memory &memory, std::size_t first, std::size_t count)
{
	checked(::madvise(memory.page(first), count * page_size(), MADV_PAGEOUT));
}

void swap_out(const Memory &memory, std::size_t first, std::size_t count)
{
	wait_until("the pages are swapped out", [&] {
		push_out(memory, first, count);
		for (std::size_t i = first; i < first + count; i++)
			if (!is_swapped(memory, i))
				return false;
		return true;
	});
}

bool is_swapped(const Memory &memory, std::size_t index)
{
	return pagemap_entry(memory.address(index)) & pagemap_swapped;
}

} // namespace selftests
