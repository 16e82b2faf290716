// SPDX-License-Identifier: GPL-2.0-only
/*
 * A control group has no more memory, so that the kernel kills a process of it: one that waits for
 * its monitor, or the monitor. full_test.cpp has groups at their limit that need no more memory.
 */
#include "harness/processes.hpp"
#include "lib/files.hpp"
#include "lib/huge_pages.hpp"
#include "lib/maps.hpp"
#include "lib/memory_group.hpp"
#include "lib/stopped_at_exit.hpp"
#include "lib/waiting_process.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <memory>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t mebibyte = 1 << 20;
/* What the victims have, what the group has left, and what it is asked for besides. */
constexpr std::size_t plenty = 16 * mebibyte, left = 2 * mebibyte, too_much = 8 * mebibyte;

/* The log knows that the kernel shows this thread's stack. */
void become_the_hog()
{
	checked(::prctl(PR_SET_NAME, "selftests-hog"));
}

/* The kernel kills this process of the group before others. */
void make_victim(pid_t pid)
{
	std::ofstream file("/proc/" + std::to_string(pid) + "/oom_score_adj");

	if (!(file << 1000 << std::flush))
		give_up("the process can't be made a victim");
}

void take_memory(std::size_t bytes)
{
	static std::unique_ptr<Memory> memory;

	memory = std::make_unique<Memory>(bytes / page_size());
	for (std::size_t i = 0; i < memory->pages(); i++)
		memory->word(i) = i;
}

/* A process of the group that takes more memory than the group has; returns how it ended. */
int take_too_much(const MemoryGroup &group)
{
	Process hog([&] {
		become_the_hog();
		group.add(::getpid());
		take_memory(too_much);
		return 0;
	});

	return hog.wait();
}

/* For the process that is forked next: it joins @group, and takes much memory before it waits. */
const MemoryGroup *group_to_join;

template <long (*wait)(const Memory &)> long joined_and_large(const Memory &memory)
{
	group_to_join->add(::getpid());
	take_memory(plenty);
	return wait(memory);
}

struct Subject {
	const char *name;
	Wait wait;
};

const Subject reading{"for a missing page", {missing, joined_and_large<read_first>, 0}};
const Subject forking{"for its fork to be read", {with_fork, joined_and_large<fork_child>, 0}};
const Subject subjects[] = {
	reading,
	{"for a missing page in a system call", {missing, joined_and_large<let_kernel_write>, 1}},
	{"for a protected page", {guarded, joined_and_large<write_first>, 5}},
	{"for a page that is protected from every access",
	 {tracked, joined_and_large<read_first>, 6}},
	{"for its event to be read", {with_remove, joined_and_large<drop_second>, 0}},
	forking,
};

const Subject in_huge[] = {
	{"for a missing huge page", {missing_huge, joined_and_large<read_first>, 0}},
	{"for a missing huge page in a system call",
	 {missing_huge, joined_and_large<let_kernel_write>, 1}},
	{"for a protected huge page", {guarded_huge, joined_and_large<write_first>, 5}},
};

/* A process of a group, the one that the kernel kills first. After construction it waits. */
struct Victim : WaitingProcess {
	Victim(const MemoryGroup &group, const Subject &subject, std::size_t pages = 0)
		: WaitingProcess((group_to_join = &group, subject.wait), pages)
	{
		wait_until("it waits", [&] { return is_readable(context); });
		make_victim(process.pid());
	}

	bool is_killed() { return process.wait() == Process::killed + SIGKILL; }
};

int stay()
{
	for (;;)
		::pause();
}

void kill_in_full_group(const Subject &subject)
{
	INFO("it waits " << subject.name);
	const MemoryGroup group;
	Victim victim(group, subject);

	group.limit(left);
	/* If what the victim had isn't free soon enough, the hog is killed, too. */
	take_too_much(group);
	CHECK(victim.is_killed());
	CHECK(victim.is_gone());
	CHECK(group.field("memory.events", "oom_kill") > 0);
}

} // namespace

TEST_CASE("a process that waits is killed when its group is out of memory",
	  "[out_of_memory][security]")
{
	with_each_offered(subjects, kill_in_full_group);
}

