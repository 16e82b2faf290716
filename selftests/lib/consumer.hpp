/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CONSUMER_HPP
#define SELFTESTS_CONSUMER_HPP

#include "lib/process.hpp"
#include "lib/world.hpp"

#include <functional>

namespace selftests {

/*
 * A child process whose memory this process watches. The child registers the memory, passes the
 * context over a unix socket, closes its own descriptor and does its work. This process has memory
 * at the same addresses, which is not registered.
 */
struct Consumer {
	using Work = std::function<int(const Memory &)>;

	Consumer(std::size_t pages, const Work &work);
	Consumer(std::size_t pages, MemoryKind kind, const Work &work);
	Consumer(std::size_t pages, const userfault::Options &options, const Work &work);
	/* @memory that this process has made, of a file say. */
	Consumer(Memory memory, const userfault::Options &options, const Work &work);

	void fill(std::size_t index) const { selftests::fill(context, memory, index); }

	Memory memory;
	std::pair<userfault::Fd, userfault::Fd> sockets; /* of the parent, of the child */
	Process process;
	userfault::Context context;
};

} // namespace selftests

#endif
