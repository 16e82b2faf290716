// SPDX-License-Identifier: GPL-2.0-only
#include "errno_rows.hpp"

#include "consumer.hpp"
#include "errno_stage.hpp"
#include "harness.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/userfault.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace selftests {

using namespace userfault;

namespace {

/* What the kernel should write over, and nothing else. */
constexpr std::uint64_t untouched = 0x5a5a'5a5a'5a5a'5a5a;

/* The arguments of a command as the words of its struct, the answer last where it has one. */
using Words = std::vector<std::uint64_t>;

struct Command {
	const char *name;
	unsigned long number;
	bool answers;
	bool changes; /* the stage, where it succeeds */
};

constexpr Command api{"API", UFFDIO_API, true, false};
constexpr Command registering{"REGISTER", UFFDIO_REGISTER, true, true};
constexpr Command unregistering{"UNREGISTER", UFFDIO_UNREGISTER, false, true};
constexpr Command wake{"WAKE", UFFDIO_WAKE, false, false};
constexpr Command copy{"COPY", UFFDIO_COPY, true, true};
constexpr Command zeropage{"ZEROPAGE", UFFDIO_ZEROPAGE, true, true};
constexpr Command resume{"CONTINUE", UFFDIO_CONTINUE, true, true};

constexpr Command writeprotect{"WRITEPROTECT", UFFDIO_WRITEPROTECT, false, true};
constexpr Command poison{"POISON", UFFDIO_POISON, true, true};
constexpr Command move{"MOVE", UFFDIO_MOVE, true, true};

constexpr Command on_ranges[] = {registering, unregistering, wake,  zeropage,
				 resume,      writeprotect,  poison};
constexpr Command with_modes[] = {registering, copy, zeropage, resume, writeprotect, poison, move};
constexpr Command all[] = {api,	     registering, unregistering, wake,	 copy,
			   zeropage, resume,	  writeprotect,	 poison, move};

/* The words of @command for a range; of COPY and MOVE, for that destination. */
Words words_for(const Command &command, std::uint64_t start, std::uint64_t length)
{
	switch (command.number) {
	case UFFDIO_API:
		return {UFFD_API, 0, untouched};
	case UFFDIO_REGISTER:
		return {start, length, UFFDIO_REGISTER_MODE_MISSING, untouched};
	case UFFDIO_COPY:
	case UFFDIO_MOVE:
		return {start, Stage::at("source"), length, 0, untouched};
	case UFFDIO_POISON:
	case UFFDIO_ZEROPAGE:
	case UFFDIO_CONTINUE:
		return {start, length, 0, untouched};
	case UFFDIO_WRITEPROTECT:
		return {start, length, UFFDIO_WRITEPROTECT_MODE_WP};
	default:
		return {start, length};
	}
}

Words good_words_for(const Command &command)
{
	const auto *where = command.number == UFFDIO_WRITEPROTECT ? "protectable" : "registered";

	return words_for(command, Stage::at(where), page_size());
}

/* The mode of a command that has one: the last of what is asked. */
std::uint64_t &mode_of(const Command &command, Words &words)
{
	return words[words.size() - (command.answers ? 2 : 1)];
}

/* Gives calls to a stage and notes what comes of them; builds it anew after each change. */
class Table {
public:
	explicit Table(Backend backend) : backend_(backend)
	{
		stage_.emplace(backend);
		state_at_first_ = stage_->state();
	}

	Stage &stage() { return *stage_; }

	Row &call(const Command &command, const std::string &arguments, Words words)
	{
		const auto given = words;
		const auto result = stage_->context().ioctl(command.number, words.data());
		auto &row = note(command, arguments, result ? 0 : result.error().value(), words);
		row.given = given;
		return row;
	}

	Row &note(const Command &command, const std::string &arguments, int error, Words words)
	{
		/* An error that was answered came before any change. */
		const bool answered = command.answers && !words.empty() &&
				      static_cast<std::int64_t>(words.back()) < 0;
		const bool perhaps = !error || error == EFAULT || error == EAGAIN;
		Outcome outcome{error, std::move(words), ""};

		if (command.changes && perhaps && !answered) {
			outcome.state = stage_->state();
			if (!error || outcome.state != state_at_first_)
				build_anew();
		}
		rows_.push_back({command.name, arguments, std::move(outcome)});
		return rows_.back();
	}

	/* When a command is through: have calls that failed changed something? */
	void look_at_what_is_left()
	{
		rows_.push_back({rows_.back().command, "what is left", {0, {}, stage_->state()}});
		build_anew();
	}

	std::vector<Row> take_rows() { return std::move(rows_); }

private:
	void build_anew()
	{
		stage_.reset();
		stage_.emplace(backend_);
	}

