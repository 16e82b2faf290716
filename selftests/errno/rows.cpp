// SPDX-License-Identifier: GPL-2.0-only
#include "errno/rows.hpp"

#include "errno/table.hpp"
#include "harness/harness.hpp"
#include "lib/consumer.hpp"
#include "lib/waiting_call.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace selftests {

using namespace userfault;

namespace {

constexpr Command on_ranges[] = {registering, unregistering, wake,   zeropage,
				 resume,      writeprotect,  poison, rwprotect};
constexpr Command with_modes[] = {registering,	copy,	zeropage, resume,
				  writeprotect, poison, move,	  rwprotect};
constexpr Command all[] = {api,	   registering,	 unregistering, wake, copy,	 zeropage,
			   resume, writeprotect, poison,	move, rwprotect, set_mode};

constexpr Setting with_hugetlb{Features::None, true};

Options options_of(Backend backend)
{
	Options options;

	options.device = device_of(backend);
	options.nonblocking = true;
	return options;
}

} // namespace

std::vector<Row> rows_of_ranges(Backend backend)
{
	Table table(backend, with_hugetlb);

	for (const auto &command : on_ranges) {
		for (const auto &start : Stage::starts())
			for (const auto &length : Stage::lengths(start.number)) {
				auto &row = table.call(
					command, "start=" + start.name + " len=" + length.name,
					words_for(command, start.number, length.number));
				row.other_context =
					Stage::has_other_context(start.number, length.number);
			}
		table.look_at_what_is_left();
	}
	return table.take_rows();
}

namespace {

/*
 * The ranges that begin or end a small or a huge page beside @memory, or reach to @next. The last
 * ones leave mappings behind that not every kernel merges again.
 */
std::vector<Range> ranges_with_holes(Range memory, Range next)
{
	const auto page = page_size();
	const auto end = memory.start + memory.length;
	std::vector<Range> ranges = {
		{memory.start - page, memory.length + page},
		{memory.start - huge_page, memory.length + huge_page},
		{memory.start, memory.length + page},
		{memory.start, memory.length + huge_page},
		{memory.start - page, memory.length + 2 * page},
		{end, page},
		{memory.start - page, 2 * page},
	};

	if (next.length) {
		ranges.push_back({memory.start, next.start + next.length - memory.start});
		ranges.push_back({end - page, next.start + page - (end - page)});
	}
	return ranges;
}

} // namespace

std::vector<Row> rows_of_holes(Backend backend)
{
	Table table(backend, with_hugetlb, Renewal::when_told);
	auto memory = Stage::ranges();
	const auto call = [&](const Command &command, Range range) {
		auto &row = table.call(command,
				       "start=" + std::to_string(range.start) +
					       " len=" + std::to_string(range.length),
				       words_for(command, range.start, range.length));

		row.other_context = Stage::has_other_context(range.start, range.length);
		/* Afterwards, memory may differ between the backends. */
		if (row.other_context || command.number == UFFDIO_WRITEPROTECT)
			table.start_over();
	};

	memory.push_back({0, 0});
	for (const auto &command : {registering, unregistering, zeropage, writeprotect}) {
		for (std::size_t i = 0; i + 1 < memory.size(); i++) {
			/* The table "ranges" has enough calls on smaller memory. */
			if (command.number == UFFDIO_WRITEPROTECT && memory[i].length < huge_page)
				continue;
			for (const auto &range : ranges_with_holes(memory[i], memory[i + 1]))
				call(command, range);
			table.start_over();
		}
		table.look_at_what_is_left();
	}
	return table.take_rows();
}

std::vector<Row> rows_of_copies(Backend backend)
{
	Table table(backend, with_hugetlb);

	for (const auto &command : {copy, move}) {
		for (const auto &start : Stage::starts())
			for (const auto &length : Stage::lengths(start.number)) {
				const auto source = Stage::at("source");
				const auto target = Stage::at("registered");
				table.call(command, "dst=" + start.name + " len=" + length.name,
					   {start.number, source, length.number, 0, untouched});
				table.call(command, "src=" + start.name + " len=" + length.name,
					   {target, start.number, length.number, 0, untouched});
			}
		for (const auto &to : {"registered", "protectable", "filled", "unregistered"})
			for (const std::uint64_t mode : {2, 3})
				table.call(command,
					   std::string("dst=") + to +
						   " mode=" + std::to_string(mode),
					   {Stage::at(to), Stage::at("source"), page_size(), mode,
					    untouched});
		/* Which is checked first, the destination or the source? */
		for (const auto &to : {"registered", "registered + 1", "filled", "unregistered",
				       "hole", "2^63", "page of shmem", "no page of shmem"})
			for (const auto &from : Stage::starts())
				table.call(command, std::string("dst=") + to + " src=" + from.name,
					   {Stage::at(to), from.number, page_size(), 0, untouched});
		table.look_at_what_is_left();
	}
	return table.take_rows();
}

