// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forks in which an allocation fails, and readers of a fork's event that find no memory for the
 * child's context: nobody waits for ever, and no child goes unwatched.
 */
#include "lib/consumer.hpp"
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/half_moved.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/reader.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <variant>

using namespace selftests;
using namespace userfault;

namespace {

/* By the system call: libc would allocate memory in between. */
long fork_and_exit()
{
	const long child = ::syscall(SYS_fork);

	if (child == 0)
		::_exit(0);
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

/*
 * Forks the test's own process. The shortage doesn't last: the child would inherit it, and could
 * never get on.
 */
void fork_with_failures(const Context &context, const Memory &memory,
			std::size_t messages_of_a_fork)
{
	Reader reader(context);
	const auto before = registered_for(memory.range());

	fill(context, memory, 0);
	fail_each(Shortage::moment, [&](FailNth &nth) {
		long child = -1;
		const int error = nth([&] { return child = fork_and_exit(); });

		if (error) {
			CHECK(error == ENOMEM);
			for (auto &message : reader.taken())
				CHECK(is_of_nobody(message, memory));
		} else {
			int status = -1;

			checked(::waitpid(static_cast<pid_t>(child), &status, 0));
			CHECK(status == 0);
			CHECK(reader.taken().size() == messages_of_a_fork);
		}
		CHECK(registered_for(memory.range()) == before);
		CHECK(memory.word(0) == pattern_word(0));
		CHECK(context.zeropage(memory.range(1, 1)));
		memory.drop(1, 1);
	});
}

} // namespace

TEST_CASE("a fork that finds no memory leaves no child to be watched", "[injected][fork][slow]")
{
	const World world(2, Features::EventFork);

	fork_with_failures(world.context, world.memory, 1);
}

TEST_CASE("a fork without its event that finds no memory changes nothing", "[injected][fork][slow]")
{
	const World world(2);

	fork_with_failures(world.context, world.memory, 0);
}

/* The child's context has to know what is moving. */
TEST_CASE("a fork while memory moves that finds no memory leaves no child to be watched",
	  "[injected][fork][mremap][slow][module]")
{
	HalfMoved half(Features::EventFork);

	fork_with_failures(half.context(), half.area(), 1);
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
