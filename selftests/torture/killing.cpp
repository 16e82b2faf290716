// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations in which the processes of a world kill each other, beside the boss, who kills all of
 * them. The boss starts again what was killed. A process id isn't used again so soon that another
 * process could be hit: it would take tens of thousands of new processes.
 */
#include "torture/actor.hpp"
#include "torture/forking.hpp"

#include <cerrno>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace torture {

namespace {

bool has_monitor_outside(Actor &actor)
{
	return !actor.world().inside;
}

/* Said before, so that nobody takes what the death does for a mistake of the kernel. */
Outcome kill_monitor(Actor &actor)
{
	auto &state = actor.world().state();
	const pid_t monitor = state.monitor;

	if (monitor <= 0)
		return Outcome::skipped;
	state.monitor_killed = true;
	state.monitor_lives++;
	if (::kill(monitor, SIGKILL) == 0)
		return Outcome::killed;
	state.monitor_killed = false; /* the boss has started another one */
	return Outcome::skipped;
}

/*
 * A world that begins anew does the same steps again, and would be killed again and again: so it is
 * killed in its first life alone.
 */
bool lives_first(Actor &actor)
{
	return shared().subject_lives[actor.world().number] == 1;
}

/* A thread waits in a fault, and its monitor kills it. */
bool may_kill_subject(Actor &actor)
{
	return has_monitor_outside(actor) && lives_first(actor) &&
	       !actor.world().state().subject_killed;
}

Outcome kill_whoever_faults(Actor &actor)
{
	auto &state = actor.world().state();
	const pid_t subject = state.subject;

	if (subject <= 0)
		return Outcome::skipped;
	state.subject_killed = true;
	return ::kill(subject, SIGKILL) ? Outcome::skipped : Outcome::killed;
}

/*
 * The process doesn't live to say how it ended: so the child says it. It knows @parent from before
 * the fork: were that killed by the boss meanwhile, getppid() would be the torture itself.
 */
[[noreturn]] void kill_parent(Actor &actor, pid_t parent)
{
	actor.world().state().subject_killed = true;
	actor.note(Outcome::killed);
	::kill(parent, SIGKILL);
	::_exit(0);
}

Outcome killed_by_child(Actor &actor)
{
	if (!lives_first(actor) || actor.random().one_in(2))
		return Outcome::skipped;
	const pid_t parent = ::getpid(), child = fork_bound();
	if (child == 0)
		kill_parent(actor, parent);
	if (child < 0)
		return of_errno(errno);
	while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR)
		;
	return actor.wrong("the process was killed, and goes on");
}

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), enomem = of_errno(ENOMEM);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> killing = {
	{"kill -9 of a monitor by its world", Role::changer, 2, Traits::none, kill_monitor, {killed}, {},
	 no_fault, has_monitor_outside, 20},
	{"kill -9 of a world by its monitor", Role::monitor, 1, Traits::none, kill_whoever_faults,
	 {killed}, {}, missing | minor | written | accessed, may_kill_subject, 8},
	{"kill -9 of a world by its child", Role::changer, 1, Traits::none, killed_by_child, {killed},
	 {enomem, eagain}, no_fault, nullptr, 8},
};
/* clang-format on */

} // namespace torture
