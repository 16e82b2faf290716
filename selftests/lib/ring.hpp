/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_RING_HPP
#define SELFTESTS_RING_HPP

#include <userfault/fd.hpp>

#include <cstddef>
#include <cstdint>
#include <linux/io_uring.h>
#include <memory>
#include <optional>
#include <span>

namespace selftests {

/*
 * An io_uring, by its system calls. Skips the test if the kernel has none.
 *
 * Thread-safety: one thread may submit while another one waits for completions.
 */
class Ring {
public:
	struct Completion {
		std::uint64_t id; /* that its request was submitted with */
		int result;
		bool more; /* the request is still there, and completes again */
	};

	/* @flags: IORING_SETUP_SQPOLL, say. */
	explicit Ring(std::uint32_t flags = 0);

	/* Submits a request, which has not necessarily begun when this returns. */
	void submit(io_uring_sqe request, std::uint64_t id = 0) const;
	/* The next completion; waits for it. */
	Completion wait() const;
	/* The next completion, if there is one. */
	std::optional<Completion> next() const;

	/* Makes @bytes the ring's buffer 0, which pins its pages. */
	void add_buffer(std::span<std::byte> bytes) const;
	/* Makes a copy of @fd the ring's file 0. */
	void add_file(int fd) const;

private:
	static constexpr unsigned entries = 8;

	struct Unmap {
		std::size_t length;

		void operator()(std::byte *start) const;
	};
	using Part = std::unique_ptr<std::byte, Unmap>;

	/* A part of the ring that is shared with the kernel. */
	Part map(std::size_t length, std::uint64_t offset) const;
	static std::uint32_t &number(const Part &part, std::uint32_t offset);
	void enter(unsigned submitted, unsigned awaited, unsigned flags) const;

	io_uring_params parameters_ = {};
	userfault::Fd fd_;
	Part submissions_, completions_, requests_;
};

/* The request to read or write @bytes of @fd, or what else @operation does with them. */
io_uring_sqe request(std::uint8_t operation, int fd, std::span<std::byte> bytes,
		     std::uint8_t flags = 0);

} // namespace selftests

#endif
