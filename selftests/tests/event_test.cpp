// SPDX-License-Identifier: GPL-2.0-only
/* Events of mappings that change: REMOVE, UNMAP, REMAP. */
#include "lib/consumer.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <deque>
#include <cstring>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userfault/mapping.hpp>
#include <userfault/socket.hpp>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

bool same(Range a, Range b)
{
	return a.start == b.start && a.length == b.length;
}

long drop(const Memory &memory, std::size_t first, std::size_t count, int advice = MADV_DONTNEED)
{
	return ::madvise(memory.page(first), count * page_size(), advice);
}

long unmap(Memory &memory, std::size_t first, std::size_t count)
{
	memory.unmap(first, count);
	return 0;
}

/* Moves pages of @memory to the start of @target, which they replace. */
long move(const Memory &memory, std::size_t old_count, const Memory &target, std::size_t new_count,
	  int flags = 0)
{
	return memory.remap(0, old_count, new_count, flags, target.page(0));
}

/* Checks that touching the page is reported to @context, with this page's address. */
void check_watched(const Context &context, const Memory &memory, std::size_t index)
{
	auto reader = in_thread([&] { return memory.word(index) + 0; });

	CHECK(next_fault(context).address == memory.address(index));
	fill(context, memory, index);
	CHECK(reader.get() == pattern_word(index));
}

/* A page that can't be accessed. */
Memory no_access()
{
	Memory memory(1);

	checked(::mprotect(memory.page(0), page_size(), PROT_NONE));
	return memory;
}

} // namespace

TEST_CASE("dropping pages waits until the event is read and then drops them", "[event]")
{
	for (const int advice : {MADV_DONTNEED, MADV_FREE}) {
		const World world(4, Features::EventRemove);
		for (std::size_t i = 0; i < 4; i++)
			world.fill(i);
		WaitingCall dropping(world.context, SYS_madvise,
				     [&] { return drop(world.memory, 1, 2, advice); });

		INFO("advice " << advice);
		CHECK(count_patterned(world.memory) == 4);
		CHECK_FALSE(dropping.is_over());
		CHECK(same(next_of<Remove>(world.context).range, world.memory.range(1, 2)));
		CHECK(dropping.result() == 0);
		CHECK_FALSE(is_readable(world.context));
		if (advice == MADV_DONTNEED)
			check_watched(world.context, world.memory, 1);
		CHECK(has_pattern(world.memory.bytes(3, 1), 3));
	}
}