namespace {

/* The words for @command at @where, with which nothing but the mode can be wrong. */
Words words_at(const Command &command, const std::string &where)
{
	const auto start = Stage::at(where);
	auto words = words_for(command, start, Stage::length_of_page(start));

	/* The source of a huge page has to be as large. */
	if (command.number == UFFDIO_COPY && words[2] > page_size())
		words[1] = Stage::at("hugetlb");
	return words;
}

/* Each bit alone, none, and each with the lowest. */
void call_with_modes(Table &table, const Command &command, const std::string &where)
{
	for (const bool lowest : {false, true})
		for (unsigned bit = 0; bit <= 64; bit++) {
			const std::uint64_t mode = (bit < 64 ? 1ull << bit : 0) | lowest;
			auto words = words_at(command, where);

			mode_of(command, words) = mode;
			table.call(command, where + " mode=" + std::to_string(mode), words);
		}
}

} // namespace

std::vector<Row> rows_of_modes(Backend backend)
{
	Table table(backend, with_hugetlb);

	for (const auto &command : with_modes) {
		const bool protects = command.number == UFFDIO_WRITEPROTECT;

		call_with_modes(table, command, protects ? "protectable" : "registered");
		for (const auto &where :
		     {"registered hugetlb", "registered shared hugetlb", "page of hugetlb"})
			call_with_modes(table, command, where);
		/* Which is checked first, the mode or the range? */
		for (const auto &name :
		     {"hole", "registered + 1", "unregistered", "2^63", "filled"}) {
			auto words = words_for(command, Stage::at(name), page_size());
			mode_of(command, words) = 1ull << 40;
			table.call(command, std::string("mode=unknown range=") + name, words);
		}
		table.look_at_what_is_left();
	}
	return table.take_rows();
}

namespace {

bool offers(Backend backend, Features features)
{
	const auto offered = take(Context::probe(options_of(backend))).offered;

	return (offered & features) == features;
}

} // namespace

std::vector<Row> rows_with_features(Backend backend, Features features)
{
	if (!offers(backend, features))
		return {};
	Table table(backend, {features, true}, Renewal::when_told);
	const auto call_at = [&](const Command &command, std::uint64_t mode,
				 const std::string &start) {
		auto words = words_at(command, start);

		mode_of(command, words) = mode;
		table.call(command, "mode=" + std::to_string(mode) + " start=" + start, words);
		/* The next move needs its source again. */
		if (command.number == UFFDIO_MOVE)
			table.start_over();
	};
	const auto call_everywhere = [&](const Command &command, std::uint64_t mode) {
		for (const auto &start : Stage::starts())
			call_at(command, mode, start.name);
		table.start_over();
	};
	const bool none = features == Features::None;
	const bool asynchronous = features == Features::WpAsync;
	const bool tracking = features == Features::Rwp;

	/*
	 * With a feature for protection, only the commands that protect; but all commands on memory
	 * that can be registered only with that feature.
	 */
	for (std::uint64_t mode = 1; mode < 8; mode++)
		if (none || (asynchronous && mode & UFFDIO_REGISTER_MODE_WP))
			call_everywhere(registering, mode);
	for (const std::uint64_t mode : {1, 2, 8, 9, 10, 13})
		if (tracking)
			call_everywhere(registering, mode);
	for (std::uint64_t mode = 0; mode < 4; mode++)
		call_everywhere(tracking ? rwprotect : writeprotect, mode);
	for (const auto &command : {copy, resume})
		call_everywhere(command, UFFDIO_COPY_MODE_WP);
	for (const auto &command : {copy, resume, zeropage, poison, move}) {
		if (none || (tracking && command.number == UFFDIO_MOVE))
			call_everywhere(command, 0);
		else if (asynchronous)
			for (const auto *start :
			     {"asynchronous private file", "asynchronous shared file"})
				call_at(command, 0, start);
	}
	return table.take_rows();
}

