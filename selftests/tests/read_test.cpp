// SPDX-License-Identifier: GPL-2.0-only
/* read(2) and poll(2) on a context. */
#include "harness/known_thread.hpp"
#include "lib/signalled_call.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/userfault.h>
#include <map>
#include <memory>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t message_size = sizeof(uffd_msg);

Options blocking_options()
{
	auto options = options_for();

	options.nonblocking = false;
	return options;
}

/* A thread for each page that waits to read it. All faults are pending, the first page's first. */
std::vector<std::future<std::uint64_t>> pending_readers(const World &world)
{
	std::vector<std::future<std::uint64_t>> readers;

	for (std::size_t i = 0; i < world.memory.pages(); i++) {
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
		wait_for_pending(world.context, i + 1);
	}
	return readers;
}

void fill_all(const World &world)
{
	for (std::size_t i = 0; i < world.memory.pages(); i++)
		world.fill(i);
}

Address address_in(const uffd_msg &message)
{
	return message.event == UFFD_EVENT_PAGEFAULT ? message.arg.pagefault.address : 0;
}

/* A thread in a blocking read of one message; what read() returned, or minus its errno. */
struct BlockedReader {
	explicit BlockedReader(const Context &context)
		: thread(sleeping_in(SYS_read, [&context, this] {
			  const auto size = ::read(context.fd(), &message, message_size);
			  return size < 0 ? -errno : size;
		  }))
	{
	}

	uffd_msg message{};
	KnownThread<ssize_t> thread;
};

} // namespace

TEST_CASE("a non-blocking read of nothing is EAGAIN", "[read]")
{
	const World world(1);
	uffd_msg message;

	CHECK(::read(world.context.fd(), &message, message_size) == -1);
	CHECK(errno == EAGAIN);
}

