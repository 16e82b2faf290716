// SPDX-License-Identifier: MIT
#include "client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <linux/userfault.h>
#include <netlink/attr.h>
#include <numeric>

namespace userfaultctl {

namespace {

/* The attributes of a message or of a nest. Those that it doesn't know are left out. */
template <int max> class Attributes {
public:
	Attributes(nlattr *first, int length)
	{
		::nla_parse(found_.data(), max, first, length, nullptr);
	}

	bool has(int type) const { return at(type) != nullptr; }
	std::uint32_t u32(int type) const { return has(type) ? ::nla_get_u32(at(type)) : 0; }
	std::uint64_t u64(int type) const { return has(type) ? ::nla_get_u64(at(type)) : 0; }
	std::string string(int type) const { return has(type) ? ::nla_get_string(at(type)) : ""; }
	milliseconds age(int type) const { return milliseconds(u64(type)); }

	std::optional<std::uint32_t> maybe_u32(int type) const
	{
		return has(type) ? std::optional(u32(type)) : std::nullopt;
	}
	std::optional<milliseconds> maybe_age(int type) const
	{
		return has(type) ? std::optional(age(type)) : std::nullopt;
	}

private:
	nlattr *at(int type) const { return found_[static_cast<std::size_t>(type)]; }

	std::array<nlattr *, max + 1> found_{};
};

/* Calls @got with the beginning and the length of each nest of @type. */
template <class Got> void for_each_nest(nlattr *first, int length, int type, Got got)
{
	int left = length;

	for (auto *attribute = first; ::nla_ok(attribute, left);
	     attribute = ::nla_next(attribute, &left))
		if (::nla_type(attribute) == type)
			got(static_cast<nlattr *>(::nla_data(attribute)), ::nla_len(attribute));
}

Context context_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_CONTEXT_MAX> of(first, length);

	return {
		.id = of.u64(USERFAULT_A_CONTEXT_ID),
		.tgid = of.maybe_u32(USERFAULT_A_CONTEXT_TGID),
		.pid = of.maybe_u32(USERFAULT_A_CONTEXT_PID),
		.comm = of.string(USERFAULT_A_CONTEXT_COMM),
		.uid = of.u32(USERFAULT_A_CONTEXT_UID),
		.flags = of.u32(USERFAULT_A_CONTEXT_FLAGS),
		.features = of.u64(USERFAULT_A_CONTEXT_FEATURES),
		.modes = of.u64(USERFAULT_A_CONTEXT_MODES),
		.age = of.age(USERFAULT_A_CONTEXT_AGE),
		.pending = of.u32(USERFAULT_A_CONTEXT_PENDING),
		.waiting = of.u32(USERFAULT_A_CONTEXT_WAITING),
		.events = of.u32(USERFAULT_A_CONTEXT_EVENTS),
		.oldest_pending = of.maybe_age(USERFAULT_A_CONTEXT_OLDEST_PENDING),
		.oldest_waiting = of.maybe_age(USERFAULT_A_CONTEXT_OLDEST_WAITING),
		.oldest_event = of.maybe_age(USERFAULT_A_CONTEXT_OLDEST_EVENT),
	};
}

Region region_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_REGION_MAX> of(first, length);

	return {
		.start = of.u64(USERFAULT_A_REGION_START),
		.length = of.u64(USERFAULT_A_REGION_LENGTH),
		.modes = of.u64(USERFAULT_A_REGION_MODES),
		.memory = of.u32(USERFAULT_A_REGION_MEMORY),
	};
}

Waiter waiter_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_WAITER_MAX> of(first, length);

	return {
		.tid = of.u32(USERFAULT_A_WAITER_TID),
		.address = of.u64(USERFAULT_A_WAITER_ADDRESS),
		.flags = of.u64(USERFAULT_A_WAITER_FLAGS),
		.age = of.age(USERFAULT_A_WAITER_AGE),
		.told = of.has(USERFAULT_A_WAITER_TOLD),
	};
}

FaultCount faults_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_FAULTS_MAX> of(first, length);

	return {
		.mode = of.u64(USERFAULT_A_FAULTS_MODE),
		.memory = of.u32(USERFAULT_A_FAULTS_MEMORY),
		.write = of.has(USERFAULT_A_FAULTS_WRITE),
		.kernel = of.has(USERFAULT_A_FAULTS_KERNEL),
		.count = of.u64(USERFAULT_A_FAULTS_COUNT),
	};
}

MessageCount messages_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_MESSAGES_MAX> of(first, length);

	return {
		.event = of.u32(USERFAULT_A_MESSAGES_EVENT),
		.count = of.u64(USERFAULT_A_MESSAGES_COUNT),
	};
}

ErrorCount errors_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_ERRORS_MAX> of(first, length);

	return {
		.number = static_cast<int>(of.u32(USERFAULT_A_ERRORS_ERRNO)),
		.count = of.u64(USERFAULT_A_ERRORS_COUNT),
	};
}

