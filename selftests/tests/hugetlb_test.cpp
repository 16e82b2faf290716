// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb memory: missing faults and copies. Everything here counts in huge pages; minor faults and
 * write protection are in hugetlb_minor_test.cpp and hugetlb_protection_test.cpp.
 */
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/process.hpp"
#include "lib/waiting_call.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <linux/userfault.h>
#include <memory>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr bool is_shared(MemoryKind kind)
{
	return kind == MemoryKind::shared_huge || kind == MemoryKind::shared_huge_file;
}

/* Registered huge memory; the pool has as many huge pages as it needs, and @more. */
struct HugeWorld {
	explicit HugeWorld(std::size_t count, MemoryKind kind, Features features = Features::None,
			   std::size_t more = 0)
		: pages(count + more), memory(count, kind), context(open_context(features)),
		  ioctls(take(context.register_range(memory.range(), Modes::Missing)))
	{
	}

	Progress copy(std::size_t to, const HugeSource &source, std::size_t count = 1) const
	{
		return context.copy(memory.address(to), source.bytes(0, count));
	}

	const HugePages pages;
	const HugeMemory memory;
	const Context context;
	const Ioctls ioctls;
};

} // namespace

HUGE_TEST_CASE("a missing huge page is reported with its start address and filled whole",
	       "[hugetlb]")
{
	const HugeWorld world(3, TestType::kind);
	const HugeSource source(1, 7);

	auto reader = in_thread([&] { return world.memory.small_word(1, 5); });
	const auto fault = next_fault(world.context);
	CHECK(fault.address == world.memory.address(1));
	CHECK(fault.flags == FaultFlags::None);
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));

	const auto progress = world.copy(1, source);
	CHECK(progress.done == huge_page_size);
	CHECK_FALSE(progress.error);
	CHECK(reader.get() == source.small_word(0, 5));
	CHECK(world.memory.has_pattern(1, 7));
	CHECK_FALSE(world.memory.is_there(0));
	CHECK_FALSE(world.memory.is_there(2));
	CHECK_FALSE(take(world.context.read()));
	world.memory.small_word(1, 5) = 3;
	CHECK(world.memory.small_word(1, 5) == 3);
}

HUGE_TEST_CASE("a write to a missing huge page is reported as a write", "[hugetlb]")
{
	const HugeWorld world(1, TestType::kind);

	auto writer = in_thread([&] { world.memory.small_word(0, 511) = 8; });
	CHECK(next_fault(world.context).flags == FaultFlags::Write);
	REQUIRE(world.copy(0, HugeSource(1)));
	writer.get();
	CHECK(world.memory.small_word(0, 511) == 8);
}

TEST_CASE("a registration of huge pages answers which commands work on them", "[hugetlb]")
{
	const HugeWorld world(1, MemoryKind::private_huge);

	CHECK(has(world.ioctls, Ioctls::Wake | Ioctls::Copy));
	CHECK_FALSE(has(world.ioctls, Ioctls::Zeropage));
	CHECK_FALSE(has(world.ioctls, Ioctls::WriteProtect));
	CHECK_FALSE(has(world.ioctls, Ioctls::Continue));
	CHECK(world.context.zeropage(world.memory.range()).error.value() == EINVAL);
	CHECK_FALSE(world.memory.is_there(0));
}

TEST_CASE("the exact address within a huge page is reported if that was asked for", "[hugetlb]")
{
	const HugeWorld world(1, MemoryKind::shared_huge, Features::ExactAddress);
	const HugeSource source(1);
	const auto exact = world.memory.address(0) + 9 * page_size();

	auto reader = in_thread([&] { return world.memory.small_word(0, 9); });
	CHECK(next_fault(world.context).address == exact);
	/* Waking this small page wakes the reader, which then waits again. */
	take(world.context.wake({exact, page_size()}));
	CHECK(next_fault(world.context).address == exact);
	REQUIRE(world.copy(0, source));
	CHECK(reader.get() == source.small_word(0, 9));
}

