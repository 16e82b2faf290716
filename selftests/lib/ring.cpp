// SPDX-License-Identifier: GPL-2.0-only
#include "lib/ring.hpp"

#include "harness/harness.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace selftests {

using namespace userfault;

namespace {

Fd new_ring(unsigned entries, std::uint32_t flags, io_uring_params &parameters)
{
	parameters.flags = flags;

	const auto fd = ::syscall(__NR_io_uring_setup, entries, &parameters);

	if (fd < 0)
		skip("this kernel has no io_uring");
	return Fd(static_cast<int>(fd));
}

/*
 * On newer kernels (7.2, not 6.12) a thread's workers leave when it closes its last ring. If it
 * opens another one meanwhile, a worker on its way out may be given a request, which then is never
 * carried out (io_wq_worker(), io_wq_enqueue()). So a thread that has had a ring keeps one.
 */
void keep_workers()
{
	io_uring_params parameters = {};
	static thread_local const Fd ring = new_ring(1, 0, parameters);
}

std::uint32_t load(std::uint32_t &number)
{
	return std::atomic_ref(number).load(std::memory_order_acquire);
}

void store(std::uint32_t &number, std::uint32_t value)
{
	std::atomic_ref(number).store(value, std::memory_order_release);
}

} // namespace

Ring::Ring(std::uint32_t flags)
	: fd_(new_ring(entries, flags, parameters_)),
	  submissions_(map(parameters_.sq_off.array + entries * sizeof(std::uint32_t),
			   IORING_OFF_SQ_RING)),
	  completions_(map(parameters_.cq_off.cqes + parameters_.cq_entries * sizeof(io_uring_cqe),
			   IORING_OFF_CQ_RING)),
	  requests_(map(entries * sizeof(io_uring_sqe), IORING_OFF_SQES))
{
	keep_workers();
}

void Ring::Unmap::operator()(std::byte *start) const
{
	::munmap(start, length);
}

Ring::Part Ring::map(std::size_t length, std::uint64_t offset) const
{
	void *start = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(),
			     static_cast<off_t>(offset));

	if (start == MAP_FAILED)
		give_up("the ring can't be mapped");
	return {static_cast<std::byte *>(start), Unmap{length}};
}

std::uint32_t &Ring::number(const Part &part, std::uint32_t offset)
{
	return *reinterpret_cast<std::uint32_t *>(part.get() + offset);
}

void Ring::enter(unsigned submitted, unsigned awaited, unsigned flags) const
{
	while (::syscall(__NR_io_uring_enter, fd_.get(), submitted, awaited, flags, nullptr, 0) < 0)
		if (errno != EINTR)
			give_up(std::strerror(errno));
}

void Ring::submit(io_uring_sqe request, std::uint64_t id) const
{
	auto &tail = number(submissions_, parameters_.sq_off.tail);
	const auto index = tail & (entries - 1);

	request.user_data = id;
	reinterpret_cast<io_uring_sqe *>(requests_.get())[index] = request;
	reinterpret_cast<std::uint32_t *>(submissions_.get() + parameters_.sq_off.array)[index] =
		index;
	store(tail, tail + 1);
	enter(1, 0, parameters_.flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0);
}

std::optional<Ring::Completion> Ring::next() const
{
	auto &head = number(completions_, parameters_.cq_off.head);

	if (head == load(number(completions_, parameters_.cq_off.tail)))
		return std::nullopt;
	const auto *all = reinterpret_cast<const io_uring_cqe *>(completions_.get() +
								 parameters_.cq_off.cqes);
	const auto &one = all[head & (parameters_.cq_entries - 1)];
	const Completion completion{one.user_data, one.res, !!(one.flags & IORING_CQE_F_MORE)};
	store(head, head + 1);
	return completion;
}

Ring::Completion Ring::wait() const
{
	for (;;) {
		if (const auto completion = next())
			return *completion;
		enter(0, 1, IORING_ENTER_GETEVENTS);
	}
}

void Ring::add_buffer(std::span<std::byte> bytes) const
{
	const iovec buffer{bytes.data(), bytes.size()};

	checked(::syscall(__NR_io_uring_register, fd_.get(), IORING_REGISTER_BUFFERS, &buffer, 1));
}

void Ring::add_file(int fd) const
{
	checked(::syscall(__NR_io_uring_register, fd_.get(), IORING_REGISTER_FILES, &fd, 1));
}

io_uring_sqe request(std::uint8_t operation, int fd, std::span<std::byte> bytes, std::uint8_t flags)
{
	io_uring_sqe request = {};

	request.opcode = operation;
	request.flags = flags;
	request.fd = fd;
	request.off = ~0ull; /* where the file is read or written next */
	request.addr = reinterpret_cast<std::uint64_t>(bytes.data());
	request.len = static_cast<std::uint32_t>(bytes.size());
	return request;
}

} // namespace selftests
