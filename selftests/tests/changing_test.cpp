// SPDX-License-Identifier: GPL-2.0-only
/* Page operations while mappings change and after a change that failed: whether they work. */
#include "lib/files.hpp"
#include "lib/heap.hpp"
#include "lib/maps.hpp"
#include "lib/seal.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Moves the first pages of @memory to the start of @target; -1 if that fails. */
long move(const Memory &memory, std::size_t old_count, const Memory &target, std::size_t new_count)
{
	return memory.remap(0, old_count, new_count, 0, target.page(0));
}

/* A missing page of a context that gets events. */
struct Probe {
	explicit Probe(Features features) : world(1, features) {}

	/* Checks that page operations work, and reads the events of that. */
	void check() const
	{
		CHECK(world.context.zeropage(world.memory.range()));
		world.memory.drop(0, 1);
		while (is_readable(world.context))
			next_message(world.context);
	}

	World world;
};

/* Drops the last page while a copy waits for its source, after so many pages. */
void drop_while_copy_waits(std::size_t before)
{
	const World world(3, Features::EventRemove), source(3);
	for (std::size_t i = 0; i < before; i++)
		source.fill(i);
	auto copying = in_thread([&] {
		return world.context.copy(world.memory.address(0), source.memory.bytes(0, 3));
	});
	CHECK(source.memory.index_of(next_fault(source.context).address) == before);

	auto dropping = in_thread(
		[&] { return ::madvise(world.memory.page(2), page_size(), MADV_DONTNEED); });
	next_of<Remove>(world.context);
	CHECK(dropping.get() == 0);
	for (std::size_t i = before; i < 3; i++)
		source.fill(i);
	const auto progress = copying.get();
	CHECK(progress.done == before * page_size());
	CHECK(progress.error.value() == EAGAIN);
	for (std::size_t i = 0; i < 3; i++)
		CHECK(is_there(world.memory, i) == (i < before));
}

} // namespace

/* Natively they are refused until the thread has gone on, although there is nothing to read. */
TEST_CASE("page operations work as soon as the event has been read", "[event][changing][module]")
{
	const World world(2, Features::EventRemove);

	for (unsigned i = 0; i < 100; i++) {
		auto dropping = in_thread([&] {
			return ::madvise(world.memory.page(0), page_size(), MADV_DONTNEED);
		});

		next_of<Remove>(world.context);
		const auto progress = world.context.zeropage(world.memory.range(1, 1));
		CHECK_FALSE(progress.error);
		CHECK(dropping.get() == 0);
		auto again = in_thread([&] {
			return ::madvise(world.memory.page(1), page_size(), MADV_DONTNEED);
		});
		next_of<Remove>(world.context);
		CHECK(again.get() == 0);
	}
}

/* Natively it goes on, and the page that was dropped is back, with what it had before. */
TEST_CASE("a copy that waits for its source ends when pages are dropped meanwhile",
	  "[event][changing][module]")
{
	drop_while_copy_waits(1);
	drop_while_copy_waits(0);
}

/* Natively no page operation works any more after such a change. */
TEST_CASE("a copy that waits for its source goes on after a change that came to nothing",
	  "[event][changing][module]")
{
	const World world(3, Features::EventUnmap), source(1);
	auto copying = in_thread([&] {
		return world.context.copy(world.memory.address(0), source.memory.bytes(0, 1));
	});

	next_fault(source.context);
	seal(world.memory.range(2, 1));
	CHECK(::munmap(world.memory.page(1), 2 * page_size()) == -1);
	CHECK(errno == EPERM);
	source.fill(0);
	CHECK_FALSE(copying.get().error);
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
	CHECK_FALSE(is_readable(world.context));
}

namespace {

/*
 * Memory that takes so long to unregister that a command looks twice why it has to wait, and not so
 * long that it gives up.
 */
class SlowMemory {
public:
	SlowMemory() : memory_(most, MAP_NORESERVE), context_(open_context(Features::WpUnpopulated))
	{
		auto took = unregister();

		for (; took < std::chrono::milliseconds(50) && pages_ < most; took = unregister())
			pages_ *= 2;
		if (took < std::chrono::milliseconds(25))
			skip("no memory takes long to unregister on this machine");
	}