TEST_CASE("waking the first small page of a huge page wakes its waiters, another one does not",
	  "[hugetlb]")
{
	const HugeWorld world(1, MemoryKind::private_huge);
	const auto start = world.memory.address(0);

	auto reader = in_thread([&] { return world.memory.small_word(0, 9); });
	CHECK(next_fault(world.context).address == start);
	take(world.context.wake({start + 9 * page_size(), page_size()}));
	CHECK_FALSE(is_readable(world.context));
	take(world.context.wake({start, page_size()}));
	CHECK(next_fault(world.context).address == start);
	REQUIRE(world.copy(0, HugeSource(1)));
	reader.get();
}

HUGE_TEST_CASE("a part of a huge page is neither registered nor filled", "[hugetlb]")
{
	const HugePages pages(2);
	const HugeMemory memory(2, TestType::kind);
	const HugeSource source(2);
	const auto context = open_context();
	const auto start = memory.address(0);
	const auto error_of_registering = [&](Address from, std::size_t length) {
		const auto result = context.register_range({from, length}, Modes::Missing);
		return result ? 0 : result.error().value();
	};
	const auto error_of_copying = [&](Address to, std::size_t length) {
		const auto bytes = source.bytes(0, 2).first(length);
		const auto progress = context.copy(to, bytes);
		CHECK(progress.done == 0);
		return progress.error.value();
	};

	CHECK(error_of_registering(start, page_size()) == EINVAL);
	CHECK(error_of_registering(start + page_size(), huge_page_size) == EINVAL);
	CHECK(error_of_registering(start + page_size(), 2 * huge_page_size - page_size()) ==
	      EINVAL);
	CHECK(error_of_registering(start, huge_page_size) == 0);
	CHECK(error_of_copying(start, page_size()) == EINVAL);
	CHECK(error_of_copying(start + page_size(), page_size()) == EINVAL);
	CHECK(error_of_copying(start + page_size(), huge_page_size - page_size()) == EINVAL);
	CHECK(error_of_copying(start, huge_page_size + page_size()) == ENOENT);
	CHECK(error_of_copying(start + huge_page_size, huge_page_size) == ENOENT);
	const auto unregistered = context.unregister_range({start + page_size(), page_size()});
	CHECK(unregistered.error().value() == EINVAL);
	CHECK(memory.missing() == 2);
}

HUGE_TEST_CASE("copying stops at a huge page that is there", "[hugetlb]")
{
	const HugeWorld world(4, TestType::kind);
	const HugeSource source(4, 20);

	REQUIRE(world.copy(2, HugeSource(1, 9)));
	const auto taken = world.pages.pool();
	CHECK(world.copy(2, source).error.value() == EEXIST);
	const auto progress = world.copy(0, source, 4);
	CHECK(progress.done == 2 * huge_page_size);
	CHECK(progress.error.value() == EAGAIN);
	CHECK(world.memory.has_pattern(0, 20));
	CHECK(world.memory.has_pattern(1, 21));
	CHECK(world.memory.has_pattern(2, 9));
	CHECK_FALSE(world.memory.is_there(3));
	CHECK(world.pages.pool().free == taken.free - 2);
	CHECK(world.pages.pool().reserved == taken.reserved - 2);
}

/* A thread that touches the memory takes pages from the pool in the same way. */
HUGE_TEST_CASE("a copy takes a huge page from the pool and from its reserved pages", "[hugetlb]")
{
	const HugeWorld world(2, TestType::kind, Features::None, 2);

	CHECK(world.pages.pool() == HugePagePool{4, 4, 2});
	REQUIRE(world.copy(0, HugeSource(1)));
	CHECK(world.pages.pool() == HugePagePool{4, 3, 1});
	CHECK(status_bytes("HugetlbPages") == huge_page_size);
	const HugeMemory touched(1, TestType::kind);
	CHECK(world.pages.pool() == HugePagePool{4, 3, 2});
	touched.small_word(0, 0) = 1;
	CHECK(world.pages.pool() == HugePagePool{4, 2, 1});
	CHECK(status_bytes("HugetlbPages") == 2 * huge_page_size);
	world.memory.drop(0, 1);
	CHECK(world.pages.pool().free == 3);
	CHECK(status_bytes("HugetlbPages") == huge_page_size);
	REQUIRE(world.copy(0, HugeSource(1)));
	CHECK(world.pages.pool().free == 2);
}

