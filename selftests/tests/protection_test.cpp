// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_WRITEPROTECT, registration for it, and which faults are reported. */
#include "lib/memory_kinds.hpp"
#include "lib/protection.hpp"
#include "lib/thp.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <fcntl.h>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

int error_of(const Result<void> &result)
{
	return result ? 0 : result.error().value();
}

std::future<void> write_in_thread(const Guarded &guarded, std::size_t index, std::uint64_t value)
{
	return in_thread([&guarded, index, value] { guarded.memory.word(index) = value; });
}

/* Registers a part of memory that is there; nothing happens to the rest. */
struct Partly {
	Partly() : memory(patterned(8)), context(open_context()) {}

	bool is_protected(std::size_t index) const
	{
		return is_protected_at(memory.address(index));
	}

	Memory memory;
	Context context;
};

} // namespace

TEST_CASE("only a registration for it makes write protection possible", "[wp]")
{
	const Memory memory(2);
	const auto context = open_context();

	const auto protectable =
		take(context.register_range(memory.range(0, 1), Modes::WriteProtect));
	CHECK(has(protectable, Ioctls::WriteProtect));
	const auto other = take(context.register_range(memory.range(1, 1), Modes::Missing));
	CHECK_FALSE(has(other, Ioctls::WriteProtect));
	CHECK(error_of(context.write_protect(memory.range(0, 1))) == 0);
	CHECK(error_of(context.write_protect(memory.range(1, 1))) == ENOENT);
}

TEST_CASE("a write to a protected page waits and is reported", "[wp]")
{
	const Guarded guarded(3);

	guarded.protect();
	auto writer = write_in_thread(guarded, 1, 42);
	const auto fault = next_fault(guarded.context);
	CHECK(fault.address == guarded.memory.address(1));
	CHECK(fault.flags == (FaultFlags::Write | FaultFlags::WriteProtect));
	CHECK(has_pattern(guarded.memory.bytes(1, 1), 1));
	CHECK_FALSE(is_done(writer));

	guarded.unprotect(1, 1);
	writer.get();
	CHECK(guarded.memory.word(1) == 42);
	CHECK(has_pattern(guarded.memory.bytes(0, 1), 0));
	CHECK(fdinfo(guarded.context.fd()).total == 0);
}

TEST_CASE("reading a protected page is not reported", "[wp]")
{
	const Guarded guarded(2);

	guarded.protect();
	CHECK(has_pattern(guarded.memory.bytes(0, 1), 0));
	CHECK(has_pattern(guarded.memory.bytes(1, 1), 1));
	CHECK(fdinfo(guarded.context.fd()).total == 0);
	CHECK(guarded.only_protected(0, 2));
}

TEST_CASE("protecting and unprotecting any pages leaves the others as they are", "[wp]")
{
	const std::size_t pages = 4 * 512;

	for (const std::size_t count : {1uz, 2uz, 511uz, 512uz, 513uz, 1030uz}) {
		const Guarded guarded(Memory::aligned(pages, huge_page), [](const Memory &memory) {
			keep_small(memory);
			for (std::size_t i = 0; i < pages; i++)
				memory.word(i) = i;
		});
		const std::size_t first = 510;

		INFO(count << " pages");
		guarded.protect(first, count);
		CHECK(guarded.only_protected(first, count));
		CHECK(guarded.write_is_told(first));
		CHECK_FALSE(guarded.write_is_told(first - 1));
		CHECK_FALSE(guarded.write_is_told(first + count));
		guarded.protect();
		guarded.unprotect(first, count);
		CHECK_FALSE(guarded.is_protected(first));
		CHECK_FALSE(guarded.is_protected(first + count - 1));
		CHECK(guarded.is_protected(first - 1));
		CHECK(guarded.is_protected(first + count));
		guarded.unprotect();
		CHECK(guarded.only_protected(0, 0));
		for (std::size_t i = first + 1; i < first + count; i++)
			if (guarded.memory.word(i) != i)
				FAIL("page " << i << " has changed");
	}
}

TEST_CASE("protecting twice is the same as once", "[wp]")
{
	const Guarded guarded(2);

	guarded.protect();
	guarded.protect();
	CHECK(guarded.write_is_told(0));
	CHECK_FALSE(guarded.write_is_told(0));
	guarded.unprotect();
	guarded.unprotect();
	CHECK_FALSE(guarded.write_is_told(1));
}

