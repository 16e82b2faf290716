// SPDX-License-Identifier: GPL-2.0-only
/*
 * A monitor that is killed at some point of the protocol. The process that it watches then has
 * ordinary memory: its threads go on, with the pages that the monitor has made by then.
 */
#include "harness/processes.hpp"
#include "lib/files.hpp"
#include "lib/huge_pages.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/serving.hpp"
#include "lib/waiting_process.hpp"
#include "lib/watched.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <linux/userfault.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

std::array<std::byte, 1> payload{};

/*
 * A process that receives a context, serves it up to some point, and stays there until it is
 * killed.
 */
class KilledMonitor {
public:
	KilledMonitor(const Memory &memory, Serve serve)
		: sockets_(take(socket_pair())), process_([&] {
			  const auto context =
				  Context::adopt(take(receive_fd(sockets_.second.get(), payload)));
			  serve(context, memory);
			  checked(::write(sockets_.second.get(), payload.data(), payload.size()));
			  for (;;)
				  ::pause();
			  return 0;
		  })
	{
	}

	/* Passes the context on; this process no longer has it. */
	void receive(Context context) const
	{
		take(send_fd(sockets_.first.get(), context.fd(), payload));
	}

	void wait_until_there() const
	{
		checked(::read(sockets_.first.get(), payload.data(), payload.size()));
	}

	void wait_until_in(long call) const
	{
		wait_until("the monitor waits",
			   [&] { return sleeps_in(process_.pid(), process_.pid(), call); });
	}

	void kill()
	{
		process_.signal(SIGKILL);
		CHECK(process_.wait() == Process::killed + SIGKILL);
	}

private:
	std::pair<Fd, Fd> sockets_; /* of this process, of the monitor */
	Process process_;
};

/* A child reads the memory. */
long fork_and_read(const Memory &memory)
{
	return in_child([&] { return memory.word(0) == 0 ? 7 : 1; });
}

long drop_first(const Memory &memory)
{
	return ::madvise(memory.page(0), page_size(), MADV_DONTNEED);
}

long unmap_second(const Memory &memory)
{
	memory.unmap(1, 1);
	return 3;
}

long move_first(const Memory &memory)
{
	const Memory target(1);

	return memory.remap(0, 1, 1, 0, target.page(0)) == 0;
}

/* Reads a message, and waits for a page of its own buffer, which nobody fills. */
void read_into_missing(const Context &context, const Memory &)
{
	static const World own(1);

	wait_until("there is a message", [&] { return is_readable(context); });
	static const auto reading = in_thread(
		[&] { return ::read(context.fd(), own.memory.page(0), sizeof(uffd_msg)); });
	wait_for_waiters(own.context, 1);
}

const Watched poisonable{Features::Poison, Modes::Missing, MemoryKind::anonymous};
const Watched movable{Features::Move, Modes::Missing, MemoryKind::anonymous};

/* The results are those once the monitor is gone. */
const Wait never_filled{missing, read_first, 0};
const Wait filled{missing, read_first, static_cast<long>(pattern_word(0))};
const Wait writing{guarded, write_first, 5};
const Wait reading_cached{cached, read_first, 9};
const Wait reading_tracked{tracked, read_first, 6};
const Wait dropping{with_remove, drop_first, 0};
const Wait unmapping{with_unmap, unmap_second, 3};
const Wait moving{with_remap, move_first, 1};
const Wait forking{with_fork, fork_and_read, 7};
const Wait poisoned{poisonable, let_kernel_read_poison, 1};
const Wait never_filled_huge{missing_huge, read_first, 0};
const Wait never_filled_file{missing_in_huge_file, read_first, 0};
const Wait filled_huge{missing_huge, read_first, static_cast<long>(pattern_word(0))};
const Wait writing_huge{guarded_huge, write_first, 5};
const Wait reading_cached_huge{cached_huge, read_first, 9};
const Wait reading_tracked_huge{tracked_huge, read_first, 6};

struct Point {
	const char *name;
	const Wait &wait;
	Serve serve;
};

