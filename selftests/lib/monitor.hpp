/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MONITOR_HPP
#define SELFTESTS_MONITOR_HPP

#include <userfault/context.hpp>
#include <userfault/fd.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>

namespace selftests {

/* A thread that reads a non-blocking context and answers its faults, as long as this lives. */
class Monitor {
public:
	using Answer = std::function<void(const userfault::Fault &)>;

	Monitor(const userfault::Context &context, Answer answer);
	~Monitor();
	Monitor(const Monitor &) = delete;
	Monitor &operator=(const Monitor &) = delete;

	/* How many faults it has read so far. */
	std::size_t told() const { return told_; }

private:
	void serve();

	const userfault::Context &context_;
	Answer answer_;
	userfault::Fd stop_; /* an eventfd */
	std::atomic<std::size_t> told_ = 0;
	std::thread thread_;
};

} // namespace selftests

#endif
