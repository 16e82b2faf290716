// SPDX-License-Identifier: GPL-2.0-only
/* io_uring: requests that touch missing memory, and requests that read or poll a context. */
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/ring.hpp"
#include "lib/signalled_call.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <linux/userfault.h>
#include <optional>
#include <poll.h>
#include <span>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Where a request is carried out. */
struct Way {
	const char *name;
	std::uint32_t ring_flags;
	std::uint8_t request_flags;
};

constexpr Way ways[] = {
	{"in the thread that submits it", 0, 0},
	{"in a worker", 0, IOSQE_ASYNC},
	{"in the ring's own thread", IORING_SETUP_SQPOLL, 0},
};

/* Makes one request with a ring of its own, and waits for its result. */
int carry_out(const Way &way, io_uring_sqe request)
{
	const Ring ring(way.ring_flags);

	request.flags |= way.request_flags;
	ring.submit(request);
	return ring.wait().result;
}

std::span<std::byte> bytes_of(auto &object)
{
	return std::as_writable_bytes(std::span(&object, 1));
}

io_uring_sqe cancelling(std::uint64_t id)
{
	io_uring_sqe cancel = {};

	cancel.opcode = IORING_OP_ASYNC_CANCEL;
	cancel.fd = -1;
	cancel.addr = id;
	return cancel;
}

io_uring_sqe polling(int fd, std::uint32_t flags)
{
	io_uring_sqe poll = {};

	poll.opcode = IORING_OP_POLL_ADD;
	poll.fd = fd;
	poll.len = flags;
	poll.poll32_events = POLLIN;
	return poll;
}

/* A pipe with one byte in it. */
struct PipeWithByte : Pipe {
	PipeWithByte() { checked(::write(in.get(), "x", 1)); }
};

/* The request of a worker that reads the byte into the only page of @world. */
io_uring_sqe reading_byte(const Pipe &pipe, const Memory &memory)
{
	return request(IORING_OP_READ, pipe.out.get(), memory.bytes(0, 1).first(1), IOSQE_ASYNC);
}

/*
 * The work of a process whose ring's worker waits to read into the only page of its memory. It ends
 * with the ring open, as soon as there is something to read from @end.
 */
Consumer::Work waits_in_worker(const Pipe &end)
{
	return [&end](const Memory &memory) -> int {
		const PipeWithByte pipe;
		const Ring ring;
		char byte;

		ring.submit(reading_byte(pipe, memory));
		checked(::read(end.out.get(), &byte, 1));
		::_exit(7);
	};
}

void check_read_waits(const Way &way, bool nonblocking)
{
	auto options = options_for();
	options.nonblocking = nonblocking;
	const World world(1, options);
	const Ring ring(way.ring_flags);
	uffd_msg message;

	ring.submit(
		request(IORING_OP_READ, world.context.fd(), bytes_of(message), way.request_flags));
	CHECK_FALSE(ring.next());
	auto reader = in_thread([&] { return world.memory.word(0) + 0; });
	REQUIRE(ring.wait().result == sizeof(message));
	CHECK(message.event == UFFD_EVENT_PAGEFAULT);
	CHECK(message.arg.pagefault.address == world.memory.address(0));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

} // namespace

TEST_CASE("a read by io_uring into missing pages waits for them", "[io_uring][kernel_fault]")
{
	for (const auto &way : ways) {
		const World world(2);
		const Pipe pipe;
		const char text[] = "nine char";
		const std::span bytes(world.memory.page(1) - 4, sizeof(text));

		INFO(way.name);
		checked(::write(pipe.in.get(), text, sizeof(text)));
		auto reading = in_thread([&] {
			return carry_out(way, request(IORING_OP_READ, pipe.out.get(), bytes));
		});
		const auto fault = next_fault(world.context);
		CHECK(fault.address == world.memory.address(0));
		CHECK(fault.flags == FaultFlags::Write);
		CHECK_FALSE(is_done(reading));
		world.fill(0);
		CHECK(next_fault(world.context).address == world.memory.address(1));
		world.fill(1);
		CHECK(reading.get() == sizeof(text));
		CHECK(std::memcmp(bytes.data(), text, sizeof(text)) == 0);
		CHECK(world.memory.word(0) == pattern_word(0));
	}
}

TEST_CASE("a write by io_uring from missing pages waits for them", "[io_uring][kernel_fault]")
{
	for (const auto &way : ways) {
		const World world(2);
		const Pipe pipe;
		std::vector<std::byte> received(2 * page_size());

		INFO(way.name);
		auto writing = in_thread([&] {
			return carry_out(way, request(IORING_OP_WRITE, pipe.in.get(),
						      world.memory.bytes(0, 2)));
		});
		for (std::size_t i = 0; i < 2; i++) {
			CHECK(next_fault(world.context).address == world.memory.address(i));
			world.fill(i);
		}
		CHECK(writing.get() == static_cast<int>(received.size()));
		checked(::read(pipe.out.get(), received.data(), received.size()));
		CHECK(std::ranges::equal(received, world.memory.bytes(0, 2)));
	}
}

