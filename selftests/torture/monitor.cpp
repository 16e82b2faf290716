// SPDX-License-Identifier: GPL-2.0-only
#include "torture/monitor.hpp"

#include "torture/telling.hpp"

#include <algorithm>
#include <optional>
#include <poll.h>
#include <utility>
#include <variant>

namespace torture {

using namespace userfault;

namespace {

/* Children that live at the same time are fewer; each brings up to four contexts. */
constexpr std::size_t most_children = 48, most_aside = 6;
constexpr int idle_milliseconds = 20;

/* The lie: as if a fork didn't copy the protection. */
void lose_protection(const Arena &child)
{
	if (is_told("forked") && child.is(Traits::protect))
		static_cast<void>(child.context().write_unprotect(child.range()));
}

} // namespace

Monitor::Monitor(World &world, unsigned number, std::uint64_t seed)
	: world_(world), number_(number), actor_(&world, Role::monitor, number, 0, seed)
{
	Hearing::begin(world.state(), number);
}

void Monitor::serve()
{
	take_over();
	while (!world_.state().monitors_end)
		if (!read_all())
			answer_aside();
	answer_aside();
	actor_.is_over();
}

/* A monitor before this one may have read messages that it didn't answer. */
void Monitor::take_over()
{
	for (const auto &arena : world_.arenas)
		if (arena)
			arena->wake(0, arena->pages());
}

/* Reads one message of each context that has some; false if there was none for a while. */
bool Monitor::read_all()
{
	std::vector<pollfd> fds;
	std::vector<Arena *> arenas;

	actor_.is_over(); /* it waits for others now */
	for (const auto &arena : world_.arenas)
		if (arena)
			arenas.push_back(arena.get());
	for (const auto &child : children_)
		arenas.push_back(child.get());
	for (const auto *arena : arenas)
		fds.push_back({arena->context().fd(), POLLIN, 0});
	if (::poll(fds.data(), fds.size(), idle_milliseconds) <= 0)
		return false;
	for (std::size_t i = 0; i < fds.size(); i++)
		if (fds[i].revents & POLLIN)
			read_one(*arenas[i]);
	while (children_.size() > most_children)
		children_.pop_front();
	return true;
}

void Monitor::read_one(Arena &arena)
{
	/* Another monitor may have been faster. */
	if (auto message = hear(arena))
		handle(arena, *message);
}

std::optional<Message> Monitor::hear(const Arena &arena)
{
	Hearing hearing(world_.state(), number_);
	auto read = arena.context().read();
	std::optional<Message> message = read ? std::move(*read) : std::nullopt;

	if (message)
		hearing.note(arena, *message);
	return message;
}

void Monitor::handle(Arena &arena, Message &message)
{
	if (auto *fork = std::get_if<Fork>(&message)) {
		children_.push_back(arena.of_child(std::move(fork->context)));
		lose_protection(*children_.back());
	}
	const auto *fault = std::get_if<Fault>(&message);
	if (!fault)
		return;
	shared().faults++;
	const auto page = arena.index_of(fault->address);
	if (!page)
		return fail("a fault is nowhere in its arena: " + arena.name());
	if (actor_.random().one_in(16) && !arena.is_of_child()) {
		aside_.push_back({&arena, *fault});
		if (aside_.size() > most_aside)
			answer_aside();
		return;
	}
	actor_.answer(arena, *page, *fault);
}

/* The last one first. */
void Monitor::answer_aside()
{
	for (; !aside_.empty(); aside_.pop_back()) {
		const auto &[arena, fault] = aside_.back();
		if (const auto page = arena->index_of(fault.address))
			actor_.answer(*arena, *page, fault);
	}
}

} // namespace torture
