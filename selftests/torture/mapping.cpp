// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that change mappings. Each opens the pages, in the ledger's sense, and leaves them
 * mapped at home, registered, and dropped if anybody but a monitor could have made a page
 * meanwhile.
 */
#include "torture/mapping.hpp"

#include "torture/files.hpp"
#include "torture/look.hpp"
#include "torture/telling.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <initializer_list>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace torture {

using namespace userfault;

namespace {

/* Others may meet the pages as they are now. */
void pause_a_moment(Actor &actor)
{
	std::this_thread::sleep_for(std::chrono::microseconds(actor.random().below(500)));
}

Range range_at(const Arena &arena, const std::byte *base, std::size_t first, std::size_t count)
{
	return {reinterpret_cast<Address>(base) + first * arena.page_size(),
		count * arena.page_size()};
}

Announced announce(Actor &actor, const Range &range, std::initializer_list<EventKind> kinds,
		   Address to = 0)
{
	return {actor.world().state(), actor.number(), {actor.arena(), range, kinds, to}};
}

/* Mappings that were there go. */
bool map_over(Actor &actor, std::size_t first, std::size_t count)
{
	const auto &arena = actor.arena();
	auto told = announce(actor, arena.range(first, count), {EventKind::unmap});

	if (arena.map(first, count))
		return false;
	told.check();
	return true;
}

/* At home, or away. */
bool unmap_at(Actor &actor, const std::byte *base, std::size_t first, std::size_t count)
{
	const auto range = range_at(actor.arena(), base, first, count);
	auto told = announce(actor, range, {EventKind::unmap});

	if (::munmap(reinterpret_cast<void *>(range.start), range.length))
		return false;
	told.check();
	return true;
}

bool drop(Actor &actor, std::size_t first, std::size_t count)
{
	const auto &arena = actor.arena();
	auto told = announce(actor, arena.range(first, count), {EventKind::remove});

	if (arena.drop(first, count))
		return false;
	told.check();
	return true;
}

} // namespace

Outcome watch_again(Actor &actor, Opening &opening)
{
	const auto &arena = actor.arena();
	const auto first = opening.first(), count = opening.count();

	if (const auto registered = arena.register_again(first, count); !registered)
		return actor.wrong("registering again: " + registered.error().message());
	if (!drop(actor, first, count))
		return actor.wrong("dropping: " + name_of(of_errno(errno)));
	opening.is_certain(true);
	arena.wake(first, count);
	return Outcome::done;
}

namespace {

Outcome map_anew(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(16);
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, first, count);

	if (!map_over(actor, first, count))
		return of_errno(errno);
	pause_a_moment(actor);
	return watch_again(actor, opening);
}

Outcome unmap(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(16);
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, first, count);

	if (!unmap_at(actor, arena.home(), first, count))
		return of_errno(errno);
	pause_a_moment(actor);
	arena.wake(first, count);
	if (arena.map(first, count))
		return of_errno(errno);
	return watch_again(actor, opening);
}

/* Takes the right to write, or to access, and gives it back. What is registered stays so. */
Outcome change_access(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(16);
	auto *start = arena.page(first);
	const auto length = count * arena.page_size();
	const std::lock_guard guard(arena.structure());
	const Opening opening(arena, first, count);

	if (::mprotect(start, length, actor.random().one_in(2) ? PROT_NONE : PROT_READ))
		return of_errno(errno);
	pause_a_moment(actor);
	if (::mprotect(start, length, PROT_READ | PROT_WRITE))
		return of_errno(errno);
	arena.wake(first, count);
	return Outcome::done;
}

Outcome unregister(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(16);
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, first, count);

	if (const auto done = arena.context().unregister_range(arena.range(first, count)); !done)
		return of_error(done.error());
	pause_a_moment(actor);
	return watch_again(actor, opening);
}

bool keeps_registration(const Arena &arena)
{
	return has(arena.kind().features, Features::EventRemap);
}

/*
 * The pages that are one mapping with page() at home, which nobody changes meanwhile; lines of
 * /proc/self/maps begin with its ends.
 */
Pages whole_mapping(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto address = arena.address(actor.page());
	std::istringstream lines(read_file("/proc/self/maps"));

	for (std::string line; std::getline(lines, line);) {
		char *rest;
		const auto start = std::strtoull(line.c_str(), &rest, 16),
			   end = std::strtoull(rest + 1, nullptr, 16);
		if (start <= address && address < end)
			return {(start - arena.address(0)) / arena.page_size(),
				(end - start) / arena.page_size()};
	}
	return {actor.page(), 1};
}

/*
 * Of a private mapping of huge pages only all of it: if a part is moved, mm forgets what is
 * reserved for the rest, for good.
 */
