// SPDX-License-Identifier: GPL-2.0-only
/*
 * When mm's functions are taken over, and what else may hook them. Tagged [load], so that the
 * supervisor has no context open meanwhile.
 */
#include "harness/kernel_log.hpp"
#include "harness/loaded_module.hpp"
#include "lib/consumer.hpp"
#include "lib/ksm.hpp"
#include "lib/loading.hpp"
#include "lib/taken_functions.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

const std::string held = "userfaultfd_remove"; /* by the holder module */
const std::string tracing = "/sys/kernel/tracing/";

/*
 * Waits for all functions except the fault's: while a function is taken, its line has one of the
 * module's stubs, or its callback.
 */
void wait_until_given_back()
{
	wait_until("mm has its functions back", [] {
		const auto taken = taken_functions();

		return taken.find("uf_hook_stub") == std::string::npos &&
		       taken.find("uf_hook_divert") == std::string::npos;
	});
}

/* The module that holds a function is loaded as long as this lives. */
class Holder {
public:
	explicit Holder(const std::string &parameters = "")
	{
		if (!std::filesystem::exists(holder_file))
			skip("the module that holds a function is not at " + holder_file);
		wait_until_given_back();
		if (const auto error = load_module(holder_file, parameters))
			give_up("loading the holder: " + error.message());
	}

	~Holder()
	{
		if (const auto error = unload_module("holder"))
			give_up("unloading the holder: " + error.message());
	}
};

/* Checks that a removal is reported: the event goes through the function that the holder holds. */
void check_told_of_removal()
{
	const World world(2, Features::EventRemove);

	world.fill(1);

	WaitingCall dropping(world.context, SYS_madvise, [&] {
		return ::madvise(world.memory.page(1), page_size(), MADV_DONTNEED);
	});

	CHECK(next_of<Remove>(world.context).range.start == world.memory.address(1));
	CHECK(dropping.result() == 0);
}

/* Checks that a fork is reported; closes the parent's context and then the child's after it. */
void check_told_of_fork()
{
	Consumer forker(1, options_for(Features::EventFork), [](const Memory &) {
		Process child([] { return 0; });
		return child.wait();
	});
	auto child = next_of<Fork>(forker.context);

	CHECK(forker.process.wait() == 0);
	static_cast<void>(Fd(forker.context.release()));
	CHECK(is_taken("dup_userfaultfd"));
}

