/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CONSUMER_HPP
#define SELFTESTS_CONSUMER_HPP

#include "lib/process.hpp"
#include "lib/world.hpp"

#include <functional>

namespace selftests {

/*
 * A child process whose memory this one watches: the child registers it, passes the context over a
 * unix socket, closes its own descriptor and goes to work. The memory has the same addresses here,
 * where it is not registered.
 */
struct Consumer {
	using Work = std::function<int(const Memory &)>;

	Consumer(std::size_t pages, const Work &work);
	Consumer(std::size_t pages, MemoryKind kind, const Work &work);
	Consumer(std::size_t pages, const userfault::Options &options, const Work &work);

	void fill(std::size_t index) const { selftests::fill(context, memory, index); }

	Memory memory;
	std::pair<userfault::Fd, userfault::Fd> sockets; /* of the parent, of the child */
	Process process;
	userfault::Context context;

private:
	Consumer(Memory memory, const userfault::Options &options, const Work &work);
};

} // namespace selftests

#endif
