// SPDX-License-Identifier: GPL-2.0-only
/* Which right takes what: statements of Documentation/security.rst. */
#include "harness/harness.hpp"
#include "harness/loaded_module.hpp"
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/hugetlb.hpp"
#include "lib/loading.hpp"
#include "lib/maps.hpp"
#include "lib/memory_group.hpp"
#include "lib/process.hpp"
#include "lib/rights.hpp"
#include "lib/waiting_process.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/userfault.h>
#include <set>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* The exit status of a process that the kernel doesn't let make a user namespace. */
constexpr int no_namespaces = 77;

int error_of_opening(const std::string &path, int flags)
{
	const Fd file(::open(path.c_str(), flags | O_CLOEXEC));

	return file ? 0 : errno;
}

Fd open_device()
{
	return Fd(static_cast<int>(
		checked(::open(device_of(backend_under_test()).c_str(), O_RDWR | O_CLOEXEC))));
}

/* A context without a handshake; none if that is refused, and errno says why. */
Fd new_context(const Fd &device, int flags = 0)
{
	return Fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, flags | O_CLOEXEC | O_NONBLOCK));
}

int error_of_new(const Fd &device, int flags)
{
	return new_context(device, flags) ? 0 : errno;
}

ino_t inode_of(const Context &context)
{
	struct stat status;

	checked(::fstat(context.fd(), &status));
	return status.st_ino;
}

int right_page(const Memory &memory)
{
	return memory.word(0) == pattern_word(0) ? 0 : 1;
}

/* What ps(1) reads of this process. */
ssize_t read_command_line()
{
	const Fd file(
		static_cast<int>(checked(::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC))));
	std::vector<char> text(page_size());

	return ::read(file.get(), text.data(), text.size());
}

/*
 * The kernel's threads, except the workers that all share, which come and go. One that belongs to a
 * single queue is named kworker/R-QUEUE.
 */
std::set<std::string> kernel_threads()
{
	constexpr pid_t parent = 2;
	std::set<std::string> names;

	for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
		std::ifstream file(entry.path() / "stat");
		std::string number, name, state;
		pid_t of = 0;

		if (file >> number && std::getline(file, name, ')') && file >> state >> of &&
		    of == parent && (!name.contains("kworker/") || name.contains("kworker/R")))
			names.insert("a thread" + name);
	}
	return names;
}

/* What a process can open or set by a name, the kinds of sockets, and the kernel's threads. */
std::set<std::string> what_there_is()
{
	auto names = kernel_threads();
	std::ifstream protocols("/proc/net/protocols");

	for (const auto *folder : {"/dev", "/proc/sys"})
		for (const auto &entry : std::filesystem::recursive_directory_iterator(folder))
			names.insert(entry.path().string());
	for (std::string line; std::getline(protocols, line);)
		names.insert("sockets of " + line.substr(0, line.find(' ')));
	return names;
}

/* Runs @work as root of a user namespace of an ordinary user, and returns its exit status. */
int status_in_namespace(const std::function<int()> &work)
{
	Process process([&] { return become_root_of_namespace() ? work() : no_namespaces; });
	const int status = process.wait();

	if (status == no_namespaces)
		skip("this kernel lets no ordinary user make a user namespace");
	return status;
}

} // namespace

TEST_CASE("an ordinary user can't open the device", "[security]")
{
	Process process([] {
		become_nobody();
		return error_of_opening(device_of(backend_under_test()), O_RDWR);
	});

	CHECK(process.wait() == EACCES);
}

TEST_CASE("root of a user namespace can't open the device", "[security]")
{
	CHECK(status_in_namespace([] {
		      return error_of_opening(device_of(backend_under_test()), O_RDWR);
	      }) == EACCES);
}

