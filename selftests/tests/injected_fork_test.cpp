// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forks in which an allocation fails, and readers of a fork's event that find no memory for the
 * child's context: nobody waits for ever, and no child goes unwatched.
 */
#include "lib/consumer.hpp"
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/half_moved.hpp"
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/reader.hpp"
#include "lib/tracked.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/*
 * By the system call: libc would allocate memory in between. The child waits until there is
 * something in the pipe.
 */
long fork_and_wait(const Pipe &pipe)
{
	const long child = ::syscall(SYS_fork);
	char byte;

	if (child == 0)
		::_exit(::read(pipe.out.get(), &byte, 1) == 1 ? 0 : 1);
	return child;
}

/*
 * Whether the context is of a process that doesn't live: a fork that fails after it has copied the
 * memory is reported, since mm says nothing to the contrary.
 */
bool is_of_nobody(Message &message, const Memory &memory)
{
	auto *fork = std::get_if<Fork>(&message);

	return fork && Context::adopt(std::move(fork->context))
				       .zeropage(memory.range(1, 1))
				       .error.value() == ESRCH;
}

/* What the children of forks get of some memory. */
struct Inherited {
	std::size_t messages;	/* of each fork */
	bool registered = true; /* and so the pages' protection is there, too */
};

/* Whether each page is protected. */
std::vector<bool> protected_in(pid_t process, const Memory &memory)
{
	std::vector<bool> pages;

	for (const auto entry : pagemap_entries(memory, process))
		pages.push_back(entry & pagemap_write_protected);
	return pages;
}

/*
 * Forks the test's own process. A fork leaves the process as it was, whether it fails or not;
 * @check goes on to work with it. The shortage doesn't last: the child would inherit it, and could
 * never get on.
 */
void fork_with_failures(const Context &context, const Memory &memory, const Inherited &inherited,
			const std::function<void()> &check)
{
	Reader reader(context);
	const Pipe pipe;
	const auto before = registered_for(memory.range());
	const auto protection = protected_in(::getpid(), memory);

	fail_each(Shortage::moment, [&](FailNth &nth) {
		long child = -1;
		const int error = nth([&] { return child = fork_and_wait(pipe); });

		if (error) {
			CHECK(error == ENOMEM);
			for (auto &message : reader.taken())
				CHECK(is_of_nobody(message, memory));
		} else {
			const auto process = static_cast<pid_t>(child);
			int status = -1;

			CHECK((registered_for(memory.range(), process) == before) ==
			      inherited.registered);
			CHECK((protected_in(process, memory) == protection ||
			       !inherited.registered));
			checked(::write(pipe.in.get(), "", 1));
			checked(::waitpid(process, &status, 0));
			CHECK(status == 0);
			CHECK(reader.taken().size() == inherited.messages);
		}
		CHECK(registered_for(memory.range()) == before);
		CHECK(protected_in(::getpid(), memory) == protection);
		check();
	});
}

/* The same with a page that is there, and one that is missing. */
void fork_missing(const Context &context, const Memory &memory, const Inherited &inherited)
{
	fill(context, memory, 0);
	fork_with_failures(context, memory, inherited, [&] {
		CHECK(memory.word(0) == pattern_word(0));
		CHECK(context.zeropage(memory.range(1, 1)));
		memory.drop(1, 1);
	});
}

/* The same with huge pages. */
void fork_missing_huge(MemoryKind kind)
{
	const HugePages pool(2);
	const HugeSource source(2);
	const World world(2 * small_pages_of_huge, kind, Features::EventFork);
	const auto &memory = world.memory;
	const auto copy = [&](std::size_t index) {
		return world.context.copy(memory.address(index * small_pages_of_huge),
					  source.bytes(index, 1));
	};

	REQUIRE(copy(0));
	fork_with_failures(world.context, memory, {.messages = 1}, [&] {
		CHECK(memory.word(0) == pattern_word(0));
		CHECK(copy(1));
		memory.drop(small_pages_of_huge, small_pages_of_huge);
	});
	CHECK(pool.pool().free == 1);
}

/* The same with protected pages, of which only the first is there. */
void fork_write_protected(MemoryKind kind, std::size_t pages)
{
	need(Features::WpUnpopulated | Features::WpHugetlbfsShmem);
	const Guarded guarded(
		Memory(pages, kind), [](const Memory &memory) { memory.word(0) = 5; },
		Features::EventFork | Features::WpUnpopulated | Features::WpHugetlbfsShmem);

	guarded.protect();
	REQUIRE(guarded.only_protected(0, pages));
	fork_with_failures(guarded.context, guarded.memory, {.messages = 1}, [&] {
		CHECK(guarded.memory.word(0) == 5);
		guarded.unprotect();
		CHECK(guarded.only_protected(0, 0));
		guarded.protect();
	});
}

