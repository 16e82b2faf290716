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
	/* Doesn't handle faults that the kernel takes for the process: read(2) gets EFAULT. */
	bool user_mode_only = false;
	/* Features that open() asks for; EINVAL if one of them isn't offered. */
	Features required = Features::None;
	/* Features that open() asks for where they are offered. */
	Features optional = Features::None;
};

/* The answer to a handshake. */
struct Grant {
	/* Those that were asked for; in force on this context from now on. */
	Features features = Features::None;
	/* All that a context can ask for. */
	Features offered = Features::None;
	/* Commands on the context; register_range() returns those on a range. */
	Ioctls ioctls = Ioctls::None;
};

/* How far a page operation got. */
struct Progress {
	/* Bytes filled, from the start of the range on. They are filled whatever @error says. */
	std::size_t done = 0;
	/* Why it stopped; none if all was done. */
	std::error_code error;

	explicit operator bool() const noexcept { return !error; }
};

struct Opened;

/*
 * A userfault context: a file descriptor through which a monitor handles page faults of the process
 * that made it. A thread that faults in a registered range waits; the monitor reads a message here
 * and fills the page, and the thread goes on. Another process that was passed the descriptor can be
 * the monitor, too: all addresses are those of the process that made the context.
 *
 * Life: create() and then handshake(), or both by open(). Before the handshake everything else
 * fails with EINVAL. Closing the last descriptor unregisters all ranges and lets all waiters go on.
 *
 * Signals: a read() that waits and poll() end with EINTR when a signal handler has run (read() only
 * if the handler was installed without SA_RESTART): nothing is lost, call again. register_range()
 * for protection ends like read(), while it takes pages out of KSM. No other member is interrupted,
 * except by a signal that ends the process.
 *
 * Thread-safety: any number of threads may call const members at once; the kernel serializes what
 * has to be. Before a context is moved, assigned or destroyed, these calls have to have finished.
 */
class Context {
public:
	/*
	 * Makes a context of the calling process, which still needs a handshake. ENOENT or ENXIO:
	 * the module isn't loaded. EACCES: no right to open the device. EPERM: no right to handle
	 * faults of the kernel; try Options::user_mode_only. EBUSY: something else, a livepatch
	 * say, has taken over a function that the module needs.
	 */
	static Result<Context> create(const Options &options = {});

	/*
	 * create() and handshake() in one, for the required features and those of the optional ones
	 * that are offered. The result says which were granted.
	 */
	static Result<Opened> open(const Options &options = {});

	/* What a context with these options would be offered: Grant::offered. */
	static Result<Grant> probe(const Options &options = {});

	/* Takes over a context's descriptor: received through a socket, or from a Fork. */
	static Context adopt(Fd fd) noexcept { return Context(std::move(fd)); }

	/*
	 * Agrees on @features, once in a context's life. EINVAL: one of them isn't offered, or the
	 * handshake is already made. EPERM: Features::EventFork without CAP_SYS_PTRACE.
	 */
	Result<Grant> handshake(Features features = Features::None) const;

	/*
	 * Registers @range for the faults of @modes: whole pages, and whole huge pages of hugetlb
	 * memory. Returns the commands that work on all of it. Commands that the running kernel's
	 * own userfaultfd doesn't have are among them only if the handshake asked for a feature
	 * that it doesn't have either; they work anyway. EINVAL: the range is not page-aligned, not
	 * mapped, or of a kind that can't be registered for that; EBUSY: another context has some
	 * of it, or, since Linux 7.3, it is registered for protection that @modes leave out; EPERM:
	 * it can never be made writable; ENOMEM: no memory, and the part before may be registered,
	 * or the process is gone; EINTR: see above.
	 */
	Result<Ioctls> register_range(Range range, Modes modes) const;

	/*
	 * Unregisters @range and lets its waiters go on. Parts that aren't registered don't matter:
	 * a second call succeeds. EINVAL: the range is not page-aligned, begins or ends within a
	 * hugetlb page, has nothing mapped in it, or has memory of another context, or of a kind
	 * that can't be registered; ENOMEM: no memory, and the part before may be unregistered, or
	 * the process is gone.
	 */
	Result<void> unregister_range(Range range) const;

	/* Lets the waiters of @range go on; they fault again if nothing has changed. */
	Result<void> wake(Range range) const;

	/*
	 * Fills missing pages from @destination on with the bytes of @source, both whole pages, and
	 * wakes their waiters. In hugetlb memory, here and below, pages are huge pages.
	 * CopyModes::WriteProtect installs them write-protected; the memory has to be registered
	 * with Modes::WriteProtect for that (else EINVAL). This makes one system call. EAGAIN with
	 * bytes done: the rest is still to be done. EAGAIN without: the process's mappings are
	 * changing right now, or have changed meanwhile, and messages about it may have to be read
	 * first. EEXIST: there is a page already; EFAULT: @source can't be read, or the file that
	 * is mapped at the destination ends before it; ENOENT: the destination isn't registered;
	 * ENOMEM: no memory, or no room in the file system; ESRCH: the process is gone.
	 */
	Progress copy(Address destination, std::span<const std::byte> source,
		      CopyModes modes = CopyModes::None) const;

	/* The same, with zeroes. EINVAL: hugetlb memory, for which there is no zero page. */
	Progress zeropage(Range range, ZeropageModes modes = ZeropageModes::None) const;