TEST_CASE("removing pages of a file is reported", "[event]")
{
	const auto context = open_context(Features::EventRemove);
	const auto mapping = take(Mapping::anonymous(2 * page_size()));
	const auto bytes = mapping.bytes();
	REQUIRE(::mmap(bytes.data(), bytes.size(), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == bytes.data());

	if (!context.register_range(mapping.range(), Modes::Missing))
		skip("shared memory can't be registered");
	WaitingCall removing(context, SYS_madvise,
			     [&] { return ::madvise(bytes.data(), page_size(), MADV_REMOVE); });
	CHECK(same(next_of<Remove>(context).range, {mapping.range().start, page_size()}));
	CHECK(removing.result() == 0);
}

TEST_CASE("advice that drops nothing is not reported", "[event]")
{
	const World world(2, every_event);

	for (const int advice : {MADV_COLD, MADV_PAGEOUT, MADV_RANDOM, MADV_WILLNEED})
		CHECK(drop(world.memory, 0, 2, advice) == 0);
	CHECK(drop(world.memory, 0, 2, MADV_REMOVE) == -1);
	CHECK_FALSE(is_readable(world.context));
}

TEST_CASE("dropping pages of several mappings is reported mapping by mapping", "[event]")
{
	const Memory memory(4);
	const auto context = open_context(Features::EventRemove);

	take(context.register_range(memory.range(0, 2), Modes::Missing));
	take(context.register_range(memory.range(3, 1), Modes::Missing));
	WaitingCall dropping(context, SYS_madvise, [&] { return drop(memory, 0, 4); });
	CHECK(same(next_of<Remove>(context).range, memory.range(0, 2)));
	CHECK(same(next_of<Remove>(context).range, memory.range(3, 1)));
	CHECK(dropping.result() == 0);
	CHECK_FALSE(is_readable(context));
}

TEST_CASE("unmapping a part is reported when the part is gone", "[event]")
{
	World world(4, Features::EventUnmap);
	const auto gone = world.memory.range(1, 2);
	WaitingCall unmapping(world.context, SYS_munmap, [&] { return unmap(world.memory, 1, 2); });

	CHECK(count_mappings(gone) == 0);
	CHECK_FALSE(unmapping.is_over());
	CHECK(same(next_of<Unmap>(world.context).range, gone));
	CHECK(unmapping.result() == 0);
	CHECK(smaps_flag(world.memory.range(0, 1), "um"));
	CHECK(smaps_flag(world.memory.range(3, 1), "um"));
	CHECK_FALSE(is_readable(world.context));
	check_watched(world.context, world.memory, 0);
	check_watched(world.context, world.memory, 3);
}

TEST_CASE("unmapping several mappings and holes is reported once", "[event]")
{
	Memory memory(8);
	const auto context = open_context(Features::EventUnmap);

	take(context.register_range(memory.range(1, 1), Modes::Missing));
	take(context.register_range(memory.range(3, 2), Modes::Missing));
	memory.unmap(6, 1);
	WaitingCall unmapping(context, SYS_munmap, [&] { return unmap(memory, 0, 8); });
	CHECK(same(next_of<Unmap>(context).range, memory.range()));
	CHECK(unmapping.result() == 0);
	CHECK_FALSE(is_readable(context));
}

TEST_CASE("unmapping unregistered memory is not reported", "[event]")
{
	Memory memory(3);
	const auto context = open_context(every_event);

	take(context.register_range(memory.range(0, 1), Modes::Missing));
	memory.unmap(1, 2);
	CHECK_FALSE(is_readable(context));
	take(context.unregister_range(memory.range(0, 1)));
	memory.unmap(0, 1);
	CHECK_FALSE(is_readable(context));
}

TEST_CASE("a mapping that replaces another is reported as an unmapping", "[event]")
{
	World world(3, Features::EventUnmap);
	const auto replace = [&] {
		return ::mmap(world.memory.page(1), page_size(), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			      0) == world.memory.page(1)
			       ? 0L
			       : -1L;
	};
	WaitingCall mapping(world.context, SYS_mmap, replace);

	CHECK(same(next_of<Unmap>(world.context).range, world.memory.range(1, 1)));
	CHECK(mapping.result() == 0);
	CHECK_FALSE(smaps_flag(world.memory.range(1, 1), "um"));
	CHECK(world.memory.word(1) == 0);
}

TEST_CASE("moving memory is reported and the memory stays registered", "[event]")
{
	World world(4, Features::EventRemap);
	Memory target(4);

	world.fill(0);
	WaitingCall moving(world.context, SYS_mremap,
			   [&] { return move(world.memory, 4, target, 4); });
	CHECK_FALSE(moving.is_over());
	const auto told = next_of<Remap>(world.context);
	CHECK(told.from == world.memory.address(0));
	CHECK(same(told.to, target.range()));
	CHECK(moving.result() == 0);
	world.region.release();
	CHECK(smaps_flag(target.range(), "um"));
	CHECK(has_pattern(target.bytes(0, 1), 0));
	check_watched(world.context, target, 2);
}

TEST_CASE("a move of memory that grows is reported with the old length", "[event]")
{
	World world(2, Features::EventRemap);
	Memory target(4);
	WaitingCall moving(world.context, SYS_mremap,
			   [&] { return move(world.memory, 2, target, 4); });

	const auto told = next_of<Remap>(world.context);
	CHECK(told.from == world.memory.address(0));
	CHECK(same(told.to, target.range(0, 2)));
	CHECK(moving.result() == 0);
	world.region.release();
	check_watched(world.context, target, 3);
}

TEST_CASE("growing memory in its place is not reported", "[event]")
{
	Memory memory(4);
	const auto context = open_context(every_event);

	memory.unmap(2, 2);
	take(context.register_range(memory.range(0, 2), Modes::Missing));
	if (memory.remap(0, 2, 4))
		skip("there is other memory right after this memory");
	CHECK_FALSE(is_readable(context));
	check_watched(context, memory, 3);
	take(context.unregister_range(memory.range()));
}

TEST_CASE("shrinking memory is reported as an unmapping of its end", "[event]")
{
	const World world(4, every_event);
	WaitingCall shrinking(world.context, SYS_mremap,
			      [&] { return world.memory.remap(0, 4, 1); });

	CHECK(same(next_of<Unmap>(world.context).range, world.memory.range(1, 3)));
	CHECK(shrinking.result() == 0);
	CHECK_FALSE(is_readable(world.context));
}

TEST_CASE("memory that leaves its mapping behind as it moves is watched in both places", "[event]")
{
	World world(2, Features::EventRemap);
	Memory target(2);

	world.fill(0);
	WaitingCall moving(world.context, SYS_mremap,
			   [&] { return move(world.memory, 2, target, 2, MREMAP_DONTUNMAP); });
	const auto told = next_of<Remap>(world.context);
	CHECK(told.from == world.memory.address(0));
	CHECK(same(told.to, target.range()));
	CHECK(moving.result() == 0);
	CHECK(has_pattern(target.bytes(0, 1), 0));
	check_watched(world.context, target, 1);
	check_watched(world.context, world.memory, 0);
}

TEST_CASE("an unmapping of what a move replaces is reported before the move", "[event]")
{
	World world(2, every_event);
	const Memory target(2);

	take(world.context.register_range(target.range(), Modes::Missing));
	WaitingCall moving(world.context, SYS_mremap,
			   [&] { return move(world.memory, 2, target, 2); });
	CHECK(same(next_of<Unmap>(world.context).range, target.range()));
	CHECK(same(next_of<Remap>(world.context).to, target.range()));
	while (!moving.is_over())
		if (auto rest = take(world.context.read()))
			CHECK(std::holds_alternative<Unmap>(*rest));
	CHECK(moving.result() == 0);
	world.region.release();
	take(world.context.unregister_range(target.range()));
}

TEST_CASE("faults are reported before events, and events in their order", "[event]")
{
	World world(4, every_event);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	auto unmapping = in_thread([&] { world.memory.unmap(3, 1); });
	wait_until("it is unmapped", [&] { return count_mappings(world.memory.range(3, 1)) == 0; });
	auto reader = in_thread([&] { return world.memory.word(1); });

	wait_for_pending(world.context, 1);
	CHECK(fdinfo(world.context.fd()).total == 1); /* events are not counted */
	CHECK(next_fault(world.context).address == world.memory.address(1));
	CHECK(same(next_of<Remove>(world.context).range, world.memory.range(0, 1)));
	CHECK(dropping.result() == 0);
	CHECK_FALSE(is_done(unmapping));
	CHECK(same(next_of<Unmap>(world.context).range, world.memory.range(3, 1)));
	unmapping.get();
	world.fill(1);
	CHECK(reader.get() == pattern_word(1));
}

TEST_CASE("one read takes faults and events", "[event]")
{
	const World world(3, Features::EventRemove);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	auto reader = in_thread([&] { return world.memory.word(2); });
	std::array<Message, 4> messages;

	wait_for_pending(world.context, 1);
	CHECK(take(world.context.read(messages)) == 2);
	CHECK(std::holds_alternative<Fault>(messages[0]));
	CHECK(std::holds_alternative<Remove>(messages[1]));
	CHECK(dropping.result() == 0);
	world.fill(2);
	CHECK(reader.get() == pattern_word(2));
}

TEST_CASE("a message of an event contains nothing but the event", "[event]")
{
	const World world(1, Features::EventRemove);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	uffd_msg message, expected{};

	std::memset(&message, 0xff, sizeof(message));
	expected.event = UFFD_EVENT_REMOVE;
	expected.arg.remove.start = world.memory.address(0);
	expected.arg.remove.end = world.memory.address(0) + page_size();
	CHECK(::read(world.context.fd(), &message, sizeof(message)) == sizeof(message));
	CHECK(std::memcmp(&message, &expected, sizeof(message)) == 0);
	CHECK(dropping.result() == 0);
}

TEST_CASE("a blocking read waits for an event", "[event]")
{
	auto options = options_for(Features::EventRemove);
	options.nonblocking = false;
	const World world(1, options);
	auto monitor = in_thread([&] { return next_of<Remove>(world.context); });

	CHECK(drop(world.memory, 0, 1) == 0);
	CHECK(same(monitor.get().range, world.memory.range()));
}

TEST_CASE("page operations are refused until a change is read", "[event]")
{
	const World world(4, Features::EventRemove);
	const auto source = patterned(4);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 3, 1); });
	uffdio_copy copy{world.memory.address(0), source.address(0), page_size(), 0, 0};
	uffdio_zeropage zero{{world.memory.address(1), page_size()}, 0, 0};
	uffdio_writeprotect protect{{world.memory.address(0), page_size()},
				    UFFDIO_WRITEPROTECT_MODE_WP};
	uffdio_continue resume{{world.memory.address(0), page_size()}, 0, 0};
	uffdio_copy wrong{1, 1, 1, ~0ull, 0}; /* other errors come later */

	for (int i = 0; i < 2; i++) {
		CHECK(world.context.ioctl(UFFDIO_COPY, &copy).error().value() == EAGAIN);
		CHECK(world.context.ioctl(UFFDIO_ZEROPAGE, &zero).error().value() == EAGAIN);
		CHECK(world.context.ioctl(UFFDIO_WRITEPROTECT, &protect).error().value() == EAGAIN);
		CHECK(world.context.ioctl(UFFDIO_CONTINUE, &resume).error().value() == EAGAIN);
		CHECK(world.context.ioctl(UFFDIO_COPY, &wrong).error().value() == EAGAIN);
	}
	CHECK(world.context.wake(world.memory.range()));
	next_of<Remove>(world.context);
	CHECK(dropping.result() == 0);
	CHECK(world.context.copy_all(world.memory.address(0), source.bytes(0, 4)));
	CHECK(count_patterned(world.memory) == 4);
}