TEST_CASE("a buffer of missing pages waits for them, and then is there for its requests",
	  "[io_uring][kernel_fault][security]")
{
	if (kernel_before(6, 2))
		skip("this kernel's io_uring gets EFAULT where it would have to wait for a page");
	const World world(2);
	const PipeWithByte pipe;
	const Ring ring;
	auto adding = in_thread([&] { ring.add_buffer(world.memory.bytes(0, 2)); });

	for (std::size_t i = 0; i < 2; i++) {
		const auto fault = next_fault(world.context);
		CHECK(fault.address == world.memory.address(i));
		CHECK(fault.flags == FaultFlags::Write);
		CHECK_FALSE(is_done(adding));
		world.fill(i);
	}
	adding.get();
	CHECK(count_patterned(world.memory) == 2);
	/* The kernel writes to the pages that it has pinned, and not through the page table. */
	checked(::madvise(world.memory.page(0), page_size(), MADV_DONTNEED));
	ring.submit(request(IORING_OP_READ_FIXED, pipe.out.get(), world.memory.bytes(0, 1)));
	CHECK(ring.wait().result == 1);
	CHECK(fdinfo(world.context.fd()).total == 0);
	world.fill(0);
	CHECK(count_patterned(world.memory) == 2);
}

/* On native userfaultfd the worker faults again and again in vain until the page is there. */
TEST_CASE("a worker that is asked to cancel waits on for its page",
	  "[io_uring][kernel_fault][security]")
{
	const World world(1, Features::ThreadId);
	const PipeWithByte pipe;
	const Ring ring;
	std::size_t told = 0;

	ring.submit(reading_byte(pipe, world.memory), 1);
	const auto worker = next_fault(world.context).thread;
	CHECK(worker != static_cast<std::uint32_t>(::getpid()));
	ring.submit(cancelling(1), 2);
	const auto cancelled = ring.wait();
	CHECK(cancelled.id == 2);
	CHECK(cancelled.result == -EALREADY);
	if (backend_under_test() == Backend::native) {
		for (; told < 50; told++)
			next_fault(world.context);
	} else {
		wait_until("the worker sleeps and all faults are read", [&] {
			while (take(world.context.read()))
				told++;
			const auto waiting = fdinfo(world.context.fd());
			return waiting.total == 1 && waiting.pending == 0 && sleeps(worker);
		});
		CHECK(told <= 2);
	}
	world.fill(0);
	const auto done = ring.wait();
	CHECK(done.id == 1);
	CHECK(done.result == 1);
	CHECK(world.memory.page(0)[0] == std::byte{'x'});
}

TEST_CASE("a ring can be closed while its worker waits for a page", "[io_uring][lifetime]")
{
	const World world(1);
	const PipeWithByte pipe;
	std::optional<Ring> ring(std::in_place);

	ring->submit(reading_byte(pipe, world.memory));
	next_fault(world.context);
	ring.reset();
	world.fill(0);
	wait_until("the worker has read",
		   [&] { return world.memory.page(0)[0] == std::byte{'x'}; });
	CHECK(*(&world.memory.word(0) + 1) == pattern_word(0) + 0x0101010101010101);
	wait_until("no fault waits", [&] { return fdinfo(world.context.fd()).total == 0; });
}

TEST_CASE("a process whose worker waits for a page can be killed, and can end",
	  "[io_uring][lifetime]")
{
	const Pipe end;
	Consumer killed(1, waits_in_worker(end)), ending(1, waits_in_worker(end));

	next_fault(killed.context);
	next_fault(ending.context);
	killed.process.signal(SIGKILL);
	CHECK(killed.process.wait() == Process::killed + SIGKILL);
	CHECK(fdinfo(killed.context.fd()).total == 0);
	checked(::write(end.in.get(), "", 1));
	CHECK(ending.process.wait() == 7);
	CHECK(fdinfo(ending.context.fd()).total == 0);
	CHECK(ending.context.zeropage(ending.memory.range()).error.value() == ESRCH);
}

TEST_CASE("io_uring drops pages only after the event has been read", "[io_uring][event]")
{
	const World world(2, Features::EventRemove);
	const Ring ring;
	auto drop = request(IORING_OP_MADVISE, -1, world.memory.bytes(0, 1));

	drop.off = 0;
	drop.fadvise_advice = MADV_DONTNEED;
	world.fill(0);
	world.fill(1);
	ring.submit(drop);
	wait_until("there is something to read", [&] { return is_readable(world.context); });
	CHECK_FALSE(ring.next());
	CHECK(count_patterned(world.memory) == 2);
	CHECK(next_of<Remove>(world.context).range == world.memory.range(0, 1));
	CHECK(ring.wait().result == 0);
	CHECK_FALSE(is_there(world.memory, 0));
	CHECK(is_there(world.memory, 1));
}