TEST_CASE("unprotecting with DONTWAKE leaves its waiters to UFFDIO_WAKE", "[wp]")
{
	const Guarded guarded(1);

	guarded.protect();
	auto writer = write_in_thread(guarded, 0, 7);
	wait_for_sleepers(guarded.context, 1);
	take(guarded.context.write_unprotect(guarded.memory.range(), UnprotectModes::DontWake));
	CHECK(fdinfo(guarded.context.fd()).total == 1);
	CHECK_FALSE(is_done(writer));
	take(guarded.context.wake(guarded.memory.range()));
	writer.get();
	CHECK(guarded.memory.word(0) == 7);
}

TEST_CASE("a writer that is woken without unprotecting waits again", "[wp]")
{
	const Guarded guarded(1);

	guarded.protect();
	auto writer = write_in_thread(guarded, 0, 7);
	CHECK(next_fault(guarded.context).address == guarded.memory.address(0));
	take(guarded.context.wake(guarded.memory.range()));
	CHECK(next_fault(guarded.context).address == guarded.memory.address(0));
	guarded.unprotect();
	writer.get();
	CHECK(guarded.memory.word(0) == 7);
}

TEST_CASE("unprotecting wakes all writers of the range and no others", "[wp]")
{
	const Guarded guarded(3);
	std::array<std::future<void>, 6> writers;

	guarded.protect();
	for (std::size_t i = 0; i < writers.size(); i++)
		writers[i] = write_in_thread(guarded, i % 3, i);
	wait_for_waiters(guarded.context, 6);
	guarded.unprotect(0, 2);
	for (std::size_t i = 0; i < writers.size(); i++)
		if (i % 3 < 2)
			writers[i].get();
	CHECK(fdinfo(guarded.context.fd()).total == 2);
	CHECK(has_pattern(guarded.memory.bytes(2, 1), 2));
	guarded.unprotect(2, 1);
	writers[2].get();
	writers[5].get();
}

TEST_CASE("wrong arguments of a write protection are refused and nothing is protected", "[wp]")
{
	const Guarded guarded(2);
	const auto to = guarded.memory.address(0);
	const auto page = page_size();
	const uffdio_writeprotect wrong[] = {
		{.range = {to, 0}, .mode = 1},
		{.range = {to, page - 1}, .mode = 1},
		{.range = {to + 8, page}, .mode = 1},
		{.range = {to, -to}, .mode = 1},
		{.range = {-page, page}, .mode = 1},
		{.range = {to, -page}, .mode = 1},
		{.range = {to, page}, .mode = 3},
		{.range = {to, page}, .mode = 4},
		{.range = {to, page}, .mode = 1 | 1ull << 63},
	};

	for (auto fields : wrong) {
		const auto result = guarded.context.ioctl(UFFDIO_WRITEPROTECT, &fields);

		INFO(std::hex << fields.range.start << ' ' << fields.range.len << ' '
			      << fields.mode);
		CHECK(result.error().value() == EINVAL);
		CHECK(guarded.only_protected(0, 0));
	}
}

TEST_CASE("protection goes over several mappings and holes", "[wp]")
{
	Guarded guarded(8);

	checked(::mprotect(guarded.memory.page(2), page_size(), PROT_READ));
	guarded.memory.unmap(4, 1);
	if (native_before(6, 4)) {
		CHECK(error_of(guarded.context.write_protect(guarded.memory.range())) == ENOENT);
		return;
	}
	guarded.protect();
	CHECK(count_mappings(guarded.memory.range()) == 4);
	for (const std::size_t i : {0, 1, 2, 3, 5, 6, 7})
		CHECK(guarded.is_protected(i));
	CHECK(guarded.write_is_told(3));
	CHECK(guarded.write_is_told(5));
	guarded.unprotect();
	for (const std::size_t i : {0, 1, 2, 3, 5, 6, 7})
		CHECK_FALSE(guarded.is_protected(i));
}

TEST_CASE("protecting where nothing is mapped is ENOENT", "[wp]")
{
	Guarded guarded(3);

	guarded.memory.unmap(1, 1);
	CHECK(error_of(guarded.context.write_protect(guarded.memory.range(1, 1))) == ENOENT);
	CHECK(error_of(guarded.context.write_unprotect(guarded.memory.range(1, 1))) == ENOENT);
}

TEST_CASE("protecting memory that is not registered for it is ENOENT", "[wp]")
{
	const Partly part;

	take(part.context.register_range(part.memory.range(0, 2), Modes::WriteProtect));
	take(part.context.register_range(part.memory.range(4, 2), Modes::Missing));
	CHECK(error_of(part.context.write_protect(part.memory.range(2, 1))) == ENOENT);
	CHECK(error_of(part.context.write_protect(part.memory.range(4, 1))) == ENOENT);
	CHECK(error_of(part.context.write_protect(part.memory.range(0, 3))) == ENOENT);
	/* Since 6.4 native userfaultfd has protected the pages before that by then. */
	if (backend_under_test() == Backend::module)
		CHECK_FALSE(part.is_protected(0));
	CHECK_FALSE(part.is_protected(2));
	CHECK_FALSE(part.is_protected(4));
}

