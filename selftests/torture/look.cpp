// SPDX-License-Identifier: GPL-2.0-only
#include "torture/look.hpp"

#include <utility>

namespace torture {

Look::Look(Actor &actor, std::size_t first, std::size_t count)
	: actor_(actor), first_(first), generations_(count)
{
	for (std::size_t i = 0; i < count; i++)
		befores_.emplace_back(entry(i), true);
}

bool Look::at(const std::byte *base, bool registered)
{
	for (std::size_t i = 0; i < generations_.size(); i++)
		if (!look(i, base, registered))
			return false;
	return true;
}

bool Look::look(std::size_t i, const std::byte *base, bool registered)
{
	const auto &arena = actor_.arena();
	const auto *words = reinterpret_cast<const volatile std::uint64_t *>(
		base + (first_ + i) * arena.page_size());
	const auto &before = befores_[i];
	Reading reading;

	const auto outcome = guarded([&] { reading = actor_.read(first_ + i, words); });
	if (outcome != Outcome::done)
		return judge_signal(i, outcome);
	auto judged = reading;
	/* mm makes zeroes there, also while the page is read, if another actor drops it. */
	if (!registered && (reading.oldest > reading.newest || !before.is_unchanged(entry(i))))
		judged.zeroes = false;
	const auto verdict = judge(entry(i), before, judged, arena.is(Traits::lossy));
	if (verdict != Verdict::right)
		return wrong(i, describe(verdict, reading));
	return stays(i, reading);
}

bool Look::judge_signal(std::size_t i, Outcome outcome)
{
	generations_[i].reset();
	if (outcome == Outcome::sigbus &&
	    (actor_.arena().is(Traits::sigbus) || sigbus_is_right(entry(i), befores_[i])))
		return true;
	return wrong(i, "nothing explains " + name_of(outcome));
}

/* If nobody else changes the page, it is the one that was found before. */
bool Look::stays(std::size_t i, const Reading &reading)
{
	const auto &since = befores_[i];
	const auto found = reading.oldest <= reading.newest ? reading.newest : 0;
	const auto last = std::exchange(generations_[i], found);

	if (!last || *last == found || actor_.arena().is(Traits::lossy) ||
	    !since.is_unchanged(entry(i)) || !since.is_closed(entry(i)) ||
	    !entry(i).file_writes.quiet_since(since.file_writes))
		return true;
	return wrong(i, "it was of generation " + std::to_string(*last) + ", and is of " +
				std::to_string(found));
}

bool Look::wrong(std::size_t i, const std::string &what) const
{
	actor_.wrong("the " + std::to_string(i) + "th page that is moved: " + what);
	return false;
}

} // namespace torture
