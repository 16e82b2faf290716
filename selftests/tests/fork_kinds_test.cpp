// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other ways to make a process than a plain fork(): children that share the memory, forks that fail
 * after all memory was copied, and memory that is wiped on fork.
 */
#include "lib/consumer.hpp"
#include "lib/control_group.hpp"
#include "lib/maps.hpp"
#include "lib/protection.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Waits for a child of this process; returns its exit status. */
int exit_status(pid_t child)
{
	int status;

	checked(::waitpid(child, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * The ways to make a child that shares its parent's memory. They return the child's exit status: 0
 * if page 0 has its pattern, where the child looks.
 */
using Way = int (*)(const Memory &memory);

int by_vfork(const Memory &memory)
{
	const pid_t child = ::vfork();

	if (child == 0)
		::_exit(memory.word(0) != pattern_word(0));
	return exit_status(static_cast<pid_t>(checked(child)));
}

int by_clone(const Memory &memory)
{
	std::vector<char> stack(64 << 10);
	const auto work = [](void *its_memory) {
		return static_cast<const Memory *>(its_memory)->word(0) == pattern_word(0) ? 0 : 1;
	};

	return exit_status(static_cast<pid_t>(
		checked(::clone(work, stack.data() + stack.size(), CLONE_VM | SIGCHLD,
				const_cast<Memory *>(&memory)))));
}

int by_posix_spawn(const Memory &)
{
	std::array<char, 5> name{"true"};
	std::array<char *, 2> arguments{name.data(), nullptr};
	pid_t child;

	if (::posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments.data(), environ))
		give_up("posix_spawn");
	return exit_status(child);
}

/* Memory that a child gets without its content. */
Memory wiped_on_fork(std::size_t pages)
{
	auto memory = patterned(pages);

	checked(::madvise(memory.page(0), memory.range().length, MADV_WIPEONFORK));
	return memory;
}

constexpr std::uint64_t of_child = 100; /* the pattern that the child's monitor fills in */

} // namespace

TEST_CASE("a child that shares the memory is no fork", "[fork_event][fork_kinds][smp]")
{
	for (const Way way : {by_vfork, by_clone, by_posix_spawn}) {
		const World world(2, Features::EventFork);

		world.fill(0);
		CHECK(way(world.memory) == 0);
		CHECK_FALSE(is_readable(world.context));
		CHECK(smaps_flag(world.memory.range(), "um"));
		/* And no change is pending that page operations would have to wait for. */
		CHECK(world.context.zeropage(world.memory.range(1, 1)));
	}
}

TEST_CASE("a fault of a child that shares the memory is its parent's, even while that is suspended",
	  "[fork_event][fork_kinds][smp]")
{
	for (const Way way : {by_vfork, by_clone}) {
		const World world(1, Features::EventFork);
		auto parent = in_thread([&] { return way(world.memory); });

		CHECK(next_fault(world.context).address == world.memory.address(0));
		CHECK_FALSE(is_done(parent));
		world.fill(0);
		CHECK(parent.get() == 0);
		CHECK_FALSE(is_readable(world.context));
	}
}

TEST_CASE("a fork that fails after it was reported leaves a context of no process",
	  "[fork_event][fork_kinds][smp]")
{
	const ControlGroup group("pids");
	Consumer forker(3, options_for(Features::EventFork), [&](const Memory &memory) {
		group.add(::getpid());
		if (!group.write("pids.max", "1"))
			return 1;
		/* The kernel looks at the limit only after it has copied the memory. */
		for (std::size_t i = 0; i < 2; i++) {
			if (::fork() != -1 || errno != EAGAIN)
				return 2;
			if (memory.word(i) != pattern_word(i))
				return 3;
		}
		group.write("pids.max", "max");
		return in_child([&] { return memory.word(2) != pattern_word(2); });
	});

	for (std::size_t i = 0; i < 2; i++) {
		const auto nobody = next_child(forker.context);
		/* The fork is over when its process goes on, into a fault. */
		CHECK(next_fault(forker.context).address == forker.memory.address(i));
		CHECK(nobody.zeropage(forker.memory.range()).error.value() == ESRCH);
		CHECK_FALSE(is_readable(nobody));
		CHECK(fdinfo(nobody.fd()).total == 0);
		forker.fill(i);
	}
	const auto child = next_child(forker.context);
	CHECK(next_fault(child).address == forker.memory.address(2));
	fill(child, forker.memory, 2);
	CHECK(forker.process.wait() == 0);
}

TEST_CASE("memory that is wiped on fork is missing in the child", "[fork_event][fork_kinds][smp]")
{
	const auto memory = wiped_on_fork(2);
	const auto context = open_context(Features::EventFork);

	take(context.register_range(memory.range(), Modes::Missing));
	auto parent = in_thread([&] {
		return in_child([&] { return count_patterned(memory, of_child) == 2 ? 0 : 1; });
	});
	const auto child = next_child(context);
	for (std::size_t i = 0; i < 2; i++) {
		const auto source = patterned(1, of_child + i);
		CHECK(next_fault(child).address == memory.address(i));
		CHECK(child.copy(memory.address(i), source.bytes(0, 1)));
	}
	CHECK(parent.get() == 0);
	CHECK(count_patterned(memory) == 2);
	CHECK_FALSE(is_readable(context));
}

TEST_CASE("memory that is wiped on fork is ordinary and empty in a child that is not reported",
	  "[fork_kinds][smp]")
{
	const auto memory = wiped_on_fork(2);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing | Modes::WriteProtect));
	take(context.write_protect(memory.range()));
	CHECK(in_child([&] {
		      if (smaps_flag(memory.range(), "um") || smaps_flag(memory.range(), "uw"))
			      return 1;
		      memory.word(0) = 1;
		      return is_zero(memory.bytes(1, 1)) ? 0 : 2;
	      }) == 0);
	CHECK_FALSE(is_readable(context));
	CHECK(count_patterned(memory) == 2);
	CHECK(is_protected_at(memory.address(0)));
}

TEST_CASE("memory that is wiped on fork is not protected in the child",
	  "[fork_event][fork_kinds][wp][smp]")
{
	const Guarded guarded(wiped_on_fork(2), [](const Memory &) {}, Features::EventFork);
	const auto &memory = guarded.memory;

	guarded.protect();
	auto parent = in_thread([&] {
		return in_child([&] {
			if (!smaps_flag(memory.range(), "uw"))
				return 1;
			for (std::size_t i = 0; i < 2; i++)
				if (is_protected_at(memory.address(i)))
					return 2;
			memory.word(0) = 1;
			return is_zero(memory.bytes(1, 1)) ? 0 : 3;
		});
	});
	const auto child = next_child(guarded.context);
	CHECK(parent.get() == 0);
	CHECK_FALSE(is_readable(child));
	CHECK(guarded.only_protected(0, 2));
	CHECK(count_patterned(memory) == 2);
}
