// SPDX-License-Identifier: GPL-2.0-only
#include "lib/waiting_process.hpp"

#include "lib/files.hpp"

#include <array>
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>
#include <userfault/socket.hpp>

namespace selftests {

using namespace userfault;

namespace {

std::array<std::byte, 1> payload{};

} // namespace

long let_kernel_write(const Memory &memory)
{
	const Pipe pipe;

	checked(::write(pipe.in.get(), "x", 1));
	return ::read(pipe.out.get(), memory.page(0), 1);
}

long let_kernel_read_poison(const Memory &memory)
{
	const Pipe pipe;

	return ::write(pipe.in.get(), memory.page(0), 1) < 0 && errno == EFAULT;
}

long drop_second(const Memory &memory)
{
	return ::madvise(memory.page(1), page_size(), MADV_DONTNEED);
}

long unmap_second(const Memory &memory)
{
	memory.unmap(1, 1);
	return 0;
}

long move_second(const Memory &memory)
{
	const Memory target(1);

	return memory.remap(1, 1, 1, 0, target.page(0));
}

long fork_child(const Memory &)
{
	return Process([] { return 0; }).wait();
}

WaitingProcess::WaitingProcess(const Wait &wait, std::size_t pages)
	: memory(pages ?: wait.watched.pages, wait.watched.kind), sockets(take(socket_pair())),
	  process([&] {
		  take(send_fd(sockets.second.get(), watch(wait.watched, memory).fd(), payload));
		  return wait.wait(memory) == wait.result ? 0 : 1;
	  }),
	  context(Context::adopt(take(receive_fd(sockets.first.get(), payload))))
{
}

bool WaitingProcess::is_gone() const
{
	const auto source = patterned(1);

	return fdinfo(context.fd()).total == 0 && !take(context.read()) &&
	       context.copy(memory.address(0), source.bytes(0, 1)).error.value() == ESRCH &&
	       context.wake(memory.range());
}

} // namespace selftests
