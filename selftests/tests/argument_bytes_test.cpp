// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments that begin in one page and end in the next, cut at every byte: the next page can't be
 * accessed, or it is missing, and the monitor of another context has to fill it. The errno test
 * compares errors for structs that are nowhere.
 */
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"
#include "lib/waiting_call.hpp"
#include "lib/watched.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <linux/userfault.h>
#include <span>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t word_size = sizeof(std::uint64_t);
constexpr std::uint64_t untouched = 0x5a5a5a5a5a5a5a5a;

using Words = std::vector<std::uint64_t>;

/* A command that has one page to work on, or a context. */
struct Command {
	const char *name;
	unsigned long number;
	const Watched &watched; /* how the page is registered before */
	std::size_t in;		/* how many words of its struct the kernel reads */
	/* What is in these words. */
	Words (*arguments)(const Memory &memory, const Memory &source);
	std::size_t out; /* the words after them, which the kernel writes */
	/* Whether it has done its work. */
	bool (*done)(const Context &context, const Memory &memory);
};

Words range_of(const Memory &memory)
{
	return {memory.address(0), page_size()};
}

Words range_and_zero(const Memory &memory, const Memory &)
{
	return {memory.address(0), page_size(), 0};
}

Words from_source(const Memory &memory, const Memory &source)
{
	return {memory.address(0), source.address(0), page_size(), 0};
}

bool page_is_there(const Context &, const Memory &memory)
{
	return is_there(memory, 0);
}

bool page_is_unprotected(const Context &, const Memory &memory)
{
	return !is_protected_at(memory.address(0));
}

bool is_registered(const Memory &memory)
{
	return smaps_flag(memory.range(), "um");
}

const Watched unregistered{Features::None, Modes::Missing, MemoryKind::anonymous,
			   [](const Context &context, const Memory &memory) {
				   take(context.unregister_range(memory.range()));
			   }};
const Watched movable{Features::Move, Modes::Missing, MemoryKind::anonymous};
const Watched poisonable{Features::Poison, Modes::Missing, MemoryKind::anonymous};

const Command commands[] = {
	{"API", UFFDIO_API, unregistered, 3, [](auto &, auto &) { return Words{UFFD_API, 0, 0}; },
	 0,
	 [](auto &context, auto &) {
		 return context.poll(std::chrono::milliseconds(0)).has_value();
	 }},
	{"REGISTER", UFFDIO_REGISTER, unregistered, 3,
	 [](auto &memory, auto &) {
		 return Words{memory.address(0), page_size(), UFFDIO_REGISTER_MODE_MISSING};
	 },
	 1, [](auto &, auto &memory) { return is_registered(memory); }},
	{"UNREGISTER", UFFDIO_UNREGISTER, missing, 2,
	 [](auto &memory, auto &) { return range_of(memory); }, 0,
	 [](auto &, auto &memory) { return !is_registered(memory); }},
	{"WAKE", UFFDIO_WAKE, missing, 2, [](auto &memory, auto &) { return range_of(memory); }, 0,
	 [](auto &context, auto &) { return fdinfo(context.fd()).pending == 1; }},
	{"COPY", UFFDIO_COPY, missing, 4, from_source, 1, page_is_there},
	{"ZEROPAGE", UFFDIO_ZEROPAGE, missing, 3, range_and_zero, 1, page_is_there},
	{"CONTINUE", UFFDIO_CONTINUE, cached, 3, range_and_zero, 1, page_is_there},
	{"POISON", UFFDIO_POISON, poisonable, 3, range_and_zero, 1,
	 [](auto &, auto &memory) {
		 return (pagemap_entry(memory.address(0)) & pagemap_swapped) != 0;
	 }},
	{"MOVE", UFFDIO_MOVE, movable, 4, from_source, 1, page_is_there},
	{"WRITEPROTECT", UFFDIO_WRITEPROTECT, guarded, 3, range_and_zero, 0, page_is_unprotected},
	{"RWPROTECT", UFFDIO_RWPROTECT, tracked, 3, range_and_zero, 0, page_is_unprotected},
	{"SET_MODE", UFFDIO_SET_MODE, tracked, 2,
	 [](auto &, auto &) { return Words{UFFD_FEATURE_RWP_ASYNC, 0}; }, 0,
	 [](auto &context, auto &) {
		 return fdinfo(context.fd()).api != fdinfo(watch(tracked, Memory(1)).fd()).api;
	 }},
};

