// SPDX-License-Identifier: GPL-2.0-only
/* A context that is passed over a unix socket: one process waits, and another one serves it. */
#include "harness/processes.hpp"
#include "lib/consumer.hpp"
#include "lib/monitor.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

std::array<std::byte, 1> payload{};

int all_pages_are_right(const Memory &memory)
{
	return count_patterned(memory) == memory.pages() ? 0 : 1;
}

} // namespace

TEST_CASE("a monitor fills the memory of the process that passed it the context", "[scm_rights]")
{
	Consumer consumer(64, all_pages_are_right);
	const Monitor monitor(consumer.context, [&](const Fault &fault) {
		consumer.fill(consumer.memory.index_of(fault.address));
	});

	CHECK(consumer.process.wait() == 0);
	CHECK(monitor.told() == 64);
	CHECK(is_zero(consumer.memory.bytes(0, 64))); /* not the monitor's own */
}

TEST_CASE("the source of a copy is the memory of the one that copies", "[scm_rights][security]")
{
	Consumer consumer(1, [](const Memory &memory) { return static_cast<int>(memory.word(0)); });
	const Memory source(1);

	source.word(0) = 42;
	next_fault(consumer.context);
	REQUIRE(consumer.context.copy(consumer.memory.address(0), source.bytes(0, 1)));
	CHECK(consumer.process.wait() == 42);
}

TEST_CASE("a monitor registers and unregisters the memory of the other process",
	  "[scm_rights][security]")
{
	Consumer consumer(2, [](const Memory &memory) {
		return memory.word(0) == 0 && memory.word(1) == pattern_word(1) ? 0 : 1;
	});

	next_fault(consumer.context);
	take(consumer.context.unregister_range(consumer.memory.range(0, 1)));
	next_fault(consumer.context);
	take(consumer.context.register_range(consumer.memory.range(), Modes::Missing));
	consumer.fill(1);
	CHECK(consumer.process.wait() == 0);
}

TEST_CASE("one monitor serves many processes", "[scm_rights]")
{
	const std::size_t count = 8, pages = 16;
	std::vector<std::unique_ptr<Consumer>> consumers;
	std::vector<std::unique_ptr<Monitor>> monitors;

	for (std::size_t i = 0; i < count; i++) {
		consumers.push_back(std::make_unique<Consumer>(pages, all_pages_are_right));
		auto &consumer = *consumers.back();
		monitors.push_back(std::make_unique<Monitor>(
			consumer.context, [&consumer](const Fault &fault) {
				consumer.fill(consumer.memory.index_of(fault.address));
			}));
	}
	for (std::size_t i = 0; i < count; i++) {
		CHECK(consumers[i]->process.wait() == 0);
		CHECK(monitors[i]->told() == pages);
	}
}

TEST_CASE("thread ids are reported as the waiting process knows them", "[scm_rights][security]")
{
	Consumer consumer(1, options_for(Features::ThreadId), [](const Memory &memory) {
		return memory.word(0) == pattern_word(0) ? 0 : 1;
	});

	CHECK(next_fault(consumer.context).thread ==
	      static_cast<std::uint32_t>(consumer.process.pid()));
	consumer.fill(0);
	CHECK(consumer.process.wait() == 0);
}

TEST_CASE("fdinfo of the monitor counts the waiters of the other process", "[scm_rights]")
{
	Consumer consumer(1, all_pages_are_right);

	wait_for_pending(consumer.context, 1);
	CHECK(fdinfo(consumer.context.fd()).total == 1);
	consumer.fill(0);
	CHECK(consumer.process.wait() == 0);
	CHECK(fdinfo(consumer.context.fd()).total == 0);
}

TEST_CASE("a monitor that closes the only descriptor lets the waiters go on", "[scm_rights]")
{
	Consumer consumer(1, [](const Memory &memory) { return memory.word(0) == 0 ? 0 : 1; });

	wait_for_pending(consumer.context, 1);
	static_cast<void>(Fd(consumer.context.release()));
	CHECK(consumer.process.wait() == 0);
}

TEST_CASE("a context in an unread message keeps its waiters until the message is gone",
	  "[scm_rights][security]")
{
	World world(1);
	auto sockets = take(socket_pair());
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	take(send_fd(sockets.first.get(), world.context.fd(), payload));
	world.region.release();
	static_cast<void>(Fd(world.context.release()));
	auto context = Context::adopt(take(receive_fd(sockets.second.get(), payload)));
	CHECK(fdinfo(context.fd()).total == 1);

	take(send_fd(sockets.first.get(), context.fd(), payload));
	static_cast<void>(Fd(context.release()));
	CHECK_FALSE(is_done(reader));
	sockets.second.reset(); /* with the message in it */
	CHECK(reader.get() == 0);
}
