// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that is killed while it waits for its monitor, at each point of the protocol. The
 * monitor then finds nobody waiting, nothing to read, and no memory.
 */
#include "harness/known_thread.hpp"
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/huge_pages.hpp"
#include "lib/maps.hpp"
#include "lib/serving.hpp"
#include "lib/stopped_at_exit.hpp"
#include "lib/waiting_process.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* A process that waits until it is killed. */
struct Victim : WaitingProcess {
	using WaitingProcess::WaitingProcess;

	void kill()
	{
		process.signal(SIGKILL);
		CHECK(process.wait() == Process::killed + SIGKILL);
	}
};

const Wait reading{missing, read_first, 0};
const Wait writing_file{missing_in_file, write_first, 5};
const Wait in_kernel{missing, let_kernel_write, 1};
const Wait writing{guarded, write_first, 5};
const Wait reading_cached{cached, read_first, 9};
const Wait reading_tracked{tracked, read_first, 6};
const Wait unmapping{with_unmap, unmap_second, 0};
const Wait moving{with_remap, move_second, 0};
const Wait forking{with_fork, fork_child, 0};
const Wait dropping{with_remove, drop_second, 0};
const Wait reading_huge{missing_huge, read_first, 0};
const Wait writing_huge_file{missing_in_huge_file, write_first, 5};
const Wait in_kernel_huge{missing_huge, let_kernel_write, 1};
const Wait writing_huge{guarded_huge, write_first, 5};
const Wait reading_cached_huge{cached_huge, read_first, 9};
const Wait reading_tracked_huge{tracked_huge, read_first, 6};

/* What the monitor has done by the time the victim is killed. */
struct Point {
	const char *name;
	const Wait &wait;
	Serve serve;
};

const Point points[] = {
	{"before its missing page was read", reading, see_fault},
	{"after its missing page was read", reading, read_fault},
	{"before its missing page of a file was read", writing_file, see_fault},
	{"after its missing page of a file was read", writing_file, read_fault},
	{"between a copy and its wake", reading, copy_without_waking},
	{"between zeroing and its wake", reading, zero_without_waking},
	{"in a system call before its fault was read", in_kernel, see_fault},
	{"in a system call after its fault was read", in_kernel, read_fault},
	{"before its write was read", writing, see_fault},
	{"after its write was read", writing, read_fault},
	{"between unprotecting and its wake", writing, unprotect_without_waking},
	{"before its minor fault was read", reading_cached, see_fault},
	{"after its minor fault was read", reading_cached, read_fault},
	{"between mapping its page and its wake", reading_cached, map_without_waking},
	{"before its access was read", reading_tracked, see_fault},
	{"after its access was read", reading_tracked, read_fault},
	{"between being given access and its wake", reading_tracked, give_access_without_waking},
	{"before its dropping was read", dropping, see_event},
	{"before its unmapping was read", unmapping, see_event},
	{"before its move was read", moving, see_event},
	{"before its fork was read", forking, see_event},
};

const Point huge_points[] = {
	{"before its missing page was read", reading_huge, see_fault},
	{"after its missing page was read", reading_huge, read_fault},
	{"after its missing page of a file was read", writing_huge_file, read_fault},
	{"between a copy and its wake", reading_huge, copy_without_waking},
	{"in a system call after its fault was read", in_kernel_huge, read_fault},
	{"after its write was read", writing_huge, read_fault},
	{"between unprotecting and its wake", writing_huge, unprotect_without_waking},
	{"after its minor fault was read", reading_cached_huge, read_fault},
	{"between mapping its page and its wake", reading_cached_huge, map_without_waking},
	{"after its access was read", reading_tracked_huge, read_fault},
	{"between being given access and its wake", reading_tracked_huge,
	 give_access_without_waking},
};

void kill_at(const Point &point)
{
	INFO("killed " << point.name);
	Victim victim(point.wait);

	point.serve(victim.context, victim.memory);
	victim.kill();
	CHECK(victim.is_gone());
}

} // namespace

TEST_CASE("a process can be killed at any point while it waits for its monitor", "[lifetime]")
{
	with_each_offered(points, kill_at);
}

