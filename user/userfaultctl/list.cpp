// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include "json.hpp"
#include "names.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace userfaultctl {

namespace {

/* What waits longest, be it a fault or an event. */
std::optional<milliseconds> oldest_of(const Context &context)
{
	return std::max(context.oldest_waiting, context.oldest_event);
}

std::vector<std::string> row_of(const Context &context)
{
	const auto oldest = oldest_of(context);

	return {fmt::format("{}", context.id),
		context.tgid ? fmt::format("{}", *context.tgid) : "-",
		context.tgid ? harmless(context.comm) : "-",
		fmt::format("{}", context.uid),
		short_time(context.age),
		fmt::format("{}", context.waiting),
		fmt::format("{}", context.pending),
		fmt::format("{}", context.events),
		oldest ? short_time(*oldest) : "-",
		joined(mode_names(context.modes), ",")};
}

} // namespace

void list(Client &client, const Output &output)
{
	const auto contexts = client.contexts();

	if (output.json) {
		output.document({{"contexts", json_of(contexts.items)},
				 {"consistent", contexts.consistent}});
		return;
	}
	Table table({">ID", ">PID", "COMMAND", ">UID", ">AGE", ">WAITING", ">PENDING", ">EVENTS",
		     ">OLDEST", "MODES"});
	for (const auto &context : contexts.items)
		table.add(row_of(context));
	table.print(output);
	if (!contexts.consistent)
		output.out << output.warning("Contexts came or went meanwhile.") << '\n';
}

} // namespace userfaultctl
