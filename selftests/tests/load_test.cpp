// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading the module. */
#include "harness/kernel_log.hpp"
#include "harness/kmemleak.hpp"
#include "harness/loaded_module.hpp"
#include "lib/address_spaces.hpp"
#include "lib/command.hpp"
#include "lib/consumer.hpp"
#include "lib/fail_nth.hpp"
#include "lib/loading.hpp"
#include "lib/process.hpp"
#include "lib/rights.hpp"
#include "lib/taken_functions.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <iterator>
#include <linux/capability.h>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

const std::string name = "userfault";
constexpr const char *device = "/dev/userfault";

/* The module is loaded with other parameters as long as this lives. */
struct Loaded {
	explicit Loaded(const std::string &parameters)
	{
		unload();
		load(parameters);
	}

	~Loaded()
	{
		unload();
		load();
	}
};

/* Fills a page for a thread that waits for it. */
void work()
{
	const World world(4);
	auto reader = in_thread([&] { return world.memory.word(2); });

	if (next_fault(world.context).address != world.memory.address(2))
		give_up("the fault is of another page");
	world.fill(2);
	if (reader.get() != pattern_word(2))
		give_up("the page is wrong");
}

/* Makes calls that the module refuses, some when it has already taken something. */
void fail()
{
	const World world(2);
	const auto source = patterned(2);

	world.fill(0);
	if (world.context.copy(world.memory.address(0), source.bytes(0, 2)).error.value() != EEXIST)
		give_up("a page was filled twice");
	checked(::mprotect(source.page(1), page_size(), PROT_NONE));
	if (world.context.copy(world.memory.address(1), source.bytes(1, 1)).error.value() != EFAULT)
		give_up("a source that can't be read was copied");
	if (Context::create(options_for()).value().handshake(Features{1ull << 63}))
		give_up("an unknown feature was granted");
}

/* The same in another process, which ends while one of its threads waits. */
void work_elsewhere()
{
	Process process([] {
		const World world(1);
		auto reader = in_thread([&] { return world.memory.word(0); });
		fail();
		next_fault(world.context);
		::_exit(0);
		return 1;
	});

	if (process.wait() != 0)
		give_up("the process has failed");
}

/* Closes a context under threads that wait: they go on while this returns. */
void leave_threads_waking()
{
	static const Memory memory(8);
	static std::vector<std::future<std::uint64_t>> readers;
	const auto context = open_context();

	readers.clear(); /* waits for the threads of the last call */
	checked(::madvise(memory.page(0), memory.range().length, MADV_DONTNEED));
	take(context.register_range(memory.range(), Modes::Missing));
	for (std::size_t i = 0; i < memory.pages(); i++)
		readers.push_back(in_thread([i] { return memory.word(i) + 0; }));
	wait_for_waiters(context, memory.pages());
}

void drop_capability(int capability)
{
	__user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
	__user_cap_data_struct data[2]{};

	checked(::syscall(SYS_capget, &header, data));
	for (auto *set : {&data[capability / 32].effective, &data[capability / 32].permitted})
		*set &= ~(1u << capability % 32);
	checked(::syscall(SYS_capset, &header, data));
}

/* An errno of the device's ioctl, or 0. */
int error_of_new(unsigned long flags)
{
	const Fd file(static_cast<int>(checked(::open(device, O_RDWR | O_CLOEXEC))));
	const Fd made(::ioctl(file.get(), USERFAULTFD_IOC_NEW, flags));

	return made ? 0 : errno;
}

/*
 * How many KiB the kernel has in vmalloc, for each processor, and in the slab caches. The slab
 * caches don't count on a kernel with kmemleak, because its KASAN keeps freed objects there.
 */
std::size_t kernel_memory()
{
	static const bool kmemleak = Kmemleak().available();
	std::ifstream file("/proc/meminfo");
	std::string key, unit;
	std::size_t kib, sum = 0;

	while (file >> key >> kib && std::getline(file, unit))
		if ((key == "SUnreclaim:" && !kmemleak) || key == "VmallocUsed:" ||
		    key == "Percpu:")
			sum += kib;
	return sum;
}

/* Returns whether the kernel allows it. */
bool switch_ftrace(bool on)
{
	std::ofstream file("/proc/sys/kernel/ftrace_enabled");

	return static_cast<bool>(file << on << std::flush);
}

