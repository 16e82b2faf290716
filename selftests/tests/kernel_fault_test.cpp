// SPDX-License-Identifier: GPL-2.0-only
/* Faults that the kernel takes on behalf of a process: in system calls, and for other processes. */
#include "harness/known_thread.hpp"
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/monitor.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/futex.h>
#include <span>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

/* A monitor that fills each page of @world with its pattern. */
Monitor::Answer filling(const World &world)
{
	return [&world](const Fault &fault) { world.fill(world.memory.index_of(fault.address)); };
}

Options user_mode_options()
{
	auto options = options_for();

	options.user_mode_only = true;
	return options;
}

long futex(volatile std::uint32_t *word, int operation, std::uint32_t value)
{
	return ::syscall(SYS_futex, word, operation, value, nullptr, nullptr, 0);
}

} // namespace

TEST_CASE("read(2) into a missing page waits for it", "[kernel_fault][security]")
{
	const World world(2);
	const Pipe pipe;
	char text[] = "nine char";

	checked(::write(pipe.in.get(), text, sizeof(text)));
	auto reader = in_thread(
		[&] { return ::read(pipe.out.get(), world.memory.page(1) - 4, sizeof(text)); });
	CHECK(next_fault(world.context).flags == FaultFlags::Write);
	CHECK_FALSE(is_done(reader));
	world.fill(0);
	CHECK(next_fault(world.context).address == world.memory.address(1));
	world.fill(1);
	CHECK(reader.get() == sizeof(text));
	CHECK(std::memcmp(world.memory.page(1) - 4, text, sizeof(text)) == 0);
	CHECK(world.memory.word(0) == pattern_word(0));
}

TEST_CASE("write(2) from missing pages waits for them", "[kernel_fault]")
{
	const World world(4);
	const Pipe pipe;
	const Monitor monitor(world.context, filling(world));
	std::vector<std::byte> received(4 * page_size());

	CHECK(::write(pipe.in.get(), world.memory.page(0), received.size()) ==
	      static_cast<ssize_t>(received.size()));
	CHECK(::read(pipe.out.get(), received.data(), received.size()) ==
	      static_cast<ssize_t>(received.size()));
	CHECK(std::ranges::equal(received, world.memory.bytes(0, 4)));
	CHECK(count_patterned(world.memory) == 4);
	CHECK(monitor.told() == 4);
}

TEST_CASE("a path in a missing page is waited for", "[kernel_fault]")
{
	const World world(1);
	auto opener = in_thread([&] {
		struct stat status;
		return ::stat(reinterpret_cast<const char *>(world.memory.page(0)), &status);
	});
	std::vector<std::byte> page(page_size());

	next_fault(world.context);
	std::memcpy(page.data(), "/proc/self", 11);
	REQUIRE(world.context.copy(world.memory.address(0), page));
	CHECK(opener.get() == 0);
}

TEST_CASE("process_vm_readv of missing pages waits for them", "[kernel_fault]")
{
	const World world(3);
	const Monitor monitor(world.context, filling(world));
	const pid_t owner = ::getpid();
	Process reader([&] {
		std::vector<std::byte> received(3 * page_size());
		const iovec local{received.data(), received.size()};
		const iovec remote{world.memory.page(0), received.size()};
		if (::process_vm_readv(owner, &local, 1, &remote, 1, 0) !=
		    static_cast<ssize_t>(received.size()))
			return errno;
		for (std::size_t i = 0; i < 3; i++)
			if (!has_pattern(std::span(received).subspan(i * page_size(), page_size()),
					 i))
				return -1;
		return 0;
	});

	CHECK(reader.wait() == 0);
	CHECK(monitor.told() == 3);
}

