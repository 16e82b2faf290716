// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library itself: what it owns, what it makes of messages and numbers, and that threads may
 * share it. Each function of the library is called here, because the sanitizers watch these tests:
 * see selftests/sanitized.
 */
#include "lib/memory_kinds.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <userfault/mapping.hpp>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

bool is_open(int fd)
{
	return ::fcntl(fd, F_GETFD) >= 0;
}

Fd some_file()
{
	return Fd(static_cast<int>(checked(::eventfd(0, EFD_CLOEXEC))));
}

bool is_mapped(Range range)
{
	return ::msync(reinterpret_cast<void *>(range.start), range.length, MS_ASYNC) == 0;
}

/* If it is, COPY succeeds, or fails with another error than this. */
bool is_registered(const Context &context, Range range)
{
	const std::vector<std::byte> page(page_size());

	return context.copy(range.start, page).error != std::errc::no_such_file_or_directory;
}

/* Shared memory whose file has all pages, none of them mapped. */
Memory unmapped_pages(std::size_t pages)
{
	auto memory = patterned(pages, MemoryKind::shared_anonymous);

	checked(::madvise(memory.page(0), pages * page_size(), MADV_DONTNEED));
	return memory;
}

uffd_msg raw_message(std::uint8_t event)
{
	uffd_msg raw;

	std::memset(&raw, 0, sizeof(raw));
	raw.event = event;
	return raw;
}

void check_refused(const Progress &progress, std::errc error)
{
	CHECK_FALSE(progress);
	CHECK(progress.done == 0);
	CHECK(progress.error == error);
}

/* Reads all pages, beginning with page @first. */
std::size_t count_wrong_pages(const Memory &memory, std::size_t first)
{
	std::size_t wrong = 0;

	for (std::size_t i = 0; i < memory.pages(); i++) {
		const auto index = (first + i) % memory.pages();
		const std::span page(memory.page(index), page_size());

		wrong += !has_pattern(page, index);
	}
	return wrong;
}

/* A monitor of several: fills the pages of faults, until @filled says that all are there. */
void serve(const Context &context, const Memory &memory, std::atomic<std::size_t> &filled)
{
	std::vector<std::byte> page(page_size());
	std::array<Message, 4> messages;

	while (filled < memory.pages()) {
		take(context.poll(std::chrono::milliseconds(1)));
		const auto count = take(context.read(messages));

		for (const auto &message : std::span(messages).first(count)) {
			const auto index = memory.index_of(std::get<Fault>(message).address);

			write_pattern(page, index);
			if (context.copy_all(memory.address(index), page))
				filled++;
			else /* another monitor was first */
				take(context.wake(memory.range(index, 1)));
		}
	}
}

} // namespace

/*
 * These look at what is left of objects that were moved.
 * NOLINTBEGIN(bugprone-use-after-move)
 */

TEST_CASE("a descriptor is closed with its owner and at no other time", "[library]")
{
	auto first = some_file();
	const int number = first.get();
	Fd second(std::move(first));

	CHECK_FALSE(first);
	CHECK(second.get() == number);
	first = std::move(second);
	CHECK(is_open(number));

	auto other = some_file();
	const int others = other.get();
	first = std::move(other);
	CHECK_FALSE(is_open(number));
	CHECK(first.release() == others);
	CHECK(is_open(others));
	{
		const Fd third(others);
	}
	CHECK_FALSE(is_open(others));
	first.reset();
	CHECK(first.get() == -1);
}

TEST_CASE("memory is unmapped with its owner and at no other time", "[library]")
{
	auto first = take(Mapping::anonymous(1));
	auto second = take(Mapping::anonymous(page_size() + 1));
	const auto ranges = std::array{first.range(), second.range()};

	CHECK(first.size() == page_size());
	CHECK(second.size() == 2 * page_size());
	second.bytes().back() = std::byte{1};
	first = std::move(second);
	/* At once: whatever is mapped next may take the same place. */
	const bool still_mapped = is_mapped(ranges[0]);
	CHECK_FALSE(still_mapped);
	CHECK(is_mapped(ranges[1]));

	Mapping third(std::move(first));
	CHECK(third.range() == ranges[1]);
	CHECK(first.size() == 0);
	const auto given_up = third.release();
	CHECK(given_up.back() == std::byte{1});
	CHECK(::munmap(given_up.data(), given_up.size()) == 0);
}

