// SPDX-License-Identifier: GPL-2.0-only
#include "context.hpp"

#include "failure.hpp"

#include <cerrno>
#include <stdexcept>
#include <unistd.h>

namespace bench {

Context open_context(Backend backend, bool nonblocking, userfault::Features features)
{
	const userfault::Options options{
		.device = device_of(backend), .nonblocking = nonblocking, .required = features};

	return checked(Context::open(options), options.device).context;
}

void register_ground(const Context &context, const Ground &ground, userfault::Modes modes)
{
	checked(context.register_range(ground.range(), modes), "UFFDIO_REGISTER");
}

void command(int fd, unsigned long request, void *argument)
{
	checked(::ioctl(fd, request, argument), "ioctl");
}

void copy(int fd, userfault::Address destination, std::span<const std::byte> source,
	  std::uint64_t mode)
{
	uffdio_copy arguments{destination, userfault::Range::of(source).start, source.size(), mode,
			      0};

	command(fd, UFFDIO_COPY, &arguments);
}

void copy_in_vain(int fd, userfault::Address destination, std::span<const std::byte> source)
{
	uffdio_copy arguments{destination, userfault::Range::of(source).start, source.size(), 0, 0};

	if (::ioctl(fd, UFFDIO_COPY, &arguments) != -1 || errno != EEXIST)
		throw std::runtime_error("a copy over a page that is there didn't end with EEXIST");
}

void writeprotect(int fd, userfault::Range range, std::uint64_t mode)
{
	uffdio_writeprotect arguments{{range.start, range.length}, mode};

	command(fd, UFFDIO_WRITEPROTECT, &arguments);
}

void zeropage(int fd, userfault::Range range)
{
	uffdio_zeropage arguments{{range.start, range.length}, 0, 0};

	command(fd, UFFDIO_ZEROPAGE, &arguments);
}

void resume(int fd, userfault::Range range)
{
	uffdio_continue arguments{{range.start, range.length}, 0, 0};

	command(fd, UFFDIO_CONTINUE, &arguments);
}

void poison(int fd, userfault::Range range)
{
	uffdio_poison arguments{{range.start, range.length}, 0, 0};

	command(fd, UFFDIO_POISON, &arguments);
}

void move(int fd, userfault::Address destination, userfault::Range source)
{
	uffdio_move arguments{destination, source.start, source.length, 0, 0};

	command(fd, UFFDIO_MOVE, &arguments);
}

uffd_msg read_message(int fd)
{
	uffd_msg message;

	if (checked(::read(fd, &message, sizeof(message)), "read") != sizeof(message))
		throw std::runtime_error("read less than a message");
	return message;
}

userfault::Address read_fault(int fd)
{
	const uffd_msg message = read_message(fd);

	if (message.event != UFFD_EVENT_PAGEFAULT)
		throw std::runtime_error("the message is not a fault");
	return message.arg.pagefault.address;
}

} // namespace bench
