// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include "bar.hpp"
#include "json.hpp"
#include "names.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/core.h>
#include <functional>
#include <thread>

namespace userfaultctl {

namespace {

/* What is shown of the memory, and why some of it isn't. */
struct Memory {
	std::vector<Region> regions;
	std::vector<Waiter> waiters;
	std::string hidden;
};

/* EBUSY: the process changes its mappings, which rarely takes long. */
std::vector<Region> regions_of(Client &client, std::uint64_t id)
{
	constexpr int tries = 20;

	for (int i = 1;; i++) {
		try {
			return client.regions(id).items;
		} catch (const RequestError &error) {
			if (error.number() != EBUSY || i == tries)
				throw;
		}
		std::this_thread::sleep_for(milliseconds(10));
	}
}

/* Leaves out what can't be had for one of these reasons, and notes it. */
template <class Item>
void add(std::vector<Item> &items, std::string &hidden,
	 const std::function<std::vector<Item>()> &get)
{
	try {
		items = get();
	} catch (const RequestError &error) {
		if (error.number() != EPERM && error.number() != ESRCH && error.number() != EBUSY)
			throw;
		hidden = error.what();
	}
}

Memory memory_of(Client &client, std::uint64_t id)
{
	Memory memory;

	add<Region>(memory.regions, memory.hidden, [&] { return regions_of(client, id); });
	add<Waiter>(memory.waiters, memory.hidden, [&] { return client.waiters(id).items; });
	return memory;
}

std::string words(const std::vector<std::string> &names)
{
	return names.empty() ? "none" : joined(names, " ");
}

void line(const Output &output, const char *name, const std::string &text)
{
	output.out << fmt::format("  {:<10}", name) << text << '\n';
}

std::string since(const std::optional<milliseconds> &oldest)
{
	return oldest ? ", the oldest for " + short_time(*oldest) : "";
}

void print_context(const Output &output, const Context &context)
{
	const auto owner =
		context.tgid ? fmt::format("{} (pid {})", harmless(context.comm), *context.tgid)
			     : "a process that is gone, or not there yet";

	output.out << output.heading(fmt::format("context {} of {}", context.id, owner)) << '\n';
	line(output, "made",
	     fmt::format("{} ago by user {}", short_time(context.age), context.uid));
	line(output, "flags", words(flag_names(context.flags)));
	line(output, "features", words(feature_names(context.features)));
	line(output, "modes", words(mode_names(context.modes)));
	line(output, "waiting",
	     fmt::format("{} threads in a fault{}", context.waiting,
			 since(context.oldest_waiting)));
	line(output, "pending",
	     fmt::format("{} of them nobody has read{}", context.pending,
			 since(context.oldest_pending)));
	line(output, "events",
	     fmt::format("{} threads until their event is read{}", context.events,
			 since(context.oldest_event)));
}

void print_regions(const Output &output, const Memory &memory)
{
	Table table({"REGION", ">LENGTH", "MODES", "MEMORY"});

	for (const auto &region : memory.regions)
		table.add({fmt::format("{:#x}", region.start), short_bytes(region.length),
			   joined(mode_names(region.modes), ","), memory_name(region.memory)});
	if (table.empty())
		return;
	output.out << "\n["
		   << bar_of(memory.regions, memory.waiters, std::max(output.width, 24U) - 4)
		   << "]\n";
	table.print(output);
}

void print_waiters(const Output &output, const Memory &memory)
{
	Table table({">THREAD", "ADDRESS", "ACCESS", ">FOR", "READ"});
	auto waiters = memory.waiters;

	std::ranges::sort(waiters, std::greater(), &Waiter::age);
	for (const auto &waiter : waiters)
		table.add({waiter.tid ? fmt::format("{}", waiter.tid) : "-",
			   fmt::format("{:#x}", waiter.address), access_name(waiter.flags),
			   short_time(waiter.age), waiter.told ? "yes" : "no"});
	if (table.empty())
		return;
	output.out << '\n';
	table.print(output);
}

void print_faults(const Output &output, const Counters &counters)
{
	Table faults({"FAULTS", ">COUNT"});

	for (const auto &fault : counters.faults)
		faults.add({fault_name(fault), fmt::format("{}", fault.count)});
	if (faults.empty())
		return;
	for (const auto &[name, count] :
	     {std::pair{"  woken", counters.woken}, std::pair{"  retried", counters.retried},
	      std::pair{"  interrupted", counters.interrupted},
	      std::pair{"  sigbus", counters.sigbus}})
		if (count)
			faults.add({name, fmt::format("{}", count)});
	for (const auto &message : counters.messages)
		faults.add(
			{"read: " + event_name(message.event), fmt::format("{}", message.count)});
	output.out << '\n';
	faults.print(output);
}

void print_commands(const Output &output, const Counters &counters)
{
	Table commands({"COMMAND", ">DONE", ">PARTLY", ">BYTES", "ERRORS"});

	for (const auto &command : counters.commands) {
		std::vector<std::string> errors;

		for (const auto &error : command.errors)
			errors.push_back(
				fmt::format("{} {}", error.count, error_name(error.number)));
		commands.add({command_name(command.number), fmt::format("{}", command.done),
			      fmt::format("{}", command.partly), short_bytes(command.bytes),
			      joined(errors, ", ")});
	}
	if (commands.empty())
		return;
	output.out << '\n';
	commands.print(output);
}

} // namespace

void show(Client &client, const Output &output, std::uint64_t id)
{
	const auto context = client.context(id);
	const auto memory = memory_of(client, id);
	const auto counters = client.counters(id);

	if (output.json) {
		Json json = {{"context", json_of(context)}, {"counters", json_of(counters)}};

		json["regions"] = json_of(memory.regions);
		json["waiters"] = json_of(memory.waiters);
		if (!memory.hidden.empty())
			json["hidden"] = memory.hidden;
		output.document(json);
		return;
	}
	print_context(output, context);
	if (!memory.hidden.empty())
		output.out << output.warning("  not all is shown: " + memory.hidden) << '\n';
	print_regions(output, memory);
	print_waiters(output, memory);
	print_faults(output, counters);
	print_commands(output, counters);
}

} // namespace userfaultctl