HUGE_TEST_CASE("a source that can't be read is EFAULT and takes nothing", "[hugetlb]")
{
	const HugeWorld world(2, TestType::kind);
	const HugeSource source(2, 3);
	const auto before = world.pages.pool();

	checked(::mprotect(source.small_page(1, 300), page_size(), PROT_NONE));
	const auto progress = world.copy(0, source, 2);
	CHECK(progress.done == huge_page_size);
	CHECK(progress.error.value() == EAGAIN);
	CHECK(world.memory.has_pattern(0, 3));
	const auto refused = world.context.copy(world.memory.address(1), source.bytes(1, 1));
	CHECK(refused.done == 0);
	CHECK(refused.error.value() == EFAULT);
	CHECK_FALSE(world.memory.is_there(1));
	CHECK(status_bytes("HugetlbPages") == huge_page_size);
	CHECK(world.pages.pool().free == before.free - 1);
	CHECK(world.pages.pool().reserved == before.reserved - 1);
}

HUGE_TEST_CASE("a source that has to be faulted in is copied", "[hugetlb]")
{
	const HugeWorld world(3, TestType::kind, Features::None, 1);
	const HugeSource source(3, 30);
	const auto before = world.pages.pool();

	source.evict(0, 1);	 /* all of the first */
	source.evict_from(1, 3); /* the end of the second; the third is there */
	const auto progress = world.copy(0, source, 3);
	CHECK(progress.done == 3 * huge_page_size);
	CHECK_FALSE(progress.error);
	for (std::size_t i = 0; i < 3; i++)
		CHECK(world.memory.has_pattern(i, 30 + i));
	CHECK(world.pages.pool().free == before.free - 3);
}

HUGE_TEST_CASE("a source that another monitor fills is copied", "[hugetlb]")
{
	const HugeWorld world(2, TestType::kind, Features::None, 1);
	const World other(2 * small_pages_of_huge);
	const Monitor monitor(other.context, [&](const Fault &fault) {
		other.fill(other.memory.index_of(fault.address));
	});

	REQUIRE(world.context.copy(world.memory.address(0),
				   other.memory.bytes(0, 2 * small_pages_of_huge)));
	CHECK(monitor.told() == 2 * small_pages_of_huge);
	for (std::size_t i = 0; i < 2 * small_pages_of_huge; i++)
		REQUIRE(world.memory.small_word(i / small_pages_of_huge, i % small_pages_of_huge) ==
			pattern_word(i));
}

/* Native userfaultfd of Linux 7.2 answers EEXIST. */
TEST_CASE("a copy without a free huge page is ENOMEM and takes nothing", "[hugetlb]")
{
	const HugePages pages(2);
	const HugeMemory unreserved(2, MAP_PRIVATE | MAP_NORESERVE);
	const HugeMemory rest(1, MemoryKind::private_huge);
	const HugeSource source(2);
	const auto context = open_context();

	take(context.register_range(unreserved.range(), Modes::Missing));
	REQUIRE(context.copy(unreserved.address(0), source.bytes(0, 1)));
	const auto before = pages.pool();
	const auto error = context.copy(unreserved.address(1), source.bytes(0, 1)).error.value();
	if (backend_under_test() == Backend::module || error != EEXIST)
		CHECK(error == ENOMEM);
	CHECK(pages.pool() == before);
	CHECK(before == HugePagePool{2, 1, 1});
	rest.small_word(0, 0) = 1;
	CHECK(pages.pool() == HugePagePool{2, 0, 0});
}

TEST_CASE("a huge page copied into a shared file is seen by all its mappings", "[hugetlb]")
{
	const HugeFileWorld file(3, MAP_SHARED, Modes::Missing);
	const HugeSource source(2, 5);

	REQUIRE(file.context.copy(file.memory.address(1), source.bytes(0, 1)));
	CHECK(file.other.has_pattern(1, 5));
	file.other.small_word(1, 3) = 4;
	CHECK(file.memory.small_word(1, 3) == 4);

	file.other.small_word(0, 0) = 7;
	CHECK(file.context.copy(file.memory.address(0), source.bytes(0, 1)).error.value() ==
	      EEXIST);
	CHECK(file.memory.small_word(0, 0) == 7);
	CHECK_FALSE(take(file.context.read()));
}

