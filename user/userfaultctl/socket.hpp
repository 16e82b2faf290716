/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <netlink/netlink.h>
#include <stdexcept>
#include <string>

namespace userfaultctl {

/* A request that the kernel refused, or that couldn't be sent. */
class RequestError : public std::runtime_error {
public:
	RequestError(int number, const std::string &what) : runtime_error(what), number_(number) {}

	/* Its errno. */
	int number() const noexcept { return number_; }

private:
	int number_;
};

/* There is no family "userfault": the module isn't loaded, or is one without it. */
class NoFamily : public std::runtime_error {
public:
	NoFamily();
};

/*
 * A socket for requests to the module's netlink family. If one gets no answer, the next request has
 * a new socket: so that no answer to the first is taken for one to the second.
 */
class Socket {
public:
	/* Puts attributes into a request. */
	using Put = std::function<void(nl_msg *)>;
	/* Gets the attributes of one message of an answer. */
	using Got = std::function<void(nlattr *first, int length)>;

	Socket();

	/*
	 * Sends a request, and hands over each message of its answer. @flags: 0, or
	 * NLM_F_DUMP; libnl adds those that all requests have.
	 * Returns whether the answer is all of a piece: no if contexts or waiters changed while it
	 * was put together.
	 */
	bool request(std::uint8_t command, int flags, const Put &put, const Got &got);

private:
	/* Throws NoFamily, or RequestError. */
	void connect();

	struct Free {
		void operator()(nl_sock *socket) const noexcept { ::nl_socket_free(socket); }
	};

	std::unique_ptr<nl_sock, Free> socket_;
	int family_ = 0;
};

} // namespace userfaultctl