const Point points[] = {
	{"before it has read a missing page", never_filled, see_fault},
	{"while a missing page is copied to it", never_filled, read_into_missing},
	{"after it has read a missing page", never_filled, read_fault},
	{"between a copy and its wake", filled, copy_without_waking},
	{"between zeroing and its wake", never_filled, zero_without_waking},
	{"between poisoning and its wake", poisoned,
	 [](const Context &context, const Memory &memory) {
		 read_fault(context, memory);
		 if (!context.poison(memory.range(0, 1), PoisonModes::DontWake))
			 give_up("the page can't be poisoned");
	 }},
	{"before it has read a write", writing, see_fault},
	{"after it has read a write", writing, read_fault},
	{"between unprotecting and its wake", writing, unprotect_without_waking},
	{"before it has read a minor fault", reading_cached, see_fault},
	{"after it has read a minor fault", reading_cached, read_fault},
	{"between mapping a file's page and its wake", reading_cached, map_without_waking},
	{"before it has read an access", reading_tracked, see_fault},
	{"after it has read an access", reading_tracked, read_fault},
	{"between giving access and its wake", reading_tracked, give_access_without_waking},
	{"before it has read the event of dropping pages", dropping, see_event},
	{"before it has read the event of an unmapping", unmapping, see_event},
	{"before it has read the event of a move", moving, see_event},
	{"before it has read the event of a fork", forking, see_event},
	{"before it has read the child's fault", forking,
	 [](const Context &context, const Memory &) {
		 static const auto child = next_child(context);
		 wait_for_pending(child, 1);
	 }},
	{"after it has read the child's fault", forking,
	 [](const Context &context, const Memory &) {
		 static const auto child = next_child(context);
		 next_fault(child);
	 }},
};

const Point event_points[] = {
	{"while the event of dropping pages is copied to it", dropping, read_into_missing},
	{"while the event of an unmapping is copied to it", unmapping, read_into_missing},
	{"while the event of a move is copied to it", moving, read_into_missing},
	{"while the event of a fork is copied to it", forking, read_into_missing},
};

const Point huge_points[] = {
	{"before it has read a missing page", never_filled_huge, see_fault},
	{"after it has read a missing page", never_filled_huge, read_fault},
	{"after it has read a missing page of a file", never_filled_file, read_fault},
	{"between a copy and its wake", filled_huge, copy_without_waking},
	{"after it has read a write", writing_huge, read_fault},
	{"between unprotecting and its wake", writing_huge, unprotect_without_waking},
	{"after it has read a minor fault", reading_cached_huge, read_fault},
	{"between mapping a file's page and its wake", reading_cached_huge, map_without_waking},
	{"after it has read an access", reading_tracked_huge, read_fault},
	{"between giving access and its wake", reading_tracked_huge, give_access_without_waking},
};

void kill_monitor_at(const Point &point)
{
	INFO("killed " << point.name);
	const auto &watched = point.wait.watched;
	const Memory memory(watched.pages, watched.kind);
	KilledMonitor monitor(memory, point.serve);

	monitor.receive(watch(watched, memory));
	auto waiting = in_thread([&] { return point.wait.wait(memory); });
	monitor.wait_until_there();
	CHECK_FALSE(is_done(waiting));
	monitor.kill();
	CHECK(waiting.get() == point.wait.result);
	for (const auto *flag : {"um", "uw", "ui", "ur"})
		CHECK_FALSE(smaps_flag(first_page(memory), flag));
}

} // namespace

TEST_CASE("a process goes on when its monitor is killed at any point", "[lifetime]")
{
	with_each_offered(points, kill_monitor_at);
}

/* Native userfaultfd takes such an event for reported, and the process goes on before. */
TEST_CASE("a process goes on when its monitor is killed while an event is copied to it",
	  "[lifetime][module]")
{
	with_each_offered(event_points, kill_monitor_at);
}

TEST_CASE("a process goes on when the monitor of its huge pages is killed at any point",
	  "[lifetime][hugetlb]")
{
	const HugePages pool(4);

	with_each_offered(huge_points, kill_monitor_at);
}

