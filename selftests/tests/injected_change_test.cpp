// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of registered mappings in which an allocation fails: nothing is half done, what didn't
 * happen is not reported, and page operations go on.
 */
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/heap.hpp"
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/reader.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <linux/mman.h>
#include <sys/mman.h>
#include <variant>

using namespace selftests;
using namespace userfault;

namespace {

/* Some memory with patterns, parts of which are registered with a context that gets events. */
struct Subject {
	explicit Subject(std::size_t pages, Features features = every_event)
		: memory(pages), probe(1), context(open_context(features)), reader(context)
	{
		take(context.register_range(probe.range(), Modes::Missing));
	}

	/* As at the beginning: mapped, nothing registered, every page with its pattern. */
	void renew()
	{
		map_anew(memory);
		for (std::size_t i = 0; i < memory.pages(); i++)
			write_pattern(memory.bytes(i, 1), i);
		reader.taken();
	}

	void watch(std::size_t first, std::size_t count)
	{
		take(context.register_range(memory.range(first, count), Modes::Missing));
	}

	std::vector<std::string> registered() const { return registered_for(memory.range()); }

	/* Only after the call that they tell of. */
	std::vector<Message> taken() { return reader.taken(); }

	/* No change is pending that commands would have to wait for. */
	void check_commands()
	{
		CHECK(context.zeropage(probe.range()));
		probe.drop(0, 1);
		reader.taken();
	}

