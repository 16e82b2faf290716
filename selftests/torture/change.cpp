// SPDX-License-Identifier: GPL-2.0-only
#include "torture/change.hpp"

#include <algorithm>

namespace torture {

namespace {

template <class Work>
void for_each_entry(const Arena &arena, std::size_t first, std::size_t count, Work work)
{
	for (std::size_t i = first; i < first + count; i++)
		work(arena.entry(i));
}

/* A floor only rises. */
void raise(std::atomic<std::uint32_t> &floor, std::uint32_t to)
{
	std::uint32_t now = floor;

	while (now < to && !floor.compare_exchange_weak(now, to))
		;
}

} // namespace

Lifting::Lifting(const Arena &arena, std::size_t first, std::size_t count)
	: arena_(arena), first_(first), count_(count)
{
	for_each_entry(arena_, first_, count_, [](PageEntry &entry) { entry.lifts.begin(); });
}

Lifting::~Lifting()
{
	for_each_entry(arena_, first_, count_, [](PageEntry &entry) { entry.lifts.end(); });
}

Changing::Changing(const Arena &arena, std::size_t first, std::size_t count)
	: arena_(arena), first_(first), count_(count), lifting_(arena, first, count)
{
	for_each_entry(arena_, first_, count_, [](PageEntry &entry) { entry.changes.begin(); });
}

Changing::~Changing()
{
	for_each_entry(arena_, first_, count_, [](PageEntry &entry) { entry.changes.end(); });
}

Dropping::Dropping(const Arena &arena, std::size_t first, std::size_t count)
	: Changing(arena, first, count)
{
	for_each_entry(arena, first, count, [this](PageEntry &entry) {
		const std::uint32_t issued = entry.issued;

		floors_.push_back(entry.in_flight ? 0 : issued + 1);
	});
	/* A hole in a huge page of a file makes zeroes of its pages if mm can't split it. */
	if (arena.is(Traits::shmem | Traits::transparent))
		arena.expect_zeroes(first, count);
}

void Dropping::is_certain(bool poison)
{
	for (std::size_t i = 0; i < floors_.size(); i++) {
		auto &entry = arena_.entry(first_ + i);
		raise(entry.floor, floors_[i]);
		if (poison)
			raise(entry.poison_floor, floors_[i]);
	}
}

Opening::Opening(const Arena &arena, std::size_t first, std::size_t count)
	: Dropping(arena, first, count)
{
	for_each_entry(arena_, first_, count_, [](PageEntry &entry) { entry.open.begin(); });
}

Opening::~Opening()
{
	for_each_entry(arena_, first_, count_, [](PageEntry &entry) { entry.open.end(); });
}

} // namespace torture