TEST_CASE("a process that waits for a page of another process can be killed",
	  "[kernel_fault][security]")
{
	const World world(1);
	const pid_t owner = ::getpid();
	Process reader([&] {
		std::uint64_t word;
		const iovec local{&word, sizeof(word)};
		const iovec remote{world.memory.page(0), sizeof(word)};
		return static_cast<int>(::process_vm_readv(owner, &local, 1, &remote, 1, 0));
	});

	next_fault(world.context);
	reader.signal(SIGKILL);
	CHECK(reader.wait() == Process::killed + SIGKILL);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("process_vm_writev to missing pages waits for them", "[kernel_fault]")
{
	const World world(2);
	const Monitor monitor(world.context, filling(world));
	std::uint64_t value = 0x1122334455667788;
	const iovec local{&value, sizeof(value)};
	const iovec remote{world.memory.page(1), sizeof(value)};

	CHECK(::process_vm_writev(::getpid(), &local, 1, &remote, 1, 0) == sizeof(value));
	CHECK(world.memory.word(1) == value);
	CHECK(*(&world.memory.word(1) + 1) == pattern_word(1) + 0x0101010101010101);
	CHECK(monitor.told() == 1);
}

TEST_CASE("/proc/PID/mem can't wait for a missing page and fails", "[kernel_fault][security]")
{
	const World world(1);
	const Fd memory(static_cast<int>(checked(::open("/proc/self/mem", O_RDWR | O_CLOEXEC))));
	const auto offset = static_cast<off_t>(world.memory.address(0));
	std::uint64_t word = 0;

	CHECK(::pread(memory.get(), &word, sizeof(word), offset) == -1);
	CHECK(errno == EIO);
	CHECK(::pwrite(memory.get(), &word, sizeof(word), offset) == -1);
	CHECK(errno == EIO);
	CHECK_FALSE(take(world.context.read()));
	world.fill(0);
	CHECK(::pread(memory.get(), &word, sizeof(word), offset) == sizeof(word));
	CHECK(word == pattern_word(0));
}

TEST_CASE("vmsplice pins missing pages after they are filled", "[kernel_fault][security]")
{
	const World world(4);
	const Pipe pipe;
	const Monitor monitor(world.context, filling(world));
	const iovec pages{world.memory.page(0), 4 * page_size()};
	std::vector<std::byte> received(4 * page_size());

	CHECK(::vmsplice(pipe.in.get(), &pages, 1, 0) == static_cast<ssize_t>(received.size()));
	CHECK(monitor.told() == 4);
	CHECK(::read(pipe.out.get(), received.data(), received.size()) ==
	      static_cast<ssize_t>(received.size()));
	for (std::size_t i = 0; i < 4; i++)
		CHECK(has_pattern(std::span(received).subspan(i * page_size(), page_size()), i));
}

TEST_CASE("a pinned page stays where it is when it is filled anew", "[kernel_fault]")
{
	/* What was pinned before MADV_DONTNEED is still the old page, the new one is another. */
	const World world(1);
	const Pipe pipe;
	const iovec page{world.memory.page(0), page_size()};
	std::vector<std::byte> received(page_size());

	world.fill(0);
	REQUIRE(::vmsplice(pipe.in.get(), &page, 1, 0) == static_cast<ssize_t>(page_size()));
	checked(::madvise(world.memory.page(0), page_size(), MADV_DONTNEED));
	REQUIRE(world.context.zeropage(world.memory.range()));
	world.memory.word(0) = 1;
	REQUIRE(::read(pipe.out.get(), received.data(), received.size()) ==
		static_cast<ssize_t>(received.size()));
	CHECK(has_pattern(received, 0));
}

TEST_CASE("a futex in a missing page is waited for", "[kernel_fault]")
{
	const World world(2);
	const Monitor monitor(world.context, filling(world));
	auto *word = reinterpret_cast<volatile std::uint32_t *>(world.memory.page(0));
	const auto expected = static_cast<std::uint32_t>(pattern_word(0));

	/* The kernel reads the word, and finds another value than the one to wait for. */
	CHECK(futex(word, FUTEX_WAIT_PRIVATE, expected + 1) == -1);
	CHECK(errno == EAGAIN);
	CHECK(monitor.told() == 1);
	CHECK(futex(word, FUTEX_WAKE_PRIVATE, 1) == 0);
}

TEST_CASE("the kernel can't wait to write a futex in a missing page and fails",
	  "[kernel_fault][security]")
{
	const World world(2);
	auto *from = reinterpret_cast<volatile std::uint32_t *>(world.memory.page(0));
	auto *to = reinterpret_cast<volatile std::uint32_t *>(world.memory.page(1));
	const int set_to_5 = FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0);
	const auto wake_and_set = [&] {
		return ::syscall(SYS_futex, from, FUTEX_WAKE_OP_PRIVATE, 1, 1, to, set_to_5);
	};

	CHECK(wake_and_set() == -1);
	CHECK(errno == EFAULT);
	CHECK_FALSE(take(world.context.read()));
	world.fill(1);
	CHECK(wake_and_set() == 0);
	CHECK(*to == 5);
}

