/* SPDX-License-Identifier: MIT */
#pragma once

#include "model.hpp"
#include "socket.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace userfaultctl {

/* A dump, and whether it is all of a piece: see Socket::request(). */
template <class Item> struct Dump {
	std::vector<Item> items;
	bool consistent = true;
};

/* The requests of the netlink family. Each throws RequestError. */
class Client {
public:
	Context context(std::uint64_t id);
	Dump<Context> contexts();
	Dump<Region> regions(std::uint64_t id);
	Dump<Waiter> waiters(std::uint64_t id);
	Counters counters(std::uint64_t id);
	Dump<Counters> all_counters();
	/* Wakes the threads that wait for the page at @address, or all. */
	void wake(std::uint64_t id, std::optional<std::uint64_t> address);

private:
	Socket socket_;
};

} // namespace userfaultctl