TEST_CASE("a user who was passed the device makes contexts of the own memory", "[security]")
{
	const auto device = open_device();
	Process process([&] {
		become_nobody();
		const auto context = Context::adopt(new_context(device));
		const Memory memory(1);
		take(context.handshake());
		take(context.register_range(memory.range(), Modes::Missing));
		fill(context, memory, 0);
		return right_page(memory);
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("an ordinary user can neither load nor unload the module", "[security][module]")
{
	need_the_module_file();
	Process process([] {
		become_nobody();
		const auto unloading = unload_module("userfault");
		const auto loading = load_module(module_file);
		return unloading == std::errc::operation_not_permitted && loading == unloading ? 0
											       : 1;
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("the module adds its device, and no sysctl, kind of socket or thread",
	  "[load][security][module]")
{
	need_the_module_file();
	unload();
	auto expected = what_there_is();
	load();
	const auto context = open_context();
	expected.insert("/dev/userfault");

	REQUIRE(expected.contains("/proc/sys/vm/overcommit_memory"));
	REQUIRE(expected.contains("a thread (kswapd0"));
	REQUIRE(expected.contains("sockets of UNIX"));
	CHECK(what_there_is() == expected);
}

TEST_CASE("root of a user namespace can't ask for events of forks", "[security]")
{
	const auto device = open_device();
	const auto status = status_in_namespace([&] {
		const auto context = Context::adopt(new_context(device));
		const auto forks = context.handshake(Features::EventFork);
		return !forks && context.handshake(Features::EventUnmap) ? forks.error().value()
									 : 0;
	});

	CHECK(status == EPERM);
}

TEST_CASE("the right to events of forks is asked for at the handshake alone", "[security]")
{
	Consumer parent(1, options_for(Features::EventFork), [](const Memory &memory) {
		become_nobody();
		Process child([&] { return right_page(memory); });
		return child.wait();
	});
	const auto child = next_child(parent.context);

	next_fault(child);
	fill(child, parent.memory, 0);
	CHECK(parent.process.wait() == 0);
}

TEST_CASE("a descriptor gives the right to fill memory that its user may not read", "[security]")
{
	Consumer consumer(1, right_page);

	next_fault(consumer.context);
	Process outsider([&] {
		become_nobody();
		const int error = error_of_reading(consumer.process.pid(), consumer.memory);
		consumer.fill(0);
		return error;
	});
	CHECK(outsider.wait() == EPERM);
	CHECK(consumer.process.wait() == 0);
}

TEST_CASE("a descriptor gives the right to fill and poison what other contexts hold, and its file",
	  "[security]")
{
	need(Features::Poison);
	const auto file = shmem_file(2);
	const Memory other(2, file, MAP_SHARED);
	const Pipe ready, filled;
	char word = 0;
	Consumer consumer(1, options_for(Features::Poison), [&](const Memory &) {
		const auto context = open_context();
		take(context.register_range(other.range(), Modes::Missing));
		checked(::write(ready.in.get(), &word, 1));
		checked(::read(filled.out.get(), &word, 1));
		return other.word(0) == pattern_word(0) ? static_cast<int>(other.word(1)) : 1;
	});
	std::uint64_t in_file = 0;

	checked(::read(ready.out.get(), &word, 1));
	Process outsider([&] {
		become_nobody();
		const auto poisoned = consumer.context.poison(other.range(1, 1));
		fill(consumer.context, other, 0);
		return poisoned ? 0 : 1;
	});
	CHECK(outsider.wait() == 0);
	checked(::pread(file.get(), &in_file, sizeof(in_file), 0));
	CHECK(in_file == pattern_word(0));
	checked(::write(filled.in.get(), &word, 1));
	CHECK(consumer.process.wait() == Process::killed + SIGBUS);
}

TEST_CASE("a context has no power over the program that replaces its owner", "[security]")
{
	Consumer consumer(1, [](const Memory &) {
		::execlp("sleep", "sleep", "1000", nullptr);
		return 1;
	});
	const auto zero = [&] { return consumer.context.zeropage(consumer.memory.range()); };

	wait_until("the other program runs", [&] { return zero().error.value() == ESRCH; });
	CHECK(::kill(consumer.process.pid(), 0) == 0);
	CHECK(consumer.context.register_range(consumer.memory.range(), Modes::Missing).error() ==
	      std::errc::not_enough_memory);
}

TEST_CASE("fdinfo of a context is for those who may trace its process", "[security]")
{
	const auto context = open_context();
	const auto path =
		"/proc/" + std::to_string(::getpid()) + "/fdinfo/" + std::to_string(context.fd());
	Process outsider([&] {
		become_nobody();
		return error_of_opening(path, O_RDONLY);
	});

	CHECK(error_of_opening(path, O_RDONLY) == 0);
	CHECK(outsider.wait() == EACCES);
}

TEST_CASE("a command line in a missing page is not waited for", "[security]")
{
	Process process([] {
		const World world(1);
		const auto start = world.memory.address(0);
		checked(::prctl(PR_SET_MM, PR_SET_MM_ARG_START, start, 0, 0));
		checked(::prctl(PR_SET_MM, PR_SET_MM_ARG_END, start + page_size(), 0, 0));
		const auto missing = read_command_line();
		const bool told = is_readable(world.context);
		world.fill(0);
		return missing == 0 && !told && read_command_line() > 0 ? 0 : 1;
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("a mapping that can never be written to can't be registered", "[security]")
{
	const auto context = open_context();
	const auto file = shmem_file(1);
	const Fd read_only(static_cast<int>(checked(::open(
		("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_RDONLY | O_CLOEXEC))));
	const auto error = [&](int descriptor, int flags) {
		void *start = ::mmap(nullptr, page_size(), PROT_READ, flags, descriptor, 0);
		const auto result = context.register_range(
			{reinterpret_cast<Address>(start), page_size()}, Modes::Missing);
		return result ? 0 : result.error().value();
	};

	CHECK(error(read_only.get(), MAP_SHARED) == EPERM);
	CHECK(error(read_only.get(), MAP_PRIVATE) == 0);
	CHECK(error(file.get(), MAP_SHARED) == 0);
	checked(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	CHECK(error(file.get(), MAP_SHARED) == EPERM);
}

TEST_CASE("each context has an inode of its own that security modules can label", "[security]")
{
	const auto one = open_context(), other = open_context();

	CHECK(inode_of(one) != inode_of(other));
}

TEST_CASE("only root can change who handles faults of the kernel", "[security][module]")
{
	struct stat status;
	Process process([] {
		become_nobody();
		return error_of_opening(kernel_faults_parameter, O_WRONLY);
	});

	checked(::stat(kernel_faults_parameter, &status));
	CHECK((status.st_mode & 07777) == 0644);
	CHECK(status.st_uid == 0);
	CHECK(process.wait() == EACCES);
}

TEST_CASE("faults of the kernel can be reserved while the module is in use", "[security][module]")
{
	const auto device = open_device();
	const ReservedKernelFaults reserved;
	Process process([&] {
		become_nobody();
		return error_of_new(device, UFFD_USER_MODE_ONLY) ?: error_of_new(device, 0);
	});

	CHECK(error_of_new(device, 0) == 0);
	CHECK(process.wait() == EPERM);
}

TEST_CASE("a context goes on with faults of the kernel that are reserved later",
	  "[security][module]")
{
	const auto device = open_device();
	const Pipe made, go;
	Process process([&] {
		become_nobody();
		const auto context = Context::adopt(new_context(device));
		const Memory memory(1);
		char word = 0;
		take(context.handshake());
		take(context.register_range(memory.range(), Modes::Missing));
		checked(::write(made.in.get(), &word, 1));
		checked(::read(go.out.get(), &word, 1));
		auto call = in_thread([&] { return let_kernel_write(memory); });
		next_fault(context);
		fill(context, memory, 0);
		return call.get() == 1 ? 0 : 1;
	});
	char word = 0;

	checked(::read(made.out.get(), &word, 1));
	const ReservedKernelFaults reserved;
	checked(::write(go.in.get(), &word, 1));
	CHECK(process.wait() == 0);
}

TEST_CASE("reserved faults of the kernel are not for root of a user namespace",
	  "[security][module]")
{
	const auto device = open_device();
	const ReservedKernelFaults reserved;

	CHECK(status_in_namespace([&] { return error_of_new(device, 0); }) == EPERM);
	CHECK(status_in_namespace([&] { return error_of_new(device, UFFD_USER_MODE_ONLY); }) == 0);
}

/* Native contexts are charged to nobody. */
TEST_CASE("contexts are charged to the memory cgroup of the process that makes them",
	  "[security][module]")
{
	const std::size_t count = 400, least = 4096; /* the wait table alone takes that */
	const MemoryGroup group;
	const Pipe ready, done;
	Process maker([&] {
		std::vector<Fd> contexts;
		const auto device = open_device();
		char word = 0;
		if (::read(done.out.get(), &word, 1) != 1)
			return 1;
		for (std::size_t i = 0; i < count; i++)
			contexts.push_back(new_context(device));
		return ::write(ready.in.get(), &word, 1) == 1 &&
				       ::read(done.out.get(), &word, 1) == 1 && contexts.back()
			       ? 0
			       : 1;
	});
	char word = 0;

	group.add(maker.pid());
	const auto before = group.bytes();
	checked(::write(done.in.get(), &word, 1));
	checked(::read(ready.out.get(), &word, 1));
	CHECK(group.bytes() >= before + count * least);
	checked(::write(done.in.get(), &word, 1));
	CHECK(maker.wait() == 0);
}

namespace {

constexpr std::size_t tables = 400;

/* Has @command make page tables of another process, in a group that has to pay for them. */
template <class Command> void check_who_pays(Features features, Modes modes, Command command)
{
	const MemoryGroup group;
	const Pipe ready;
	Consumer consumer(tables * page_table, options_for(features),
			  [](const Memory &) { return ::pause(); });
	const auto pid = consumer.process.pid();
	const auto before = status_bytes("VmPTE", pid);

	take(consumer.context.register_range(consumer.memory.range(), modes));
	Process caller([&] {
		group.add(::getpid());
		for (std::size_t i = 0; i < tables; i++)
			if (!command(consumer.context, consumer.memory.range(i * page_table, 1)))
				return 1;
		return ::write(ready.in.get(), "", 1) == 1 ? ::pause() : 1;
	});
	char word;

	REQUIRE(::read(ready.out.get(), &word, 1) == 1);
	CHECK(status_bytes("VmPTE", pid) >= before + (tables - 1) * page_size());
	wait_until("the caller's group has paid", [&] {
		return group.field("memory.stat", "pagetables") >= (tables - 1) * page_size();
	});
}

} // namespace

TEST_CASE("page tables that a command makes are charged to its caller's group", "[security]")
{
	check_who_pays(Features::None, Modes::Missing,
		       [](const Context &context, Range page) { return context.zeropage(page); });
}

TEST_CASE("page tables that poison takes are charged to its caller's group", "[security][poison]")
{
	need(Features::Poison);
	check_who_pays(Features::Poison, Modes::Missing,
		       [](const Context &context, Range page) { return context.poison(page); });
}

TEST_CASE("page tables that protection takes are charged to its caller's group", "[security][wp]")
{
	need(Features::WpUnpopulated);
	check_who_pays(
		Features::WpUnpopulated, Modes::WriteProtect,
		[](const Context &context, Range page) { return context.write_protect(page); });
}

/* Natively the source is copied to another huge page. */
TEST_CASE("the buffer for a huge page's source is charged to its copier's group",
	  "[security][hugetlb][module]")
{
	const HugePages pool(1);
	const MemoryGroup group;
	const Pipe ready, go;
	Process copier([&] {
		char word = 0;
		const HugeMemory memory(1, MemoryKind::private_huge);
		const World source(small_pages_of_huge); /* whose first page never comes */
		const auto context = open_context();
		take(context.register_range(memory.range(), Modes::Missing));
		auto copying = in_thread([&] {
			checked(::read(go.out.get(), &word, 1));
			return context.copy(memory.address(0),
					    source.memory.bytes(0, small_pages_of_huge));
		});
		checked(::write(ready.in.get(), &word, 1));
		next_fault(source.context);
		checked(::write(ready.in.get(), &word, 1));
		return ::pause();
	});
	char word = 0;

	group.add(copier.pid());
	checked(::read(ready.out.get(), &word, 1));
	const auto before = group.bytes();
	checked(::write(go.in.get(), &word, 1));
	checked(::read(ready.out.get(), &word, 1));
	/* Pages are charged in batches, from which this many can still be left. */
	CHECK(group.bytes() >= before + huge_page_size - (512 << 10));
}

/* Natively the source is copied to another page of a gigabyte, and there is none. */
TEST_CASE("a gigantic page takes no gigabyte of other memory for its source",
	  "[security][slow][module]")
{
	const HugePages pages(1, gigantic_page_size);
	const HugeSource source(1);
	const MemoryGroup group;
	const Pipe limited;
	Process copier([&] {
		char word = 0;
		checked(::read(limited.out.get(), &word, 1));
		const GiganticMemory memory, all = GiganticMemory::repeating(source);
		const auto start = const_cast<std::byte *>(all.bytes().data());
		const auto context = open_context();
		take(context.register_range(memory.range(), Modes::Missing));
		checked(::madvise(start, all.bytes().size(), MADV_DONTNEED));
		return context.copy(memory.range().start, all.bytes()) ? 0 : 1;
	});
	const char word = 0;

	group.add(copier.pid());
	group.limit(64 << 20);
	checked(::write(limited.in.get(), &word, 1));
	CHECK(copier.wait() == 0);
}

TEST_CASE("a process can have no more contexts than descriptors", "[security]")
{
	const auto device = open_device();
	Process process([&] {
		const rlimit few{16, 16};
		checked(::setrlimit(RLIMIT_NOFILE, &few));
		std::vector<Fd> contexts;
		do
			contexts.push_back(new_context(device));
		while (contexts.back());
		return contexts.size() <= 16 ? errno : 0;
	});

	CHECK(process.wait() == EMFILE);
}
