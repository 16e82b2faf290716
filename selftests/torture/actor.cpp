// SPDX-License-Identifier: GPL-2.0-only
#include "torture/actor.hpp"

#include <algorithm>
#include <unistd.h>

namespace torture {

using namespace userfault;

namespace {

constexpr std::size_t largest_page = 2 << 20;

bool is_among(const std::vector<Outcome> &outcomes, Outcome outcome)
{
	return std::ranges::find(outcomes, outcome) != outcomes.end();
}

bool is_right(const Operation &operation, Outcome outcome)
{
	return outcome == Outcome::skipped || outcome == Outcome::lacking ||
	       is_among(operation.must, outcome) || is_among(operation.may, outcome);
}

/* What @fault is about. */
std::uint8_t kind_of(const Fault &fault)
{
	if (has(fault.flags, FaultFlags::WriteProtect))
		return written;
	if (has(fault.flags, FaultFlags::ReadWriteProtect))
		return accessed;
	return has(fault.flags, FaultFlags::Minor) ? minor : missing;
}

} // namespace

Actor::Actor(World *world, Role role, unsigned number, unsigned lane, std::uint64_t seed)
	: world_(world), role_(role), number_(number), lane_(lane), seed_(seed), random_(seed),
	  state_(shared().actors[number]),
	  written_(role == Role::toucher ? most_arenas * most_pages : 0), seen_(written_.size()),
	  buffer_(largest_page)
{
}

void Actor::run(unsigned steps)
{
	while (step_ < steps && !shared().stopping)
		step();
	is_over();
}

void Actor::step()
{
	random_ = actor_random(seed_, number_, step_);
	const auto drawn = draw_step(role_, random_);
	const auto &operation = operations()[drawn.operation];

	page_ = drawn.page;
	arena_ = world_ ? world_->arenas[drawn.kind].get() : nullptr;
	if ((world_ && !arena_) || (operation.machine && shared().gentle))
		tally().add(drawn.operation, Outcome::lacking);
	else if (!operation.fits || operation.fits(*this))
		perform(drawn.operation);
	else
		tally().add(drawn.operation, Outcome::skipped);
	step_++;
}

std::size_t Actor::count(std::size_t most)
{
	return 1 + random_.below(std::min(most, arena_->pages() - page_));
}

Pages Actor::pages(std::size_t most)
{
	if (arena_->is(Traits::transparent) && random_.one_in(4))
		return whole_huge_page(page_);
	return {page_, count(most)};
}

Reading Actor::read(std::size_t index, const volatile std::uint64_t *words)
{
	const auto stamp = arena_->stamp(index, 0);
	const bool all = !arena_->is(Traits::huge) || random_.one_in(8);

	return read_stamp(words, arena_->page_size(), stamp.arena, stamp.page, all ? 1 : 8);
}

bool Actor::fits(const Operation &operation, std::uint8_t faults)
{
	return operation.role == Role::monitor && operation.faults & faults &&
	       arena_->is(operation.needs) && has(world_->offered, operation.features) &&
	       (!operation.fits || operation.fits(*this));
}

void Actor::answer(Arena &arena, std::size_t page, const Fault &fault)
{
	const auto faults = kind_of(fault);
	std::size_t sum = 0;

	random_ = actor_random(seed_, number_, step_++);
	arena_ = &arena;
	page_ = page;
	fault_ = &fault;
	for (const auto &each : operations())
		sum += fits(each, faults) ? each.weight : 0;
	auto left = random_.below(sum);
	for (std::size_t i = 0; i < operations().size(); i++) {
		const auto weight = fits(operations()[i], faults) ? operations()[i].weight : 0;
		if (left < weight)
			return perform(i);
		left -= weight;
	}
}

void Actor::perform(std::size_t operation)
{
	operation_ = operation;
	state_.process = ::getpid();
	state_.thread = ::gettid();
	state_.operation = static_cast<std::uint32_t>(operation);
	state_.step = step_;
	state_.since = seconds_now();
	const auto outcome = operations()[operation].run(*this);
	/* A thread whose fault wasn't resolved faults again. */
	if (role_ == Role::monitor && outcome != Outcome::done)
		arena_->wake(page_, 1);
	tally().add(operation, outcome);
	shared().operations++;
	if (outcome != Outcome::failed && !is_right(operations()[operation], outcome))
		wrong("ended with " + name_of(outcome));
}

Outcome Actor::wrong(const std::string &what) const
{
	std::string text = "actor " + std::to_string(number_) + ", step " + std::to_string(step_) +
			   ", \"" + operations()[operation_].name + '"';

	if (arena_)
		text += ", " + arena_->name() + ", page " + std::to_string(page_);
	fail(text + ": " + what);
	return Outcome::failed;
}

} // namespace torture
