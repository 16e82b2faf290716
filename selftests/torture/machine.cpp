// SPDX-License-Identifier: GPL-2.0-only
#include "torture/machine.hpp"

#include "harness/countdown.hpp"
#include "harness/loaded_module.hpp"
#include "torture/files.hpp"
#include "torture/group.hpp"
#include "torture/shared.hpp"

#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <userfault/fd.hpp>
#include <vector>

namespace torture {

using userfault::Fd;

namespace {

const std::string disk = "/dev/zram0";
constexpr std::size_t disk_size = 256 << 20, page = 4096;
constexpr auto patience = std::chrono::seconds(20);

/* What isn't there isn't tortured, and nobody would notice. */
void lacks(const std::string &what)
{
	fail("this machine lacks " + what);
}

/* In the order in which they need each other; a kernel may have some of them built in. */
void load_drivers()
{
	for (const std::string name : {"zsmalloc", "lz4_compress", "lz4hc_compress", "zram"})
		selftests::load_module("/lib/drivers/" + name + ".ko");
}

/* The first page of a swap disk, as mkswap(8) writes it. */
bool make_swap()
{
	const Fd file(::open(disk.c_str(), O_WRONLY | O_CLOEXEC));
	std::vector<char> bytes(page);
	const std::uint32_t header[] = {1, disk_size / page - 1, 0};
	constexpr char signature[] = "SWAPSPACE2";
	constexpr auto length = sizeof(signature) - 1;

	std::memcpy(bytes.data() + 1024, header, sizeof(header));
	std::memcpy(bytes.data() + page - length, signature, length);
	return file && ::write(file.get(), bytes.data(), page) == page && ::fsync(file.get()) == 0;
}

bool swap_to_ram()
{
	load_drivers();
	write_file("/sys/block/zram0/comp_algorithm", "lzo-rle");
	return write_file("/sys/block/zram0/disksize", std::to_string(disk_size)) && make_swap() &&
	       ::swapon(disk.c_str(), 0) == 0;
}

/*
 * As in any tmpfs that is mounted, each block is counted: a memfd's aren't. Huge pages are for
 * those mappings that ask for them. A write(2) makes none, which would fill other pages with
 * zeroes.
 */
bool mount_files()
{
	::mkdir(files_folder, 0700);
	return ::mount("tmpfs", files_folder, "tmpfs", 0, "size=64m,huge=advise") == 0;
}

/* The kernel makes as many as it has memory for. */
bool make_huge_pages()
{
	const std::string file = "/proc/sys/vm/nr_hugepages";
	constexpr unsigned count = 96;

	return write_file(file, std::to_string(count)) && number_in(file) == count;
}

bool start_ksm()
{
	const std::string folder = "/sys/kernel/mm/ksm/";

	return write_file(folder + "sleep_millisecs", "20") &&
	       write_file(folder + "pages_to_scan", "200") && write_file(folder + "run", "1");
}

} // namespace

void prepare_machine()
{
	/*
	 * An emulated serial line takes seconds for what an end of a control group's memory prints.
	 * We read the log ourselves; a crash is printed all the same.
	 */
	write_file("/proc/sys/kernel/printk", "1");
	write_file("/proc/sys/vm/oom_dump_tasks", "0");
	/*
	 * Huge pages only where they are asked for: the smaps of Linux 6.1 leaves out one while
	 * NUMA balancing waits for an access to it. A heap may have some that nobody accesses any
	 * more when the counters of a process are compared with its page tables.
	 */
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	Group::mount();
	if (!Group("torture-0").exists())
		lacks("memory control groups");
	if (!mount_files())
		lacks("a tmpfs");
	if (!swap_to_ram())
		lacks("swap on a compressed RAM disk");
	if (!make_huge_pages())
		lacks("huge pages");
	if (!start_ksm())
		lacks("KSM");
	if (::access("/sys/devices/system/node/node1", F_OK))
		lacks("a second NUMA node");
}

std::string swap_disk()
{
	return ::access("/sys/block/zram0", F_OK) ? "" : disk;
}

/* The last descriptors may still be on their way to be closed. */
void reload_module()
{
	selftests::Countdown countdown(patience);
	std::error_code error;

	while ((error = selftests::unload_module("userfault")) && !countdown.is_over())
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
	if (error)
		return fail("the module can't be unloaded: " + error.message());
	if ((error = selftests::load_module(selftests::module_file)))
		fail("the module can't be loaded again: " + error.message());
}

} // namespace torture
