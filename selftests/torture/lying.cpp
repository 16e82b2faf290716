// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lies: answers that put into a page what the ledger doesn't allow, or that change something
 * without telling the ledger. Each stands for a mistake of the kernel, and shows that the torture
 * notices it: scripts/tests/runner-tests has it tell each of them. It tells none by itself. Who
 * else tells one asks is_told().
 */
#include "torture/actor.hpp"
#include "torture/change.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <sys/mman.h>

namespace torture {

using namespace userfault;

namespace {

/* After those of the monitors, below, the lies that others tell. */
constexpr const char *names[] = {
	"page",	       "zeroes",     "future", "past",	 "mixed",  "dropped",
	"unprotected", "unkillable", "leaks",  "event",	 "untold", "elsewhere",
	"missed",      "refused",    "peeked", "forked", "merged", "counters",
};

template <std::size_t lie> bool tells(Actor &)
{
	return shared().lie == lie + 1;
}

/* Where it may drop pages itself, and waits for nobody who has to read of that. */
bool has_droppable_neighbour(Actor &actor)
{
	return tells<5>(actor) && actor.world().inside && actor.page() &&
	       !actor.arena().is(Traits::events);
}

/* A fill that is told to the ledger, but has other content. */
Outcome copy_stamp(Actor &actor, const Stamp &stamp)
{
	const auto bytes = actor.buffer().first(actor.arena().page_size());

	write_stamp(bytes, stamp);
	return of_error(actor.arena().context().copy(actor.fault_page(), bytes).error);
}

Outcome copy_other_page(Actor &actor)
{
	const Fill fill(actor.entry());
	const auto &arena = actor.arena();

	return copy_stamp(actor, {arena.stamp(0, 0).arena + 1, 0, fill.generation()});
}

Outcome answer_with_zeroes(Actor &actor)
{
	const auto &arena = actor.arena();

	return of_error(arena.context().zeropage({actor.fault_page(), arena.page_size()}).error);
}

Outcome copy_from_the_future(Actor &actor)
{
	const Fill fill(actor.entry());

	return copy_stamp(actor, actor.arena().stamp(actor.page(), fill.generation() + 1000));
}

/* As if a page that was dropped came back. */
Outcome copy_from_the_past(Actor &actor)
{
	const Fill fill(actor.entry());

	return copy_stamp(actor, actor.arena().stamp(actor.page(), 1));
}

/* As if the page were seen before it was complete. */
Outcome copy_two_halves(Actor &actor)
{
	const auto &arena = actor.arena();
	const Fill before(actor.entry()), fill(actor.entry());
	const auto bytes = actor.buffer().first(arena.page_size());

	write_stamp(bytes, arena.stamp(actor.page(), before.generation()));
	write_stamp(actor.buffer().subspan(arena.page_size()).first(arena.page_size()),
		    arena.stamp(actor.page(), fill.generation()));
	std::ranges::copy(actor.buffer().subspan(arena.page_size()).first(arena.page_size() / 2),
			  bytes.begin());
	return of_error(arena.context().copy(actor.fault_page(), bytes).error);
}

/* The page before this one goes, with all that was written to it. */
Outcome drop_a_neighbour(Actor &actor)
{
	const auto &arena = actor.arena();
	const Fill fill(actor.entry());

	if (arena.drop(actor.page() - 1, 1))
		return of_errno(errno);
	return copy_stamp(actor, arena.stamp(actor.page(), fill.generation()));
}

Outcome unprotect_in_secret(Actor &actor)
{
	const auto &arena = actor.arena();

	return of_result(arena.context().write_unprotect({actor.fault_page(), arena.page_size()}));
}

using enum Outcome;
/* Whatever the kernel says to it is right: what counts is what the others find. */
const std::vector<Outcome> anything = {
	done,
	of_errno(EAGAIN),
	of_errno(EEXIST),
	of_errno(ENOENT),
	of_errno(EFAULT),
	of_errno(ENOMEM),
	of_errno(ESRCH),
	of_errno(EINVAL),
};

template <std::size_t lie>
Operation lying_row(const char *name, Traits needs, Outcome (*run)(Actor &), std::uint8_t faults)
{
	return {name, Role::monitor, 100, needs, run, {}, anything, faults, tells<lie>};
}

} // namespace

unsigned lie_of(std::string_view name)
{
	const auto *found = std::ranges::find(names, name);

	return found == std::end(names) ? 0 : static_cast<unsigned>(found - names) + 1;
}

bool is_told(std::string_view lie)
{
	return shared().lie && shared().lie == lie_of(lie);
}

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> lying = {
	lying_row<0>("lie: another page", Traits::small, copy_other_page, missing),
	lying_row<1>("lie: zeroes", Traits::small, answer_with_zeroes, missing),
	lying_row<2>("lie: a later generation", Traits::small, copy_from_the_future, missing),
	lying_row<3>("lie: an earlier generation", Traits::small, copy_from_the_past, missing),
	lying_row<4>("lie: two generations", Traits::small, copy_two_halves, missing),
	{"lie: a neighbour is gone", Role::monitor, 100, Traits::anonymous, drop_a_neighbour, {},
	 anything, missing, has_droppable_neighbour},
	lying_row<6>("lie: no longer protected", Traits::protect, unprotect_in_secret, written),
};
/* clang-format on */

} // namespace torture
