// SPDX-License-Identifier: GPL-2.0-only
/* userfaultctl: what it prints, in words and in JSON, and how it ends. */
#include "lib/command.hpp"
#include "lib/loading.hpp"
#include "lib/process.hpp"
#include "lib/rights.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <linux/userfault.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

using Json = nlohmann::json;

Outcome ctl(Command::Words words, const std::function<void()> &prepare = {})
{
	words.insert(words.begin(), "userfaultctl");
	return run(words, prepare);
}

/* The one document that a command prints. */
Json json_of(Command::Words words)
{
	words.push_back("--json");
	const auto outcome = ctl(words);

	if (outcome.status)
		give_up(outcome.output);
	return Json::parse(outcome.output);
}

std::vector<std::string> lines_of(const std::string &text)
{
	std::vector<std::string> lines;
	std::istringstream stream(text);

	for (std::string line; std::getline(stream, line);)
		lines.push_back(line);
	return lines;
}

std::string id_of(const Context &context)
{
	return fdinfo(context.fd()).line("context");
}

bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("userfaultctl lists contexts", "[userfaultctl][module]")
{
	const World world(2);
	const auto id = id_of(world.context);
	const auto text = ctl({"list"});
	const auto lines = lines_of(text.output);
	const auto contexts = json_of({"list"}).at("contexts");

	CHECK(text.status == 0);
	REQUIRE(lines.size() >= 2);
	CHECK(contains(lines[0], "ID"));
	CHECK(std::ranges::any_of(lines, [&](const std::string &line) {
		std::istringstream fields(line);
		std::string first, second;
		fields >> first >> second;
		return first == id && second == std::to_string(::getpid());
	}));
	const auto found = std::ranges::find_if(contexts, [&](const Json &each) {
		return std::to_string(each.at("id").get<int>()) == id;
	});
	REQUIRE(found != contexts.end());
	CHECK(found->at("tgid") == ::getpid());
	CHECK(found->at("modes") == Json{"missing"});
	CHECK(found->at("flags") == Json{"cloexec", "nonblock"});
	CHECK(found->at("waiting") == 0);
	CHECK_FALSE(found->contains("oldest_waiting"));
}

TEST_CASE("userfaultctl shows who waits in a context, and where", "[userfaultctl][module][smp]")
{
	const World world(8);
	const auto id = id_of(world.context);
	auto reader = in_thread([&] { return world.memory.word(4); });

	next_fault(world.context);
	const auto text = ctl({"show", id});
	const auto json = json_of({"show", id});

	CHECK(text.status == 0);
	CHECK(contains(text.output, "context " + id + " of "));
	CHECK(contains(text.output, "1 threads in a fault, the oldest for "));
	CHECK(contains(text.output, "[#"));
	CHECK(contains(text.output, "!"));
	CHECK(contains(text.output, "missing-anon-read"));
	REQUIRE(json.at("regions").size() == 1);
	CHECK(json["regions"][0].at("length") == 8 * page_size());
	CHECK(json["regions"][0].at("memory") == "anon");
	REQUIRE(json.at("waiters").size() == 1);
	CHECK(json["waiters"][0].at("told") == true);
	CHECK(json["waiters"][0].at("access") == "read");
	CHECK(std::stoull(json["waiters"][0].at("address").get<std::string>(), nullptr, 16) ==
	      world.memory.address(4));
	CHECK(json.at("counters").at("faults") == Json{{"missing-anon-read", 1}});
	CHECK(json["counters"].at("commands").at("REGISTER").at("done") == 1);
	world.fill(4);
	reader.get();
}

TEST_CASE("userfaultctl hides addresses from who may not read them",
	  "[userfaultctl][module][security]")
{
	const World world(1);
	const auto outcome = ctl({"show", id_of(world.context)}, become_nobody);

	CHECK(outcome.status == 1);
	CHECK(contains(outcome.output, "there is no such context"));
	CHECK(lines_of(ctl({"list"}, become_nobody).output).size() == 1);
}

TEST_CASE("userfaultctl says if it may not show addresses", "[userfaultctl][module][security]")
{
	Process process([&] {
		const Fd device(::open("/dev/userfault", O_RDWR | O_CLOEXEC));

		become_nobody();
		const auto context = Context::adopt(
			Fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK)));
		const auto id = id_of(context);
		const auto [stop, go] = take(socket_pair());

		/* Another process asks: one that may not be read can hardly look at itself. */
		Process other([&, &stop = stop] {
			char byte = 0;

			checked(::read(stop.get(), &byte, 1));
			const auto text = ctl({"show", id});
			const auto json = ctl({"show", id, "--json"});
			if (text.status || !contains(text.output, "not all is shown: "))
				return 1;
			const auto parsed = Json::parse(json.output);
			return parsed.at("regions").empty() && parsed.contains("hidden") ? 0 : 2;
		});
		checked(::prctl(PR_SET_DUMPABLE, 0));
		checked(::write(go.get(), "", 1));
		return other.wait();
	});

	CHECK(process.wait() == 0);
}

