// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last descriptor of a context goes, in another process, while faults wait and events of every
 * kind are unread. All threads go on, with ordinary memory; so does a child whose context nobody
 * has read.
 */
#include "harness/known_thread.hpp"
#include "lib/files.hpp"
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <linux/userfault.h>
#include <memory>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr auto all_events = every_event | Features::EventFork;

std::array<std::byte, 1> payload{};

void close_context(Context &context)
{
	static_cast<void>(Fd(context.release()));
}

/* A child process that has every descriptor of this one, until it is told to do @end. */
class Holder {
public:
	using Work = std::function<int()>;

	explicit Holder(
		const Work &end, const Work &begin = [] { return 0; })
		: process_([&] {
			  char word = 0;

			  begin();
			  checked(::write(begun_.in.get(), &word, 1));
			  checked(::read(go_.out.get(), &word, 1));
			  return end();
		  })
	{
		char word;

		checked(::read(begun_.out.get(), &word, 1));
	}

	void go() const { checked(::write(go_.in.get(), "", 1)); }

private:
	Pipe begun_, go_;
	Process process_;
};

/*
 * Gives the descriptor of @context to another process, or to a message. No memory is registered
 * with it yet. The result is called to let the descriptor go.
 */
using Hold = std::function<void()> (*)(const Context &context);

std::function<void()> hold_until(const Holder::Work &end)
{
	auto holder = std::make_shared<Holder>(end);

	return [holder] { holder->go(); };
}

int stay()
{
	for (;;)
		::pause();
}

int become_another_program()
{
	std::array<char, 6> name{"sleep"}, seconds{"100"};
	std::array<char *, 3> arguments{name.data(), seconds.data(), nullptr};

	return ::execv("/bin/sleep", arguments.data());
}

