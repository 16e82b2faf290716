/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_CONTEXT_HPP
#define BENCH_CONTEXT_HPP

#include "backend.hpp"
#include "ground.hpp"

#include <userfault/context.hpp>

#include <cstddef>
#include <linux/userfault.h>
#include <span>
#include <sys/ioctl.h>

namespace bench {

using userfault::Context;

Context open_context(Backend backend, bool nonblocking = false,
		     userfault::Features features = userfault::Features::None);

/* Registers all of @ground, for missing pages by default. */
void register_ground(const Context &context, const Ground &ground,
		     userfault::Modes modes = userfault::Modes::Missing);

/*
 * The commands as bare system calls, so that nothing else is measured. They throw if the command
 * doesn't do all that it was asked for.
 */
void command(int fd, unsigned long request, void *argument);
void copy(int fd, userfault::Address destination, std::span<const std::byte> source,
	  std::uint64_t mode = 0);
/* The same for a copy whose first page is there: throws if it isn't refused for that. */
void copy_in_vain(int fd, userfault::Address destination, std::span<const std::byte> source);
void writeprotect(int fd, userfault::Range range, std::uint64_t mode);
void zeropage(int fd, userfault::Range range);
void resume(int fd, userfault::Range range); /* UFFDIO_CONTINUE */
void poison(int fd, userfault::Range range);
void move(int fd, userfault::Address destination, userfault::Range source);
/* Waits for a message on a blocking descriptor, or takes one that is there. */
uffd_msg read_message(int fd);
/* The same for a fault; returns its address. */
userfault::Address read_fault(int fd);

} // namespace bench

#endif