/* What a command works on. */
struct Subject {
	explicit Subject(const Command &its_command)
		: command(its_command), memory(1, command.watched.kind), source(patterned(1)),
		  context(command.number == UFFDIO_API ? take(Context::create(options_for()))
						       : watch(command.watched, memory))
	{
		if (command.number == UFFDIO_WAKE) {
			waiter = in_thread([&] { return memory.word(0) + 0; });
			next_fault(context); /* when it is woken, it faults again */
		}
		words = command.arguments(memory, source);
		words.resize(command.in + command.out, untouched);
	}

	std::span<const std::byte> bytes() const { return std::as_bytes(std::span(words)); }
	std::size_t in() const { return command.in * word_size; }
	bool is_done() const { return command.done(context, memory); }

	/* Returns an errno or 0. */
	int call(std::byte *argument) const
	{
		const auto result = context.ioctl(command.number, argument);

		return result ? 0 : result.error().value();
	}

	/* Whether the struct at @argument says that all was done. */
	bool is_answered(const std::byte *argument) const
	{
		std::uint64_t answer;

		std::memcpy(&answer, argument + in(), sizeof(answer));
		return command.number == UFFDIO_REGISTER ? answer & 1 << _UFFDIO_WAKE
							 : answer == page_size();
	}

	const Command &command;
	Memory memory, source;
	std::future<std::uint64_t> waiter; /* goes on when the context has gone */
	Context context;
	Words words;
};

std::vector<Command> offered_commands()
{
	const auto offered = take(Context::probe(options_for())).offered;
	std::vector<Command> some;

	for (const auto &command : commands)
		if (has(offered, command.watched.features))
			some.push_back(command);
	return some;
}

/* Two pages, between which arguments are cut. */
class Cut {
public:
	explicit Cut(const Memory &memory) : memory_(memory) {}

	/* Where an argument begins of which @before bytes are in the first page. */
	std::byte *start(std::size_t before) const { return memory_.page(1) - before; }

	/* Only one of the pages can be accessed. */
	void keep(std::size_t index) const
	{
		checked(::mprotect(memory_.page(index), page_size(), PROT_READ | PROT_WRITE));
		checked(::mprotect(memory_.page(1 - index), page_size(), PROT_NONE));
	}

private:
	const Memory &memory_;
};

/* Two missing pages, and an image of what the monitor will fill them with. */
struct MissingArgument {
	MissingArgument() : world(2), image(2) {}

	std::byte *place(std::span<const std::byte> argument, std::size_t before) const
	{
		std::memcpy(Cut(image).start(before), argument.data(), argument.size());
		return Cut(world.memory).start(before);
	}

	/* Waits for the fault on one of the pages; returns which. */
	std::size_t next() const
	{
		return world.memory.index_of(next_fault(world.context).address);
	}

	void supply(std::size_t index) const
	{
		if (!world.context.copy(world.memory.address(index), image.bytes(index, 1)))
			give_up("the argument can't be filled");
	}

	void drop() const { world.memory.drop(0, 2); }

	const World world;
	const Memory image;
};

