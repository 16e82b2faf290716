// SPDX-License-Identifier: GPL-2.0-only
#include "torture/telling.hpp"

#include <cerrno>
#include <chrono>
#include <optional>
#include <sstream>
#include <thread>
#include <variant>

namespace torture {

using namespace userfault;

namespace {

constexpr const char *names[] = {"REMAP", "REMOVE", "UNMAP"};
constexpr Features features[] = {Features::EventRemap, Features::EventRemove, Features::EventUnmap};

std::size_t index(EventKind kind)
{
	return static_cast<std::size_t>(kind);
}

/* A bit for each page of @range, from @start on: arenas with events have few pages. */
std::uint64_t page_bits(const Arena &arena, Address start, const Range &range)
{
	const auto first = (range.start - start) / arena.page_size(),
		   count = range.length / arena.page_size();
	const auto bits = count < 64 ? (1ull << count) - 1 : ~0ull;

	return first < 64 ? bits << first : 0;
}

struct Event {
	EventKind kind;
	Range range;
	Address to = 0;
};

std::optional<Event> event_of(const Message &message)
{
	if (const auto *remap = std::get_if<Remap>(&message))
		return Event{EventKind::remap, {remap->from, remap->to.length}, remap->to.start};
	if (const auto *remove = std::get_if<Remove>(&message))
		return Event{EventKind::remove, remove->range};
	if (const auto *unmap = std::get_if<Unmap>(&message))
		return Event{EventKind::unmap, unmap->range};
	return std::nullopt;
}

/* The announcement's owner may change it meanwhile, if the event isn't of its call. */
bool fits(const Announcement &announcement, const Arena &arena, const Event &event)
{
	return announcement.open && announcement.arena == arena.number() &&
	       announcement.may[index(event.kind)] && event.range.length &&
	       event.range.start >= announcement.start && event.range.end() <= announcement.end &&
	       (event.kind != EventKind::remap ||
		event.to - event.range.start == announcement.to - announcement.start);
}

std::string describe(const Arena &arena, const Event &event)
{
	std::ostringstream text;

	text << arena.name() << ": " << names[index(event.kind)] << " tells of "
	     << event.range.length / arena.page_size() << " pages at " << std::hex
	     << event.range.start;
	if (event.to)
		text << ", now at " << event.to;
	return text.str();
}

} // namespace

Announced::Announced(WorldState &world, unsigned actor, const Change &change)
	: world_(world), arena_(change.arena),
	  announcement_(world.announcements[actor % actors_each]),
	  pages_(page_bits(change.arena, change.range.start, change.range)),
	  lives_(world.monitor_lives), all_live_(!world.monitor_killed)
{
	announcement_.arena = arena_.number();
	announcement_.start = change.range.start;
	announcement_.end = change.range.end();
	announcement_.to = change.to;
	for (std::size_t i = 0; i < event_kinds; i++) {
		announcement_.may[i] = false;
		announcement_.told[i] = 0;
	}
	for (const auto kind : change.kinds)
		announcement_.may[index(kind)] = has(arena_.kind().features, features[index(kind)]);
	announcement_.open = true;
}

Announced::~Announced()
{
	settle();
	announcement_.open = false;
}

/* What errno says of the call stays. */
void Announced::settle()
{
	const int error = errno;

	for (const auto &count : world_.hearings) {
		const std::uint32_t now = count;
		while (now % 2 && count == now)
			std::this_thread::sleep_for(std::chrono::microseconds(50));
	}
	settled_ = true;
	errno = error;
}

void Announced::check()
{
	if (!settled_)
		settle();
	if (!all_live_ || world_.monitor_killed || world_.monitor_lives != lives_)
		return;
	for (std::size_t i = 0; i < event_kinds; i++)
		if (announcement_.may[i] && (announcement_.told[i] & pages_) != pages_)
			fail(arena_.name() + ": a page was changed, and no " + names[i] +
			     " tells of it");
}

Hearing::Hearing(WorldState &world, unsigned actor)
	: world_(world), count_(world.hearings[actor % actors_each])
{
	count_++;
}

Hearing::~Hearing()
{
	count_++;
}

void Hearing::begin(WorldState &world, unsigned actor)
{
	auto &count = world.hearings[actor % actors_each];

	count += count % 2;
}

void Hearing::note(const Arena &arena, const Message &message)
{
	auto event = event_of(message);
	bool announced = false;

	if (!event || is_told("untold"))
		return;
	if (is_told("event"))
		event->range.start += arena.page_size();
	for (auto &each : world_.announcements) {
		if (arena.is_of_child() || !fits(each, arena, *event))
			continue;
		each.told[index(event->kind)] |= page_bits(arena, each.start, event->range);
		announced = true;
	}
	if (!announced)
		fail(describe(arena, *event) + ", which nobody changes");
}

} // namespace torture
