// SPDX-License-Identifier: GPL-2.0-only
/* Operations that protect pages, and look whether an access went past the protection. */
#include "torture/actor.hpp"
#include "torture/evidence.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace torture {

using namespace userfault;

namespace {

using Counts = std::array<std::uint32_t, slots>;
using Lanes = std::array<Lane, slots>;

/* A page since before it was protected. */
struct Watch {
	explicit Watch(const PageEntry &entry)
		: entry(entry), lifts(entry.lifts.mark()), changes(entry.changes.mark()),
		  open(entry.open.mark())
	{
	}

	bool is_undisturbed() const
	{
		return entry.lifts.quiet_since(lifts) && entry.changes.quiet_since(changes) &&
		       entry.open.quiet_since(open);
	}

	const PageEntry &entry;
	Span::Mark lifts, changes, open;
	Counts writes_begun{}, reads_begun{};
};

Counts begun(const Lanes &lanes)
{
	Counts counts;

	for (unsigned lane = 0; lane < slots; lane++)
		counts[lane] = lanes[lane].begun;
	return counts;
}

/* A lane that has begun an access after it had begun only @counts, and has ended it. */
std::optional<unsigned> passed(const Lanes &lanes, const Counts &counts)
{
	for (unsigned lane = 0; lane < slots; lane++)
		if (lanes[lane].done > counts[lane])
			return lane;
	return std::nullopt;
}

std::vector<Watch> watches_of(const Arena &arena, std::size_t first, std::size_t count)
{
	std::vector<Watch> watches;

	for (std::size_t i = first; i < first + count; i++)
		watches.emplace_back(arena.entry(i));
	return watches;
}

void note_begun(std::vector<Watch> &watches)
{
	for (auto &watch : watches) {
		watch.writes_begun = begun(watch.entry.writes);
		watch.reads_begun = begun(watch.entry.reads);
	}
}

/* Now and then for so long that a monitor has answered a write of theirs. */
void let_others_run(Actor &actor)
{
	const std::size_t most = actor.random().one_in(4) ? 100000 : 3000;

	std::this_thread::sleep_for(std::chrono::microseconds(actor.random().below(most)));
}

/*
 * An access has passed, and then it turns out that nothing has lifted the protection. Late, if
 * something has lifted that of all pages.
 */
Outcome judge_watches(Actor &actor, const std::vector<Watch> &watches, bool reads)
{
	bool any = false;

	for (std::size_t i = 0; i < watches.size(); i++) {
		const auto &watch = watches[i];
		auto lane = passed(watch.entry.writes, watch.writes_begun);

		if (!lane && reads)
			lane = passed(watch.entry.reads, watch.reads_begun);
		const bool counts = watch.is_undisturbed();
		if (lane && counts)
			return actor.wrong("lane " + std::to_string(*lane) +
					   " accessed a protected page, the " + std::to_string(i) +
					   "th of the range");
		any |= counts;
	}
	return any ? Outcome::done : Outcome::late;
}

Outcome watch_writes(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(8);
	auto watches = watches_of(arena, actor.page(), count);

	if (const auto done = arena.context().write_protect(arena.range(actor.page(), count));
	    !done)
		return of_error(done.error());
	note_begun(watches);
	let_others_run(actor);
	return judge_watches(actor, watches, false);
}

Outcome watch_all(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(8);
	auto watches = watches_of(arena, actor.page(), count);

	if (const auto done = arena.context().rwprotect(arena.range(actor.page(), count)); !done)
		return of_error(done.error());
	note_begun(watches);
	let_others_run(actor);
	return judge_watches(actor, watches, true);
}

/*
 * Protection that resolves itself. The writes are counted before pagemap is read: so a page that
 * has been written to by then can't be protected any more.
 */
Outcome watch_tracked(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(8);
	auto watches = watches_of(arena, actor.page(), count);
	std::vector<std::optional<unsigned>> written;

	if (const auto done = arena.context().write_protect(arena.range(actor.page(), count));
	    !done)
		return of_error(done.error());
	note_begun(watches);
	let_others_run(actor);
	for (const auto &watch : watches)
		written.push_back(passed(watch.entry.writes, watch.writes_begun));
	const auto entries = pagemap(arena, actor.page(), count);
	for (std::size_t i = 0; i < count; i++)
		if (written[i] && entries[i] & protected_bit && watches[i].is_undisturbed())
			return actor.wrong("a write to the " + std::to_string(i) +
					   "th page of the range was missed");
	return Outcome::done;
}

bool does_not_resolve_itself(Actor &actor)
{
	return !actor.arena().is(Traits::itself);
}

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), enoent = of_errno(ENOENT), enomem = of_errno(ENOMEM);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> protecting = {
	{"protect from writes", Role::tracker, 30, Traits::protect, watch_writes, {done},
	 {late, eagain, enoent, enomem}, no_fault, does_not_resolve_itself},
	{"protect from all access", Role::tracker, 15, Traits::protect_all, watch_all, {done},
	 {late, eagain, enoent, enomem}},
	{"track writes", Role::tracker, 15, Traits::itself, watch_tracked, {done},
	 {eagain, enoent, enomem}},
};
/* clang-format on */

} // namespace torture
