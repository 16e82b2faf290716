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
 * Waits for a message, and takes it if it is one descriptor and exactly as many bytes as @payload
 * holds, at least one. The descriptor is the caller's, and closed on exec. ECONNRESET: the other
 * side has closed the socket; EPROTO: what came was something else, and is dropped, a descriptor
 * that came with it closed; @payload may be written all the same. EINTR: a signal came first, and
 * its handler was not installed with SA_RESTART: nothing was taken, call again. EAGAIN: nothing is
 * there, and the socket is non-blocking.
 */
Result<Fd> receive_fd(int socket, std::span<std::byte> payload);

} // namespace userfault
