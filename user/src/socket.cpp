/* SPDX-License-Identifier: MIT */
#include <userfault/socket.hpp>

#include <cstring>
#include <sys/socket.h>

#include "sys.hpp"

namespace userfault {
namespace {

/* A message's payload and the room for one descriptor beside it, as the kernel wants them. */
class Envelope {
public:
	explicit Envelope(std::span<const std::byte> payload) noexcept
		: vector_{const_cast<std::byte *>(payload.data()), payload.size()}
	{
		header_.msg_iov = &vector_;
		header_.msg_iovlen = 1;
		header_.msg_control = control_;
		/* Not CMSG_SPACE, whose padding would let a second descriptor in. */
		header_.msg_controllen = CMSG_LEN(sizeof(int));
	}
	Envelope(const Envelope &) = delete;
	Envelope &operator=(const Envelope &) = delete;

	msghdr *header() noexcept { return &header_; }

	void put(int fd) noexcept
	{
		cmsghdr *control = CMSG_FIRSTHDR(&header_);

		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(fd));
		std::memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	}

	Fd take() noexcept
	{
		const cmsghdr *control = CMSG_FIRSTHDR(&header_);
		int fd;

		if (!control || control->cmsg_level != SOL_SOCKET ||
		    control->cmsg_type != SCM_RIGHTS || control->cmsg_len < CMSG_LEN(sizeof(fd)))
			return Fd();
		std::memcpy(&fd, CMSG_DATA(control), sizeof(fd));
		return Fd(fd);
	}

	bool truncated() const noexcept { return header_.msg_flags & (MSG_TRUNC | MSG_CTRUNC); }

private:
	iovec vector_;
	msghdr header_{};
	alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))]{};
};

} // namespace

Result<std::pair<Fd, Fd>> socket_pair()
{
	int sockets[2];
	auto made = sys::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets));

	if (!made)
		return std::unexpected(made.error());
	return std::pair(Fd(sockets[0]), Fd(sockets[1]));
}

Result<void> send_fd(int socket, int fd, std::span<const std::byte> payload)
{
	Envelope envelope(payload);

	envelope.put(fd);
	if (auto sent = sys::check(::sendmsg(socket, envelope.header(), MSG_NOSIGNAL)); !sent)
		return std::unexpected(sent.error());
	return {};
}

Result<Fd> receive_fd(int socket, std::span<std::byte> payload)
{
	Envelope envelope(payload);
	auto bytes = sys::check(::recvmsg(socket, envelope.header(), MSG_CMSG_CLOEXEC));

	if (!bytes)
		return std::unexpected(bytes.error());

	Fd fd = envelope.take();

	if (*bytes == 0 && !fd)
		return sys::fail(ECONNRESET);
	if (!fd || envelope.truncated() || static_cast<std::size_t>(*bytes) != payload.size())
		return sys::fail(EPROTO);
	return fd;
}

} // namespace userfault
