// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a monitor answers to a fault, and the mistakes that it makes on purpose. After everything
 * but a success the monitor wakes the thread, which then faults again.
 */
#include "torture/actor.hpp"
#include "torture/change.hpp"
#include "torture/evidence.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <userfault/mapping.hpp>
#include <vector>

namespace torture {

using namespace userfault;

namespace {

std::span<std::byte> stamped(Actor &actor, std::size_t page, const Fill &fill)
{
	const auto &arena = actor.arena();
	const auto bytes = actor.buffer().first(arena.page_size());

	write_stamp(bytes, arena.stamp(page, fill.generation()));
	return bytes;
}

Outcome of_progress(const Progress &progress)
{
	return of_error(progress.error);
}

CopyModes copy_modes(Actor &actor)
{
	const auto &arena = actor.arena();

	return arena.is(Traits::protect) && actor.random().one_in(4) ? CopyModes::WriteProtect
								     : CopyModes::None;
}

Outcome copy(Actor &actor)
{
	const Fill fill(actor.entry());

	return of_progress(actor.arena().context().copy(
		actor.fault_page(), stamped(actor, actor.page(), fill), copy_modes(actor)));
}

/* The page of the fault, and those after it. */
Outcome copy_many(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto count = actor.count(64);
	std::vector<std::byte> bytes(count * arena.page_size());
	std::vector<Fill> fills;

	for (std::size_t i = 0; i < count; i++) {
		fills.emplace_back(arena.entry(actor.page() + i));
		const auto source = stamped(actor, actor.page() + i, fills.back());
		std::ranges::copy(source, bytes.begin() + static_cast<long>(i * source.size()));
	}
	return of_progress(arena.context().copy(actor.fault_page(), bytes, copy_modes(actor)));
}

bool may_be_zero(Actor &actor)
{
	return actor.arena().may_be_zero(actor.page());
}

Outcome zeropage(Actor &actor)
{
	const Fill fill(actor.entry());

	fill.is_zeroes();
	return of_progress(
		actor.arena().context().zeropage({actor.fault_page(), actor.arena().page_size()}));
}

bool may_be_poison(Actor &actor)
{
	return actor.arena().may_be_poison(actor.page());
}

Outcome poison(Actor &actor)
{
	const Fill fill(actor.entry());

	fill.is_poison();
	return of_progress(
		actor.arena().context().poison({actor.fault_page(), actor.arena().page_size()}));
}

/* It makes no content, but a page that isn't protected. */
Outcome resume(Actor &actor)
{
	const Lifting lifting(actor.arena(), actor.page(), 1);

	return of_progress(
		actor.arena().context().resume({actor.fault_page(), actor.arena().page_size()}));
}

/*
 * write(2) can't write to hugetlb: through a mapping that isn't registered. The page is made
 * before, so that a lack of huge pages is an error. A file that is cut meanwhile is SIGBUS. Two
 * that wrote at once would leave a page of two generations.
 */
Outcome write_to_huge_file(const Arena &arena, off_t offset, std::span<const std::byte> bytes)
{
	const int fd = arena.file().get();

	if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, static_cast<off_t>(bytes.size())))
		return of_errno(errno);
	void *start = ::mmap(nullptr, bytes.size(), PROT_WRITE, MAP_SHARED, fd, offset);
	if (start == MAP_FAILED)
		return of_errno(errno);
	const auto outcome = guarded([&] { std::memcpy(start, bytes.data(), bytes.size()); });
	::munmap(start, bytes.size());
	return outcome;
}

Outcome write_to_file(const Arena &arena, std::size_t page, std::span<const std::byte> bytes)
{
	const auto offset = static_cast<off_t>(page * arena.page_size());

	if (arena.is(Traits::huge)) {
		auto &entry = arena.entry(page);
		if (entry.file_written.exchange(true))
			return Outcome::skipped;
		const auto before = entry.changes.mark();
		auto outcome = write_to_huge_file(arena, offset, bytes);
		/* Of a page that was taken out of the file meanwhile, a part is gone. */
		if (!entry.changes.alone_since(before)) {
			arena.drop(page, 1);
			outcome = Outcome::skipped;
		}
		entry.file_written = false;
		return outcome;
	}
	return of_call(::pwrite(arena.file().get(), bytes.data(), bytes.size(), offset));
}

