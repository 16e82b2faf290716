// SPDX-License-Identifier: GPL-2.0-only
/* Requests to the module's netlink family in which an allocation fails. */
#include "lib/fail_nth.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <userfaultctl/client.hpp>

using namespace selftests;
using namespace userfault;
namespace ctl = userfaultctl;

namespace {

using Request = std::function<void(ctl::Client &)>;

/* Makes a request as a system call is made. */
long made(const Request &request, ctl::Client &client)
{
	try {
		request(client);
	} catch (const ctl::RequestError &error) {
		errno = error.number();
		return -1;
	}
	return 0;
}

void check_failures_of(const Request &request)
{
	fail_each(Shortage::moment, [&](FailNth &nth) {
		ctl::Client client;

		if (const int error = nth([&] { return made(request, client); })) {
			CHECK((is_injected(error) || error == ENOBUFS || error == EIO));
			CHECK(made(request, client) == 0);
		}
	});
}

} // namespace

TEST_CASE("a request that finds no memory can be made again", "[injected][netlink][module][smp]")
{
	const World world(2);
	const auto id = fdinfo(world.context.fd()).number("context");
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_sleepers(world.context, 1);
	for (const Request &request : {
		     Request([&](ctl::Client &client) { client.context(id); }),
		     Request([&](ctl::Client &client) { client.contexts(); }),
		     Request([&](ctl::Client &client) { client.counters(id); }),
		     Request([&](ctl::Client &client) { client.all_counters(); }),
		     Request([&](ctl::Client &client) { client.wake(id, std::nullopt); }),
	     })
		check_failures_of(request);
	check_failures_of([&](ctl::Client &client) {
		if (client.regions(id).items.size() != 1)
			give_up("the list of regions is cut short");
	});
	check_failures_of([&](ctl::Client &client) {
		/* A thread that was woken is on its way back. */
		wait_until("it waits", [&] { return fdinfo(world.context.fd()).total == 1; });
		if (client.waiters(id).items.size() != 1)
			give_up("the list of waiters is cut short");
	});
	world.fill(0);
	reader.get();
}