std::string contents_of(const std::string &path)
{
	std::ifstream file(path);

	return {std::istreambuf_iterator(file), {}};
}

/* Returns how many it has replaced; @with is as long as @what. */
std::size_t replace_all(std::string &text, const std::string &what, const std::string &with)
{
	std::size_t count = 0;

	for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1), count++)
		text.replace(at, what.size(), with);
	return count;
}

bool in_slab_caches(const std::string &part)
{
	for (const auto &entry : std::filesystem::directory_iterator("/sys/kernel/slab"))
		if (entry.path().filename().string().find(part) != std::string::npos &&
		    entry.path().filename().string().find("userfaultfd_ctx") == std::string::npos)
			return true;
	return false;
}

} // namespace

TEST_CASE("the module can't be unloaded while a context is open", "[load][module][security]")
{
	auto context = open_context();

	CHECK(unload_module(name) == std::errc::resource_unavailable_try_again);
	CHECK(module_is_loaded(name));
	work();
	static_cast<void>(Fd(context.release()));
	need_the_module_file();
	unload();
	CHECK_FALSE(module_is_loaded(name));
	load();
	work();
}

TEST_CASE("the module can't be unloaded while a thread waits and nobody has the context open",
	  "[load][module]")
{
	/* The context is held by a message that no process has received. */
	World world(1);
	auto reader = in_thread([&] { return world.memory.word(0); });
	auto sockets = take(socket_pair());
	std::array<std::byte, 1> payload{};

	need_the_module_file();
	wait_for_waiters(world.context, 1);
	take(send_fd(sockets.first.get(), world.context.fd(), payload));
	world.region.release();
	static_cast<void>(Fd(world.context.release()));
	CHECK(unload_module(name) == std::errc::resource_unavailable_try_again);
	CHECK_FALSE(is_done(reader));
	{
		const auto context =
			Context::adopt(take(receive_fd(sockets.second.get(), payload)));
		fill(context, world.memory, 0);
		CHECK(reader.get() == pattern_word(0));
	}
	unload();
	CHECK_FALSE(module_is_loaded(name));
	load();
}

TEST_CASE("the module can't be unloaded while a fork is unread or its child's context is open",
	  "[load][module]")
{
	need_the_module_file();
	Consumer forker(1, options_for(Features::EventFork), [](const Memory &) {
		Process child([] { return 0; });
		return child.wait();
	});

	wait_until("the fork is reported", [&] { return is_readable(forker.context); });
	CHECK(unload_module(name) == std::errc::resource_unavailable_try_again);
	auto child = next_of<Fork>(forker.context);
	static_cast<void>(Fd(forker.context.release()));
	CHECK(forker.process.wait() == 0);
	CHECK(unload_module(name) == std::errc::resource_unavailable_try_again);
	child.context.reset();
	unload();
	CHECK_FALSE(in_slab_caches("userfault"));
	load();
	work();
}

TEST_CASE("the module can't be unloaded while its device is open", "[load][module]")
{
	Fd file(static_cast<int>(checked(::open(device, O_RDWR | O_CLOEXEC))));

	need_the_module_file();
	REQUIRE(unload_module(name) == std::errc::resource_unavailable_try_again);
	file.reset();
	unload();
	load();
}

namespace {

/* A change of two pages: the module has the first one, native userfaultfd the other. */
struct Change {
	const char *name;
	Features of_module, of_native;	    /* its events */
	bool (*make)(const Memory &memory); /* returns when both are read */
};

const Change changes[] = {
	{"forking", Features::EventFork, Features::EventFork,
	 [](const Memory &) { return in_child([] { return 0; }) == 0; }},
	{"unmapping", Features::EventUnmap, Features::EventUnmap,
	 [](const Memory &memory) {
		 memory.unmap(0, 2);
		 return true;
	 }},
	{"moving", Features::EventRemap, Features::EventUnmap,
	 [](const Memory &memory) { return memory.remap(0, 1, 1, 0, memory.page(1)) == 0; }},
};

} // namespace

/*
 * Nobody has the module's context open, and closing it has woken nobody: the call waits for the
 * other context first. Then it goes on in the module.
 */