void write_tracing(const std::string &file, const std::string &text)
{
	const Fd to(
		static_cast<int>(checked(::open((tracing + file).c_str(), O_WRONLY | O_APPEND))));
	const auto line = text + '\n';

	if (::write(to.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
		give_up("writing " + text + " to " + file + ": " + std::strerror(errno));
}

std::string read_tracing(const std::string &file)
{
	std::string value;

	std::ifstream(tracing + file) >> value;
	return value;
}

struct ProbeProfile {
	unsigned long hits = 0, misses = 0;
};

ProbeProfile probe_profile(const std::string &probe)
{
	std::ifstream file(tracing + "kprobe_profile");
	std::string name;
	ProbeProfile profile;

	while (file >> name >> profile.hits >> profile.misses)
		if (name == probe)
			return profile;
	give_up("there is no profile of probe " + probe);
}

/* A file of tracing has another value as long as this lives. */
class TracingSetting {
public:
	TracingSetting(std::string file, const std::string &value)
		: file_(std::move(file)), before_(read_tracing(file_))
	{
		write_tracing(file_, value);
	}
	~TracingSetting() { write_tracing(file_, before_); }

private:
	std::string file_, before_;
};

void need_tracing(const std::string &file)
{
	if (!std::filesystem::exists(tracing + file))
		skip("this kernel has no " + tracing + file);
}

} // namespace

TEST_CASE("mm's functions are taken only while there is a context",
	  "[load][hooks][module][security]")
{
	for (int i = 0; i < 2; i++) {
		check_told_of_removal();
		check_told_of_fork();
		CHECK(is_taken(held));
		wait_until_given_back();
		CHECK(is_taken("handle_userfault"));
		CHECK_FALSE(is_taken(held));
		CHECK_FALSE(is_taken("dup_userfaultfd"));
	}
}

/* So the kernel's text changes once a second at most, however often contexts come and go. */
TEST_CASE("mm's functions stay taken for a second after the last context",
	  "[load][hooks][module][security]")
{
	using Clock = std::chrono::steady_clock;

	for (int i = 0; i < 2; i++) {
		wait_until_given_back();
		take(Context::create(options_for()));
		const auto all = taken_functions();
		const auto before = Clock::now();
		take(Context::create(options_for()));
		wait_until("the first of them is given back",
			   [&] { return taken_functions() != all; });
		/* The kernel counts ticks, of which one has been under way. */
		CHECK(Clock::now() - before >= std::chrono::milliseconds(990));
	}
}

TEST_CASE("many threads at once can make and close contexts, starting with none",
	  "[load][hooks][module]")
{
	constexpr int threads = 8, times = 20;
	std::vector<std::future<int>> makers;

	wait_until_given_back();
	for (int i = 0; i < threads; i++)
		makers.push_back(in_thread([] {
			int made = 0;

			for (int j = 0; j < times; j++)
				made += Context::create(options_for()).has_value();
			return made;
		}));
	for (auto &maker : makers)
		CHECK(maker.get() == times);
	CHECK(is_taken(held));
	wait_until_given_back();
	check_told_of_removal();
}

TEST_CASE("there can be no context while another module holds a function, and the log says so once",
	  "[load][hooks][module]")
{
	KernelLog log;
	{
		const Holder holder;

		log.skip();
		for (const bool first : {true, false}) {
			const auto refused = Context::create(options_for());

			REQUIRE_FALSE(refused);
			CHECK(refused.error() == std::errc::device_or_resource_busy);
			CHECK(log.has("has " + held + "()") == first);
		}
		CHECK_FALSE(is_taken("dup_userfaultfd"));
		CHECK(is_taken("handle_userfault"));
	}
	check_told_of_removal();
}

TEST_CASE("no other module can hold a function while there is a context",
	  "[load][hooks][module][security]")
{
	if (!std::filesystem::exists(holder_file))
		skip("the module that holds a function is not at " + holder_file);

	const auto context = open_context();

	for (const auto *parameters : {"", "direct=1"})
		CHECK(load_module(holder_file, parameters) == std::errc::device_or_resource_busy);
	check_told_of_removal();
}

TEST_CASE("events are reported also while another module has a direct call",
	  "[load][hooks][module]")
{
	const Holder holder("direct=1");

	for (int i = 0; i < 2; i++) {
		check_told_of_removal();
		check_told_of_fork();
		CHECK(taken_functions().find("uf_hook_divert") != std::string::npos);
		CHECK(taken_functions().find("uf_hook_stub") == std::string::npos);
		wait_until_given_back();
	}
}

/*
 * Without PR_SET_MEMORY_MERGE (on 6.1) every munmap() goes through a function of ours and then
 * through the kernel's; on newer kernels the call that turns merging on does.
 */
TEST_CASE("a function that is taken can be probed at its return", "[load][hooks][module]")
{
	need_tracing("kprobe_events");
	/*
	 * Else the scheduler would be patched as it runs, which QEMU's emulation doesn't survive.
	 */
	const TracingSetting no_names("options/record-cmd", "0");
	const World world(4);
	const std::string name = "uf_selftests";
	const bool merging = merge_all_memory(true);
	const std::string probed = merging ? "ksm_enable_merge_any" : "userfaultfd_unmap_prep";

	write_tracing("kprobe_events", "r:" + name + "/taken " + probed);
	write_tracing("events/" + name + "/taken/enable", "1");
	for (std::size_t i = 0; i < world.memory.pages(); i++) {
		if (merging)
			REQUIRE(merge_all_memory(true));
		else
			world.memory.unmap(i, 1);
	}
	write_tracing("events/" + name + "/taken/enable", "0");
	const auto [hits, misses] = probe_profile("taken");
	write_tracing("kprobe_events", "-:" + name + "/taken");

	/* A function that called itself would run out of the probe's slots for pending calls. */
	CHECK(hits > 0);
	CHECK(misses == 0);
}

/*
 * By a trigger: it works like the function tracer, which would have the scheduler patched, see
 * above.
 */
TEST_CASE("a function that is taken can be traced", "[load][hooks][module]")
{
	need_tracing("set_ftrace_filter");
	const auto context = open_context();

	write_tracing("tracing_on", "1");
	write_tracing("set_ftrace_filter", held + ":traceoff");
	CHECK(read_tracing("tracing_on") == "1");
	check_told_of_removal();
	CHECK(read_tracing("tracing_on") == "0");
	write_tracing("set_ftrace_filter", "!" + held + ":traceoff");
	write_tracing("tracing_on", "1");
	check_told_of_removal();
	CHECK(read_tracing("tracing_on") == "1");
}