	static void map_anew(const Memory &memory)
	{
		if (::mmap(memory.page(0), memory.range().length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			give_up("memory can't be mapped anew");
	}

	const Memory memory, probe; /* the probe is registered, and its page missing */
	const Context context;
	Reader reader;
};

template <class Kind> std::vector<Range> ranges_of(const std::vector<Message> &messages)
{
	std::vector<Range> ranges;

	for (const auto &message : messages)
		if (const auto *of_kind = std::get_if<Kind>(&message))
			ranges.push_back(of_kind->range);
	return ranges;
}

std::vector<Range> unmapped(const std::vector<Message> &messages)
{
	return ranges_of<Unmap>(messages);
}

/* Whether each is of an unmapping of that range. */
bool all_tell_of(const std::vector<Message> &messages, Range range)
{
	return std::ranges::count(unmapped(messages), range) ==
	       static_cast<std::ptrdiff_t>(messages.size());
}

std::vector<Remap> moved(const std::vector<Message> &messages)
{
	std::vector<Remap> moves;

	for (const auto &message : messages)
		if (const auto *move = std::get_if<Remap>(&message))
			moves.push_back(*move);
	return moves;
}

/*
 * Natively memory that stays mapped may be reported as unmapped: mm completes the event after a
 * failure, too.
 */
bool nothing_is_told(const std::vector<Message> &messages)
{
	return messages.empty() || (backend_under_test() == Backend::native &&
				    unmapped(messages).size() == messages.size());
}

} // namespace

TEST_CASE("an unmapping that finds no memory unmaps nothing and is not reported",
	  "[injected][event]")
{
	Subject subject(6);
	const auto &memory = subject.memory;
	const auto range = memory.range(1, 4);
	const auto unmap = [&] { return ::munmap(memory.page(1), range.length); };

	fail_each([&](FailNth &nth) {
		subject.renew();
		subject.watch(0, 2);
		subject.watch(3, 3);
		const auto before = subject.registered();

		if (const int error = nth(unmap)) {
			CHECK(error == ENOMEM);
			CHECK(nothing_is_told(subject.taken()));
			CHECK(subject.registered() == before);
			CHECK(count_patterned(memory) == memory.pages());
			subject.check_commands();
			REQUIRE(unmap() == 0);
		}
		CHECK(unmapped(subject.taken()) == std::vector{range});
		CHECK(count_mappings(range) == 0);
		CHECK(has_pattern(memory.bytes(0, 1), 0));
		CHECK(has_pattern(memory.bytes(5, 1), 5));
		subject.check_commands();
	});
}

TEST_CASE("memory of two contexts that can't be unmapped is reported to neither",
	  "[injected][event]")
{
	Subject subject(4);
	const auto &memory = subject.memory;
	const auto other = open_context(every_event);
	Reader others(other);

	fail_each([&](FailNth &nth) {
		subject.renew();
		others.taken();
		subject.watch(0, 2);
		take(other.register_range(memory.range(2, 2), Modes::Missing));

		if (const int error =
			    nth([&] { return ::munmap(memory.page(1), 2 * page_size()); })) {
			CHECK(error == ENOMEM);
			CHECK(nothing_is_told(subject.taken()));
			CHECK(nothing_is_told(others.taken()));
			CHECK(count_patterned(memory) == memory.pages());
			subject.check_commands();
		} else {
			CHECK(unmapped(subject.taken()) == std::vector{memory.range(1, 2)});
			CHECK(unmapped(others.taken()) == std::vector{memory.range(1, 2)});
		}
	});
}

/* If mm fails late, the memory is gone, though there is nothing in its place. */
TEST_CASE("memory is reported as mapped over only if it is gone", "[injected][event]")
{
	Subject subject(4);
	const auto &memory = subject.memory;
	const auto range = memory.range(1, 2);

	fail_each([&](FailNth &nth) {
		subject.renew();
		subject.watch(0, 4);
		const auto before = subject.registered();

		const int error = nth([&] {
			return ::mmap(memory.page(1), range.length, PROT_READ,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		});
		CHECK((error == 0 || error == ENOMEM));
		if (error && subject.registered() == before) {
			CHECK(nothing_is_told(subject.taken()));
			CHECK(count_patterned(memory) == memory.pages());
		} else {
			CHECK(unmapped(subject.taken()) == std::vector{range});
			CHECK(count_mappings(range) == (error ? 0 : 1));
			CHECK(has_pattern(memory.bytes(3, 1), 3));
		}
		subject.check_commands();
	});
}

/* Natively page operations are refused for ever after that. */
TEST_CASE("a heap that finds no memory to shrink is not reported", "[injected][event][module]")
{
	Subject subject(1);
	const Heap heap(6);
	const auto range = heap.range(0, 6);
	unsigned kept = 0;

	fail_each_and_go_on([&](FailNth &nth) {
		REQUIRE(heap.grow());
		take(subject.context.register_range(heap.range(0, 2), Modes::Missing));
		take(subject.context.register_range(heap.range(4, 2), Modes::Missing));
		const auto before = registered_for(range);
		subject.taken();

		bool shrunk = false;
		nth([&] {
			shrunk = heap.shrink(1);
			return 0L; /* brk(2) has no errno */
		});
		if (!shrunk) {
			kept++;
			CHECK(nth.has_failed());
			CHECK(subject.taken().empty());
			CHECK(registered_for(range) == before);
			subject.check_commands();
			REQUIRE(heap.shrink(1));
		}
		CHECK(unmapped(subject.taken()) == std::vector{heap.range(1, 5)});
		subject.check_commands();
	});
	CHECK(kept > 0);
}

TEST_CASE("a heap that finds no memory to grow stays as it is", "[injected][event]")
{
	Subject subject(1);
	const Heap heap(6);

	take(subject.context.register_range(heap.range(0, 2), Modes::Missing));
	fail_each_and_go_on([&](FailNth &nth) {
		REQUIRE(heap.shrink(2));
		subject.taken();

		bool grown = false;
		nth([&] {
			grown = heap.grow();
			return 0L; /* brk(2) has no errno */
		});
		CHECK((grown || nth.has_failed()));
		CHECK(subject.taken().empty());
		CHECK(smaps_flag(heap.range(0, 2), "um"));
		CHECK(count_mappings(heap.range(2, 4)) == (grown ? 1 : 0));
		subject.check_commands();
		REQUIRE(heap.grow());
	});
}

TEST_CASE("a mapping that finds no memory to shrink is not reported", "[injected][event]")
{
	Subject subject(4);
	const auto &memory = subject.memory;

	fail_each([&](FailNth &nth) {
		subject.renew();
		subject.watch(0, 4);
		const auto before = subject.registered();

		if (const int error = nth([&] { return memory.remap(0, 4, 2); })) {
			CHECK(error == ENOMEM);
			CHECK(nothing_is_told(subject.taken()));
			CHECK(subject.registered() == before);
			CHECK(count_patterned(memory) == memory.pages());
		} else {
			CHECK(unmapped(subject.taken()) == std::vector{memory.range(2, 2)});
		}
		subject.check_commands();
	});
}

TEST_CASE("a mapping that finds no memory to grow stays as it is", "[injected][event]")
{
	Subject subject(5);
	const auto &memory = subject.memory;

	fail_each([&](FailNth &nth) {
		subject.renew();
		subject.watch(0, 2);
		/* A hole of just the size: filling a part of one may take no memory. */
		checked(::munmap(memory.page(2), 2 * page_size()));
		const auto before = subject.registered();

		if (const int error = nth([&] { return memory.remap(0, 2, 4); })) {
			CHECK(error == ENOMEM);
			CHECK(subject.registered() == before);
		} else {
			CHECK(smaps_flag(memory.range(0, 4), "um"));
		}
		CHECK(subject.taken().empty());
		CHECK(has_pattern(memory.bytes(0, 1), 0));
		CHECK(has_pattern(memory.bytes(1, 1), 1));
		subject.check_commands();
	});
}

namespace {

/*
 * Moves registered memory, with failures, to @target, which is mapped. @flags: to mremap(). Since
 * mm unmaps the target first, that may be gone after a failure.
 */
void move_with_failures(Subject &subject, const Memory &target, int flags = 0)
{
	const auto &memory = subject.memory;
	const auto pages = memory.pages();

	fail_each([&](FailNth &nth) {
		subject.renew();
		Subject::map_anew(target);
		subject.watch(0, pages);
		take(subject.context.register_range(target.range(), Modes::Missing));
		const auto before = subject.registered();
		subject.taken();

		const int error =
			nth([&] { return memory.remap(0, pages, pages, flags, target.page(0)); });
		const auto messages = subject.taken();
		if (error) {
			CHECK(is_injected(error));
			CHECK(moved(messages).empty());
			CHECK(subject.registered() == before);
			CHECK(count_patterned(memory) == pages);
			/* Only the target can be gone; and once more, after a move that failed. */
			if (count_mappings(target.range()) == 0)
				CHECK(all_tell_of(messages, target.range()));
			else
				CHECK(nothing_is_told(messages));
			CHECK((messages.size() > 0 || count_mappings(target.range()) > 0));
		} else {
			const auto moves = moved(messages);
			REQUIRE(moves.size() == 1);
			CHECK(moves[0].from == memory.address(0));
			CHECK(moves[0].to == target.range());
			CHECK(smaps_flag(target.range(), "um"));
			CHECK(count_patterned(target) == pages);
			CHECK(std::ranges::count(unmapped(messages), target.range()) == 1);
		}
		subject.check_commands();
	});
}

} // namespace

TEST_CASE("memory that finds no memory to move stays where it is", "[injected][event]")
{
	Subject subject(4);
	const Memory target(4);

	move_with_failures(subject, target);
}

TEST_CASE("memory that finds no memory to move its pages alone keeps them", "[injected][event]")
{
	Subject subject(4);
	const Memory target(4);

	move_with_failures(subject, target, MREMAP_DONTUNMAP);
}

namespace {

/* Moves memory that is registered and all there. Its pages stay, in a file for example. */
template <class Kept> void move_kept_with_failures(const Kept &kept, const Memory &target)
{
	Subject subject(1);
	const auto from = kept.range(), to = Range{target.address(0), from.length};

	fail_each([&](FailNth &nth) {
		Subject::map_anew(target);
		take(subject.context.register_range(from, Modes::Missing));
		subject.taken();

		const auto move = [&](Range here, Range there) {
			return ::mremap(reinterpret_cast<void *>(here.start), here.length,
					there.length, MREMAP_MAYMOVE | MREMAP_FIXED,
					reinterpret_cast<void *>(there.start));
		};
		const int error = nth([&] { return move(from, to); });
		const auto moves = moved(subject.taken());
		if (error) {
			CHECK(is_injected(error));
			CHECK(moves.empty());
			CHECK(smaps_flag(from, "um"));
			CHECK(count_mappings(from) == 1);
		} else {
			REQUIRE(moves.size() == 1);
			CHECK(moves[0].from == from.start);
			CHECK(moves[0].to == to);
			CHECK(smaps_flag(to, "um"));
			/* mm can't unmap the old place, for example, and doesn't tell. */
			CHECK((count_mappings(from) == 0 || nth.has_failed()));
			REQUIRE(move(to, from) != MAP_FAILED);
		}
		CHECK(kept.has_all());
		subject.check_commands();
	});
}

struct KeptInFile : Memory {
	explicit KeptInFile(std::size_t count) : Memory(count, shmem_file(count), MAP_SHARED)
	{
		for (std::size_t i = 0; i < count; i++)
			write_pattern(bytes(i, 1), i);
	}

	bool has_all() const { return count_patterned(*this) == pages(); }
};

struct KeptHuge : HugeMemory {
	explicit KeptHuge(MemoryKind kind) : HugeMemory(1, kind) { write_pattern(0, 7); }

	bool has_all() const { return has_pattern(0, 7); }
};

} // namespace

TEST_CASE("memory of a file that finds no memory to move stays where it is", "[injected][event]")
{
	move_kept_with_failures(KeptInFile(4), Memory(4));
}

HUGE_TEST_CASE("a huge page that finds no memory to move stays where it is",
	       "[injected][event][hugetlb]")
{
	const HugePages pool(1);
	const KeptHuge page(TestType::kind);

	move_kept_with_failures(
		page, Memory::aligned(small_pages_of_huge, huge_page_size, MemoryKind::anonymous));
}

TEST_CASE("memory that moves without its event is unregistered, or didn't move",
	  "[injected][event]")
{
	Subject subject(4, Features::EventUnmap);
	const auto &memory = subject.memory;
	/* So much memory that what is in the middle has no page table, and the move needs one. */
	const Memory area(3 * page_table);
	const auto target = area.range(page_table, 4);
	std::size_t told = 0;

	fail_each([&](FailNth &nth) {
		/* The target, too, may have been registered until now. */
		Subject::map_anew(area);
		subject.renew();
		subject.watch(0, 4);
		const auto before = subject.registered();

		const int error =
			nth([&] { return memory.remap(0, 4, 4, 0, area.page(page_table)); });
		const auto messages = subject.taken();
		if (error) {
			CHECK(is_injected(error));
			/* What has been mapped at the target, and is unmapped as the move fails */
			CHECK(all_tell_of(messages, target));
			CHECK(subject.registered() == before);
			CHECK(count_patterned(memory) == 4);
			told += messages.size();
		} else {
			CHECK_FALSE(smaps_flag(area.range(page_table, 1), "um"));
			for (std::size_t i = 0; i < 4; i++)
				CHECK(has_pattern(area.bytes(page_table + i, 1), i));
		}
		subject.check_commands();
	});
	CHECK(told > 0);
}

/*
 * Before Linux 7.3 mm merges memory without pages with its neighbour where it moves to, and the
 * module splits it off again. If there is no memory for that, all of it stays registered. Natively
 * all of it is unregistered.
 */
TEST_CASE("moved memory that can't be split off stays registered, and works",
	  "[injected][event][module]")
{
	if (!kernel_before(7, 3))
		skip("this kernel doesn't merge memory that is going to lose its context");
	Subject subject(4, Features::EventUnmap);
	const auto &area = subject.memory;
	const auto &context = subject.context;
	const Memory moving(2);
	unsigned stayed = 0;

	fail_each_and_go_on([&](FailNth &nth) {
		Subject::map_anew(area);
		Subject::map_anew(moving);
		subject.watch(0, 2);
		take(context.register_range(moving.range(), Modes::Missing));
		const int error = nth([&] { return moving.remap(0, 2, 2, 0, area.page(2)); });
		CHECK(smaps_flag(area.range(0, 2), "um"));
		if (!error) {
			const auto now = registered_for(area.range(2, 2));

			CHECK(now[0] == now[1]);
			CHECK((now[0] == "none" || nth.has_failed()));
			stayed += now[0] == "um";
			if (now[0] == "um")
				CHECK(context.zeropage(area.range(2, 2)));
			CHECK(area.word(2) == 0);
		}
		CHECK(context.zeropage(area.range(0, 1)));
		subject.check_commands();
	});
	CHECK(stayed > 0);
}

TEST_CASE("pages are dropped, and reported, though memory is short", "[injected][event]")
{
	Subject subject(16);
	const auto &memory = subject.memory;

	fail_each_and_go_on([&](FailNth &nth) {
		subject.renew();
		subject.watch(0, 16);
		CHECK(nth([&] {
			      return ::madvise(memory.page(0), memory.range().length,
					       MADV_DONTNEED);
		      }) == 0);
		CHECK(ranges_of<Remove>(subject.taken()) == std::vector{memory.range()});
		CHECK_FALSE(is_there(memory, 0));
		CHECK_FALSE(is_there(memory, 15));
		subject.check_commands();
	});
}
