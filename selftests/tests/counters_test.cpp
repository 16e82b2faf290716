// SPDX-License-Identifier: GPL-2.0-only
/* What a context counts, as its fdinfo shows it below the lines that upstream has. */
#include "lib/files.hpp"
#include "lib/hugetlb.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <linux/userfault.h>
#include <sstream>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

FdInfo of(const Context &context)
{
	return fdinfo(context.fd());
}

/* All faults, whatever has come of them: "missing-anon-read=1" and its like. */
std::uint64_t faults_of(const Context &context)
{
	std::istringstream pairs(of(context).line("faults"));
	std::uint64_t sum = 0;

	for (std::string pair; pairs >> pair;)
		if (pair.find('-') != pair.npos)
			sum += std::stoull(pair.substr(pair.find('=') + 1));
	return sum;
}

/* The faults that are over. */
std::uint64_t ended_of(const Context &context)
{
	const auto info = of(context);

	return info.count("faults", "woken") + info.count("faults", "retried") +
	       info.count("faults", "interrupted") + info.count("faults", "sigbus");
}

} // namespace

TEST_CASE("our lines of fdinfo come after those of upstream", "[counters][module]")
{
	const auto context = open_context();
	const auto info = of(context);
	const auto api = info.text.find("API:");

	REQUIRE(api != info.text.npos);
	CHECK(info.text.find('\n', api) + 1 == info.text.find("protocols:"));
	CHECK(info.line("protocols") == "aa");
	CHECK(info.line("context-flags") == "cloexec=1 nonblock=1 user-mode-only=0");
}

TEST_CASE("each context has an id that no other has had", "[counters][module]")
{
	const auto first = open_context();
	const auto second = open_context();
	std::uint64_t closed = 0;

	{
		const auto third = open_context();

		closed = of(third).number("context");
	}
	const auto fourth = open_context();

	CHECK(of(first).number("context") > 0);
	CHECK(of(second).number("context") > of(first).number("context"));
	CHECK(closed > of(second).number("context"));
	CHECK(of(fourth).number("context") > closed);
	CHECK(of(first).number("context") == of(first).number("context"));
}

TEST_CASE("a new context has counted nothing but its handshake", "[counters][module]")
{
	for (int i = 0; i < 20; i++) { /* memory of contexts that are gone is used again */
		const World world(1);
		const auto context = open_context();
		const auto info = of(context);

		static_cast<void>(world.context.wake(Range{0, 1}));
		CHECK(info.line("faults") == "woken=0 retried=0 interrupted=0 sigbus=0");
		CHECK(info.line("messages") == "pagefault=0 fork=0 remap=0 remove=0 unmap=0");
		CHECK(info.line("UFFDIO_API") != "");
		CHECK(info.text.ends_with("unmap=0\nUFFDIO_API:\tdone=1 partly=0 bytes=0\n"));
	}
}

MEMORY_TEST_CASE("a fault is counted by its kind, its memory and its access",
		 "[counters][module][smp]")
{
	const World world(2, TestType::kind);
	const std::string missing =
		TestType::kind == MemoryKind::anonymous ? "missing-anon-" : "missing-shmem-";
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_pending(world.context, 1);
	CHECK(of(world.context).count("faults", missing + "read") == 1);
	CHECK(faults_of(world.context) == 1);
	CHECK(ended_of(world.context) == 0);
	world.fill(0);
	reader.get();
	CHECK(ended_of(world.context) == 1);
	CHECK(of(world.context).count("faults", "sigbus") == 0);

	auto writer = in_thread([&] { world.memory.word(1) = 1; });

	next_fault(world.context);
	world.fill(1);
	writer.get();
	CHECK(of(world.context).count("faults", missing + "write") == 1);
	CHECK(faults_of(world.context) == ended_of(world.context));
	CHECK(faults_of(world.context) == 2);
}

HUGE_TEST_CASE("a fault on a huge page is counted as one of hugetlb", "[counters][module][hugetlb]")
{
	const HugePages pages(1);
	const HugeMemory memory(1, TestType::kind);
	const auto context = open_context();

	static_cast<void>(take(context.register_range(memory.range(), Modes::Missing)));
	auto reader = in_thread([&] { return memory.small_word(0, 1); });

	next_fault(context);
	REQUIRE(context.copy(memory.address(0), HugeSource(1).bytes(0, 1)));
	reader.get();
	CHECK(faults_of(context) >= 1);
	CHECK(of(context).count("faults", "missing-hugetlb-read") == faults_of(context));
	CHECK(of(context).count("UFFDIO_COPY", "bytes") == huge_page_size);
}