TEST_CASE("a process that waits for a huge page is killed when its group is out of memory",
	  "[out_of_memory][hugetlb]")
{
	const HugePages pool(4);

	with_each_offered(in_huge, kill_in_full_group);
	CHECK(pool.pool().free == 4);
}

TEST_CASE("processes that wait are killed with their group when it is out of memory",
	  "[out_of_memory]")
{
	const MemoryGroup group;
	Victim reader(group, reading), forker(group, forking);

	group.kill_together();
	group.limit(left);
	CHECK(take_too_much(group) == Process::killed + SIGKILL);
	for (auto *victim : {&reader, &forker}) {
		CHECK(victim->is_killed());
		CHECK(victim->is_gone());
	}
}

/* The kernel doesn't wait for the process's end: it takes the memory some seconds later. */
TEST_CASE("memory of a killed process that can't end yet is taken when its group needs it",
	  "[out_of_memory][security]")
{
	const MemoryGroup group;
	const auto pages = plenty / page_size();
	const auto source = patterned(pages);
	Victim victim(group, {"", {missing, read_first, 0}}, 1 + pages);
	const StoppedAtExit stopped(victim.process.pid());

	group.add(victim.process.pid());
	REQUIRE(victim.context.copy_all(victim.memory.address(1), source.bytes(0, pages)));
	group.limit(left);
	auto hog = in_thread([&] { return take_too_much(group); });
	stopped.wait();
	CHECK(hog.get() == 0);
	CHECK(group.bytes() < plenty);
	CHECK(fdinfo(victim.context.fd()).total == 0);
	stopped.go_on();
	CHECK(victim.is_killed());
	CHECK(victim.is_gone());
}

TEST_CASE("a copy to a process whose group is out of memory has another one killed and goes on",
	  "[out_of_memory]")
{
	const MemoryGroup group;
	const Pipe ready;
	const auto pages = (left + left / 2) / page_size();
	const Memory source(pages);
	WaitingProcess reader({missing, read_first, 0}, 1 + pages);
	Process large([&] {
		group.add(::getpid());
		take_memory(plenty);
		checked(::write(ready.in.get(), "", 1));
		return stay();
	});
	char word;

	checked(::read(ready.out.get(), &word, 1));
	make_victim(large.pid());
	group.add(reader.process.pid());
	/* While a victim frees its memory itself, the kernel may choose another one. */
	const StoppedAtExit stopped(large.pid());
	group.limit(left);
	auto copying = in_thread([&] {
		become_the_hog();
		return reader.context.copy(reader.memory.address(1), source.bytes(0, pages));
	});
	stopped.wait();
	CHECK(copying.get());
	stopped.go_on();
	CHECK(large.wait() == Process::killed + SIGKILL);
	CHECK(reader.context.zeropage(reader.memory.range(0, 1)));
	CHECK(reader.process.wait() == 0);
}

TEST_CASE("a process goes on when its monitor's group is out of memory and the monitor is killed",
	  "[out_of_memory]")
{
	const MemoryGroup group;
	const Pipe ready;
	const Memory memory(3);
	auto context = open_context(Features::EventRemove);
	char word;
	Process monitor([&] {
		group.add(::getpid());
		take_memory(plenty);
		next_fault(context);
		wait_for_waiters(context, 2);
		wait_until("there are a fault and an event", [&] {
			return fdinfo(context.fd()).pending == 1 &&
			       context.zeropage(memory.range(2, 1)).error.value() == EAGAIN;
		});
		checked(::write(ready.in.get(), "", 1));
		return stay();
	});

	make_victim(monitor.pid());
	take(context.register_range(memory.range(), Modes::Missing));
	static_cast<void>(Fd(context.release()));
	auto first = in_thread([&] { return memory.word(0) + 0; });
	auto second = in_thread([&] { return memory.word(1) + 0; });
	auto dropping = in_thread([&] { return drop_second(memory); });
	checked(::read(ready.out.get(), &word, 1));
	group.limit(left);
	take_too_much(group);
	CHECK(first.get() == 0);
	CHECK(second.get() == 0);
	CHECK(dropping.get() == 0);
	CHECK(monitor.wait() == Process::killed + SIGKILL);
	CHECK_FALSE(smaps_flag(memory.range(), "um"));
}