TEST_CASE("pages are neither poisoned nor moved until a change is read", "[event]")
{
	need(Features::Poison | Features::Move);
	const World world(4, Features::EventRemove);
	const auto source = patterned(1);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 3, 1); });
	uffdio_poison poison{{world.memory.address(1), page_size()}, 0, 0};
	uffdio_move move{world.memory.address(0), source.address(0), page_size(), 0, 0};
	uffdio_move wrong{1, 1, 1, ~0ull, 0};

	for (int i = 0; i < 2; i++) {
		CHECK(world.context.ioctl(UFFDIO_POISON, &poison).error().value() == EAGAIN);
		CHECK(world.context.ioctl(UFFDIO_MOVE, &move).error().value() == EAGAIN);
		CHECK(world.context.ioctl(UFFDIO_MOVE, &wrong).error().value() == EAGAIN);
	}
	next_of<Remove>(world.context);
	CHECK(dropping.result() == 0);
	CHECK(has_pattern(source.bytes(0, 1), 0));
	CHECK(world.context.ioctl(UFFDIO_POISON, &poison));
	CHECK(poison.updated == static_cast<std::int64_t>(page_size()));
	CHECK(world.context.ioctl(UFFDIO_MOVE, &move));
	CHECK(move.move == static_cast<std::int64_t>(page_size()));
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
}