std::function<void()> fetch(const Context &context)
{
	const int fd = context.fd();
	const pid_t owner = ::getpid();
	auto holder = std::make_shared<Holder>(
		[] { return 0; },
		[=] {
			const Fd process(
				static_cast<int>(checked(::syscall(SYS_pidfd_open, owner, 0))));

			checked(::close(fd)); /* which came by fork */
			return static_cast<int>(
				checked(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
		});

	return [holder] { holder->go(); };
}

/*
 * To a message in the queue of a socket. A process has the socket, and calls @end when it is told
 * to. This process keeps nothing that a fork could copy.
 */
std::function<void()> send(const Context &context, int (*end)(std::pair<Fd, Fd> &sockets))
{
	auto sockets = std::make_shared<std::pair<Fd, Fd>>(take(socket_pair()));
	auto &[here, there] = *sockets;

	take(send_fd(here.get(), context.fd(), payload));
	auto holder = std::make_shared<Holder>([sockets, end] { return end(*sockets) ?: stay(); },
					       [fd = context.fd()] { return ::close(fd); });
	here.reset();
	there.reset();
	return [holder] { holder->go(); };
}

int close_both(std::pair<Fd, Fd> &sockets)
{
	sockets.second.reset();
	sockets.first.reset();
	return 0;
}

/* The socket is then only in a message in its own queue, and the kernel collects its garbage. */
int send_to_itself(std::pair<Fd, Fd> &sockets)
{
	take(send_fd(sockets.first.get(), sockets.second.get(), payload));
	return close_both(sockets);
}

struct Way {
	const char *name;
	Hold hold;
};

const Way ways[] = {
	{"of a process that is killed",
	 [](auto &) { return hold_until([] { return ::kill(::getpid(), SIGKILL); }); }},
	{"of a process that ends", [](auto &) { return hold_until([] { return 0; }); }},
	{"of a process that closes it",
	 [](auto &context) {
		 return hold_until([fd = context.fd()] { return ::close(fd) ? 1 : stay(); });
	 }},
	{"of a process that becomes another program",
	 [](auto &) { return hold_until(become_another_program); }},
	{"of a process that fetched it and ends", fetch},
	{"in a message to a socket that is closed",
	 [](auto &context) { return send(context, close_both); }},
	{"in a message that the kernel collects as garbage",
	 [](auto &context) { return send(context, send_to_itself); }},
};

/* Whether the child finds zeroes; it would wait for ever for a page that is still registered. */
bool forks_with_ordinary_memory(const Memory &memory, std::size_t page)
{
	return in_child([&] { return memory.word(page) == 0 ? 0 : 1; }) == 0;
}

/* Threads of this process that wait for the monitor, each in another way. */
class EveryWait {
public:
	enum Page : std::size_t { told, untold, dropped, moved, unmapped, pages };

	/* @memory has that many pages, and is registered with @context. */
	EveryWait(const Context &context, const Memory &memory) : memory_(memory)
	{
		start(in_no_syscall, [&] { return memory.word(told) == 0; });
		next_fault(context);
		start(in_no_syscall, [&] { return memory.word(untold) == 0; });
		start(SYS_madvise, [&] {
			return ::madvise(memory.page(dropped), page_size(), MADV_DONTNEED) == 0;
		});
		start(SYS_mremap,
		      [&] { return memory.remap(moved, 1, 1, 0, target_.page(0)) == 0; });
		start(SYS_munmap, [&] {
			memory.unmap(unmapped, 1);
			return true;
		});
	}

	/*
	 * The child that is being made has every descriptor of this process. So this process must
	 * not have one of the context any more.
	 */
	void fork()
	{
		start(SYS_clone, [&] { return forks_with_ordinary_memory(memory_, dropped); });
	}

	bool all_wait() const
	{
		return std::ranges::none_of(threads_,
					    [](const auto &thread) { return thread.is_done(); });
	}

	/* Waits until all have gone on. Whether each got what it should, and memory is usable. */
	bool all_went_on()
	{
		for (auto &thread : threads_)
			if (!thread.get())
				return false;
		return target_.word(0) == 0 && is_ordinary(target_.range()) &&
		       is_ordinary(memory_.range(told, moved));
	}

private:
	void start(long call, const std::function<bool()> &work)
	{
		threads_.push_back(sleeping_in(call, work));
	}

	static bool is_ordinary(Range range)
	{
		for (auto page = range.start; page < range.end(); page += page_size()) {
			auto &word = *reinterpret_cast<volatile std::uint64_t *>(page);

			word = page;
			if (word != page || smaps_flag({page, page_size()}, "um"))
				return false;
		}
		return true;
	}

	const Memory &memory_;
	const Memory target_{1};
	std::vector<KnownThread<bool>> threads_;
};

} // namespace

TEST_CASE("every wait ends when the last descriptor goes elsewhere", "[last_descriptor][security]")
{
	for (const auto &[name, hold] : ways) {
		INFO("the descriptor was " << name);
		const Memory memory(EveryWait::pages);
		auto context = open_context(all_events);
		const auto let_go = hold(context);
		take(context.register_range(memory.range(), Modes::Missing));
		EveryWait waits(context, memory);

		close_context(context);
		waits.fork();
		CHECK(waits.all_wait());
		let_go();
		CHECK(waits.all_went_on());
	}
}

TEST_CASE("waits for huge pages end when the last descriptor goes elsewhere",
	  "[last_descriptor][hugetlb]")
{
	const HugePages pool(2);

	for (const auto &[name, hold] : ways) {
		INFO("the descriptor was " << name);
		const HugeMemory memory(2, MemoryKind::shared_huge_file);
		auto context = open_context(all_events);
		const auto let_go = hold(context);
		take(context.register_range(memory.range(), Modes::Missing));
		auto told = in_thread([&] { return memory.small_word(0, 3) == 0; });
		next_fault(context);
		auto untold = in_thread([&] { return memory.small_word(1, 0) == 0; });
		wait_for_sleepers(context, 2);

		close_context(context);
		CHECK_FALSE(is_done(told));
		CHECK_FALSE(is_done(untold));
		let_go();
		CHECK(told.get());
		CHECK(untold.get());
		CHECK_FALSE(smaps_flag(memory.range(), "um"));
	}
}

/* The message is of any of the faults and events: which comes first is a race. */
TEST_CASE("every wait ends when a read that holds the last descriptor has its message",
	  "[last_descriptor][smp]")
{
	auto options = options_for(all_events);

	options.nonblocking = false;
	for (unsigned round = 0; round < repeated(20); round++) {
		const Memory memory(3);
		auto context = open_context(options);
		auto reader = sleeping_in(SYS_read, [fd = context.fd()] {
			uffd_msg message{};

			checked(::read(fd, &message, sizeof(message)));
			return decode(message); /* closes the child's context */
		});

		take(context.register_range(memory.range(), Modes::Missing));
		close_context(context);
		auto fault = in_thread([&] { return memory.word(0) == 0; });
		auto fork = in_thread([&] { return forks_with_ordinary_memory(memory, 1); });
		auto drop = in_thread(
			[&] { return ::madvise(memory.page(2), page_size(), MADV_DONTNEED) == 0; });
		static_cast<void>(reader.get());
		CHECK(fault.get());
		CHECK(fork.get());
		CHECK(drop.get());
		CHECK_FALSE(smaps_flag(memory.range(), "um"));
	}
}

TEST_CASE("a fork goes on waiting for one context when another one's last descriptor goes",
	  "[last_descriptor]")
{
	for (const std::size_t lost : {0, 1}) { /* the order in which the fork meets them */
		INFO("the context of page " << lost << " goes");
		const std::size_t kept = 1 - lost;
		const Memory memory(2);
		auto goes = open_context(Features::EventFork);
		const auto stays = open_context(Features::EventFork);
		const auto let_go = hold_until([] { return 0; });

		take(goes.register_range(memory.range(lost, 1), Modes::Missing));
		take(stays.register_range(memory.range(kept, 1), Modes::Missing));
		close_context(goes);
		auto fork = sleeping_in(SYS_clone, [&] {
			return in_child([&] {
				const bool ordinary = memory.word(lost) == 0;
				return ordinary && memory.word(kept) == pattern_word(kept) ? 0 : 1;
			});
		});

		let_go();
		wait_until("the memory is ordinary",
			   [&] { return !smaps_flag(memory.range(lost, 1), "um"); });
		CHECK(memory.word(lost) == 0);
		wait_until("the fork is reported", [&] { return is_readable(stays); });
		wait_until("the fork waits again", [&] { return fork.sleeps_in(SYS_clone); });
		const auto child = next_child(stays);
		CHECK(next_fault(child).address == memory.address(kept));
		fill(child, memory, kept);
		CHECK(fork.get() == 0);
		CHECK(smaps_flag(memory.range(kept, 1), "um"));
	}
}

TEST_CASE("a parent's fork and its child's fork end when a killed monitor has both contexts",
	  "[last_descriptor]")
{
	const Memory memory(1);
	const Pipe ready;
	auto context = open_context(Features::EventFork);
	Process monitor([&] {
		const auto child = next_child(context);

		wait_until("both forks wait",
			   [&] { return is_readable(context) && is_readable(child); });
		checked(::write(ready.in.get(), "", 1));
		return stay();
	});
	std::vector<std::future<int>> twice;
	char word;

	take(context.register_range(memory.range(), Modes::Missing));
	close_context(context);
	/* The monitor reads one of the two. */
	for (int i = 0; i < 2; i++)
		twice.push_back(in_thread([&] {
			return in_child(
				[&] { return forks_with_ordinary_memory(memory, 0) ? 0 : 1; });
		}));
	checked(::read(ready.out.get(), &word, 1));
	CHECK(std::ranges::none_of(twice, [](auto &fork) { return is_done(fork); }));
	monitor.signal(SIGKILL);
	for (auto &fork : twice)
		CHECK(fork.get() == 0);
	CHECK(monitor.wait() == Process::killed + SIGKILL);
	CHECK_FALSE(smaps_flag(memory.range(), "um"));
}