TEST_CASE("a huge page copied into a private mapping is seen by no other mapping", "[hugetlb]")
{
	const HugeFileWorld file(1, MAP_PRIVATE, Modes::Missing);

	file.other.small_word(0, 1) = 6;
	REQUIRE(file.context.copy(file.memory.address(0), HugeSource(1, 5).bytes(0, 1)));
	CHECK(file.memory.has_pattern(0, 5));
	CHECK(file.other.small_word(0, 1) == 6);
	file.memory.small_word(0, 1) = 8;
	CHECK(file.other.small_word(0, 1) == 6);
}

TEST_CASE("copying past the end of a shared huge file is EFAULT", "[hugetlb]")
{
	const HugeFileWorld file(3, MAP_SHARED, Modes::Missing);
	const HugeSource source(3, 1);

	file.resize(1);
	const auto before = file.pages.pool();
	CHECK(file.context.copy(file.memory.address(1), source.bytes(1, 1)).error.value() ==
	      EFAULT);
	CHECK(file.pages.pool() == before);
	const auto progress = file.context.copy(file.memory.address(0), source.bytes(0, 3));
	CHECK(progress.done == huge_page_size);
	CHECK(progress.error.value() == EAGAIN);
	file.resize(0);
	CHECK(file.pages.pool().free == before.free);
}

/*
 * Native userfaultfd loses a reservation if it finds the file truncated only after it has made a
 * page: the pool's count of reserved pages goes below 0 for good.
 */
TEST_CASE("a shared huge file is truncated while it is filled", "[hugetlb][module][slow][smp]")
{
	const HugeFileWorld file(4, MAP_SHARED, Modes::Missing);
	const HugeSource source(4, 40);
	std::atomic<bool> stop = false;
	auto truncator = in_thread([&] {
		while (!stop) {
			file.resize(0);
			file.resize(4);
		}
	});
	std::size_t filled = 0;

	for (int round = 0; round < 100; round++) {
		const std::size_t at = round % 4;
		const auto progress =
			file.context.copy(file.memory.address(at), source.bytes(at, 4 - at));
		filled += progress.done / huge_page_size;
		const auto error = progress.error.value();
		if (error && error != EAGAIN && error != EFAULT && error != EEXIST &&
		    error != ENOMEM)
			FAIL("error " << error);
	}
	stop = true;
	truncator.get();
	CHECK(filled > 0);
	file.resize(0);
	CHECK(file.pages.pool().free == file.pages.pool().total);
}

HUGE_TEST_CASE("many threads wait for the same huge pages", "[hugetlb][smp]")
{
	const HugeWorld world(2, TestType::kind);
	const HugeSource source(2, 60);
	const Monitor monitor(world.context, [&](const Fault &fault) {
		const auto index = world.memory.index_of(fault.address);
		const auto progress =
			world.context.copy(world.memory.address(index), source.bytes(index, 1));
		if (!progress && progress.error.value() != EEXIST)
			give_up(progress.error.message());
	});
	std::array<std::future<std::uint64_t>, 16> readers;

	for (std::size_t i = 0; i < readers.size(); i++)
		readers[i] = in_thread([&, i] { return world.memory.small_word(i % 2, i); });
	for (std::size_t i = 0; i < readers.size(); i++)
		CHECK(readers[i].get() == source.small_word(i % 2, i));
}

HUGE_TEST_CASE("with SIGBUS touching a missing huge page kills the process", "[hugetlb]")
{
	const HugePages pages(1);
	const HugeMemory memory(1, TestType::kind);

	/* In a child, which registers its own memory. */
	Process child([&] {
		const auto context = open_context(Features::Sigbus);

		take(context.register_range(memory.range(), Modes::Missing));
		return static_cast<int>(memory.small_word(0, 3));
	});
	CHECK(child.wait() == Process::killed + SIGBUS);
}

HUGE_TEST_CASE("closing the context lets waiters of huge pages go on", "[hugetlb]")
{
	const HugePages pages(1);
	const HugeMemory memory(1, TestType::kind);
	auto context = std::make_unique<Context>(open_context());

	take(context->register_range(memory.range(), Modes::Missing));
	auto reader = in_thread([&] { return memory.small_word(0, 3); });
	next_fault(*context);
	context.reset();
	CHECK(reader.get() == 0);
}

