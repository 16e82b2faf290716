// SPDX-License-Identifier: GPL-2.0-only
/* The event of a fork, and the context of the child that comes with it. */
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <linux/userfault.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Reads every page; returns 0 if each has its pattern. */
int reads_patterns(const Memory &memory)
{
	return count_patterned(memory) == memory.pages() ? 0 : 1;
}

/* Returns 0 if page 0 is empty and nothing is registered. */
int is_on_its_own(const Memory &memory)
{
	return memory.word(0) == 0 && !smaps_flag(memory.range(), "um") ? 0 : 1;
}

/* Fills a child's missing pages, one for each fault that is reported. */
void serve(const Context &child, const Memory &memory, std::size_t faults)
{
	for (std::size_t i = 0; i < faults; i++)
		fill(child, memory, memory.index_of(next_fault(child).address));
}

std::size_t count_descriptors()
{
	return static_cast<std::size_t>(
		std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/* No more descriptors can be opened, as long as this lives. */
struct NoDescriptors {
	NoDescriptors()
	{
		const Fd next(static_cast<int>(checked(::dup(STDOUT_FILENO))));
		checked(::getrlimit(RLIMIT_NOFILE, &before));
		rlimit now = before;
		now.rlim_cur = static_cast<rlim_t>(next.get());
		checked(::setrlimit(RLIMIT_NOFILE, &now));
	}

	~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }

	rlimit before;
};

/* A page that can't be accessed. */
Memory no_access()
{
	Memory memory(1);

	checked(::mprotect(memory.page(0), page_size(), PROT_NONE));
	return memory;
}

/*
 * A process that forks while this process watches it. It returns what its child returns, or if that
 * is 0, what @after returns. After construction it waits until its fork is read.
 */
struct Forker : Consumer {
	Forker(
		std::size_t pages, const Options &options, const Work &in_child,
		const Work &after = [](const Memory &) { return 0; })
		: Consumer(pages, options, [=](const Memory &memory) {
			  Process child([&] { return in_child(memory); });
			  const int status = child.wait();
			  return status ? status : after(memory);
		  })
	{
		wait_until("there is something to read", [&] { return is_readable(context); });
		wait_until("the fork waits", [&] { return waits(); });
	}

	bool waits() const { return sleeps_in(process.pid(), process.pid(), SYS_clone); }

	void close() { static_cast<void>(Fd(context.release())); }
};

} // namespace

TEST_CASE("a fork waits until it is read and then the child is served by a context of its own",
	  "[fork_event][smp][security]")
{
	Forker forker(4, options_for(Features::EventFork), reads_patterns, reads_patterns);

	CHECK(forker.waits());
	const auto child = next_child(forker.context);
	serve(child, forker.memory, 4);
	serve(forker.context, forker.memory, 4); /* the parent doesn't get the child's pages */
	CHECK(forker.process.wait() == 0);
	CHECK_FALSE(is_readable(child));
	CHECK(child.zeropage(forker.memory.range()).error.value() == ESRCH);
}

TEST_CASE("the context of a child has its parent's flags and features", "[fork_event][smp]")
{
	for (const bool close_on_exec : {false, true}) {
		auto options = options_for(Features::EventFork | Features::ThreadId);
		options.close_on_exec = close_on_exec;
		Forker forker(1, options, [](const Memory &) { return 0; });
		const auto child = next_child(forker.context);
		const auto link = "/proc/self/fd/" + std::to_string(child.fd());

		CHECK(forker.process.wait() == 0);
		CHECK(::fcntl(child.fd(), F_GETFL) == ::fcntl(forker.context.fd(), F_GETFL));
		CHECK(!!(::fcntl(child.fd(), F_GETFD) & FD_CLOEXEC) == close_on_exec);
		CHECK(fdinfo(child.fd()).api == fdinfo(forker.context.fd()).api);
		CHECK(std::filesystem::read_symlink(link) == "anon_inode:[userfaultfd]");
		CHECK(child.handshake().error().value() ==
		      EINVAL); /* the handshake is done already */
		CHECK_FALSE(is_readable(child));
	}
}

