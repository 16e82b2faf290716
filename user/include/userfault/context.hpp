/* SPDX-License-Identifier: MIT */
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <userfault/fd.hpp>
#include <userfault/flags.hpp>
#include <userfault/message.hpp>
#include <userfault/range.hpp>
#include <userfault/result.hpp>

namespace userfault {

/* How a context is made. */
struct Options {
	/* "/dev/userfaultfd" is the kernel's own, with the same ABI. */
	std::string device = "/dev/userfault";
	bool close_on_exec = true;
	/* read() returns when there is nothing to read; poll() works only so. */
	bool nonblocking = false;
	/* Faults of the kernel on the process's behalf aren't told: read(2), say, gets EFAULT. */
	bool user_mode_only = false;
	/* Features without which open() fails, with EINVAL if they aren't offered. */
	Features required = Features::None;
	/* Features that open() asks for where they are offered. */
	Features optional = Features::None;
};

/* What a handshake came to. */
struct Grant {
	/* In force on this context from now on. */
	Features features = Features::None;
	/* All that another context could have asked for. */
	Features offered = Features::None;
	/* Commands on the context; those on a range are said when it is registered. */
	Ioctls ioctls = Ioctls::None;
};

/* How far a page operation got. */
struct Progress {
	/* Bytes filled, from the start of the range on. They are filled whatever @error says. */
	std::size_t done = 0;
	/* What ended it; none if all was done. */
	std::error_code error;

	explicit operator bool() const noexcept { return !error; }
};

struct Opened;

/*
 * A userfault context: a file descriptor through which the memory of the process that made it is
 * watched. Faults in registered ranges make the faulting threads wait and are read here; filling
 * the page lets them go on. It works the same from another process that was passed the descriptor:
 * all addresses are those of the process that made it.
 *
 * Life: create() and then handshake(), or both by open(). Before the handshake everything else
 * fails with EINVAL. Closing the last descriptor unregisters all ranges and lets all waiters go on.
 *
 * Signals: read() that waits and poll() end with EINTR when a signal handler has run (read() only
 * where that was installed without SA_RESTART): nothing is lost, call again. So does register_range()
 * for protection, as read() does, while it parts pages of KSM. No other member is interrupted, except
 * by a signal that ends the process.
 *
 * Thread-safety: every const member may be called by any number of threads at once; the kernel sees
 * to it. Moving, assigning and destroying need them to have finished.
 */
class Context {
public:
	/*
	 * Makes a context of the calling process, the handshake still to come. ENOENT or ENXIO: the
	 * module isn't loaded. EACCES: no right to open the device. EPERM: no right to handle
	 * faults of the kernel; try Options::user_mode_only.
	 */
	static Result<Context> create(const Options &options = {});

	/*
	 * create() and handshake() in one, for the required features and those of the optional ones
	 * that are offered. The result says which were granted.
	 */
	static Result<Opened> open(const Options &options = {});

	/* What a context made so would be offered. */
	static Result<Grant> probe(const Options &options = {});

	/* Takes over a context's descriptor: received through a socket, or from a Fork. */
	static Context adopt(Fd fd) noexcept { return Context(std::move(fd)); }

	/*
	 * Agrees on @features, once in a context's life. EINVAL: one of them isn't offered, or the
	 * handshake is already made. EPERM: Features::EventFork without CAP_SYS_PTRACE.
	 */
	Result<Grant> handshake(Features features = Features::None) const;

	/*
	 * Watches @range, whole pages, and of hugetlb memory whole huge pages, for the faults of
	 * @modes. Returns the commands that work on all of it; such as the running kernel's own
	 * userfaultfd hasn't got are among them only if a feature was asked for that it hasn't got
	 * either, and work anyway. EINVAL: range not page-aligned, not mapped, or of a kind that
	 * can't be watched so; EBUSY: another context has some of it, or, since Linux 7.3, it is
	 * registered for protection that @modes leave out; EPERM: memory of a file that may not be
	 * written; ENOMEM: no memory, and what lies before may be registered; EINTR: see above.
	 */
	Result<Ioctls> register_range(Range range, Modes modes) const;

	/*
	 * Stops watching @range and lets its waiters go on. Parts not registered don't matter, so
	 * that a second time succeeds. EINVAL: range not page-aligned, a part of a hugetlb page at
	 * one of its ends, nothing mapped in it, or in it memory of another context, or of a kind
	 * that can't be watched.
	 */
	Result<void> unregister_range(Range range) const;

	/* Lets the waiters of @range go on; they fault again if the page is still missing. */
	Result<void> wake(Range range) const;

	/*
	 * Fills missing pages from @destination on with the bytes of @source, both whole pages, and
	 * wakes their waiters. In hugetlb memory, here and below, pages are huge pages.
	 * CopyModes::WriteProtect installs them write-protected, where Modes::WriteProtect is
	 * registered (else EINVAL). One system call: EAGAIN with bytes done means that the rest is
	 * still to be done, EAGAIN without means that the process's mappings are changing right now
	 * and messages about it may have to be read first. EEXIST: there is a page already; EFAULT:
	 * @source can't be read, or the file behind the destination ends before; ENOENT: the
	 * destination isn't registered; ENOMEM: no memory, or no room in the file system; ESRCH:
	 * the process is gone.
	 */
	Progress copy(Address destination, std::span<const std::byte> source,
		      CopyModes modes = CopyModes::None) const;

	/* The same, with zeroes; EINVAL in hugetlb memory, which has none to map. */
	Progress zeropage(Range range, ZeropageModes modes = ZeropageModes::None) const;

