// SPDX-License-Identifier: GPL-2.0-only
/*
 * A waiting thread goes on when something other than the monitor's answer changes its page: another
 * registration, a page that moves away, an unmapping. It also goes on when the command that answers
 * can't write its result.
 */
#include "harness/processes.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/waiting_call.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <future>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Native userfaultfd leaves threads asleep in obsolete faults: there, this wakes them. */
void wake_natively(const Context &context, Range range, std::size_t count = 1)
{
	if (backend_under_test() == Backend::module)
		return;
	if (fdinfo(context.fd()).total != count)
		give_up("native userfaultfd has woken a thread");
	take(context.wake(range));
}

/* A thread that waits to write to a page that is protected. */
std::future<void> waiting_writer(const Guarded &guarded, std::size_t index)
{
	auto writer = in_thread([&guarded, index] { guarded.memory.word(index) = 77; });

	wait_for_sleepers(guarded.context, 1);
	return writer;
}

std::future<std::uint64_t> waiting_reader(const World &world, std::size_t index)
{
	auto reader = in_thread([&world, index] { return world.memory.word(index) + 0; });

	wait_for_sleepers(world.context, 1);
	return reader;
}

} // namespace

TEST_CASE("a registration without protection lets writers go on", "[changed]")
{
	need_replacing();
	const Guarded guarded(2);

	guarded.protect();
	auto writer = waiting_writer(guarded, 0);
	take(guarded.context.register_range(guarded.memory.range(), Modes::Missing));
	wake_natively(guarded.context, guarded.memory.range());
	writer.get();
	CHECK(guarded.memory.word(0) == 77);
}

TEST_CASE("a registration of some pages wakes no thread that waits for another page", "[changed]")
{
	need_replacing();
	const Guarded guarded(3);

	guarded.protect();
	auto writer = waiting_writer(guarded, 1);
	next_fault(guarded.context);
	for (const std::size_t other : {0u, 2u})
		take(guarded.context.register_range(guarded.memory.range(other, 1),
						    Modes::Missing));
	/* If the writer had been woken, its fault would be reported again. */
	wait_for_sleepers(guarded.context, 1);
	CHECK_FALSE(is_readable(guarded.context));
	guarded.unprotect(1, 1);
	writer.get();
	CHECK_FALSE(is_readable(guarded.context));
}

TEST_CASE("a registration for protection alone lets readers go on", "[changed]")
{
	const World world(1);
	auto reader = waiting_reader(world, 0);

	take(world.context.register_range(world.memory.range(), Modes::WriteProtect));
	wake_natively(world.context, world.memory.range());
	CHECK(reader.get() == 0);
}

TEST_CASE("a registration for missing pages lets threads go on that wait in a minor fault",
	  "[changed]")
{
	const auto file = shmem_file(1);
	const Memory other(1, file, MAP_SHARED);
	const World world(Memory(1, file, MAP_SHARED), Modes::Minor);

	other.word(0) = 5;
	auto reader = waiting_reader(world, 0);
	take(world.context.register_range(world.memory.range(), Modes::Missing));
	wake_natively(world.context, world.memory.range());
	CHECK(reader.get() == 5);
}

