// SPDX-License-Identifier: MIT
#include "json.hpp"

#include "names.hpp"

#include <fmt/core.h>

namespace userfaultctl {

namespace {

/* Numbers in JSON are exact only up to 2^53: so addresses are text, as others print them. */
std::string address(std::uint64_t value)
{
	return fmt::format("{:#x}", value);
}

void add_if(Json &json, const char *name, const std::optional<std::uint32_t> &value)
{
	if (value)
		json[name] = *value;
}

void add_if(Json &json, const char *name, const std::optional<milliseconds> &value)
{
	if (value)
		json[name] = value->count();
}

Json json_of(const CommandCount &command)
{
	Json json = {{"done", command.done}, {"partly", command.partly}, {"bytes", command.bytes}};

	for (const auto &error : command.errors)
		json["errors"][error_name(error.number)] = error.count;
	return json;
}

} // namespace

Json json_of(const Context &context)
{
	Json json = {{"id", context.id}};

	add_if(json, "tgid", context.tgid);
	add_if(json, "pid", context.pid);
	if (context.tgid)
		json["comm"] = context.comm;
	json["uid"] = context.uid;
	json["flags"] = flag_names(context.flags);
	json["features"] = feature_names(context.features);
	json["modes"] = mode_names(context.modes);
	json["age"] = context.age.count();
	json["pending"] = context.pending;
	json["waiting"] = context.waiting;
	json["events"] = context.events;
	add_if(json, "oldest_pending", context.oldest_pending);
	add_if(json, "oldest_waiting", context.oldest_waiting);
	add_if(json, "oldest_event", context.oldest_event);
	return json;
}

Json json_of(const Region &region)
{
	return {{"start", address(region.start)},
		{"length", region.length},
		{"modes", mode_names(region.modes)},
		{"memory", memory_name(region.memory)}};
}

Json json_of(const Waiter &waiter)
{
	return {{"tid", waiter.tid},
		{"address", address(waiter.address)},
		{"access", access_name(waiter.flags)},
		{"age", waiter.age.count()},
		{"told", waiter.told}};
}

Json json_of(const Counters &counters)
{
	Json json = {{"context", counters.context},
		     {"faults", Json::object()},
		     {"woken", counters.woken},
		     {"retried", counters.retried},
		     {"interrupted", counters.interrupted},
		     {"sigbus", counters.sigbus},
		     {"messages", Json::object()},
		     {"commands", Json::object()}};

	for (const auto &fault : counters.faults)
		json["faults"][fault_name(fault)] = fault.count;
	for (const auto &message : counters.messages)
		json["messages"][event_name(message.event)] = message.count;
	for (const auto &command : counters.commands)
		json["commands"][command_name(command.number)] = json_of(command);
	return json;
}

} // namespace userfaultctl
