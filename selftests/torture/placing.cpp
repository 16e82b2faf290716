// SPDX-License-Identifier: GPL-2.0-only
/* Operations that have the kernel put pages elsewhere, and merge them. */
#include "torture/actor.hpp"
#include "torture/evidence.hpp"
#include "torture/files.hpp"

#include <cerrno>
#include <chrono>
#include <linux/mempolicy.h>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

namespace torture {

using namespace userfault;

namespace {

bool has_second_node()
{
	return ::access("/sys/devices/system/node/node1", F_OK) == 0;
}

/* To one of two NUMA nodes. Each page that can't be moved has a status of its own. */
Outcome move_to_node(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(16);
	const int node = static_cast<int>(actor.random().below(2));
	std::vector<void *> pages;
	std::vector<int> nodes(count, node), status(count, -1);
	bool there = false;

	if (!has_second_node())
		return Outcome::lacking;
	for (std::size_t i = 0; i < count; i++)
		pages.push_back(arena.page(actor.page() + i));
	const Event moved("pgmigrate_success");
	if (::syscall(SYS_move_pages, 0, count, pages.data(), nodes.data(), status.data(),
		      MPOL_MF_MOVE) < 0)
		return of_errno(errno);
	for (const int each : status)
		there |= each == node;
	return there ? done_if(moved.has_happened()) : Outcome::late;
}

/* All pages of this process that are on one node. */
Outcome migrate(Actor &actor)
{
	const unsigned long from = 1ul << actor.random().below(2), to = from ^ 3;

	if (!has_second_node())
		return Outcome::lacking;
	const Event moved("pgmigrate_success");
	const auto outcome = of_call(::syscall(SYS_migrate_pages, 0, 64, &from, &to));
	return outcome == Outcome::done ? done_if(moved.has_happened()) : outcome;
}

/* The kernel moves the page, and never uses its frame again. */
Outcome soft_offline(Actor &actor)
{
	const auto &arena = actor.arena();

	return of_call(::madvise(arena.page(actor.page()), arena.page_size(), MADV_SOFT_OFFLINE));
}

Outcome compact(Actor &)
{
	const Event isolated("compact_isolated");

	if (!write_file("/proc/sys/vm/compact_memory", "1"))
		return of_errno(errno);
	return done_if(isolated.has_happened());
}

/*
 * Entries are read one after the other, and a frame that one page has just given up may be another
 * one's then. But it doesn't go to and fro between the two again and again.
 */
bool still_share(const Arena &arena, std::size_t first, std::size_t second, std::uint64_t frame)
{
	for (unsigned i = 0; i < 3; i++)
		if (frame_in(pagemap_entry(arena, first)) != frame ||
		    frame_in(pagemap_entry(arena, second)) != frame)
			return false;
	return true;
}

/*
 * Another page of the arena that has the same frame: KSM has merged them. Some kernels don't say so
 * in /proc/kpageflags. Pages that a monitor answers with zeroes have one without KSM.
 */
std::optional<std::size_t> merged_with(const Arena &arena, std::size_t page)
{
	const auto entries = pagemap(arena, 0, arena.pages());
	const auto frame = frame_in(entries[page]);

	for (std::size_t i = 0; frame && i < entries.size(); i++)
		if (i != page && !arena.may_be_zero(i) &&
		    ((frame_in(entries[i]) == frame && still_share(arena, page, i, frame)) ||
		     is_told("merged")))
			return i;
	return std::nullopt;
}

/* With the lie, all pages count as merged. */
bool ksm_runs()
{
	return number_in("/sys/kernel/mm/ksm/run") == 1 || is_told("merged");
}

bool is_not_zeroes(Actor &actor)
{
	return !actor.arena().may_be_zero(actor.page());
}

Outcome is_merged(Actor &actor)
{
	if (!ksm_runs())
		return Outcome::lacking;
	return merged_with(actor.arena(), actor.page()) ? Outcome::done : Outcome::late;
}

/* The module keeps KSM away from pages while they are registered for protection. */
Outcome is_left_alone(Actor &actor)
{
	if (!ksm_runs() || actor.world().is_native())
		return Outcome::lacking;
	const auto before = actor.entry().open.mark();
	const auto other = merged_with(actor.arena(), actor.page());
	if (!other)
		return Outcome::done;
	if (actor.entry().open.quiet_since(before))
		return actor.wrong("KSM has merged it with page " + std::to_string(*other));
	return Outcome::late;
}

/* From now on KSM doesn't merge these pages, and then it does so again. */
Outcome unmerge(Actor &actor)
{
	const auto &arena = actor.arena();
	auto *start = arena.page(actor.page());
	const auto length = actor.count(16) * arena.page_size();
	const std::lock_guard guard(arena.structure());

	if (::madvise(start, length, MADV_UNMERGEABLE))
		return errno == EINVAL ? Outcome::lacking : of_errno(errno);
	return of_call(::madvise(start, length, MADV_MERGEABLE));
}

/*
 * KSM gets all memory of the process for a while, but for what is registered for protection. Then
 * it has none, and gets back what it had before. Natively it forgets protection.
 */
Outcome merge_all(Actor &actor)
{
	if (actor.world().is_native())
		return Outcome::lacking;
	if (::prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0))
		return errno == EINVAL ? Outcome::lacking : of_errno(errno);
	std::this_thread::sleep_for(std::chrono::milliseconds(actor.random().below(100)));
	const auto outcome = of_call(::prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0));
	for (const auto &arena : actor.world().arenas)
		if (arena && arena->is(Traits::alike))
			::madvise(arena->home(), arena->size(), MADV_MERGEABLE);
	return outcome;
}

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), efault = of_errno(EFAULT), einval = of_errno(EINVAL),
	       enomem = of_errno(ENOMEM), ebusy = of_errno(EBUSY), eio = of_errno(EIO),
	       ehwpoison = of_errno(EHWPOISON), eintr = of_errno(EINTR);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> placing = {
	{"move pages to a node", Role::changer, 8, Traits::none, move_to_node, {done, late},
	 {nothing, enomem, efault, of_errno(ENOENT)}},
	{"migrate all pages to a node", Role::changer, 1, Traits::none, migrate, {done},
	 {nothing, enomem, ebusy, eagain}},
	{"soft-offline a page", Role::changer, 1, Traits::small, soft_offline, {done},
	 {einval, efault, ebusy, eio, of_errno(ENOTRECOVERABLE), eagain, enomem, ehwpoison, eintr}, no_fault,
	 nullptr, 100, true},
	{"compact memory", Role::changer, 1, Traits::none, compact, {done}, {nothing}, no_fault, nullptr, 20,
	 true},
	{"a merged page", Role::changer, 3, Traits::alike, is_merged, {done, late}, {}, no_fault,
	 is_not_zeroes},
	{"a protected page that isn't merged", Role::changer, 3, Traits::alike | Traits::protect,
	 is_left_alone, {done}, {late}, no_fault, is_not_zeroes, 20},
	{"unmerge pages", Role::changer, 3, Traits::alike, unmerge, {done}, {enomem, eintr}},
	{"merge all memory, prctl", Role::changer, 2, Traits::none, merge_all, {done},
	 {enomem, eintr}, no_fault, nullptr, 20},
};
/* clang-format on */

} // namespace torture