TEST_CASE("a fault on a protected page is counted as such", "[counters][module][smp]")
{
	const World world(1, MemoryKind::anonymous, Features::None,
			  Modes::Missing | Modes::WriteProtect);

	world.fill(0);
	take(world.context.write_protect(world.memory.range()));
	auto writer = in_thread([&] { world.memory.word(0) = 1; });

	next_fault(world.context);
	take(world.context.write_unprotect(world.memory.range()));
	writer.get();
	CHECK(of(world.context).count("faults", "wp-anon-write") == 1);
	CHECK(faults_of(world.context) == 1);
	CHECK(of(world.context).line("UFFDIO_WRITEPROTECT") ==
	      "done=2 partly=0 bytes=" + std::to_string(2 * page_size()));
}

TEST_CASE("a minor fault is counted as such", "[counters][module][smp]")
{
	const auto file = shmem_file(1);
	const Memory other(1, file, MAP_SHARED);
	const World world(Memory(1, file, MAP_SHARED), Modes::Minor);

	other.word(0) = 3;
	auto reader = in_thread([&] { return world.memory.word(0); });

	next_fault(world.context);
	CHECK(world.context.resume(world.memory.range()));
	CHECK(reader.get() == 3);
	CHECK(of(world.context).count("faults", "minor-shmem-read") == 1);
	CHECK(of(world.context).count("UFFDIO_CONTINUE", "done") == 1);
}

TEST_CASE("faults of the kernel are counted apart", "[counters][module][smp]")
{
	const World world(1);
	std::array<int, 2> ends;

	checked(::pipe(ends.data()));
	const Fd in(ends[0]), out(ends[1]);
	auto writer = in_thread([&] {
		return ::write(out.get(), const_cast<std::byte *>(world.memory.page(0)), 1);
	});

	next_fault(world.context);
	world.fill(0);
	CHECK(writer.get() == 1);
	CHECK(of(world.context).count("faults", "missing-anon-kernel-read") >= 1);
	CHECK(of(world.context).count("faults", "missing-anon-read") == 0);
	CHECK(faults_of(world.context) == ended_of(world.context));
}

TEST_CASE("a refused fault is counted as a SIGBUS", "[counters][module]")
{
	const World world(1, Features::Sigbus);
	static sigjmp_buf back;

	::signal(SIGBUS, [](int) { siglongjmp(back, 1); });
	if (sigsetjmp(back, 1) == 0) {
		world.memory.word(0) = 1;
		FAIL("the write went through");
	}
	CHECK(of(world.context).count("faults", "missing-anon-write") == 1);
	CHECK(of(world.context).count("faults", "sigbus") == 1);
	CHECK(ended_of(world.context) == 1);
}

TEST_CASE("each command is counted by what came of it", "[counters][module]")
{
	const World world(4);
	const auto &context = world.context;
	const auto count = [&](const char *command, const char *outcome) {
		return of(context).count(command, outcome);
	};

	CHECK(count("UFFDIO_REGISTER", "done") == 1);
	CHECK(count("UFFDIO_REGISTER", "bytes") == 4 * page_size());
	CHECK(of(context).line("UFFDIO_COPY").empty());

	world.fill(2);
	CHECK(of(context).line("UFFDIO_COPY") ==
	      "done=1 partly=0 bytes=" + std::to_string(page_size()));
	CHECK(context.copy(world.memory.address(2), std::vector<std::byte>(page_size()))
		      .error.value() == EEXIST);
	CHECK(count("UFFDIO_COPY", "EEXIST") == 1);
	CHECK(count("UFFDIO_COPY", "bytes") == page_size());

	/* Two pages, then one that is there: done in part, then not at all. */
	CHECK(context.zeropage(world.memory.range(0, 4)).done == 2 * page_size());
	CHECK(count("UFFDIO_ZEROPAGE", "partly") == 1);
	CHECK(count("UFFDIO_ZEROPAGE", "bytes") == 2 * page_size());
	CHECK(count("UFFDIO_ZEROPAGE", "done") == 0);
	CHECK(count("UFFDIO_ZEROPAGE", "EAGAIN") == 0);

	CHECK_FALSE(context.wake(Range{world.memory.address(0) + 1, page_size()}));
	CHECK(count("UFFDIO_WAKE", "EINVAL") == 1);
	CHECK(::ioctl(context.fd(), UFFDIO_COPY, nullptr) == -1);
	CHECK(count("UFFDIO_COPY", "EFAULT") == 1);
	CHECK(::ioctl(context.fd(), _IO(UFFDIO, 0x3e), nullptr) == -1); /* no command at all */
	CHECK(count("UFFDIO_COPY", "done") == 1);
	CHECK(count("UFFDIO_API", "done") == 1);
}

