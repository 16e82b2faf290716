/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <userfault/fd.hpp>
#include <userfault/result.hpp>

namespace userfault {

/*
 * Passing a file descriptor, such as a context's, to another process over a unix socket, together
 * with some bytes that say what it is.
 *
 * Thread-safety: one message is sent and received as a whole on a SOCK_SEQPACKET socket, so any
 * thread may call at any time.
 */

/* Two connected SOCK_SEQPACKET sockets, closed on exec. */
Result<std::pair<Fd, Fd>> socket_pair();

/* Sends a copy of @fd, which stays open here, and @payload, at least one byte. */
Result<void> send_fd(int socket, int fd, std::span<const std::byte> payload);

/*
 * Waits for a descriptor and exactly as many bytes as @payload holds. The descriptor is the
 * caller's, and closed on exec. ECONNRESET: the other side has closed the socket; EPROTO: what came
 * was something else, and is dropped.
 */
Result<Fd> receive_fd(int socket, std::span<std::byte> payload);

} // namespace userfault
