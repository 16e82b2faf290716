/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_READER_HPP
#define SELFTESTS_READER_HPP

#include <userfault/context.hpp>
#include <userfault/fd.hpp>
#include <userfault/message.hpp>

#include <mutex>
#include <thread>
#include <vector>

namespace selftests {

/* A thread that reads all messages of a non-blocking context, as long as this lives. */
class Reader {
public:
	explicit Reader(const userfault::Context &context);
	~Reader();
	Reader(const Reader &) = delete;
	Reader &operator=(const Reader &) = delete;

	/*
	 * Those since the last call. If a system call has waited until its event was read, the
	 * event is among them.
	 */
	std::vector<userfault::Message> taken();

private:
	void serve();

	const userfault::Context &context_;
	userfault::Fd stop_; /* an eventfd */
	std::mutex mutex_;   /* held from before a message is read until it is in messages_ */
	std::vector<userfault::Message> messages_;
	std::thread thread_;
};

} // namespace selftests

#endif