/* Native userfaultfd of older kernels leaves the result as it was. */
TEST_CASE("page operations that are refused say so in their result", "[event][module]")
{
	need(Features::Poison);
	const World world(1, Features::EventRemove);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	uffdio_copy copy{world.memory.address(0), 0, page_size(), 0, 0};
	uffdio_zeropage zero{{world.memory.address(0), page_size()}, 0, 0};
	uffdio_continue resume{{world.memory.address(0), page_size()}, 0, 0};
	uffdio_poison poison{{world.memory.address(0), page_size()}, 0, 0};
	const auto source = patterned(1);
	uffdio_move move{world.memory.address(0), source.address(0), page_size(), 0, 0};

	CHECK(world.context.ioctl(UFFDIO_COPY, &copy).error().value() == EAGAIN);
	CHECK(copy.copy == -EAGAIN);
	CHECK(world.context.ioctl(UFFDIO_ZEROPAGE, &zero).error().value() == EAGAIN);
	CHECK(zero.zeropage == -EAGAIN);
	CHECK(world.context.ioctl(UFFDIO_CONTINUE, &resume).error().value() == EAGAIN);
	CHECK(resume.mapped == -EAGAIN);
	CHECK(world.context.ioctl(UFFDIO_POISON, &poison).error().value() == EAGAIN);
	CHECK(poison.updated == -EAGAIN);
	CHECK(world.context.ioctl(UFFDIO_MOVE, &move).error().value() == EAGAIN);
	CHECK(move.move == -EAGAIN);
	CHECK(world.context.ioctl(UFFDIO_COPY, nullptr).error().value() == EFAULT);
	next_of<Remove>(world.context);
	CHECK(dropping.result() == 0);
}

TEST_CASE("page operations are refused until the last of several changes is read", "[event]")
{
	World world(4, every_event);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	auto unmapping = in_thread([&] { world.memory.unmap(3, 1); });

	wait_until("it is unmapped", [&] { return count_mappings(world.memory.range(3, 1)) == 0; });
	next_of<Remove>(world.context);
	CHECK(dropping.result() == 0);
	CHECK(world.context.zeropage(world.memory.range(0, 1)).error.value() == EAGAIN);
	next_of<Unmap>(world.context);
	unmapping.get();
	CHECK(world.context.zeropage(world.memory.range(0, 1)));
}