MEMORY_TEST_CASE("a copy can be protected from the start", "[wp]")
{
	const Guarded guarded(
		Memory(70, TestType::kind), [](const Memory &) {}, Features::None,
		Modes::Missing | Modes::WriteProtect);
	const auto source = patterned(70);

	REQUIRE(guarded.context.copy_all(guarded.memory.address(0), source.bytes(0, 70),
					 CopyModes::WriteProtect));
	CHECK(guarded.only_protected(0, 70));
	CHECK(count_patterned(guarded.memory) == 70);
	CHECK(guarded.write_is_told(0));
	CHECK(guarded.write_is_told(69));
	CHECK_FALSE(guarded.write_is_told(0));
}

TEST_CASE("a protected copy wakes readers, and writers go on waiting", "[wp]")
{
	const Guarded guarded(
		Memory(1), [](const Memory &) {}, Features::None,
		Modes::Missing | Modes::WriteProtect);
	const auto source = patterned(1);
	auto reader = in_thread([&] { return guarded.memory.word(0) + 0; });
	auto writer = write_in_thread(guarded, 0, 3);

	wait_for_waiters(guarded.context, 2);
	CHECK_FALSE(has(next_fault(guarded.context).flags, FaultFlags::WriteProtect));
	CHECK_FALSE(has(next_fault(guarded.context).flags, FaultFlags::WriteProtect));
	REQUIRE(guarded.context.copy(guarded.memory.address(0), source.bytes(0, 1),
				     CopyModes::WriteProtect));
	CHECK(reader.get() == pattern_word(0));
	CHECK(next_fault(guarded.context).flags == (FaultFlags::Write | FaultFlags::WriteProtect));
	guarded.unprotect();
	writer.get();
	CHECK(guarded.memory.word(0) == 3);
}

TEST_CASE("a protected copy needs a registration for it", "[wp]")
{
	const World world(1);
	const auto source = patterned(1);
	const auto progress = world.context.copy(world.memory.address(0), source.bytes(0, 1),
						 CopyModes::WriteProtect);

	CHECK(progress.done == 0);
	CHECK(progress.error.value() == EINVAL);
	CHECK_FALSE(pagemap_entry(world.memory.address(0)) & pagemap_present);
}

TEST_CASE("absent pages are not protected without the feature for it", "[wp]")
{
	const Guarded guarded(Memory(2), [](const Memory &) {});

	guarded.protect();
	CHECK(guarded.only_protected(0, 0));
	guarded.memory.word(0) = 1;
	CHECK_FALSE(guarded.write_is_told(1));
}

TEST_CASE("a fault of memory registered for both modes is reported as missing or protected", "[wp]")
{
	const Guarded guarded(
		Memory(2), [](const Memory &) {}, Features::None,
		Modes::Missing | Modes::WriteProtect);
	auto writer = write_in_thread(guarded, 0, 5);

	CHECK(next_fault(guarded.context).flags == FaultFlags::Write);
	fill(guarded.context, guarded.memory, 0);
	writer.get();
	guarded.protect(0, 1);
	CHECK(guarded.write_is_told(0));
}

/* Since 7.3 that is EBUSY: rwp_test.cpp. */
TEST_CASE("a registration for something else replaces the one for write protection", "[wp]")
{
	need_replacing();
	const Guarded guarded(2);
	auto &context = guarded.context;

	guarded.protect();
	take(context.register_range(guarded.memory.range(0, 1), Modes::Missing));
	CHECK(error_of(context.write_protect(guarded.memory.range(0, 1))) == ENOENT);
	CHECK_FALSE(guarded.write_is_told(0));
	CHECK(guarded.write_is_told(1));
	/* Native userfaultfd leaves the bit in the page table set. */
	if (backend_under_test() == Backend::module)
		CHECK_FALSE(guarded.is_protected(0));

	take(context.register_range(guarded.memory.range(0, 1), Modes::WriteProtect));
	guarded.protect(0, 1);
	CHECK(guarded.write_is_told(0));
}

TEST_CASE("registering for less than before changes nothing", "[wp]")
{
	need_replacing();
	const Guarded guarded(
		Memory(1), [](const Memory &memory) { memory.word(0) = 1; }, Features::None,
		Modes::Missing | Modes::WriteProtect);

	guarded.protect();
	take(guarded.context.register_range(guarded.memory.range(), Modes::Missing));
	CHECK(guarded.write_is_told(0));
}

