// SPDX-License-Identifier: GPL-2.0-only
/* Read-write protection: UFFDIO_RWPROTECT, registration for it, and which faults are reported. */
#include "lib/files.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/thp.hpp"
#include "lib/tracked.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <fcntl.h>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

using namespace selftests;
using namespace userfault;

namespace {

template <class T> int error_of(const Result<T> &result)
{
	return result ? 0 : result.error().value();
}

/* Checks that the next fault is such an access, and lets it go on. */
void serve(const Tracked &tracked, std::size_t index, Access access)
{
	const auto fault = next_fault(tracked.context);

	CHECK(fault.address == tracked.memory.address(index));
	CHECK(fault.flags == told_of(access));
	tracked.unprotect(index, 1);
}

} // namespace

MEMORY_TEST_CASE("an access to a read-write-protected page waits and is reported", "[rwp]")
{
	const Tracked tracked(Memory(4, TestType::kind), fill_with_patterns);

	tracked.protect(1, 2);
	CHECK(tracked.only_protected(1, 2));
	auto reader = tracked.touch(1, Access::read);
	wait_for_sleepers(tracked.context, 1);
	CHECK_FALSE(is_done(reader));
	serve(tracked, 1, Access::read);
	CHECK(reader.get() == pattern_word(1));
	CHECK(has_pattern(tracked.memory.bytes(1, 1), 1));

	auto writer = tracked.touch(2, Access::write);
	serve(tracked, 2, Access::write);
	CHECK(writer.get() == ~pattern_word(2));
	CHECK_FALSE(tracked.is_told(0, Access::write));
	CHECK_FALSE(tracked.is_told(3, Access::read));
	CHECK(tracked.only_protected(0, 0));
}

MEMORY_TEST_CASE("a page that isn't there is not read-write-protected", "[rwp]")
{
	const Tracked tracked(Memory(3, TestType::kind),
			      [](const Memory &memory) { memory.word(2) = 5; });

	tracked.protect();
	CHECK(tracked.only_protected(2, 1));
	CHECK_FALSE(tracked.is_told(0, Access::read));
	CHECK_FALSE(tracked.is_told(1, Access::write));
	CHECK(tracked.is_told(2, Access::read));
	tracked.protect();
	CHECK(tracked.is_told(0, Access::read));
	CHECK(tracked.is_told(1, Access::read));
}

TEST_CASE("read-write-protecting any pages leaves the others as they are", "[rwp]")
{
	const std::size_t pages = 3 * page_table, first = page_table - 2;

	for (const std::size_t count : {1uz, 3uz, page_table, page_table + 4}) {
		const Tracked tracked(Memory::aligned(pages, huge_page), [](const Memory &memory) {
			keep_small(memory);
			for (std::size_t i = 0; i < memory.pages(); i++)
				memory.word(i) = i;
		});

		INFO(count << " pages");
		tracked.protect(first, count);
		CHECK(tracked.only_protected(first, count));
		CHECK(tracked.is_told(first, Access::read));
		CHECK_FALSE(tracked.is_told(first - 1, Access::read));
		CHECK_FALSE(tracked.is_told(first + count, Access::read));
		tracked.protect();
		tracked.unprotect(first, count);
		CHECK(tracked.is_protected(first - 1));
		CHECK_FALSE(tracked.is_protected(first));
		CHECK_FALSE(tracked.is_protected(first + count - 1));
		CHECK(tracked.is_protected(first + count));
		tracked.unprotect();
		CHECK(tracked.only_protected(0, 0));
		for (std::size_t i = 0; i < pages; i++)
			if (tracked.memory.word(i) != i)
				FAIL("page " << i << " has changed");
	}
}

TEST_CASE("read-write-protecting twice is the same as once", "[rwp]")
{
	const Tracked tracked(2);

	tracked.protect();
	tracked.protect();
	CHECK(tracked.is_told(0, Access::write));
	CHECK_FALSE(tracked.is_told(0, Access::write));
	tracked.unprotect();
	tracked.unprotect();
	CHECK_FALSE(tracked.is_told(1, Access::write));
}

