// SPDX-License-Identifier: GPL-2.0-only
/* Operations that access memory, and check all that they find there. */
#include "torture/actor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace torture {

using namespace userfault;

namespace {

/* Whether an access that ended with a signal, or a call with EFAULT, may end so. */
Outcome judge_signal(Actor &actor, const Before &before, Outcome outcome)
{
	if (actor.arena().explains(outcome, actor.entry(), before))
		return outcome;
	return actor.wrong("nothing explains " + name_of(outcome));
}

/*
 * A page that is there stays: if no change came, this lane finds the generation that it has found
 * before. One that was lost, and filled again, is another.
 */
Outcome compare_with_seen(Actor &actor, const Before &before, const Reading &reading)
{
	const auto &entry = actor.entry();
	auto &seen = actor.seen();
	const auto last = seen;
	const bool stamped = reading.oldest <= reading.newest;

	seen = {reading.oldest == reading.newest || !stamped, stamped ? reading.newest : 0,
		before.changes, before.open, before.file_writes};
	if (!last.any || !seen.any || last.generation == seen.generation ||
	    !entry.changes.quiet_since(last.changes) || !entry.open.quiet_since(last.open) ||
	    !entry.file_writes.quiet_since(last.file_writes))
		return Outcome::done;
	return actor.wrong("the page was of generation " + std::to_string(last.generation) +
			   ", is of " + std::to_string(seen.generation) + ", and didn't change");
}

Outcome judge_reading(Actor &actor, const Before &before, const Reading &reading)
{
	const bool lossy = actor.arena().is(Traits::lossy);
	const auto verdict = judge(actor.entry(), before, reading, lossy);

	if (verdict != Verdict::right)
		return actor.wrong(describe(verdict, reading));
	return lossy ? Outcome::done : compare_with_seen(actor, before, reading);
}

/* Counts an access for the tracker, see the ledger. */
template <class Access> Outcome counted(Lane &lane, Access &&access)
{
	const auto count = ++lane.begun;
	const auto outcome = guarded([&] { access(count); });

	if (outcome == Outcome::done)
		lane.done = count;
	return outcome;
}

Outcome read_page(Actor &actor)
{
	const auto &arena = actor.arena();
	const Before before(actor.entry());
	Reading reading;

	const auto outcome = counted(actor.entry().reads[actor.lane()], [&](unsigned) {
		reading = actor.read(actor.page(), arena.words(actor.page()));
	});
	return outcome == Outcome::done ? judge_reading(actor, before, reading)
					: judge_signal(actor, before, outcome);
}

/* What this lane has written last is still there, unless the page has changed. */
Outcome check_written(Actor &actor)
{
	const auto &arena = actor.arena();
	auto &entry = actor.entry();
	auto &written = actor.written();
	const auto place = slot_place(arena.page_size(), actor.lane());
	std::uint64_t found = 0;

	if (!written.count || arena.is(Traits::lossy))
		return Outcome::done;
	const Before before(entry);
	const auto outcome = guarded([&] { found = arena.words(actor.page())[place]; });
	if (outcome != Outcome::done)
		return judge_signal(actor, before, outcome);
	if (found == slot_word(arena.stamp(actor.page(), 0), place, written.count) ||
	    !entry.changes.quiet_since(written.changes) || !entry.open.quiet_since(written.open))
		return Outcome::done;
	return actor.wrong("write " + std::to_string(written.count) + " is lost");
}

void note_written(Actor &actor, const Before &before, std::uint32_t count)
{
	actor.written() = {count, before.changes, before.open};
}

Outcome write_page(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto place = slot_place(arena.page_size(), actor.lane());
	auto &lane = actor.entry().writes[actor.lane()];
	const auto stamp = arena.stamp(actor.page(), 0);

	if (const auto outcome = check_written(actor); outcome != Outcome::done)
		return outcome;
	const Before before(actor.entry());
	const auto outcome = counted(lane, [&](unsigned count) {
		arena.words(actor.page())[place] = slot_word(stamp, place, count);
	});
	if (outcome != Outcome::done)
		return judge_signal(actor, before, outcome);
	note_written(actor, before, lane.done);
	return Outcome::done;
}

/* The lie: as if the kernel's own reads needed no access. */
void peek(Actor &actor)
{
	const auto &arena = actor.arena();

	if (is_told("peeked") && arena.is(Traits::protect_all))
		static_cast<void>(arena.context().rwunprotect(arena.range(actor.page(), 1)));
}

/* The kernel finds the page through the process, as a debugger does. */
Outcome read_by_kernel(Actor &actor)
{
	const auto &arena = actor.arena();
	const Before before(actor.entry());
	const iovec here = {actor.buffer().data(), arena.page_size()};
	const iovec there = {arena.page(actor.page()), arena.page_size()};
	auto &lane = actor.entry().reads[actor.lane()];

	const auto count = ++lane.begun;
	peek(actor);
	const auto size = ::process_vm_readv(::getpid(), &here, 1, &there, 1, 0);
	if (size < 0)
		return errno == EFAULT ? judge_signal(actor, before, of_errno(EFAULT))
				       : of_errno(errno);
	if (static_cast<std::size_t>(size) < arena.page_size())
		return Outcome::late;
	lane.done = count;
	const auto *words = reinterpret_cast<const std::uint64_t *>(actor.buffer().data());
	return judge_reading(actor, before, actor.read(actor.page(), words));
}

/* The kernel writes to the lane's slot, in a read(2). */
Outcome write_by_kernel(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto place = slot_place(arena.page_size(), actor.lane());
	auto &lane = actor.entry().writes[actor.lane()];
	int ends[2];

	if (::pipe2(ends, O_CLOEXEC))
		return of_errno(errno);
	const Fd out(ends[0]), in(ends[1]);
	const auto count = ++lane.begun;
	const auto word = slot_word(arena.stamp(actor.page(), 0), place, count);
	if (::write(in.get(), &word, sizeof(word)) < 0)
		return of_errno(errno);
	const Before before(actor.entry());
	auto *slot = reinterpret_cast<std::byte *>(
		const_cast<std::uint64_t *>(arena.words(actor.page()) + place));
	if (::read(out.get(), slot, sizeof(word)) < 0)
		return errno == EFAULT ? judge_signal(actor, before, of_errno(EFAULT))
				       : of_errno(errno);
	lane.done = count;
	note_written(actor, before, count);
	return Outcome::done;
}

/* A fault of the kernel, in a write(2). */
Outcome write_to_file(Actor &actor)
{
	const auto &arena = actor.arena();
	const Fd file(::memfd_create("torture-copy", MFD_CLOEXEC));
	const Before before(actor.entry());
	auto &lane = actor.entry().reads[actor.lane()];

	const auto count = ++lane.begun;
	peek(actor);
	const auto size = ::pwrite(file.get(), arena.page(actor.page()), arena.page_size(), 0);
	if (size < 0)
		return errno == EFAULT ? judge_signal(actor, before, of_errno(EFAULT))
				       : of_errno(errno);
	if (static_cast<std::size_t>(size) < arena.page_size())
		return Outcome::late;
	lane.done = count;
	if (::pread(file.get(), actor.buffer().data(), arena.page_size(), 0) < 0)
		return of_errno(errno);
	const auto *words = reinterpret_cast<const std::uint64_t *>(actor.buffer().data());
	return judge_reading(actor, before, actor.read(actor.page(), words));
}

using enum Outcome;
constexpr auto efault = of_errno(EFAULT);
/* A signal is rare: only some of the kinds, and pages, have one. */
constexpr unsigned till_signal = 500;

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> touching = {
	{"read a page", Role::toucher, 40, Traits::none, read_page, {done, sigbus}, {sigsegv}, no_fault,
	 nullptr, till_signal},
	{"write to a page", Role::toucher, 40, Traits::none, write_page, {done, sigbus}, {sigsegv},
	 no_fault, nullptr, till_signal},
	{"read a page from outside", Role::toucher, 6, Traits::none, read_by_kernel, {done, efault},
	 {late}, no_fault, nullptr, till_signal},
	{"write a page to a file", Role::toucher, 6, Traits::small, write_to_file, {done, efault},
	 {late}, no_fault, nullptr, till_signal},
	{"read(2) into a page", Role::toucher, 6, Traits::none, write_by_kernel, {done, efault}, {},
	 no_fault, nullptr, till_signal},
};
/* clang-format on */

} // namespace torture
