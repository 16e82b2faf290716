/* SPDX-License-Identifier: MIT */
#include <userfault/context.hpp>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <limits>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sys.hpp"

namespace userfault {
namespace {

unsigned long creation_flags(const Options &options) noexcept
{
	unsigned long flags = 0;

	if (options.close_on_exec)
		flags |= O_CLOEXEC;
	if (options.nonblocking)
		flags |= O_NONBLOCK;
	if (options.user_mode_only)
		flags |= UFFD_USER_MODE_ONLY;
	return flags;
}

Result<Features> features_to_ask(const Options &options)
{
	if (options.optional == Features::None)
		return options.required;

	auto grant = Context::probe(options);

	if (!grant)
		return std::unexpected(grant.error());
	return options.required | (options.optional & grant->offered);
}

/* @done is what the kernel wrote: bytes, or a negative errno; 0 if it wrote nothing. */
Progress progress(const Result<int> &result, std::int64_t done) noexcept
{
	return {static_cast<std::size_t>(std::max<std::int64_t>(done, 0)),
		result ? std::error_code() : result.error()};
}

/* Calls @step with the bytes done so far until it makes no progress or fails for good. */
template <class Step> Progress repeat(Step step)
{
	std::size_t done = 0;

	for (;;) {
		Progress now = step(done);

		done += now.done;
		if (now || now.done == 0)
			return {done, now.error};
	}
}

Result<void> change_protection(const Context &context, Range range, std::uint64_t mode) noexcept
{
	uffdio_writeprotect arguments{{range.start, range.length}, mode};

	if (auto done = context.ioctl(UFFDIO_WRITEPROTECT, &arguments); !done)
		return std::unexpected(done.error());
	return {};
}

Result<void> change_access(const Context &context, Range range, std::uint64_t mode) noexcept
{
	uffdio_rwprotect arguments{{range.start, range.length}, mode};

	if (auto done = context.ioctl(UFFDIO_RWPROTECT, &arguments); !done)
		return std::unexpected(done.error());
	return {};
}

/* Returns how many messages came; 0 if there is none, and the descriptor is non-blocking. */
Result<std::size_t> read_raw(int fd, std::span<uffd_msg> raw)
{
	auto bytes = sys::check(::read(fd, raw.data(), raw.size_bytes()));

	if (bytes)
		return static_cast<std::size_t>(*bytes) / sizeof(uffd_msg);
	if (bytes.error() == std::errc::resource_unavailable_try_again)
		return 0;
	return std::unexpected(bytes.error());
}

int poll_timeout(std::optional<std::chrono::milliseconds> timeout) noexcept
{
	constexpr auto longest = std::chrono::milliseconds(std::numeric_limits<int>::max());

	if (!timeout)
		return -1;
	return static_cast<int>(
		std::clamp(*timeout, std::chrono::milliseconds(0), longest).count());
}

} // namespace

Result<Context> Context::create(const Options &options)
{
	Fd device(::open(options.device.c_str(), O_RDWR | O_CLOEXEC));

	if (!device)
		return sys::fail(errno);

	auto context =
		sys::check(::ioctl(device.get(), USERFAULTFD_IOC_NEW, creation_flags(options)));

	if (!context)
		return std::unexpected(context.error());
	return adopt(Fd(*context));
}

Result<Opened> Context::open(const Options &options)
{
	auto features = features_to_ask(options);

	if (!features)
		return std::unexpected(features.error());

	auto context = create(options);

	if (!context)
		return std::unexpected(context.error());

	auto grant = context->handshake(*features);

	if (!grant)
		return std::unexpected(grant.error());
	return Opened{std::move(*context), *grant};
}

Result<Grant> Context::probe(const Options &options)
{
	auto context = create(options);

	if (!context)
		return std::unexpected(context.error());
	return context->handshake();
}

Result<Grant> Context::handshake(Features features) const
{
	uffdio_api arguments{UFFD_API, bits(features), 0};

	if (auto done = ioctl(UFFDIO_API, &arguments); !done)
		return std::unexpected(done.error());
	return Grant{features, Features{arguments.features}, Ioctls{arguments.ioctls}};
}

Result<Ioctls> Context::register_range(Range range, Modes modes) const
{
	uffdio_register arguments{{range.start, range.length}, bits(modes), 0};

	if (auto done = ioctl(UFFDIO_REGISTER, &arguments); !done)
		return std::unexpected(done.error());
	return Ioctls{arguments.ioctls};
}

Result<void> Context::unregister_range(Range range) const
{
	return sys::range_ioctl(fd(), UFFDIO_UNREGISTER, range);
}

Result<void> Context::wake(Range range) const
{
	return sys::range_ioctl(fd(), UFFDIO_WAKE, range);
}

Progress Context::copy(Address destination, std::span<const std::byte> source,
		       CopyModes modes) const
{
	uffdio_copy arguments{destination, Range::of(source).start, source.size(), bits(modes), 0};

	auto done = ioctl(UFFDIO_COPY, &arguments);

	return progress(done, arguments.copy);
}

Progress Context::zeropage(Range range, ZeropageModes modes) const
{
	uffdio_zeropage arguments{{range.start, range.length}, bits(modes), 0};

	auto done = ioctl(UFFDIO_ZEROPAGE, &arguments);

	return progress(done, arguments.zeropage);
}

Result<void> Context::write_protect(Range range) const
{
	return change_protection(*this, range, UFFDIO_WRITEPROTECT_MODE_WP);
}

Result<void> Context::write_unprotect(Range range, UnprotectModes modes) const
{
	return change_protection(*this, range, bits(modes));
}

Result<void> Context::rwprotect(Range range) const
{
	return change_access(*this, range, UFFDIO_RWPROTECT_MODE_RWP);
}

Result<void> Context::rwunprotect(Range range, UnprotectModes modes) const
{
	return change_access(*this, range, bits(modes));
}

Result<void> Context::set_mode(Features enable, Features disable) const
{
	uffdio_set_mode arguments{bits(enable), bits(disable)};

	if (auto done = ioctl(UFFDIO_SET_MODE, &arguments); !done)
		return std::unexpected(done.error());
	return {};
}

Progress Context::resume(Range range, ContinueModes modes) const
{
	uffdio_continue arguments{{range.start, range.length}, bits(modes), 0};

	auto done = ioctl(UFFDIO_CONTINUE, &arguments);

	return progress(done, arguments.mapped);
}

Progress Context::poison(Range range, PoisonModes modes) const
{
	uffdio_poison arguments{{range.start, range.length}, bits(modes), 0};

	auto done = ioctl(UFFDIO_POISON, &arguments);

	return progress(done, arguments.updated);
}

Progress Context::move(Address destination, Range source, MoveModes modes) const
{
	uffdio_move arguments{destination, source.start, source.length, bits(modes), 0};

	auto done = ioctl(UFFDIO_MOVE, &arguments);

	return progress(done, arguments.move);
}

Progress Context::copy_all(Address destination, std::span<const std::byte> source,
			   CopyModes modes) const
{
	return repeat([&](std::size_t done) {
		return copy(destination + done, source.subspan(done), modes);
	});
}

Progress Context::zeropage_all(Range range, ZeropageModes modes) const
{
	return repeat([&](std::size_t done) {
		return zeropage({range.start + done, range.length - done}, modes);
	});
}

Progress Context::resume_all(Range range, ContinueModes modes) const
{
	return repeat([&](std::size_t done) {
		return resume({range.start + done, range.length - done}, modes);
	});
}

Result<std::optional<Message>> Context::read() const
{
	uffd_msg raw;
	auto count = read_raw(fd(), {&raw, 1});

	if (!count)
		return std::unexpected(count.error());
	if (*count == 0)
		return std::nullopt;
	return decode(raw);
}

Result<std::size_t> Context::read(std::span<Message> messages) const
{
	std::array<uffd_msg, read_limit> raw;
	auto wanted = std::span(raw).first(std::min(messages.size(), raw.size()));
	auto count = read_raw(fd(), wanted);

	if (count)
		std::ranges::transform(wanted.first(*count), messages.begin(), decode);
	return count;
}

Result<bool> Context::poll(std::optional<std::chrono::milliseconds> timeout) const
{
	pollfd entry{fd(), POLLIN, 0};
	auto ready = sys::check(::poll(&entry, 1, poll_timeout(timeout)));

	if (!ready)
		return std::unexpected(ready.error());
	if (entry.revents & (POLLERR | POLLNVAL))
		return sys::fail(EINVAL);
	return *ready > 0;
}

Result<int> Context::ioctl(unsigned long request, void *argument) const
{
	return sys::ioctl(fd(), request, argument);
}

} // namespace userfault