TEST_CASE("a range is registered as long as its region lives", "[library]")
{
	const Memory memory(2);
	const auto context = open_context();
	auto first = take(Region::make(context, memory.range(0, 1)));
	auto second = take(Region::make(context, memory.range(1, 1)));

	CHECK(has(first.ioctls(), Ioctls::Copy | Ioctls::Wake));
	first = std::move(second);
	CHECK_FALSE(is_registered(context, memory.range(0, 1)));
	CHECK(is_registered(context, memory.range(1, 1)));
	CHECK(first.range() == memory.range(1, 1));
	{
		Region third(std::move(first));
		third.release();
	}
	CHECK(is_registered(context, memory.range(1, 1)));
	CHECK(first.unregister().error() == std::errc::bad_file_descriptor);
	CHECK(context.unregister_range(memory.range()));
	CHECK_FALSE(is_registered(context, memory.range(1, 1)));
}

TEST_CASE("a context that was moved is the same context", "[library]")
{
	const Memory memory(1);
	auto first = open_context();
	const auto region = take(Region::make(first, memory.range()));
	const int number = first.fd();
	auto second = std::move(first);

	CHECK(first.fd() == -1);
	CHECK(first.wake(memory.range()).error() == std::errc::bad_file_descriptor);
	CHECK(second.wake(memory.range()));
	first = Context::adopt(second.release());
	CHECK(first.fd() == number);
	CHECK(first.wake(memory.range()));
}

/* NOLINTEND(bugprone-use-after-move) */

TEST_CASE("a context that can't be made says why", "[library]")
{
	auto options = options_for();

	options.device = "/dev/none";
	CHECK(Context::open(options).error() == std::errc::no_such_file_or_directory);
	options.optional = Features::ThreadId;
	CHECK(Context::open(options).error() == std::errc::no_such_file_or_directory);
	options.device = "/dev/null";
	CHECK(Context::create(options).error() == std::errc::inappropriate_io_control_operation);
}

TEST_CASE("a context has the optional features that are offered, and no others", "[library]")
{
	const auto unknown = Features{1ull << 63};
	auto options = options_for(Features::EventUnmap);

	options.optional = Features::ThreadId | unknown;
	const auto opened = take(Context::open(options));
	CHECK(opened.grant.features == (Features::EventUnmap | Features::ThreadId));
	CHECK(has(opened.grant.offered, opened.grant.features));
	CHECK(has(opened.grant.ioctls, Ioctls::Register));

	options.required |= unknown;
	CHECK(Context::open(options).error() == std::errc::invalid_argument);
}

TEST_CASE("a message is decoded into what its event has", "[library]")
{
	auto raw = raw_message(UFFD_EVENT_PAGEFAULT);
	raw.arg.pagefault.address = ~0ull;
	raw.arg.pagefault.flags = UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP;
	raw.arg.pagefault.feat.ptid = ~0u;
	const auto fault = std::get<Fault>(decode(raw));
	CHECK(fault.address == ~0ull);
	CHECK(fault.flags == (FaultFlags::Write | FaultFlags::WriteProtect));
	CHECK(fault.thread == ~0u);

	auto file = some_file();
	const int number = file.get();
	raw = raw_message(UFFD_EVENT_FORK);
	raw.arg.fork.ufd = static_cast<std::uint32_t>(file.release());
	{
		const Message fork = decode(raw);
		CHECK(std::get<Fork>(fork).context.get() == number);
	}
	CHECK_FALSE(is_open(number));

	raw = raw_message(UFFD_EVENT_REMAP);
	raw.arg.remap.from = 1;
	raw.arg.remap.to = 2;
	raw.arg.remap.len = 3;
	const auto remap = std::get<Remap>(decode(raw));
	CHECK(remap.from == 1);
	CHECK(remap.to == Range{2, 3});

	raw = raw_message(UFFD_EVENT_REMOVE);
	raw.arg.remove.start = 4;
	raw.arg.remove.end = 9;
	CHECK(std::get<Remove>(decode(raw)).range == Range{4, 5});
	raw.event = UFFD_EVENT_UNMAP;
	CHECK(std::get<Unmap>(decode(raw)).range == Range{4, 5});

	raw.event = 0xff;
	const auto unknown = std::get<Unknown>(decode(raw));
	CHECK(std::memcmp(unknown.bytes.data(), &raw, sizeof(raw)) == 0);
}

