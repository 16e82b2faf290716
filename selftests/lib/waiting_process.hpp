/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_WAITING_PROCESS_HPP
#define SELFTESTS_WAITING_PROCESS_HPP

#include "lib/process.hpp"
#include "lib/watched.hpp"
#include "lib/world.hpp"

#include <utility>

namespace selftests {

/* In a system call that writes to page 0, which is missing. */
long let_kernel_write(const Memory &memory);
/* In one that reads page 0, which is missing, and then bad. Returns whether it gets EFAULT. */
long let_kernel_read_poison(const Memory &memory);

/* For the event of page 1, or of a child that ends at once. */
long drop_second(const Memory &memory);
long unmap_second(const Memory &memory);
long move_second(const Memory &memory);
long fork_child(const Memory &memory);

/*
 * A process that waits, and then ends with 0 if it got the result. This process is its monitor, and
 * has memory at the same addresses.
 */
struct WaitingProcess {
	/* @pages: how many small pages the memory has; 0 for as many as it needs. */
	explicit WaitingProcess(const Wait &wait, std::size_t pages = 0);

	/* Whether the context is that of a process that is gone. */
	bool is_gone() const;

	Memory memory;
	std::pair<userfault::Fd, userfault::Fd> sockets; /* of this process, of the other */
	Process process;
	userfault::Context context;
};

} // namespace selftests

#endif