TEST_CASE("messages are counted when they have been delivered", "[counters][module][smp]")
{
	const World world(1);
	const Memory unreadable(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	checked(::mprotect(unreadable.page(0), page_size(), PROT_NONE));
	wait_for_pending(world.context, 1);
	CHECK(::read(world.context.fd(), unreadable.page(0), sizeof(uffd_msg)) == -1);
	CHECK(of(world.context).count("messages", "pagefault") == 0);
	next_fault(world.context);
	CHECK(of(world.context).line("messages") == "pagefault=1 fork=0 remap=0 remove=0 unmap=0");
	CHECK(of(world.context).number("told") == 1);
	world.fill(0);
	reader.get();
	CHECK(of(world.context).number("told") == 0);
}

TEST_CASE("an event that nobody has read is shown with its age", "[counters][module][smp]")
{
	const World world(2, Features::EventRemove);
	auto remover = in_thread(
		[&] { return ::madvise(world.memory.page(0), page_size(), MADV_DONTNEED); });

	wait_until("the event waits", [&] { return of(world.context).number("events") == 1; });
	wait_until("it is a tenth of a second old",
		   [&] { return of(world.context).number("oldest-event-ms") >= 100; });
	next_of<Remove>(world.context);
	CHECK(remover.get() == 0);
	CHECK(of(world.context).number("events") == 0);
	CHECK(of(world.context).line("oldest-event-ms").empty());
	CHECK(of(world.context).count("messages", "remove") == 1);
}

TEST_CASE("fdinfo says how long the oldest fault waits, told or not", "[counters][module][smp]")
{
	const World world(2);
	const auto age = [&](const char *which) { return of(world.context).number(which); };
	auto first = in_thread([&] { return world.memory.word(0); });

	next_fault(world.context);
	CHECK(of(world.context).line("oldest-pending-ms").empty());
	wait_until("it is old", [&] { return age("oldest-ms") >= 200; });

	auto second = in_thread([&] { return world.memory.word(1); });

	wait_for_pending(world.context, 1);
	CHECK(age("oldest-ms") >= 200);
	CHECK(age("oldest-pending-ms") <= age("oldest-ms"));
	world.fill(0);
	world.fill(1);
	first.get();
	second.get();
	CHECK(of(world.context).line("oldest-ms").empty());
}

TEST_CASE("fdinfo adds up what is registered in each mode", "[counters][module]")
{
	const Memory memory(8);
	const auto context = open_context();
	const auto registered = [&](const char *mode) {
		return of(context).count("registered", mode) / page_size();
	};

	CHECK(of(context).line("registered") == "missing=0 minor=0 wp=0 rwp=0");
	static_cast<void>(take(context.register_range(memory.range(0, 2), Modes::Missing)));
	static_cast<void>(take(
		context.register_range(memory.range(4, 3), Modes::Missing | Modes::WriteProtect)));
	CHECK(registered("missing") == 5);
	CHECK(registered("wp") == 3);
	CHECK(::munmap(memory.page(5), page_size()) == 0);
	CHECK(registered("missing") == 4);
	CHECK(registered("wp") == 2);
	take(context.unregister_range(memory.range(0, 2)));
	CHECK(registered("missing") == 2);
}

TEST_CASE("faults that ended are as many as came, when many threads fault at once",
	  "[counters][module][smp]")
{
	const World world(256);
	const Monitor monitor(world.context, [&](const Fault &fault) {
		static_cast<void>(world.context.copy(fault.address & ~(page_size() - 1),
						     std::vector<std::byte>(page_size())));
	});
	std::vector<std::future<void>> threads;

	for (int i = 0; i < 8; i++)
		threads.push_back(in_thread([&] {
			for (std::size_t page = 0; page < world.memory.pages(); page++)
				static_cast<void>(world.memory.word(page) + 0);
		}));
	for (auto &thread : threads)
		thread.get();
	CHECK(faults_of(world.context) == ended_of(world.context));
	CHECK(faults_of(world.context) >= world.memory.pages());
	CHECK(of(world.context).count("UFFDIO_COPY", "bytes") ==
	      world.memory.pages() * page_size());
}
