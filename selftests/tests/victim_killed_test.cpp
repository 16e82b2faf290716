// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that is killed while it waits for its monitor, at each point of the protocol. The
 * monitor then finds nobody waiting, nothing to read, and no memory.
 */
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

std::array<std::byte, 1> payload{};

/* What the victim waits in. Its memory is registered for @modes. */
struct Wait {
	Features features;
	Modes modes;
	MemoryKind kind;
	void (*prepare)(const Context &context, const Memory &memory); /* after registering */
	void (*wait)(const Memory &memory);
};

/* A process that waits; this process is its monitor, and has memory at the same addresses. */
struct Victim {
	explicit Victim(const Wait &wait)
		: memory(2, wait.kind), sockets(take(socket_pair())), process([&] {
			  {
				  const auto context = open_context(wait.features);
				  take(context.register_range(memory.range(), wait.modes));
				  wait.prepare(context, memory);
				  take(send_fd(sockets.second.get(), context.fd(), payload));
			  }
			  wait.wait(memory);
			  return 1;
		  }),
		  context(Context::adopt(take(receive_fd(sockets.first.get(), payload))))
	{
	}

	void kill()
	{
		process.signal(SIGKILL);
		CHECK(process.wait() == Process::killed + SIGKILL);
	}

	/* Whether the context is that of a process that is gone. */
	void check_gone() const
	{
		const auto source = patterned(1);

		CHECK(fdinfo(context.fd()).total == 0);
		CHECK_FALSE(take(context.read()));
		CHECK(context.copy(memory.address(0), source.bytes(0, 1)).error.value() == ESRCH);
		CHECK(context.wake(memory.range()));
	}

	Memory memory;
	std::pair<Fd, Fd> sockets; /* of this process, of the victim */
	Process process;
	Context context;
};

void no_preparation(const Context &, const Memory &) {}

void read_first(const Memory &memory)
{
	static_cast<void>(memory.word(0) + 0);
}

void write_first(const Memory &memory)
{
	memory.word(0) = 5;
}

/* The kernel faults, in read(2). */
void let_kernel_write(const Memory &memory)
{
	const Pipe pipe;

	checked(::write(pipe.in.get(), "x", 1));
	static_cast<void>(::read(pipe.out.get(), memory.page(0), 1));
}

const Wait missing{Features::None, Modes::Missing, MemoryKind::anonymous, no_preparation,
		   read_first};
const Wait missing_in_file{Features::None, Modes::Missing, MemoryKind::shared_file, no_preparation,
			   write_first};
const Wait in_kernel{Features::None, Modes::Missing, MemoryKind::anonymous, no_preparation,
		     let_kernel_write};
const Wait guarded{Features::PagefaultFlagWp, Modes::WriteProtect, MemoryKind::anonymous,
		   [](const Context &context, const Memory &memory) {
			   memory.word(0) = 1;
			   take(context.write_protect(memory.range(0, 1)));
		   },
		   write_first};
const Wait cached{Features::MinorShmem, Modes::Minor, MemoryKind::shared_anonymous,
		  [](const Context &context, const Memory &memory) {
			  take(context.unregister_range(memory.range()));
			  memory.word(0) = 9;
			  take(context.register_range(memory.range(), Modes::Minor));
			  checked(::madvise(memory.page(0), page_size(), MADV_DONTNEED));
		  },
		  read_first};
const Wait tracked{Features::Rwp, Modes::ReadWriteProtect, MemoryKind::anonymous,
		   [](const Context &context, const Memory &memory) {
			   memory.word(0) = 6;
			   take(context.rwprotect(memory.range(0, 1)));
		   },
		   read_first};
const Wait unmapping{Features::EventUnmap, Modes::Missing, MemoryKind::anonymous, no_preparation,
		     [](const Memory &memory) { ::munmap(memory.page(1), page_size()); }};
const Wait moving{Features::EventRemap, Modes::Missing, MemoryKind::anonymous, no_preparation,
		  [](const Memory &memory) {
			  const Memory target(1);
			  ::mremap(memory.page(0), page_size(), page_size(),
				   MREMAP_MAYMOVE | MREMAP_FIXED, target.page(0));
		  }};
const Wait forking{Features::EventFork, Modes::Missing, MemoryKind::anonymous, no_preparation,
		   [](const Memory &) { Process([] { return 0; }).wait(); }};

/* What the monitor has done by the time the victim is killed. */
struct Point {
	const char *name;
	const Wait &wait;
	void (*serve)(const Victim &victim);
};

void see_fault(const Victim &victim)
{
	wait_for_pending(victim.context, 1);
}

void read_fault(const Victim &victim)
{
	next_fault(victim.context);
}

void see_event(const Victim &victim)
{
	wait_until("there is an event", [&] { return is_readable(victim.context); });
}