TEST_CASE("a shared futex in a missing page is waited for", "[kernel_fault]")
{
	const World world(1);
	const Monitor monitor(world.context, filling(world));
	auto *word = reinterpret_cast<volatile std::uint32_t *>(world.memory.page(0));

	CHECK(futex(word, FUTEX_WAIT, static_cast<std::uint32_t>(pattern_word(0)) + 1) == -1);
	CHECK(errno == EAGAIN);
	CHECK(monitor.told() >= 1);
}

TEST_CASE("populating a range waits for each of its pages", "[kernel_fault]")
{
	const World world(8);
	const Monitor monitor(world.context, filling(world));

	checked(::madvise(world.memory.page(0), 4 * page_size(), MADV_POPULATE_READ));
	CHECK(monitor.told() == 4);
	checked(::madvise(world.memory.page(4), 4 * page_size(), MADV_POPULATE_WRITE));
	CHECK(monitor.told() == 8);
	CHECK(count_patterned(world.memory) == 8);
}

TEST_CASE("locking a range waits for each of its pages", "[kernel_fault]")
{
	const World world(4);
	const Monitor monitor(world.context, filling(world));

	checked(::mlock(world.memory.page(0), 4 * page_size()));
	CHECK(monitor.told() == 4);
	CHECK(count_patterned(world.memory) == 4);
}

TEST_CASE("a debugger can't wait for a missing page and fails", "[kernel_fault][security]")
{
	Consumer debugged(1, [](const Memory &) {
		::pause();
		return 0;
	});
	const auto pid = debugged.process.pid();
	const auto peek = [&] {
		errno = 0;
		return ::ptrace(PTRACE_PEEKDATA, pid, debugged.memory.page(0), nullptr);
	};

	checked(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
	checked(::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr));
	checked(::waitpid(pid, nullptr, 0));
	peek();
	CHECK(errno == EIO);
	CHECK_FALSE(take(debugged.context.read()));
	debugged.fill(0);
	CHECK(static_cast<std::uint64_t>(peek()) == pattern_word(0));
	CHECK(errno == 0);
}

TEST_CASE("the kernel can't fault on a context for user mode only", "[kernel_fault][security]")
{
	const World world(2, user_mode_options());
	const Pipe pipe;
	char byte = 1;

	checked(::write(pipe.in.get(), &byte, 1));
	CHECK(::read(pipe.out.get(), world.memory.page(0), 1) == -1);
	CHECK(errno == EFAULT);
	CHECK(::write(pipe.in.get(), world.memory.page(1), 1) == -1);
	CHECK(errno == EFAULT);
	CHECK_FALSE(take(world.context.read()));

	auto reader = in_thread([&] { return world.memory.word(1); });
	CHECK(next_fault(world.context).address == world.memory.address(1));
	world.fill(1);
	CHECK(reader.get() == pattern_word(1));
	CHECK(::write(pipe.in.get(), world.memory.page(1), 1) == 1);
}

TEST_CASE("the kernel gets EFAULT where faults are a SIGBUS", "[kernel_fault]")
{
	const World world(1, Features::Sigbus);
	const Pipe pipe;
	char byte = 1;

	checked(::write(pipe.in.get(), &byte, 1));
	CHECK(::read(pipe.out.get(), world.memory.page(0), 1) == -1);
	CHECK(errno == EFAULT);
	CHECK_FALSE(take(world.context.read()));
}