void fork_read_write_protected(MemoryKind kind, std::size_t pages)
{
	need(Features::Rwp);
	const Tracked tracked(
		Memory(pages, kind), [](const Memory &memory) { memory.word(0) = 5; },
		Features::EventFork);

	tracked.protect();
	REQUIRE(tracked.is_protected(0));
	fork_with_failures(tracked.context, tracked.memory, {.messages = 1}, [&] {
		tracked.unprotect();
		CHECK(tracked.only_protected(0, 0));
		CHECK(tracked.memory.word(0) == 5);
		tracked.protect();
	});
}

} // namespace

TEMPLATE_TEST_CASE("a fork that finds no memory leaves no child to be watched",
		   "[injected][fork][slow]", Anonymous, SharedFile, PrivateFile)
{
	const World world(2, TestType::kind, Features::EventFork);

	fork_missing(world.context, world.memory, {.messages = 1});
}

TEMPLATE_TEST_CASE("a fork of huge pages that finds no memory leaves no child to be watched",
		   "[injected][fork][hugetlb][slow]", PrivateHuge, SharedHugeFile)
{
	fork_missing_huge(TestType::kind);
}

TEMPLATE_TEST_CASE("a fork of protected memory that finds no memory leaves all protected",
		   "[injected][fork][wp][slow]", Anonymous, SharedFile, PrivateFile)
{
	fork_write_protected(TestType::kind, 2);
}

TEMPLATE_TEST_CASE("a fork of protected huge pages that finds no memory leaves all protected",
		   "[injected][fork][wp][hugetlb][slow]", PrivateHuge, SharedHugeFile)
{
	const HugePages pool(2);

	fork_write_protected(TestType::kind, 2 * small_pages_of_huge);
}

TEMPLATE_TEST_CASE("a fork of memory without access that finds no memory leaves it without",
		   "[injected][fork][rwp][slow]", Anonymous, SharedFile, PrivateFile)
{
	fork_read_write_protected(TestType::kind, 2);
}

TEMPLATE_TEST_CASE("a fork of huge pages without access that finds no memory leaves them without",
		   "[injected][fork][rwp][hugetlb][slow]", PrivateHuge, SharedHugeFile)
{
	const HugePages pool(2);

	fork_read_write_protected(TestType::kind, 2 * small_pages_of_huge);
}

TEST_CASE("a fork without its event that finds no memory changes nothing", "[injected][fork][slow]")
{
	const World world(2);

	fork_missing(world.context, world.memory, {.messages = 0, .registered = false});
}

/* The child's context has to know what is moving. */
TEST_CASE("a fork while memory moves that finds no memory leaves no child to be watched",
	  "[injected][fork][mremap][slow][module]")
{
	HalfMoved half(Features::EventFork);

	fork_missing(half.context(), half.area(), {.messages = 1});
	half.finish();
}

/* Natively a message that can't be copied to the reader counts as read. */
TEST_CASE("a fork whose reader finds no memory is read by the next", "[injected][fork][module]")
{
	fail_each([&](FailNth &nth) {
		Consumer forker(2, options_for(Features::EventFork), [](const Memory &memory) {
			Process child([&] { return memory.word(1) == pattern_word(1) ? 0 : 1; });
			return child.wait();
		});
		uffd_msg raw{};

		wait_until("the fork is reported", [&] { return is_readable(forker.context); });
		const auto before = next_descriptor();
		if (const int error =
			    nth([&] { return ::read(forker.context.fd(), &raw, sizeof(raw)); })) {
			CHECK(is_injected(error));
			CHECK(next_descriptor() == before);
			REQUIRE(is_readable(forker.context));
			REQUIRE(::read(forker.context.fd(), &raw, sizeof(raw)) == sizeof(raw));
		}
		auto message = decode(raw);
		auto *fork = std::get_if<Fork>(&message);
		REQUIRE(fork);
		const auto child = Context::adopt(std::move(fork->context));

		CHECK(next_fault(child).address == forker.memory.address(1));
		fill(child, forker.memory, 1);
		CHECK(forker.process.wait() == 0);
	});
}

/* Natively it counts as read, and its thread waits for ever. */
TEST_CASE("a fault whose reader can't copy its message is read by the next", "[injected][module]")
{
	const World world(1);

	fail_each([&](FailNth &nth) {
		auto reader = in_thread([&] { return world.memory.word(0) + 0; });
		uffd_msg raw{};

		wait_for_pending(world.context, 1);
		if (const int error =
			    nth([&] { return ::read(world.context.fd(), &raw, sizeof(raw)); })) {
			CHECK(error == EFAULT);
			CHECK(next_fault(world.context).address == world.memory.address(0));
		}
		world.fill(0);
		CHECK(reader.get() == pattern_word(0));
		world.memory.drop(0, 1);
	});
}