TEST_CASE("a process can be killed at any point while it waits for the monitor of its huge pages",
	  "[lifetime][hugetlb]")
{
	const HugePages pool(8);

	with_each_offered(huge_points, kill_at);
	CHECK(pool.pool().free == 8);
}

TEST_CASE("a process can be killed while its page is being filled", "[lifetime]")
{
	for (const auto &wait : {reading, writing_file}) {
		Victim victim(wait);
		const World own(1); /* its page is the source, which comes late */

		next_fault(victim.context);
		auto copying = in_thread([&] {
			return victim.context.copy(victim.memory.address(0),
						   own.memory.bytes(0, 1));
		});
		next_fault(own.context);
		victim.kill();
		own.fill(0);
		/* While the command has its address space, the memory of a dead process is there.
		 */
		const auto progress = copying.get();
		CHECK((progress.done == page_size() || progress.error.value() == ESRCH));
		CHECK(victim.is_gone());
	}
}

TEST_CASE("a process can be killed while its threads wait at different points", "[lifetime]")
{
	Consumer victim(8, options_for(every_event), [](const Memory &memory) {
		std::vector<std::future<int>> threads;
		for (std::size_t i = 0; i < 4; i++)
			threads.push_back(
				in_thread([&memory, i] { return memory.word(i) ? 1 : 0; }));
		wait_until("the faults wait", [] { return count_faulting_threads() == 4; });
		threads.push_back(in_thread(
			[&] { return ::madvise(memory.page(4), page_size(), MADV_DONTNEED); }));
		threads.push_back(in_thread([&] { return ::munmap(memory.page(7), page_size()); }));
		return 1;
	});

	for (int i = 0; i < 2; i++)
		next_fault(victim.context);
	wait_for_pending(victim.context, 2);
	wait_for_waiters(victim.context, 4);
	victim.process.signal(SIGKILL);
	CHECK(victim.process.wait() == Process::killed + SIGKILL);
	CHECK(fdinfo(victim.context.fd()).total == 0);
	CHECK_FALSE(take(victim.context.read()));
}

TEST_CASE("exec ends threads that wait in faults and for events", "[lifetime]")
{
	const auto events = Features::EventRemove | Features::EventUnmap;
	Consumer consumer(4, options_for(events), [](const Memory &memory) {
		const auto read = sleeping_in(in_no_syscall, [&] { return memory.word(0) + 0; });
		const auto drop = sleeping_in(SYS_madvise, [&] {
			return ::madvise(memory.page(1), page_size(), MADV_DONTNEED);
		});
		const auto unmap = sleeping_in(
			SYS_munmap, [&] { return ::munmap(memory.page(3), page_size()); });
		std::array<char, 8> name{"true"};
		std::array<char *, 2> arguments{name.data(), nullptr};

		::execv("/bin/true", arguments.data());
		return 9;
	});

	CHECK(consumer.process.wait() == 0);
	CHECK(fdinfo(consumer.context.fd()).total == 0);
	CHECK_FALSE(take(consumer.context.read()));
}

namespace {

int release_memory(pid_t pid)
{
	const Fd process(static_cast<int>(checked(::syscall(SYS_pidfd_open, pid, 0))));

	return ::syscall(SYS_process_mrelease, process.get(), 0) ? errno : 0;
}

} // namespace

/* What Android's low memory killer does: it takes the memory before the process has ended. */
TEST_CASE("the memory of a killed process can be released before the process ends", "[lifetime]")
{
	for (const auto &wait : {reading, writing_file, writing}) {
		Victim victim(wait);

		read_fault(victim.context, victim.memory);
		const StoppedAtExit stopped(victim.process.pid());
		victim.process.signal(SIGKILL);
		stopped.wait();
		CHECK(fdinfo(victim.context.fd()).total == 0);
		CHECK(release_memory(victim.process.pid()) == 0);
		/* Its mappings are still there. */
		const auto progress = victim.context.zeropage(victim.memory.range(1, 1));
		CHECK((progress || progress.error.value() == EFAULT ||
		       progress.error.value() == ESRCH));
		stopped.go_on();
		CHECK(victim.process.wait() == Process::killed + SIGKILL);
		CHECK(victim.is_gone());
	}
}
