// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults of virtual machines on KVM: a worker of the kernel waits for the page
 * instead of the processor's thread. It always asks for a page that it may write to.
 */
#include "lib/guest_world.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <future>
#include <userfault/socket.hpp>
#include <utility>

using namespace selftests;
using namespace userfault;

namespace {

/* A guest for which KVM waits asynchronously. */
struct AsyncWorld : GuestWorld {
	explicit AsyncWorld(std::size_t pages, MemoryKind kind = MemoryKind::anonymous,
			    Modes modes = Modes::Missing, Features features = Features::None)
		: GuestWorld(pages, kind, modes, features, Guest::interrupts)
	{
		vcpu().take_interrupts();
	}

	std::future<Answer> going_on()
	{
		return in_thread([this] { return vcpu().go_on(); });
	}
};

/*
 * Kills a process whose guest waits for a page in such a way. The worker holds the process's
 * memory, so the process ends only once the worker does, which @finish has to bring about.
 */
void kill_waiting(MemoryKind kind, const std::function<void(const Memory &, Context)> &finish)
{
	need_kvm();
	std::array<std::byte, 1> payload{};
	const auto pool = pool_for(1, kind);
	const Memory memory(page_bytes_of(kind) / page_size(), kind);
	auto sockets = take(socket_pair());
	Process process([&] {
		auto context = open_context();
		Guest guest(memory, 1, Guest::interrupts);

		take(context.register_range(memory.range(), Modes::Missing));
		take(send_fd(sockets.second.get(), context.fd(), payload));
		context.release().reset();
		guest.vcpu().take_interrupts();
		take(guest.vcpu().read(0));
		return 1;
	});
	sockets.second.reset();
	auto context = Context::adopt(take(receive_fd(sockets.first.get(), payload)));

	CHECK(next_fault(context).flags == FaultFlags::Write);
	process.signal(SIGKILL);
	finish(memory, std::move(context));
	CHECK(process.wait() == Process::killed + SIGKILL);
}

} // namespace

TEMPLATE_TEST_CASE("a worker of the kernel waits for a guest's page, and the guest halts",
		   "[kvm][async]", Anonymous, SharedFile, SharedHugeFile)
{
	AsyncWorld world(2, TestType::kind);
	auto reader = world.reading(1);

	world.next_fault_is(1, FaultFlags::Write);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	world.fill(1);
	CHECK(reader.get() == pattern_word(1));
	CHECK(world.nothing_is_told());
}

TEMPLATE_TEST_CASE("a guest that halts can be kicked, and the worker goes on waiting",
		   "[kvm][async]", Anonymous, SharedFile, SharedHugeFile)
{
	AsyncWorld world(2, TestType::kind);
	auto reader = world.reading(1);

	world.next_fault_is(1, FaultFlags::Write);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	world.vcpu().kick();
	CHECK(reader.get().error() == std::errc::interrupted);
	CHECK(fdinfo(world.context.fd()).total == 1);

	auto again = world.going_on();
	world.fill(1);
	CHECK(again.get() == pattern_word(1));
	CHECK(world.nothing_is_told());
}

TEMPLATE_TEST_CASE("a guest that is told of an absent page goes on meanwhile", "[kvm][async]",
		   Anonymous, SharedFile, SharedHugeFile)
{
	AsyncWorld world(2, TestType::kind);
	auto &vcpu = world.vcpu();

	vcpu.take_part_in_async_faults();
	/* Not in a thread: the guest says itself that the page is absent, and doesn't wait. */
	const auto token = take(world.read(1));
	REQUIRE(vcpu.said() == said_absent);
	world.next_fault_is(1, FaultFlags::Write);
	auto ready = world.going_on();
	wait_until("the guest has nothing else to do", [&] { return vcpu.sleeps(); });
	CHECK_FALSE(is_done(ready));
	world.fill(1);
	CHECK(ready.get() == token);
	CHECK(vcpu.said() == said_ready);
	CHECK(vcpu.go_on() == pattern_word(1));
	CHECK(vcpu.said() == said_done);
	CHECK(world.nothing_is_told());
}

TEMPLATE_TEST_CASE("a guest is told that its page is there when its monitor is gone",
		   "[kvm][async]", Anonymous, SharedFile, SharedHugeFile)
{
	AsyncWorld world(2, TestType::kind);
	auto &vcpu = world.vcpu();

	vcpu.take_part_in_async_faults();
	take(world.read(1));
	REQUIRE(vcpu.said() == said_absent);
	wait_for_waiters(world.context, 1);
	world.context.release().reset();
	take(vcpu.go_on());
	CHECK(vcpu.said() == said_ready);
	CHECK(vcpu.go_on() == 0u);
}

TEMPLATE_TEST_CASE("a worker of the kernel waits for a page that a guest may not write to",
		   "[kvm][async][wp]", Anonymous, SharedFile, SharedHugeFile)
{
	AsyncWorld world(2, TestType::kind, Modes::WriteProtect);

	world.write_patterns();
	CHECK(world.write(1, pattern_word(1)));
	take(world.context.write_protect(world.range(1, 1)));
	CHECK(world.read(1) == pattern_word(1));
	auto writer = world.writing(1, 5);
	world.next_fault_is(1, FaultFlags::WriteProtect | FaultFlags::Write);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	CHECK(world.has_pattern(1));
	take(world.context.write_unprotect(world.range(1, 1)));
	CHECK(writer.get());
	CHECK(world.word(1) == 5);
	CHECK(world.nothing_is_told());
}

TEMPLATE_TEST_CASE("a process that was killed ends when its guest's page is there", "[kvm][async]",
		   Anonymous, SharedFile, SharedHugeFile)
{
	kill_waiting(TestType::kind, [](const Memory &memory, const Context &context) {
		const auto source = patterned(memory.pages());

		CHECK(context.copy(memory.address(0), source.bytes(0, source.pages())));
	});
}

TEMPLATE_TEST_CASE("a process that was killed ends when its guest's monitor is gone",
		   "[kvm][async]", Anonymous, SharedFile, SharedHugeFile)
{
	kill_waiting(TestType::kind,
		     [](const Memory &, Context context) { context.release().reset(); });
}
