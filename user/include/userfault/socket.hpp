/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <userfault/fd.hpp>
#include <userfault/result.hpp>

namespace userfault {

/*
 * These pass a file descriptor, such as a context's, to another process over a unix socket,
 * together with some bytes that say what it is.
 *
 * Thread-safety: a SOCK_SEQPACKET socket sends and receives each message as a whole, so any thread
 * may call these at any time.
 */

/* Makes two connected SOCK_SEQPACKET sockets, closed on exec. */
Result<std::pair<Fd, Fd>> socket_pair();

/* Sends a copy of @fd, which stays open here, and @payload, at least one byte. */
Result<void> send_fd(int socket, int fd, std::span<const std::byte> payload);

/*
 * Waits for a message, and takes it if it has one descriptor and exactly as many bytes as @payload
 * holds, at least one. The caller owns the descriptor, which is closed on exec. ECONNRESET: the
 * other side has closed the socket. EPROTO: another kind of message came, and is dropped; a
 * descriptor that came with it is closed, and @payload may have been written. EINTR: a signal came
 * first, and its handler was not installed with SA_RESTART: nothing was taken, call again. EAGAIN:
 * there is no message, and the socket is non-blocking.
 */
Result<Fd> receive_fd(int socket, std::span<std::byte> payload);

} // namespace userfault