TEST_CASE("a process goes on when its monitor is killed while it waits in a command", "[lifetime]")
{
	const Memory memory(1);
	KilledMonitor monitor(memory, [](const Context &context, const Memory &wanted) {
		const World own(1); /* its page is the source, and nobody fills it */
		next_fault(context);
		static_cast<void>(context.copy(wanted.address(0), own.memory.bytes(0, 1)));
	});

	monitor.receive(watch(missing, memory));
	auto waiting = in_thread([&] { return read_first(memory); });
	monitor.wait_until_in(SYS_ioctl);
	CHECK_FALSE(is_done(waiting));
	monitor.kill();
	CHECK(waiting.get() == 0);
}

namespace {

/* What a process has together with its monitor. */
struct Common {
	const Memory memory{1}, source = patterned(1);
	const Pipe moved;
	int context;
};

/* Only a process that shares the memory may move its pages. Calls nothing that allocates. */
int move_without_waking(void *argument)
{
	const auto &common = *static_cast<const Common *>(argument);
	const auto context = Context::adopt(Fd(common.context));

	next_fault(context);
	if (!context.move(common.memory.address(0), common.source.range(), MoveModes::DontWake))
		give_up("the page can't be moved");
	checked(::write(common.moved.in.get(), payload.data(), payload.size()));
	for (;;)
		::pause();
	return 0;
}

} // namespace

TEST_CASE("a process goes on when a monitor that shares its memory is killed before it wakes",
	  "[lifetime]")
{
	need(Features::Move);
	std::vector<char> stack(256 << 10);
	Common common;
	auto context = watch(movable, common.memory);
	int status;

	common.context = context.fd();
	auto waiting = in_thread([&] { return read_first(common.memory); });
	wait_for_waiters(context, 1);
	const auto monitor = static_cast<pid_t>(checked(::clone(
		move_without_waking, stack.data() + stack.size(), CLONE_VM | SIGCHLD, &common)));
	context.release().reset(); /* the monitor has its own */
	checked(::read(common.moved.out.get(), payload.data(), payload.size()));
	CHECK_FALSE(is_done(waiting));
	checked(::kill(monitor, SIGKILL));
	checked(::waitpid(monitor, &status, 0));
	CHECK(WIFSIGNALED(status));
	CHECK(waiting.get() == static_cast<long>(pattern_word(0)));
	CHECK_FALSE(smaps_flag(common.memory.range(), "um"));
}

TEST_CASE("a process has ordinary memory when its monitor was killed as it waited for messages",
	  "[lifetime]")
{
	for (const bool blocking : {true, false}) {
		const Memory memory(1);
		KilledMonitor monitor(memory, [](const Context &context, const Memory &) {
			next_message(context); /* never comes */
		});
		auto options = options_for();
		options.nonblocking = !blocking;
		auto context = open_context(options);

		take(context.register_range(memory.range(), Modes::Missing));
		monitor.receive(std::move(context));
		monitor.wait_until_in(blocking ? SYS_read : SYS_poll);
		monitor.kill();
		CHECK(read_first(memory) == 0);
	}
}

TEST_CASE("a process that serves itself can be killed after each step of setting up", "[lifetime]")
{
	enum Step { opened, agreed, registering, waiting, serving, steps };

	for (int last = opened; last < steps; last++) {
		Process process([last]() -> int {
			const Memory memory(2);
			const auto context = take(Context::create(options_for()));
			std::future<std::uint64_t> reader;

			if (last >= agreed)
				take(context.handshake());
			if (last >= registering)
				take(context.register_range(memory.range(), Modes::Missing));
			if (last >= waiting) {
				reader = in_thread([&] { return memory.word(0) + 0; });
				wait_for_waiters(context, 1);
			}
			if (last >= serving)
				fill(context, memory, 1);
			return ::kill(::getpid(), SIGKILL);
		});

		CHECK(process.wait() == Process::killed + SIGKILL);
	}
}