TEST_CASE("a fatal signal ends a system call that waits for a page", "[kernel_fault][security]")
{
	Process victim([] {
		const World world(1);
		const Pipe pipe;
		char byte = 1;
		checked(::write(pipe.in.get(), &byte, 1));
		return static_cast<int>(::read(pipe.out.get(), world.memory.page(0), 1));
	});

	wait_until("the child waits for its page",
		   [&] { return sleeps_in(victim.pid(), victim.pid(), SYS_read); });
	victim.signal(SIGKILL);
	CHECK(victim.wait() == Process::killed + SIGKILL);
}

namespace {

std::atomic<unsigned> handled;

/* While this lives, SIGUSR1 is counted, and system calls that can be restarted go on after it. */
class CountingSignals {
public:
	CountingSignals()
	{
		struct sigaction action = {};

		handled = 0;
		action.sa_handler = [](int) { handled++; };
		action.sa_flags = SA_RESTART;
		checked(::sigaction(SIGUSR1, &action, &before_));
	}
	~CountingSignals() { ::sigaction(SIGUSR1, &before_, nullptr); }
	CountingSignals(const CountingSignals &) = delete;
	CountingSignals &operator=(const CountingSignals &) = delete;

private:
	struct sigaction before_;
};

/* A thread in a system call; its fault on the only page of @world has been read. */
struct FaultingCall {
	FaultingCall(const World &its_world, const std::function<long()> &call)
		: world(its_world), thread(call)
	{
		next_fault(world.context);
	}

	const World &world;
	KnownThread<long> thread;
};

/* How many faults are reported until the thread of @call sleeps in the system call again. */
std::size_t told_until_asleep(const FaultingCall &call, long number)
{
	std::size_t told = 0;

	wait_until("the thread sleeps and all faults are read", [&] {
		while (take(call.world.context.read()))
			told++;
		return call.thread.sleeps_in(number) &&
		       fdinfo(call.world.context.fd()).pending == 0 &&
		       fdinfo(call.world.context.fd()).total == 1;
	});
	return told;
}

void check_signal_lets_wait(long number,
			    const std::function<long(const World &, const Pipe &)> &work)
{
	const CountingSignals signals;
	const World world(1);
	const Pipe pipe;
	FaultingCall call(world, [&] { return work(world, pipe); });

	for (unsigned i = 0; i < 3; i++) {
		call.thread.signal(SIGUSR1);
		if (backend_under_test() == Backend::native) {
			/* The thread faults again and again in vain, and each fault is reported. */
			for (unsigned n = 0; n < 50; n++)
				next_fault(world.context);
			break;
		}
		CHECK(told_until_asleep(call, number) <= 2);
	}
	CHECK(handled == 0);
	world.fill(0);
	CHECK(call.thread.get() == 1);
	CHECK(handled == 1);
}

} // namespace

TEST_CASE("a signal leaves write(2) waiting for its page", "[kernel_fault]")
{
	check_signal_lets_wait(SYS_write, [](const World &world, const Pipe &pipe) {
		return ::write(pipe.in.get(), world.memory.page(0), 1);
	});
}

TEST_CASE("a signal leaves read(2) waiting for its page", "[kernel_fault]")
{
	check_signal_lets_wait(SYS_read, [](const World &world, const Pipe &pipe) {
		checked(::write(pipe.in.get(), "x", 1));
		return ::read(pipe.out.get(), world.memory.page(0), 1);
	});
}

/*
 * For a caller that pins the page and stops at a signal: this one came too late to be seen first.
 */
TEST_CASE("a fault that waits with a signal pending is reported again after some seconds",
	  "[kernel_fault][module][alone]")
{
	const CountingSignals signals;
	const World world(1);
	const Pipe pipe;
	FaultingCall call(world, [&] { return ::write(pipe.in.get(), world.memory.page(0), 1); });

	call.thread.signal(SIGUSR1);
	CHECK(told_until_asleep(call, SYS_write) <= 2);
	CHECK(next_fault(world.context).address == world.memory.address(0));
	CHECK(told_until_asleep(call, SYS_write) == 0);
	CHECK(handled == 0);
	world.fill(0);
	CHECK(call.thread.get() == 1);
}