Pages movable_pages(Actor &actor)
{
	return actor.arena().is(Traits::huge | Traits::privately) ? whole_mapping(actor)
								  : actor.pages(16);
}

/* Moves @count pages, from one of home and away to the other. */
bool carry(Actor &actor, std::size_t first, std::size_t count, bool home)
{
	const auto &arena = actor.arena();
	const auto there = range_at(arena, arena.away(), first, count),
		   here = range_at(arena, arena.home(), first, count);
	const auto from = home ? there : here, to = home ? here : there;
	auto told = announce(actor, from, {EventKind::remap, EventKind::unmap}, to.start);

	if (::mremap(reinterpret_cast<void *>(from.start), from.length, to.length,
		     MREMAP_MAYMOVE | MREMAP_FIXED,
		     reinterpret_cast<void *>(to.start)) == MAP_FAILED)
		return false;
	told.check();
	return true;
}

/* The pages are away, and an empty mapping stays at home. */
bool carry_and_leave(Actor &actor, std::size_t first, std::size_t count)
{
	const auto &arena = actor.arena();
	const auto from = arena.range(first, count),
		   to = range_at(arena, arena.away(), first, count);
	auto told = announce(actor, from, {EventKind::remap}, to.start);

	if (::mremap(reinterpret_cast<void *>(from.start), from.length, to.length,
		     MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
		     reinterpret_cast<void *>(to.start)) == MAP_FAILED)
		return false;
	told.check();
	return true;
}

/* The lie "elsewhere": as if pages didn't survive that they are moved. */
void lose_pages(const Arena &arena, std::size_t first, std::size_t count)
{
	if (is_told("elsewhere") && !arena.is(Traits::events))
		::madvise(arena.away() + first * arena.page_size(), count * arena.page_size(),
			  MADV_DONTNEED);
}

/*
 * There and back again. Several mappings, as writes between have made them, can't be moved at once:
 * EFAULT. @registered_away: also if it isn't registered any more when it is away, it is there
 * before it comes back.
 */
Outcome move_there_and_back(Actor &actor, bool registered_away)
{
	const auto &arena = actor.arena();
	const std::lock_guard guard(arena.structure());
	const auto [first, count] = movable_pages(actor);
	Opening opening(arena, first, count);
	Look look(actor, first, count);

	if (!look.at(arena.home(), true))
		return Outcome::failed;
	if (!carry(actor, first, count, false))
		return of_errno(errno);
	lose_pages(arena, first, count);
	pause_a_moment(actor);
	if (!look.at(arena.away(), keeps_registration(arena)))
		return Outcome::failed;
	if (registered_away)
		if (const auto registered = arena.context().register_range(
			    range_at(arena, arena.away(), first, count), arena.kind().modes);
		    !registered)
			return actor.wrong("registering it away: " + registered.error().message());
	if (!carry(actor, first, count, true))
		return actor.wrong("moving back: " + name_of(of_errno(errno)));
	if (!look.at(arena.home(), keeps_registration(arena)))
		return Outcome::failed;
	return watch_again(actor, opening);
}

Outcome move_away(Actor &actor)
{
	return move_there_and_back(actor, false);
}

/*
 * Without an event what is moved is no longer registered, but its neighbours at home are, with
 * which mm may merge it first. Natively they lose their registration with it.
 */
Outcome move_between_neighbours(Actor &actor)
{
	return move_there_and_back(actor, true);
}

bool is_forgotten_alone(Actor &actor)
{
	return !keeps_registration(actor.arena()) && !actor.world().is_native();
}

bool is_mapped(const Arena &arena, std::size_t index)
{
	unsigned char resident;

	return ::mincore(arena.page(index), 1, &resident) == 0;
}

/*
 * Moves back what is away, in one piece if it is one. Since Linux 6.17 a call can have moved the
 * first of several mappings when it fails at the next.
 */
Outcome carry_home(Actor &actor, std::size_t first, std::size_t half, bool both)
{
	const auto &arena = actor.arena();

	if (both && carry(actor, first, 2 * half, true))
		return Outcome::done;
	const auto outcome = of_errno(errno);
	for (const auto each : {first, first + half})
		if (!is_mapped(arena, each) && !carry(actor, each, half, true))
			return actor.wrong("moving back: " + name_of(of_errno(errno)));
	return outcome;
}

/* As two neighbours, which may have become one mapping before they come back. */
Outcome move_in_halves(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto half = (actor.count(16) + 1) / 2;
	const auto first = std::min(actor.page(), arena.pages() - 2 * half);
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, first, 2 * half);
	Look look(actor, first, 2 * half);

	if (!look.at(arena.home(), true))
		return Outcome::failed;
	if (!carry(actor, first, half, false))
		return of_errno(errno);
	const bool both = carry(actor, first + half, half, false);
	pause_a_moment(actor);
	if (both && !look.at(arena.away(), keeps_registration(arena)))
		return Outcome::failed;
	const auto outcome = carry_home(actor, first, half, both);
	if (outcome == Outcome::failed || !look.at(arena.home(), keeps_registration(arena)))
		return Outcome::failed;
	const auto watched = watch_again(actor, opening);
	return watched == Outcome::done ? outcome : watched;
}

