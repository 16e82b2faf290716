// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is removed again and again while other processes do everything with it: each time it
 * stays because it is in use, or it goes, and comes back. Without [smp], and on one processor: each
 * removal changes functions of the kernel, which crashes an emulated processor that calls them.
 *
 * Here several processes hold the module most of the time: so this doesn't notice that one of them
 * holds it too short. In load_test.cpp each thing that has to hold the module is the only one.
 */
#include "harness/loaded_module.hpp"
#include "harness/known_thread.hpp"
#include "lib/files.hpp"
#include "lib/huge_pages.hpp"
#include "lib/ksm.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/ring.hpp"
#include "lib/waiting_process.hpp"
#include "lib/world.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/userfault.h>
#include <memory>
#include <new>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <span>
#include <string>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

const std::string name = "userfault";
constexpr auto all_events = every_event | Features::EventFork;

bool is_gone(int error)
{
	return error == ENOENT || error == ENXIO || error == ENODEV;
}

/* A context for @memory; none while there is no module. It holds the module. */
std::optional<Context> open_if_there(const Memory &memory, const Options &options,
				     Modes modes = Modes::Missing)
{
	auto opened = Context::open(options);

	if (!opened && is_gone(opened.error().value()))
		return std::nullopt;
	auto context = take(std::move(opened)).context;
	take(context.register_range(memory.range(), modes));
	return context;
}

std::optional<Context> open_if_there(const Memory &memory, Features features = Features::None,
				     Modes modes = Modes::Missing)
{
	return open_if_there(memory, options_for(features), modes);
}

void demand(bool right, const char *what)
{
	if (!right)
		give_up(what);
}

/* What the processes do over and over. Each returns whether there was a module. */

bool fault_and_fill()
{
	const Memory memory(4);
	const auto context = open_if_there(memory);

	if (!context)
		return false;
	auto reader = in_thread([&] { return memory.word(2) + 0; });
	demand(next_fault(*context).address == memory.address(2), "another page faults");
	fill(*context, memory, 2);
	demand(reader.get() == pattern_word(2), "the page is wrong");
	return true;
}

/* Closes the context while its threads wait. */
bool fault_and_close()
{
	const Memory memory(2);
	auto context = open_if_there(memory);

	if (!context)
		return false;
	auto told = in_thread([&] { return memory.word(0) + 0; });
	next_fault(*context);
	auto untold = in_thread([&] { return memory.word(1) + 0; });
	wait_for_pending(*context, 1);
	context.reset();
	demand(told.get() == 0 && untold.get() == 0, "the pages aren't empty");
	return true;
}

bool fault_in_kernel()
{
	const Memory memory(1);
	const auto context = open_if_there(memory);

	if (!context)
		return false;
	auto writer = in_thread([&] { return let_kernel_write(memory); });
	next_fault(*context);
	fill(*context, memory, 0);
	demand(writer.get() == 1, "the system call has failed");
	return true;
}

bool protect_and_write()
{
	const Memory memory(1);
	const auto context = open_if_there(memory, Features::PagefaultFlagWp, Modes::WriteProtect);

	if (!context)
		return false;
	memory.word(0) = 1;
	take(context->write_protect(memory.range()));
	auto writer = in_thread([&] { return write_first(memory); });
	next_fault(*context);
	take(context->write_unprotect(memory.range()));
	demand(writer.get() == 5, "the write was lost");
	return true;
}

/* One thread goes on because its memory is ordinary again, the other by a wake-up. */
bool unregister_and_wake()
{
	const Memory memory(2), source = patterned(1);
	const auto context = open_if_there(memory);

	if (!context)
		return false;
	auto first = in_thread([&] { return memory.word(0) + 0; });
	next_fault(*context);
	take(context->unregister_range(memory.range(0, 1)));
	demand(first.get() == 0, "the page isn't empty");
	auto second = in_thread([&] { return memory.word(1) + 0; });
	next_fault(*context);
	demand(static_cast<bool>(
		       context->copy(memory.address(1), source.bytes(0, 1), CopyModes::DontWake)),
	       "the page can't be filled");
	take(context->wake(memory.range(1, 1)));
	demand(second.get() == pattern_word(0), "the page is wrong");
	return true;
}

