// SPDX-License-Identifier: GPL-2.0-only
/* Commands on ranges of any length: a process that calls them, or waits for them, can be killed. */
#include "harness/known_thread.hpp"
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/hugetlb.hpp"
#include "lib/killing.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <linux/userfault.h>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t gigabyte = 1 << 30, terabyte = gigabyte << 10;

/* Memory with no page in it, of any size; private or shared. */
Memory vast(std::size_t bytes, int sharing)
{
	Memory memory(bytes / page_size(), MAP_NORESERVE);

	if (::mmap(memory.page(0), bytes, PROT_READ | PROT_WRITE,
		   sharing | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		give_up("mmap of vast memory");
	return memory;
}

bool is_protected(const Memory &memory, std::size_t index)
{
	return is_protected_at(memory.address(index));
}

/* Whether filling all of @memory, which is more than the machine has, can be stopped. */
bool can_be_killed_filling(const Memory &memory, const std::function<void()> &fill)
{
	return can_be_killed({.make = fill,
			      .begun =
				      [&] {
					      return (pagemap_entry(memory.address(0)) &
						      ~pagemap_soft_dirty) != 0;
				      },
			      .over = [] { return false; },
			      .undo = [&] { memory.drop(0, memory.pages()); }});
}

using Change = std::function<void(Range)>;

/* Whether protecting all of @memory can be stopped in the middle. */
bool can_be_killed_protecting(const Memory &memory, const Change &protect, const Change &unprotect)
{
	const auto last = memory.pages() - 1;

	return can_be_killed({.make = [&] { protect(memory.range()); },
			      .begun = [&] { return is_protected(memory, 0); },
			      .over = [&] { return is_protected(memory, last); },
			      .undo = [&] { unprotect(memory.range()); }});
}

/* The same for unprotecting it. */
bool can_be_killed_unprotecting(const Memory &memory, const Change &protect,
				const Change &unprotect)
{
	const auto last = memory.pages() - 1;

	protect(memory.range());
	return can_be_killed({.make = [&] { unprotect(memory.range()); },
			      .begun = [&] { return !is_protected(memory, 0); },
			      .over = [&] { return !is_protected(memory, last); },
			      .undo = [&] { protect(memory.range()); }});
}

/* Write-protects, and unprotects, memory registered with @context. */
struct Protecting {
	explicit Protecting(const Context &context)
		: protect([&](Range range) { take(context.write_protect(range)); }),
		  unprotect([&](Range range) { take(context.write_unprotect(range)); })
	{
	}

	Change protect, unprotect;
};

/*
 * So many mappings take longer to register than a signal takes to come from another processor. On
 * the same one the scheduler may let the call end first. Four times as many take a debug kernel a
 * minute to make, and half a minute to fork.
 */
constexpr std::size_t many = 5'000;

/* Memory of as many mappings as it has pages. */
Memory chequered(std::size_t pages)
{
	Memory memory(pages);

	for (std::size_t i = 0; i < pages; i += 2)
		checked(::mprotect(memory.page(i), page_size(), PROT_READ));
	return memory;
}

/* Fills the page, if it is; /proc/self/smaps would take long to read. */
bool is_registered(const Context &context, const Memory &memory, std::size_t index)
{
	return context.zeropage(memory.range(index, 1)).error.value() != ENOENT;
}

} // namespace

TEST_CASE("a process that fills a terabyte with zeroes can be killed", "[security]")
{
	const auto memory = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(can_be_killed_filling(memory, [&] { context.zeropage(memory.range()); }));
}

TEST_CASE("a process that copies a terabyte that isn't there can be killed", "[security]")
{
	const auto memory = vast(terabyte, MAP_PRIVATE), source = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(can_be_killed_filling(
		memory, [&] { context.copy(memory.address(0), source.bytes(0, source.pages())); }));
}

TEST_CASE("a process that poisons a terabyte can be killed", "[security]")
{
	need(Features::Poison);
	const auto memory = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context(Features::Poison);

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(can_be_killed_filling(memory, [&] { context.poison(memory.range()); }));
}

/* Only pages that the file has: so the machine needs memory for them. */
TEST_CASE("a process that maps many pages of a file can be killed", "[security][smp]")
{
	constexpr std::size_t bytes = 256 << 20;
	need(Features::MinorShmem);
	const auto memory = vast(bytes, MAP_SHARED);
	const auto context = open_context();
	const auto last = memory.pages() - 1;
	const auto unmap = [&] { checked(::madvise(memory.page(0), bytes, MADV_DONTNEED)); };

	checked(::madvise(memory.page(0), bytes, MADV_POPULATE_WRITE));
	unmap();
	take(context.register_range(memory.range(), Modes::Minor));
	CHECK(can_be_killed({.make = [&] { context.resume(memory.range()); },
			     .begun = [&] { return is_there(memory, 0); },
			     .over = [&] { return is_there(memory, last); },
			     .undo = unmap}));
}

TEST_CASE("a process that copies many huge pages can be killed", "[security][smp]")
{
	constexpr std::size_t count = 128;
	const HugePages pool(count);
	const HugeMemory memory(count, MemoryKind::private_huge);
	/* Small pages all of which are the zero page. */
	const auto source = vast(count * huge_page_size, MAP_PRIVATE);
	const auto context = open_context();
	const auto all = source.bytes(0, source.pages());

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(can_be_killed({.make = [&] { context.copy(memory.address(0), all); },
			     .begun = [&] { return memory.is_there(0); },
			     .over = [&] { return memory.is_there(count - 1); },
			     .undo = [&] { memory.drop(0, count); }}));
}

/*
 * It moves holes of its own memory, which goes with it. What stays is its struct: the kernel writes
 * the result there even if the process is being killed.
 */
TEST_CASE("a process that moves a terabyte can be killed", "[security]")
{
	need(Features::Move);
	const Memory shared(1, MemoryKind::shared_anonymous);
	auto &call = *new (shared.page(0)) uffdio_move{};
	const auto move = [&] {
		const auto target = vast(terabyte, MAP_PRIVATE),
			   source = vast(terabyte, MAP_PRIVATE);
		const auto context = open_context(Features::Move);

		take(context.register_range(target.range(), Modes::Missing));
		call = {.dst = target.address(0),
			.src = source.address(0),
			.len = terabyte,
			.mode = UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
			.move = 0};
		static_cast<void>(context.ioctl(UFFDIO_MOVE, &call));
	};

	CHECK(can_be_killed({.make = move,
			     .begun = [&] { return call.move != 0; },
			     .over = [&] { return call.move == terabyte; },
			     .undo = [&] { call.move = 0; }}));
}

/* Natively it does everything before it can be killed, here and in the tests that follow. */
TEST_CASE("a process that protects a terabyte of anonymous memory can be killed",
	  "[security][module]")
{
	const auto memory = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context(Features::WpUnpopulated);
	const Protecting by(context);

	take(context.register_range(memory.range(), Modes::WriteProtect));
	CHECK(can_be_killed_protecting(memory, by.protect, by.unprotect));
}

TEST_CASE("a process that protects a terabyte of shared memory can be killed", "[security][module]")
{
	const auto memory = vast(terabyte, MAP_SHARED);
	const auto context = open_context();
	const Protecting by(context);

	take(context.register_range(memory.range(), Modes::WriteProtect));
	CHECK(can_be_killed_protecting(memory, by.protect, by.unprotect));
}

/*
 * What is unprotected has to be protected first, and so has page tables: those of a terabyte take
 * two gigabytes. What is done from one look for a signal to the next is the same in any range.
 */
TEST_CASE("a process that unprotects anonymous memory can be killed", "[security][module]")
{
	const auto memory = vast(4 * gigabyte, MAP_PRIVATE);
	const auto context = open_context(Features::WpUnpopulated);
	const Protecting by(context);

	take(context.register_range(memory.range(), Modes::WriteProtect));
	CHECK(can_be_killed_unprotecting(memory, by.protect, by.unprotect));
}

TEST_CASE("a process that unprotects shared memory can be killed", "[security][module]")
{
	const auto memory = vast(4 * gigabyte, MAP_SHARED);
	const auto context = open_context();
	const Protecting by(context);

	take(context.register_range(memory.range(), Modes::WriteProtect));
	CHECK(can_be_killed_unprotecting(memory, by.protect, by.unprotect));
}

TEST_CASE("a process that protects memory from every access can be killed", "[security][module]")
{
	need(Features::Rwp);
	const auto memory = vast(4 * gigabyte, MAP_PRIVATE);
	const auto context = open_context(Features::Rwp);
	const Change protect = [&](Range range) { take(context.rwprotect(range)); };
	const Change unprotect = [&](Range range) { take(context.rwunprotect(range)); };

	take(context.register_range(memory.range(), Modes::Missing | Modes::ReadWriteProtect));
	REQUIRE(context.zeropage_all(memory.range()));
	CHECK(can_be_killed_protecting(memory, protect, unprotect));
	unprotect(memory.range());
	CHECK(can_be_killed_unprotecting(memory, protect, unprotect));
}

TEST_CASE("threads that wait for what a killed process has unprotected go on", "[security][module]")
{
	const auto memory = vast(4 * gigabyte, MAP_PRIVATE);
	const auto context = open_context(Features::WpUnpopulated);
	const Protecting by(context);

	take(context.register_range(memory.range(), Modes::WriteProtect));
	by.protect(memory.range());
	auto writer = in_thread([&] { memory.word(0) = 1; });
	next_fault(context);
	wait_for_sleepers(context, 1);
	CHECK(can_be_killed({.make = [&] { by.unprotect(memory.range()); },
			     .begun = [&] { return !is_protected(memory, 0); },
			     .over = [&] { return !is_protected(memory, memory.pages() - 1); },
			     .undo = [&] { by.protect(memory.range(1, memory.pages() - 1)); }}));
	writer.get();
}

TEST_CASE("a process that registers many mappings can be killed", "[security][module][smp]")
{
	const auto memory = chequered(many);
	const auto context = open_context();
	const auto all = memory.range();
	const auto last = memory.pages() - 1;

	CHECK(can_be_killed({.make = [&] { take(context.register_range(all, Modes::Missing)); },
			     .begun = [&] { return is_registered(context, memory, 0); },
			     .over = [&] { return is_registered(context, memory, last); },
			     .undo = [&] { take(context.unregister_range(all)); }}));
}

TEST_CASE("a process that unregisters many mappings can be killed", "[security][module][smp]")
{
	const auto memory = chequered(many);
	const auto context = open_context();
	const auto all = memory.range();
	const auto last = memory.pages() - 1;

	take(context.register_range(all, Modes::Missing));
	CHECK(can_be_killed({.make = [&] { take(context.unregister_range(all)); },
			     .begun = [&] { return !is_registered(context, memory, 0); },
			     .over = [&] { return !is_registered(context, memory, last); },
			     .undo = [&] { take(context.register_range(all, Modes::Missing)); }}));
}

namespace {

/* So many threads that a read of all their messages takes longer than a signal. */
constexpr std::size_t crowd = 1'000;

/* Threads with small stacks, each of which reads a page of its own. */
void start_readers(const Memory &memory)
{
	pthread_attr_t attributes;

	::pthread_attr_init(&attributes);
	::pthread_attr_setstacksize(&attributes, 64 << 10);
	for (std::size_t i = 0; i < memory.pages(); i++) {
		pthread_t thread;
		const auto read = [](void *page) -> void * {
			static_cast<void>(*static_cast<volatile std::uint64_t *>(page));
			return nullptr;
		};
		if (::pthread_create(&thread, &attributes, read, memory.page(i)))
			give_up("a thread can't be started");
	}
}

} // namespace

TEST_CASE("a process that reads thousands of messages can be killed", "[security][module][smp]")
{
	Consumer consumer(crowd, [](const Memory &memory) {
		start_readers(memory);
		for (;;)
			::pause();
		return 0;
	});
	const Memory buffer(crowd * sizeof(uffd_msg) / page_size() + 1,
			    MemoryKind::shared_anonymous);
	const auto pending = [&] { return fdinfo(consumer.context.fd()).pending; };

	wait_for_pending(consumer.context, crowd);
	CHECK(can_be_killed({.make =
				     [&] {
					     checked(::read(consumer.context.fd(), buffer.page(0),
							    crowd * sizeof(uffd_msg)));
				     },
			     .begun = [&] { return pending() < crowd; },
			     .over = [&] { return pending() == 0; },
			     .undo =
				     [&] {
					     take(consumer.context.wake(consumer.memory.range()));
					     wait_for_pending(consumer.context, crowd);
				     }}));
	consumer.process.signal(SIGKILL); /* or all threads would go on one after the other */
	CHECK(consumer.process.wait() == Process::killed + SIGKILL);
}

/*
 * Natively the call waits until the fill is over, and the process can't be killed meanwhile. The
 * fill ends early, because the rest of its range is then in more than one mapping.
 */
TEST_CASE("a process can change its mappings while another process fills them",
	  "[security][module]")
{
	const auto memory = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context();
	const auto last = memory.pages() - 1;

	take(context.register_range(memory.range(), Modes::Missing));
	Process monitor([&] {
		const auto zeroed = context.zeropage(memory.range());
		return zeroed.done > 0 && zeroed.error.value() == EAGAIN ? 0 : 1;
	});
	wait_until("the fill has begun", [&] { return is_there(memory, 0); });
	checked(::mprotect(memory.page(last), page_size(), PROT_READ));
	CHECK(monitor.wait() == 0);
}

/*
 * The protecting process keeps the dropping thread waiting, and this one the process that fills.
 * Natively that process can't be killed before the first is done.
 */
TEST_CASE("a process can be killed whose command waits behind a change of mappings",
	  "[security][module]")
{
	const auto memory = vast(256 * gigabyte, MAP_SHARED);
	const auto context = open_context(Features::EventRemove);
	const Memory shared(1, MemoryKind::shared_anonymous);
	auto &may_fill = *new (shared.page(0)) std::atomic<bool>(false);
	std::atomic<bool> may_drop = false;
	const auto wait_for = [](const std::atomic<bool> &flag) {
		while (!flag)
			::sched_yield();
	};

	take(context.register_range(memory.range(), Modes::Missing | Modes::WriteProtect));
	/* First of all, because a fork and a new thread's stack wait for the protecting, too. */
	Process filling([&] {
		wait_for(may_fill);
		return context.zeropage(memory.range(1, 1)) ? 0 : 1;
	});
	KnownThread dropping([&] {
		wait_for(may_drop);
		return ::madvise(memory.page(0), page_size(), MADV_DONTNEED);
	});
	Process protecting([&] { return context.write_protect(memory.range()) ? 0 : 1; });
	wait_until("the protecting has begun", [&] { return is_protected(memory, 0); });
	may_drop = true;
	wait_until("the drop waits", [&] { return dropping.sleeps_in(SYS_madvise); });
	may_fill = true;
	wait_until("the fill waits",
		   [&] { return sleeps_in(filling.pid(), filling.pid(), SYS_ioctl); });

	filling.signal(SIGKILL);
	CHECK(filling.wait() == Process::killed + SIGKILL);
	CHECK_FALSE(is_readable(context));
	CHECK_FALSE(dropping.is_done());
	protecting.signal(SIGKILL);
	CHECK(protecting.wait() == Process::killed + SIGKILL);
	next_of<Remove>(context);
	CHECK(dropping.get() == 0);
}