const Point points[] = {
	{"before its missing page was read", missing, see_fault},
	{"after its missing page was read", missing, read_fault},
	{"before its missing page of a file was read", missing_in_file, see_fault},
	{"after its missing page of a file was read", missing_in_file, read_fault},
	{"between a copy and its wake", missing,
	 [](const Victim &victim) {
		 const auto source = patterned(1);
		 next_fault(victim.context);
		 if (!victim.context.copy(victim.memory.address(0), source.bytes(0, 1),
					  CopyModes::DontWake))
			 give_up("the page can't be copied");
	 }},
	{"in a system call before its fault was read", in_kernel, see_fault},
	{"in a system call after its fault was read", in_kernel, read_fault},
	{"before its write was read", guarded, see_fault},
	{"after its write was read", guarded, read_fault},
	{"between unprotecting and its wake", guarded,
	 [](const Victim &victim) {
		 next_fault(victim.context);
		 take(victim.context.write_unprotect(victim.memory.range(0, 1),
						     UnprotectModes::DontWake));
	 }},
	{"before its minor fault was read", cached, see_fault},
	{"after its minor fault was read", cached, read_fault},
	{"before its access was read", tracked, see_fault},
	{"after its access was read", tracked, read_fault},
	{"before its unmapping was read", unmapping, see_event},
	{"before its move was read", moving, see_event},
	{"before its fork was read", forking, see_event},
};

} // namespace

TEST_CASE("a process can be killed at any point while it waits for its monitor", "[lifetime]")
{
	const auto offered = take(Context::probe(options_for())).offered;

	for (const auto &[name, wait, serve] : points) {
		if (!has(offered, wait.features))
			continue;
		INFO("killed " << name);
		Victim victim(wait);

		serve(victim);
		victim.kill();
		victim.check_gone();
	}
}

TEST_CASE("a process can be killed while its page is being filled", "[lifetime]")
{
	for (const auto &wait : {missing, missing_in_file}) {
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
		victim.check_gone();
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
		std::array<std::atomic<pid_t>, 3> ids{};
		const auto waiting = [&](std::size_t index, auto &&call) {
			return in_thread([&ids, index, call] {
				ids[index] = ::gettid();
				return static_cast<long>(call());
			});
		};
		auto read = waiting(0, [&] { return memory.word(0) + 0; });
		auto drop = waiting(
			1, [&] { return ::madvise(memory.page(1), page_size(), MADV_DONTNEED); });
		auto unmap = waiting(2, [&] { return ::munmap(memory.page(3), page_size()); });
		std::array<char, 8> name{"true"};
		std::array<char *, 2> arguments{name.data(), nullptr};

		wait_until("all wait", [&] {
			const std::array<long, 3> calls{in_no_syscall, SYS_madvise, SYS_munmap};
			bool all = true;
			for (std::size_t i = 0; i < ids.size(); i++)
				all &= ids[i] && sleeps_in(::getpid(), ids[i], calls[i]);
			return all;
		});
		::execv("/bin/true", arguments.data());
		return 9;
	});

	CHECK(consumer.process.wait() == 0);
	CHECK(fdinfo(consumer.context.fd()).total == 0);
	CHECK_FALSE(take(consumer.context.read()));
}

namespace {

/*
 * Kills a process, which then stops just before it gives its memory up, because this process traces
 * it.
 */
void kill_and_keep_memory(pid_t pid)
{
	int status;

	checked(::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACEEXIT));
	checked(::kill(pid, SIGKILL));
	do
		checked(::waitpid(pid, &status, __WALL));
	while (status >> 8 != (SIGTRAP | (PTRACE_EVENT_EXIT << 8)));
}

int release_memory(pid_t pid)
{
	const Fd process(static_cast<int>(checked(::syscall(SYS_pidfd_open, pid, 0))));

	return ::syscall(SYS_process_mrelease, process.get(), 0) ? errno : 0;
}

} // namespace

/* What Android's low memory killer does: it takes the memory before the process has ended. */
TEST_CASE("the memory of a killed process can be released before the process ends", "[lifetime]")
{
	for (const auto &wait : {missing, missing_in_file, guarded}) {
		Victim victim(wait);

		read_fault(victim);
		kill_and_keep_memory(victim.process.pid());
		CHECK(fdinfo(victim.context.fd()).total == 0);
		CHECK(release_memory(victim.process.pid()) == 0);
		/* Its mappings are still there. */
		const auto progress = victim.context.zeropage(victim.memory.range(1, 1));
		CHECK((progress || progress.error.value() == EFAULT ||
		       progress.error.value() == ESRCH));
		checked(::ptrace(PTRACE_CONT, victim.process.pid(), nullptr, nullptr));
		CHECK(victim.process.wait() == Process::killed + SIGKILL);
		victim.check_gone();
	}
}