TEST_CASE("a blocking read waits for a fault", "[read]")
{
	const World world(1, blocking_options());
	BlockedReader monitor(world.context);
	auto reader = in_thread([&] { return world.memory.word(0); });

	CHECK(monitor.thread.get() == message_size);
	CHECK(address_in(monitor.message) == world.memory.address(0));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("a message contains nothing but the fault", "[read]")
{
	const World world(1);
	auto reader = in_thread([&] { return world.memory.word(0); });
	uffd_msg message, expected{};

	wait_for_pending(world.context, 1);
	std::memset(&message, 0xff, sizeof(message));
	expected.event = UFFD_EVENT_PAGEFAULT;
	expected.arg.pagefault.address = world.memory.address(0);
	CHECK(::read(world.context.fd(), &message, message_size) == message_size);
	CHECK(std::memcmp(&message, &expected, message_size) == 0);
	world.fill(0);
	reader.get();
}

TEST_CASE("one read takes as many messages as there are and as fit", "[read]")
{
	const World world(5);
	auto readers = pending_readers(world);
	std::array<uffd_msg, 3> messages{};

	CHECK(::read(world.context.fd(), messages.data(), 3 * message_size) == 3 * message_size);
	for (std::size_t i = 0; i < 3; i++)
		CHECK(address_in(messages[i]) == world.memory.address(i));
	CHECK(fdinfo(world.context.fd()).pending == 2);
	CHECK(::read(world.context.fd(), messages.data(), 3 * message_size) == 2 * message_size);
	CHECK(address_in(messages[0]) == world.memory.address(3));
	CHECK(address_in(messages[1]) == world.memory.address(4));
	fill_all(world);
}

TEST_CASE("a blocking read of several messages waits for the first only", "[read]")
{
	const World world(2, blocking_options());
	auto readers = pending_readers(world);
	std::array<uffd_msg, 8> messages{};

	CHECK(::read(world.context.fd(), messages.data(), sizeof(messages)) == 2 * message_size);
	fill_all(world);
}

TEST_CASE("a buffer too small for a message is EINVAL and takes nothing", "[read]")
{
	const World world(1);
	auto readers = pending_readers(world);
	std::array<char, 64> buffer;

	for (const std::size_t size : {std::size_t{0}, std::size_t{1}, message_size - 1}) {
		CHECK(::read(world.context.fd(), buffer.data(), size) == -1);
		CHECK(errno == EINVAL);
	}
	CHECK(fdinfo(world.context.fd()).pending == 1);
	CHECK(next_fault(world.context).address == world.memory.address(0));
	fill_all(world);
}

TEST_CASE("what is left of a buffer after whole messages is not touched", "[read]")
{
	const World world(2);
	auto readers = pending_readers(world);
	std::array<unsigned char, 3 * sizeof(uffd_msg)> buffer;

	buffer.fill(0xee);
	CHECK(::read(world.context.fd(), buffer.data(), 2 * message_size - 1) == message_size);
	CHECK(std::all_of(buffer.begin() + message_size, buffer.end(),
			  [](auto byte) { return byte == 0xee; }));
	CHECK(fdinfo(world.context.fd()).pending == 1);
	fill_all(world);
}

TEST_CASE("a buffer that can't be written is EFAULT and the waiter can still be served", "[read]")
{
	const World world(1);
	auto readers = pending_readers(world);
	const Memory buffer(1);

	checked(::mprotect(buffer.page(0), page_size(), PROT_READ));
	CHECK(::read(world.context.fd(), buffer.page(0), message_size) == -1);
	CHECK(errno == EFAULT);
	CHECK(fdinfo(world.context.fd()).total == 1);
	fill_all(world);
	CHECK(readers[0].get() == pattern_word(0));
}

TEST_CASE("the module reports a fault again that could not be written to a reader",
	  "[read][module]")
{
	/*
	 * Native userfaultfd takes the fault for reported: a monitor has to fill the page unasked.
	 */
	const World world(2);
	auto readers = pending_readers(world);
	const Memory buffer(1);

	checked(::mprotect(buffer.page(0), page_size(), PROT_READ));
	CHECK(::read(world.context.fd(), buffer.page(0), message_size) == -1);
	CHECK(fdinfo(world.context.fd()).pending == 2);
	CHECK(next_fault(world.context).address == world.memory.address(0));
	CHECK(next_fault(world.context).address == world.memory.address(1));
	fill_all(world);
}

TEST_CASE("the module reports a fault again that a buffer had no room for after another one",
	  "[read][module]")
{
	/* Native userfaultfd takes this one for reported, too. */
	const World world(2);
	auto readers = pending_readers(world);
	const Memory buffer(2);

	checked(::mprotect(buffer.page(1), page_size(), PROT_NONE));
	auto *last = reinterpret_cast<uffd_msg *>(buffer.page(1)) - 1;
	CHECK(::read(world.context.fd(), last, 2 * message_size) == message_size);
	CHECK(fdinfo(world.context.fd()).pending == 1);
	CHECK(next_fault(world.context).address == world.memory.address(1));
	fill_all(world);
}

TEST_CASE("a read fills the part of its buffer that can be written", "[read]")
{
	const World world(2);
	auto readers = pending_readers(world);
	const Memory buffer(2);

	checked(::mprotect(buffer.page(1), page_size(), PROT_NONE));
	auto *last = reinterpret_cast<uffd_msg *>(buffer.page(1)) - 1;
	CHECK(::read(world.context.fd(), last, 2 * message_size) == message_size);
	CHECK(address_in(*last) == world.memory.address(0));
	fill_all(world);
}

TEST_CASE("messages can be read into several buffers", "[read]")
{
	const World world(2);
	auto readers = pending_readers(world);
	std::array<uffd_msg, 2> messages{};
	const iovec parts[] = {{&messages[0], message_size}, {&messages[1], message_size}};

	CHECK(::readv(world.context.fd(), parts, 2) == 2 * message_size);
	CHECK(address_in(messages[0]) == world.memory.address(0));
	CHECK(address_in(messages[1]) == world.memory.address(1));
	fill_all(world);
}

TEST_CASE("poll reports a fault until it is read", "[read]")
{
	const World world(1);
	pollfd poll{world.context.fd(), POLLIN, 0};

	CHECK(::poll(&poll, 1, 0) == 0);
	auto reader = in_thread([&] { return world.memory.word(0); });
	CHECK(::poll(&poll, 1, -1) == 1);
	CHECK(poll.revents == POLLIN);
	CHECK(::poll(&poll, 1, 0) == 1);
	next_fault(world.context);
	CHECK(::poll(&poll, 1, 0) == 0);
	world.fill(0);
	reader.get();
	CHECK(::poll(&poll, 1, 0) == 0);
}

TEST_CASE("epoll reports faults", "[read]")
{
	const World world(1);
	const Fd epoll(static_cast<int>(checked(::epoll_create1(EPOLL_CLOEXEC))));
	epoll_event event{.events = EPOLLIN, .data = {.u64 = 7}};

	checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, world.context.fd(), &event));
	CHECK(::epoll_wait(epoll.get(), &event, 1, 0) == 0);
	auto reader = in_thread([&] { return world.memory.word(0); });
	CHECK(::epoll_wait(epoll.get(), &event, 1, -1) == 1);
	CHECK(event.events == EPOLLIN);
	CHECK(event.data.u64 == 7);
	next_fault(world.context);
	CHECK(::epoll_wait(epoll.get(), &event, 1, 0) == 0);
	world.fill(0);
	reader.get();
}

