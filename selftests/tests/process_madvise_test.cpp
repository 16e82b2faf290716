// SPDX-License-Identifier: GPL-2.0-only
/* process_madvise(2): what another process, or the process itself, advises on registered memory. */
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/swap.hpp"
#include "lib/thp.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <initializer_list>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Another process, or this one, to be advised. */
class Advised {
public:
	explicit Advised(pid_t pid)
		: pidfd_(static_cast<int>(checked(::syscall(SYS_pidfd_open, pid, 0))))
	{
	}

	/* Returns how many bytes were advised on; -1 and errno if it failed at the first of them.
	 */
	ssize_t advise(std::initializer_list<Range> ranges, int advice) const
	{
		std::vector<iovec> vector;

		for (const auto &range : ranges)
			vector.push_back({reinterpret_cast<void *>(range.start), range.length});
		return ::process_madvise(pidfd_.get(), vector.data(), vector.size(), advice, 0);
	}

private:
	Fd pidfd_;
};

/* Linux lets a process drop its own pages in this way since 6.13. */
void need_any_advice_to_self()
{
	const Memory memory(1);

	if (Advised(::getpid()).advise({memory.range()}, MADV_DONTNEED) == -1)
		skip("this kernel lets no process drop pages by process_madvise()");
}

/* Lets a Consumer wait until its monitor says so, and the other way round. */
struct Signal {
	void give() const { checked(::write(pipe.in.get(), "", 1)); }
	void await() const
	{
		char byte;

		checked(::read(pipe.out.get(), &byte, 1));
	}

	Pipe pipe;
};

} // namespace

TEST_CASE("pages that another process pages out are there, and the others still missing",
	  "[process_madvise][swap]")
{
	const Swap swap(16 << 20);
	const Signal filled;
	Consumer consumer(4, options_for(every_event), [&](const Memory &memory) {
		filled.await();
		wait_until("the pages are swapped out",
			   [&] { return is_swapped(memory, 0) && is_swapped(memory, 1); });
		return count_patterned(memory) == 4 ? 0 : 1;
	});
	const Advised advised(consumer.process.pid());

	consumer.fill(0);
	consumer.fill(1);
	filled.give();
	wait_until("page 2 is touched", [&] {
		CHECK(advised.advise({consumer.memory.range()}, MADV_PAGEOUT) ==
		      static_cast<ssize_t>(4 * page_size()));
		return is_readable(consumer.context);
	});
	for (std::size_t i = 2; i < 4; i++) {
		CHECK(next_fault(consumer.context).address == consumer.memory.address(i));
		consumer.fill(i);
	}
	CHECK(consumer.process.wait() == 0);
}

TEST_CASE("another process can't make a huge page of memory with missing pages",
	  "[process_madvise][thp]")
{
	need_transparent_huge_pages();
	constexpr std::size_t pages = 2 * page_table; /* a huge page fits in somewhere */
	const Signal collapsed;
	Consumer consumer(pages, options_for(), [&](const Memory &memory) {
		const auto first = page_table - memory.address(0) / page_size() % page_table;
		collapsed.await();
		return memory.word(first + 7) == pattern_word(first + 7) ? 0 : 1;
	});
	const auto &memory = consumer.memory;
	const auto first = page_table - memory.address(0) / page_size() % page_table;
	const auto source = patterned(page_table, first);
	const Advised advised(consumer.process.pid());

	/* All but one page of the huge page. */
	CHECK(consumer.context.copy_all(memory.address(first), source.bytes(0, 7)));
	CHECK(consumer.context.copy_all(memory.address(first + 8),
					source.bytes(8, page_table - 8)));
	CHECK(advised.advise({memory.range(first, page_table)}, MADV_COLLAPSE) == -1);
	collapsed.give();
	CHECK(next_fault(consumer.context).address == memory.address(first + 7));
	consumer.fill(first + 7);
	CHECK(consumer.process.wait() == 0);
}

TEST_CASE("another process can't drop pages", "[process_madvise][event]")
{
	Consumer consumer(1, options_for(every_event), [](const Memory &) {
		::pause();
		return 0;
	});
	const Advised advised(consumer.process.pid());

	consumer.fill(0);
	for (const int advice : {MADV_DONTNEED, MADV_FREE, MADV_REMOVE}) {
		CHECK(advised.advise({consumer.memory.range()}, advice) == -1);
		CHECK(errno == EINVAL);
	}
	CHECK_FALSE(is_readable(consumer.context));
	CHECK(consumer.context.zeropage(consumer.memory.range()).error.value() == EEXIST);
}

TEST_CASE("a process that drops several ranges of its own at once reports each of them",
	  "[process_madvise][event]")
{
	need_any_advice_to_self();
	const World world(8, Features::EventRemove), other(1, Features::EventRemove);
	const auto unregistered = patterned(1);
	const auto &memory = world.memory;

	for (std::size_t i = 0; i < 8; i++)
		world.fill(i);
	WaitingCall dropping(world.context, SYS_process_madvise, [&] {
		return Advised(::getpid())
			.advise({memory.range(0, 2), unregistered.range(), memory.range(3, 1),
				 other.memory.range(), memory.range(6, 2)},
				MADV_DONTNEED);
	});
	CHECK(next_of<Remove>(world.context).range == memory.range(0, 2));
	CHECK(next_of<Remove>(world.context).range == memory.range(3, 1));
	CHECK(next_of<Remove>(other.context).range == other.memory.range());
	CHECK(next_of<Remove>(world.context).range == memory.range(6, 2));
	CHECK(dropping.result() == static_cast<long>(7 * page_size()));
	CHECK_FALSE(is_readable(world.context));
	for (std::size_t i = 0; i < 8; i++)
		CHECK(is_there(memory, i) == (i == 2 || i == 4 || i == 5));
	CHECK(unregistered.word(0) == 0);
	CHECK(world.context.zeropage(memory.range(0, 2)));
}

TEST_CASE("a range that goes while another one is reported ends the call",
	  "[process_madvise][event]")
{
	need_any_advice_to_self();
	const World world(2, Features::EventRemove);
	Memory going(2);
	const auto later = patterned(1);

	WaitingCall dropping(world.context, SYS_process_madvise, [&] {
		return Advised(::getpid())
			.advise({world.memory.range(), going.range(), later.range()},
				MADV_DONTNEED);
	});
	going.unmap(0, 2);
	CHECK(next_of<Remove>(world.context).range == world.memory.range());
	CHECK(dropping.result() == static_cast<long>(2 * page_size()));
	CHECK(has_pattern(later.bytes(0, 1), 0));
	CHECK(world.context.zeropage(world.memory.range()));
}