TEST_CASE("a blocking context gives a blocking one to the child", "[fork_event][smp]")
{
	auto options = options_for(Features::EventFork);
	options.nonblocking = false;
	Consumer forker(1, options, [](const Memory &memory) {
		Process child([&] { return reads_patterns(memory); });
		return child.wait();
	});
	const auto child = next_child(forker.context);

	CHECK_FALSE(::fcntl(child.fd(), F_GETFL) & O_NONBLOCK);
	serve(child, forker.memory, 1);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("the message of a fork contains nothing but the descriptor", "[fork_event][smp]")
{
	Forker forker(1, options_for(Features::EventFork), [](const Memory &) { return 0; });
	uffd_msg message, expected{};

	std::memset(&message, 0xff, sizeof(message));
	REQUIRE(::read(forker.context.fd(), &message, sizeof(message)) == sizeof(message));
	const Fd child(static_cast<int>(message.arg.fork.ufd));
	expected.event = UFFD_EVENT_FORK;
	expected.arg.fork.ufd = message.arg.fork.ufd;
	CHECK(std::memcmp(&message, &expected, sizeof(message)) == 0);
	CHECK(::fcntl(child.get(), F_GETFD) >= 0);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("the feature that faults are a SIGBUS is inherited", "[fork_event][smp]")
{
	Consumer forker(1, options_for(Features::EventFork | Features::Sigbus),
			[](const Memory &memory) {
				Process child([&] {
					const rlimit none{};
					::signal(SIGBUS, SIG_DFL); /* Catch2 has its own */
					::setrlimit(RLIMIT_CORE, &none);
					return static_cast<int>(memory.word(0));
				});
				return child.wait() == Process::killed + SIGBUS ? 0 : 1;
			});
	const auto child = next_child(forker.context);

	CHECK(forker.process.wait() == 0);
	CHECK_FALSE(is_readable(child));
}

TEST_CASE("a monitor fills the child's memory and registers more of it", "[fork_event][smp]")
{
	const auto sockets = take(socket_pair());
	std::array<char, 1> byte{};
	Forker forker(4, options_for(Features::EventFork), [&](const Memory &memory) {
		checked(::read(sockets.second.get(), byte.data(), 1));
		return reads_patterns(memory);
	});
	const auto child = next_child(forker.context);

	for (std::size_t i = 0; i < 2; i++)
		fill(child, forker.memory, i);
	take(child.unregister_range(forker.memory.range()));
	take(child.register_range(forker.memory.range(2, 2), Modes::Missing));
	checked(::write(sockets.first.get(), byte.data(), 1));
	serve(child, forker.memory, 2);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("forks of forks are reported one by one", "[fork_event][smp]")
{
	struct Nest {
		static int run(const Memory &memory, std::size_t depth)
		{
			if (memory.word(depth) != pattern_word(depth))
				return 1;
			if (depth == 2)
				return 0;
			Process child([&] { return run(memory, depth + 1); });
			return child.wait();
		}
	};
	Forker forker(3, options_for(Features::EventFork),
		      [](const Memory &memory) { return Nest::run(memory, 0); });
	std::vector<Context> contexts;

	contexts.push_back(next_child(forker.context));
	serve(contexts.back(), forker.memory, 1);
	for (int depth = 1; depth <= 2; depth++) {
		contexts.push_back(next_child(contexts.back()));
		serve(contexts.back(), forker.memory, 1);
	}
	CHECK(forker.process.wait() == 0);
	for (const auto &context : contexts)
		CHECK_FALSE(is_readable(context));
}

TEST_CASE("a process forks while its threads wait for pages", "[fork_event][smp]")
{
	Consumer forker(4, options_for(Features::EventFork), [](const Memory &memory) {
		std::vector<std::future<std::uint64_t>> readers;
		for (std::size_t i = 0; i < 3; i++)
			readers.push_back(in_thread([&memory, i] { return memory.word(i) + 0; }));
		wait_until("all wait", [] { return count_threads() == 4; });
		Process child([&] { return reads_patterns(memory); });
		int wrong = child.wait();
		for (std::size_t i = 0; i < 3; i++)
			wrong |= readers[i].get() != pattern_word(i);
		return wrong;
	});

	wait_for_pending(forker.context, 3);
	for (int i = 0; i < 3; i++)
		CHECK(next_fault(forker.context).address < forker.memory.address(3));
	const auto child = next_child(forker.context);
	serve(child, forker.memory, 4); /* the child doesn't have the threads */
	CHECK(fdinfo(forker.context.fd()).total == 3);
	for (std::size_t i = 0; i < 3; i++)
		fill(forker.context, forker.memory, i);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("forks of several threads are reported one by one", "[fork_event][smp]")
{
	constexpr std::size_t count = 4;
	Consumer forker(1, options_for(Features::EventFork), [](const Memory &memory) {
		std::vector<std::future<int>> forking;
		for (std::size_t i = 0; i < count; i++)
			forking.push_back(in_thread([&memory] {
				Process child([&] { return reads_patterns(memory); });
				return child.wait();
			}));
		int wrong = 0;
		for (auto &fork : forking)
			wrong |= fork.get();
		return wrong;
	});
	std::vector<Context> children;

	for (std::size_t i = 0; i < count; i++)
		children.push_back(next_child(forker.context));
	for (const auto &child : children)
		serve(child, forker.memory, 1);
	CHECK(forker.process.wait() == 0);
	CHECK_FALSE(is_readable(forker.context));
}

TEST_CASE("a child whose context is closed has ordinary memory", "[fork_event][smp]")
{
	Forker forker(2, options_for(Features::EventFork), is_on_its_own, reads_patterns);

	static_cast<void>(next_of<Fork>(forker.context));
	serve(forker.context, forker.memory, 2); /* its parent is still watched */
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("a child has ordinary memory if its fork is never read", "[fork_event][smp]")
{
	Forker forker(2, options_for(Features::EventFork), is_on_its_own, is_on_its_own);

	forker.close();
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("a process that waits for its fork to be read can be killed",
	  "[fork_event][smp][security]")
{
	Forker victim(2, options_for(Features::EventFork), [](const Memory &) { return 0; });

	victim.process.signal(SIGKILL);
	CHECK(victim.process.wait() == Process::killed + SIGKILL);
	CHECK_FALSE(is_readable(victim.context));
	CHECK_FALSE(take(victim.context.read()));
}

TEST_CASE("page operations are refused until a fork is read", "[fork_event][smp]")
{
	Forker forker(1, options_for(Features::EventFork), reads_patterns, reads_patterns);
	const auto source = patterned(1);

	CHECK(forker.context.zeropage(forker.memory.range()).error.value() == EAGAIN);
	const auto child = next_child(forker.context);
	wait_until("nothing changes any more", [&] {
		return !!forker.context.copy(forker.memory.address(0), source.bytes(0, 1));
	});
	serve(child, forker.memory, 1);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("a fork of a process with two contexts is reported to both", "[fork_event][smp]")
{
	const Memory memory(4);
	const auto sockets = take(socket_pair());
	std::array<std::byte, 1> payload{};
	Process forker([&] {
		{
			const auto first = open_context(Features::EventFork);
			const auto second = open_context(Features::EventFork);
			take(first.register_range(memory.range(0, 2), Modes::Missing));
			take(second.register_range(memory.range(2, 1), Modes::Missing));
			take(first.register_range(memory.range(3, 1), Modes::Missing));
			take(send_fd(sockets.second.get(), first.fd(), payload));
			take(send_fd(sockets.second.get(), second.fd(), payload));
		}
		Process child([&] { return reads_patterns(memory); });
		return child.wait();
	});
	const auto first = Context::adopt(take(receive_fd(sockets.first.get(), payload)));
	const auto second = Context::adopt(take(receive_fd(sockets.first.get(), payload)));

	wait_until("the first context has its event", [&] { return is_readable(first); });
	if (backend_under_test() == Backend::native)
		CHECK_FALSE(is_readable(second)); /* one after the other */
	else /* the fork queues both events before it waits for a reader */
		wait_until("the second context has its event", [&] { return is_readable(second); });
	const auto child_of_first = next_child(first);
	const auto child_of_second = next_child(second);
	serve(child_of_first, memory, 2);
	serve(child_of_second, memory, 1);
	serve(child_of_first, memory, 1);
	CHECK(forker.wait() == 0);
	CHECK_FALSE(is_readable(first));
	CHECK_FALSE(is_readable(second));
}

TEST_CASE("a fork is not reported if the child does not get the memory", "[fork_event][smp]")
{
	const World world(1, Features::EventFork);

	checked(::madvise(world.memory.page(0), page_size(), MADV_DONTFORK));
	Process child([] { return 0; });
	CHECK(child.wait() == 0);
	CHECK_FALSE(is_readable(world.context));
}

TEST_CASE("a fork is not reported without the feature", "[fork_event][smp]")
{
	const World world(1, Features::EventRemove);
	Process child([&] { return is_on_its_own(world.memory); });

	CHECK(child.wait() == 0);
	CHECK_FALSE(is_readable(world.context));
}

TEST_CASE("events of the child come to the child's context", "[fork_event][smp]")
{
	Forker forker(
		2, options_for(Features::EventFork | Features::EventRemove | Features::EventUnmap),
		[](const Memory &memory) {
			checked(::madvise(memory.page(0), page_size(), MADV_DONTNEED));
			return ::munmap(memory.page(1), page_size());
		});
	const auto child = next_child(forker.context);

	CHECK(next_of<Remove>(child).range.start == forker.memory.address(0));
	CHECK(next_of<Unmap>(child).range.start == forker.memory.address(1));
	CHECK(forker.process.wait() == 0);
	CHECK_FALSE(is_readable(forker.context));
}

TEST_CASE("the context of a child lives after its parent's was closed", "[fork_event][smp]")
{
	Forker forker(2, options_for(Features::EventFork), reads_patterns);
	const auto child = next_child(forker.context);

	forker.close();
	serve(child, forker.memory, 2);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("a fork that can't be read because no descriptor is free can be read later",
	  "[fork_event][smp]")
{
	Forker forker(1, options_for(Features::EventFork), reads_patterns);
	uffd_msg message;
	ssize_t size;
	int error;

	{
		const NoDescriptors full;
		size = ::read(forker.context.fd(), &message, sizeof(message));
		error = errno;
	}
	CHECK(size == -1);
	CHECK(error == EMFILE);
	CHECK(is_readable(forker.context));
	CHECK(forker.waits());
	serve(next_child(forker.context), forker.memory, 1);
	CHECK(forker.process.wait() == 0);
}

/* Native userfaultfd takes such a fork for reported, and leaves the descriptor open. */
TEST_CASE("a fork that can't be copied to a reader is reported to the next one and leaks nothing",
	  "[fork_event][module][smp]")
{
	Forker forker(1, options_for(Features::EventFork), reads_patterns);
	const auto nowhere = no_access();
	const auto before = count_descriptors();

	for (int i = 0; i < 3; i++) {
		CHECK(::read(forker.context.fd(), nowhere.page(0), sizeof(uffd_msg)) == -1);
		CHECK(errno == EFAULT);
		CHECK(is_readable(forker.context));
		CHECK(forker.waits());
	}
	CHECK(count_descriptors() == before);
	serve(next_child(forker.context), forker.memory, 1);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("a process can be killed while its fork is being copied to the reader",
	  "[fork_event][module][smp]")
{
	/* The reader waits for a page of its own buffer. */
	for (const bool readable : {true, false}) {
		Forker victim(1, options_for(Features::EventFork),
			      [](const Memory &) { return 0; });
		World buffers(2);
		auto *buffer = buffers.memory.page(1) - sizeof(uffd_msg) / 2;
		if (readable)
			buffers.fill(1);
		else
			checked(::mprotect(buffers.memory.page(1), page_size(), PROT_NONE));
		const auto before = count_descriptors();
		auto reader = in_thread(
			[&] { return ::read(victim.context.fd(), buffer, sizeof(uffd_msg)); });

		next_fault(buffers.context);
		victim.process.signal(SIGKILL);
		CHECK(victim.process.wait() == Process::killed + SIGKILL);
		buffers.fill(0);
		CHECK(reader.get() == (readable ? ssize_t{sizeof(uffd_msg)} : -1));
		CHECK(count_descriptors() == before + readable);
		CHECK_FALSE(is_readable(victim.context));
		if (!readable)
			continue;
		/* The context of a child that was never made. */
		uffd_msg message;
		std::memcpy(&message, buffer, sizeof(message));
		REQUIRE(message.event == UFFD_EVENT_FORK);
		const auto child = Context::adopt(Fd(static_cast<int>(message.arg.fork.ufd)));
		CHECK(child.zeropage(victim.memory.range()).error.value() == ESRCH);
	}
}
