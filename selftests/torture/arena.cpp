// SPDX-License-Identifier: GPL-2.0-only
#include "torture/arena.hpp"

#include "harness/backend.hpp"
#include "torture/machine.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace torture {

using namespace userfault;

namespace {

constexpr std::size_t small_page = 4096, huge_page = 2 << 20;
constexpr std::uintptr_t first_home = 0x100000000000, to_away = 0x010000000000,
			 between_arenas = 1 << 30;

using enum Traits;

constexpr auto plain = anonymous | small | privately;
constexpr auto all_events = Features::EventRemap | Features::EventRemove | Features::EventUnmap;

constexpr Kind all_kinds[] = {
	{"anonymous", plain, 64, Modes::Missing, Features::None},
	{"events", plain | events, 64, Modes::Missing, all_events | Features::EventFork},
	{"transparent", plain | transparent, 1024, Modes::Missing, Features::None},
	{"transparent protected", plain | transparent | protect, 512,
	 Modes::Missing | Modes::WriteProtect, Features::PagefaultFlagWp},
	{"shmem", shmem | small, 64, Modes::Missing | Modes::Minor, Features::MinorShmem},
	{"shmem events", shmem | small | events | protect, 64,
	 Modes::Missing | Modes::Minor | Modes::WriteProtect,
	 Features::MinorShmem | Features::WpHugetlbfsShmem | all_events | Features::EventFork},
	{"private file", small | privately, 64, Modes::Missing, Features::MissingShmem},
	{"private file protected", small | privately | protect, 64,
	 Modes::Missing | Modes::WriteProtect, Features::MissingShmem | Features::WpHugetlbfsShmem},
	{"huge shared", shmem | huge, 4, Modes::Missing | Modes::Minor, Features::MinorHugetlbfs},
	{"huge shared protected", shmem | huge | protect, 4,
	 Modes::Missing | Modes::Minor | Modes::WriteProtect,
	 Features::MinorHugetlbfs | Features::WpHugetlbfsShmem},
	{"huge private", huge | privately | protect, 4, Modes::Missing | Modes::WriteProtect,
	 Features::WpHugetlbfsShmem},
	{"huge events", huge | privately | protect | events, 4,
	 Modes::Missing | Modes::WriteProtect,
	 Features::WpHugetlbfsShmem | all_events | Features::EventFork},
	{"protected", plain | protect, 64, Modes::Missing | Modes::WriteProtect,
	 Features::PagefaultFlagWp | Features::EventRemap},
	{"protected events", plain | protect | events, 64, Modes::Missing | Modes::WriteProtect,
	 Features::PagefaultFlagWp | all_events | Features::EventFork},
	{"tracked", plain | protect | itself, 64, Modes::Missing | Modes::WriteProtect,
	 Features::PagefaultFlagWp | Features::WpAsync},
	{"shmem transparent", shmem | small | transparent, 512, Modes::Missing | Modes::Minor,
	 Features::MinorShmem},
	{"shmem tracked", shmem | small | protect | itself, 64,
	 Modes::Missing | Modes::Minor | Modes::WriteProtect,
	 Features::MinorShmem | Features::WpHugetlbfsShmem | Features::WpAsync},
	{"loose", plain | lossy, 64, Modes::Missing, Features::None},
	{"loose protected", plain | lossy | protect, 64, Modes::Missing | Modes::WriteProtect,
	 Features::PagefaultFlagWp},
	{"alike", plain | alike, 64, Modes::Missing, Features::None},
	{"alike protected", plain | alike | protect, 64, Modes::Missing | Modes::WriteProtect,
	 Features::PagefaultFlagWp},
	{"guarded", plain | protect_all, 64, Modes::Missing | Modes::ReadWriteProtect,
	 Features::Rwp},
	{"guarded shmem", shmem | small | protect_all, 64,
	 Modes::Missing | Modes::Minor | Modes::ReadWriteProtect,
	 Features::MinorShmem | Features::Rwp},
	{"guarded transparent", plain | transparent | protect_all, 512,
	 Modes::Missing | Modes::ReadWriteProtect, Features::Rwp},
	{"guarded huge", huge | privately | protect_all, 4,
	 Modes::Missing | Modes::ReadWriteProtect, Features::Rwp},
	{"sigbus", plain | sigbus, 64, Modes::Missing, Features::Sigbus},
};

static_assert(std::size(all_kinds) < most_arenas); /* the last number is of no arena */

/* In the folder whose blocks are counted, if there is one. */
Fd make_file(bool is_huge)
{
	if (is_huge)
		return Fd(::memfd_create("torture", MFD_CLOEXEC | MFD_HUGETLB));
	if (!shared().gentle)
		if (Fd file(::open(files_folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)); file)
			return file;
	return Fd(::memfd_create("torture", MFD_CLOEXEC));
}

} // namespace

std::span<const Kind> kinds()
{
	return all_kinds;
}

Arena::Arena(Place place, const Kind &kind)
	: place_(place), kind_(kind), page_size_(has(kind.traits, huge) ? huge_page : small_page)
{
}

Arena::Arena(Place place, const Kind &kind, Context context, Fd file) : Arena(place, kind)
{
	context_ = std::move(context);
	file_ = std::move(file);
}

