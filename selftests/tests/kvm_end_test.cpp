// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ends the wait of a virtual machine's processor on KVM, other than its page: a kick, as VMMs
 * do it, the end of the monitor, and the end of the process.
 */
#include "lib/guest_world.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <userfault/socket.hpp>

using namespace selftests;
using namespace userfault;

namespace {

/* KVM before Linux 6.2 doesn't look for signals while it waits for a page. */
bool kicks_come_late()
{
	return kernel_before(6, 2);
}

} // namespace

TEMPLATE_TEST_CASE(
	"a processor that waits for a page can be kicked, and waits again when it goes on", "[kvm]",
	Anonymous, SharedFile, SharedHugeFile)
{
	GuestWorld world(2, TestType::kind);
	auto reader = world.reading(1);

	world.next_fault_is(1, FaultFlags::None);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	world.vcpu().kick();
	if (kicks_come_late())
		world.fill(1);
	CHECK(reader.get().error() == std::errc::interrupted);
	CHECK(world.nothing_is_told());

	auto again = in_thread([&] { return world.vcpu().go_on(); });
	if (!kicks_come_late()) {
		world.next_fault_is(1, FaultFlags::None);
		world.fill(1);
	}
	CHECK(again.get() == pattern_word(1));
}

TEMPLATE_TEST_CASE("nobody is told of the fault of a processor that was kicked before", "[kvm]",
		   Anonymous, SharedFile, SharedHugeFile)
{
	if (kicks_come_late())
		skip("a processor that waits for a page can't be kicked");
	GuestWorld world(1, TestType::kind);
	auto reader = world.reading(0);

	wait_for_pending(world.context, 1);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	world.vcpu().kick();
	CHECK(reader.get().error() == std::errc::interrupted);
	CHECK(world.nothing_is_told());
	world.fill(0);
	CHECK(world.vcpu().go_on() == pattern_word(0));
}

TEMPLATE_TEST_CASE("a processor that waits for a protected page can be kicked", "[kvm][wp]",
		   Anonymous, SharedFile, SharedHugeFile)
{
	GuestWorld world(1, TestType::kind, Modes::WriteProtect);

	world.write_patterns();
	take(world.context.write_protect(world.range(0, 1)));
	auto writer = world.writing(0, 5);
	world.next_fault_is(0, FaultFlags::WriteProtect | FaultFlags::Write);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	world.vcpu().kick();
	if (kicks_come_late())
		take(world.context.write_unprotect(world.range(0, 1)));
	CHECK(writer.get().error() == std::errc::interrupted);
	CHECK(world.has_pattern(0));
	CHECK(world.nothing_is_told());
	take(world.context.write_unprotect(world.range(0, 1)));
	CHECK(world.vcpu().go_on());
	CHECK(world.word(0) == 5);
}

TEMPLATE_TEST_CASE("a guest that waits for a page reads zeroes when its monitor is gone", "[kvm]",
		   Anonymous, SharedFile, PrivateHuge)
{
	GuestWorld world(2, TestType::kind);
	auto reader = world.reading(1);

	world.next_fault_is(1, FaultFlags::None);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	world.context.release().reset();
	CHECK(reader.get() == 0u);
	CHECK(world.read(0) == 0u);
}

TEMPLATE_TEST_CASE("a guest that waits for a protected page writes to it when its monitor is gone",
		   "[kvm][wp]", Anonymous, SharedFile, SharedHugeFile)
{
	GuestWorld world(2, TestType::kind, Modes::WriteProtect);

	world.write_patterns();
	take(world.context.write_protect(world.range(0, 2)));
	auto writer = world.writing(1, 5);
	world.next_fault_is(1, FaultFlags::WriteProtect | FaultFlags::Write);
	wait_until("the processor sleeps", [&] { return world.vcpu().sleeps(); });
	world.context.release().reset();
	CHECK(writer.get());
	CHECK(world.word(1) == 5);
	CHECK(world.write(0, 6));
}

TEMPLATE_TEST_CASE("a process that is killed while its guest waits for a page ends at once",
		   "[kvm]", Anonymous, SharedFile, SharedHugeFile)
{
	need_kvm();
	std::array<std::byte, 1> payload{};
	const auto pool = pool_for(1, TestType::kind);
	const Memory memory(page_bytes_of(TestType::kind) / page_size(), TestType::kind);
	auto sockets = take(socket_pair());
	Process process([&] {
		const auto context = open_context();
		Guest guest(memory);

		take(context.register_range(memory.range(), Modes::Missing));
		take(send_fd(sockets.second.get(), context.fd(), payload));
		take(guest.vcpu().read(0));
		return 1;
	});
	sockets.second.reset();
	const auto context = Context::adopt(take(receive_fd(sockets.first.get(), payload)));
	const auto source = patterned(memory.pages());

	CHECK(next_fault(context).address == memory.address(0));
	process.signal(SIGKILL);
	CHECK(process.wait() == Process::killed + SIGKILL);
	CHECK(fdinfo(context.fd()).total == 0);
	CHECK(context.copy(memory.address(0), source.bytes(0, source.pages())).error.value() ==
	      ESRCH);
}