namespace {

/* A page for structs, with no page after it. */
struct Slot {
	std::byte *page = reinterpret_cast<std::byte *>(Stage::at("struct"));

	/* Puts @words so that @inside bytes of them are on the page; the rest is nowhere. */
	std::byte *place(const Words &words, std::size_t inside) const
	{
		auto *where = page + page_size() - inside;
		std::memcpy(where, words.data(), inside);
		return where;
	}
};

void call_in_slot(Table &table, const Command &command, std::size_t inside)
{
	const auto words = good_words_for(command);
	auto *where = Slot().place(words, inside);
	const auto result = table.stage().context().ioctl(command.number, where);
	Words left(words.size(), 0);

	std::memcpy(left.data(), where, inside);
	table.note(command, "bytes of the struct that are there=" + std::to_string(inside),
		   result ? 0 : result.error().value(), left);
}

void call_read_only(Table &table, const Command &command)
{
	const auto words = good_words_for(command);
	const Slot slot;
	auto *where = slot.place(words, words.size() * sizeof(words[0]));

	checked(::mprotect(slot.page, page_size(), PROT_READ));
	const auto result = table.stage().context().ioctl(command.number, where);
	Words left(words.size());
	std::memcpy(left.data(), where, left.size() * sizeof(left[0]));
	checked(::mprotect(slot.page, page_size(), PROT_READ | PROT_WRITE));
	table.note(command, "the struct is read-only", result ? 0 : result.error().value(), left);
}

} // namespace

std::vector<Row> rows_of_structs(Backend backend)
{
	Table table(backend);

	for (const auto &command : all) {
		const auto size = good_words_for(command).size() * sizeof(std::uint64_t);

		for (std::size_t inside = 0; inside <= size; inside += 4)
			call_in_slot(table, command, inside);
		call_read_only(table, command);
		for (const auto &name :
		     {"0", "hole", "without access", "2^47", "2^63", "kernel", "-1"}) {
			auto *where = reinterpret_cast<void *>(Stage::at(name));
			const auto result = table.stage().context().ioctl(command.number, where);
			table.note(command, std::string("struct=") + name,
				   result ? 0 : result.error().value(), {});
		}
		table.look_at_what_is_left();
	}
	return table.take_rows();
}

std::vector<Row> rows_of_commands(Backend backend)
{
	Table table(backend);
	const unsigned long elsewhere[] = {0, FIONREAD, FIONBIO + 1, UFFDIO_API ^ 0x100,
					   UFFDIO_WAKE | _IOC(_IOC_WRITE, 0, 0, 0)};

	for (unsigned number = 0; number < 256; number++)
		for (const unsigned direction :
		     {_IOC_NONE, _IOC_READ, _IOC_WRITE, _IOC_READ | _IOC_WRITE})
			for (const unsigned size : {0u, 8u, 16u, 24u, 32u, 40u, 48u}) {
				const auto request = _IOC(direction, UFFDIO, number, size);
				const Command command{"COMMAND", request, false, false};
				table.call(command,
					   std::to_string(number) + " direction " +
						   std::to_string(direction) + " size " +
						   std::to_string(size),
					   Words(8, 0));
			}
	for (const auto request : elsewhere)
		table.call({"COMMAND", request, false, false}, std::to_string(request),
			   Words(8, 0));
	table.look_at_what_is_left();
	return table.take_rows();
}