TEST_CASE("a read of a context by io_uring waits for a fault, even if the context is non-blocking",
	  "[io_uring][read]")
{
	for (const auto &way : ways) {
		for (const bool nonblocking : {true, false}) {
			/* A blocking context can't be polled: only a worker can wait for it. */
			if (!nonblocking && !way.request_flags)
				continue;
			INFO(way.name << ", non-blocking: " << nonblocking);
			check_read_waits(way, nonblocking);
		}
	}
}

/* The signal may be none that the program ever sees. Natively the request ends with EINTR. */
TEST_CASE("a read of a context by io_uring waits with a signal pending, too",
	  "[io_uring][read][module]")
{
	const World world(1);

	static_cast<void>(Ring()); /* or there is no io_uring */
	SignalledCall submitter(__NR_io_uring_enter, [&] {
		const Ring ring;
		uffd_msg message;

		ring.submit(request(IORING_OP_READ, world.context.fd(), bytes_of(message)));
		return ring.next() ? 1 : 0;
	});
	CHECK(submitter.result() == 1); /* request */
	CHECK(submitter.wait() == 0);
}

TEST_CASE("a read of a context that is cancelled loses no fault", "[io_uring][read]")
{
	const World world(1);
	const Ring ring;
	uffd_msg message;

	ring.submit(request(IORING_OP_READ, world.context.fd(), bytes_of(message)), 1);
	ring.submit(cancelling(1), 2);
	for (unsigned i = 0; i < 2; i++) {
		const auto completion = ring.wait();
		CHECK(completion.result == (completion.id == 1 ? -ECANCELED : 0));
	}
	auto reader = in_thread([&] { return world.memory.word(0) + 0; });
	CHECK(next_fault(world.context).address == world.memory.address(0));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("the fork that io_uring reads brings a context of the child", "[io_uring][fork_event]")
{
	for (const auto &way : ways) {
		Consumer forker(1, options_for(Features::EventFork), [](const Memory &memory) {
			Process child([&] { return memory.word(0) == pattern_word(0) ? 0 : 1; });
			return child.wait();
		});
		uffd_msg message;

		INFO(way.name);
		CHECK(carry_out(way, request(IORING_OP_READ, forker.context.fd(),
					     bytes_of(message))) == sizeof(message));
		REQUIRE(message.event == UFFD_EVENT_FORK);
		const auto child = Context::adopt(Fd(static_cast<int>(message.arg.fork.ufd)));
		CHECK(next_fault(child).address == forker.memory.address(0));
		fill(child, forker.memory, 0);
		CHECK(forker.process.wait() == 0);
	}
}

TEST_CASE("io_uring polls a context once, or again for each fault", "[io_uring][read]")
{
	const World world(3);
	const Ring once, always;
	std::vector<std::future<std::uint64_t>> readers;

	once.submit(polling(world.context.fd(), 0));
	always.submit(polling(world.context.fd(), IORING_POLL_ADD_MULTI));
	CHECK_FALSE(once.next());
	CHECK_FALSE(always.next());
	for (std::size_t i = 0; i < 3; i++) {
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
		const auto polled = always.wait();
		CHECK(polled.result == POLLIN);
		CHECK(polled.more);
	}
	const auto polled = once.wait();
	CHECK(polled.result == POLLIN);
	CHECK_FALSE(polled.more);
	CHECK_FALSE(once.next());
	for (std::size_t i = 0; i < 3; i++) {
		next_fault(world.context);
		world.fill(i);
		CHECK(readers[i].get() == pattern_word(i));
	}
}

TEST_CASE("a context in a ring's table of files lives as long as the ring", "[io_uring][lifetime]")
{
	World world(2);
	std::optional<Ring> ring(std::in_place);
	auto first = in_thread([&] { return world.memory.word(0) + 0; });
	auto second = in_thread([&] { return world.memory.word(1) + 0; });
	uffd_msg message;

	wait_for_sleepers(world.context, 2);
	ring->add_file(world.context.fd());
	world.region.release();
	static_cast<void>(Fd(world.context.release()));
	ring->submit(request(IORING_OP_READ, 0, bytes_of(message), IOSQE_FIXED_FILE));
	CHECK(ring->wait().result == sizeof(message));
	CHECK(message.event == UFFD_EVENT_PAGEFAULT);
	CHECK_FALSE(is_done(first));
	CHECK_FALSE(is_done(second));
	CHECK(smaps_flag(world.memory.range(), "um"));
	ring.reset(); /* a thread of the kernel closes the context */
	CHECK(first.get() == 0);
	CHECK(second.get() == 0);
	CHECK_FALSE(smaps_flag(world.memory.range(), "um"));
}