std::unique_ptr<Arena> Arena::make(Place place, const Kind &kind, const std::string &device)
{
	std::unique_ptr<Arena> arena(new Arena(place, kind));

	if (!arena->open(device))
		return nullptr;
	/* Linux 6.1 makes a huge page of a file that has holes there. */
	if (arena->is(shmem | transparent) && selftests::kernel_before(6, 12))
		arena->expect_zeroes(0, arena->pages());
	return arena;
}

std::unique_ptr<Arena> Arena::of_child(Fd context) const
{
	auto child = std::make_unique<Arena>(place_, kind_, Context::adopt(std::move(context)),
					     Fd(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0)));

	child->of_child_ = true;
	return child;
}

bool Arena::open(const std::string &device)
{
	if (!is(anonymous) && !(is(huge) && is(privately))) {
		file_ = make_file(is(huge));
		if (!file_ || ::ftruncate(file_.get(), static_cast<off_t>(size())))
			return false;
	}
	auto opened =
		Context::open({.device = device, .nonblocking = true, .required = kind_.features});
	if (!opened || map(0, pages()))
		return false;
	context_ = std::move(opened->context);
	return register_again(0, pages()).has_value();
}

void Arena::expect_zeroes(std::size_t first, std::size_t count) const
{
	for (std::size_t i = first; i < first + count; i++)
		entry(i).zeroed = ~0u;
}

std::string Arena::name() const
{
	return "world " + std::to_string(place_.world) + ", " + kind_.name;
}

bool Arena::explains(Outcome outcome, const PageEntry &entry, const Before &before) const
{
	const bool bus = sigbus_is_right(entry, before) || is(Traits::sigbus);
	const bool segv = sigsegv_is_right(entry, before);

	if (outcome == Outcome::sigbus)
		return bus;
	return outcome == Outcome::sigsegv ? segv : bus || segv;
}

std::byte *Arena::home() const
{
	return reinterpret_cast<std::byte *>(first_home + place_.number * between_arenas);
}

std::byte *Arena::away() const
{
	return home() + to_away;
}

Address Arena::address(std::size_t index) const
{
	return reinterpret_cast<Address>(page(index));
}

Range Arena::range(std::size_t first, std::size_t count) const
{
	return {address(first), count * page_size_};
}

std::optional<std::size_t> Arena::index_of(Address address) const
{
	for (const auto *base : {home(), away()}) {
		const auto offset = address - reinterpret_cast<Address>(base);
		if (offset < size())
			return offset / page_size_;
	}
	return std::nullopt;
}

volatile std::uint64_t *Arena::words(std::size_t index) const
{
	return reinterpret_cast<volatile std::uint64_t *>(page(index));
}

Stamp Arena::stamp(std::size_t index, unsigned generation) const
{
	return {place_.world * unsigned{most_arenas} + place_.number,
		is(alike) ? 0 : static_cast<unsigned>(index), generation};
}

PageEntry &Arena::entry(std::size_t index) const
{
	return shared().worlds[place_.world].pages[place_.number][index];
}

/* Small pages don't become a huge one if they are zero pages of a registered range, or poisoned. */
bool Arena::may_be_zero(std::size_t index) const
{
	return !is(huge) && !is(transparent) && index % 8 == 7;
}

bool Arena::may_be_poison(std::size_t index) const
{
	return is(huge) ? index % 4 == 3 : !is(transparent) && index % 16 == 13;
}

int Arena::map_flags() const
{
	return (is(privately) ? MAP_PRIVATE : MAP_SHARED) | (file_ ? 0 : MAP_ANONYMOUS) |
	       (is(huge) ? MAP_HUGETLB : 0);
}

int Arena::map(std::size_t first, std::size_t count) const
{
	auto *start = page(first);
	const auto length = count * page_size_;

	if (::mmap(start, length, PROT_READ | PROT_WRITE, map_flags() | MAP_FIXED, file_.get(),
		   static_cast<off_t>(first * page_size_)) == MAP_FAILED)
		return -1;
	if (is(transparent))
		::madvise(start, length, MADV_HUGEPAGE);
	else if (is(small))
		::madvise(start, length, MADV_NOHUGEPAGE);
	if (is(alike))
		::madvise(start, length, MADV_MERGEABLE);
	return 0;
}

Result<Ioctls> Arena::register_again(std::size_t first, std::size_t count) const
{
	return context_.register_range(range(first, count), kind_.modes);
}

void Arena::wake(std::size_t first, std::size_t count) const
{
	const auto here = range(first, count);

	static_cast<void>(context_.wake(here));
	static_cast<void>(context_.wake({here.start + to_away, here.length}));
}

/*
 * A private mapping of a file, too: while it isn't registered, mm puts pages of zeroes into the
 * file, which it would find there again. Poison isn't in the file, and goes by the advice alone.
 */
int Arena::drop(std::size_t first, std::size_t count) const
{
	if (file_ && ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 static_cast<off_t>(first * page_size_),
				 static_cast<off_t>(count * page_size_)))
		return -1;
	return ::madvise(page(first), count * page_size_, MADV_DONTNEED_LOCKED);
}

} // namespace torture
