// SPDX-License-Identifier: GPL-2.0-only
#include "lib/world.hpp"

#include "harness/processes.hpp"

#include <vector>

namespace selftests {

using namespace userfault;

Options options_for(Features required)
{
	Options options;

	options.device = device_of(backend_under_test());
	options.nonblocking = true;
	options.required = required;
	return options;
}

Context open_context(Features required)
{
	return open_context(options_for(required));
}

Context open_context(const Options &options)
{
	return take(Context::open(options)).context;
}

void need(Features features)
{
	if (!has(take(Context::probe(options_for())).offered, features))
		skip("the backend does not offer the feature on this kernel");
}

void fill(const Context &context, const Memory &memory, std::size_t index)
{
	std::vector<std::byte> page(page_size());

	write_pattern(page, index);
	const auto progress = context.copy(memory.address(index), page);
	if (!progress)
		give_up("copy: " + progress.error.message());
}

Message next_message(const Context &context)
{
	for (;;) {
		/* A blocking context waits in read() itself. */
		const auto polled = context.poll();
		if (!polled && polled.error() != std::errc::invalid_argument)
			give_up("poll: " + polled.error().message());
		auto message = take(context.read());
		if (message)
			return std::move(*message);
	}
}

Context next_child(const Context &context)
{
	return Context::adopt(next_of<Fork>(context).context);
}

Fault next_fault(const Context &context)
{
	return next_of<Fault>(context);
}

bool is_readable(const Context &context)
{
	return take(context.poll(std::chrono::milliseconds(0)));
}

void wait_for_waiters(const Context &context, std::size_t count)
{
	wait_until(std::to_string(count) + " faults wait",
		   [&] { return fdinfo(context.fd()).total == count; });
}

void wait_for_sleepers(const Context &context, std::size_t count)
{
	wait_for_waiters(context, count);
	wait_until(std::to_string(count) + " threads sleep in a fault",
		   [&] { return count_faulting_threads() == count; });
}

void wait_for_pending(const Context &context, std::size_t count)
{
	wait_until(std::to_string(count) + " faults are pending",
		   [&] { return fdinfo(context.fd()).pending == count; });
}

World::World(std::size_t pages, Features features) : World(pages, options_for(features)) {}

World::World(std::size_t pages, const Options &options)
	: memory(pages), context(open_context(options)),
	  region(take(Region::make(context, memory.range())))
{
}

World::World(std::size_t pages, MemoryKind kind, Features features, Modes modes)
	: memory(pages, kind), context(open_context(features)),
	  region(take(Region::make(context, memory.range(), modes)))
{
}

World::World(Memory its_memory, Modes modes)
	: memory(std::move(its_memory)), context(open_context()),
	  region(take(Region::make(context, memory.range(), modes)))
{
}

} // namespace selftests