bool move_a_page()
{
	const Memory memory(2), source = patterned(1);
	const auto context = open_if_there(memory, Features::Move);

	if (!context)
		return false;
	demand(static_cast<bool>(context->move(memory.address(1), source.range())),
	       "the page can't be moved");
	demand(has_pattern(memory.bytes(1, 1), 0), "the page is wrong");
	return true;
}

bool use_native_too()
{
	const Memory memory(1), other(1);
	auto options = options_for();

	options.device = device_of(Backend::native);
	const auto native = take(Context::open(options)).context;
	const auto context = open_if_there(memory);
	if (!context)
		return false;
	take(native.register_range(other.range(), Modes::Missing));
	auto reader = in_thread([&] { return memory.word(0) + other.word(0); });
	next_fault(*context);
	fill(*context, memory, 0);
	next_fault(native);
	fill(native, other, 0);
	demand(reader.get() == 2 * pattern_word(0), "a page is wrong");
	return true;
}

bool fork_and_serve()
{
	const Memory memory(1);
	const auto context = open_if_there(memory, Features::EventFork);

	if (!context)
		return false;
	auto status = in_thread([&] {
		return in_child([&] { return memory.word(0) == pattern_word(0) ? 0 : 1; });
	});
	const auto child = next_child(*context);
	next_fault(child);
	fill(child, memory, 0);
	demand(status.get() == 0, "the child has found another page");
	return true;
}

bool change_mappings()
{
	const Memory memory(4), target(1);
	const auto context = open_if_there(memory, all_events);

	if (!context)
		return false;
	auto changing = in_thread([&] {
		checked(::madvise(memory.page(0), page_size(), MADV_DONTNEED));
		checked(memory.remap(1, 1, 1, 0, target.page(0)));
		memory.unmap(3, 1);
	});
	for (bool removed = false, moved = false, unmapped = false;
	     !removed || !moved || !unmapped;) {
		const auto message = next_message(*context);
		const auto *unmap = std::get_if<Unmap>(&message);

		removed |= std::holds_alternative<Remove>(message);
		moved |= std::holds_alternative<Remap>(message);
		unmapped |= unmap && unmap->range.start == memory.address(3);
	}
	changing.get();
	return true;
}

bool pass_on()
{
	std::array<std::byte, 1> payload{};
	const Memory memory(1);
	const auto sockets = take(socket_pair());
	auto context = open_if_there(memory);

	if (!context)
		return false;
	auto reader = in_thread([&] { return memory.word(0) + 0; });
	take(send_fd(sockets.first.get(), context->fd(), payload));
	context.reset();
	const auto received = Context::adopt(take(receive_fd(sockets.second.get(), payload)));
	next_fault(received);
	fill(received, memory, 0);
	demand(reader.get() == pattern_word(0), "the page is wrong");
	return true;
}

/* What a process ends with that finds no module. */
constexpr int no_module = 77;

/* A process that waits in each way is killed. */
bool get_killed()
{
	Process victim([] {
		auto options = options_for(Features::EventRemove);
		options.nonblocking = false;
		const Memory memory(2), watched(1);
		const auto context = open_if_there(memory, Features::EventRemove);
		const auto blocking = open_if_there(watched, options);

		if (!context || !blocking)
			return no_module;
		auto reader = in_thread([&] { return memory.word(0) + 0; });
		next_fault(*context);
		auto dropper = in_thread(
			[&] { return ::madvise(memory.page(1), page_size(), MADV_DONTNEED); });
		auto monitor =
			sleeping_in(SYS_read, [&] { return take(blocking->read()).has_value(); });
		wait_until("there is an event", [&] { return is_readable(*context); });
		return ::kill(::getpid(), SIGKILL);
	});
	const int status = victim.wait();

	demand(status == no_module || status == Process::killed + SIGKILL, "the victim has failed");
	return status != no_module;
}

