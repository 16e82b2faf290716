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
#include "harness/processes.hpp"
#include "lib/files.hpp"
#include "lib/process.hpp"
#include "lib/waiting_process.hpp"
#include "lib/world.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <sched.h>
#include <span>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
		const pid_t child = ::_Fork();
		int ended = 1;

		if (child == 0)
			::_exit(memory.word(0) == pattern_word(0) ? 0 : 1);
		::waitpid(child, &ended, 0);
		return ended;
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
		std::atomic<pid_t> id = 0;
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
		auto monitor = in_thread([&] {
			id = ::gettid();
			return take(blocking->read()).has_value();
		});
		wait_until("there is an event", [&] { return is_readable(*context); });
		wait_until("the read waits",
			   [&] { return id && sleeps_in(::getpid(), id, SYS_read); });
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

/* What processes share: they work while the gate is open. */
struct Shared {
	std::atomic<bool> gate = true, over = false;
	std::array<std::atomic<unsigned>, 16> done{};
};

struct Worker {
	bool (*work)();
	bool heeds_gate; /* if not, it has no context for long, and runs all the time */
};

bool only_open()
{
	return Context::create(options_for()).has_value();
}

/* They share one processor: so not all of them at once. */
constexpr std::array waiting_workers = {
	Worker{fault_and_fill, true},  Worker{fault_and_close, true}, Worker{fork_and_serve, true},
	Worker{change_mappings, true}, Worker{pass_on, true},	      Worker{get_killed, true},
	Worker{only_open, false},
};
constexpr std::array other_workers = {
	Worker{fault_in_kernel, true}, Worker{protect_and_write, true}, Worker{move_a_page, true},
	Worker{use_native_too, true},  Worker{execute, true},		Worker{only_open, false},
};
using Workers = std::span<const Worker>;

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
	explicit Crowd(Workers workers)
		: memory_(1, MemoryKind::shared_anonymous), shared_(*new (memory_.page(0)) Shared)
	{
		for (std::size_t i = 0; i < workers.size(); i++)
			processes_.push_back(std::make_unique<Process>([this, i, workers] {
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

void remove_while_used_by(Workers workers, unsigned rounds)
{
	if (!std::filesystem::exists(module_file))
		skip("the module's file is not at " + module_file);
	use_one_processor();
	Crowd crowd(workers);
	unsigned in_use = 0;

	for (unsigned round = 0; round < rounds; round++) {
		const auto before = crowd.done();
		const auto each_has_worked = [&] {
			const auto now = crowd.done();
			for (std::size_t i = 0; i < now.size(); i++)
				if (now[i] == before[i])
					return false;
			return true;
		};

		wait_until("every process has done its work", [&] {
			if (remove_module())
				come_back();
			else
				in_use++;
			return each_has_worked();
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
	remove_while_used_by(waiting_workers, 5);
	remove_while_used_by(other_workers, 5);
}