TEST_CASE("the module can't be unloaded while a call that it has to end waits elsewhere",
	  "[load][module]")
{
	need_the_module_file();
	for (const auto &change : changes) {
		auto options = options_for(change.of_native);
		options.device = device_of(Backend::native);
		const Memory memory(2);
		const auto native = open_context(options);
		auto context = open_context(change.of_module);
		const auto sockets = take(socket_pair());
		std::array<std::byte, 1> payload{};

		INFO(change.name);
		take(context.register_range(memory.range(0, 1), Modes::Missing));
		take(native.register_range(memory.range(1, 1), Modes::Missing));
		/* A forked child would have a descriptor, but not what is in a message. */
		take(send_fd(sockets.first.get(), context.fd(), payload));
		static_cast<void>(Fd(context.release()));
		auto changing = in_thread([&] { return change.make(memory); });
		wait_until("native userfaultfd has its event", [&] { return is_readable(native); });
		take(receive_fd(sockets.second.get(), payload));
		if (unload_module(name) != std::errc::resource_unavailable_try_again)
			give_up("the call goes on in a module that is gone");
		next_message(native);
		CHECK(changing.get());
		unload();
		CHECK_FALSE(in_slab_caches("userfault"));
		load();
	}
	work();
}

TEST_CASE("the module can be unloaded after events that nobody has read", "[load][module]")
{
	const auto every = Features::EventFork | Features::EventRemap | Features::EventRemove |
			   Features::EventUnmap;

	need_the_module_file();
	for (const bool kill : {true, false}) {
		Consumer victim(2, options_for(every), [](const Memory &memory) {
			Process child([] { return 0; });
			child.wait();
			return ::munmap(memory.page(0), page_size());
		});

		wait_until("the fork is reported", [&] { return is_readable(victim.context); });
		if (kill)
			victim.process.signal(SIGKILL);
		static_cast<void>(Fd(victim.context.release()));
		CHECK(victim.process.wait() == (kill ? Process::killed + SIGKILL : 0));
	}
	unload();
	CHECK_FALSE(in_slab_caches("userfault"));
	load();
	work();
}