/* A process becomes another program while its thread waits. */
bool execute()
{
	Process process([] {
		std::array<char, 5> name{"true"};
		std::array<char *, 2> arguments{name.data(), nullptr};
		const Memory memory(1);
		const auto context = open_if_there(memory);

		if (!context)
			return no_module;
		auto reader = in_thread([&] { return memory.word(0) + 0; });
		next_fault(*context);
		return ::execv("/bin/true", arguments.data());
	});
	const int status = process.wait();

	demand(status == no_module || status == 0, "the process has not become another program");
	return status != no_module;
}

/* Maps a page that the file has; @pages: small pages that it consists of. */
bool map_cached(std::size_t pages, MemoryKind kind, Features minor)
{
	const Memory memory(pages, kind);

	memory.word(0) = 9; /* in the file, too */
	const auto context = open_if_there(memory, minor, Modes::Minor);
	if (!context)
		return false;
	checked(::madvise(memory.page(0), memory.range().length, MADV_DONTNEED));
	auto reader = in_thread([&] { return memory.word(0) + 0; });
	next_fault(*context);
	demand(static_cast<bool>(context->resume(memory.range())), "the page can't be mapped");
	demand(reader.get() == 9, "it is another page");
	return true;
}

bool fault_and_map()
{
	return map_cached(1, MemoryKind::shared_anonymous, Features::MinorShmem);
}

bool fault_and_map_huge()
{
	return map_cached(page_table, MemoryKind::shared_huge, Features::MinorHugetlbfs);
}

bool fault_and_zero()
{
	const Memory memory(1);
	const auto context = open_if_there(memory);

	if (!context)
		return false;
	auto reader = in_thread([&] { return memory.word(0) + 0; });
	next_fault(*context);
	demand(static_cast<bool>(context->zeropage(memory.range())), "the page can't be zeroed");
	demand(reader.get() == 0, "the page isn't empty");
	return true;
}

/* The page stays bad without the module. */
bool fault_and_poison()
{
	const Memory memory(1);
	auto context = open_if_there(memory, Features::Poison);

	if (!context)
		return false;
	auto reader = in_thread([&] { return let_kernel_read_poison(memory); });
	next_fault(*context);
	demand(static_cast<bool>(context->poison(memory.range())), "the page can't be poisoned");
	demand(reader.get(), "the page isn't bad");
	context.reset();
	demand(let_kernel_read_poison(memory), "the page isn't bad any more");
	return true;
}

bool fault_and_fill_huge()
{
	static const Memory source = patterned(page_table);
	const Memory memory(page_table, MemoryKind::private_huge);
	const auto context = open_if_there(memory, Features::MissingHugetlbfs);

	if (!context)
		return false;
	auto reader = in_thread([&] { return memory.word(2) + 0; });
	next_fault(*context);
	demand(static_cast<bool>(context->copy(memory.address(0), source.bytes(0, source.pages()))),
	       "the huge page can't be filled");
	demand(reader.get() == pattern_word(2), "the huge page is wrong");
	return true;
}

bool protect_and_read()
{
	const Memory memory(1);
	const auto context = open_if_there(memory, Features::Rwp, Modes::ReadWriteProtect);

	if (!context)
		return false;
	memory.word(0) = 6;
	take(context->rwprotect(memory.range()));
	auto reader = in_thread([&] { return memory.word(0) + 0; });
	next_fault(*context);
	take(context->rwunprotect(memory.range()));
	demand(reader.get() == 6, "the page is wrong");
	return true;
}

/* The kernel itself ends the protection. */
bool protect_and_track()
{
	const Memory memory(1);
	const auto context = open_if_there(memory, Features::WpAsync, Modes::WriteProtect);

	if (!context)
		return false;
	memory.word(0) = 1;
	take(context->write_protect(memory.range()));
	demand(is_protected_at(memory.address(0)), "the page isn't protected");
	memory.word(0) = 2;
	demand(!is_protected_at(memory.address(0)), "the page is still protected");
	return true;
}

