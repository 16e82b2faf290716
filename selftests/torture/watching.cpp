// SPDX-License-Identifier: GPL-2.0-only
/* Operations on contexts from outside, through the module's netlink family. */
#include "torture/actor.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <userfaultctl/client.hpp>

namespace torture {

namespace {

using userfaultctl::Client;

/* Does @work with a socket of its own. */
Outcome with_client(Actor &actor, const std::function<Outcome(Client &)> &work)
{
	try {
		Client client;

		return work(client);
	} catch (const userfaultctl::NoFamily &) {
		return Outcome::lacking;
	} catch (const userfaultctl::RequestError &error) {
		return of_errno(error.number());
	} catch (const std::exception &error) {
		return actor.wrong(error.what());
	}
}

std::optional<std::uint64_t> some_context(Actor &actor, Client &client)
{
	const auto contexts = client.contexts().items;

	if (contexts.empty())
		return std::nullopt;
	return contexts[actor.random().below(contexts.size())].id;
}

Outcome list_all(Actor &actor)
{
	return with_client(actor, [&](Client &client) {
		const auto contexts = client.contexts();
		const auto counters = client.all_counters();

		/* A list that was interrupted has each context that stayed, and each once, too. */
		if (std::ranges::adjacent_find(contexts.items,
					       [](const auto &one, const auto &next) {
						       return one.id >= next.id;
					       }) != contexts.items.end())
			return actor.wrong("contexts are listed twice, or in disorder");
		for (const auto &context : contexts.items)
			if (context.pending > context.waiting)
				return actor.wrong("more faults are pending than wait");
		return contexts.items.empty() && counters.items.empty() ? Outcome::nothing
									: Outcome::done;
	});
}

Outcome look_into_one(Actor &actor)
{
	return with_client(actor, [&](Client &client) {
		const auto id = some_context(actor, client);

		if (!id)
			return Outcome::nothing;
		const auto regions = client.regions(*id);
		const auto waiters = client.waiters(*id);

		for (std::size_t i = 1; i < regions.items.size(); i++)
			if (regions.items[i].start <
			    regions.items[i - 1].start + regions.items[i - 1].length)
				return actor.wrong("regions overlap");
		return Outcome::done;
	});
}

/* Threads whose page isn't there fault again. */
Outcome wake_from_outside(Actor &actor)
{
	return with_client(actor, [&](Client &client) {
		const auto id = some_context(actor, client);

		if (!id)
			return Outcome::nothing;
		const auto waiters = client.waiters(*id).items;
		if (waiters.empty() || actor.random().one_in(4))
			client.wake(*id, std::nullopt);
		else
			client.wake(*id, waiters[actor.random().below(waiters.size())].address);
		return Outcome::done;
	});
}

using enum Outcome;
/* The context, or its process, went meanwhile. */
constexpr auto enoent = of_errno(ENOENT), esrch = of_errno(ESRCH);
/* Its mappings are changing; the process is just becoming another program, or memory is short. */
constexpr auto ebusy = of_errno(EBUSY), eperm = of_errno(EPERM), enomem = of_errno(ENOMEM);

} // namespace

/* clang-format off */
const std::vector<Operation> watching = {
	{"list contexts", Role::boss, 20, Traits::none, list_all, {done}, {nothing, lacking, enomem}},
	{"look into a context", Role::boss, 20, Traits::none, look_into_one, {done},
	 {nothing, lacking, enoent, esrch, ebusy, eperm, enomem}},
	{"wake from outside", Role::boss, 10, Traits::none, wake_from_outside, {done},
	 {nothing, lacking, enoent, esrch, eperm, enomem}},
};
/* clang-format on */

} // namespace torture
