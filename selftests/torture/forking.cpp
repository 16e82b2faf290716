// SPDX-License-Identifier: GPL-2.0-only
/* Operations with child processes, which see what their parent had, and which are killed. */
#include "torture/forking.hpp"

#include "harness/backend.hpp"
#include "torture/actor.hpp"
#include "torture/evidence.hpp"
#include "torture/mapping.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <userfault/mapping.hpp>
#include <vector>

namespace torture {

using namespace userfault;

pid_t fork_bound()
{
	const pid_t parent = ::getpid(), child = ::_Fork();

	if (child == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (::getppid() != parent) /* which had died before */
			::_exit(0);
	}
	return child;
}

namespace {

/* How a child ended: done if it exited with 0. */
Outcome wait_for(pid_t child)
{
	int status;

	while (::waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return of_errno(errno);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? Outcome::killed : Outcome::late;
	return WEXITSTATUS(status) ? Outcome::late : Outcome::done;
}

/* What a child has to know about a page of its parent. */
struct Inherited {
	std::size_t page;
	Before before;
	Span::Mark lifts;
	std::uint64_t pagemap; /* if it is protected, the child's has to be so, too; else 0 */

	/* The parent may lift itself, and counts only what others do. */
	bool is_not_lifted(const PageEntry &entry) const
	{
		return before.opener ? entry.lifts.alone_since(lifts)
				     : entry.lifts.quiet_since(lifts);
	}
};

/* Zeroes are right in a child's memory that isn't registered, or whose monitor has died. */
bool zeroes_are_right(Actor &actor, std::uint32_t lives)
{
	return !actor.arena().is(Traits::events) || actor.world().state().monitor_lives != lives;
}

/* A huge page that the parent needs for a copy of its own is taken from the child. */
bool may_be_taken_away(const Arena &arena)
{
	return arena.is(Traits::huge | Traits::privately);
}

bool is_before_6_12()
{
	static const bool before = selftests::kernel_before(6, 12);

	return before;
}

/*
 * A huge page that is pinned is copied during the fork, and on Linux 6.1 mm forgets the protection
 * of the copy: so there it has to be the parent's page.
 */
bool is_protected_copy(const Arena &arena, std::uint64_t parents, std::uint64_t childs)
{
	if (childs & protected_bit)
		return true;
	if (!may_be_taken_away(arena))
		return false;
	return is_before_6_12() ? !frame_in(parents) || frame_in(childs) != frame_in(parents)
				: !frame_in(childs);
}

/* A fork with its event copies protection, and whatever ends it is in the ledger. */
bool has_lost_protection(Actor &actor, const Inherited &inherited, std::uint32_t lives)
{
	const auto &arena = actor.arena();
	const auto &entry = arena.entry(inherited.page);

	return inherited.pagemap &&
	       !is_protected_copy(arena, inherited.pagemap, pagemap_entry(arena, inherited.page)) &&
	       inherited.is_not_lifted(entry) && inherited.before.is_unchanged(entry) &&
	       inherited.before.is_closed(entry) && actor.world().state().monitor_lives == lives;
}

/* Whether all is right. */
bool check_inherited(Actor &actor, const Inherited &inherited, std::uint32_t lives)
{
	const auto &arena = actor.arena();
	const auto &entry = arena.entry(inherited.page);
	auto &[verdict, signal, unprotected, page, reading] = actor.report();

	page = inherited.page;
	unprotected = has_lost_protection(actor, inherited, lives);
	if (unprotected)
		return false;
	const auto outcome = guarded([&] { reading = actor.read(page, arena.words(page)); });
	signal = outcome != Outcome::done && !arena.explains(outcome, entry, inherited.before) &&
		 !(outcome == Outcome::sigbus && may_be_taken_away(arena));
	if (outcome != Outcome::done)
		return !signal;
	if (reading.zeroes && zeroes_are_right(actor, lives))
		reading.zeroes = false;
	verdict = judge(entry, inherited.before, reading, arena.is(Traits::lossy));
	return verdict == Verdict::right;
}

/*
 * On Linux 6.1 huge pages stay protected in a child that isn't registered. Nobody can end that, and
 * mm lets a thread that writes there fault for ever.
 */
bool may_be_stuck_at(const Arena &arena, std::size_t page)
{
	return is_before_6_12() && may_be_taken_away(arena) && !arena.is(Traits::events) &&
	       pagemap_entry(arena, page) & protected_bit;
}

/*
 * The child's write is its own, if the memory is: if its parent saw it, that would be a word of no
 * page.
 */
void write_in_child(Actor &actor, std::size_t page)
{
	const auto &arena = actor.arena();

	if (arena.is(Traits::privately) && !may_be_stuck_at(arena, page))
		guarded([&] { arena.words(page)[0] = ~0ull; });
}

[[noreturn]] void run_child(Actor &actor, const std::vector<Inherited> &inherited,
			    std::uint32_t lives)
{
	for (const auto &each : inherited) {
		if (!check_inherited(actor, each, lives))
			::_exit(1);
		write_in_child(actor, each.page);
	}
	::_exit(0);
}

/* @opener: the caller has opened these pages. */
std::vector<Inherited> inherited_pages(Actor &actor, Pages pages, bool opener = false)
{
	const auto &arena = actor.arena();
	const auto [first, count] = pages;
	const bool protects = arena.is(Traits::events | Traits::protect);
	std::vector<Inherited> inherited;

	for (std::size_t i = first; i < first + count; i++) {
		const auto mark = arena.entry(i).lifts.mark();
		const auto entry = protects ? pagemap_entry(arena, i) : 0;
		inherited.push_back({i, Before(arena.entry(i), opener), mark,
				     entry & protected_bit ? entry : 0});
	}
	return inherited;
}

/* What a child has reported that exited with 1. */
Outcome wrong_in_child(Actor &actor)
{
	const auto &report = actor.report();

	return actor.wrong("the child's page " + std::to_string(report.page) + ": " +
			   (report.unprotected ? "the fork has lost its protection"
			    : report.signal    ? "a signal without a reason"
					       : describe(report.verdict, report.reading)));
}

Outcome read_in_child(Actor &actor, const std::vector<Inherited> &inherited)
{
	const std::uint32_t lives = actor.world().state().monitor_lives;

	const pid_t child = fork_bound();
	if (child == 0)
		run_child(actor, inherited, lives);
	const auto outcome = child < 0 ? of_errno(errno) : wait_for(child);
	return outcome == Outcome::late ? wrong_in_child(actor) : outcome;
}

/*
 * A child that isn't registered, or whose monitor has died, puts zeroes into a file, and if it may,
 * a huge page of them: so the pages are open until they have been dropped.
 */
Outcome fork_with_file(Actor &actor)
{
	const auto &arena = actor.arena();
	const Pages pages{actor.page(), actor.count(8)};
	const auto [first, count] =
		arena.is(Traits::transparent) ? whole_huge_page(actor.page()) : pages;
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, first, count);

	const auto outcome = read_in_child(actor, inherited_pages(actor, pages, true));
	const auto watched = watch_again(actor, opening);
	return watched == Outcome::done ? outcome : watched;
}

Outcome fork_and_read(Actor &actor)
{
	if (actor.arena().file())
		return fork_with_file(actor);
	return read_in_child(actor, inherited_pages(actor, {actor.page(), actor.count(8)}));
}

/* Its rival may be killed before it, while both wait in faults. Only the first one checks. */
[[noreturn]] void run_rival(Actor &actor, const std::vector<Inherited> &inherited,
			    std::uint32_t lives, unsigned number)
{
	const auto &rival = actor.rivals()[1 - number];

	for (const auto &each : inherited) {
		if (number == 0 && !check_inherited(actor, each, lives))
			::_exit(1);
		write_in_child(actor, each.page);
	}
	while (!rival)
		::sched_yield();
	::kill(rival, SIGKILL);
	::_exit(0);
}

/* Until both have ended no id is free, so that it can't become that of another process. */
void wait_for_both(const std::array<pid_t, 2> &children)
{
	siginfo_t info;

	for (const pid_t child : children)
		while (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) < 0 &&
		       errno == EINTR)
			;
}

/* Each kills the other one at last, so at least one is killed. */
Outcome fork_rivals(Actor &actor)
{
	const std::uint32_t lives = actor.world().state().monitor_lives;
	const auto inherited = inherited_pages(actor, {actor.page(), actor.count(8)});
	auto &rivals = actor.rivals();
	std::array<pid_t, 2> children;

	rivals[0] = rivals[1] = 0;
	for (unsigned i = 0; i < 2; i++) {
		children[i] = fork_bound();
		if (children[i] == 0)
			run_rival(actor, inherited, lives, i);
	}
	const int error = errno;
	if (children[0] < 0 || children[1] < 0) {
		for (const pid_t child : children)
			if (child > 0 && ::kill(child, SIGKILL) == 0)
				wait_for(child);
		return of_errno(error);
	}
	rivals[0] = children[0];
	rivals[1] = children[1];
	wait_for_both(children);
	const auto first = wait_for(children[0]), second = wait_for(children[1]);
	if (first == Outcome::late)
		return wrong_in_child(actor);
	if (second == Outcome::late)
		return actor.wrong("a child that checks nothing has failed");
	return first == Outcome::killed || second == Outcome::killed
		       ? Outcome::killed
		       : actor.wrong("two children have killed each other, and none has died");
}

/*
 * A program whose threads wait in faults that nobody answers: see run_waiters(). It tells by a byte
 * in the pipe that they do.
 */
pid_t start_waiters(Actor &actor, const char *what_then, Fd &out)
{
	char *const words[] = {const_cast<char *>("torture"), const_cast<char *>("--waiters"),
			       const_cast<char *>(what_then), nullptr};
	const std::string device = "DEVICE=" + actor.world().device;
	char *const environment[] = {const_cast<char *>(device.c_str()), nullptr};
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t child;

	if (::pipe2(ends, O_CLOEXEC))
		return -1;
	out.reset(ends[0]);
	const Fd in(ends[1]);
	::posix_spawn_file_actions_init(&actions);
	::posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
	errno = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, words, environment);
	::posix_spawn_file_actions_destroy(&actions);
	return errno ? -1 : child;
}