TEST_CASE("the name of a process can do nothing to a terminal", "[userfaultctl][module]")
{
	checked(::prctl(PR_SET_NAME, "\033[31m\n\r\xc3\xa4"));
	const auto context = open_context();
	const auto lines = lines_of(ctl({"list"}).output);

	CHECK(contains(lines.back(), " ?[31m???? ")); /* the last made is the last in the list */
	CHECK(contains(ctl({"show", id_of(context)}).output, "of ?[31m???? (pid"));
	const auto contexts = json_of({"list"}).at("contexts");
	CHECK(contexts.back().at("comm") == "\033[31m\n\r\u00e4");
}

TEST_CASE("userfaultctl wakes threads that were forgotten", "[userfaultctl][module][smp]")
{
	const World world(2);
	const auto id = id_of(world.context);
	auto first = in_thread([&] { return world.memory.word(0); });
	auto second = in_thread([&] { return world.memory.word(1); });

	wait_for_sleepers(world.context, 2);
	CHECK(world.context.zeropage(world.memory.range(), ZeropageModes::DontWake));
	std::ostringstream address;
	address << std::hex << "0x" << world.memory.address(0) + 8;
	CHECK(ctl({"wake", id, address.str()}).status == 0);
	CHECK(first.get() == 0);
	CHECK(fdinfo(world.context.fd()).total == 1);
	const auto outcome = ctl({"wake", id});
	CHECK(outcome.status == 0);
	CHECK(outcome.output.empty());
	CHECK(second.get() == 0);
}

TEST_CASE("userfaultctl prints what contexts count, in all and by intervals",
	  "[userfaultctl][module][smp]")
{
	const World world(1);
	const auto id = id_of(world.context);
	auto reader = in_thread([&] { return world.memory.word(0); });

	next_fault(world.context);
	world.fill(0);
	reader.get();
	const auto sums = json_of({"stat", "--context", id});
	const auto intervals =
		lines_of(ctl({"stat", "0.05", "3", "--context", id, "--json"}).output);
	const auto text = lines_of(ctl({"stat", "0.05", "2"}).output);

	CHECK(sums.at("faults") == 1);
	CHECK(sums.at("woken") == 1);
	CHECK(sums.at("messages_read") == 1);
	CHECK(sums.at("bytes_filled") == page_size());
	REQUIRE(intervals.size() == 3);
	CHECK(Json::parse(intervals[2]).at("faults") == 0);
	CHECK(Json::parse(intervals[2]).at("seconds") >= 0.05);
	REQUIRE(text.size() == 3); /* titles, and two lines */
	CHECK(contains(text[0], "FAULTS"));
}

TEST_CASE("userfaultctl names the features of the module", "[userfaultctl][module]")
{
	const auto json = json_of({"features"}).at("module");
	const auto &features = json.at("features");

	CHECK(json.at("device") == "/dev/userfault");
	for (const auto *feature : {"sigbus", "move", "thread-id"})
		CHECK(std::ranges::find(features, feature) != features.end());
	CHECK(contains(ctl({"features"}).output, "thread-id"));
}

TEST_CASE("doctor finds nothing where nothing is wrong", "[userfaultctl][module]")
{
	const World world(1);
	const auto outcome = ctl({"doctor"});

	INFO(outcome.output);
	CHECK(outcome.status == 0);
	CHECK(outcome.output == "Nothing is wrong that this program knows of.\n");
	CHECK(json_of({"doctor"}) == Json{{"findings", Json::array()}});
}

TEST_CASE("doctor tells a fault that nobody reads from one that nobody resolves or wakes",
	  "[userfaultctl][module][smp]")
{
	const World world(3);
	const auto id = id_of(world.context);
	const auto context = "context " + id + " of ";
	const auto is_old = [&](const std::string &line) {
		const auto info = fdinfo(world.context.fd());
		return !info.line(line).empty() && info.number(line) > 1000;
	};
	std::vector<std::future<std::uint64_t>> readers;

	readers.push_back(in_thread([&] { return world.memory.word(0) + 0; }));
	wait_until("it is old", [&] { return is_old("oldest-pending-ms"); });
	auto outcome = ctl({"doctor"});
	CHECK(outcome.status == 4);
	CHECK(contains(outcome.output, context));
	CHECK(contains(outcome.output, "nobody reads 1 faults, the first for "));
	CHECK(contains(outcome.output,
		       "(pid " + std::to_string(::getpid()) + ")")); /* the holder */

	next_fault(world.context);
	outcome = ctl({"doctor"});
	CHECK(outcome.status == 4);
	CHECK(contains(outcome.output, "1 faults were read and are not resolved"));
	CHECK_FALSE(contains(outcome.output, "nobody reads"));
	CHECK(contains(outcome.output, "userfaultctl show " + id));

	CHECK(world.context.zeropage(world.memory.range(0, 1), ZeropageModes::DontWake));
	outcome = ctl({"doctor"});
	CHECK(outcome.status == 4);
	CHECK(contains(outcome.output, "1 threads wait for pages that are there"));
	CHECK(contains(outcome.output, "userfaultctl wake " + id));
	CHECK_FALSE(contains(outcome.output, "not resolved"));

	CHECK(ctl({"wake", id}).status == 0);
	for (auto &reader : readers)
		CHECK(reader.get() == 0);
	CHECK(ctl({"doctor"}).status == 0);
}