	Backend backend_;
	std::optional<Stage> stage_;
	std::string state_at_first_;
	std::vector<Row> rows_;
};

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
	Table table(backend);

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

std::vector<Row> rows_of_copies(Backend backend)
{
	Table table(backend);

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
		/* Which is noticed first, a wrong destination or a wrong source? */
		for (const auto &to : {"registered", "registered + 1", "filled", "unregistered",
				       "hole", "2^63", "page of shmem", "no page of shmem"})
			for (const auto &from : Stage::starts())
				table.call(command, std::string("dst=") + to + " src=" + from.name,
					   {Stage::at(to), from.number, page_size(), 0, untouched});
		table.look_at_what_is_left();
	}
	return table.take_rows();
}

std::vector<Row> rows_of_modes(Backend backend)
{
	Table table(backend);

	for (const auto &command : with_modes) {
		for (unsigned bit = 0; bit <= 64; bit++) {
			const std::uint64_t mode = bit < 64 ? 1ull << bit : 0;
			auto words = good_words_for(command);
			auto &field = mode_of(command, words);

			field = mode;
			table.call(command, "mode=" + std::to_string(mode), words);
			field = mode | 1;
			table.call(command, "mode=" + std::to_string(mode | 1), words);
		}
		/* Which is noticed first, a wrong mode or a wrong range? */
		for (const auto &name :
		     {"hole", "registered + 1", "unregistered", "2^63", "filled"}) {
			auto words = words_for(command, Stage::at(name), page_size());
			mode_of(command, words) = 1ull << 40;
			table.call(command, std::string("mode=unknown range=") + name, words);
		}
		table.look_at_what_is_left();
	}
	/* What can be registered for what? */
	for (const auto &start : Stage::starts())
		for (std::uint64_t mode = 1; mode < 8; mode++)
			table.call(registering,
				   "mode=" + std::to_string(mode) + " start=" + start.name,
				   {start.number, page_size(), mode, untouched});
	return table.take_rows();
}

namespace {

/* A page for structs, and no page behind it. */
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
	table.note(command, std::to_string(inside) + " bytes of the struct are there",
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
		for (const unsigned direction : {_IOC_NONE, _IOC_READ, _IOC_READ | _IOC_WRITE})
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
	const Stage stage(backend);

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
	note(stage.context(), api, "a second time", {UFFD_API, 0, untouched});
	note(stage.context(), api, "a second time, wrong version", {1, 0, untouched});
	note(stage.context(), api, "a second time, wrong feature",
	     {UFFD_API, 1ull << 63, untouched});
	return rows;
}

std::vector<Row> rows_of_the_droppable(Backend backend)
{
	/* MAP_DROPPABLE, since 6.11, is newer than the headers this is built with. */
	constexpr int map_droppable = 0x08;
	const std::size_t size = 2 * page_size();
	void *mapped = ::mmap(reinterpret_cast<void *>(0x3000'0000'0000), size,
			      PROT_READ | PROT_WRITE,
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
				/* The addresses are not the same each time. */
				for (std::size_t i = 0; i < words.size(); i++)
					words[i] = words[i] == given[i] ? 0 : words[i];
				rows.push_back({command.name,
						"after exit start=" + start.name +
							" len=" + std::to_string(length),
						{result ? 0 : result.error().value(), words, ""}});
			}
	return rows;
}

/* While a process waits for an event to be read: the calls of a monitor, good and wrong ones. */
std::vector<Row> rows_of_the_changing(Backend backend)
{
	std::vector<Row> rows;
	auto options = options_of(backend);
	options.required = Features::EventRemove;
	Consumer changing(2, options, [](const Memory &memory) {
		return ::madvise(memory.page(0), page_size(), MADV_DONTNEED);
	});
	const Memory read_only(1);
	const auto to = changing.memory.address(0);
	const std::vector<Value> starts = {
		{"registered", to}, {"registered + 1", to + 1}, {"0", 0}, {"2^63", 1ull << 63}};
	const auto note = [&](const Command &command, const std::string &call, Words words,
			      void *where) {
		const auto given = words;
		if (!where)
			where = words.data();
		const auto result = changing.context.ioctl(command.number, where);
		/* The addresses are not the same each time. */
		for (std::size_t i = 0; i < words.size(); i++)
			words[i] = words[i] == given[i] ? 0 : words[i];
		rows.push_back({command.name,
				"while mappings change " + call,
				{result ? 0 : result.error().value(), words, ""}});
	};

	checked(::mprotect(read_only.page(0), page_size(), PROT_READ));
	wait_until("it is told", [&] { return is_readable(changing.context); });
	for (const auto &command : {wake, copy, zeropage, resume, writeprotect, poison}) {
		for (const auto &start : starts)
			for (const std::uint64_t length : {0ull, 1ull, 4096ull, ~0ull})
				note(command,
				     "start=" + start.name + " len=" + std::to_string(length),
				     words_for(command, start.number, length), nullptr);
		note(command, "struct is read-only", {}, read_only.page(0));
		note(command, "struct=1", {}, reinterpret_cast<void *>(1));
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
