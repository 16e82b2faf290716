// SPDX-License-Identifier: GPL-2.0-only
/* Operations that protect pages, and look whether an access went past the protection. */
#include "torture/actor.hpp"
#include "torture/change.hpp"
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
	/* @lifter: whoever watches lifts himself, for all others, and counts only what they do. */
	explicit Watch(const PageEntry &entry, bool lifter)
		: entry(entry), lifter(lifter), lifts(entry.lifts.mark()),
		  changes(entry.changes.mark()), open(entry.open.mark())
	{
	}

	bool is_undisturbed() const
	{
		return (lifter ? entry.lifts.alone_since(lifts) : entry.lifts.quiet_since(lifts)) &&
		       entry.changes.quiet_since(changes) && entry.open.quiet_since(open);
	}

	const PageEntry &entry;
	bool lifter;
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

std::vector<Watch> watches_of(const Arena &arena, std::size_t first, std::size_t count,
			      bool lifter = false)
{
	std::vector<Watch> watches;

	for (std::size_t i = first; i < first + count; i++)
		watches.emplace_back(arena.entry(i), lifter);
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

Outcome judge_later(Actor &actor, const std::vector<Watch> &watches, bool reads)
{
	let_others_run(actor);
	return judge_watches(actor, watches, reads);
}

/* From writes or, with @reads, from all access. */
Result<void> protect(const Arena &arena, Pages pages, bool reads)
{
	const auto range = arena.range(pages.first, pages.count);

	return reads ? arena.context().rwprotect(range) : arena.context().write_protect(range);
}

/* Protects pages, and has @judge say whether that holds. @lifter: the caller lifts, too. */
Outcome watch(Actor &actor, Pages pages, bool reads, bool lifter, decltype(judge_later) judge)
{
	const auto &arena = actor.arena();
	auto watches = watches_of(arena, pages.first, pages.count, lifter);

	if (const auto done = protect(arena, pages, reads); !done)
		return of_error(done.error());
	note_begun(watches);
	return judge(actor, watches, reads);
}

Outcome watch_writes(Actor &actor)
{
	return watch(actor, actor.pages(8), false, false, judge_later);
}

Outcome watch_all(Actor &actor)
{
	return watch(actor, actor.pages(8), true, false, judge_later);
}

/* A lane has accessed the page since it was protected. */
bool was_accessed(const Watch &watch, bool reads)
{
	return passed(watch.entry.writes, watch.writes_begun) ||
	       (reads && passed(watch.entry.reads, watch.reads_begun));
}

/*
 * Protection that resolves itself, from writes or, with @reads, from all access. The accesses are
 * counted before pagemap is read: so a page that has been accessed by then can't be protected any
 * more.
 */
Outcome track(Actor &actor, bool reads)
{
	const auto &arena = actor.arena();
	const auto pages = actor.pages(8);
	auto watches = watches_of(arena, pages.first, pages.count, reads);
	std::vector<bool> accessed;

	if (const auto done = protect(arena, pages, reads); !done)
		return of_error(done.error());
	note_begun(watches);
	let_others_run(actor);
	for (const auto &watch : watches)
		accessed.push_back(was_accessed(watch, reads));
	/* The lie: as if the accesses had not ended the protection. */
	if (is_told("missed"))
		static_cast<void>(protect(arena, pages, reads));
	const auto entries = pagemap(arena, pages.first, pages.count);
	for (std::size_t i = 0; i < watches.size(); i++)
		if (accessed[i] && entries[i] & protected_bit && watches[i].is_undisturbed())
			return actor.wrong("an access to the " + std::to_string(i) +
					   "th page of the range was missed");
	return Outcome::done;
}

Outcome track_writes(Actor &actor)
{
	return track(actor, false);
}

/*
 * The kernel gives access back by itself as long as that is turned on: so nobody else may count on
 * the protection of any page.
 */
Outcome track_accesses(Actor &actor)
{
	const auto &context = actor.arena().context();
	const Lifting lifting(actor.arena(), 0, actor.arena().pages());

	if (const auto done = context.set_mode(Features::RwpAsync); !done)
		return of_error(done.error());
	const auto outcome = track(actor, true);
	if (const auto done = context.set_mode(Features::None, Features::RwpAsync); !done)
		return of_error(done.error());
	return outcome;
}

/* Until an answer ends it. Natively KSM merges protected pages, and forgets the protection. */
bool protection_lasts(Actor &actor)
{
	const auto &arena = actor.arena();

	return !arena.is(Traits::itself) && !(arena.is(Traits::alike) && actor.world().is_native());
}

/*
 * A monitor, of this process or of another one, protects the page of a fault and those after it,
 * and leaves the fault itself to the next answer. The ledger doesn't know the accesses of a child,
 * and away there may be other pages than at home.
 */
bool is_at_home(Actor &actor)
{
	const auto &arena = actor.arena();

	return !arena.is_of_child() && actor.fault_page() == arena.address(actor.page());
}

bool may_protect_for_fault(Actor &actor)
{
	return is_at_home(actor) && protection_lasts(actor);
}

/* Not for long: meanwhile there is one monitor less for all others. */
Outcome judge_soon(Actor &actor, const std::vector<Watch> &watches, bool reads)
{
	std::this_thread::sleep_for(std::chrono::microseconds(actor.random().below(1000)));
	const auto outcome = judge_watches(actor, watches, reads);
	actor.arena().wake(actor.page(), 1);
	return outcome;
}

Outcome protect_for_fault(Actor &actor)
{
	return watch(actor, actor.pages(8), false, false, judge_soon);
}

/*
 * A tracker may have turned on that protection resolves itself, and would take a page that this
 * protects after an access for one whose access was missed: so this lifts.
 */
Outcome protect_all_for_fault(Actor &actor)
{
	const auto pages = actor.pages(8);
	const Lifting lifting(actor.arena(), pages.first, pages.count);

	return watch(actor, pages, true, true, judge_soon);
}

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), enoent = of_errno(ENOENT), enomem = of_errno(ENOMEM),
	       esrch = of_errno(ESRCH);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> protecting = {
	{"protect from writes", Role::tracker, 30, Traits::protect, watch_writes, {done},
	 {late, eagain, enoent, enomem}, no_fault, protection_lasts},
	{"protect from all access", Role::tracker, 15, Traits::protect_all, watch_all, {done},
	 {late, eagain, enoent, enomem}},
	{"track accesses, SET_MODE", Role::tracker, 10, Traits::protect_all, track_accesses, {done},
	 {eagain, enoent, enomem}, no_fault, nullptr, 100, false, Features::RwpAsync},
	{"track writes", Role::tracker, 15, Traits::itself, track_writes, {done},
	 {eagain, enoent, enomem}},
	{"track writes to shared memory", Role::tracker, 10, Traits::itself | Traits::shmem,
	 track_writes, {done}, {eagain, enoent, enomem}},
	{"answer: first protect", Role::monitor, 8, Traits::protect, protect_for_fault, {done},
	 {late, eagain, enoent, enomem, esrch}, missing | minor | written, may_protect_for_fault},
	{"answer: first take all access", Role::monitor, 8, Traits::protect_all,
	 protect_all_for_fault, {done}, {late, eagain, enoent, enomem, esrch},
	 missing | minor | accessed, is_at_home, 100, false, Features::Rwp},
};
/* clang-format on */

} // namespace torture