TEST_CASE("ranges end where numbers do", "[library]")
{
	constexpr auto last = std::numeric_limits<Address>::max();
	const Range highest{last - 9, 10};

	CHECK(highest.contains(last));
	CHECK_FALSE(highest.contains(0));
	CHECK_FALSE(highest.contains(last - 10));
	CHECK(highest.end() == 0);
	CHECK_FALSE(Range{}.contains(0));
	CHECK(page_start(last) == last - (page_size() - 1));
	CHECK(page_start(page_size() - 1) == 0);
	CHECK(whole_pages(0) == 0);
	CHECK(whole_pages(1) == page_size());
	CHECK(whole_pages(page_size()) == page_size());
	CHECK((~Modes::Missing & Modes::Missing) == Modes::None);
}

TEST_CASE("the commands that go on until all is done tell how far they came", "[library]")
{
	constexpr std::size_t pages = 8, there = 5;
	const World copied(pages), zeroed(pages);
	const auto source = patterned(pages);
	const auto before = there * page_size();

	for (std::size_t i = there; i < pages; i++)
		copied.fill(i);
	zeroed.fill(there);
	const auto copies =
		copied.context.copy_all(copied.memory.address(0), source.bytes(0, pages));
	CHECK(copies.done == before);
	CHECK(copies.error == std::errc::file_exists);
	CHECK(count_patterned(copied.memory) == pages);

	const auto zeroes = zeroed.context.zeropage_all(zeroed.memory.range());
	CHECK(zeroes.done == before);
	CHECK(zeroes.error == std::errc::file_exists);
	CHECK(zeroed.context.zeropage_all(zeroed.memory.range(there + 1, 2)).done ==
	      2 * page_size());
	CHECK(is_zero(zeroed.memory.bytes(0, there)));
}

TEST_CASE("pages that a file has are mapped until all are", "[library]")
{
	need(Features::MinorShmem);
	const World world(unmapped_pages(8), Modes::Minor);

	const auto mapped = world.context.resume_all(world.memory.range());
	CHECK(mapped);
	CHECK(mapped.done == world.memory.range().length);
	CHECK(count_patterned(world.memory) == world.memory.pages());
	check_refused(world.context.resume_all(world.memory.range()), std::errc::file_exists);
}

/* A length of zero is a mistake for each of them. */
TEST_CASE("a command that is refused has done nothing", "[library]")
{
	const World world(1);
	const auto &context = world.context;
	const Range nothing{world.memory.address(0), 0};
	const auto wrong = std::errc::invalid_argument;

	check_refused(context.copy(nothing.start, {}), wrong);
	check_refused(context.copy_all(nothing.start, {}), wrong);
	check_refused(context.zeropage(nothing), wrong);
	check_refused(context.resume(nothing), wrong);
	check_refused(context.poison(nothing), wrong);
	check_refused(context.move(nothing.start, nothing), wrong);
	CHECK(context.register_range(nothing, Modes::Missing).error() == wrong);
	CHECK(context.unregister_range(nothing).error() == wrong);
	CHECK(context.wake(nothing).error() == wrong);
	CHECK(context.write_protect(nothing).error() == wrong);
	CHECK(context.write_unprotect(nothing).error() == wrong);
	CHECK(context.rwprotect(nothing).error() == wrong);
	CHECK(context.rwunprotect(nothing).error() == wrong);
	CHECK(context.set_mode(Features::EventFork).error() == wrong);
	CHECK(context.ioctl(UFFDIO_API, nullptr).error() == std::errc::bad_address);
}