Outcome end_with_waiters(Actor &actor, const char *what_then)
{
	Fd out;
	const pid_t child = start_waiters(actor, what_then, out);
	char byte;

	if (child < 0)
		return of_errno(errno);
	while (::read(out.get(), &byte, 1) < 0 && errno == EINTR)
		;
	if (what_then == std::string_view("wait"))
		::kill(child, SIGKILL);
	return wait_for(child);
}

Outcome exec_with_waiters(Actor &actor)
{
	return end_with_waiters(actor, "exec");
}

Outcome exit_with_waiters(Actor &actor)
{
	return end_with_waiters(actor, "exit");
}

Outcome kill_waiters(Actor &actor)
{
	return end_with_waiters(actor, "wait");
}

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), enomem = of_errno(ENOMEM);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> forking = {
	{"fork", Role::changer, 8, Traits::privately, fork_and_read, {done},
	 {enomem, eagain, killed}},
	{"fork, shared memory", Role::changer, 3, Traits::shmem, fork_and_read, {done},
	 {enomem, eagain, killed}, no_fault, nullptr, 20},
	{"fork, huge pages", Role::changer, 3, Traits::huge, fork_and_read, {done},
	 {enomem, eagain, killed}, no_fault, nullptr, 20},
	{"fork with its event", Role::changer, 5, Traits::privately | Traits::events, fork_and_read,
	 {done}, {enomem, eagain, killed}},
	{"fork with its event, shared memory", Role::changer, 3, Traits::shmem | Traits::events,
	 fork_and_read, {done}, {enomem, eagain, killed}, no_fault, nullptr, 20},
	{"fork with its event, huge pages", Role::changer, 3, Traits::huge | Traits::events,
	 fork_and_read, {done}, {enomem, eagain, killed}, no_fault, nullptr, 20},
	{"children that kill -9 each other", Role::changer, 4, Traits::anonymous, fork_rivals,
	 {killed}, {enomem, eagain}},
	{"exec with threads that wait", Role::changer, 2, Traits::none, exec_with_waiters, {done},
	 {enomem, eagain, killed}},
	{"exit with threads that wait", Role::changer, 2, Traits::none, exit_with_waiters, {done},
	 {enomem, eagain, killed}},
	{"kill -9 of one whose threads wait", Role::changer, 3, Traits::none, kill_waiters, {killed},
	 {enomem, eagain}},
};
/* clang-format on */

int run_waiters(std::string_view what_then)
{
	constexpr std::size_t threads = 3;
	const auto *device = ::getenv("DEVICE");
	auto memory = Mapping::anonymous(threads * page_size());
	auto opened = Context::open({.device = device ? device : "", .nonblocking = true});

	::prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!memory || !opened || !opened->context.register_range(memory->range(), Modes::Missing))
		return 1;
	for (std::size_t i = 0; i < threads; i++)
		std::thread([page = memory->data() + i * page_size()] {
			*reinterpret_cast<volatile char *>(page) = 1;
		}).detach();
	if (!opened->context.poll().value_or(false) || ::write(STDOUT_FILENO, "", 1) < 0)
		return 1;
	if (what_then == "exec")
		::execl("/proc/self/exe", "torture", "--nothing", nullptr);
	if (what_then == "wait")
		::pause();
	::_exit(what_then != "exit");
}

} // namespace torture