TEST_CASE("giving access back with DONTWAKE leaves its waiters to UFFDIO_WAKE", "[rwp]")
{
	const Tracked tracked(1);

	tracked.protect();
	auto reader = tracked.touch(0, Access::read);
	wait_for_sleepers(tracked.context, 1);
	take(tracked.context.rwunprotect(tracked.memory.range(), UnprotectModes::DontWake));
	CHECK(fdinfo(tracked.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	take(tracked.context.wake(tracked.memory.range()));
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("a thread that is woken at a read-write-protected page waits again", "[rwp]")
{
	const Tracked tracked(1);

	tracked.protect();
	auto writer = tracked.touch(0, Access::write);
	CHECK(next_fault(tracked.context).flags == told_of(Access::write));
	take(tracked.context.wake(tracked.memory.range()));
	serve(tracked, 0, Access::write);
	CHECK(writer.get() == ~pattern_word(0));
}

TEST_CASE("giving access back wakes all waiters of the range and no others", "[rwp]")
{
	const Tracked tracked(3);
	std::array<std::future<std::uint64_t>, 6> touched;

	tracked.protect();
	for (std::size_t i = 0; i < touched.size(); i++)
		touched[i] = tracked.touch(i % 3, i < 3 ? Access::read : Access::write);
	wait_for_waiters(tracked.context, 6);
	tracked.unprotect(0, 2);
	for (const std::size_t i : {0, 1, 3, 4})
		touched[i].get();
	CHECK(fdinfo(tracked.context.fd()).total == 2);
	CHECK(tracked.only_protected(2, 1));
	tracked.unprotect(2, 1);
	CHECK(touched[5].get() == ~pattern_word(2));
	touched[2].get();
}

TEST_CASE("wrong arguments of a read-write protection are refused and nothing is protected",
	  "[rwp]")
{
	const Tracked tracked(2);
	const auto to = tracked.memory.address(0);
	const auto page = page_size();
	const uffdio_rwprotect wrong[] = {
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
		INFO(std::hex << fields.range.start << ' ' << fields.range.len << ' '
			      << fields.mode);
		CHECK(error_of(tracked.context.ioctl(UFFDIO_RWPROTECT, &fields)) == EINVAL);
		CHECK(tracked.only_protected(0, 0));
	}
	CHECK(error_of(tracked.context.ioctl(UFFDIO_RWPROTECT, nullptr)) == EFAULT);
}

TEST_CASE("read-write protection goes over several mappings and holes", "[rwp]")
{
	Tracked tracked(8);

	checked(::mprotect(tracked.memory.page(2), page_size(), PROT_READ));
	tracked.memory.unmap(4, 1);
	tracked.protect();
	for (const std::size_t i : {0, 1, 2, 3, 5, 6, 7})
		CHECK(tracked.is_protected(i));
	CHECK(tracked.is_told(2, Access::read));
	CHECK(tracked.is_told(5, Access::write));
	tracked.unprotect();
	for (const std::size_t i : {0, 1, 2, 3, 5, 6, 7})
		CHECK_FALSE(tracked.is_protected(i));
}

TEST_CASE("a range with memory that isn't registered for it is not read-write-protected at all",
	  "[rwp]")
{
	Tracked tracked(6);
	auto &[memory, context] = tracked;

	take(context.unregister_range(memory.range(2, 2)));
	take(context.register_range(memory.range(3, 1), Modes::WriteProtect));
	memory.unmap(5, 1);
	const std::pair<std::size_t, std::size_t> wrong[] = {
		{0, 3}, {2, 1}, {3, 1}, {3, 2}, {5, 1}};
	for (const auto &[first, count] : wrong) {
		INFO(count << " pages from page " << first);
		CHECK(error_of(context.rwprotect(memory.range(first, count))) == ENOENT);
		CHECK(error_of(context.rwunprotect(memory.range(first, count))) == ENOENT);
	}
	CHECK(error_of(context.write_protect(memory.range(0, 1))) == ENOENT);
	for (std::size_t i = 0; i < 5; i++)
		CHECK_FALSE(tracked.is_protected(i));
}

MEMORY_TEST_CASE("a registration for read-write protection is seen in its answer and in smaps",
		 "[rwp][register]")
{
	need(Features::Rwp);
	const Memory memory(2, TestType::kind);
	const auto context = open_context(Features::Rwp);
	const auto ioctls = take(context.register_range(memory.range(), Modes::ReadWriteProtect));

	CHECK(has(ioctls, Ioctls::ReadWriteProtect | Ioctls::Copy | Ioctls::Wake));
	CHECK_FALSE(has(ioctls, Ioctls::WriteProtect));
	CHECK_FALSE(has(ioctls, Ioctls::Continue));
	CHECK_FALSE(has(take(context.register_range(Memory(1).range(), Modes::Missing)),
			Ioctls::ReadWriteProtect));
	CHECK(smaps_flag(memory.range(), "ur"));
	take(context.unregister_range(memory.range()));
	CHECK_FALSE(smaps_flag(memory.range(), "ur"));
}

TEST_CASE("without the feature for it nothing is registered for read-write protection", "[rwp]")
{
	const Memory memory(1);
	const auto context = open_context();

	CHECK(error_of(context.register_range(memory.range(), Modes::ReadWriteProtect)) == EINVAL);
	CHECK(error_of(context.register_range(memory.range(),
					      Modes::Missing | Modes::ReadWriteProtect)) == EINVAL);
	CHECK(error_of(context.set_mode(Features::RwpAsync)) == EINVAL);
	take(context.register_range(memory.range(), Modes::Missing));
	CHECK_FALSE(context.rwprotect(memory.range()));
}

TEST_CASE("memory is registered for one kind of protection only", "[rwp][register]")
{
	need(Features::Rwp);
	const Memory memory(2);
	const auto context = open_context(Features::Rwp);
	const auto both = Modes::WriteProtect | Modes::ReadWriteProtect;

	CHECK(error_of(context.register_range(memory.range(), both)) == EINVAL);
	CHECK(error_of(context.register_range(memory.range(), both | Modes::Missing)) == EINVAL);
	CHECK(error_of(context.unregister_range(memory.range())) == 0);
}

TEST_CASE("memory without access can't be registered for read-write protection", "[rwp][register]")
{
	need(Features::Rwp);
	const Memory memory(2);
	const auto context = open_context(Features::Rwp);

	checked(::mprotect(memory.page(1), page_size(), PROT_NONE));
	CHECK(error_of(context.register_range(memory.range(1, 1), Modes::ReadWriteProtect)) ==
	      EINVAL);
	CHECK(error_of(context.register_range(memory.range(), Modes::ReadWriteProtect)) == EINVAL);
	CHECK_FALSE(smaps_flag(memory.range(0, 1), "ur"));
	CHECK(error_of(context.register_range(memory.range(1, 1), Modes::Missing)) == 0);
	checked(::mprotect(memory.page(1), page_size(), PROT_READ));
	CHECK(error_of(context.register_range(memory.range(), Modes::ReadWriteProtect)) == 0);
}

/* This is so since kernels have read-write protection; before that, the pages were unprotected. */
TEST_CASE("a registration that leaves protection out is refused, and changes nothing",
	  "[rwp][register]")
{
	const Tracked tracked(3);
	auto &[memory, context] = tracked;

	take(context.unregister_range(memory.range(1, 1)));
	take(context.register_range(memory.range(1, 1), Modes::WriteProtect | Modes::Missing));
	tracked.protect(0, 1);
	take(context.write_protect(memory.range(1, 1)));
	CHECK(error_of(context.register_range(memory.range(0, 1), Modes::Missing)) == EBUSY);
	CHECK(error_of(context.register_range(memory.range(0, 1), Modes::WriteProtect)) == EBUSY);
	CHECK(error_of(context.register_range(memory.range(1, 1), Modes::Missing)) == EBUSY);
	CHECK(error_of(context.register_range(memory.range(1, 1), Modes::ReadWriteProtect)) ==
	      EBUSY);
	CHECK(error_of(context.register_range(memory.range(), Modes::Missing)) == EBUSY);
	CHECK(tracked.only_protected(0, 2));
	CHECK(tracked.is_told(0, Access::read));
	/* Registering for more leaves nothing out. Another context gets EBUSY as ever. */
	CHECK(error_of(context.register_range(memory.range(0, 1),
					      Modes::ReadWriteProtect | Modes::Missing)) == 0);
	CHECK(error_of(context.register_range(memory.range(1, 1), Modes::WriteProtect)) == 0);
	CHECK(error_of(open_context().register_range(memory.range(2, 1), Modes::Missing)) == EBUSY);
}

TEST_CASE("with both modes a fault is reported as missing or read-write-protected", "[rwp]")
{
	const Tracked tracked(Memory(2), [](const Memory &) {}, Features::None, Modes::Missing);
	auto reader = tracked.touch(0, Access::read);

	CHECK(next_fault(tracked.context).flags == FaultFlags::None);
	fill(tracked.context, tracked.memory, 0);
	CHECK(reader.get() == pattern_word(0));
	CHECK(tracked.only_protected(0, 0));
	tracked.protect();
	CHECK(tracked.is_told(0, Access::read));
}

TEST_CASE("a copy is not read-write-protected, and can't be write-protected", "[rwp]")
{
	const Tracked tracked(Memory(2), [](const Memory &) {}, Features::None, Modes::Missing);
	const auto source = patterned(2);
	const auto at = tracked.memory.address(0);

	CHECK(tracked.context.copy(at, source.bytes(0, 1), CopyModes::WriteProtect).error.value() ==
	      EINVAL);
	REQUIRE(tracked.context.copy(at, source.bytes(0, 1)));
	REQUIRE(tracked.context.zeropage(tracked.memory.range(1, 1)));
	CHECK(tracked.only_protected(0, 0));
	CHECK_FALSE(tracked.is_told(0, Access::write));
	CHECK_FALSE(tracked.is_told(1, Access::write));
	tracked.protect();
	CHECK(tracked.is_told(1, Access::write));
}

MEMORY_TEST_CASE("unregistering gives access back", "[rwp]")
{
	const Tracked tracked(Memory(4, TestType::kind), fill_with_patterns);

	tracked.protect();
	take(tracked.context.unregister_range(tracked.memory.range(1, 2)));
	CHECK_FALSE(tracked.is_protected(1));
	CHECK_FALSE(tracked.is_protected(2));
	CHECK(has_pattern(tracked.memory.bytes(1, 1), 1));
	tracked.memory.word(2) = 1;
	CHECK(tracked.is_protected(0));
	CHECK(tracked.is_told(0, Access::read));
	CHECK(tracked.is_told(3, Access::write));
}

/* Native userfaultfd leaves these threads asleep, unless missing pages are registered too. */
TEST_CASE("unregistering lets the threads go on that wait for access", "[rwp][module]")
{
	const Tracked tracked(2);

	tracked.protect();
	auto reader = tracked.touch(0, Access::read);
	auto writer = tracked.touch(1, Access::write);
	wait_for_sleepers(tracked.context, 2);
	take(tracked.context.unregister_range(tracked.memory.range()));
	CHECK(reader.get() == pattern_word(0));
	CHECK(writer.get() == ~pattern_word(1));
}

MEMORY_TEST_CASE("closing the context gives access back and lets waiters go on", "[rwp]")
{
	Tracked tracked(Memory(3, TestType::kind), fill_with_patterns);

	tracked.protect();
	auto reader = tracked.touch(0, Access::read);
	auto writer = tracked.touch(1, Access::write);
	wait_for_waiters(tracked.context, 2);
	static_cast<void>(Fd(tracked.context.release()));
	CHECK(reader.get() == pattern_word(0));
	CHECK(writer.get() == ~pattern_word(1));
	CHECK(has_pattern(tracked.memory.bytes(2, 1), 2));
	CHECK(tracked.only_protected(0, 0));
}

TEST_CASE("the kernel's own access to a read-write-protected page is reported", "[rwp]")
{
	const Tracked tracked(2);
	const Pipe pipe;

	tracked.protect();
	auto write = in_thread([&] { return ::write(pipe.in.get(), tracked.memory.page(0), 8); });
	serve(tracked, 0, Access::read);
	CHECK(write.get() == 8);
	auto read = in_thread([&] { return ::read(pipe.out.get(), tracked.memory.page(1), 8); });
	serve(tracked, 1, Access::write);
	CHECK(read.get() == 8);
	CHECK(tracked.memory.word(1) == pattern_word(0));
}

TEST_CASE("a kernel access that walks the page table to a read-write-protected page is reported",
	  "[rwp]")
{
	const Tracked tracked(1);
	std::uint64_t seen = 0;
	const iovec local{&seen, sizeof(seen)}, remote{tracked.memory.page(0), sizeof(seen)};

	tracked.protect();
	auto read =
		in_thread([&] { return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0); });
	serve(tracked, 0, Access::read);
	CHECK(read.get() == sizeof(seen));
	CHECK(seen == pattern_word(0));
}

TEST_CASE("a context for user mode only refuses the kernel access to a read-write-protected page",
	  "[rwp]")
{
	need(Features::Rwp);
	auto options = options_for(Features::Rwp);
	options.user_mode_only = true;
	const auto memory = patterned(1);
	const auto context = open_context(options);
	const Pipe pipe;

	take(context.register_range(memory.range(), Modes::ReadWriteProtect));
	take(context.rwprotect(memory.range()));
	CHECK(::write(pipe.in.get(), memory.page(0), 8) == -1);
	CHECK(errno == EFAULT);
	take(context.rwunprotect(memory.range()));
	CHECK(::write(pipe.in.get(), memory.page(0), 8) == 8);
}

TEST_CASE("with the feature for it an access to a read-write-protected page is SIGBUS", "[rwp]")
{
	static sigjmp_buf back;
	const Tracked tracked(1, Features::Sigbus);
	struct sigaction action = {};

	tracked.protect();
	action.sa_handler = [](int) { siglongjmp(back, 1); };
	checked(::sigaction(SIGBUS, &action, nullptr));
	if (sigsetjmp(back, 1) == 0) {
		static_cast<void>(tracked.memory.word(0) + 0);
		FAIL("the access went through");
	}
	tracked.unprotect();
	CHECK(has_pattern(tracked.memory.bytes(0, 1), 0));
}