TEST_CASE("other contexts work while mappings of one change", "[event]")
{
	const World world(1, Features::EventRemove), other(1, Features::EventRemove);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });

	CHECK_FALSE(is_readable(other.context));
	other.fill(0);
	CHECK(other.memory.word(0) == pattern_word(0));
	next_of<Remove>(world.context);
	CHECK(dropping.result() == 0);
}

TEST_CASE("unmapping memory of two contexts is reported to both", "[event]")
{
	Memory memory(4);
	const auto first = open_context(Features::EventUnmap);
	const auto second = open_context(Features::EventUnmap);

	take(first.register_range(memory.range(0, 2), Modes::Missing));
	take(second.register_range(memory.range(2, 2), Modes::Missing));
	WaitingCall unmapping(first, SYS_munmap, [&] { return unmap(memory, 0, 4); });
	CHECK(same(next_of<Unmap>(first).range, memory.range()));
	CHECK(same(next_of<Unmap>(second).range, memory.range()));
	CHECK(unmapping.result() == 0);
}

TEST_CASE("closing a context lets the calls go on that wait for its events", "[event]")
{
	World world(4, every_event);
	world.fill(0);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	auto unmapping = in_thread([&] { world.memory.unmap(3, 1); });

	wait_until("it is unmapped", [&] { return count_mappings(world.memory.range(3, 1)) == 0; });
	world.region.release();
	static_cast<void>(Fd(world.context.release()));
	CHECK(dropping.result() == 0);
	unmapping.get();
	CHECK(world.memory.word(0) == 0);
}

TEST_CASE("closing a context lets more calls go on than there are processors", "[event]")
{
	/* So some of them go on only when the context is closed. */
	const std::size_t count = 16;
	World world(count, Features::EventRemove);
	std::deque<WaitingCall> calls;

	for (std::size_t i = 0; i < count; i++)
		calls.emplace_back(world.context, SYS_madvise,
				   [&, i] { return drop(world.memory, i, 1); });
	world.region.release();
	static_cast<void>(Fd(world.context.release()));
	for (auto &call : calls)
		CHECK(call.result() == 0);
}

TEST_CASE("killing the monitor lets the calls go on that wait for its events", "[event]")
{
	const auto sockets = take(socket_pair());
	std::array<std::byte, 1> payload{};
	Process monitor([&] {
		const auto context = take(receive_fd(sockets.second.get(), payload));
		checked(::write(sockets.second.get(), payload.data(), payload.size()));
		for (;;)
			::pause();
		return 0;
	});
	World world(1, Features::EventRemove);

	world.fill(0);
	take(send_fd(sockets.first.get(), world.context.fd(), payload));
	checked(::read(sockets.first.get(), payload.data(), payload.size()));
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	world.region.release();
	static_cast<void>(Fd(world.context.release()));
	CHECK_FALSE(dropping.is_over()); /* the monitor still has the context */
	monitor.signal(SIGKILL);
	CHECK(dropping.result() == 0);
	CHECK(world.memory.word(0) == 0);
}

TEST_CASE("a process that waits for its event to be read can be killed", "[event][security]")
{
	Consumer victim(2, options_for(every_event), [](const Memory &memory) {
		drop(memory, 0, 1);
		return 0;
	});

	wait_until("there is something to read", [&] { return is_readable(victim.context); });
	victim.process.signal(SIGKILL);
	CHECK(victim.process.wait() == Process::killed + SIGKILL);
	CHECK_FALSE(is_readable(victim.context));
	CHECK_FALSE(take(victim.context.read()));
}

TEST_CASE("a signal does not end the wait for an event to be read", "[event]")
{
	static std::atomic<int> handled = 0;
	struct sigaction action = {};
	action.sa_handler = [](int) { handled++; };
	checked(::sigaction(SIGUSR1, &action, nullptr));
	Consumer victim(1, options_for(every_event), [](const Memory &memory) {
		drop(memory, 0, 1);
		return handled == 1 ? 0 : 1;
	});

	wait_until("there is something to read", [&] { return is_readable(victim.context); });
	victim.process.signal(SIGUSR1);
	CHECK(same(next_of<Remove>(victim.context).range, victim.memory.range()));
	CHECK(victim.process.wait() == 0);
}