/* The same for all access, which is turned on and off. */
bool track_accesses()
{
	const Memory memory(1);
	const auto context =
		open_if_there(memory, Features::Rwp | Features::RwpAsync, Modes::ReadWriteProtect);

	if (!context)
		return false;
	memory.word(0) = 7;
	take(context->set_mode(Features::RwpAsync));
	take(context->rwprotect(memory.range()));
	demand(memory.word(0) == 7, "the page is wrong");
	take(context->set_mode(Features::None, Features::RwpAsync));
	return true;
}

/* Without an event: the memory that moves is unregistered. */
bool move_mapping()
{
	const Memory memory(2), target(1);
	const auto context = open_if_there(memory);

	if (!context)
		return false;
	checked(memory.remap(0, 1, 1, 0, target.page(0)));
	demand(target.word(0) == 0, "the page isn't empty");
	auto reader = in_thread([&] { return memory.word(1) + 0; });
	next_fault(*context);
	fill(*context, memory, 1);
	demand(reader.get() == pattern_word(1), "the page is wrong");
	return true;
}

/* KSM may have the memory before it is protected, and not then. */
bool offer_to_ksm()
{
	const Memory memory(4);
	const auto offer = [&] {
		checked(::madvise(memory.page(0), memory.range().length, MADV_MERGEABLE));
		return smaps_flag(memory.range(), "mg");
	};

	demand(offer(), "KSM doesn't take the memory");
	const auto context = open_if_there(memory, Features::PagefaultFlagWp, Modes::WriteProtect);
	if (!context)
		return false;
	take(context->write_protect(memory.range()));
	demand(!offer(), "KSM takes protected memory");
	return true;
}

/* Memory of many mappings. */
Memory striped()
{
	Memory memory(512);

	for (std::size_t i = 0; i < memory.pages(); i += 2)
		checked(::mprotect(memory.page(i), page_size(), PROT_READ));
	return memory;
}

/*
 * The module has a part in this without a context, too. Linux can do it since 6.4. Removing waits
 * until each task has left the kernel or has yielded; that a task has left it is only seen at a
 * tick, which would hardly ever find this one outside.
 */
bool offer_all_to_ksm()
{
	static const Memory memory = striped(); /* so that it takes long */

	if (merge_all_memory(true))
		demand(merge_all_memory(false), "KSM doesn't give the memory back");
	::sched_yield();
	return true;
}

/* Whether one of the files in this folder is of a context. */
bool shows_context(const std::filesystem::path &fdinfo)
{
	bool shown = false;
	std::error_code gone;
	std::filesystem::directory_iterator entry(fdinfo, gone);

	while (!gone && entry != std::filesystem::directory_iterator()) {
		std::ifstream file(entry->path());

		for (std::string line; std::getline(file, line);)
			shown |= line.starts_with("API:");
		entry.increment(gone);
	}
	return shown;
}

/* Whether @process, a folder in /proc, is of this test; the kernel's many threads are not. */
bool is_of_this_test(const std::filesystem::path &process)
{
	const pid_t pid = std::atoi(process.filename().c_str());

	return pid > 0 && ::getpgid(pid) == ::getpgrp();
}

/* Looks at the contexts of the other processes, which close them meanwhile. */
bool show_contexts()
{
	bool shown = false;

	for (const auto &entry : std::filesystem::directory_iterator("/proc"))
		if (is_of_this_test(entry.path()))
			shown |= shows_context(entry.path() / "fdinfo");
	return shown;
}

