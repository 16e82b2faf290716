// SPDX-License-Identifier: GPL-2.0-only
/* The module's tracepoints, as tracefs shows them. */
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <fstream>
#include <linux/userfault.h>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

const std::string tracefs = "/sys/kernel/tracing/";

void write_to(const std::string &path, const std::string &text)
{
	const Fd file(static_cast<int>(checked(::open(path.c_str(), O_WRONLY | O_CLOEXEC))));

	checked(::write(file.get(), text.data(), text.size()));
}

std::string content_of(const std::string &path)
{
	std::ifstream file(path);
	std::stringstream text;

	text << file.rdbuf();
	return text.str();
}

/* A buffer of its own, to which the events of one context are written as long as this lives. */
class Trace {
public:
	explicit Trace(const Context &context) : folder_(tracefs + "instances/userfault-test/")
	{
		::rmdir(folder_.c_str()); /* of a test that has failed */
		checked(::mkdir(folder_.c_str(), 0700));
		write_to(folder_ + "events/userfault/filter",
			 "ctx == " + fdinfo(context.fd()).line("context"));
		write_to(folder_ + "events/userfault/enable", "1");
	}
	~Trace() { ::rmdir(folder_.c_str()); }
	Trace(const Trace &) = delete;
	Trace &operator=(const Trace &) = delete;

	/* The events so far, oldest first, from their names on. */
	std::vector<std::string> lines() const
	{
		std::istringstream text(content_of(folder_ + "trace"));
		std::vector<std::string> lines;

		for (std::string line; std::getline(text, line);) {
			const auto time = line.find(": ");
			if (!line.starts_with('#') && time != line.npos)
				lines.push_back(line.substr(time + 2));
		}
		return lines;
	}

	/* The names of these events. */
	std::vector<std::string> names() const
	{
		std::vector<std::string> names;

		for (const auto &line : lines())
			names.push_back(line.substr(0, line.find(':')));
		return names;
	}

	const std::string &folder() const { return folder_; }

private:
	std::string folder_;
};

std::string hex(std::uint64_t value)
{
	std::ostringstream text;

	text << std::hex << "0x" << value;
	return text.str();
}

/* Whether a line has the words, each between spaces. */
bool has_words(const std::string &line, const std::vector<std::string> &words)
{
	return std::ranges::all_of(words, [&](const std::string &word) {
		return (" " + line + " ").find(" " + word + " ") != line.npos;
	});
}

/* Reads a page, which is filled for it. */
void fault_and_fill(const World &world, std::size_t page)
{
	auto reader = in_thread([&, page] { return world.memory.word(page) + 0; });

	wait_for_sleepers(world.context, 1);
	next_fault(world.context);
	world.fill(page);
	reader.get();
}

} // namespace

TEST_CASE("a fault is traced from its beginning to its end", "[trace][module][smp]")
{
	const World world(2);
	const Trace trace(world.context);
	const auto address = hex(world.memory.address(1));

	fault_and_fill(world, 1);
	const auto lines = trace.lines();
	REQUIRE(trace.names() ==
		std::vector<std::string>{"fault", "told", "fill", "resolved", "woken"});
	CHECK(has_words(lines[0], {"address=" + address, "flags=0x0"}));
	CHECK(has_words(lines[1], {"event=0x12", "address=" + address}));
	CHECK(has_words(lines[2], {"command=0x3", "dst=" + address, "len=0x1000", "result=4096"}));
	CHECK(has_words(lines[3], {"start=" + address, "len=0x1000"}));
	CHECK(has_words(lines[4], {"address=" + address}));
}