TEST_CASE("a registration that fails unprotects nothing", "[wp]")
{
	need_replacing();
	const Guarded guarded(4);
	const auto register_middle = [&] {
		const NoMoreMappings full;

		return guarded.context.register_range(guarded.memory.range(1, 2), Modes::Missing);
	};

	guarded.protect();
	CHECK(register_middle().error().value() == ENOMEM);
	CHECK(guarded.only_protected(0, 4));
	CHECK(guarded.write_is_told(1));
}

TEST_CASE("unregistering unprotects", "[wp]")
{
	const Guarded guarded(4);

	guarded.protect();
	take(guarded.context.unregister_range(guarded.memory.range(1, 2)));
	CHECK_FALSE(guarded.is_protected(1));
	CHECK_FALSE(guarded.is_protected(2));
	guarded.memory.word(1) = 1;
	CHECK(guarded.is_protected(0));
	CHECK(guarded.write_is_told(0));
	CHECK(guarded.write_is_told(3));
}

TEST_CASE("unregistering lets writers go on", "[wp]")
{
	/* Native userfaultfd wakes writers only if missing pages are registered too. */
	const Guarded guarded(
		Memory(1), [](const Memory &memory) { memory.word(0) = 1; }, Features::None,
		Modes::Missing | Modes::WriteProtect);

	guarded.protect();
	auto writer = write_in_thread(guarded, 0, 2);
	wait_for_waiters(guarded.context, 1);
	take(guarded.context.unregister_range(guarded.memory.range()));
	writer.get();
	CHECK(guarded.memory.word(0) == 2);
}

/* Native userfaultfd leaves these writers asleep. */
TEST_CASE("unregistering lets writers go on in memory registered for protection alone",
	  "[wp][module]")
{
	const Guarded guarded(1);

	guarded.protect();
	auto writer = write_in_thread(guarded, 0, 2);
	wait_for_sleepers(guarded.context, 1);
	take(guarded.context.unregister_range(guarded.memory.range()));
	writer.get();
	CHECK(guarded.memory.word(0) == 2);
}

TEST_CASE("closing the context unprotects and lets writers go on", "[wp]")
{
	Guarded guarded(2);

	guarded.protect();
	auto writer = write_in_thread(guarded, 0, 2);
	wait_for_waiters(guarded.context, 1);
	static_cast<void>(Fd(guarded.context.release()));
	writer.get();
	guarded.memory.word(1) = 3;
	CHECK(guarded.only_protected(0, 0));
}

TEST_CASE("the kernel's own write to a protected page is reported", "[wp]")
{
	const Guarded guarded(1);
	std::array<int, 2> ends;

	checked(::pipe2(ends.data(), O_CLOEXEC));
	const Fd out(ends[0]), in(ends[1]);
	checked(::write(in.get(), "abcd", 4));
	guarded.protect();
	auto reader = in_thread([&] { return ::read(out.get(), guarded.memory.page(0), 4); });
	const auto fault = next_fault(guarded.context);
	CHECK(fault.address == guarded.memory.address(0));
	CHECK(fault.flags == (FaultFlags::Write | FaultFlags::WriteProtect));
	guarded.unprotect();
	CHECK(reader.get() == 4);
	CHECK(guarded.memory.page(0)[0] == std::byte{'a'});
}

TEST_CASE("a context for user mode only refuses the kernel's write to a protected page", "[wp]")
{
	auto options = options_for();
	options.user_mode_only = true;
	const auto memory = patterned(1);
	const auto context = open_context(options);
	std::array<int, 2> ends;

	checked(::pipe2(ends.data(), O_CLOEXEC));
	const Fd out(ends[0]), in(ends[1]);
	checked(::write(in.get(), "abcd", 4));
	take(context.register_range(memory.range(), Modes::WriteProtect));
	take(context.write_protect(memory.range()));
	CHECK(::read(out.get(), memory.page(0), 4) == -1);
	CHECK(errno == EFAULT);
	CHECK(has_pattern(memory.bytes(0, 1), 0));
}

TEST_CASE("with the feature for it a write to a protected page is SIGBUS", "[wp]")
{
	static sigjmp_buf back;
	const Guarded guarded(1, Features::Sigbus);
	struct sigaction action = {};

	guarded.protect();
	action.sa_handler = [](int) { siglongjmp(back, 1); };
	checked(::sigaction(SIGBUS, &action, nullptr));
	if (sigsetjmp(back, 1) == 0) {
		guarded.memory.word(0) = 1;
		FAIL("the write went through");
	}
	CHECK(has_pattern(guarded.memory.bytes(0, 1), 0));
	guarded.unprotect();
	guarded.memory.word(0) = 1;
}