TEST_CASE("a blocking context can't be polled", "[read]")
{
	const World world(1, blocking_options());
	pollfd poll{world.context.fd(), POLLIN, 0};

	CHECK(::poll(&poll, 1, 0) == 1);
	CHECK(poll.revents == POLLERR);
}

TEST_CASE("blocking can be switched while the context is in use", "[read]")
{
	const World world(1, blocking_options());
	uffd_msg message;

	checked(::fcntl(world.context.fd(), F_SETFL, O_NONBLOCK));
	CHECK(::read(world.context.fd(), &message, message_size) == -1);
	CHECK(errno == EAGAIN);
	checked(::fcntl(world.context.fd(), F_SETFL, 0));
	BlockedReader monitor(world.context);
	auto reader = in_thread([&] { return world.memory.word(0); });
	CHECK(monitor.thread.get() == message_size);
	world.fill(0);
	reader.get();
}

TEST_CASE("a signal interrupts a read that waits", "[read]")
{
	const World world(1, blocking_options());
	struct sigaction action = {};
	action.sa_handler = [](int) {};
	checked(::sigaction(SIGUSR1, &action, nullptr)); /* no SA_RESTART */
	BlockedReader monitor(world.context);

	monitor.thread.signal(SIGUSR1);
	CHECK(monitor.thread.get() == -EINTR);
}

TEST_CASE("a read that doesn't wait says so with a signal pending, too", "[read][module]")
{
	const World world(1);
	SignalledCall reader(SYS_read, [&] {
		uffd_msg message;

		return ::read(world.context.fd(), &message, message_size) < 0 ? errno : 0;
	});

	CHECK(reader.result() == -EAGAIN);
	CHECK(reader.wait() == EAGAIN);
}

TEST_CASE("each of several readers waits and each fault is reported to one of them", "[read]")
{
	const std::size_t pages = 64, monitors = 4;
	const World world(pages, blocking_options());
	std::map<Address, unsigned> told;
	std::mutex lock;
	std::atomic<std::size_t> taken = 0;
	std::vector<std::future<void>> serving;

	for (std::size_t i = 0; i < monitors; i++)
		serving.push_back(in_thread([&] {
			while (taken++ < pages) {
				const auto fault = next_fault(world.context);
				const auto index = world.memory.index_of(fault.address);
				{
					const std::lock_guard guard(lock);
					told[fault.address]++;
				}
				world.fill(index);
			}
		}));
	std::vector<std::future<std::uint64_t>> readers;
	for (std::size_t i = 0; i < pages; i++)
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
	for (std::size_t i = 0; i < pages; i++)
		CHECK(readers[i].get() == pattern_word(i));
	for (auto &monitor : serving)
		monitor.get();
	CHECK(told.size() == pages);
	for (const auto &[address, times] : told)
		CHECK(times == 1);
}

TEST_CASE("each fault wakes a reader even if all of them wait", "[read]")
{
	const World world(3, blocking_options());
	std::vector<std::unique_ptr<BlockedReader>> monitors;
	std::vector<std::future<std::uint64_t>> readers;

	for (std::size_t i = 0; i < 3; i++)
		monitors.push_back(std::make_unique<BlockedReader>(world.context));
	for (std::size_t i = 0; i < 3; i++)
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
	for (auto &monitor : monitors)
		CHECK(monitor->thread.get() == message_size);
	CHECK(fdinfo(world.context.fd()).pending == 0);
	fill_all(world);
}

TEST_CASE("a context can't be written or mapped", "[read][security]")
{
	const World world(1);
	uffd_msg message{};

	CHECK(::write(world.context.fd(), &message, message_size) == -1);
	CHECK(errno == EBADF);
	CHECK(::mmap(nullptr, page_size(), PROT_READ, MAP_PRIVATE, world.context.fd(), 0) ==
	      MAP_FAILED);
	CHECK(errno == ENODEV);
}