TEST_CASE("commands and events are traced", "[trace][module][smp]")
{
	const Memory source(1);
	const Memory memory(2);
	const auto context = open_context(Features::EventRemove);
	const Trace trace(context);

	static_cast<void>(
		take(context.register_range(memory.range(), Modes::Missing | Modes::WriteProtect)));
	take(context.write_protect(memory.range()));
	source.word(0) = 1;
	CHECK(context.move(memory.address(0), source.range()));
	CHECK(context.zeropage(memory.range()).error.value() == EEXIST);
	auto remover =
		in_thread([&] { return ::madvise(memory.page(0), page_size(), MADV_DONTNEED); });
	next_of<Remove>(context);
	CHECK(remover.get() == 0);
	const auto lines = trace.lines();
	REQUIRE(trace.names() ==
		std::vector<std::string>{"protect", "move", "fill", "event_queued", "told"});
	CHECK(has_words(lines[0], {"command=0x6", "protect=1", "err=0"}));
	CHECK(has_words(lines[1], {"src=" + hex(source.address(0)), "result=4096"}));
	CHECK(has_words(lines[2], {"command=0x4", "result=-17"}));
	CHECK(has_words(lines[3], {"event=0x15"}));
	CHECK(has_words(lines[4], {"event=0x15", "address=" + hex(memory.address(0))}));
}

TEST_CASE("only what a filter lets through is traced", "[trace][module][smp]")
{
	const World world(2), other(1);
	const Trace trace(world.context);

	write_to(trace.folder() + "events/userfault/fault/filter",
		 "address == " + hex(world.memory.address(1)));
	fault_and_fill(world, 0);
	fault_and_fill(other, 0);
	auto names = trace.names();
	CHECK(std::ranges::count(names, "fault") == 0);
	CHECK(std::ranges::count(names, "woken") == 1);
	fault_and_fill(world, 1);
	names = trace.names();
	CHECK(std::ranges::count(names, "fault") == 1);
	CHECK(std::ranges::count(names, "woken") == 2);
}

TEST_CASE("a context is traced when it is made and when it is gone", "[trace][module]")
{
	const std::string folder = tracefs + "instances/userfault-test/";

	::rmdir(folder.c_str());
	checked(::mkdir(folder.c_str(), 0700));
	write_to(folder + "events/userfault/context_made/enable", "1");
	write_to(folder + "events/userfault/context_gone/enable", "1");
	std::string id;
	{
		const auto context = open_context();

		id = "ctx=" + fdinfo(context.fd()).line("context");
	}
	const auto text = content_of(folder + "trace");
	write_to(folder + "events/enable", "0");
	checked(::rmdir(folder.c_str()));
	CHECK(text.find("context_made: " + id + " flags=0x80800") != text.npos);
	CHECK(text.find("context_gone: " + id) != text.npos);
}

TEST_CASE("the time from a fault to its end becomes a histogram by tracing alone",
	  "[trace][module][smp]")
{
	const World world(4);
	const auto synthetic = tracefs + "synthetic_events";
	const auto events = tracefs + "events/";
	const std::string fault = "hist:keys=ctx,address:began=common_timestamp.usecs";
	const std::string woken = "hist:keys=ctx,address:took=common_timestamp.usecs-$began:"
				  "onmatch(userfault.fault).userfault_wait(ctx,$took)";
	const std::string shown = "hist:keys=context:values=hitcount,took:sort=context";

	write_to(synthetic, "userfault_wait u64 context; u64 took");
	write_to(events + "userfault/fault/trigger", fault);
	write_to(events + "userfault/woken/trigger", woken);
	write_to(events + "synthetic/userfault_wait/trigger", shown);
	for (std::size_t i = 0; i < 4; i++)
		fault_and_fill(world, i);
	const auto histogram = content_of(events + "synthetic/userfault_wait/hist");
	write_to(events + "synthetic/userfault_wait/trigger", "!" + shown);
	write_to(events + "userfault/woken/trigger", "!" + woken);
	write_to(events + "userfault/fault/trigger", "!" + fault);
	write_to(synthetic, "!userfault_wait");

	INFO(histogram);
	std::istringstream line(
		histogram.substr(std::min(histogram.find("{ context:"), histogram.size())));
	std::string brace, name, hits;
	std::uint64_t id = 0, count = 0;
	line >> brace >> name >> id >> brace >> hits >> count;
	CHECK(id == fdinfo(world.context.fd()).number("context"));
	CHECK(hits == "hitcount:");
	CHECK(count == 4);
}