TEST_CASE("a registration for more modes reports the fault again, or natively leaves it",
	  "[changed]")
{
	const World world(1);
	auto reader = waiting_reader(world, 0);

	next_fault(world.context);
	take(world.context.register_range(world.memory.range(),
					  Modes::Missing | Modes::WriteProtect));
	if (backend_under_test() == Backend::module)
		CHECK(next_fault(world.context).address == world.memory.address(0));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

namespace {

/* Pages 0 and 1 are one mapping, 2 and 3 another, which can't be split. */
struct HalfWay {
	HalfWay()
	{
		guarded.protect();
		checked(::mprotect(guarded.memory.page(2), 2 * page_size(), PROT_READ));
	}

	const Guarded guarded{4};
	const Range range = guarded.memory.range(0, 3);
};

} // namespace

TEST_CASE("a registration that fails half way lets writers of the first half go on", "[changed]")
{
	need_replacing();
	const HalfWay half_way;
	const auto &guarded = half_way.guarded;
	auto writer = waiting_writer(guarded, 0);

	{
		const NoMoreMappings full;
		CHECK(guarded.context.register_range(half_way.range, Modes::Missing)
			      .error()
			      .value() == ENOMEM);
	}
	CHECK(smaps_flag(guarded.memory.range(0, 2), "um"));
	CHECK(smaps_flag(guarded.memory.range(2, 2), "uw"));
	wake_natively(guarded.context, guarded.memory.range());
	writer.get();
	CHECK(guarded.memory.word(0) == 77);
}

TEST_CASE("an unregistering that fails half way lets writers of the first half go on", "[changed]")
{
	const HalfWay half_way;
	const auto &guarded = half_way.guarded;
	auto writer = waiting_writer(guarded, 0);

	{
		const NoMoreMappings full;
		CHECK(guarded.context.unregister_range(half_way.range).error().value() == ENOMEM);
	}
	CHECK_FALSE(smaps_flag(guarded.memory.range(0, 2), "uw"));
	CHECK(smaps_flag(guarded.memory.range(2, 2), "uw"));
	wake_natively(guarded.context, guarded.memory.range());
	writer.get();
	CHECK(guarded.memory.word(0) == 77);
}

TEST_CASE("when unprotecting fails, writers go on waiting", "[changed]")
{
	const Guarded guarded(2);

	guarded.protect();
	take(guarded.context.unregister_range(guarded.memory.range(1, 1)));
	auto writer = waiting_writer(guarded, 0);
	CHECK(guarded.context.write_unprotect(guarded.memory.range()).error().value() == ENOENT);
	CHECK(fdinfo(guarded.context.fd()).total == 1);
	/* Since 6.4 native userfaultfd has unprotected the first page by then. */
	if (backend_under_test() == Backend::module)
		CHECK(guarded.is_protected(0));
	CHECK_FALSE(is_done(writer));
	guarded.unprotect(0, 1);
	writer.get();
	CHECK(guarded.memory.word(0) == 77);
}

namespace {

/* A struct of the ABI in read-only memory: the kernel can read it, but not write the result. */
template <class Struct> class ReadOnly {
public:
	explicit ReadOnly(const Struct &given) : argument_(new (memory_.page(0)) Struct(given))
	{
		checked(::mprotect(memory_.page(0), page_size(), PROT_READ));
	}

	/* Whether the command fails with EFAULT. */
	bool fails(const Context &context, unsigned long request) const
	{
		const auto result = context.ioctl(request, argument_);

		return !result && result.error().value() == EFAULT;
	}

private:
	const Memory memory_{1};
	Struct *argument_;
};

void check_copy_with_lost_result(std::uint64_t mode)
{
	const World world(1);
	const auto source = patterned(1);
	const ReadOnly<uffdio_copy> argument({.dst = world.memory.address(0),
					      .src = source.address(0),
					      .len = page_size(),
					      .mode = mode,
					      .copy = 0});
	auto reader = waiting_reader(world, 0);

	CHECK(argument.fails(world.context, UFFDIO_COPY));
	if (mode & UFFDIO_COPY_MODE_DONTWAKE) {
		CHECK(fdinfo(world.context.fd()).total == 1);
		take(world.context.wake(world.memory.range()));
	} else {
		wake_natively(world.context, world.memory.range());
	}
	CHECK(reader.get() == pattern_word(0));
}

} // namespace

TEST_CASE("a copy that can't write its result still wakes", "[changed]")
{
	check_copy_with_lost_result(0);
}

TEST_CASE("a copy with DONTWAKE that can't write its result does not wake", "[changed]")
{
	check_copy_with_lost_result(UFFDIO_COPY_MODE_DONTWAKE);
}

TEST_CASE("a zeropage that can't write its result still wakes", "[changed]")
{
	const World world(1);
	const ReadOnly<uffdio_zeropage> argument(
		{.range = {world.memory.address(0), page_size()}, .mode = 0, .zeropage = 0});
	auto reader = waiting_reader(world, 0);

	CHECK(argument.fails(world.context, UFFDIO_ZEROPAGE));
	wake_natively(world.context, world.memory.range());
	CHECK(reader.get() == 0);
}

TEST_CASE("a continue that can't write its result still wakes", "[changed]")
{
	const auto file = shmem_file(1);
	const Memory other(1, file, MAP_SHARED);
	const World world(Memory(1, file, MAP_SHARED), Modes::Minor);
	const ReadOnly<uffdio_continue> argument(
		{.range = {world.memory.address(0), page_size()}, .mode = 0, .mapped = 0});

	other.word(0) = 5;
	auto reader = waiting_reader(world, 0);
	CHECK(argument.fails(world.context, UFFDIO_CONTINUE));
	wake_natively(world.context, world.memory.range());
	CHECK(reader.get() == 5);
}

namespace {

/* Protected memory whose pages are moved to other memory, where they are missing. */
struct Departure {
	Departure()
		: need_it((need(Features::Move), true)), guarded(2), target(2),
		  receiver(open_context())
	{
		guarded.protect();
		take(receiver.register_range(target.range(), Modes::Missing));
	}

	Progress move(MoveModes modes = MoveModes::None) const
	{
		return receiver.move(target.address(0), guarded.memory.range(), modes);
	}

	/* Checks that waiting_writer() has written, and not to the page that moved. */
	void check_written() const
	{
		CHECK(guarded.memory.word(0) == 77);
		CHECK(count_patterned(target) == 2);
	}

	const bool need_it;
	const Guarded guarded;
	const Memory target;
	const Context receiver; /* not the context that has the source */
};

} // namespace

TEST_CASE("a move lets writers go on that wait for its source page", "[changed][move]")
{
	const Departure departure;
	auto writer = waiting_writer(departure.guarded, 0);

	CHECK(departure.move());
	wake_natively(departure.guarded.context, departure.guarded.memory.range());
	writer.get();
	departure.check_written();
}

TEST_CASE("a move with DONTWAKE leaves writers asleep that wait for its source page",
	  "[changed][move]")
{
	const Departure departure;
	auto writer = waiting_writer(departure.guarded, 0);

	CHECK(departure.move(MoveModes::DontWake));
	CHECK(fdinfo(departure.guarded.context.fd()).total == 1);
	CHECK_FALSE(is_done(writer));
	departure.guarded.unprotect();
	writer.get();
	departure.check_written();
}

TEST_CASE("a move that can't write its result still wakes", "[changed][move]")
{
	const Departure departure;
	const ReadOnly<uffdio_move> argument({.dst = departure.target.address(0),
					      .src = departure.guarded.memory.address(0),
					      .len = 2 * page_size(),
					      .mode = 0,
					      .move = 0});
	auto writer = waiting_writer(departure.guarded, 0);
	auto reader = in_thread([&] { return departure.target.word(1) + 0; });

	wait_until("both wait", [] { return count_faulting_threads() == 2; });
	CHECK(argument.fails(departure.receiver, UFFDIO_MOVE));
	wake_natively(departure.receiver, departure.target.range());
	CHECK(reader.get() == pattern_word(1));
	wake_natively(departure.guarded.context, departure.guarded.memory.range());
	writer.get();
	departure.check_written();
}

namespace {

void map_over(const Memory &memory, std::size_t first, std::size_t count)
{
	void *where = memory.page(first);

	if (::mmap(where, count * page_size(), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != where)
		give_up("mmap");
}

} // namespace

TEST_CASE("a thread that waits for a page that is mapped over sees the new page", "[changed]")
{
	const World world(3);
	auto reader = waiting_reader(world, 1);

	map_over(world.memory, 1, 1);
	wake_natively(world.context, world.memory.range());
	CHECK(reader.get() == 0);
	CHECK_FALSE(smaps_flag(world.memory.range(1, 1), "um"));
	CHECK(smaps_flag(world.memory.range(0, 1), "um"));
}

TEST_CASE("mapping over several mappings lets the threads go on that wait there, and no others",
	  "[changed]")
{
	const World world(6);
	std::vector<std::future<std::uint64_t>> readers;

	/* Three mappings, the middle one of two pages */
	for (const std::size_t page : {2u, 3u})
		checked(::mprotect(world.memory.page(page), page_size(), PROT_READ));
	for (std::size_t i = 0; i < 6; i++)
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
	wait_for_sleepers(world.context, 6);
	map_over(world.memory, 1, 4);
	wake_natively(world.context, world.memory.range(1, 4), 6);
	for (std::size_t i = 1; i < 5; i++)
		CHECK(readers[i].get() == 0);
	CHECK(fdinfo(world.context.fd()).total == 2);
	for (const std::size_t i : {0u, 5u}) {
		CHECK_FALSE(is_done(readers[i]));
		world.fill(i);
		CHECK(readers[i].get() == pattern_word(i));
	}
}

TEST_CASE("a thread that waits for a page that is mapped over goes on before the event is read",
	  "[changed][event]")
{
	const World world(2, Features::EventUnmap);
	auto reader = waiting_reader(world, 0);
	WaitingCall mapping(world.context, SYS_mmap, [&] {
		map_over(world.memory, 0, 1);
		return 0L;
	});

	wake_natively(world.context, world.memory.range());
	CHECK(reader.get() == 0);
	CHECK_FALSE(mapping.is_over());
	CHECK(std::holds_alternative<Unmap>(next_message(world.context)));
	CHECK(mapping.result() == 0);
}

TEST_CASE("a thread is killed by SIGSEGV when the page that it waits for is unmapped", "[changed]")
{
	Process victim([] {
		World world(1);
		auto reader = in_thread([&world] { return world.memory.word(0) + 0; });

		wait_for_sleepers(world.context, 1);
		const auto range = world.memory.range();
		world.memory.unmap(0, 1);
		wake_natively(world.context, range);
		return static_cast<int>(reader.get()) + 1;
	});

	CHECK(victim.wait() == Process::killed + SIGSEGV);
}

TEST_CASE("a thread is killed by SIGSEGV when mremap() moves away the page that it waits for",
	  "[changed]")
{
	Process victim([] {
		World world(1);
		const Memory target(3);
		auto reader = in_thread([&world] { return world.memory.word(0) + 0; });

		wait_for_sleepers(world.context, 1);
		/* The middle page: beside the old place, the mappings would merge. */
		if (world.memory.remap(0, 1, 1, 0, target.page(1)))
			return 2;
		wake_natively(world.context, world.memory.range());
		return static_cast<int>(reader.get()) + 1;
	});

	CHECK(victim.wait() == Process::killed + SIGSEGV);
}