	/*
	 * Write-protects the pages of @range: whole pages, all of them registered with
	 * Modes::WriteProtect; holes between mappings don't matter. After it returns, no thread can
	 * write to them: a thread that tries waits, and the monitor gets a fault with
	 * FaultFlags::WriteProtect. Pages that aren't there are protected in memory of files, and
	 * with Features::WpUnpopulated in anonymous memory. With Features::WpAsync no thread waits
	 * and no message comes: the kernel unprotects the page that is written to, and
	 * /proc/PID/pagemap shows that. ENOENT: nothing is mapped there, or something that isn't
	 * registered so; EAGAIN: the process's mappings are changing right now; ESRCH: the process
	 * is gone; ENOMEM: no memory, and a part of the range may be protected.
	 */
	Result<void> write_protect(Range range) const;

	/* Undoes write_protect(), and lets waiters of @range go on. The same errors. */
	Result<void> write_unprotect(Range range,
				     UnprotectModes modes = UnprotectModes::None) const;

	/*
	 * Protects the pages of @range from every access: whole pages, all of them registered with
	 * Modes::ReadWriteProtect; holes between mappings don't matter, and pages that aren't there
	 * are not protected. After it returns, no thread can read or write them: a thread that
	 * tries waits, and the monitor gets a fault with FaultFlags::ReadWriteProtect. With
	 * Features::RwpAsync no thread waits and no message comes: the kernel unprotects the page
	 * that is accessed, and PAGEMAP_SCAN shows it as PAGE_IS_ACCESSED. Needs Linux 7.3 and
	 * Features::Rwp. ENOENT: nothing is mapped there, or something that isn't registered so;
	 * EAGAIN: the process's mappings are changing right now; ESRCH: the process is gone.
	 */
	Result<void> rwprotect(Range range) const;

	/* Undoes rwprotect(), and lets waiters of @range go on. The same errors. */
	Result<void> rwunprotect(Range range, UnprotectModes modes = UnprotectModes::None) const;

	/*
	 * Turns features on and off while the context is in use: Features::RwpAsync, where
	 * Features::Rwp is in force. After it returns, no fault is handled in the old way. Turning
	 * RwpAsync on lets all waiters of the context go on; those for which nothing has changed
	 * wait again, and the monitor gets their messages again. EINVAL: other features; ESRCH: the
	 * process is gone.
	 */
	Result<void> set_mode(Features enable, Features disable = Features::None) const;

	/*
	 * Maps the pages that the file mapped at @range has, and wakes their waiters:
	 * UFFDIO_CONTINUE, the answer to a minor fault. The mapping shows all that was written to
	 * the pages before, for example through another mapping. EEXIST: a page is mapped already;
	 * EFAULT: the file has no such page, or ends before it; EINVAL: there is no file; EIO: the
	 * page has a hardware error; ENOENT, ESRCH and EAGAIN as for copy().
	 */
	Progress resume(Range range, ContinueModes modes = ContinueModes::None) const;

	/*
	 * Poisons missing pages: a thread that touches one gets SIGBUS, as for memory that has gone
	 * bad. copy(), resume() and, in a shared file, zeropage() heal a poisoned page; so does
	 * dropping it, by MADV_DONTNEED say. Errors as for copy().
	 */
	Progress poison(Range range, PoisonModes modes = PoisonModes::None) const;

	/*
	 * Moves the pages of @source, without copying them, to missing pages from @destination on,
	 * and wakes the waiters for these. Both ranges are private anonymous memory of the calling
	 * process, and equally writable. ENOENT: a page of the source is missing, see
	 * MoveModes::AllowSourceHoles; EBUSY: a page is shared with another process, or pinned;
	 * EINVAL: the destination isn't registered with this context, a range isn't within one
	 * mapping, or the mappings differ in how they may be accessed; else as for copy().
	 */
	Progress move(Address destination, Range source, MoveModes modes = MoveModes::None) const;

	/*
	 * These call copy(), zeropage() or resume() again after each partial progress, so that the
	 * error is the one that truly ended the work. They return at once an error that comes
	 * before any progress.
	 */
	Progress copy_all(Address destination, std::span<const std::byte> source,
			  CopyModes modes = CopyModes::None) const;
	Progress zeropage_all(Range range, ZeropageModes modes = ZeropageModes::None) const;
	Progress resume_all(Range range, ContinueModes modes = ContinueModes::None) const;

	/*
	 * Returns the next message. Waits for it; a non-blocking context returns none instead.
	 * EINTR: see above; EINVAL: no handshake yet.
	 */
	Result<std::optional<Message>> read() const;

	/*
	 * Reads as many messages as there are and as fit into @messages, at most read_limit, in one
	 * system call. Returns how many. Waits for the first, unless the context is non-blocking:
	 * then it may return 0. EINVAL: @messages is empty; else as above.
	 */
	Result<std::size_t> read(std::span<Message> messages) const;
	static constexpr std::size_t read_limit = 64;

	/*
	 * Waits until there is something to read, or @timeout has passed, or a signal has come
	 * (EINTR). Returns whether there is something to read. Without a timeout it waits for ever.
	 * EINVAL: the context can't be polled, because it is blocking, or without a handshake.
	 */
	Result<bool> poll(std::optional<std::chrono::milliseconds> timeout = {}) const;

	/* Calls any command as it is. Returns what ioctl(2) returned, or its errno. */
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