	/* Returns how long it took. */
	std::chrono::nanoseconds unregister() const
	{
		const auto range = memory_.range(0, pages_);

		take(context_.register_range(range, Modes::WriteProtect));
		take(context_.write_protect(range));
		const auto start = std::chrono::steady_clock::now();
		take(context_.unregister_range(range));
		return std::chrono::steady_clock::now() - start;
	}

private:
	static constexpr std::size_t most = std::size_t{16} << 30 >> 12;

	Memory memory_;
	Context context_;
	std::size_t pages_ = most / 256;
};

} // namespace

/*
 * An unmapping that has failed waits for the mmap lock, which another thread holds for long while
 * it unregisters protected memory. A command waits for that, too: there is no event to be read.
 */
TEST_CASE("a fill waits for an unmapping that failed and waits itself",
	  "[event][changing][smp][module]")
{
	const Memory memory(5);
	const auto first = open_context(Features::EventUnmap);
	const auto second = open_context(Features::EventUnmap);
	const SlowMemory slow;
	std::atomic<bool> over = false;

	/* The unmapping has changes of two contexts under way while it waits for either's sake. */
	static_cast<void>(take(first.register_range(memory.range(0, 2), Modes::Missing)));
	static_cast<void>(take(second.register_range(memory.range(2, 1), Modes::Missing)));
	static_cast<void>(take(second.register_range(memory.range(4, 1), Modes::Missing)));
	seal(memory.range(3, 1));
	auto unmapping = in_thread([&] {
		bool refused = true;

		while (!over)
			refused &= ::munmap(memory.page(1), 3 * page_size()) == -1;
		return refused;
	});
	auto unregistering = in_thread([&] {
		for (unsigned i = 0; i < repeated(10); i++)
			slow.unregister();
	});
	while (!is_done(unregistering)) {
		for (const auto &error : {first.zeropage(memory.range(0, 1)).error,
					  second.zeropage(memory.range(4, 1)).error})
			if (error && error.value() != EEXIST)
				give_up(error.message());
	}
	over = true;
	unregistering.get();
	CHECK(unmapping.get());
	CHECK_FALSE(is_readable(first));
	CHECK_FALSE(is_readable(second));
}