/* Puts the page into the file, and maps what is there then. The file may have it already. */
Outcome write_and_resume(Actor &actor)
{
	const auto &arena = actor.arena();
	auto &entry = actor.entry();
	const Changing changing(arena, actor.page(), 1);
	const Fill fill(entry);
	const auto bytes = stamped(actor, actor.page(), fill);

	entry.file_writes.begin();
	const auto written = write_to_file(arena, actor.page(), bytes);
	entry.file_writes.end();
	if (written != Outcome::done)
		return written;
	return of_progress(arena.context().resume({actor.fault_page(), bytes.size()}));
}

/* Only the process itself can move its pages, and only pages that no file has. */
bool can_move(Actor &actor)
{
	return actor.world().inside && actor.arena().is(Traits::anonymous);
}

bool is_all_zero(std::span<const std::byte> bytes)
{
	return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{}; });
}

/* Fills @count pages at @staging, and moves them. What was moved is no longer there, the rest is.
 */
Outcome move_from(Actor &actor, std::byte *staging, std::size_t first, std::size_t count)
{
	const auto &arena = actor.arena();
	const auto size = arena.page_size();
	std::vector<Fill> fills;

	for (std::size_t i = 0; i < count; i++) {
		fills.emplace_back(arena.entry(first + i));
		std::ranges::copy(stamped(actor, first + i, fills.back()), staging + i * size);
	}
	const auto progress =
		arena.context().move(actor.fault_range(first, count).start,
				     {reinterpret_cast<Address>(staging), count * size});
	for (std::size_t i = 0; i < count; i++) {
		const std::span<std::byte> left(staging + i * size, size);
		if (i * size < progress.done && !is_all_zero(left))
			return actor.wrong("the " + std::to_string(i) +
					   "th page was moved, and is still where it was");
		if (i * size >= progress.done &&
		    !std::ranges::equal(stamped(actor, first + i, fills[i]), left))
			return actor.wrong("the " + std::to_string(i) +
					   "th page was not moved, and isn't where it was");
	}
	return of_progress(progress);
}

/* From small pages. */
Outcome move_small(Actor &actor, std::size_t count)
{
	auto staging = Mapping::anonymous(count * actor.arena().page_size());

	if (!staging)
		return of_error(staging.error());
	::madvise(staging->data(), staging->size(), MADV_NOHUGEPAGE);
	return move_from(actor, staging->data(), actor.page(), count);
}

Outcome move(Actor &actor)
{
	return move_small(actor, 1);
}

Outcome move_many(Actor &actor)
{
	return move_small(actor, actor.count(64));
}

bool can_move_huge(Actor &actor)
{
	return can_move(actor) && actor.arena().is(Traits::transparent);
}

/* The kernel can move it whole only to where there is nothing, and that is rare. */
Outcome move_huge(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = whole_huge_page(actor.page());
	const auto size = count * arena.page_size();

	if (has_pages(arena, first, count) && !actor.random().one_in(32))
		return Outcome::skipped;
	auto staging = Mapping::anonymous(2 * size);
	if (!staging)
		return of_error(staging.error());
	auto *start = staging->data() + -staging->range().start % size;
	::madvise(start, size, MADV_HUGEPAGE);
	const auto outcome = move_from(actor, start, first, count);
	return outcome == Outcome::done ? done_if(is_huge_page(arena, first)) : outcome;
}

Outcome unprotect(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(8);
	const Lifting lifting(arena, first, count);

	return of_result(arena.context().write_unprotect(actor.fault_range(first, count)));
}

Outcome give_access(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto [first, count] = actor.pages(8);
	const Lifting lifting(arena, first, count);

	return of_result(arena.context().rwunprotect(actor.fault_range(first, count)));
}

Outcome only_wake(Actor &actor)
{
	actor.arena().wake(actor.page(), 1);
	return Outcome::done;
}

/* Mistakes: each is answered with an error, and changes nothing. */

Outcome copy_to_no_page(Actor &actor)
{
	const auto &arena = actor.arena();

	return of_progress(arena.context().copy(actor.fault_page() + 1,
						actor.buffer().first(arena.page_size())));
}

Outcome copy_from_nowhere(Actor &actor)
{
	const auto &arena = actor.arena();
	auto *nowhere = reinterpret_cast<const std::byte *>(arena.away() - (1ull << 29));

	return of_progress(arena.context().copy(actor.fault_page(), {nowhere, arena.page_size()}));
}

