// SPDX-License-Identifier: GPL-2.0-only
/* Operations that give the kernel advice about pages, and take pages away. */
#include "torture/actor.hpp"
#include "torture/change.hpp"
#include "torture/evidence.hpp"
#include "torture/telling.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace torture {

using namespace userfault;

namespace {

Outcome advise_at(const Arena &arena, const Pages &pages, int advice)
{
	return of_call(::madvise(arena.page(pages.first), pages.count * arena.page_size(), advice));
}

Outcome advise(Actor &actor, std::size_t count, int advice)
{
	return advise_at(actor.arena(), {actor.page(), count}, advice);
}

/* The same, for advice that has an event; @unsplit: nobody else can change the mappings. */
Outcome advise_and_tell(Actor &actor, const Pages &pages, int advice, bool unsplit)
{
	const auto &arena = actor.arena();
	Announced told(actor.world().state(), actor.number(),
		       {arena, arena.range(pages.first, pages.count), {EventKind::remove}});

	const auto outcome = advise_at(arena, pages, advice);
	if (outcome == Outcome::done && unsplit)
		told.check();
	return outcome;
}

/*
 * If the call waits for its event, and the mapping is split meanwhile, it drops only a part of the
 * pages, and says nothing. So with events it is certain only while nobody else splits mappings.
 */
Outcome dontneed(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(16);
	const std::unique_lock unsplit(arena.structure(), std::try_to_lock);
	Dropping dropping(arena, first, count);

	const auto outcome =
		advise_and_tell(actor, {first, count}, MADV_DONTNEED, unsplit.owns_lock());
	if (outcome == Outcome::done && arena.is(Traits::privately) &&
	    (unsplit || !arena.is(Traits::events)))
		dropping.is_certain(true);
	arena.wake(first, count);
	return outcome;
}

Outcome remove_pages(Actor &actor)
{
	const auto count = actor.count(16);
	const std::unique_lock unsplit(actor.arena().structure(), std::try_to_lock);
	Dropping dropping(actor.arena(), actor.page(), count);

	const auto outcome =
		advise_and_tell(actor, {actor.page(), count}, MADV_REMOVE, unsplit.owns_lock());
	if (outcome == Outcome::done)
		dropping.is_certain(false);
	actor.arena().wake(actor.page(), count);
	return outcome;
}

Outcome punch_hole(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(16);
	Dropping dropping(arena, actor.page(), count);

	const auto outcome =
		of_call(::fallocate(arena.file().get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    static_cast<off_t>(actor.page() * arena.page_size()),
				    static_cast<off_t>(count * arena.page_size())));
	if (outcome == Outcome::done)
		dropping.is_certain(false);
	arena.wake(actor.page(), count);
	return outcome;
}

/* A processor marks several such pages at once: at the next such call there, at the latest. */
Outcome free_pages(Actor &actor)
{
	const auto count = actor.count(16);
	const auto before = count_free(actor.arena(), actor.page(), count);

	const auto outcome = advise(actor, count, MADV_FREE);
	if (outcome != Outcome::done)
		return outcome;
	static_cast<void>(advise(actor, 1, MADV_FREE));
	return done_if(count_free(actor.arena(), actor.page(), count) > before);
}

/* These leave the pages what they are. */

/* The kernel looks at the pages before, most often: so mm takes them for used. */
Outcome cold(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(32);

	if (!actor.random().one_in(4))
		advise(actor, count, MADV_POPULATE_READ);
	const auto used = count_used(arena, actor.page(), count);
	const auto outcome = advise(actor, count, MADV_COLD);
	if (outcome != Outcome::done)
		return outcome;
	return done_if(count_used(arena, actor.page(), count) < used);
}

Outcome page_out(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(32);
	const auto swapped = count_swapped(arena, actor.page(), count);

	const auto outcome = advise(actor, count, MADV_PAGEOUT);
	if (outcome != Outcome::done)
		return outcome;
	if (count_swapped(arena, actor.page(), count) > swapped)
		return Outcome::done;
	return has_swap() ? Outcome::nothing : Outcome::lacking;
}

Outcome populate_read(Actor &actor)
{
	return advise(actor, actor.count(32), MADV_POPULATE_READ);
}

Outcome populate_write(Actor &actor)
{
	return advise(actor, actor.count(16), MADV_POPULATE_WRITE);
}

/* A missing page is a SIGBUS there, and no monitor fills it. */
Outcome fill_beforehand(Actor &actor)
{
	const auto &arena = actor.arena();
	const Fill fill(actor.entry());
	const auto bytes = actor.buffer().first(arena.page_size());

	write_stamp(bytes, arena.stamp(actor.page(), fill.generation()));
	return of_error(arena.context().copy(arena.address(actor.page()), bytes).error);
}

/*
 * Hundreds of faults, each of which may take a monitor long on a slow kernel. In parts, because the
 * kernel counts no fault of its own that a monitor has resolved.
 */
Outcome populate_huge_page(Actor &actor, const Pages &all)
{
	constexpr std::size_t part = 32;

	for (std::size_t i = 0; i < all.count; i += part) {
		const auto outcome =
			advise_at(actor.arena(), {all.first + i, part}, MADV_POPULATE_READ);
		if (outcome != Outcome::done)
			return outcome;
		actor.gets_on();
	}
	return Outcome::done;
}

/* All of a huge page, most often with all small pages there. */
Outcome collapse(Actor &actor)
{
	const auto all = whole_huge_page(actor.page());
	auto populated = Outcome::done;

	if (!actor.random().one_in(4))
		populated = populate_huge_page(actor, all);
	return populated == Outcome::done ? advise_at(actor.arena(), all, MADV_COLLAPSE)
					  : populated;
}

/* Half of the time it stays locked, whatever comes next: until it is mapped anew, or this again. */
Outcome lock_pages(Actor &actor, const Pages &pages, unsigned flags)
{
	const auto &arena = actor.arena();
	auto *start = arena.page(pages.first);
	const auto length = pages.count * arena.page_size();
	const std::lock_guard guard(arena.structure());
	const auto outcome = of_call(::mlock2(start, length, flags));

	if (actor.random().one_in(2))
		::munlock(start, length);
	return outcome;
}

Outcome lock(Actor &actor)
{
	return lock_pages(actor, actor.pages(16), MLOCK_ONFAULT);
}

Outcome lock_populated(Actor &actor)
{
	return lock_pages(actor, {actor.page(), actor.count(8)}, 0);
}

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), efault = of_errno(EFAULT), einval = of_errno(EINVAL),
	       enomem = of_errno(ENOMEM), ebusy = of_errno(EBUSY), ehwpoison = of_errno(EHWPOISON),
	       eintr = of_errno(EINTR);