std::size_t count_descriptors()
{
	return static_cast<std::size_t>(
		std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

long read_at(const Context &context, std::byte *buffer, std::size_t messages = 1)
{
	return ::read(context.fd(), buffer, messages * sizeof(uffd_msg));
}

uffd_msg message_at(const std::byte *buffer)
{
	uffd_msg message;

	std::memcpy(&message, buffer, sizeof(message));
	return message;
}

} // namespace

TEST_CASE("a struct that ends too early is EFAULT and does nothing before all of it is read",
	  "[argument][security]")
{
	const Memory pages(2);
	const Cut cut(pages);

	cut.keep(0);
	for (const auto &command : offered_commands()) {
		const auto size = (command.in + command.out) * word_size;

		for (std::size_t before = 0; before < size; before++) {
			INFO(command.name << " with " << before << " bytes of its struct");
			const Subject subject(command);
			auto *argument = cut.start(before);

			std::memcpy(argument, subject.bytes().data(), before);
			CHECK(subject.call(argument) == EFAULT);
			CHECK(subject.is_done() == (command.out && before >= subject.in()));
		}
	}
}

TEST_CASE("a struct that begins too late is EFAULT and nothing is done or written", "[argument]")
{
	const Memory pages(2);
	const Cut cut(pages);

	cut.keep(1);
	for (const auto &command : offered_commands()) {
		const auto size = (command.in + command.out) * word_size;

		for (std::size_t before = 1; before <= size; before++) {
			INFO(command.name << " without " << before << " bytes of its struct");
			const Subject subject(command);
			const auto rest = subject.bytes().subspan(before);

			std::memcpy(pages.page(1), rest.data(), rest.size());
			CHECK(subject.call(cut.start(before)) == EFAULT);
			CHECK_FALSE(subject.is_done());
			CHECK(std::memcmp(pages.page(1), rest.data(), rest.size()) == 0);
		}
	}
}

TEST_CASE("a command waits for the pages of its struct and then does its work once", "[argument]")
{
	const MissingArgument missing_pages;

	for (const auto &command : offered_commands()) {
		const auto size = (command.in + command.out) * word_size;

		for (std::size_t before = 1; before < size; before++) {
			INFO(command.name << " with " << before << " bytes in the first page");
			const Subject subject(command);
			auto *argument = missing_pages.place(subject.bytes(), before);
			auto call = in_thread([&] { return subject.call(argument); });

			const auto first = missing_pages.next();
			CHECK_FALSE(subject.is_done());
			missing_pages.supply(first);
			CHECK(missing_pages.next() == 1 - first);
			CHECK(subject.is_done() == (command.out && before >= subject.in()));
			missing_pages.supply(1 - first);
			CHECK(call.get() == 0);
			wait_until("the work is done", [&] { return subject.is_done(); });
			CHECK((!command.out || subject.is_answered(argument)));
			missing_pages.drop();
		}
	}
}

TEST_CASE("a command whose answer goes to a protected page waits after its work", "[argument]")
{
	for (const auto &command : offered_commands()) {
		if (!command.out)
			continue;
		INFO(command.name);
		const Memory page(1);
		const auto context = open_context(Features::PagefaultFlagWp);
		const Subject subject(command);

		std::memcpy(page.page(0), subject.bytes().data(), subject.bytes().size());
		take(context.register_range(page.range(), Modes::WriteProtect));
		take(context.write_protect(page.range()));
		auto call = in_thread([&] { return subject.call(page.page(0)); });
		CHECK(next_fault(context).address == page.address(0));
		CHECK(subject.is_done());
		take(context.write_unprotect(page.range()));
		CHECK(call.get() == 0);
		CHECK(subject.is_answered(page.page(0)));
	}
}

/* Everything in it is read once, before the command begins to work. */
TEST_CASE("a command does what its struct said at first when it is changed meanwhile",
	  "[argument][security]")
{
	const World world(2), source(1);
	uffdio_copy copy{.dst = world.memory.address(0),
			 .src = source.memory.address(0),
			 .len = page_size(),
			 .mode = 0,
			 .copy = 0};
	auto copying = in_thread([&] { return world.context.ioctl(UFFDIO_COPY, &copy); });

	next_fault(source.context);
	std::memset(&copy, 0xff, offsetof(uffdio_copy, copy));
	source.fill(0);
	CHECK(copying.get());
	CHECK(copy.copy == static_cast<std::int64_t>(page_size()));
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
	CHECK_FALSE(is_there(world.memory, 1));
}

TEST_CASE("a message that a short buffer can't take is EFAULT and its page can still be filled",
	  "[argument]")
{
	const Memory pages(2);
	const Cut cut(pages);

	cut.keep(0);
	for (std::size_t before = 0; before < sizeof(uffd_msg); before++) {
		const World world(1);
		auto waiter = in_thread([&] { return world.memory.word(0) + 0; });

		wait_for_pending(world.context, 1);
		CHECK(read_at(world.context, cut.start(before)) == -1);
		CHECK(errno == EFAULT);
		world.fill(0);
		CHECK(waiter.get() == pattern_word(0));
	}
}

namespace {

/* Gives @context, which has one message, buffers that are too short for it; then reads it. */
template <class Kind> Kind read_after_failures(const Context &context)
{
	const Memory pages(2);
	const Cut cut(pages);
	const auto descriptors = count_descriptors();

	cut.keep(0);
	for (std::size_t before = 0; before < sizeof(uffd_msg); before++) {
		INFO(before << " bytes of the buffer");
		CHECK(read_at(context, cut.start(before)) == -1);
		CHECK(errno == EFAULT);
		CHECK(is_readable(context));
	}
	CHECK(count_descriptors() == descriptors);
	return next_of<Kind>(context);
}

} // namespace

/* Natively the messages of these tests are lost. */

TEST_CASE("a fault is told after buffers that were too short for it by any byte",
	  "[argument][module]")
{
	const World world(1);
	auto waiter = in_thread([&] { return world.memory.word(0) + 0; });

	wait_for_pending(world.context, 1);
	CHECK(read_after_failures<Fault>(world.context).address == world.memory.address(0));
	CHECK_FALSE(is_readable(world.context));
	world.fill(0);
	CHECK(waiter.get() == pattern_word(0));
}

TEST_CASE("an event is told after buffers that were too short for it by any byte",
	  "[argument][module][security]")
{
	const Memory target(1); /* in the end registered with the context, which goes before it */
	World world(4, every_event);
	const auto drop = [&] {
		return ::madvise(world.memory.page(0), page_size(), MADV_DONTNEED);
	};
	const auto move = [&] { return world.memory.remap(1, 1, 1, 0, target.page(0)); };
	const auto unmap = [&] {
		world.memory.unmap(3, 1);
		return 0;
	};

	WaitingCall dropping(world.context, SYS_madvise, drop);
	CHECK(read_after_failures<Remove>(world.context).range.start == world.memory.address(0));
	CHECK(dropping.result() == 0);
	WaitingCall moving(world.context, SYS_mremap, move);
	CHECK(read_after_failures<Remap>(world.context).from == world.memory.address(1));
	next_of<Unmap>(world.context); /* of the old place */
	CHECK(moving.result() == 0);
	WaitingCall unmapping(world.context, SYS_munmap, unmap);
	CHECK(read_after_failures<Unmap>(world.context).range.start == world.memory.address(3));
	CHECK(unmapping.result() == 0);
	world.region.release();
	world.memory.unmap(1, 1); /* says that there are holes */
}

TEST_CASE("a fork is told after buffers that were too short for it by any byte",
	  "[argument][module]")
{
	Consumer forker(1, options_for(Features::EventFork), [](const Memory &memory) {
		return Process([&] { return memory.word(0) == pattern_word(0) ? 0 : 1; }).wait();
	});

	wait_until("the fork is reported", [&] { return is_readable(forker.context); });
	const auto child = Context::adopt(read_after_failures<Fork>(forker.context).context);
	next_fault(child);
	fill(child, forker.memory, 0);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("a buffer that is cut off at any byte gets whole messages and the next one gets the rest",
	  "[argument][module][security]")
{
	constexpr std::size_t count = 3;
	const World world(count);
	const Memory pages(2);
	const Cut cut(pages);
	std::vector<std::future<std::uint64_t>> waiters;

	cut.keep(0);
	for (std::size_t i = 0; i < count; i++)
		waiters.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
	for (std::size_t before = 0; before < count * sizeof(uffd_msg); before++) {
		INFO(before << " bytes of the buffer");
		const auto whole = static_cast<long>(before / sizeof(uffd_msg));
		std::array<bool, count> told{};
		const auto note = [&](Address address) {
			told.at(world.memory.index_of(address)) = true;
		};

		wait_for_pending(world.context, count);
		const auto size = read_at(world.context, cut.start(before), count);
		CHECK(size == (whole ? whole * long{sizeof(uffd_msg)} : -1));
		for (long i = 0; i < whole; i++)
			note(message_at(cut.start(before) + i * long{sizeof(uffd_msg)})
				     .arg.pagefault.address);
		for (long i = whole; i < long{count}; i++)
			note(next_fault(world.context).address);
		CHECK(told == std::array<bool, count>{true, true, true});
		CHECK_FALSE(is_readable(world.context));
		take(world.context.wake(world.memory.range()));
	}
	for (std::size_t i = 0; i < count; i++)
		world.fill(i);
	for (std::size_t i = 0; i < count; i++)
		CHECK(waiters[i].get() == pattern_word(i));
}

namespace {

/* Reads a message into two missing pages, of which the first gets so many bytes. */
uffd_msg read_into_missing(const Context &context, const MissingArgument &buffer,
			   std::size_t before)
{
	auto *start = buffer.place({}, before);
	auto reading = in_thread([&] { return read_at(context, start); });
	const auto first = buffer.next();

	buffer.supply(first);
	if (buffer.next() != 1 - first)
		give_up("the same page is missing again");
	CHECK_FALSE(is_done(reading));
	buffer.supply(1 - first);
	CHECK(reading.get() == sizeof(uffd_msg));
	const auto message = message_at(start);
	buffer.drop();
	return message;
}

} // namespace

TEST_CASE("a read waits for the pages of its buffer and gets the whole message", "[argument]")
{
	World world(1, Features::EventRemove);
	const MissingArgument buffer;
	std::vector<std::future<std::uint64_t>> waiters;
	const auto drop = [&] {
		return ::madvise(world.memory.page(0), page_size(), MADV_DONTNEED);
	};

	for (std::size_t before = 1; before < sizeof(uffd_msg); before++) {
		INFO(before << " bytes in the first page");
		WaitingCall dropping(world.context, SYS_madvise, drop);
		const auto event = read_into_missing(world.context, buffer, before);
		CHECK(event.event == UFFD_EVENT_REMOVE);
		CHECK(event.arg.remove.start == world.memory.address(0));
		CHECK(event.arg.remove.end == world.memory.range().end());
		CHECK(dropping.result() == 0);
	}
	waiters.push_back(in_thread([&] { return world.memory.word(0) + 0; }));
	for (std::size_t before = 1; before < sizeof(uffd_msg); before++) {
		INFO(before << " bytes in the first page");
		wait_for_pending(world.context, 1);
		const auto fault = read_into_missing(world.context, buffer, before);
		CHECK(fault.event == UFFD_EVENT_PAGEFAULT);
		CHECK(fault.arg.pagefault.address == world.memory.address(0));
		take(world.context.wake(world.memory.range()));
	}
	world.fill(0);
	CHECK(waiters[0].get() == pattern_word(0));
}

TEST_CASE("a read of a fork waits for the pages of its buffer and gets the child's context",
	  "[argument]")
{
	const MissingArgument buffer;
	Consumer forker(1, options_for(Features::EventFork), [](const Memory &memory) {
		for (std::size_t before = 1; before < sizeof(uffd_msg); before++)
			if (Process([&] {
				    return memory.word(0) == pattern_word(0) ? 0 : 1;
			    }).wait())
				return 1;
		return 0;
	});

	for (std::size_t before = 1; before < sizeof(uffd_msg); before++) {
		INFO(before << " bytes in the first page");
		wait_until("the fork is reported", [&] { return is_readable(forker.context); });
		const auto message = read_into_missing(forker.context, buffer, before);
		REQUIRE(message.event == UFFD_EVENT_FORK);
		const auto child = Context::adopt(Fd(static_cast<int>(message.arg.fork.ufd)));
		CHECK(next_fault(child).address == forker.memory.address(0));
		fill(child, forker.memory, 0);
	}
	CHECK(forker.process.wait() == 0);
}

MEMORY_TEST_CASE("a copy from a source that ends too early by any byte is EFAULT and fills nothing",
		 "[argument]")
{
	const World world(1, TestType::kind);
	const Memory pages(2);
	const Cut cut(pages);

	write_pattern(pages.bytes(0, 1), 0);
	cut.keep(0);
	for (std::size_t before = 0; before < page_size(); before++) {
		const std::span<const std::byte> source(cut.start(before), page_size());
		const auto progress = world.context.copy(world.memory.address(0), source);

		if (progress.done || progress.error.value() != EFAULT) {
			INFO("with " << before << " bytes of its source");
			CHECK(progress.done == 0);
			REQUIRE(progress.error.value() == EFAULT);
		}
	}
	CHECK_FALSE(is_there(world.memory, 0));
	CHECK(world.context.copy(world.memory.address(0), pages.bytes(0, 1)));
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
}

TEST_CASE("a long copy from a source that ends too early by any byte fills the pages before that",
	  "[argument]")
{
	const World world(3);
	const Memory pages(4);

	for (std::size_t i = 0; i < 3; i++)
		write_pattern(pages.bytes(i, 1), i);
	checked(::mprotect(pages.page(3), page_size(), PROT_NONE));
	for (std::size_t missing = 1; missing < page_size(); missing++) {
		const std::span<const std::byte> source(pages.page(0) + missing, 3 * page_size());
		const auto progress = world.context.copy(world.memory.address(0), source);

		INFO("without " << missing << " bytes of its source");
		REQUIRE(progress.done == 2 * page_size());
		REQUIRE(progress.error.value() == EAGAIN);
		REQUIRE_FALSE(is_there(world.memory, 2));
		REQUIRE(std::memcmp(world.memory.page(0), source.data(), progress.done) == 0);
		world.memory.drop(0, 3);
	}
}

namespace {

/* A source for huge pages, of which only a beginning can be read. */
class HugeCut {
public:
	explicit HugeCut(std::size_t huge_pages)
		: pages_(2 * huge_pages * small_pages_of_huge), size_(huge_pages * huge_page_size)
	{
		for (std::size_t i = 0; i < pages_.pages() / 2; i++)
			write_pattern(pages_.bytes(i, 1), i);
		checked(::mprotect(pages_.page(pages_.pages() / 2), size_, PROT_NONE));
	}

	/* Only the first @end bytes can be read. */
	std::span<const std::byte> source(std::size_t end) const
	{
		return {pages_.page(0) + size_ - end, size_};
	}

private:
	Memory pages_;
	std::size_t size_;
};

/*
 * At how many bytes a huge page's source ends: about where it begins, where it ends, and where a
 * part of it ends that is copied at once.
 */
std::vector<std::size_t> huge_ends()
{
	constexpr std::size_t part = 64 << 10, around = 16;
	std::vector<std::size_t> ends;

	for (const auto border : {0uz, part, 2 * part, 17 * part, huge_page_size})
		for (auto end = border - std::min(border, around); end <= border + around; end++)
			if (end < huge_page_size)
				ends.push_back(end);
	return ends;
}

/* Whether the first huge page has these bytes. */
bool has_bytes(const HugeMemory &memory, std::span<const std::byte> bytes)
{
	return std::memcmp(reinterpret_cast<const void *>(memory.address(0)), bytes.data(),
			   huge_page_size) == 0;
}

} // namespace

HUGE_TEST_CASE("a copy from a source that ends before a huge page does fills nothing",
	       "[argument][hugetlb]")
{
	const HugePages pool(1);
	const HugeMemory memory(1, TestType::kind);
	const auto context = open_context();
	const HugeCut cut(1);
	const auto before = pool.pool();

	take(context.register_range(memory.range(), Modes::Missing));
	for (const auto end : huge_ends()) {
		INFO("with " << end << " bytes of its source");
		const auto progress = context.copy(memory.address(0), cut.source(end));

		REQUIRE(progress.done == 0);
		REQUIRE(progress.error.value() == EFAULT);
		REQUIRE(memory.missing() == 1);
		REQUIRE(pool.pool() == before);
	}
	CHECK(context.copy(memory.address(0), cut.source(huge_page_size)));
	CHECK(has_bytes(memory, cut.source(huge_page_size)));
}

HUGE_TEST_CASE("a long copy from a source that ends before its last huge page does fills the first",
	       "[argument][hugetlb]")
{
	const HugePages pool(2);
	const HugeMemory memory(2, TestType::kind);
	const auto context = open_context();
	const HugeCut cut(2);

	take(context.register_range(memory.range(), Modes::Missing));
	for (const auto end : huge_ends()) {
		INFO("with " << end << " bytes of the last huge page");
		const auto source = cut.source(huge_page_size + end);
		const auto progress = context.copy(memory.address(0), source);

		REQUIRE(progress.done == huge_page_size);
		REQUIRE(progress.error.value() == EAGAIN);
		REQUIRE(memory.missing() == 1);
		REQUIRE(has_bytes(memory, source.first(huge_page_size)));
		REQUIRE(pool.pool() == HugePagePool{2, 1, 1});
		memory.drop(0, 1);
	}
}

MEMORY_TEST_CASE("a copy waits for the pages of its source and gets all of it wherever they meet",
		 "[argument][slow]")
{
	const World world(1, TestType::kind);
	const MissingArgument source;
	const auto page = patterned(1);
	/* Every byte takes long, and once is enough: all kinds are copied by the same code. */
	const std::size_t step = TestType::kind == MemoryKind::anonymous ? 1 : 61;

	for (std::size_t before = 1; before < page_size(); before += step) {
		INFO(before << " bytes in the first page");
		auto *start = source.place(page.bytes(0, 1), before);
		auto copying = in_thread([&] {
			return world.context.copy(world.memory.address(0), {start, page_size()});
		});

		const auto first = source.next();
		source.supply(first);
		REQUIRE(source.next() == 1 - first);
		CHECK_FALSE(is_there(world.memory, 0));
		source.supply(1 - first);
		CHECK(copying.get());
		REQUIRE(has_pattern(world.memory.bytes(0, 1), 0));
		world.memory.drop(0, 1);
		source.drop();
	}
}