HUGE_TEST_CASE("changes of huge mappings are reported", "[hugetlb][event]")
{
	const HugePages pages(3);
	const HugeMemory memory(3, TestType::kind);
	const auto context = open_context(Features::EventRemove | Features::EventUnmap);

	take(context.register_range(memory.range(), Modes::Missing));
	REQUIRE(context.copy(memory.address(0), HugeSource(1).bytes(0, 1)));
	auto dropping = in_thread([&] { memory.drop(0, 1); });
	CHECK(next_of<Remove>(context).range.start == memory.address(0));
	dropping.get();
	auto reader = in_thread([&] { return memory.small_word(0, 0); });
	CHECK(next_fault(context).address == memory.address(0));
	REQUIRE(context.copy(memory.address(0), HugeSource(1, 2).bytes(0, 1)));
	CHECK(reader.get() == pattern_word(2));

	auto unmapping = in_thread([&] { memory.unmap(2, 1); });
	const auto unmapped = next_of<Unmap>(context).range;
	CHECK(unmapped.start == memory.address(2));
	CHECK(unmapped.length == huge_page_size);
	unmapping.get();
}

HUGE_TEST_CASE("moving huge memory is reported and the memory stays registered", "[hugetlb][event]")
{
	const HugePages pages(2);
	const HugeMemory memory(2, TestType::kind);
	const auto place = Memory::aligned(2 * small_pages_of_huge, huge_page_size);
	const HugeSource source(2, 4);
	const auto context = open_context(Features::EventRemap);
	const std::size_t size = 2 * huge_page_size;

	take(context.register_range(memory.range(), Modes::Missing));
	REQUIRE(context.copy(memory.address(0), source.bytes(0, 1)));
	WaitingCall moving(context, SYS_mremap, [&] {
		return ::mremap(reinterpret_cast<void *>(memory.address(0)), size, size,
				MREMAP_MAYMOVE | MREMAP_FIXED, place.page(0)) == MAP_FAILED;
	});
	const auto told = next_of<Remap>(context);
	CHECK(told.from == memory.address(0));
	CHECK(told.to.start == place.address(0));
	CHECK(told.to.length == size);
	REQUIRE(moving.result() == 0);

	CHECK(place.word(7) == source.small_word(0, 7));
	auto reader = in_thread([&] { return place.word(small_pages_of_huge + 3); });
	CHECK(next_fault(context).address == place.address(small_pages_of_huge));
	REQUIRE(context.copy(place.address(small_pages_of_huge), source.bytes(1, 1)));
	CHECK(reader.get() == source.small_word(1, 3));
}

HUGE_TEST_CASE("a forked child has its own missing huge pages", "[hugetlb][event]")
{
	const HugeWorld world(2, TestType::kind, Features::EventFork, 2);
	const HugeSource source(2, 70);

	REQUIRE(world.copy(0, source));
	auto forking = in_thread([&] {
		return in_child([&] {
			const bool same = world.memory.small_word(0, 1) == source.small_word(0, 1);
			const bool filled =
				world.memory.small_word(1, 1) == source.small_word(1, 1);
			return same && filled ? 0 : 1;
		});
	});
	const auto child = Context::adopt(std::move(next_of<Fork>(world.context).context));
	const auto fault = next_fault(child);
	CHECK(fault.address == world.memory.address(1));
	REQUIRE(child.copy(fault.address, source.bytes(1, 1)));
	CHECK(forking.get() == 0);
	CHECK(fdinfo(world.context.fd()).total == 0);
	if (!is_shared(TestType::kind))
		CHECK_FALSE(world.memory.is_there(1));
}

TEST_CASE("a gigantic page is filled whole", "[hugetlb][slow]")
{
	const HugePages pages(1, gigantic_page_size);
	const HugeSource source(1, 80);
	const std::size_t copies = gigantic_page_size / huge_page_size;
	const GiganticMemory memory, all = GiganticMemory::repeating(source);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	auto reader = in_thread([&] { return memory.word_at(gigantic_page_size / 2); });
	CHECK(next_fault(context).address == memory.range().start);
	REQUIRE(context.copy(memory.range().start, all.bytes()));
	CHECK(reader.get() == source.small_word(0, 0));
	for (std::size_t i = 0; i < copies; i++)
		REQUIRE(memory.word_at(i * huge_page_size + i * 8) ==
			all.word_at(i * huge_page_size + i * 8));
	CHECK(pages.pool() == HugePagePool{1, 0, 0});
}
