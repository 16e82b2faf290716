// SPDX-License-Identifier: GPL-2.0-only
/* Processes and monitors in user and process namespaces of their own, like those of containers. */
#include "lib/consumer.hpp"
#include "lib/rights.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <sched.h>
#include <userfault/socket.hpp>

using namespace selftests;
using namespace userfault;

namespace {

/* After this the calling process has every right in its namespace, and none outside of it. */
void enter_user_namespace()
{
	checked(::unshare(CLONE_NEWUSER));
}

int reads_patterns(const Memory &memory)
{
	return count_patterned(memory) == memory.pages() ? 0 : 1;
}

/* Like a Consumer, but the process makes its context within new namespaces. */
struct Tenant {
	Tenant(std::size_t pages, int namespaces, Features features)
		: memory(pages), sockets(take(socket_pair())), process([&] {
			  checked(::unshare(CLONE_NEWUSER | namespaces));
			  /* A process namespace is that of the next child. */
			  Process child([&] { return pass_and_read(features); });
			  return child.wait();
		  }),
		  context(Context::adopt(take(receive_fd(sockets.first.get(), payload))))
	{
	}

	Memory memory;
	std::array<std::byte, 1> payload{};
	std::pair<Fd, Fd> sockets;
	Process process;
	Context context;

private:
	int pass_and_read(Features features)
	{
		const auto its_context = open_context(features);

		take(its_context.register_range(memory.range(), Modes::Missing));
		take(send_fd(sockets.second.get(), its_context.fd(), payload));
		return reads_patterns(memory);
	}
};

} // namespace

TEST_CASE("a process that enters a user namespace is still served from outside", "[namespaces]")
{
	Consumer consumer(2, [](const Memory &memory) {
		enter_user_namespace();
		return reads_patterns(memory);
	});

	for (std::size_t i = 0; i < 2; i++) {
		CHECK(next_fault(consumer.context).address == consumer.memory.address(i));
		consumer.fill(i);
	}
	CHECK(consumer.process.wait() == 0);
}

TEST_CASE("a context made in a user namespace is served from outside", "[namespaces]")
{
	Tenant tenant(2, 0, Features::None);

	for (std::size_t i = 0; i < 2; i++) {
		CHECK(next_fault(tenant.context).address == tenant.memory.address(i));
		fill(tenant.context, tenant.memory, i);
	}
	CHECK(tenant.process.wait() == 0);
}

TEST_CASE("thread ids are those of the process's own namespace", "[namespaces]")
{
	Tenant tenant(1, CLONE_NEWPID, Features::ThreadId);

	CHECK(next_fault(tenant.context).thread == 1);
	fill(tenant.context, tenant.memory, 0);
	CHECK(tenant.process.wait() == 0);
}

TEST_CASE("a monitor in a user namespace serves a process outside", "[namespaces]")
{
	const World world(2);
	Process monitor([&] {
		enter_user_namespace();
		for (std::size_t i = 0; i < 2; i++)
			world.fill(world.memory.index_of(next_fault(world.context).address));
		return 0;
	});

	CHECK(count_patterned(world.memory) == 2);
	CHECK(monitor.wait() == 0);
}

TEST_CASE("rights in a user namespace are none to get the events of forks", "[namespaces][api]")
{
	Process process([] {
		enter_user_namespace();
		const auto context = take(Context::create(options_for()));
		const auto refused = context.handshake(Features::EventFork);
		return !refused && refused.error().value() == EPERM && context.handshake() ? 0 : 1;
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("a fork in a user namespace is reported to the context made outside",
	  "[namespaces][fork_event]")
{
	Consumer forker(1, options_for(Features::EventFork), [](const Memory &memory) {
		enter_user_namespace();
		Process child([&] { return reads_patterns(memory); });
		return child.wait();
	});
	const auto child = next_child(forker.context);

	CHECK(next_fault(child).address == forker.memory.address(0));
	fill(child, forker.memory, 0);
	CHECK(forker.process.wait() == 0);
}

/* The parameter is the module's; the device of native userfaultfd has none. */
TEST_CASE("rights in a user namespace are none to handle reserved faults of the kernel",
	  "[namespaces][module]")
{
	const ReservedKernelFaults reserved;
	auto for_user_mode = options_for();
	for_user_mode.user_mode_only = true;
	Process process([&] {
		if (!Context::create(options_for()))
			return 1;
		enter_user_namespace();
		const auto refused = Context::create(options_for());
		return !refused && refused.error().value() == EPERM && Context::open(for_user_mode)
			       ? 0
			       : 2;
	});

	CHECK(process.wait() == 0);
}