Outcome fill_elsewhere(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto elsewhere = reinterpret_cast<Address>(arena.home() - (1ull << 29));

	return of_progress(
		arena.context().copy(elsewhere, actor.buffer().first(arena.page_size())));
}

/* Nothing waits there, or something that has to wait on. */
Outcome wake_a_stranger(Actor &actor)
{
	const auto &arena = actor.arena();
	const auto outcome = of_result(
		arena.context().wake(arena.range(actor.random().below(arena.pages()), 1)));

	arena.wake(actor.page(), 1);
	return outcome;
}

Outcome do_unknown_command(Actor &actor)
{
	std::uint64_t argument[8] = {};
	const auto result = actor.arena().context().ioctl(0xc018aa1f, argument);

	return of_result(result);
}

using enum Outcome;
constexpr auto eagain = of_errno(EAGAIN), eexist = of_errno(EEXIST), enoent = of_errno(ENOENT),
	       efault = of_errno(EFAULT), einval = of_errno(EINVAL), enomem = of_errno(ENOMEM),
	       esrch = of_errno(ESRCH), ebusy = of_errno(EBUSY), enotty = of_errno(ENOTTY);
/* The page is there meanwhile, mappings change or have changed, the file was cut, memory is short,
   the process was killed. A page to continue that the file no longer has is EINVAL. */
const std::vector<Outcome> races = {eagain, eexist, enoent, efault, enomem, esrch};
const std::vector<Outcome> resuming = {eagain, eexist, enoent, efault, enomem, esrch, einval};
const std::vector<Outcome> cut = {eagain, eexist, enoent, efault,	    enomem,
				  esrch,  einval, sigbus, of_errno(ENOSPC), of_errno(EINTR)};
const std::vector<Outcome> moving = {eagain, eexist, enoent, efault, enomem, esrch, ebusy, einval};
/* Or it was split: there may be no huge page for it, or no room for one. */
const std::vector<Outcome> moving_huge = {eagain, eexist, enoent, efault, enomem,
					  esrch,  ebusy,  einval, nothing};

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> answering = {
	{"answer: copy", Role::monitor, 40, Traits::none, copy, {done}, races, missing},
	{"answer: copy many", Role::monitor, 15, Traits::none, copy_many, {done, eagain}, races,
	 missing},
	{"answer: zeropage", Role::monitor, 60, Traits::none, zeropage, {done}, races, missing,
	 may_be_zero},
	{"answer: poison", Role::monitor, 30, Traits::none, poison, {done}, races, missing,
	 may_be_poison, 100, false, Features::Poison},
	{"answer: write to the file, continue", Role::monitor, 30, Traits::shmem,
	 write_and_resume, {done}, cut, missing},
	{"answer: move", Role::monitor, 20, Traits::none, move, {done}, moving, missing, can_move,
	 100, false, Features::Move},
	{"answer: move many", Role::monitor, 10, Traits::none, move_many, {done, eagain}, moving,
	 missing, can_move, 100, false, Features::Move},
	{"answer: move a huge page", Role::monitor, 60, Traits::none, move_huge, {done},
	 moving_huge, missing, can_move_huge, 200, false, Features::Move},
	{"answer: continue", Role::monitor, 40, Traits::none, resume, {done}, resuming, minor},
	{"answer: unprotect", Role::monitor, 40, Traits::none, unprotect, {done}, races, written},
	{"answer: give access", Role::monitor, 40, Traits::none, give_access, {done}, races,
	 accessed, nullptr, 100, false, Features::Rwp},
	{"answer: only wake", Role::monitor, 4, Traits::none, only_wake, {done}, {},
	 missing | minor | written | accessed},
	{"mistake: copy to no page", Role::monitor, 2, Traits::none, copy_to_no_page, {einval},
	 {esrch, eagain}, missing | minor | written},
	{"mistake: copy from nowhere", Role::monitor, 2, Traits::none, copy_from_nowhere,
	 {efault}, races, missing},
	{"mistake: fill elsewhere", Role::monitor, 2, Traits::none, fill_elsewhere, {enoent},
	 {esrch, eagain}, missing | minor | written},
	{"mistake: wake a stranger", Role::monitor, 2, Traits::none, wake_a_stranger, {done},
	 {esrch}, missing | minor | written | accessed},
	{"mistake: an unknown command", Role::monitor, 1, Traits::none, do_unknown_command,
	 {einval}, {enotty, esrch}, missing | minor | written | accessed},
};
/* clang-format on */

} // namespace torture
