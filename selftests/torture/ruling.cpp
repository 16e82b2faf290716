// SPDX-License-Identifier: GPL-2.0-only
/* What the boss does to whole worlds: kills, freezes and squeezes them, from outside. */
#include "torture/round.hpp"

#include "torture/evidence.hpp"
#include "torture/files.hpp"
#include "torture/forking.hpp"
#include "torture/machine.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <userfault/mapping.hpp>
#include <vector>

namespace torture {

using namespace userfault;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

/* The first that is drawn: planned() draws it, too. */
Member &some_member(Actor &actor)
{
	return actor.round->some_member(actor.random());
}

Outcome kill_monitor(Actor &actor)
{
	return actor.round->kill_monitor(some_member(actor)) ? Outcome::killed : Outcome::skipped;
}

Outcome kill_subject(Actor &actor)
{
	return actor.round->kill_subject(some_member(actor)) ? Outcome::killed : Outcome::skipped;
}

/* Threads that wait in a system call freeze only when their page is there: that may be late. */
Outcome freeze(Actor &actor)
{
	const auto &group = some_member(actor).group;
	bool frozen = false;

	if (!group.write("cgroup.freeze", "1"))
		return Outcome::lacking;
	for (unsigned i = 0; i < 50 && !frozen; i++) {
		std::this_thread::sleep_for(std::chrono::milliseconds(2));
		frozen = group.field("cgroup.events", "frozen");
	}
	group.write("cgroup.freeze", "0");
	return frozen ? Outcome::done : Outcome::late;
}

Outcome reclaim(Actor &actor)
{
	const auto &group = some_member(actor).group;
	const auto bytes = (1 + actor.random().below(8)) * mebibyte;

	if (!group.exists())
		return Outcome::lacking;
	return group.write("memory.reclaim", std::to_string(bytes)) ? Outcome::done
								    : of_errno(errno);
}

/* Below what it has: it is slowed down, and swaps. */
Outcome squeeze(Actor &actor)
{
	const auto &group = some_member(actor).group;

	if (!group.exists())
		return Outcome::lacking;
	const auto before = group.field("memory.events", "high");
	group.write("memory.high", std::to_string(group.number("memory.current") / 2));
	std::this_thread::sleep_for(std::chrono::milliseconds(50));
	if (!group.write("memory.high", "max"))
		return of_errno(errno);
	return done_if(group.field("memory.events", "high") > before);
}

/*
 * For a while a world may have no more memory than it has: a thread that needs a page has to swap
 * another one out first. If a process is killed for that, it may be the subject, see
 * Round::reaped().
 */
Outcome limit(Actor &actor)
{
	const auto &member = some_member(actor);
	const auto &group = member.group;

	if (!group.exists())
		return Outcome::lacking;
	if (!member.subject)
		return Outcome::skipped;
	const auto hits = group.field("memory.events", "max"), kills = member.count_oom_kills();
	group.write("memory.max", std::to_string(group.number("memory.current")));
	std::this_thread::sleep_for(std::chrono::milliseconds(50));
	if (!group.write("memory.max", "max"))
		return of_errno(errno);
	if (member.count_oom_kills() > kills)
		return Outcome::killed;
	return done_if(group.field("memory.events", "max") > hits);
}

/* Touches registered memory until its control group has no more. The log knows it by its name. */
[[noreturn]] void run_victim(const Group &group, const std::string &device)
{
	constexpr std::size_t length = 64 * mebibyte;

	::prctl(PR_SET_NAME, "torture-victim");
	auto memory = Mapping::anonymous(length);
	auto opened = Context::open({.device = device});
	if (!memory || !opened ||
	    !opened->context.register_range(memory->range(), Modes::Missing) || !group.join())
		::_exit(1);
	std::thread monitor([&] {
		std::vector<std::byte> page(64 * page_size(), std::byte{1});
		for (;;) {
			const auto message = opened->context.read();
			if (message && *message && std::holds_alternative<Fault>(**message))
				opened->context.copy(std::get<Fault>(**message).address, page);
		}
	});
	for (std::size_t i = 0; i < length; i += page_size())
		*reinterpret_cast<volatile std::byte *>(memory->data() + i);
	::_exit(0);
}

Outcome run_out_of_memory(Actor &actor)
{
	const auto &device = some_member(actor).plan.device;
	const Group group("torture-victim");
	int status;

	if (!group.write("memory.max", "6M") || !group.write("memory.swap.max", "0"))
		return Outcome::lacking;
	const pid_t victim = fork_bound();
	if (victim == 0)
		run_victim(group, device);
	if (victim < 0 || ::waitpid(victim, &status, 0) < 0)
		return of_errno(errno);
	if (const auto what = group.remove(); !what.empty())
		return actor.wrong(what);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? Outcome::killed : Outcome::late;
}

Outcome drop_caches(Actor &)
{
	return write_file("/proc/sys/vm/drop_caches", "3") ? Outcome::done : of_errno(errno);
}

/* Brings back all that is swapped out. */
Outcome swap_off_and_on(Actor &)
{
	const auto disk = swap_disk();

	if (disk.empty())
		return Outcome::lacking;
	if (::swapoff(disk.c_str()))
		return of_errno(errno);
	return of_call(::swapon(disk.c_str(), 0));
}

using enum Outcome;

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> ruling = {
	{"kill -9 of a monitor", Role::boss, 20, Traits::none, kill_monitor, {killed}, {}, no_fault,
	 nullptr, 8},
	{"kill -9 of a whole world", Role::boss, 4, Traits::none, kill_subject, {killed}, {}, no_fault,
	 nullptr, 8},
	{"freeze and thaw", Role::boss, 12, Traits::none, freeze, {done}, {late}, no_fault, nullptr, 20},
	{"reclaim", Role::boss, 12, Traits::none, reclaim, {done}, {of_errno(EAGAIN)}, no_fault,
	 nullptr, 50},
	{"memory.high", Role::boss, 8, Traits::none, squeeze, {done}, {nothing}, no_fault, nullptr, 20},
	{"memory.max", Role::boss, 8, Traits::none, limit, {done}, {nothing, killed}, no_fault,
	 nullptr, 20},
	{"memory.max, out of memory", Role::boss, 2, Traits::none, run_out_of_memory, {killed}, {},
	 no_fault, nullptr, 4},
	{"drop caches", Role::boss, 2, Traits::none, drop_caches, {done}, {}, no_fault, nullptr, 4,
	 true},
	{"swapoff and swapon", Role::boss, 2, Traits::none, swap_off_and_on, {done},
	 {of_errno(ENOMEM)}, no_fault, nullptr, 4, true},
};
/* clang-format on */

} // namespace torture
