// SPDX-License-Identifier: GPL-2.0-only
#include "lib/consumer.hpp"

#include <array>
#include <userfault/socket.hpp>

namespace selftests {

using namespace userfault;

namespace {

/* The message that goes with the descriptor; its content doesn't matter. */
std::array<std::byte, 1> payload{};

void register_and_pass(const Memory &memory, const Options &options, int socket)
{
	const auto context = open_context(options);

	take(context.register_range(memory.range(), Modes::Missing));
	take(send_fd(socket, context.fd(), payload));
}

} // namespace

Consumer::Consumer(std::size_t pages, const Work &work) : Consumer(pages, options_for(), work) {}

Consumer::Consumer(std::size_t pages, MemoryKind kind, const Work &work)
	: Consumer(Memory(pages, kind), options_for(), work)
{
}

Consumer::Consumer(std::size_t pages, const Options &options, const Work &work)
	: Consumer(Memory(pages), options, work)
{
}

Consumer::Consumer(Memory its_memory, const Options &options, const Work &work)
	: memory(std::move(its_memory)), sockets(take(socket_pair())), process([&] {
		  register_and_pass(memory, options, sockets.second.get());
		  return work(memory);
	  }),
	  context(Context::adopt(take(receive_fd(sockets.first.get(), payload))))
{
}

} // namespace selftests