TEST_CASE("a process can exec and exit while its events are on", "[event]")
{
	Consumer consumer(2, options_for(every_event), [](const Memory &) {
		std::array<char, 16> self{"true"};
		std::array<char *, 2> arguments{self.data(), nullptr};
		::execv("/bin/true", arguments.data());
		return 9;
	});
	Consumer leaving(2, options_for(every_event), [](const Memory &) { return 7; });

	CHECK(consumer.process.wait() == 0);
	CHECK(leaving.process.wait() == 7);
	CHECK_FALSE(is_readable(consumer.context));
	CHECK_FALSE(is_readable(leaving.context));
	CHECK(leaving.context.zeropage(leaving.memory.range()).error.value() == ESRCH);
}

TEST_CASE("the events of many threads are all reported", "[event][slow]")
{
	const std::size_t threads = 8, times = 25;
	const World world(threads, Features::EventRemove);
	std::vector<std::future<void>> droppers;
	std::vector<std::size_t> told(threads);

	for (std::size_t i = 0; i < threads; i++)
		droppers.push_back(in_thread([&world, i] {
			for (std::size_t n = 0; n < times; n++)
				checked(drop(world.memory, i, 1));
		}));
	for (std::size_t n = 0; n < threads * times; n++)
		told[world.memory.index_of(next_of<Remove>(world.context).range.start)]++;
	for (auto &dropper : droppers)
		dropper.get();
	CHECK(told == std::vector<std::size_t>(threads, times));
	CHECK_FALSE(is_readable(world.context));
	CHECK(world.context.zeropage(world.memory.range()));
}

/* In these, native userfaultfd takes an event for reported before the reader has it: it is lost. */

TEST_CASE("an event that can't be copied to a reader is reported to the next one",
	  "[event][module]")
{
	const auto nowhere = no_access();
	const World world(2, Features::EventRemove);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });

	for (int i = 0; i < 3; i++) {
		CHECK(::read(world.context.fd(), nowhere.page(0), sizeof(uffd_msg)) == -1);
		CHECK(errno == EFAULT);
		CHECK(is_readable(world.context));
		CHECK_FALSE(dropping.is_over());
	}
	CHECK(same(next_of<Remove>(world.context).range, world.memory.range(0, 1)));
	CHECK(dropping.result() == 0);
}

TEST_CASE("an event that can't be copied stays before the events after it", "[event][module]")
{
	const auto nowhere = no_access();
	Memory buffer(2);
	auto *end = buffer.page(1) - sizeof(uffd_msg);
	World world(4, every_event);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(world.memory, 0, 1); });
	auto unmapping = in_thread([&] { world.memory.unmap(3, 1); });

	wait_until("it is unmapped", [&] { return count_mappings(world.memory.range(3, 1)) == 0; });
	CHECK(::read(world.context.fd(), nowhere.page(0), sizeof(uffd_msg)) == -1);
	checked(::mprotect(buffer.page(1), page_size(), PROT_NONE));
	CHECK(::read(world.context.fd(), end, 2 * sizeof(uffd_msg)) == sizeof(uffd_msg));
	CHECK(reinterpret_cast<uffd_msg *>(end)->event == UFFD_EVENT_REMOVE);
	CHECK(dropping.result() == 0);
	CHECK_FALSE(is_done(unmapping));
	CHECK(same(next_of<Unmap>(world.context).range, world.memory.range(3, 1)));
	unmapping.get();
}

TEST_CASE("a process can be killed while its event is being copied to the reader",
	  "[event][module]")
{
	/* The reader waits for a page of its own buffer. */
	for (const bool readable : {true, false}) {
		Consumer victim(1, options_for(every_event), [](const Memory &memory) {
			drop(memory, 0, 1);
			return 0;
		});
		World buffers(2);
		auto *buffer = buffers.memory.page(1) - sizeof(uffd_msg) / 2;
		if (readable)
			buffers.fill(1);
		else
			checked(::mprotect(buffers.memory.page(1), page_size(), PROT_NONE));
		wait_until("there is something to read",
			   [&] { return is_readable(victim.context); });
		auto reader = in_thread(
			[&] { return ::read(victim.context.fd(), buffer, sizeof(uffd_msg)); });

		next_fault(buffers.context);
		CHECK_FALSE(is_readable(victim.context));
		victim.process.signal(SIGKILL);
		CHECK(victim.process.wait() == Process::killed + SIGKILL);
		buffers.fill(0);
		CHECK(reader.get() == (readable ? ssize_t{sizeof(uffd_msg)} : -1));
		CHECK_FALSE(is_readable(victim.context));
	}
}