	/*
	 * Write-protects the pages of @range, whole pages, all of it registered with
	 * Modes::WriteProtect; holes between mappings don't matter. When it returns no thread can
	 * write to them any more: one that tries waits, and is told of as a fault with
	 * FaultFlags::WriteProtect. Pages that aren't there are protected in memory of files, and
	 * with Features::WpUnpopulated in anonymous memory. With Features::WpAsync nobody waits and
	 * nothing is told: the kernel unprotects the page that is written to, which
	 * /proc/PID/pagemap shows.
	 * ENOENT: nothing is mapped there, or something that isn't registered so; EAGAIN: the
	 * process's mappings are changing right now; ESRCH: the process is gone; ENOMEM: a part of
	 * the range may be protected.
	 */
	Result<void> write_protect(Range range) const;

	/* Undoes that, and lets waiters of @range go on. The same errors. */
	Result<void> write_unprotect(Range range, UnprotectModes modes = UnprotectModes::None) const;

	/*
	 * Takes every access to the pages of @range away, whole pages, all of it registered with
	 * Modes::ReadWriteProtect; holes between mappings don't matter, and pages that aren't there
	 * are not protected. When it returns no thread can read or write them any more: one that
	 * tries waits, and is told of as a fault with FaultFlags::ReadWriteProtect. With
	 * Features::RwpAsync nobody waits and nothing is told: the kernel gives the page that is
	 * accessed back, which PAGEMAP_SCAN shows as PAGE_IS_ACCESSED. There since Linux 7.3, with
	 * Features::Rwp. ENOENT: nothing is mapped there, or something that isn't registered so;
	 * EAGAIN: the process's mappings are changing right now; ESRCH: the process is gone.
	 */
	Result<void> rwprotect(Range range) const;

	/* Undoes that, and lets waiters of @range go on. The same errors. */
	Result<void> rwunprotect(Range range, UnprotectModes modes = UnprotectModes::None) const;

	/*
	 * Turns features on and off while the context is in use: Features::RwpAsync, where
	 * Features::Rwp is in force. No fault that comes later is handled in the old way. Turning
	 * it on lets all waiters of the context go on; those that nothing has changed for wait
	 * again, and are told again. EINVAL: other features; ESRCH: the process is gone.
	 */
	Result<void> set_mode(Features enable, Features disable = Features::None) const;

	/*
	 * Maps the pages that the file behind @range has, and wakes their waiters: UFFDIO_CONTINUE,
	 * the answer to a minor fault. What was written to them before, through another mapping
	 * say, is seen. EEXIST: a page is mapped already; EFAULT: the file has no such page,
	 * or ends before; EINVAL: there is no file; EIO: the page has a hardware error; ENOENT,
	 * ESRCH and EAGAIN as above.
	 */
	Progress resume(Range range, ContinueModes modes = ContinueModes::None) const;

	/*
	 * Poisons missing pages: who touches them gets SIGBUS, as for memory that has gone bad,
	 * until they are copied there (not zeroed) or discarded, by MADV_DONTNEED say. Errors as
	 * copy().
	 */
	Progress poison(Range range, PoisonModes modes = PoisonModes::None) const;

	/*
	 * Moves the pages of @source to where they are missing, from @destination on, without
	 * copying them, and wakes their waiters; private anonymous memory, of the calling process,
	 * as writable on either side. ENOENT: a page of the source is missing, see
	 * MoveModes::AllowSourceHoles; EBUSY: one is shared with another process, or pinned;
	 * EINVAL: the destination isn't registered with this context, either range isn't within one
	 * mapping, or they differ in how they may be accessed; else as copy().
	 */
	Progress move(Address destination, Range source, MoveModes modes = MoveModes::None) const;

	/*
	 * copy(), zeropage() and resume(), called again after each partial progress, so that the
	 * error is the one that truly ended it. One that comes before any progress is returned at
	 * once.
	 */
	Progress copy_all(Address destination, std::span<const std::byte> source,
			  CopyModes modes = CopyModes::None) const;
	Progress zeropage_all(Range range, ZeropageModes modes = ZeropageModes::None) const;
	Progress resume_all(Range range, ContinueModes modes = ContinueModes::None) const;

	/*
	 * The next message. Waits for it; a non-blocking context returns none instead. EINTR: see
	 * above; EINVAL: no handshake yet.
	 */
	Result<std::optional<Message>> read() const;

	/*
	 * As many messages as there are and as fit into @messages, at most read_limit, by one
	 * system call. Returns how many; waits for the first, unless the context is non-blocking:
	 * then it may be 0. EINVAL: @messages is empty; else as above.
	 */
	Result<std::size_t> read(std::span<Message> messages) const;
	static constexpr std::size_t read_limit = 64;

	/*
	 * Waits until there is something to read, or @timeout has passed, or a signal has come
	 * (EINTR). Returns whether there is. No timeout: waits for ever. EINVAL: the context is
	 * blocking, or without handshake, and can't be polled.
	 */
	Result<bool> poll(std::optional<std::chrono::milliseconds> timeout = {}) const;

	/* Any command, as it is: what ioctl(2) returned, or its errno. */
	Result<int> ioctl(unsigned long request, void *argument) const;

	/* The descriptor, still owned here; -1 after release() or a move. */
	int fd() const noexcept { return fd_.get(); }

	/* Gives the descriptor up. */
	[[nodiscard]] Fd release() noexcept { return std::move(fd_); }

private:
	explicit Context(Fd fd) noexcept : fd_(std::move(fd)) {}

	Fd fd_;
};

/* A context after its handshake. */
struct Opened {
	Context context;
	Grant grant;
};

} // namespace userfault