std::vector<Row> rows_of_handshakes(Backend backend)
{
	std::vector<Row> rows;
	const auto note = [&](const Context &context, const Command &command,
			      const std::string &arguments, Words words) {
		const auto given = words;
		const auto result = context.ioctl(command.number, words.data());
		rows.push_back({command.name,
				arguments,
				{result ? 0 : result.error().value(), std::move(words), ""},
				given});
	};
	const auto fresh = [&] { return take(Context::create(options_of(backend))); };
	Table table(backend);

	for (const auto &command : all)
		if (command.number != UFFDIO_API)
			note(fresh(), command, "before the handshake", good_words_for(command));
	for (const std::uint64_t version : {0ull, 1ull, 0xA9ull, 0xABull, 1ull << 63, ~0ull})
		note(fresh(), api, "version " + std::to_string(version), {version, 0, untouched});
	for (unsigned bit = 0; bit < 64; bit++) {
		const auto name = "feature bit " + std::to_string(bit);
		note(fresh(), api, name, {UFFD_API, 1ull << bit, untouched});
		note(fresh(), api, name + " of a wrong version", {1, 1ull << bit, untouched});
	}
	note(table.stage().context(), api, "a second time", {UFFD_API, 0, untouched});
	note(table.stage().context(), api, "a second time, wrong version", {1, 0, untouched});
	note(table.stage().context(), api, "a second time, wrong feature",
	     {UFFD_API, 1ull << 63, untouched});
	return rows;
}