CommandCount command_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_COMMANDS_MAX> of(first, length);
	CommandCount command{
		.number = of.u32(USERFAULT_A_COMMANDS_NUMBER),
		.done = of.u64(USERFAULT_A_COMMANDS_DONE),
		.partly = of.u64(USERFAULT_A_COMMANDS_PARTLY),
		.bytes = of.u64(USERFAULT_A_COMMANDS_BYTES),
		.errors = {},
	};

	for_each_nest(first, length, USERFAULT_A_COMMANDS_ERRORS, [&](nlattr *nest, int size) {
		command.errors.push_back(errors_of(nest, size));
	});
	return command;
}

Counters counters_of(nlattr *first, int length)
{
	const Attributes<USERFAULT_A_COUNTERS_MAX> of(first, length);
	Counters counters{
		.context = of.u64(USERFAULT_A_COUNTERS_CONTEXT),
		.faults = {},
		.woken = of.u64(USERFAULT_A_COUNTERS_WOKEN),
		.retried = of.u64(USERFAULT_A_COUNTERS_RETRIED),
		.interrupted = of.u64(USERFAULT_A_COUNTERS_INTERRUPTED),
		.sigbus = of.u64(USERFAULT_A_COUNTERS_SIGBUS),
		.messages = {},
		.commands = {},
	};

	for_each_nest(first, length, USERFAULT_A_COUNTERS_FAULTS, [&](nlattr *nest, int size) {
		counters.faults.push_back(faults_of(nest, size));
	});
	for_each_nest(first, length, USERFAULT_A_COUNTERS_MESSAGES, [&](nlattr *nest, int size) {
		counters.messages.push_back(messages_of(nest, size));
	});
	for_each_nest(first, length, USERFAULT_A_COUNTERS_COMMANDS, [&](nlattr *nest, int size) {
		counters.commands.push_back(command_of(nest, size));
	});
	return counters;
}

void put_nothing(nl_msg *) {}

/* Puts the id of a context as attribute @type. */
Socket::Put put_id(int type, std::uint64_t id)
{
	return [=](nl_msg *message) { ::nla_put_u64(message, type, id); };
}

template <class Item>
Dump<Item> dump(Socket &socket, std::uint8_t command, const Socket::Put &put,
		Item (*item_of)(nlattr *, int))
{
	Dump<Item> dump;

	dump.consistent = socket.request(command, NLM_F_DUMP, put, [&](nlattr *first, int length) {
		dump.items.push_back(item_of(first, length));
	});
	return dump;
}

template <class Item>
Item one(Socket &socket, std::uint8_t command, const Socket::Put &put,
	 Item (*item_of)(nlattr *, int))
{
	std::optional<Item> found;

	socket.request(command, 0, put,
		       [&](nlattr *first, int length) { found = item_of(first, length); });
	if (!found)
		throw RequestError(EPROTO, "the kernel's answer is empty");
	return *std::move(found);
}

} // namespace

std::uint64_t Counters::all_faults() const
{
	return std::accumulate(faults.begin(), faults.end(), std::uint64_t{0},
			       [](auto sum, const auto &each) { return sum + each.count; });
}

Context Client::context(std::uint64_t id)
{
	return one(socket_, USERFAULT_CMD_CONTEXT_GET, put_id(USERFAULT_A_CONTEXT_ID, id),
		   context_of);
}

Dump<Context> Client::contexts()
{
	return dump(socket_, USERFAULT_CMD_CONTEXT_GET, put_nothing, context_of);
}

Dump<Region> Client::regions(std::uint64_t id)
{
	return dump(socket_, USERFAULT_CMD_REGION_GET, put_id(USERFAULT_A_REGION_CONTEXT, id),
		    region_of);
}

Dump<Waiter> Client::waiters(std::uint64_t id)
{
	return dump(socket_, USERFAULT_CMD_WAITER_GET, put_id(USERFAULT_A_WAITER_CONTEXT, id),
		    waiter_of);
}

Counters Client::counters(std::uint64_t id)
{
	return one(socket_, USERFAULT_CMD_COUNTERS_GET, put_id(USERFAULT_A_COUNTERS_CONTEXT, id),
		   counters_of);
}

Dump<Counters> Client::all_counters()
{
	return dump(socket_, USERFAULT_CMD_COUNTERS_GET, put_nothing, counters_of);
}

void Client::wake(std::uint64_t id, std::optional<std::uint64_t> address)
{
	socket_.request(
		USERFAULT_CMD_WAKE, 0,
		[&](nl_msg *message) {
			::nla_put_u64(message, USERFAULT_A_WAKE_CONTEXT, id);
			if (address)
				::nla_put_u64(message, USERFAULT_A_WAKE_ADDRESS, *address);
		},
		[](nlattr *, int) {});
}

} // namespace userfaultctl