/* Natively it does, before Linux 7.2. */
TEST_CASE("a copy that waits for its source doesn't go on in another file", "[changing][module]")
{
	const auto file = shmem_file(2), other = shmem_file(2);
	const World world(Memory(2, file, MAP_SHARED), Modes::Missing), source(2);
	auto copying = in_thread([&] {
		return world.context.copy(world.memory.address(0), source.memory.bytes(0, 2));
	});

	next_fault(source.context);
	source.fill(0);
	next_fault(source.context);
	checked(::mmap(world.memory.page(0), 2 * page_size(), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, other.get(), 0) == MAP_FAILED
			? -1
			: 0);
	take(world.context.register_range(world.memory.range(), Modes::Missing));
	source.fill(1);
	const auto progress = copying.get();
	CHECK(progress.done == page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK_FALSE(is_there(world.memory, 0));
	CHECK_FALSE(is_there(world.memory, 1));
}

/* Natively it ends, since Linux 7.2: the rest of the mapping begins elsewhere in the file. */
TEST_CASE("a copy that waits for its source goes on in the rest of its mapping",
	  "[changing][module]")
{
	const World world(3, MemoryKind::shared_file), source(1);
	auto copying = in_thread([&] {
		return world.context.copy(world.memory.address(2), source.memory.bytes(0, 1));
	});

	next_fault(source.context);
	take(world.context.unregister_range(world.memory.range(0, 2)));
	source.fill(0);
	CHECK_FALSE(copying.get().error);
	CHECK(has_pattern(world.memory.bytes(2, 1), 0));
}

/* On 6.1 a drop natively needs not wait, and the copy brings back what was dropped. */
TEST_CASE("pages that are dropped while they are filled stay away",
	  "[event][changing][smp][module]")
{
	const std::size_t pages = 4000; /* in one hold of the locks */
	const auto source = patterned(pages);

	for (unsigned i = 0; i < repeated(10); i++) {
		const World world(pages, Features::EventRemove);
		auto dropping = in_thread([&] {
			while (!is_there(world.memory, 0))
				;
			return ::madvise(world.memory.page(pages - 1), page_size(), MADV_DONTNEED);
		});
		auto copying = in_thread([&] {
			return world.context.copy(world.memory.address(0), source.bytes(0, pages));
		});
		next_of<Remove>(world.context);
		CHECK(dropping.get() == 0);
		copying.get();
		CHECK_FALSE(is_there(world.memory, pages - 1));
	}
}

TEST_CASE("page operations are refused at once while another context's event is unread",
	  "[event][changing]")
{
	Memory memory(4);
	const World first(1, Features::EventUnmap), second(1, Features::EventUnmap);

	take(first.context.register_range(memory.range(0, 2), Modes::Missing));
	take(second.context.register_range(memory.range(2, 2), Modes::Missing));
	WaitingCall unmapping(first.context, SYS_munmap, [&] {
		memory.unmap(0, 4);
		return 0;
	});
	CHECK(second.context.zeropage(second.memory.range()).error.value() == EAGAIN);
	if (backend_under_test() == Backend::module) {
		/* Natively the second event is reported only after the first was read. */
		next_of<Unmap>(second.context);
		CHECK(second.context.zeropage(second.memory.range()).error.value() == EAGAIN);
		next_of<Unmap>(first.context);
	} else {
		next_of<Unmap>(first.context);
		next_of<Unmap>(second.context);
	}
	CHECK(unmapping.result() == 0);
	CHECK(second.context.zeropage(second.memory.range()));
	CHECK(first.context.zeropage(first.memory.range()));
}

TEST_CASE("page operations are refused at once while the event of what a move replaces is unread",
	  "[event][changing]")
{
	World moved(2, Features::EventRemap);
	World replaced(2, Features::EventUnmap);
	const Memory elsewhere(1);

	take(moved.context.register_range(elsewhere.range(), Modes::Missing));
	WaitingCall moving(replaced.context, SYS_mremap,
			   [&] { return move(moved.memory, 2, replaced.memory, 2); });
	CHECK(moved.context.zeropage(elsewhere.range()).error.value() == EAGAIN);
	next_of<Unmap>(replaced.context);
	next_of<Remap>(moved.context);
	CHECK(moving.result() == 0);
	CHECK(moved.context.zeropage(elsewhere.range()));
	moved.region.release();
	replaced.region.release();
}

/* Natively mremap() waits for the new pages, which can't be filled before it reports the move. */
TEST_CASE("locked memory can grow as it moves", "[event][changing][module]")
{
	World world(2, Features::EventRemap);
	Memory target(4);

	for (std::size_t i = 0; i < 2; i++)
		world.fill(i);
	checked(::mlock(world.memory.page(0), 2 * page_size()));
	WaitingCall moving(world.context, SYS_mremap,
			   [&] { return move(world.memory, 2, target, 4); });
	next_of<Remap>(world.context);
	CHECK(moving.result() == 0);
	CHECK_FALSE(is_readable(world.context));
	CHECK(has_pattern(target.bytes(0, 1), 0));
	CHECK(has_pattern(target.bytes(1, 1), 1));
	CHECK(world.context.zeropage(target.range(2, 2)));
	world.region.release();
}

/* Natively page operations are refused for ever after that, and the context is never freed. */
TEST_CASE("a heap that can't shrink leaves no change pending", "[event][changing][module]")
{
	const Probe probe(Features::EventUnmap);
	const Heap heap(4);

	take(probe.world.context.register_range(heap.range(0, 2), Modes::Missing));
	seal(heap.range(2, 2));
	CHECK_FALSE(heap.shrink());
	CHECK(count_mappings(heap.range(0, 4)) > 0);
	probe.check();
}