/* Something is unmapped or without access, poisoned, locked or beyond the file's end. */
const std::vector<Outcome> odd = {eagain, efault, einval, enomem, ebusy, ehwpoison, eintr};

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> advising = {
	{"madvise(DONTNEED)", Role::changer, 30, Traits::none, dontneed, {done}, {einval, enomem}},
	{"madvise(REMOVE)", Role::changer, 12, Traits::shmem, remove_pages, {done},
	 {einval, enomem, eagain}},
	{"madvise(FREE)", Role::changer, 8, Traits::lossy, free_pages, {done},
	 {nothing, einval, enomem}, no_fault, nullptr, 50},
	{"madvise(FREE) of protected pages", Role::changer, 4, Traits::lossy | Traits::protect,
	 free_pages, {done}, {nothing, einval, enomem}, no_fault, nullptr, 50},
	{"madvise(COLD)", Role::changer, 5, Traits::small, cold, {done},
	 {nothing, einval, enomem}, no_fault, nullptr, 50},
	{"madvise(PAGEOUT)", Role::changer, 15, Traits::small, page_out, {done},
	 {nothing, einval, enomem}, no_fault, nullptr, 50},
	{"madvise(POPULATE_READ)", Role::changer, 6, Traits::none, populate_read, {done}, odd},
	{"madvise(POPULATE_WRITE)", Role::changer, 6, Traits::none, populate_write, {done}, odd},
	{"madvise(COLLAPSE)", Role::changer, 8, Traits::transparent, collapse, {done}, odd},
	{"madvise(COLLAPSE) of a file", Role::changer, 6, Traits::transparent | Traits::shmem,
	 collapse, {done}, odd},
	{"punch a hole", Role::changer, 12, Traits::shmem, punch_hole, {done}, {}},
	{"fill a page beforehand", Role::changer, 20, Traits::sigbus, fill_beforehand,
	 {done, of_errno(EEXIST)}, {eagain, of_errno(ENOENT), enomem}},
	{"mlock", Role::changer, 4, Traits::none, lock_populated, {done}, odd},
	{"mlock on fault", Role::changer, 4, Traits::none, lock, {done}, odd},
};
/* clang-format on */

} // namespace torture
