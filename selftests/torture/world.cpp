// SPDX-License-Identifier: GPL-2.0-only
#include "torture/world.hpp"

#include "torture/accounts.hpp"
#include "torture/leaking.hpp"
#include "torture/monitor.hpp"
#include "torture/telling.hpp"

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <userfault/socket.hpp>
#include <vector>

namespace torture {

using namespace userfault;

namespace {

/* Beside a context and a file: to which arena they belong. */
struct Label {
	std::byte arena, has_file;
};

constexpr std::byte end_of_arenas{0xff};

bool send_label(int socket, int fd, Label label)
{
	const std::array payload = {label.arena, label.has_file};

	return send_fd(socket, fd, payload).has_value();
}

bool send_world(const World &world, int socket)
{
	for (std::size_t i = 0; i < world.arenas.size(); i++) {
		const auto *arena = world.arenas[i].get();
		if (!arena)
			continue;
		const Label label = {std::byte(i), std::byte(static_cast<bool>(arena->file()))};
		if (!send_label(socket, arena->context().fd(), label) ||
		    (arena->file() && !send_label(socket, arena->file().get(), label)))
			return false;
	}
	return send_label(socket, socket, {end_of_arenas, {}});
}

std::vector<std::thread> start_monitors(const Plan &plan, std::uint64_t seed, World &world)
{
	std::vector<std::thread> threads;

	for (unsigned i = 0; i < plan.monitors; i++)
		threads.emplace_back([&world, number = plan.first_monitor() + i, seed] {
			Monitor(world, number, seed).serve();
		});
	return threads;
}

/* Touchers come first: a lane is a toucher's number in its world. */
std::vector<std::thread> start_actors(const Plan &plan, std::uint64_t seed, World &world)
{
	std::vector<std::thread> threads;

	for (const auto &[role, number] : plan.actors())
		threads.emplace_back([&world, &plan, seed, role, number] {
			Actor(&world, role, number, number - plan.first_actor(), seed)
				.run(plan.steps);
		});
	return threads;
}

/* All other actors of this process have ended: so it takes the place of the first one. */
void unmap_all(const World &world)
{
	for (const auto &arena : world.arenas) {
		if (!arena)
			continue;
		Announced told(world.state(), 0, {*arena, arena->range(), {EventKind::unmap}});
		::munmap(arena->home(), arena->size());
		told.check();
	}
}

void join(std::vector<std::thread> threads)
{
	for (auto &thread : threads)
		thread.join();
}

/* The lie: as if the kernel refused memory of one kind. */
bool is_refused(unsigned kind)
{
	return is_told("refused") && kind == 0;
}

/* Another's machine may have no hugetlb pages. */
bool may_lack(const World &world, const Kind &kind)
{
	return !has(world.offered, kind.features) ||
	       (shared().gentle && has(kind.traits, Traits::huge));
}

std::unique_ptr<Arena> make_arena(const World &world, unsigned number)
{
	const auto &kind = kinds()[number];
	auto arena = is_refused(number) ? nullptr
					: Arena::make({world.number, number}, kind, world.device);

	if (!arena && !may_lack(world, kind))
		fail("world " + std::to_string(world.number) + " has no memory of the kind \"" +
		     kind.name + '"');
	return arena;
}

} // namespace

std::vector<std::pair<Role, unsigned>> Plan::actors() const
{
	std::vector<std::pair<Role, unsigned>> all;
	unsigned number = first_actor();

	for (const auto &[role, count] :
	     {std::pair(Role::toucher, touchers), std::pair(Role::changer, changers),
	      std::pair(Role::tracker, trackers)})
		for (unsigned i = 0; i < count; i++)
			all.emplace_back(role, number++);
	return all;
}

World make_world(const Plan &plan)
{
	World world{.number = plan.number, .device = plan.device, .inside = plan.inside};

	if (const auto grant = Context::probe({.device = plan.device}))
		world.offered = grant->offered;
	else
		fail(plan.device + ": " + grant.error().message());
	world.tally().offer(world.offered);
	for (unsigned i = 0; i < kinds().size(); i++)
		world.arenas.push_back(make_arena(world, i));
	return world;
}

int run_subject(const Plan &plan, std::uint64_t seed, int socket)
{
	catch_signals(&shared().worlds[plan.number].signals);
	auto world = make_world(plan);

	if (!plan.inside && !send_world(world, socket))
		return 1;
	auto monitors =
		plan.inside ? start_monitors(plan, seed, world) : std::vector<std::thread>();
	join(start_actors(plan, seed, world));
	unmap_all(world); /* which may wait for a monitor */
	world.state().monitors_end = true;
	join(std::move(monitors));
	if (is_told("leaks"))
		leak_huge_pages_of_process();
	if (const auto what = wrong_counters(); !what.empty())
		fail(what);
	return 0;
}

bool receive_world(const Plan &plan, int socket, World &world)
{
	world.arenas.clear();
	world.arenas.resize(kinds().size());
	for (;;) {
		std::array<std::byte, 2> payload;
		auto context = receive_fd(socket, payload);
		if (!context)
			return false;
		if (payload[0] == end_of_arenas)
			return true;
		const auto number = static_cast<unsigned>(payload[0]);
		Fd file;
		if (static_cast<bool>(payload[1])) {
			auto received = receive_fd(socket, payload);
			if (!received)
				return false;
			file = std::move(*received);
		}
		world.arenas[number] = std::make_unique<Arena>(
			Arena::Place{plan.number, number}, kinds()[number],
			Context::adopt(std::move(*context)), std::move(file));
	}
}

int run_monitors(const Plan &plan, std::uint64_t seed, World &world)
{
	catch_signals();
	join(start_monitors(plan, seed + world.state().monitor_lives, world));
	return 0;
}

} // namespace torture
