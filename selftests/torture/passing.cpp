// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations with contexts of their own, on memory of their own: contexts that are opened, closed
 * and passed on, of both backends, while threads of this process fault.
 */
#include "torture/actor.hpp"
#include "torture/evidence.hpp"

#include <cerrno>
#include <csignal>
#include <future>
#include <optional>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>
#include <userfault/mapping.hpp>
#include <userfault/socket.hpp>

namespace torture {

using namespace userfault;

namespace {

constexpr std::size_t few = 4;

std::optional<Context> open_on(const std::string &device)
{
	auto opened = Context::open({.device = device, .nonblocking = true});

	if (!opened)
		return std::nullopt;
	return std::move(opened->context);
}

std::uint64_t first_word(const Mapping &memory, std::size_t page)
{
	return *reinterpret_cast<volatile std::uint64_t *>(memory.data() + page * page_size());
}

/*
 * A thread that reads a page. The destructor waits for it, and it waits for its page until all
 * contexts are closed at the latest: so this comes before whatever may hold a context, which is
 * destroyed first then, on each path.
 */
using Reader = std::future<std::uint64_t>;

/* Returns when a fault of the reader can be read from @context. */
Reader reader_that_waits(const Context &context, const Mapping &memory, std::size_t page)
{
	auto reader = std::async(std::launch::async,
				 [&memory, page] { return first_word(memory, page); });
	while (!context.poll().value_or(false))
		;
	return reader;
}

/* Fills the page of the next fault with a stamp, and returns the word that its reader has to see.
 */
std::optional<std::uint64_t> serve_one(Actor &actor, const Context &context)
{
	const auto bytes = actor.buffer().first(page_size());
	std::optional<Message> message;

	/* The thread that faulted may have been frozen since, and then faults again. */
	while (!message) {
		auto read = context.read();
		if (!read)
			return std::nullopt;
		message = std::move(*read);
	}
	if (!std::holds_alternative<Fault>(*message))
		return std::nullopt;
	write_stamp(bytes, {most_arenas - 1, 0, 1});
	const auto &fault = std::get<Fault>(*message);
	if (const auto progress = context.copy(fault.address, bytes); !progress)
		return std::nullopt;
	return *reinterpret_cast<const std::uint64_t *>(bytes.data());
}

/* Closing lets a thread that waits go on: it finds zeroes, as in any memory. */
Outcome open_and_close(Actor &actor)
{
	auto memory = Mapping::anonymous(few * page_size());
	Reader reader;
	auto context = open_on(actor.world().device);

	if (!memory || !context)
		return actor.wrong("a context can't be opened");
	if (auto done = context->register_range(memory->range(), Modes::Missing); !done)
		return of_error(done.error());
	reader = reader_that_waits(*context, *memory, actor.random().below(few));
	context.reset();
	return reader.get() ? actor.wrong("memory without a context isn't zero") : Outcome::done;
}

/* The context goes through a socket, and the sender closes its own descriptor. */
Outcome pass_on(Actor &actor)
{
	auto memory = Mapping::anonymous(few * page_size());
	Reader reader;
	auto context = open_on(actor.world().device);
	auto sockets = socket_pair();
	std::byte payload[1] = {};

	if (!memory || !context || !sockets)
		return actor.wrong("a context can't be opened");
	if (auto done = context->register_range(memory->range(), Modes::Missing); !done)
		return of_error(done.error());
	reader = reader_that_waits(*context, *memory, 0);
	const auto sent = send_fd(sockets->first.get(), context->fd(), payload);
	context.reset();
	auto received = receive_fd(sockets->second.get(), payload);
	if (!sent || !received)
		return of_error(sent ? received.error() : sent.error());
	const auto passed = Context::adopt(std::move(*received));
	const auto expected = serve_one(actor, passed);
	if (!expected)
		return actor.wrong("the context that was passed on doesn't work");
	return reader.get() == *expected ? Outcome::done : actor.wrong("the page is another");
}

/* A range of one backend can't be registered with the other; both serve their own. */
Outcome both_backends(Actor &actor)
{
	auto memory = Mapping::anonymous(2 * few * page_size());
	Reader one, other;
	auto ours = open_on(actor.world().device), native = open_on(native_device);

	if (!memory || !ours || !native)
		return actor.wrong("a context can't be opened");
	const Range all = memory->range(), first = {all.start, all.length / 2},
		    second = {first.end(), first.length};
	if (auto done = ours->register_range(first, Modes::Missing); !done)
		return of_error(done.error());
	if (auto done = native->register_range(second, Modes::Missing); !done)
		return of_error(done.error());
	const auto clash = native->register_range(first, Modes::Missing);
	if (clash || clash.error() != std::errc::device_or_resource_busy)
		return actor.wrong("a range of two backends");
	one = reader_that_waits(*ours, *memory, 0);
	other = reader_that_waits(*native, *memory, few);
	const auto of_ours = serve_one(actor, *ours), of_native = serve_one(actor, *native);
	if (!of_ours || !of_native)
		return actor.wrong("a backend doesn't serve its range");
	return one.get() == *of_ours && other.get() == *of_native
		       ? Outcome::done
		       : actor.wrong("a page is another");
}

/*
 * Whether a move may end so that another one has come before, or beside, or for which memory is
 * short: the page is gone, in the other's hands, or pinned for a moment.
 */
bool can_end_move(int error)
{
	return error == ENOENT || error == EAGAIN || error == EBUSY || error == ENOMEM;
}

/* Of two that move the same page, one succeeds. */
Outcome move_twice(Actor &actor)
{
	auto source = Mapping::anonymous(page_size()), target = Mapping::anonymous(2 * page_size());
	auto context = open_on(actor.world().device);

	if (!has(actor.world().offered, Features::Move))
		return Outcome::lacking;
	if (!source || !target || !context)
		return actor.wrong("a context can't be opened");
	if (auto done = context->register_range(target->range(), Modes::Missing); !done)
		return of_error(done.error());
	write_stamp(source->bytes(), {most_arenas - 1, 0, 1});
	const auto word = first_word(*source, 0);
	const auto move_to = [&](std::size_t page) {
		return context->move(target->range().start + page * page_size(), source->range());
	};
	auto other = std::async(std::launch::async, [&] { return move_to(1); });
	const auto first = move_to(0), second = other.get();
	const bool here = static_cast<bool>(first), there = static_cast<bool>(second);
	if (here && there)
		return actor.wrong("a page was moved twice");
	for (const auto &each : {first, second})
		if (!each && !can_end_move(each.error.value()))
			return actor.wrong("a move ended with " + name_of(of_error(each.error)));
	context.reset();
	const std::uint64_t found[] = {first_word(*source, 0), first_word(*target, 0),
				       first_word(*target, 1)};
	if (found[0] != (here || there ? 0 : word) || found[1] != (here ? word : 0) ||
	    found[2] != (there ? word : 0))
		return actor.wrong("the moved page is elsewhere");
	return here || there ? Outcome::done : Outcome::late;
}

/* Signals for all actors of this process, whatever they wait for; many of them for a page. */
Outcome signal_rain(Actor &actor)
{
	const auto drops = 10 + actor.random().below(50);
	const auto &signals = actor.world().state().signals;
	const auto before = signals.load();

	for (std::size_t i = 0; i < drops; i++)
		for (const auto &each : shared().actors)
			if (each.process == ::getpid() && each.since)
				::syscall(SYS_tgkill, ::getpid(), each.thread.load(), SIGUSR1);
	return done_if(signals != before);
}

using enum Outcome;
constexpr auto enomem = of_errno(ENOMEM);

} // namespace

/* Formatted by hand: a row is an operation. */
/* clang-format off */
const std::vector<Operation> passing = {
	{"open and close a context", Role::changer, 4, Traits::none, open_and_close, {done}, {enomem}},
	{"pass a context on", Role::changer, 4, Traits::none, pass_on, {done}, {enomem}},
	{"contexts of both backends", Role::changer, 4, Traits::none, both_backends, {done}, {enomem}},
	{"move a page twice at once", Role::changer, 4, Traits::none, move_twice, {done}, {late}},
	{"rain of signals", Role::changer, 10, Traits::none, signal_rain, {done}, {nothing},
	 no_fault, nullptr, 50},
};
/* clang-format on */

} // namespace torture
