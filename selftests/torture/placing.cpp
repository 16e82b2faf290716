// SPDX-License-Identifier: GPL-2.0-only
/* Operations that have the kernel put pages elsewhere, and merge them. */
#include "torture/actor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
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
	bool moved = false;

	if (!has_second_node())
		return Outcome::lacking;
	for (std::size_t i = 0; i < count; i++)
		pages.push_back(arena.page(actor.page() + i));
	if (::syscall(SYS_move_pages, 0, count, pages.data(), nodes.data(), status.data(),
		      MPOL_MF_MOVE) < 0)
		return of_errno(errno);
	for (const int each : status)
		moved |= each == node;
	return moved ? Outcome::done : Outcome::late;
}

/* All pages of this process that are on one node. */
Outcome migrate(Actor &actor)
{
	const unsigned long from = 1ul << actor.random().below(2), to = from ^ 3;

	if (!has_second_node())
		return Outcome::lacking;
	return of_call(::syscall(SYS_migrate_pages, 0, 64, &from, &to));
}

/* The kernel moves the page, and never uses its frame again. */
Outcome soft_offline(Actor &actor)
{
	const auto &arena = actor.arena();

	return of_call(::madvise(arena.page(actor.page()), arena.page_size(), MADV_SOFT_OFFLINE));
}

Outcome compact(Actor &)
{
	const Fd file(::open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC));

	return of_call(::write(file.get(), "1", 1));
}

std::uint64_t number_at(const char *path, std::uint64_t index)
{
	const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
	std::uint64_t number = 0;

	if (::pread(file.get(), &number, sizeof(number), static_cast<off_t>(index * 8)) !=
	    sizeof(number))
		return 0;
	return number;
}

/* Whether KSM has merged the page with another. */
Outcome is_merged(Actor &actor)
{
	constexpr std::uint64_t present = 1ull << 63, frame = (1ull << 55) - 1, ksm = 1ull << 21;
	const auto entry =
		number_at("/proc/self/pagemap", actor.arena().address(actor.page()) / page_size());

	if (::access("/sys/kernel/mm/ksm/run", F_OK))
		return Outcome::lacking;
	const bool merged = entry & present && number_at("/proc/kpageflags", entry & frame) & ksm;
	return merged ? Outcome::done : Outcome::late;
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

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), efault = of_errno(EFAULT), einval = of_errno(EINVAL),
	       enomem = of_errno(ENOMEM), ebusy = of_errno(EBUSY), eio = of_errno(EIO),
	       ehwpoison = of_errno(EHWPOISON), eintr = of_errno(EINTR);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> placing = {
	{"move pages to a node", Role::changer, 8, Traits::none, move_to_node, {done, late},
	 {enomem, efault, of_errno(ENOENT)}},
	{"migrate all pages to a node", Role::changer, 1, Traits::none, migrate, {done},
	 {enomem, ebusy, eagain}},
	{"soft-offline a page", Role::changer, 1, Traits::small, soft_offline, {done},
	 {einval, efault, ebusy, eio, eagain, enomem, ehwpoison, eintr}, no_fault, nullptr, 100, true},
	{"compact memory", Role::changer, 1, Traits::none, compact, {done}, {}, no_fault, nullptr, 20,
	 true},
	{"a merged page", Role::changer, 3, Traits::alike, is_merged, {done, late}, {}},
	{"unmerge pages", Role::changer, 3, Traits::alike, unmerge, {done}, {enomem, eintr}},
};
/* clang-format on */

} // namespace torture
