// SPDX-License-Identifier: GPL-2.0-only
/* Processes that end, memory that goes and contexts that close while faults wait. */
#include "harness/known_thread.hpp"
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/monitor.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Closes this descriptor; other descriptors may still hold the context. */
void close_context(Context &context)
{
	static_cast<void>(Fd(context.release()));
}

int reads_zero(const Memory &memory)
{
	return memory.word(0) == 0 ? 0 : 1;
}

/* Reads the first word of a page; nothing if it gets SIGSEGV. For one thread of a test only. */
std::optional<std::uint64_t> read_or_fault(const Memory &memory, std::size_t index)
{
	static sigjmp_buf back;
	struct sigaction action = {};

	action.sa_handler = [](int) { siglongjmp(back, 1); };
	checked(::sigaction(SIGSEGV, &action, nullptr));
	if (sigsetjmp(back, 1))
		return std::nullopt;
	return memory.word(index);
}

/* A thread that waits to read page @index of @memory. */
auto blocked_thread(const Memory &memory, std::size_t index)
{
	return sleeping_in(in_no_syscall, [&memory, index] { return memory.word(index) + 0; });
}

} // namespace

TEST_CASE("closing a context lets its waiters go on with zeroes", "[lifetime][smp]")
{
	World world(8);
	std::vector<std::future<std::uint64_t>> readers;

	for (std::size_t i = 0; i < 8; i++)
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
	wait_for_waiters(world.context, 8);
	next_fault(world.context); /* one fault is read, the others are not */
	next_fault(world.context);
	world.region.release();
	close_context(world.context);
	for (auto &reader : readers)
		CHECK(reader.get() == 0);
	CHECK_FALSE(smaps_flag(world.memory.range(), "um"));
}

TEST_CASE("closing a context keeps what was filled", "[lifetime][smp]")
{
	World world(2);

	world.fill(1);
	world.region.release();
	close_context(world.context);
	CHECK(world.memory.word(0) == 0);
	CHECK(has_pattern(world.memory.bytes(1, 1), 1));
}

TEST_CASE("closing a context lets its mappings merge again", "[lifetime][smp]")
{
	const std::size_t pages = 64;
	const Memory memory(pages);
	auto context = open_context();

	for (std::size_t i = 0; i < pages; i += 2)
		take(context.register_range(memory.range(i, 1), Modes::Missing));
	CHECK(count_mappings(memory.range()) == pages);
	close_context(context);
	CHECK(count_mappings(memory.range()) == 1);
}