TEST_CASE("poll waits as long as it is told to", "[library]")
{
	using namespace std::chrono_literals;
	const World world(1);

	CHECK_FALSE(take(world.context.poll(0ms)));
	CHECK_FALSE(take(world.context.poll(-1ms)));
	CHECK_FALSE(take(world.context.poll(std::chrono::milliseconds::min())));
	auto reader = in_thread([&] { return world.memory.word(0); });
	CHECK(take(world.context.poll(std::chrono::milliseconds::max())));
	CHECK(take(world.context.poll()));
	next_fault(world.context);
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));

	auto blocking = options_for();
	blocking.nonblocking = false;
	CHECK(open_context(blocking).poll(0ms).error() == std::errc::invalid_argument);
}

TEST_CASE("many messages are read at once, and no more than there is room for", "[library]")
{
	constexpr std::size_t count = 4;
	const World world(count);
	std::vector<std::jthread> readers;
	std::array<Message, Context::read_limit + 1> messages;

	CHECK(world.context.read({}).error() == std::errc::invalid_argument);
	CHECK(take(world.context.read(messages)) == 0);
	CHECK_FALSE(take(world.context.read()));
	for (std::size_t i = 0; i < count; i++)
		readers.emplace_back([&world, i] { return world.memory.word(i); });
	wait_for_waiters(world.context, count);
	CHECK(take(world.context.read(std::span(messages).first(1))) == 1);
	CHECK(take(world.context.read(messages)) == count - 1);
	for (std::size_t i = 0; i < count; i++)
		world.fill(i);
}

TEST_CASE("a descriptor comes with its bytes or not at all", "[library]")
{
	auto [here, there] = take(socket_pair());
	const auto file = some_file();
	std::array<std::byte, 2> two{std::byte{1}, std::byte{2}}, received;
	const auto one = std::span(two).first(1);
	const auto protocol = std::errc::protocol_error;

	take(send_fd(here.get(), file.get(), two));
	CHECK(is_open(take(receive_fd(there.get(), received)).get()));
	CHECK(received == two);

	take(send_fd(here.get(), file.get(), one));
	CHECK(receive_fd(there.get(), received).error() == protocol);
	take(send_fd(here.get(), file.get(), two));
	CHECK(receive_fd(there.get(), std::span(received).first(1)).error() == protocol);
	CHECK(::send(here.get(), two.data(), two.size(), 0) == 2);
	CHECK(receive_fd(there.get(), received).error() == protocol);
	CHECK(send_fd(here.get(), -1, two).error() == std::errc::bad_file_descriptor);
	here.reset();
	CHECK(receive_fd(there.get(), received).error() == std::errc::connection_reset);
	CHECK(send_fd(there.get(), file.get(), two).error() == std::errc::broken_pipe);
}

TEST_CASE("any number of threads use one context", "[library][smp]")
{
	constexpr std::size_t threads = 3;
	const World world(64);
	std::atomic<std::size_t> filled = 0;
	std::array<std::size_t, threads> wrong{};
	{
		std::vector<std::jthread> crowd;

		for (std::size_t i = 0; i < threads; i++) {
			crowd.emplace_back([&] { serve(world.context, world.memory, filled); });
			crowd.emplace_back([&world, &wrong, i] {
				wrong[i] = count_wrong_pages(world.memory, i * 20);
			});
		}
	}
	CHECK(filled == world.memory.pages());
	CHECK(wrong == std::array<std::size_t, threads>{});
}