TEST_CASE("doctor doesn't take a protected page for one that somebody has forgotten to wake for",
	  "[userfaultctl][module][smp]")
{
	const World world(1, MemoryKind::anonymous, Features::None,
			  Modes::Missing | Modes::WriteProtect);

	world.fill(0);
	take(world.context.write_protect(world.memory.range()));
	auto writer = in_thread([&] { world.memory.word(0) = 1; });
	next_fault(world.context);
	wait_until("it is old",
		   [&] { return fdinfo(world.context.fd()).number("oldest-ms") > 1000; });
	const auto outcome = ctl({"doctor"});
	CHECK(outcome.status == 4);
	CHECK(contains(outcome.output, "1 faults were read and are not resolved"));
	CHECK_FALSE(contains(outcome.output, "pages that are there"));
	take(world.context.write_unprotect(world.memory.range()));
	writer.get();
}

TEST_CASE("doctor tells of an event that nobody reads", "[userfaultctl][module][smp]")
{
	const World world(1, Features::EventRemove);
	auto remover = in_thread(
		[&] { return ::madvise(world.memory.page(0), page_size(), MADV_DONTNEED); });

	wait_until("it is old", [&] {
		const auto info = fdinfo(world.context.fd());
		return !info.line("oldest-event-ms").empty() &&
		       info.number("oldest-event-ms") > 1000;
	});
	const auto outcome = ctl({"doctor"});
	CHECK(outcome.status == 4);
	CHECK(contains(outcome.output,
		       "1 threads wait until their fork, or other change of mappings"));
	next_of<Remove>(world.context);
	CHECK(remover.get() == 0);
}

TEST_CASE("doctor says who may not open the device, and what is in its place",
	  "[userfaultctl][module]")
{
	const auto nobodys = ctl({"doctor"}, become_nobody);
	const auto elsewhere = ctl({"doctor", "--device", "/dev/nothing"});

	CHECK(nobodys.status == 4);
	CHECK(contains(nobodys.output, "you may not open /dev/userfault"));
	CHECK(elsewhere.status == 4);
	CHECK(contains(elsewhere.output, "/dev/nothing isn't there"));
}

TEST_CASE("userfaultctl says what it can't do, by its exit status and in words",
	  "[userfaultctl][module]")
{
	const auto unknown = ctl({"show", "123456789"});

	CHECK(unknown.status == 1);
	CHECK(unknown.output ==
	      "userfaultctl: there is no such context, or it isn't for you to see\n");
	CHECK(ctl({"wake", "123456789"}).status == 1);
	for (const auto &wrong : {Command::Words{},
				  {"frobnicate"},
				  {"show"},
				  {"show", "one"},
				  {"wake", "1", "here"},
				  {"list", "--jason"},
				  {"stat", "-1"},
				  {"stat", "0.001"},
				  {"stat", "1", "0"},
				  {"show", "1", "2"}}) {
		const auto outcome = ctl(wrong);

		INFO(outcome.output);
		CHECK(outcome.status == 2);
		CHECK(contains(outcome.output, "See userfaultctl --help."));
	}
	for (const auto &help : {Command::Words{"--help"}, {"stat", "--help"}}) {
		const auto outcome = ctl(help);

		CHECK(outcome.status == 0);
		CHECK(contains(outcome.output, "Usage: userfaultctl"));
	}
}

TEST_CASE("userfaultctl says when the module is not loaded", "[userfaultctl][load][module]")
{
	need_the_module_file();
	unload();
	const auto outcome = ctl({"list"}), doctors = ctl({"doctor"});
	load();

	CHECK(outcome.status == 3);
	CHECK(contains(outcome.output, "no netlink family"));
	CHECK(contains(outcome.output, "Is the module loaded?"));
	CHECK(doctors.status == 4);
	CHECK(contains(doctors.output, "the module isn't loaded"));
}