/* The thread that polls is the last to hold the context. */
bool poll_and_close()
{
	const Memory memory(1);
	auto context = open_if_there(memory);

	if (!context)
		return false;
	auto polling = sleeping_in(SYS_poll, [fd = context->fd()] {
		pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};

		return ::poll(&watched, 1, -1);
	});
	context.reset();
	auto reader = in_thread([&] { return memory.word(0) + 0; });
	demand(polling.get() == 1, "nothing is reported");
	demand(reader.get() == 0, "the page isn't empty");
	return true;
}

/* The context is still in the set when it is closed. */
bool wait_in_epoll()
{
	const Memory memory(1);
	const Fd set(static_cast<int>(checked(::epoll_create1(EPOLL_CLOEXEC))));
	auto context = open_if_there(memory);
	epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};

	if (!context)
		return false;
	checked(::epoll_ctl(set.get(), EPOLL_CTL_ADD, context->fd(), &event));
	auto waiting =
		sleeping_in(SYS_epoll_wait, [&] { return ::epoll_wait(set.get(), &event, 1, -1); });
	auto reader = in_thread([&] { return memory.word(0) + 0; });
	demand(waiting.get() == 1, "nothing is reported");
	context.reset();
	demand(reader.get() == 0, "the page isn't empty");
	return true;
}

/* The ring ends with a request that holds the context. */
bool read_by_ring()
{
	const Memory memory(1);
	uffd_msg message;
	auto context = open_if_there(memory);

	if (!context)
		return false;
	const Ring ring;
	const auto read = request(IORING_OP_READ, context->fd(),
				  std::as_writable_bytes(std::span(&message, 1)));
	ring.submit(read);
	auto reader = in_thread([&] { return memory.word(0) + 0; });
	demand(ring.wait().result == sizeof(message), "the ring has read something else");
	fill(*context, memory, 0);
	demand(reader.get() == pattern_word(0), "the page is wrong");
	ring.submit(read);
	context.reset();
	return true;
}

/* What processes share: they work while the gate is open. */
struct Shared {
	std::atomic<bool> gate = true, over = false;
	std::array<std::atomic<unsigned>, 16> done{};
};

struct Worker {
	const char *name;
	bool (*work)();
	bool heeds_gate; /* if not, it has no context for long, and runs all the time */
	Features needs = Features::None;
};

bool only_open()
{
	return Context::create(options_for()).has_value();
}

/* A worker has the name of its function. */
#define WORKER(work, ...) (Worker{#work, work, __VA_ARGS__})

/* They share one processor: so not all of them at once. */
constexpr std::array waiting_workers = {
	WORKER(fault_and_fill, true),  WORKER(fault_and_close, true), WORKER(fork_and_serve, true),
	WORKER(change_mappings, true), WORKER(pass_on, true),	      WORKER(get_killed, true),
	WORKER(only_open, false),
};
constexpr std::array other_workers = {
	WORKER(fault_in_kernel, true),	   WORKER(protect_and_write, true),
	WORKER(unregister_and_wake, true), WORKER(move_a_page, true),
	WORKER(use_native_too, true),	   WORKER(execute, true),
	WORKER(only_open, false),
};
constexpr std::array filling_workers = {
	WORKER(fault_and_map, true, Features::MinorShmem),
	WORKER(fault_and_zero, true),
	WORKER(fault_and_poison, true, Features::Poison),
	WORKER(fault_and_fill_huge, true, Features::MissingHugetlbfs),
	WORKER(fault_and_map_huge, true, Features::MinorHugetlbfs),
	WORKER(protect_and_read, true, Features::Rwp),
	WORKER(track_accesses, true, Features::RwpAsync),
	WORKER(protect_and_track, true, Features::WpAsync),
	WORKER(only_open, false),
};
constexpr std::array watching_workers = {
	WORKER(move_mapping, true),   WORKER(offer_to_ksm, true), WORKER(poll_and_close, true),
	WORKER(wait_in_epoll, true),  WORKER(read_by_ring, true), WORKER(offer_all_to_ksm, false),
	WORKER(show_contexts, false), WORKER(only_open, false),
};
using Workers = std::vector<Worker>;