TEST_CASE("a context lives until its last descriptor is closed", "[lifetime][smp]")
{
	World world(1);
	auto copy = Context::adopt(Fd(static_cast<int>(checked(::dup(world.context.fd())))));
	auto reader = blocked_thread(world.memory, 0);

	world.region.release();
	close_context(world.context);
	CHECK(fdinfo(copy.fd()).total == 1);
	CHECK_FALSE(reader.is_done());
	fill(copy, world.memory, 0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("closing a context that a read waits on waits for that read", "[lifetime][smp]")
{
	auto options = options_for();
	options.nonblocking = false;
	World world(1, options);
	auto monitor = sleeping_in(SYS_read, [fd = world.context.fd()] {
		std::array<char, 32> message;
		return ::read(fd, message.data(), message.size());
	});

	world.region.release();
	close_context(world.context);
	CHECK(smaps_flag(world.memory.range(), "um")); /* the read holds the context */
	auto reader = in_thread([&] { return world.memory.word(0); });
	CHECK(monitor.get() == 32);
	CHECK(reader.get() == 0);
}

TEST_CASE("a process that waits for a page can be killed", "[lifetime][smp][security]")
{
	Consumer victim(1, reads_zero);

	wait_for_pending(victim.context, 1);
	victim.process.signal(SIGKILL);
	CHECK(victim.process.wait() == Process::killed + SIGKILL);
	CHECK(fdinfo(victim.context.fd()).total == 0);
	CHECK_FALSE(take(victim.context.read()));
}

TEST_CASE("a process with many waiting threads can be killed", "[lifetime][smp][security]")
{
	const std::size_t count = 16;
	Consumer victim(count, [](const Memory &memory) {
		std::vector<std::future<std::uint64_t>> readers;
		for (std::size_t i = 0; i < memory.pages(); i++)
			readers.push_back(in_thread([&memory, i] { return memory.word(i) + 0; }));
		return 0;
	});

	wait_for_waiters(victim.context, count);
	for (std::size_t i = 0; i < count / 2; i++)
		next_fault(victim.context);
	victim.process.signal(SIGKILL);
	CHECK(victim.process.wait() == Process::killed + SIGKILL);
	CHECK(fdinfo(victim.context.fd()).total == 0);
}

TEST_CASE("a process with a waiting thread can end", "[lifetime][smp]")
{
	Consumer victim(1, [](const Memory &memory) {
		auto reader = in_thread([&] { return memory.word(0); });
		::pause();
		return 0;
	});

	wait_for_pending(victim.context, 1);
	victim.process.signal(SIGTERM);
	CHECK(victim.process.wait() == Process::killed + SIGTERM);

	Process leaving([]() -> int {
		const World world(1);
		const auto reader = blocked_thread(world.memory, 0);
		::_exit(7);
	});
	CHECK(leaving.wait() == 7);
}

TEST_CASE("after the process is gone its memory can't be filled", "[lifetime][smp][security]")
{
	Consumer gone(1, [](const Memory &) { return 0; });
	const auto source = patterned(1);
	const auto range = gone.memory.range();
	const auto address = gone.memory.address(0);

	CHECK(gone.process.wait() == 0);
	CHECK(gone.context.copy(address, source.bytes(0, 1)).error.value() == ESRCH);
	CHECK(gone.context.zeropage(range).error.value() == ESRCH);
	CHECK(gone.context.wake(range));
	CHECK(gone.context.register_range(range, Modes::Missing).error().value() == ENOMEM);
	CHECK(gone.context.unregister_range(range).error().value() == ENOMEM);
	CHECK_FALSE(take(gone.context.read()));
	CHECK_FALSE(take(gone.context.poll(std::chrono::milliseconds(0))));
	CHECK(fdinfo(gone.context.fd()).total == 0);
}

/* Natively all of it is filled, and charged to nobody. */
TEST_CASE("a fill ends when the process is gone", "[lifetime][smp][module][security]")
{
	Consumer leaving(Memory((std::size_t{16} << 30) / page_size(), MAP_NORESERVE), {},
			 [](const Memory &memory) {
				 while (!(pagemap_entry(memory.address(0)) & pagemap_present))
					 ;
				 return 0;
			 });

	const auto progress = leaving.context.zeropage(leaving.memory.range());
	CHECK(leaving.process.wait() == 0);
	CHECK(progress.error.value() == EAGAIN);
	CHECK(progress.done > 0);
	CHECK(progress.done < leaving.memory.range().length);
}

/* How far it got shows in the file, which has no hole before that. */
TEST_CASE("a fill goes on for 16 MiB at most when the process is gone",
	  "[lifetime][smp][module][security]")
{
	const std::size_t most = 16 << 20, pages = 16 * most / page_size();
	const auto file = shmem_file(pages);
	const auto filled = [&] {
		return static_cast<std::size_t>(checked(::lseek(file.get(), 0, SEEK_HOLE)));
	};
	Consumer leaving(Memory(pages, file, MAP_SHARED), {}, [&](const Memory &) {
		while (!filled())
			;
		return 0;
	});
	auto filled_before = in_thread([&] {
		leaving.process.wait();
		return filled();
	});

	const auto progress = leaving.context.zeropage(leaving.memory.range());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(progress.done <= filled_before.get() + most);
	CHECK(progress.done < leaving.memory.range().length);
}

TEST_CASE("killing the monitor lets the waiters go on", "[lifetime][smp][security]")
{
	World world(2);
	Process monitor([&] {
		next_fault(world.context);
		world.fill(0);
		for (;;)
			::pause();
		return 0;
	});
	world.region.release();
	close_context(world.context);

	CHECK(world.memory.word(0) == pattern_word(0));
	auto reader = blocked_thread(world.memory, 1);
	monitor.signal(SIGKILL);
	CHECK(reader.get() == 0);
	CHECK(monitor.wait() == Process::killed + SIGKILL);
}

TEST_CASE("a monitor that waits for its own fault can be killed", "[lifetime][smp]")
{
	/* Its source is the memory it should fill. */
	Process monitor([] {
		const World world(2);
		const auto progress =
			world.context.copy(world.memory.address(0), world.memory.bytes(1, 1));
		return progress.error.value();
	});

	wait_until("it waits", [&] { return sleeps_in(monitor.pid(), monitor.pid(), SYS_ioctl); });
	monitor.signal(SIGKILL);
	CHECK(monitor.wait() == Process::killed + SIGKILL);
}

TEST_CASE("a signal handler runs while the thread waits and then it waits again", "[lifetime][smp]")
{
	const World world(1);
	static std::atomic<int> handled;
	struct sigaction action = {};

	action.sa_handler = [](int) { handled++; };
	checked(::sigaction(SIGUSR1, &action, nullptr));
	auto reader = blocked_thread(world.memory, 0);
	for (int i = 1; i <= 3; i++) {
		CHECK(next_fault(world.context).address == world.memory.address(0));
		reader.signal(SIGUSR1);
		wait_until("the handler has run", [&] { return handled == i; });
	}
	CHECK(next_fault(world.context).address == world.memory.address(0));
	CHECK_FALSE(reader.is_done());
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("a waiting process can be stopped and continued", "[lifetime][smp]")
{
	Consumer stopped(
		1, [](const Memory &memory) { return memory.word(0) == pattern_word(0) ? 0 : 1; });
	int status;

	next_fault(stopped.context);
	stopped.process.signal(SIGSTOP);
	checked(::waitpid(stopped.process.pid(), &status, WUNTRACED));
	CHECK(WIFSTOPPED(status));
	CHECK(fdinfo(stopped.context.fd()).total ==
	      0); /* the process left the fault in order to stop */
	stopped.process.signal(SIGCONT);
	CHECK(next_fault(stopped.context).address == stopped.memory.address(0));
	stopped.fill(0);
	CHECK(stopped.process.wait() == 0);
}

TEST_CASE("a debugger can stop a waiting thread and let it go on waiting",
	  "[lifetime][smp][security]")
{
	Consumer debugged(
		1, [](const Memory &memory) { return memory.word(0) == pattern_word(0) ? 0 : 1; });
	const auto pid = debugged.process.pid();
	int status;

	next_fault(debugged.context);
	checked(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
	for (unsigned i = 0; i < 3; i++) {
		checked(::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr));
		checked(::waitpid(pid, &status, 0));
		CHECK(WIFSTOPPED(status));
		checked(::ptrace(PTRACE_CONT, pid, nullptr, nullptr));
		CHECK(next_fault(debugged.context).address == debugged.memory.address(0));
	}
	checked(::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr));
	checked(::waitpid(pid, &status, 0));
	debugged.fill(0);
	checked(::ptrace(PTRACE_DETACH, pid, nullptr, nullptr));
	CHECK(debugged.process.wait() == 0);
	CHECK_FALSE(take(debugged.context.read()));
}

TEST_CASE("exec ends waiting threads", "[lifetime][smp]")
{
	Consumer consumer(2, [](const Memory &memory) {
		const auto first = blocked_thread(memory, 0), second = blocked_thread(memory, 1);
		std::array<char, 16> self{"selftests"}, help{"--help"};
		std::array<char *, 3> arguments{self.data(), help.data(), nullptr};

		const int null = ::open("/dev/null", O_WRONLY);
		::dup2(null, STDOUT_FILENO);
		::execv("/proc/self/exe", arguments.data());
		return 9;
	});

	CHECK(consumer.process.wait() == 0);
	CHECK(fdinfo(consumer.context.fd()).total == 0);
	CHECK(consumer.context.zeropage(consumer.memory.range()).error.value() == ESRCH);
}

TEST_CASE("a waiter of unmapped memory gets SIGSEGV when it is woken", "[lifetime][smp]")
{
	World world(2);
	auto reader = in_thread([&] { return read_or_fault(world.memory, 0); });

	wait_for_waiters(world.context, 1);
	const auto range = world.memory.range(0, 1);
	world.memory.unmap(0, 1);
	take(world.context.wake(range));
	CHECK_FALSE(reader.get());
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("memory that is mapped anew is not registered", "[lifetime][smp]")
{
	const World world(2);

	REQUIRE(::mmap(world.memory.page(0), page_size(), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == world.memory.page(0));
	CHECK(world.memory.word(0) == 0);
	CHECK_FALSE(smaps_flag(world.memory.range(0, 1), "um"));
	CHECK(smaps_flag(world.memory.range(1, 1), "um"));
	CHECK_FALSE(take(world.context.read()));
}

TEST_CASE("moved memory keeps its pages and is no longer registered", "[lifetime][smp]")
{
	World world(2);
	Memory target(2);

	world.fill(0);
	checked(world.memory.remap(0, 2, 2, 0, target.page(0)));
	world.region.release();
	CHECK(has_pattern(target.bytes(0, 1), 0));
	CHECK_FALSE(smaps_flag(target.range(), "um"));
	CHECK(target.word(1) == 0);
	CHECK(world.context.zeropage(world.memory.range(1, 1)).error.value() == ENOENT);
	CHECK_FALSE(take(world.context.read()));
}

TEST_CASE("a waiter of memory that has moved gets SIGSEGV when it is woken", "[lifetime][smp]")
{
	World world(1);
	Memory target(1);
	auto reader = in_thread([&] { return read_or_fault(world.memory, 0); });

	wait_for_waiters(world.context, 1);
	checked(world.memory.remap(0, 1, 1, 0, target.page(0)));
	world.region.release();
	take(world.context.wake(world.memory.range()));
	CHECK_FALSE(reader.get());
}

TEST_CASE("pages that were dropped are missing again", "[lifetime][smp]")
{
	const World world(3);

	for (std::size_t i = 0; i < 3; i++)
		world.fill(i);
	checked(::madvise(world.memory.page(1), page_size(), MADV_DONTNEED));
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
	CHECK(has_pattern(world.memory.bytes(2, 1), 2));
	auto reader = in_thread([&] { return world.memory.word(1); });
	CHECK(next_fault(world.context).address == world.memory.address(1));
	world.fill(1);
	CHECK(reader.get() == pattern_word(1));
}

TEST_CASE("dropping pages under a waiter changes nothing for it", "[lifetime][smp]")
{
	const World world(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	for (const int advice : {MADV_DONTNEED, MADV_FREE, MADV_PAGEOUT, MADV_COLD})
		checked(::madvise(world.memory.page(0), page_size(), advice));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("protection may change under a waiter", "[lifetime][smp]")
{
	const World world(2);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	checked(::mprotect(world.memory.page(0), page_size(), PROT_READ));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("a forked child is not registered", "[lifetime][smp][security]")
{
	const World world(2);

	world.fill(0);
	Process child([&] {
		const bool free = !smaps_flag(world.memory.range(), "um");
		return free && world.memory.word(1) == 0 && world.memory.word(0) == pattern_word(0)
			       ? 0
			       : 1;
	});
	CHECK(child.wait() == 0);
	CHECK_FALSE(take(world.context.read()));
	CHECK(smaps_flag(world.memory.range(), "um"));
	auto reader = in_thread([&] { return world.memory.word(1); });
	CHECK(next_fault(world.context).address == world.memory.address(1));
	world.fill(1);
	CHECK(reader.get() == pattern_word(1));
}

TEST_CASE("a process can fork while its threads wait", "[lifetime][smp]")
{
	const World world(2);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	Process child([&] { return static_cast<int>(world.memory.word(0)); });
	CHECK(child.wait() == 0);
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("a child that closes the context it inherited closes only its own", "[lifetime][smp]")
{
	World world(1);
	auto reader = blocked_thread(world.memory, 0);
	Process child([&] {
		world.region.release();
		close_context(world.context);
		return 0;
	});

	CHECK(child.wait() == 0);
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(reader.is_done());
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("a child serves its parent through the context it inherited", "[lifetime][smp]")
{
	const World world(4);
	Process child([&] {
		for (unsigned n = 0; n < 4; n++)
			world.fill(world.memory.index_of(next_fault(world.context).address));
		return 0;
	});

	CHECK(count_patterned(world.memory) == 4);
	CHECK(child.wait() == 0);
}

TEST_CASE("faults of a process that shares the memory are reported like those of a thread",
	  "[lifetime][smp]")
{
	const World world(1);
	std::vector<char> stack(64 << 10);
	const auto work = [](void *memory) {
		return static_cast<const Memory *>(memory)->word(0) == pattern_word(0) ? 0 : 1;
	};
	const pid_t child = static_cast<pid_t>(
		checked(::clone(work, stack.data() + stack.size(), CLONE_VM | SIGCHLD,
				const_cast<Memory *>(&world.memory))));
	int status;

	CHECK(next_fault(world.context).address == world.memory.address(0));
	world.fill(0);
	checked(::waitpid(child, &status, 0));
	CHECK(WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a context survives exec if it was not made to close", "[lifetime][smp]")
{
	auto options = options_for();
	options.close_on_exec = false;
	Process process([&] {
		const auto context = open_context(options);
		std::array<char, 8> shell{"sh"}, flag{"-c"};
		auto script = "grep -q '^API:' /proc/self/fdinfo/" + std::to_string(context.fd());
		std::array<char *, 4> arguments{shell.data(), flag.data(), script.data(), nullptr};
		::execv("/bin/sh", arguments.data());
		return 9;
	});

	CHECK(process.wait() == 0);
}
