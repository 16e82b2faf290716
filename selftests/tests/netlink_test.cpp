// SPDX-License-Identifier: GPL-2.0-only
/* The module's netlink family: who sees which context, and what of it. */
#include "harness/loaded_module.hpp"
#include "lib/consumer.hpp"
#include "lib/loading.hpp"
#include "lib/rights.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <linux/genetlink.h>
#include <linux/userfault.h>
#include <memory>
#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <userfaultctl/client.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;
namespace ctl = userfaultctl;

namespace {

std::uint64_t id_of(const Context &context)
{
	return fdinfo(context.fd()).number("context");
}

std::vector<std::uint64_t> ids_of(const ctl::Dump<ctl::Context> &dump)
{
	std::vector<std::uint64_t> ids;

	for (const auto &context : dump.items)
		ids.push_back(context.id);
	return ids;
}

bool lists(ctl::Client &client, std::uint64_t id)
{
	const auto ids = ids_of(client.contexts());

	return std::ranges::find(ids, id) != ids.end();
}

/* The errno of a request, or 0. */
int error_of(const std::function<void()> &request)
{
	try {
		request();
	} catch (const ctl::RequestError &error) {
		return error.number();
	}
	return 0;
}

std::string words_of(const std::function<void()> &request)
{
	try {
		request();
	} catch (const ctl::RequestError &error) {
		return error.what();
	}
	return "";
}

void ignore(nlattr *, int) {}

/* What a process returns that could not make a user namespace. */
constexpr int no_namespaces = 77;

/* What this thread has had of its processor. */
std::chrono::milliseconds processor_time()
{
	timespec now{};

	checked(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now));
	return std::chrono::duration_cast<std::chrono::milliseconds>(
		std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

} // namespace

TEST_CASE("a context is found by its id, and described", "[netlink][module]")
{
	const World world(2, Features::ThreadId);
	ctl::Client client;
	const auto context = client.context(id_of(world.context));

	CHECK(context.id == id_of(world.context));
	CHECK(context.tgid == static_cast<std::uint32_t>(::getpid()));
	CHECK(context.pid.has_value());
	std::array<char, 16> name{};
	checked(::prctl(PR_GET_NAME, name.data()));
	CHECK(context.comm == name.data());
	CHECK(context.uid == ::geteuid());
	CHECK(context.flags == (O_CLOEXEC | O_NONBLOCK));
	CHECK(context.features == UFFD_FEATURE_THREAD_ID);
	CHECK(context.modes == UFFDIO_REGISTER_MODE_MISSING);
	CHECK(context.waiting == 0);
	CHECK_FALSE(context.oldest_waiting);
	wait_until("it is older", [&] {
		return client.context(context.id).age > context.age + std::chrono::milliseconds(50);
	});
}

TEST_CASE("all contexts are listed in the order of their ids", "[netlink][module]")
{
	std::vector<Context> contexts; /* more than one message of the dump has room for */
	std::vector<std::uint64_t> expected;
	ctl::Client client;

	for (int i = 0; i < 400; i++) {
		contexts.push_back(open_context());
		expected.push_back(id_of(contexts.back()));
	}
	const auto dump = client.contexts();
	auto ids = ids_of(dump);

	CHECK(dump.consistent);
	CHECK(std::ranges::is_sorted(ids));
	std::erase_if(ids, [&](auto id) { return id < expected.front(); });
	CHECK(ids == expected);
	contexts.clear();
	CHECK_FALSE(lists(client, expected.front()));
	CHECK(error_of([&] { client.context(expected.back()); }) == ENOENT);
}

TEST_CASE("neighbours that are registered alike are one region", "[netlink][module]")
{
	const Memory memory(10);
	const auto context = open_context();
	ctl::Client client;
	const auto regions = [&] { return client.regions(id_of(context)).items; };

	CHECK(regions().empty());
	static_cast<void>(take(context.register_range(memory.range(0, 3), Modes::Missing)));
	static_cast<void>(take(
		context.register_range(memory.range(3, 2), Modes::Missing | Modes::WriteProtect)));
	checked(::mprotect(memory.page(1), page_size(), PROT_READ)); /* makes it three mappings */
	static_cast<void>(take(context.register_range(memory.range(8, 2), Modes::Missing)));
	const auto found = regions();

	REQUIRE(found.size() == 3);
	CHECK(found[0].start == memory.address(0));
	CHECK(found[0].length == 3 * page_size());
	CHECK(found[0].modes == UFFDIO_REGISTER_MODE_MISSING);
	CHECK(found[0].memory == USERFAULT_MEMORY_ANON);
	CHECK(found[1].start == memory.address(3));
	CHECK(found[1].modes == (UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
	CHECK(found[2].start == memory.address(8));
	CHECK(found[2].length == 2 * page_size());
}

TEST_CASE("a thousand regions are listed", "[netlink][module]")
{
	const std::size_t count = 1000;
	const Memory memory(2 * count);
	const auto context = open_context();
	ctl::Client client;

	for (std::size_t i = 0; i < count; i++)
		static_cast<void>(
			take(context.register_range(memory.range(2 * i, 1), Modes::Missing)));
	const auto dump = client.regions(id_of(context));

	CHECK(dump.consistent);
	REQUIRE(dump.items.size() == count);
	for (std::size_t i = 0; i < count; i++)
		if (dump.items[i].start != memory.address(2 * i))
			FAIL("region " << i << " is another one");
}

TEST_CASE("those who wait are listed with their threads", "[netlink][module][smp]")
{
	const World world(3);
	ctl::Client client;
	const auto id = id_of(world.context);
	std::atomic<pid_t> tid = 0;
	auto reader = in_thread([&] {
		tid = ::gettid();
		return world.memory.word(1) + 0;
	});

	wait_for_pending(world.context, 1);
	auto waiters = client.waiters(id).items;
	REQUIRE(waiters.size() == 1);
	CHECK(waiters[0].tid == static_cast<std::uint32_t>(tid));
	CHECK(waiters[0].address == world.memory.address(1));
	CHECK(waiters[0].flags == 0);
	CHECK_FALSE(waiters[0].told);
	next_fault(world.context);
	auto writer = in_thread([&] { world.memory.word(2) = 5; });
	wait_for_waiters(world.context, 2);
	waiters = client.waiters(id).items;
	REQUIRE(waiters.size() == 2);
	std::ranges::sort(waiters, {}, &ctl::Waiter::address);
	CHECK(waiters[0].told);
	CHECK_FALSE(waiters[1].told);
	CHECK(waiters[1].flags == UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK(client.context(id).waiting == 2);
	CHECK(client.context(id).pending == 1);
	wait_until("it is old", [&] {
		return client.context(id).oldest_waiting >= std::chrono::milliseconds(100);
	});
	world.fill(1);
	world.fill(2);
	reader.get();
	writer.get();
	CHECK(client.waiters(id).items.empty());
}

TEST_CASE("counters are those of fdinfo", "[netlink][module][smp]")
{
	const World world(2);
	ctl::Client client;
	auto reader = in_thread([&] { return world.memory.word(0); });

	next_fault(world.context);
	world.fill(0);
	reader.get();
	static_cast<void>(world.context.zeropage(world.memory.range(0, 1)));
	const auto counters = client.counters(id_of(world.context));
	const auto info = fdinfo(world.context.fd());

	CHECK(counters.context == id_of(world.context));
	REQUIRE(counters.faults.size() == 1);
	CHECK(counters.faults[0].mode == UFFDIO_REGISTER_MODE_MISSING);
	CHECK(counters.faults[0].memory == USERFAULT_MEMORY_ANON);
	CHECK_FALSE(counters.faults[0].write);
	CHECK_FALSE(counters.faults[0].kernel);
	CHECK(counters.faults[0].count == info.count("faults", "missing-anon-read"));
	CHECK(counters.woken == info.count("faults", "woken"));
	REQUIRE(counters.messages.size() == 1);
	CHECK(counters.messages[0].event == UFFD_EVENT_PAGEFAULT);
	CHECK(counters.messages[0].count == 1);
	const auto zeropage = std::ranges::find(counters.commands, std::uint32_t{_UFFDIO_ZEROPAGE},
						&ctl::CommandCount::number);
	REQUIRE(zeropage != counters.commands.end());
	CHECK(zeropage->done == 0);
	REQUIRE(zeropage->errors.size() == 1);
	CHECK(zeropage->errors[0].number == EEXIST);
	CHECK(zeropage->errors[0].count == 1);
	const auto api = std::ranges::find(counters.commands, std::uint32_t{_UFFDIO_API},
					   &ctl::CommandCount::number);
	CHECK(api != counters.commands.end());

	const auto all = client.all_counters().items;
	const auto same = std::ranges::find(all, counters.context, &ctl::Counters::context);
	REQUIRE(same != all.end());
	CHECK(same->all_faults() == counters.all_faults());
}

TEST_CASE("threads that were forgotten are woken from outside", "[netlink][module][smp]")
{
	const World world(2);
	ctl::Client client;
	const auto id = id_of(world.context);
	auto first = in_thread([&] { return world.memory.word(0); });
	auto second = in_thread([&] { return world.memory.word(1); });

	wait_for_sleepers(world.context, 2);
	CHECK(world.context.zeropage(world.memory.range(), ZeropageModes::DontWake));
	CHECK(fdinfo(world.context.fd()).total == 2);
	client.wake(id, world.memory.address(1) + 5);
	CHECK(second.get() == 0);
	CHECK(fdinfo(world.context.fd()).total == 1);
	client.wake(id, std::nullopt);
	CHECK(first.get() == 0);
}

TEST_CASE("wrong requests are refused in words", "[netlink][module][security]")
{
	const auto context = open_context();
	const auto id = id_of(context);
	ctl::Client client;
	ctl::Socket socket;
	const auto nothing = [](nl_msg *) {};
	const auto send = [&](int command, int flags, const ctl::Socket::Put &put) {
		return error_of([&] {
			socket.request(static_cast<std::uint8_t>(command), flags, put, ignore);
		});
	};
	const auto with_id = [&](nl_msg *message) {
		::nla_put_u64(message, USERFAULT_A_CONTEXT_ID, id);
	};

	CHECK(error_of([&] { client.context(0); }) == ENOENT);
	CHECK(words_of([&] { client.context(~0ull); }) ==
	      "there is no such context, or it isn't for you to see");
	for (const int command :
	     {USERFAULT_CMD_CONTEXT_GET, USERFAULT_CMD_COUNTERS_GET, USERFAULT_CMD_WAKE})
		CHECK(send(command, 0, nothing) == EINVAL);
	for (const int command : {USERFAULT_CMD_REGION_GET, USERFAULT_CMD_WAITER_GET})
		CHECK(send(command, NLM_F_DUMP, nothing) == EINVAL);
	CHECK(words_of([&] { socket.request(USERFAULT_CMD_CONTEXT_GET, 0, nothing, ignore); }) ==
	      "the context's id is missing");
	CHECK(send(USERFAULT_CMD_CONTEXT_GET, NLM_F_DUMP, with_id) == EINVAL);
	CHECK(send(USERFAULT_CMD_REGION_GET, 0, with_id) == EOPNOTSUPP); /* only as a dump */
	CHECK(send(USERFAULT_CMD_MAX + 1, 0, with_id) == EOPNOTSUPP);
	/* An attribute that is of the answer alone; one that there isn't; one that is too short. */
	CHECK(send(USERFAULT_CMD_CONTEXT_GET, 0, [&](nl_msg *message) {
		      with_id(message);
		      ::nla_put_u32(message, USERFAULT_A_CONTEXT_TGID, 1);
	      }) == EINVAL);
	CHECK(send(USERFAULT_CMD_WAKE, 0, [&](nl_msg *message) {
		      ::nla_put_u64(message, USERFAULT_A_WAKE_MAX + 1, id);
	      }) == EINVAL);
	CHECK(send(USERFAULT_CMD_CONTEXT_GET, 0, [&](nl_msg *message) {
		      ::nla_put_u32(message, USERFAULT_A_CONTEXT_ID, static_cast<unsigned>(id));
	      }) != 0);
	CHECK(client.context(id).id == id);
}

TEST_CASE("another user sees no context of root's", "[netlink][module][security]")
{
	const World world(1);
	const auto id = id_of(world.context);
	Process other([&] {
		become_nobody();
		ctl::Client client;

		if (lists(client, id) || !client.all_counters().items.empty())
			return 1;
		if (error_of([&] { client.context(id); }) != ENOENT)
			return 2;
		if (error_of([&] { client.regions(id); }) != ENOENT)
			return 3;
		if (error_of([&] { client.waiters(id); }) != ENOENT)
			return 4;
		if (error_of([&] { client.counters(id); }) != ENOENT)
			return 5;
		return error_of([&] { client.wake(id, std::nullopt); }) == ENOENT ? 0 : 6;
	});

	CHECK(other.wait() == 0);
}

TEST_CASE("a socket that another user has opened gives root no right",
	  "[netlink][module][security]")
{
	const World world(1);
	const auto id = id_of(world.context);
	Process other([&] {
		checked(::syscall(SYS_setresuid, -1, nobody, 0));
		ctl::Client client; /* opened as nobody */

		checked(::syscall(SYS_setresuid, -1, 0, 0));
		return error_of([&] { client.context(id); }) == ENOENT && !lists(client, id) ? 0
											     : 1;
	});

	CHECK(other.wait() == 0);
}

TEST_CASE("a process that may not be read is shown without addresses",
	  "[netlink][module][security]")
{
	Process reader([&] {
		const Fd device(::open("/dev/userfault", O_RDWR | O_CLOEXEC));
		const Memory memory(1);

		become_nobody();
		const auto made = Context::adopt(
			Fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK)));
		if (!made.handshake() || !made.register_range(memory.range(), Modes::Missing))
			return 1;
		const auto its_id = id_of(made);

		checked(::prctl(PR_SET_DUMPABLE, 0));
		/* A process may always read itself: so another one of the same user asks. */
		return Process([&] {
			       ctl::Client client;

			       if (client.context(its_id).id != its_id)
				       return 2;
			       if (error_of([&] { client.regions(its_id); }) != EPERM)
				       return 3;
			       if (error_of([&] { client.waiters(its_id); }) != EPERM)
				       return 4;
			       return error_of([&] { client.wake(its_id, {}); }) == EPERM ? 0 : 5;
		       })
			.wait();
	});
	CHECK(reader.wait() == 0);
}

TEST_CASE("the right to networks shows no context", "[netlink][module][security]")
{
	const World world(1);
	const auto id = id_of(world.context);
	Process other([&] {
		/* In a namespace of its own the process has every right, and to its networks. */
		if (!become_root_of_namespace())
			return no_namespaces;
		checked(::unshare(CLONE_NEWNET));
		ctl::Client client;
		return !lists(client, id) && error_of([&] { client.regions(id); }) == ENOENT ? 0
											     : 1;
	});

	const int status = other.wait();

	if (status == no_namespaces)
		skip("no ordinary user may make a user namespace here");
	CHECK(status == 0);
}

TEST_CASE("a reader sees the contexts of its pid namespace, by the ids there",
	  "[netlink][module][security]")
{
	const World world(1);
	const auto id = id_of(world.context);
	Process parent([&] {
		checked(::unshare(CLONE_NEWPID));
		return Process([&] {
			       const auto its_context = open_context();
			       ctl::Client client;

			       if (lists(client, id))
				       return 1;
			       return client.context(id_of(its_context)).tgid == 1 ? 0 : 2;
		       })
			.wait();
	});

	CHECK(parent.wait() == 0);
}

/* netlink keeps the module of a dump that nobody reads, whoever has asked for it. */
TEST_CASE("the module can't be unloaded while a dump is unread",
	  "[netlink][load][module][security]")
{
	const auto free = [](nl_sock *each) { ::nl_socket_free(each); };
	std::unique_ptr<nl_sock, decltype(free)> socket(::nl_socket_alloc(), free);

	need_the_module_file();
	checked(::genl_connect(socket.get()));
	const int family = ::genl_ctrl_resolve(socket.get(), USERFAULT_GENL_NAME);
	REQUIRE(family > 0);
	{
		const auto context = open_context(); /* or the dump would be empty, and over */

		REQUIRE(::genl_send_simple(socket.get(), family, USERFAULT_CMD_CONTEXT_GET,
					   USERFAULT_GENL_VERSION, NLM_F_DUMP) > 0);
	}
	REQUIRE(unload_module("userfault") == std::errc::resource_unavailable_try_again);
	socket.reset();
	unload();
	load();
}

TEST_CASE("a context whose process is gone has no process any more", "[netlink][module]")
{
	Consumer consumer(1, [](const Memory &) { return 0; });
	ctl::Client client;
	const auto id = id_of(consumer.context);

	CHECK(consumer.process.wait() == 0);
	const auto context = client.context(id);
	CHECK(context.id == id);
	CHECK_FALSE(context.tgid);
	CHECK(context.comm.empty());
	CHECK(lists(client, id));
	CHECK(error_of([&] { client.regions(id); }) == ESRCH);
	CHECK(error_of([&] { client.waiters(id); }) == ESRCH);
	CHECK(error_of([&] { client.wake(id, {}); }) == ESRCH);
}

TEST_CASE("a child's context is listed as soon as it is made", "[netlink][module][smp]")
{
	const auto memory = Memory(1);
	const auto context = open_context(Features::EventFork);
	const auto id = id_of(context);
	ctl::Client client;

	static_cast<void>(take(context.register_range(memory.range(), Modes::Missing)));
	auto parent = in_thread([&] { return in_child([] { return 0; }); });
	wait_until("the fork waits", [&] { return client.context(id).events == 1; });
	const auto before = client.contexts().items;
	const auto child = std::ranges::find_if(before, [&](auto &each) { return each.id > id; });

	REQUIRE(child != before.end());
	CHECK_FALSE(child->tgid); /* fork() isn't done with it */
	CHECK(child->modes == UFFDIO_REGISTER_MODE_MISSING);
	const auto its_context = next_child(context);
	CHECK(id_of(its_context) == child->id);
	CHECK(parent.get() == 0);
}

TEST_CASE("ten thousand contexts and two thousand waiters are listed within a second",
	  "[netlink][module][slow][smp]")
{
	constexpr std::size_t contexts = 10'000, waiters = 2'000;
	const rlimit many = {contexts + 100, contexts + 100};
	std::vector<Context> others;
	std::vector<std::future<std::uint64_t>> threads;
	ctl::Client client;

	checked(::setrlimit(RLIMIT_NOFILE, &many));
	const World world(waiters);
	for (std::size_t i = 0; i < contexts; i++)
		others.push_back(open_context());
	for (std::size_t i = 0; i < waiters; i++)
		threads.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
	wait_for_waiters(world.context, waiters);

	const auto start = processor_time();
	const auto listed = client.contexts().items.size();
	const auto found = client.waiters(id_of(world.context)).items.size();
	const auto took = processor_time() - start;
	CHECK(listed > contexts);
	CHECK(found == waiters);
	INFO("it took " << took.count() << " ms");
	CHECK(took < wait_limit / 20); /* a second, or on a debug kernel several */
	CHECK(world.context.zeropage_all(world.memory.range()));
	for (auto &thread : threads)
		thread.get();
}

/* The answer to a request for all contexts, of which only a part is read at first. */
TEST_CASE("a list says if contexts came while it was put together", "[netlink][module]")
{
	std::vector<Context> contexts;
	ctl::Socket socket;
	std::size_t seen = 0;

	for (int i = 0; i < 400; i++)
		contexts.push_back(open_context());
	const auto opens_one = [&](nlattr *, int) {
		if (!seen++)
			contexts.push_back(open_context());
	};
	CHECK_FALSE(
		socket.request(USERFAULT_CMD_CONTEXT_GET, NLM_F_DUMP, [](nl_msg *) {}, opens_one));
	CHECK(seen >= 400);
	CHECK(socket.request(USERFAULT_CMD_CONTEXT_GET, NLM_F_DUMP, [](nl_msg *) {}, ignore));
}

/*
 * The process that sends opens no socket of its own: it writes what another one gives it, to where
 * that one says.
 */
TEST_CASE("a process that is made to send a request doesn't tell of itself",
	  "[netlink][module][security]")
{
	const World world(1);
	const auto id = id_of(world.context);
	Process deputy([&] {
		const auto own = open_context();
		const auto own_id = id_of(own);

		checked(::syscall(SYS_setresuid, -1, nobody, 0));
		ctl::Client client; /* as another user has opened it */

		checked(::syscall(SYS_setresuid, -1, 0, 0));
		if (lists(client, own_id) || lists(client, id))
			return 1;
		return error_of([&] { client.regions(own_id); }) == ENOENT ? 0 : 2;
	});

	CHECK(deputy.wait() == 0);
}

TEST_CASE("lists stay right while contexts come and go", "[netlink][module][smp]")
{
	const World world(1);
	const auto id = id_of(world.context);
	std::atomic<bool> over = false;
	auto maker = in_thread([&] {
		while (!over)
			static_cast<void>(open_context());
	});
	ctl::Client client;

	for (unsigned i = 0; i < repeated(200); i++) {
		const auto ids = ids_of(client.contexts());

		if (std::ranges::count(ids, id) != 1 || !std::ranges::is_sorted(ids))
			give_up("a list is wrong");
	}
	over = true;
	maker.get();
	CHECK(client.contexts().consistent);
}