std::vector<Row> rows_of_the_droppable(Backend backend)
{
	/* MAP_DROPPABLE, since 6.11, is newer than the headers that this file is built with. */
	constexpr int map_droppable = 0x08;
	const std::size_t size = 2 * page_size();
	void *mapped =
		::mmap(reinterpret_cast<void *>(0x3000'0000'0000), size, PROT_READ | PROT_WRITE,
		       map_droppable | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	Table table(backend);

	if (mapped == MAP_FAILED)
		return {};
	const auto start = reinterpret_cast<std::uint64_t>(mapped);
	for (std::uint64_t mode = 1; mode < 4; mode++)
		table.call(registering, "droppable mode=" + std::to_string(mode),
			   {start, size, mode, untouched});
	table.call(unregistering, "droppable", {start, size});
	::munmap(mapped, size);
	return table.take_rows();
}

std::vector<Row> rows_of_the_dead(Backend backend)
{
	std::vector<Row> rows;
	Consumer gone(2, options_of(backend), [](const Memory &) { return 0; });
	const auto source = patterned(2);
	const auto to = gone.memory.address(0);
	const std::vector<Value> starts = {
		{"registered", to}, {"registered + 1", to + 1}, {"0", 0}, {"2^63", 1ull << 63}};

	gone.process.wait();
	for (const auto &command : all)
		for (const auto &start : starts)
			for (const std::uint64_t length : {0ull, 1ull, 4096ull, ~0ull}) {
				auto words = words_for(command, start.number, length);
				if (command.number == UFFDIO_COPY || command.number == UFFDIO_MOVE)
					words[1] = source.address(0);
				const auto given = words;
				const auto result =
					gone.context.ioctl(command.number, words.data());
				/* The addresses differ from run to run. */
				for (std::size_t i = 0; i < words.size(); i++)
					words[i] = words[i] == given[i] ? 0 : words[i];
				rows.push_back({command.name,
						"after exit start=" + start.name +
							" len=" + std::to_string(length),
						{result ? 0 : result.error().value(), words, ""}});
				rows.back().newer = command.newer;
			}
	return rows;
}

namespace {

/* A change of the last page of some memory, which waits until a monitor has read its event. */
struct Change {
	const char *name;
	Features told;
	long number; /* of its system call */
	int (*make)(const Memory &memory);
};

std::byte *last_page(const Memory &memory)
{
	return memory.page(memory.pages() - 1);
}

int drop_last(const Memory &memory)
{
	return ::madvise(last_page(memory), page_size(), MADV_DONTNEED);
}

int map_over_last(const Memory &memory)
{
	return ::mmap(last_page(memory), page_size(), PROT_READ,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED;
}

/* Leaves no hole. */
int move_last(const Memory &memory)
{
	return ::mremap(last_page(memory), page_size(), page_size(),
			MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr) == MAP_FAILED;
}

/* By the system call: libc's fork() would keep the other threads from allocating memory. */
int fork_once(const Memory &)
{
	const auto child = static_cast<pid_t>(::syscall(SYS_fork));

	if (!child)
		::_exit(0);
	return ::waitpid(child, nullptr, 0) != child;
}

constexpr Change changes[] = {
	{"REMOVE", Features::EventRemove, SYS_madvise, drop_last},
	{"UNMAP", Features::EventUnmap, SYS_mmap, map_over_last},
	{"REMAP", Features::EventRemap, SYS_mremap, move_last},
	{"FORK", Features::EventFork, SYS_fork, fork_once},
};

/* The calls of a monitor of @context, good and wrong ones, while @memory changes. */
class CallsMeanwhile {
public:
	CallsMeanwhile(const Context &context, const Memory &memory, std::string when)
		: context_(context), when_(std::move(when)),
		  starts_{{"registered", memory.address(0)},
			  {"registered + 1", memory.address(0) + 1},
			  {"0", 0},
			  {"2^63", 1ull << 63}}
	{
		checked(::mprotect(read_only_.page(0), page_size(), PROT_READ));
	}

	void add_to(std::vector<Row> &rows) const
	{
		for (const auto &command : {wake, copy, zeropage, resume, writeprotect, poison,
					    move, rwprotect, set_mode}) {
			for (const auto &start : starts_)
				for (const std::uint64_t length : {0ull, 1ull, 4096ull, ~0ull})
					rows.push_back(row(command, start, length));
			rows.push_back(row(command, "struct is read-only", {}, read_only_.page(0)));
			rows.push_back(row(command, "struct 1", {}, reinterpret_cast<void *>(1)));
		}
	}

private:
	Row row(const Command &command, const Value &start, std::uint64_t length) const
	{
		auto words = words_for(command, start.number, length);

		if (command.number == UFFDIO_COPY || command.number == UFFDIO_MOVE)
			words[1] = source_.address(0);
		return row(command, "start " + start.name + " len " + std::to_string(length), words,
			   nullptr);
	}

	Row row(const Command &command, const std::string &call, Words words, void *where) const
	{
		const auto given = words;
		const auto result = context_.ioctl(command.number, where ? where : words.data());
		/* The addresses differ from run to run. */
		for (std::size_t i = 0; i < words.size(); i++)
			words[i] = words[i] == given[i] ? 0 : words[i];
		Row row{command.name,
			"while mappings change: " + when_ + "=" + call,
			{result ? 0 : result.error().value(), std::move(words), ""}};
		row.given.resize(given.size());
		row.newer = command.newer;
		return row;
	}

	const Context &context_;
	const std::string when_;
	const std::vector<Value> starts_;
	const Memory source_ = patterned(1), read_only_{1};
};

void add_rows_within(std::vector<Row> &rows, const Options &options, const Change &change)
{
	const World world(4, options);
	WaitingCall changing(world.context, change.number,
			     [&] { return change.make(world.memory); });

	CallsMeanwhile(world.context, world.memory, std::string(change.name) + " within")
		.add_to(rows);
	next_message(world.context);
	if (changing.result())
		give_up(std::string(change.name) + " has failed");
}

void add_rows_from_outside(std::vector<Row> &rows, const Options &options, const Change &change)
{
	Consumer changing(4, options, change.make);

	wait_until("the event can be read", [&] { return is_readable(changing.context); });
	CallsMeanwhile(changing.context, changing.memory, std::string(change.name) + " elsewhere")
		.add_to(rows);
	next_message(changing.context);
	if (changing.process.wait())
		give_up(std::string(change.name) + " has failed elsewhere");
}

} // namespace

std::vector<Row> rows_of_the_changing(Backend backend)
{
	std::vector<Row> rows;

	for (const auto &change : changes) {
		auto options = options_of(backend);

		options.required = change.told;
		add_rows_within(rows, options, change);
		add_rows_from_outside(rows, options, change);
	}
	return rows;
}

std::vector<Row> rows_of_the_device(Backend backend)
{
	const Fd device(
		static_cast<int>(checked(::open(device_of(backend).c_str(), O_RDWR | O_CLOEXEC))));
	std::vector<Row> rows;

	for (unsigned bit = 0; bit < 64; bit++) {
		const Fd made(::ioctl(device.get(), USERFAULTFD_IOC_NEW, 1ull << bit));
		rows.push_back({"NEW", "flag " + std::to_string(bit), {made ? 0 : errno, {}, ""}});
	}
	for (unsigned number = 1; number < 256; number++) {
		const Fd made(::ioctl(device.get(), _IO(USERFAULTFD_IOC, number), 0));
		rows.push_back({"DEVICE",
				"command " + std::to_string(number),
				{made ? 0 : errno, {}, ""}});
	}
	return rows;
}

} // namespace selftests