/* What was there is away; at home the mapping stays, without pages. */
Outcome move_and_leave(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(16);
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, first, count);
	Look look(actor, first, count);

	if (!look.at(arena.home(), true))
		return Outcome::failed;
	if (!carry_and_leave(actor, first, count))
		return of_errno(errno);
	pause_a_moment(actor);
	if (!look.at(arena.away(), keeps_registration(arena)))
		return Outcome::failed;
	if (!unmap_at(actor, arena.away(), first, count))
		return of_errno(errno);
	return watch_again(actor, opening);
}

/* Ends the mapping after @length bytes. */
bool shrink(Actor &actor, std::size_t first, std::size_t count, std::size_t length)
{
	const auto &arena = actor.arena();
	const auto left = length / arena.page_size();
	auto told = announce(actor, arena.range(first + left, count - left), {EventKind::unmap});

	if (::mremap(arena.page(first), count * arena.page_size(), length, 0) == MAP_FAILED)
		return false;
	told.check();
	return true;
}

/* Over what is still mapped of it. */
bool map_rest(Actor &actor, std::size_t first, std::size_t count)
{
	const auto &arena = actor.arena();
	const auto told = announce(actor, arena.range(first, count), {EventKind::unmap});

	return arena.map(first, count) == 0;
}

/*
 * Ends the mapping earlier, and grows it again. It can't grow if it was split meanwhile, as writes
 * between have split it: EFAULT.
 */
Outcome shrink_and_grow(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = 2 + actor.random().below(15);
	const auto first = std::min(actor.page(), arena.pages() - count);
	const auto length = count * arena.page_size(), shorter = length / 2 & -arena.page_size();
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, first, count);

	if (!shrink(actor, first, count, shorter))
		return of_errno(errno);
	pause_a_moment(actor);
	auto outcome = Outcome::done;
	if (::mremap(arena.page(first), shorter, length, 0) == MAP_FAILED) {
		outcome = of_errno(errno);
		if (!map_rest(actor, first, count))
			return actor.wrong("mapping it again: " + name_of(of_errno(errno)));
	}
	arena.wake(first, count);
	const auto watched = watch_again(actor, opening);
	return watched == Outcome::done ? outcome : watched;
}

bool has_file(Actor &actor)
{
	return static_cast<bool>(actor.arena().file());
}

/* The file ends before the page, and grows again: so it has a hole from the page on. */
Outcome truncate_file(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = arena.pages() - actor.page();
	const std::lock_guard guard(arena.structure());
	Opening opening(arena, actor.page(), count);

	if (::ftruncate(arena.file().get(), static_cast<off_t>(actor.page() * arena.page_size())))
		return of_errno(errno);
	pause_a_moment(actor);
	if (::ftruncate(arena.file().get(), static_cast<off_t>(arena.size())))
		return of_errno(errno);
	return watch_again(actor, opening);
}

using enum Outcome;
constexpr auto einval = of_errno(EINVAL), enomem = of_errno(ENOMEM), efault = of_errno(EFAULT);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> mapping = {
	{"mmap over", Role::changer, 5, Traits::none, map_anew, {done}, {}},
	{"munmap", Role::changer, 5, Traits::none, unmap, {done}, {}},
	{"mprotect", Role::changer, 8, Traits::none, change_access, {done}, {}},
	{"unregister, register", Role::changer, 5, Traits::none, unregister, {done}, {}},
	{"mremap", Role::changer, 8, Traits::small, move_away, {done}, {efault, enomem}},
	{"mremap of huge pages", Role::changer, 4, Traits::huge, move_away, {done},
	 {efault, enomem}, no_fault, nullptr, 20},
	{"mremap between registered neighbours", Role::changer, 6, Traits::small,
	 move_between_neighbours, {done}, {efault, enomem}, no_fault, is_forgotten_alone},
	{"mremap in halves", Role::changer, 5, Traits::small, move_in_halves, {done}, {efault, enomem}},
	{"mremap(DONTUNMAP)", Role::changer, 4, Traits::small, move_and_leave, {done},
	 {efault, enomem, einval}},
	{"mremap, shrink and grow", Role::changer, 5, Traits::small, shrink_and_grow, {done},
	 {efault, enomem}},
	{"truncate", Role::changer, 4, Traits::none, truncate_file, {done}, {}, no_fault, has_file},
};
/* clang-format on */

} // namespace torture