TEST_CASE("of all events, only those of forks need the right to trace", "[load][module][security]")
{
	Process process([] {
		drop_capability(CAP_SYS_PTRACE);
		const auto fresh = [] { return take(Context::create(options_for())); };
		const auto refused = fresh().handshake(Features::EventFork);
		return !refused && refused.error().value() == EPERM &&
				       fresh().handshake(Features::EventRemap |
							 Features::EventRemove |
							 Features::EventUnmap)
			       ? 0
			       : 1;
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("the module can't be loaded twice", "[load][module]")
{
	need_the_module_file();
	CHECK(load_module(module_file) == std::errc::file_exists);
	work();
}

TEST_CASE("unloading leaves nothing behind", "[load][module]")
{
	need_the_module_file();
	work();
	REQUIRE(taken_functions().find("handle_userfault") != std::string::npos);
	unload();
	CHECK_FALSE(std::filesystem::exists(device));
	CHECK_FALSE(std::filesystem::exists("/sys/class/misc/userfault"));
	CHECK_FALSE(in_slab_caches("userfault"));
	CHECK(taken_functions().find("userfault") == std::string::npos);
	load();
}

namespace {

/*
 * Loads the module again and again, and lets another point of its own code fail each time. The
 * kernel's loader, which comes first, warns about some of its own failures; it has parsed the
 * parameters when it comes to the module's code. There are a thousand points, most of them in
 * sysfs: so a test takes each @every-th one, beginning with the @start-th.
 */
void load_with_failures(Shortage shortage, unsigned start)
{
	constexpr unsigned every = 13;

	need_failures();
	need_the_module_file();
	const Fd file(static_cast<int>(checked(::open(module_file.c_str(), O_RDONLY | O_CLOEXEC))));
	const auto load_it = [&](const char *parameters) {
		return ::syscall(SYS_finit_module, file.get(), parameters, 0);
	};

	unload();
	const auto of_loader = points_of([&] { load_it("kernel_faults=perhaps"); });
	REQUIRE_FALSE(module_is_loaded(name));
	fail_some(shortage, of_loader + start, every, [&](FailNth &nth) {
		if (const int error = nth([&] { return load_it(""); })) {
			CHECK(is_injected(error));
			CHECK_FALSE(module_is_loaded(name));
			CHECK_FALSE(std::filesystem::exists(device));
			CHECK_FALSE(in_slab_caches("userfault"));
			CHECK(taken_functions().find("userfault") == std::string::npos);
		} else {
			unload();
		}
	});
	load();
	work();
}

} // namespace

TEST_CASE("a module that finds no memory as it is loaded leaves nothing behind",
	  "[load][module][injected][slow]")
{
	load_with_failures(Shortage::moment, 0);
}

TEST_CASE("a module that finds no memory any more as it is loaded leaves nothing behind",
	  "[load][module][injected][slow]")
{
	load_with_failures(Shortage::lasting, 0);
}

/* All the other points. */
#define OTHER_STARTS_TEST_CASE(name)                                                               \
	TEMPLATE_TEST_CASE_SIG(name, "[load][module][injected][slow][.nightly]",                   \
			       ((unsigned Start), Start), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)

OTHER_STARTS_TEST_CASE("a module that finds no memory at another point leaves nothing behind")
{
	load_with_failures(Shortage::moment, Start);
}

OTHER_STARTS_TEST_CASE("a module that finds no memory from another point on leaves nothing behind")
{
	load_with_failures(Shortage::lasting, Start);
}

/*
 * The supervisor keeps no context: so each first one takes mm's functions over. If there is no
 * memory for direct calls, callbacks do, which need none. A shortage that lasts would show no more.
 */
TEST_CASE("a first context that can't be opened leaves mm's functions alone",
	  "[load][module][injected][slow]")
{
	const Fd file(static_cast<int>(checked(::open(device, O_RDWR | O_CLOEXEC))));
	const auto open_one = [&] { return ::ioctl(file.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC); };

	fail_each(Shortage::moment, [&](FailNth &nth) {
		/* They are given back some time after the last context. */
		wait_until("mm has its functions", [] { return !is_taken("dup_userfaultfd"); });
		int context = -1;
		if (const int error = nth([&] { return context = open_one(); }))
			CHECK(is_injected(error));
		else
			static_cast<void>(Fd(context));
		work();
	});
}

namespace {

/* Unloads the module under threads that it has just woken, loads it, and does everything once. */
void load_anew_and_work()
{
	leave_threads_waking();
	unload();
	load();
	work();
	fail();
	work_elsewhere();
}

} // namespace

TEST_CASE("unloading while threads are woken on other processors", "[load][module][smp]")
{
	need_the_module_file();
	for (unsigned i = 0; i < 4; i++)
		load_anew_and_work();
	CHECK(module_is_loaded(name));
}

/*
 * This test mostly sleeps, waiting for grace periods: so scripts/selftests gives it a VM of its
 * own. That VM has one processor: for each place in the module that calls the kernel, loading stops
 * all other processors, and an emulator would spend most of its time on that.
 */
TEST_CASE("loading and unloading fifty times with work in between", "[load][module][slow][alone]")
{
	const unsigned times = 50, warm_up = 10;
	auto options = options_for();
	options.device = device_of(Backend::native);
	const World native(1, options);
	auto waiting = in_thread([&] { return native.memory.word(0); });
	std::size_t before = 0, mms_before = 0;

	need_the_module_file();
	wait_for_waiters(native.context, 1);
	for (unsigned i = 0; i < times; i++) {
		if (i == warm_up) {
			before = kernel_memory();
			mms_before = count_mms();
		}
		load_anew_and_work();
	}
	/*
	 * A leaked page each time would be 160 KiB; the kernel's other changes meanwhile are less.
	 */
	wait_until("the kernel has no more memory than before",
		   [&] { return kernel_memory() < before + 128; });
	wait_until("the kernel has no more address spaces than before",
		   [&] { return count_mms() < mms_before + 16; });
	CHECK(fdinfo(native.context.fd()).total == 1);
	CHECK_FALSE(is_done(waiting));
	native.fill(0);
	CHECK(waiting.get() == pattern_word(0));
}

TEST_CASE("native userfaultfd works without the module and after it", "[load][module]")
{
	auto options = options_for();
	options.device = device_of(Backend::native);
	const World world(2, options);

	need_the_module_file();
	unload();
	auto first = in_thread([&] { return world.memory.word(0); });
	CHECK(next_fault(world.context).address == world.memory.address(0));
	load();
	world.fill(0);
	CHECK(first.get() == pattern_word(0));
	auto second = in_thread([&] { return world.memory.word(1); });
	CHECK(next_fault(world.context).address == world.memory.address(1));
	unload();
	world.fill(1);
	CHECK(second.get() == pattern_word(1));
	load();
}

TEST_CASE("ftrace can't be switched off under the module", "[load][module]")
{
	CHECK_FALSE(switch_ftrace(false));
	work();
}

TEST_CASE("loading without ftrace fails and leaves nothing behind", "[load][module]")
{
	KernelLog log;

	if (!kernel_before(7, 3))
		skip("this kernel's ftrace can't be switched off");
	need_the_module_file();
	unload();
	REQUIRE(switch_ftrace(false));
	log.skip();
	CHECK(load_module(module_file));
	CHECK(log.has("is kernel.ftrace_enabled 0?"));
	CHECK_FALSE(module_is_loaded(name));
	CHECK_FALSE(std::filesystem::exists(device));
	REQUIRE(switch_ftrace(true));
	CHECK_FALSE(in_slab_caches("userfault"));
	load();
	work();
}

TEST_CASE("loading into a kernel that lacks a function fails and says which",
	  "[load][module][security]")
{
	/* Makes the module ask for a function of a name that no kernel has. */
	const std::string there("\0__pte_alloc\0", 13), lacking("\0__pte_alloX\0", 13);
	const std::string file = "/tmp/lacking.ko";
	KernelLog log;

	need_the_module_file();
	auto image = contents_of(module_file);
	REQUIRE(replace_all(image, there, lacking) > 0);
	std::ofstream(file) << image << std::flush;
	unload();
	log.skip();
	CHECK(load_module(file) == std::errc::no_such_file_or_directory);
	CHECK(log.has("this kernel has no __pte_alloX()"));
	CHECK_FALSE(module_is_loaded(name));
	CHECK_FALSE(in_slab_caches("userfault"));
	std::filesystem::remove(file);
	load();
	work();
}

TEST_CASE("loading while another module holds a function fails and leaves nothing behind",
	  "[load][module]")
{
	need_the_module_file();
	if (!std::filesystem::exists(holder_file))
		skip("the module that holds a function is not at " + holder_file);
	KernelLog log;

	unload();
	REQUIRE_FALSE(load_module(holder_file));
	log.skip();
	CHECK(load_module(module_file) == std::errc::device_or_resource_busy);
	CHECK(log.has("has userfaultfd_remove()"));
	CHECK_FALSE(module_is_loaded(name));
	CHECK_FALSE(std::filesystem::exists(device));
	CHECK_FALSE(in_slab_caches("userfault"));
	REQUIRE_FALSE(unload_module("holder"));
	load();
	work();
}

TEST_CASE("faults of the kernel can be reserved for processes that may trace",
	  "[load][module][security]")
{
	need_the_module_file();
	const Loaded loaded("kernel_faults=0");
	Process process([] {
		const int with = error_of_new(0);
		drop_capability(CAP_SYS_PTRACE);
		return with == 0 && error_of_new(0) == EPERM &&
				       error_of_new(UFFD_USER_MODE_ONLY) == 0
			       ? 0
			       : 1;
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("every process that can open the device can handle faults of the kernel",
	  "[load][module][security]")
{
	Process process([] {
		drop_capability(CAP_SYS_PTRACE);
		return error_of_new(0);
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("a rule of udev opens the device to a group", "[load][module][security]")
{
	constexpr const char *udev = "/bin/systemd-udevd";
	constexpr gid_t group = 977;
	const auto error_of_opening = [] {
		return ::open(device, O_RDWR | O_CLOEXEC) < 0 ? errno : 0;
	};
	const auto mode = [] {
		struct stat status{};
		return ::stat(device, &status) == 0 && status.st_gid == group
			       ? status.st_mode & 07777
			       : 0;
	};

	if (!std::filesystem::exists(udev))
		skip("udev is not there");
	need_the_module_file();
	std::ofstream("/etc/group", std::ios::app) << "userfault:x:" << group << ":\n";
	Command daemon({udev});
	wait_until("udev listens", [] { return std::filesystem::exists("/run/udev/control"); });
	unload();
	load();
	wait_until("the device has the mode of the rule", [&] { return mode() == 0660; });
	Process member([&] {
		checked(::setgroups(1, &group));
		checked(::setresuid(nobody, nobody, nobody));
		return error_of_opening();
	});
	Process stranger([&] {
		become_nobody();
		return error_of_opening();
	});
	CHECK(member.wait() == 0);
	CHECK(stranger.wait() == EACCES);
	daemon.signal(SIGTERM);
	CHECK(daemon.wait() == 0);
	unload();
	load();
	CHECK(mode() == 0);
}