/* Those whose features the module offers. */
Workers possible(std::span<const Worker> workers)
{
	const auto offered = take(Context::probe(options_for())).offered;
	Workers some;

	for (const auto &worker : workers)
		if (has(offered, worker.needs))
			some.push_back(worker);
	return some;
}

int run(const Worker &worker, Shared &shared, std::atomic<unsigned> &done)
{
	while (!shared.over) {
		if (worker.heeds_gate && !shared.gate)
			::sched_yield();
		else if (worker.work())
			done++;
	}
	return 0;
}

/* The processes that use the module, until this object is destroyed. */
class Crowd {
public:
	explicit Crowd(const Workers &workers)
		: memory_(1, MemoryKind::shared_anonymous), shared_(*new (memory_.page(0)) Shared)
	{
		for (std::size_t i = 0; i < workers.size(); i++)
			processes_.push_back(std::make_unique<Process>([this, i, &workers] {
				return run(workers[i], shared_, shared_.done[i]);
			}));
	}

	void open_gate(bool open) { shared_.gate = open; }

	/* How often each has done its work. */
	std::vector<unsigned> done() const
	{
		return {shared_.done.begin(), shared_.done.begin() + std::ssize(processes_)};
	}

	/* Whether all end, and none has failed. */
	bool end()
	{
		bool good = true;

		shared_.over = true;
		for (auto &process : processes_)
			good &= process->wait() == 0;
		return good;
	}

private:
	Memory memory_;
	Shared &shared_;
	std::vector<std::unique_ptr<Process>> processes_;
};

void use_one_processor()
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	checked(::sched_setaffinity(0, sizeof(set), &set));
}

/* Loads the module again after a removal, and uses it at once. */
void come_back()
{
	int error = 0;

	CHECK_FALSE(module_is_loaded(name));
	if (::open(device_of(Backend::module).c_str(), O_RDWR | O_CLOEXEC) < 0)
		error = errno;
	CHECK(is_gone(error));
	if (const auto failed = load_module(module_file))
		give_up("loading: " + failed.message());
	wait_until("the device is there",
		   [] { return std::filesystem::exists(device_of(Backend::module)); });
	CHECK(fault_and_fill());
}

/* Tries to remove the module; whether it is gone. */
bool remove_module()
{
	const auto error = unload_module(name);

	if (error && error != std::errc::resource_unavailable_try_again &&
	    error != std::errc::device_or_resource_busy)
		give_up("unloading: " + error.message());
	return !error;
}

/* Each round takes a second for each worker, on every kernel. */
constexpr unsigned rounds = 2;

void remove_while_used_by(std::span<const Worker> workers)
{
	if (!std::filesystem::exists(module_file))
		skip("the module's file is not at " + module_file);
	use_one_processor();
	const auto all = possible(workers);
	Crowd crowd(all);
	unsigned in_use = 0;

	for (unsigned round = 0; round < rounds; round++) {
		const auto before = crowd.done();

		for (std::size_t i = 0; i < all.size(); i++)
			wait_until(std::string(all[i].name) + " is done", [&] {
				if (remove_module())
					come_back();
				else
					in_use++;
				return crowd.done()[i] != before[i];
			});
		crowd.open_gate(false);
		wait_until("the module is removed", remove_module);
		come_back();
		crowd.open_gate(true);
	}
	CHECK(crowd.end());
	CHECK(in_use > 0);
}

} // namespace

TEST_CASE("the module is removed while other processes do everything with it",
	  "[load][module][slow]")
{
	remove_while_used_by(waiting_workers);
	remove_while_used_by(other_workers);
}

TEST_CASE("the module is removed while other processes fill and protect pages in each way",
	  "[load][module][slow]")
{
	const HugePages pool(3);

	remove_while_used_by(filling_workers);
}

TEST_CASE("the module is removed while other processes move, merge, show and poll",
	  "[load][module][slow]")
{
	static_cast<void>(Ring()); /* or there is no io_uring */
	remove_while_used_by(watching_workers);
}