TEST_CASE("a signal leaves a futex waiting for its page", "[kernel_fault]")
{
	const CountingSignals signals;
	const World world(1);
	const auto *word = reinterpret_cast<volatile std::uint32_t *>(&world.memory.word(0));
	FaultingCall call(world, [word] {
		return ::syscall(SYS_futex, word, FUTEX_WAIT, 1, nullptr, nullptr, 0) == -1 ? errno
											    : 0;
	});

	call.thread.signal(SIGUSR1);
	if (backend_under_test() == Backend::module)
		CHECK(told_until_asleep(call, SYS_futex) <= 2);
	CHECK(world.context.zeropage(world.memory.range()));
	CHECK(call.thread.get() == EAGAIN);
	CHECK(handled == 1);
}

TEST_CASE("populating goes on waiting when a signal comes", "[kernel_fault]")
{
	const CountingSignals signals;
	const World world(1);
	FaultingCall call(world, [&] {
		return ::madvise(world.memory.page(0), page_size(), MADV_POPULATE_WRITE);
	});

	call.thread.signal(SIGUSR1);
	CHECK(told_until_asleep(call, SYS_madvise) == 0);
	CHECK(handled == 0);
	world.fill(0);
	CHECK(call.thread.get() == 0);
	CHECK(handled == 1);
}

namespace {

/* A child in read(2) into a missing page; the fault has been read. */
struct ReadingChild {
	ReadingChild()
		: child(1, [](const Memory &memory) {
			  const Pipe pipe;
			  ::signal(SIGUSR1, [](int) {});
			  checked(::write(pipe.in.get(), "x", 1));
			  return ::read(pipe.out.get(), memory.page(0), 1) == 1 ? 0 : 1;
		  })
	{
		next_fault(child.context);
	}

	bool sleeps() const
	{
		while (take(child.context.read()))
			;
		return sleeps_in(child.process.pid(), child.process.pid(), SYS_read);
	}

	Consumer child;
};

} // namespace

TEST_CASE("a system call that waits for its page with a signal pending can be killed",
	  "[kernel_fault]")
{
	ReadingChild reading;

	reading.child.process.signal(SIGUSR1);
	if (backend_under_test() == Backend::module)
		wait_until("it sleeps", [&] { return reading.sleeps(); });
	/*
	 * With another signal pending, the kernel makes no SIGKILL of a fatal signal, as it usually
	 * does.
	 */
	reading.child.process.signal(SIGKILL);
	CHECK(reading.child.process.wait() == Process::killed + SIGKILL);
}

TEST_CASE("a process that is to stop while a system call waits for its page stops after the call",
	  "[kernel_fault]")
{
	ReadingChild reading;
	int status = 0;

	reading.child.process.signal(SIGSTOP);
	if (backend_under_test() == Backend::module)
		wait_until("it sleeps", [&] { return reading.sleeps(); });
	reading.child.fill(0);
	const auto pid = reading.child.process.pid();
	CHECK(::waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status));
	reading.child.process.signal(SIGCONT);
	CHECK(reading.child.process.wait() == 0);
}

TEST_CASE("a thread that ends does not wait for the page of its id", "[kernel_fault][security]")
{
	/* The kernel clears the id of a thread at its end, here in a page that nobody fills. */
	Process owner([] {
		const World world(1);
		auto *clear = world.memory.page(0);
		std::thread([clear] {
			::syscall(SYS_set_tid_address, clear);
			::syscall(SYS_exit, 0);
		}).detach();
		wait_until("the thread is gone", [] { return count_threads() == 1; });
		return fdinfo(world.context.fd()).total == 0 ? 0 : 1;
	});

	CHECK(owner.wait() == 0);
}
