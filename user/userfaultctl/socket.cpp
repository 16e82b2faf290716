// SPDX-License-Identifier: MIT
#include "socket.hpp"

#include <cerrno>
#include <cstring>
#include <linux/netlink.h>
#include <linux/userfault.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace userfaultctl {

namespace {

/* What the callbacks of one request share. */
struct Exchange {
	const Socket::Got &got;
	bool done = false;
	bool interrupted = false;
	int error = 0; /* errno of the kernel's answer */
	std::string said = {};
	std::exception_ptr thrown = {}; /* libnl is in C, and can't pass it on */
};

/* Takes the result of a function of libnl, which is the negative number of an error of libnl's. */
void checked(int result)
{
	if (result < 0)
		throw RequestError(result == -NLE_NOMEM ? ENOMEM : EIO,
				   std::string("netlink: ") + ::nl_geterror(result));
}

int on_message(nl_msg *message, void *exchange_)
{
	auto &exchange = *static_cast<Exchange *>(exchange_);
	auto *header = static_cast<genlmsghdr *>(::nlmsg_data(::nlmsg_hdr(message)));

	try {
		if (!exchange.thrown)
			exchange.got(::genlmsg_attrdata(header, 0), ::genlmsg_attrlen(header, 0));
	} catch (...) {
		exchange.thrown = std::current_exception();
	}
	return NL_OK;
}

/* The end of a dump says whether the kernel has got to its end. */
int on_end(nl_msg *message, void *exchange_)
{
	auto &exchange = *static_cast<Exchange *>(exchange_);
	auto *header = ::nlmsg_hdr(message);

	exchange.done = true;
	if (header->nlmsg_type == NLMSG_DONE &&
	    ::nlmsg_datalen(header) >= static_cast<int>(sizeof(int)))
		exchange.error = -*static_cast<int *>(::nlmsg_data(header));
	return NL_STOP;
}

int on_interruption(nl_msg *, void *exchange)
{
	static_cast<Exchange *>(exchange)->interrupted = true;
	return NL_OK;
}

/* The kernel's own words, if it has sent any. They come after the error, and the request's copy. */
std::string words_of(nlmsgerr *error)
{
	auto *header = reinterpret_cast<nlmsghdr *>(reinterpret_cast<char *>(error) - NLMSG_HDRLEN);
	const auto copied = header->nlmsg_flags & NLM_F_CAPPED
				    ? 0
				    : error->msg.nlmsg_len - static_cast<unsigned>(NLMSG_HDRLEN);
	const auto skipped = static_cast<int>(NLMSG_ALIGN(sizeof(*error)) + NLMSG_ALIGN(copied));

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return {};
	auto *attribute = ::nlmsg_find_attr(header, skipped, NLMSGERR_ATTR_MSG);
	return attribute ? ::nla_get_string(attribute) : std::string();
}

int on_error(sockaddr_nl *, nlmsgerr *error, void *exchange_)
{
	auto &exchange = *static_cast<Exchange *>(exchange_);

	exchange.done = true;
	exchange.error = -error->error;
	try {
		exchange.said = words_of(error);
	} catch (...) {
		exchange.thrown = std::current_exception();
	}
	return NL_STOP;
}

} // namespace

NoFamily::NoFamily() : runtime_error("the kernel has no netlink family \"userfault\"") {}

Socket::Socket()
{
	connect();
}

void Socket::connect()
{
	const int on = 1;

	socket_.reset(::nl_socket_alloc());
	if (!socket_)
		throw std::bad_alloc();
	checked(::genl_connect(socket_.get()));
	checked(::nl_socket_set_buffer_size(socket_.get(), 1 << 20, 0));
	::setsockopt(::nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on,
		     sizeof(on));
	family_ = ::genl_ctrl_resolve(socket_.get(), USERFAULT_GENL_NAME);
	if (family_ == -NLE_OBJ_NOTFOUND)
		throw NoFamily();
	checked(family_);
}

bool Socket::request(std::uint8_t command, int flags, const Put &put, const Got &got)
{
	const std::unique_ptr<nl_msg, decltype(&::nlmsg_free)> message(::nlmsg_alloc(),
								       ::nlmsg_free);
	const std::unique_ptr<nl_cb, decltype(&::nl_cb_put)> callbacks(::nl_cb_alloc(NL_CB_DEFAULT),
								       ::nl_cb_put);
	Exchange exchange{.got = got};

	if (!socket_)
		connect();
	if (!message || !callbacks ||
	    !::genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, flags, command,
			   USERFAULT_GENL_VERSION))
		throw std::bad_alloc();
	put(message.get());
	::nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &exchange);
	::nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &exchange);
	::nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &exchange);
	::nl_cb_set(callbacks.get(), NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interruption, &exchange);
	::nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &exchange);

	int result = ::nl_send_auto(socket_.get(), message.get());
	while (result >= 0 && !exchange.done)
		result = ::nl_recvmsgs(socket_.get(), callbacks.get());
	if (!exchange.done) { /* else the kernel has answered, be it with an error */
		socket_.reset();
		checked(result);
	}
	if (exchange.error && flags & NLM_F_DUMP)
		socket_.reset(); /* a dump that found no memory goes on with the next read */
	if (exchange.thrown)
		std::rethrow_exception(exchange.thrown);
	if (exchange.error)
		throw RequestError(exchange.error, exchange.said.empty()
							   ? std::strerror(exchange.error)
							   : exchange.said);
	return !exchange.interrupted;
}

} // namespace userfaultctl
