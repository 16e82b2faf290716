/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of userfault: the commands of /dev/userfault and of the file descriptors that it makes,
 * and the messages that these return.
 *
 * Names, numbers and layouts are those of <linux/userfaultfd.h> of Linux 7.3, so that a program
 * can include this header instead of that one and run on either implementation. Additions of this
 * project are called UFFD_FEATURE_X_* (bits from 48 up) and UFFDIO_X_* (commands from 0x20 up).
 *
 * To get a file descriptor and register memory:
 *
 *	dev = open("/dev/userfault", O_RDWR | O_CLOEXEC);
 *	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
 *	ioctl(fd, UFFDIO_API, &(struct uffdio_api){ .api = UFFD_API });
 *	ioctl(fd, UFFDIO_REGISTER, ...);
 *
 * All addresses and lengths are in bytes. They refer to the process that made the descriptor (to
 * the child, if UFFD_EVENT_FORK brought the descriptor), no matter which process uses it. Unless
 * said otherwise they must be multiples of the page size, else EINVAL.
 *
 * Errors of all commands: EINVAL: the command is unknown, or comes before UFFDIO_API. EFAULT: the
 * argument can't be read or written. ESRCH (page commands except UFFDIO_MOVE, and UFFDIO_SET_MODE)
 * or ENOMEM (UFFDIO_REGISTER, UFFDIO_UNREGISTER): the process that owns the memory has gone.
 */
#ifndef _LINUX_USERFAULT_H
#define _LINUX_USERFAULT_H

#ifdef _LINUX_USERFAULTFD_H
#error "include <linux/userfault.h> instead of <linux/userfaultfd.h>, or before it"
#endif
#define _LINUX_USERFAULTFD_H

#include <linux/types.h>

/*
 * ioctl of /dev/userfault. The argument is a set of flags: O_CLOEXEC, O_NONBLOCK,
 * UFFD_USER_MODE_ONLY. Returns the new file descriptor. EINVAL: another flag. EPERM: the module's
 * parameter kernel_faults is 0, and a caller without CAP_SYS_PTRACE left out UFFD_USER_MODE_ONLY.
 * EBUSY: another ftrace user, such as a livepatch, has taken one of mm's functions that the module
 * needs while there is a context; the kernel's log names the function.
 */
#define USERFAULTFD_IOC		0xAA
#define USERFAULTFD_IOC_NEW	_IO(USERFAULTFD_IOC, 0x00)

/* Faults that the kernel takes on the memory aren't reported: a system call gets EFAULT. */
#define UFFD_USER_MODE_ONLY	1

/* The only version of the protocol. */
#define UFFD_API		((__u64)0xAA)

/*
 * Numbers of the commands. A bit set of them (1 << number) says which commands work:
 * uffdio_api.ioctls for the file descriptor, uffdio_register.ioctls for a range of memory.
 */
#define _UFFDIO_REGISTER	(0x00)
#define _UFFDIO_UNREGISTER	(0x01)
#define _UFFDIO_WAKE		(0x02)
#define _UFFDIO_COPY		(0x03)
#define _UFFDIO_ZEROPAGE	(0x04)
#define _UFFDIO_MOVE		(0x05)
#define _UFFDIO_WRITEPROTECT	(0x06)
#define _UFFDIO_CONTINUE	(0x07)
#define _UFFDIO_POISON		(0x08)
#define _UFFDIO_RWPROTECT	(0x09)
#define _UFFDIO_SET_MODE	(0x0A)
#define _UFFDIO_API		(0x3F)

/*
 * The commands. UNREGISTER and WAKE say _IOR although they only read from the caller: a slip of
 * Linux 4.3 that the numbers have kept.
 */
#define UFFDIO			0xAA
#define UFFDIO_API		_IOWR(UFFDIO, _UFFDIO_API, struct uffdio_api)
#define UFFDIO_REGISTER		_IOWR(UFFDIO, _UFFDIO_REGISTER, struct uffdio_register)
#define UFFDIO_UNREGISTER	_IOR(UFFDIO, _UFFDIO_UNREGISTER, struct uffdio_range)
#define UFFDIO_WAKE		_IOR(UFFDIO, _UFFDIO_WAKE, struct uffdio_range)
#define UFFDIO_COPY		_IOWR(UFFDIO, _UFFDIO_COPY, struct uffdio_copy)
#define UFFDIO_ZEROPAGE		_IOWR(UFFDIO, _UFFDIO_ZEROPAGE, struct uffdio_zeropage)
#define UFFDIO_MOVE		_IOWR(UFFDIO, _UFFDIO_MOVE, struct uffdio_move)
#define UFFDIO_WRITEPROTECT	_IOWR(UFFDIO, _UFFDIO_WRITEPROTECT, struct uffdio_writeprotect)
#define UFFDIO_CONTINUE		_IOWR(UFFDIO, _UFFDIO_CONTINUE, struct uffdio_continue)
#define UFFDIO_POISON		_IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#define UFFDIO_RWPROTECT	_IOWR(UFFDIO, _UFFDIO_RWPROTECT, struct uffdio_rwprotect)
#define UFFDIO_SET_MODE		_IOW(UFFDIO, _UFFDIO_SET_MODE, struct uffdio_set_mode)

/*
 * Every feature, command and mode that this header names. UFFDIO_API and UFFDIO_REGISTER return
 * what the running kernel and module offer; never derive that from these.
 */
#define UFFD_API_FEATURES						\
	(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_EVENT_FORK |	\
	 UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE |		\
	 UFFD_FEATURE_MISSING_HUGETLBFS | UFFD_FEATURE_MISSING_SHMEM |	\
	 UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_SIGBUS |		\
	 UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_MINOR_HUGETLBFS |	\
	 UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_EXACT_ADDRESS |	\
	 UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_WP_UNPOPULATED | \
	 UFFD_FEATURE_POISON | UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_MOVE | \
	 UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC)
#define UFFD_API_REGISTER_MODES						\
	(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP |	\
	 UFFDIO_REGISTER_MODE_MINOR | UFFDIO_REGISTER_MODE_RWP)
#define UFFD_API_IOCTLS							\
	((__u64)1 << _UFFDIO_REGISTER | (__u64)1 << _UFFDIO_UNREGISTER | \
	 (__u64)1 << _UFFDIO_SET_MODE | (__u64)1 << _UFFDIO_API)
#define UFFD_API_RANGE_IOCTLS						\
	((__u64)1 << _UFFDIO_WAKE | (__u64)1 << _UFFDIO_COPY |		\
	 (__u64)1 << _UFFDIO_ZEROPAGE | (__u64)1 << _UFFDIO_MOVE |	\
	 (__u64)1 << _UFFDIO_WRITEPROTECT | (__u64)1 << _UFFDIO_CONTINUE | \
	 (__u64)1 << _UFFDIO_POISON | (__u64)1 << _UFFDIO_RWPROTECT)
#define UFFD_API_RANGE_IOCTLS_BASIC					\
	((__u64)1 << _UFFDIO_WAKE | (__u64)1 << _UFFDIO_COPY |		\
	 (__u64)1 << _UFFDIO_WRITEPROTECT | (__u64)1 << _UFFDIO_CONTINUE | \
	 (__u64)1 << _UFFDIO_POISON | (__u64)1 << _UFFDIO_RWPROTECT)

/* uffdio_api.features. The release that brought a feature to userfaultfd(2) is in brackets. */
#define UFFD_FEATURE_PAGEFAULT_FLAG_WP	(1 << 0)  /* write-protect mode [5.7] */
#define UFFD_FEATURE_EVENT_FORK		(1 << 1)  /* report fork; needs CAP_SYS_PTRACE [4.11] */
#define UFFD_FEATURE_EVENT_REMAP	(1 << 2)  /* report mremap [4.11] */
#define UFFD_FEATURE_EVENT_REMOVE	(1 << 3)  /* report MADV_DONTNEED and the like [4.11] */
#define UFFD_FEATURE_MISSING_HUGETLBFS	(1 << 4)  /* missing mode on hugetlb memory [4.11] */
#define UFFD_FEATURE_MISSING_SHMEM	(1 << 5)  /* missing mode on shmem [4.11] */
#define UFFD_FEATURE_EVENT_UNMAP	(1 << 6)  /* report munmap [4.11] */
#define UFFD_FEATURE_SIGBUS		(1 << 7)  /* no messages: a fault is a SIGBUS [4.14] */
#define UFFD_FEATURE_THREAD_ID		(1 << 8)  /* fill in pagefault.feat.ptid [4.14] */
#define UFFD_FEATURE_MINOR_HUGETLBFS	(1 << 9)  /* minor mode on hugetlb memory [5.13] */
#define UFFD_FEATURE_MINOR_SHMEM	(1 << 10) /* minor mode on shmem [5.14] */
#define UFFD_FEATURE_EXACT_ADDRESS	(1 << 11) /* addresses not masked to the page [5.18] */
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM	(1 << 12) /* write-protect mode on files [5.19] */
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13) /* protect absent anonymous pages too [6.4] */
#define UFFD_FEATURE_POISON		(1 << 14) /* UFFDIO_POISON [6.6] */
#define UFFD_FEATURE_WP_ASYNC		(1 << 15) /* the kernel resolves writes itself [6.7] */
#define UFFD_FEATURE_MOVE		(1 << 16) /* UFFDIO_MOVE [6.8] */
#define UFFD_FEATURE_RWP		(1 << 17) /* read-write-protect mode [7.3] */
#define UFFD_FEATURE_RWP_ASYNC		(1 << 18) /* the kernel resolves accesses itself [7.3] */

/*
 * UFFDIO_API: the handshake, once for each descriptor.
 *
 * EINVAL: @api is not UFFD_API, a feature is not offered, RWP_ASYNC is asked for without RWP, or
 * the handshake was made before. EPERM: EVENT_FORK without CAP_SYS_PTRACE. After these errors the
 * structure is zero.
 */
struct uffdio_api {
	__u64 api;		/* in: UFFD_API */
	__u64 features;		/* in: those wanted; out: all that are offered */
	__u64 ioctls;		/* out: bit set of commands */
};

/*
 * A range of memory; the argument of UFFDIO_UNREGISTER and UFFDIO_WAKE. EINVAL: the range is not
 * aligned, is empty, wraps or ends beyond the address space.
 *
 * UFFDIO_UNREGISTER also returns EINVAL if nothing is mapped there, or if some of the memory can't
 * be registered, is another context's, or is a part of a hugetlb page; holes are skipped. ENOMEM:
 * a mapping can't be split; the mappings before it are unregistered. UFFDIO_UNREGISTER wakes the
 * threads that wait for memory that it unregisters. UFFDIO_WAKE wakes all threads that wait for a
 * page of the range, resolved or not.
 */
struct uffdio_range {
	__u64 start;
	__u64 len;
};

/*
 * UFFDIO_REGISTER: report faults in the range from now on. On hugetlb memory the range must begin
 * and end at the border of a huge page, else EINVAL, and a fault is reported with the start of its
 * huge page, unless UFFD_FEATURE_EXACT_ADDRESS is set.
 *
 * EINVAL: no mode, an unknown mode, a bad range, nothing mapped there, or memory that can't be
 * registered in that mode; holes are skipped. MODE_RWP also returns EINVAL together with MODE_WP,
 * without UFFD_FEATURE_RWP, and for a mapping that can't be accessed at all. EPERM: a mapping that
 * could never be written to. EBUSY: some of the memory belongs to another context, of this module
 * or of userfaultfd(2); or, since Linux 7.3, it is registered for MODE_WP or MODE_RWP and would
 * lose that mode: unregister it first. ENOMEM: no memory, or a mapping can't be split; the
 * mappings before it are registered. EINTR, or the call is restarted: a signal came while pages
 * that KSM had merged were separated (MODE_WP, MODE_RWP).
 *
 * Memory that already has all of the modes keeps all modes that it has. Other memory gets exactly
 * these modes, and threads that wait there try again. MODE_WP and MODE_RWP take the memory out of
 * KSM.
 *
 * If userfaultfd(2) of the running kernel lacks a command, @ioctls names the command only if the
 * context has asked for a feature that userfaultfd(2) lacks, too. The command works in any case.
 */
struct uffdio_register {
	struct uffdio_range range;
#define UFFDIO_REGISTER_MODE_MISSING	((__u64)1 << 0)	/* a missing page */
#define UFFDIO_REGISTER_MODE_WP		((__u64)1 << 1)	/* a write to a write-protected page */
#define UFFDIO_REGISTER_MODE_MINOR	((__u64)1 << 2)	/* a page in the page cache, not mapped */
#define UFFDIO_REGISTER_MODE_RWP	((__u64)1 << 3)	/* any access to a protected page */
	__u64 mode;
	__u64 ioctls;		/* out: bit set of commands that work on all of the range */
};

/*
 * UFFDIO_COPY, ZEROPAGE, CONTINUE, POISON, MOVE: install pages where there are none, and wake the
 * threads that wait for them in this context, unless the mode DONTWAKE is set.
 *
 * The last field is the result: the number of bytes done, or a negative errno if none were done.
 * If it is positive but less than the length, the command fails with EAGAIN and can be called again
 * for the rest. EFAULT may also mean that the result can't be written: the pages that were done
 * stay, and their waiters are woken.
 *
 * ENOENT: the range is not inside one registered mapping. EINVAL: an unknown mode, a bad range, or
 * memory that can't be filled in that way. EEXIST: there is a page already (in the file, for a
 * shared mapping). EFAULT: the source can't be read, the file has no such page (CONTINUE), or the
 * file ends before the page. EIO: the page has a hardware error (CONTINUE). ENOMEM: no memory, or
 * no room in the file system. EINTR: the caller is being killed. EAGAIN with nothing done:
 * mappings are changing, or have changed while the command waited for its source; read the events
 * first, of this context or another.
 *
 * On hugetlb memory ranges must consist of whole huge pages, else EINVAL. ZEROPAGE is always
 * EINVAL there, and ENOMEM means that no huge page is available.
 *
 * MOVE differs. EINVAL also: the caller's address space is not the context's, either range is not
 * inside one mapping, the mappings are not alike, or the destination is not registered with this
 * context. ENOENT: nothing is mapped, or the source has a hole and ALLOW_SRC_HOLES is not set.
 * EBUSY: the page has another user, too, or is a part of a large page that can't be split. EFAULT:
 * an entry at the source is neither a page nor a page that was swapped out. MOVE also wakes
 * threads that wait at the source to write to a protected page, in any context, unless DONTWAKE is
 * set.
 *
 * CONTINUE maps the page that the file has, for a fault that was reported as minor. Everything
 * that was written to the page before can be seen through the new mapping.
 */
struct uffdio_copy {
	__u64 dst;
	__u64 src;		/* in the caller's memory; any alignment */
	__u64 len;
#define UFFDIO_COPY_MODE_DONTWAKE	((__u64)1 << 0)
#define UFFDIO_COPY_MODE_WP		((__u64)1 << 1)	/* install write-protected */
	__u64 mode;
	__s64 copy;		/* out */
};

struct uffdio_zeropage {
	struct uffdio_range range;
#define UFFDIO_ZEROPAGE_MODE_DONTWAKE	((__u64)1 << 0)
	__u64 mode;
	__s64 zeropage;		/* out */
};

struct uffdio_continue {
	struct uffdio_range range;
#define UFFDIO_CONTINUE_MODE_DONTWAKE	((__u64)1 << 0)
#define UFFDIO_CONTINUE_MODE_WP		((__u64)1 << 1)
	__u64 mode;
	__s64 mapped;		/* out */
};

struct uffdio_poison {
	struct uffdio_range range;
#define UFFDIO_POISON_MODE_DONTWAKE	((__u64)1 << 0)
	__u64 mode;
	__s64 updated;		/* out */
};

struct uffdio_move {
	__u64 dst;
	__u64 src;
	__u64 len;
#define UFFDIO_MOVE_MODE_DONTWAKE	 ((__u64)1 << 0)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES ((__u64)1 << 1)
	__u64 mode;
	__s64 move;		/* out */
};

/*
 * UFFDIO_WRITEPROTECT: protect (MODE_WP) or unprotect a range, which may have several mappings and
 * holes. Unprotecting wakes the waiters, unless DONTWAKE is set. Missing pages are protected, too,
 * in file memory and, with WP_UNPOPULATED, in anonymous memory.
 *
 * ENOENT: nothing is mapped there, or something that isn't registered with REGISTER_MODE_WP.
 * EINVAL: an unknown mode, MODE_WP with DONTWAKE, a bad range, or a part of a hugetlb page.
 * EAGAIN: mappings are changing; read the events first. After these errors nothing has changed.
 * ENOMEM: no memory for page tables; EINTR: the caller is being killed; after these, some of the
 * range may be protected, or unprotected.
 */
struct uffdio_writeprotect {
	struct uffdio_range range;
#define UFFDIO_WRITEPROTECT_MODE_WP		((__u64)1 << 0)
#define UFFDIO_WRITEPROTECT_MODE_DONTWAKE	((__u64)1 << 1)
	__u64 mode;
};

/*
 * UFFDIO_RWPROTECT: forbid every access to the pages of a range (MODE_RWP), or allow it again, as
 * UFFDIO_WRITEPROTECT does with writing. Only pages that are there are protected, in all kinds of
 * memory. The command exists where UFFD_FEATURE_RWP does, since Linux 7.3.
 *
 * ENOENT: nothing is mapped there, or something that isn't registered with REGISTER_MODE_RWP.
 * EINVAL: an unknown mode, MODE_RWP with DONTWAKE, a bad range, or a part of a hugetlb page.
 * EAGAIN: mappings are changing; read the events first. After these errors nothing has changed.
 * EINTR: the caller is being killed; some of the range may be protected, or unprotected.
 */
struct uffdio_rwprotect {
	struct uffdio_range range;
#define UFFDIO_RWPROTECT_MODE_RWP		((__u64)1 << 0)
#define UFFDIO_RWPROTECT_MODE_DONTWAKE		((__u64)1 << 1)
	__u64 mode;
};

/*
 * UFFDIO_SET_MODE: turn UFFD_FEATURE_RWP_ASYNC, the only feature that can change later, on or off
 * for a context in use. A fault that comes after the command has returned is never handled in the
 * old way. Turning the feature on wakes all waiters, so that threads that wait at a
 * read-write-protected page go on. The command exists where UFFD_FEATURE_RWP does.
 *
 * EINVAL: another feature, one that is both turned on and off, or turning it on without
 * UFFD_FEATURE_RWP.
 */
struct uffdio_set_mode {
	__u64 enable;
	__u64 disable;
};

/* uffd_msg.event */
#define UFFD_EVENT_PAGEFAULT	0x12
#define UFFD_EVENT_FORK		0x13
#define UFFD_EVENT_REMAP	0x14
#define UFFD_EVENT_REMOVE	0x15
#define UFFD_EVENT_UNMAP	0x16

/* uffd_msg.arg.pagefault.flags; none of WP, MINOR and RWP means that the page is missing */
#define UFFD_PAGEFAULT_FLAG_WRITE	(1 << 0)
#define UFFD_PAGEFAULT_FLAG_WP		(1 << 1)
#define UFFD_PAGEFAULT_FLAG_MINOR	(1 << 2)
#define UFFD_PAGEFAULT_FLAG_RWP		(1 << 3)

/*
 * read(2) returns as many whole messages as are ready and fit: faults before events, the oldest of
 * each first. EINVAL: the buffer holds less than one message, or UFFDIO_API is still to come.
 * EAGAIN: there is no message, and O_NONBLOCK is set. Reading a fault doesn't resolve it.
 *
 * poll(2) reports POLLIN when there is a message to read. It reports POLLERR for a descriptor
 * without O_NONBLOCK, and before UFFDIO_API.
 */
struct uffd_msg {
	__u8	event;
	__u8	reserved1;
	__u16	reserved2;
	__u32	reserved3;

	union {
		struct {
			__u64	flags;
			__u64	address;
			union {
				__u32 ptid;	/* thread id, with UFFD_FEATURE_THREAD_ID */
			} feat;
		} pagefault;

		struct {
			__u32	ufd;		/* descriptor of the child's context */
		} fork;

		struct {
			__u64	from;
			__u64	to;
			__u64	len;
		} remap;

		struct {
			__u64	start;
			__u64	end;
		} remove;

		struct {
			__u64	reserved1;
			__u64	reserved2;
			__u64	reserved3;
		} reserved;
	} arg;
} __attribute__((packed));

/*
 * The generic netlink family: what contexts there are, who waits in them, and what they count.
 *
 * A context has an id, which its /proc/PID/fdinfo shows as "context:". No other context has or gets
 * the same one as long as the module is loaded.
 *
 * Who sees what
 *
 * A reader sees the contexts of its own user, and those of processes that it may read as ptrace(2)
 * would have it (PTRACE_MODE_READ_FSCREDS, as for /proc/PID/maps); in either case only if the
 * process, or after its end the process that made the context, is in the reader's pid namespace. It
 * sees addresses only if it may read the process. CAP_NET_ADMIN gives no right here. What counts is
 * what both the sender of the request and the process that opened the socket may do; the pid
 * namespace is the sender's. A context that the reader doesn't see doesn't exist for it: ENOENT.
 * (But ids, and NLM_F_DUMP_INTR, tell that contexts of others come and go.)
 *
 * Process and thread ids are those of the reader's pid namespace. Times are in milliseconds, to
 * within a tick of the kernel's clock.
 *
 * Requests
 *
 * Every request is checked strictly: an attribute that its command doesn't take is EINVAL. The
 * extended ACK says in words what is wrong. The set of attributes of each command is
 * named beside it. A number in parentheses is an attribute's type; * marks those that a request
 * must have.
 */
#define USERFAULT_GENL_NAME	"userfault"
#define USERFAULT_GENL_VERSION	1

enum {
	USERFAULT_CMD_UNSPEC,

	/*
	 * The context USERFAULT_A_CONTEXT_ID*, or, as a dump without it, all contexts by their ids.
	 * Answer: USERFAULT_A_CONTEXT_*. If contexts came or went during a dump, NLM_F_DUMP_INTR
	 * is set.
	 */
	USERFAULT_CMD_CONTEXT_GET,

	/*
	 * A dump of the ranges that are registered with USERFAULT_A_REGION_CONTEXT*, as they were
	 * at its beginning, by address. Neighbours that are registered alike are one range. Answer:
	 * USERFAULT_A_REGION_*. EPERM: the reader may not read the process. ESRCH: the process is
	 * gone, or fork() isn't done with it. EBUSY: its mappings are changing; try again. If there
	 * were more than twice as many a moment later, NLM_F_DUMP_INTR is set.
	 */
	USERFAULT_CMD_REGION_GET,

	/*
	 * A dump of the threads that wait in a fault of USERFAULT_A_WAITER_CONTEXT*, as they were
	 * at its beginning, in no order. Answer: USERFAULT_A_WAITER_*. EPERM, ESRCH and
	 * NLM_F_DUMP_INTR as above.
	 */
	USERFAULT_CMD_WAITER_GET,

	/*
	 * What the context USERFAULT_A_COUNTERS_CONTEXT* has counted, or, as a dump without it, all
	 * contexts. Answer: USERFAULT_A_COUNTERS_*. Kinds of faults and messages, commands and
	 * errors that never happened are left out.
	 */
	USERFAULT_CMD_COUNTERS_GET,

	/*
	 * Wake the threads that wait in the context USERFAULT_A_WAKE_CONTEXT* for the page at
	 * USERFAULT_A_WAKE_ADDRESS, or all of them: each accesses its page again. It takes the
	 * right to attach to the process (PTRACE_MODE_ATTACH_FSCREDS): EPERM. ESRCH as above.
	 */
	USERFAULT_CMD_WAKE,

	__USERFAULT_CMD_MAX
};

#define USERFAULT_CMD_MAX	(__USERFAULT_CMD_MAX - 1)

enum {
	USERFAULT_A_CONTEXT_UNSPEC,
	USERFAULT_A_CONTEXT_PAD,
	USERFAULT_A_CONTEXT_ID,		/* (u64) */
	/*
	 * The process whose memory it is, one of its threads, and that thread's name, of any bytes.
	 * They are left out when the process is gone, and while fork() isn't done with it.
	 */
	USERFAULT_A_CONTEXT_TGID,	/* (u32) */
	USERFAULT_A_CONTEXT_PID,	/* (u32) */
	USERFAULT_A_CONTEXT_COMM,	/* (string) */
	USERFAULT_A_CONTEXT_UID,	/* (u32) of its maker, as the socket's opener knows it */
	USERFAULT_A_CONTEXT_FLAGS,	/* (u32) those of USERFAULTFD_IOC_NEW */
	USERFAULT_A_CONTEXT_FEATURES,	/* (u64) UFFD_FEATURE_*; none: no handshake yet */
	USERFAULT_A_CONTEXT_MODES,	/* (u64) in which memory has been registered so far */
	USERFAULT_A_CONTEXT_AGE,	/* (u64) since it was made */
	USERFAULT_A_CONTEXT_PENDING,	/* (u32) faults that nobody has read */
	USERFAULT_A_CONTEXT_WAITING,	/* (u32) these, and faults that were read and still wait */
	USERFAULT_A_CONTEXT_EVENTS,	/* (u32) threads that wait until their event is read */
	/* For how long the oldest of each has waited; left out if there is none */
	USERFAULT_A_CONTEXT_OLDEST_PENDING,	/* (u64) */
	USERFAULT_A_CONTEXT_OLDEST_WAITING,	/* (u64) */
	USERFAULT_A_CONTEXT_OLDEST_EVENT,	/* (u64) */

	__USERFAULT_A_CONTEXT_MAX
};

#define USERFAULT_A_CONTEXT_MAX	(__USERFAULT_A_CONTEXT_MAX - 1)

enum {
	USERFAULT_A_REGION_UNSPEC,
	USERFAULT_A_REGION_PAD,
	USERFAULT_A_REGION_CONTEXT,	/* (u64) id */
	USERFAULT_A_REGION_START,	/* (u64) address */
	USERFAULT_A_REGION_LENGTH,	/* (u64) bytes */
	USERFAULT_A_REGION_MODES,	/* (u64) UFFDIO_REGISTER_MODE_* */
	USERFAULT_A_REGION_MEMORY,	/* (u32) USERFAULT_MEMORY_* */

	__USERFAULT_A_REGION_MAX
};

#define USERFAULT_A_REGION_MAX	(__USERFAULT_A_REGION_MAX - 1)

enum {
	USERFAULT_A_WAITER_UNSPEC,
	USERFAULT_A_WAITER_PAD,
	USERFAULT_A_WAITER_CONTEXT,	/* (u64) id */
	USERFAULT_A_WAITER_TID,		/* (u32) thread; 0: not in the reader's pid namespace */
	USERFAULT_A_WAITER_ADDRESS,	/* (u64) of the page, or of a page of a huge page */
	USERFAULT_A_WAITER_FLAGS,	/* (u64) UFFD_PAGEFAULT_FLAG_*, as in the message */
	USERFAULT_A_WAITER_AGE,		/* (u64) */
	USERFAULT_A_WAITER_TOLD,	/* (flag) somebody has read the message */

	__USERFAULT_A_WAITER_MAX
};

#define USERFAULT_A_WAITER_MAX	(__USERFAULT_A_WAITER_MAX - 1)

/* Kinds of memory. */
enum {
	USERFAULT_MEMORY_ANON,		/* private anonymous memory */
	USERFAULT_MEMORY_SHMEM,		/* shared anonymous memory, and files of shmem */
	USERFAULT_MEMORY_HUGETLB,
	USERFAULT_MEMORY_FILE,		/* other files, which only UFFD_FEATURE_WP_ASYNC takes */
};

enum {
	USERFAULT_A_COUNTERS_UNSPEC,
	USERFAULT_A_COUNTERS_PAD,
	USERFAULT_A_COUNTERS_CONTEXT,	/* (u64) id */
	USERFAULT_A_COUNTERS_FAULTS,	/* (nest, any number) USERFAULT_A_FAULTS_* */
	USERFAULT_A_COUNTERS_WOKEN,	/* (u64) faults whose thread waited until it was woken */
	USERFAULT_A_COUNTERS_RETRIED,	/* (u64) whose page came before, or that couldn't wait */
	USERFAULT_A_COUNTERS_INTERRUPTED,	/* (u64) whose wait a signal or a limit ended */
	USERFAULT_A_COUNTERS_SIGBUS,	/* (u64) that were refused */
	USERFAULT_A_COUNTERS_MESSAGES,	/* (nest, any number) USERFAULT_A_MESSAGES_* */
	USERFAULT_A_COUNTERS_COMMANDS,	/* (nest, any number) USERFAULT_A_COMMANDS_* */

	__USERFAULT_A_COUNTERS_MAX
};

#define USERFAULT_A_COUNTERS_MAX	(__USERFAULT_A_COUNTERS_MAX - 1)

/* Faults of one kind. */
enum {
	USERFAULT_A_FAULTS_UNSPEC,
	USERFAULT_A_FAULTS_PAD,
	USERFAULT_A_FAULTS_MODE,	/* (u64) the UFFDIO_REGISTER_MODE_* by which they came */
	USERFAULT_A_FAULTS_MEMORY,	/* (u32) USERFAULT_MEMORY_* */
	USERFAULT_A_FAULTS_WRITE,	/* (flag) writes; else reads */
	USERFAULT_A_FAULTS_KERNEL,	/* (flag) the kernel's own accesses */
	USERFAULT_A_FAULTS_COUNT,	/* (u64) */

	__USERFAULT_A_FAULTS_MAX
};

#define USERFAULT_A_FAULTS_MAX	(__USERFAULT_A_FAULTS_MAX - 1)

/* Messages of one kind that were read. */
enum {
	USERFAULT_A_MESSAGES_UNSPEC,
	USERFAULT_A_MESSAGES_PAD,
	USERFAULT_A_MESSAGES_EVENT,	/* (u32) UFFD_EVENT_* */
	USERFAULT_A_MESSAGES_COUNT,	/* (u64) */

	__USERFAULT_A_MESSAGES_MAX
};

#define USERFAULT_A_MESSAGES_MAX	(__USERFAULT_A_MESSAGES_MAX - 1)

/* Calls of one command. */
enum {
	USERFAULT_A_COMMANDS_UNSPEC,
	USERFAULT_A_COMMANDS_PAD,
	USERFAULT_A_COMMANDS_NUMBER,	/* (u32) _UFFDIO_* */
	USERFAULT_A_COMMANDS_DONE,	/* (u64) that did all of it */
	USERFAULT_A_COMMANDS_PARTLY,	/* (u64) that did a part of their range, which is EAGAIN */
	USERFAULT_A_COMMANDS_BYTES,	/* (u64) of memory that was filled, protected and so on */
	USERFAULT_A_COMMANDS_ERRORS,	/* (nest, any number) USERFAULT_A_ERRORS_* */

	__USERFAULT_A_COMMANDS_MAX
};

#define USERFAULT_A_COMMANDS_MAX	(__USERFAULT_A_COMMANDS_MAX - 1)

/*
 * Calls that failed with one error. They did nothing, except that after EFAULT the caller doesn't
 * know the result, and after EINTR a part may be protected.
 */
enum {
	USERFAULT_A_ERRORS_UNSPEC,
	USERFAULT_A_ERRORS_PAD,
	USERFAULT_A_ERRORS_ERRNO,	/* (u32) 0: any that isn't told apart */
	USERFAULT_A_ERRORS_COUNT,	/* (u64) */

	__USERFAULT_A_ERRORS_MAX
};

#define USERFAULT_A_ERRORS_MAX	(__USERFAULT_A_ERRORS_MAX - 1)

enum {
	USERFAULT_A_WAKE_UNSPEC,
	USERFAULT_A_WAKE_PAD,
	USERFAULT_A_WAKE_CONTEXT,	/* (u64) id */
	/*
	 * (u64) Any address in the page. In hugetlb memory: what USERFAULT_A_WAITER_ADDRESS is,
	 * which without UFFD_FEATURE_EXACT_ADDRESS is the beginning of the huge page.
	 */
	USERFAULT_A_WAKE_ADDRESS,

	__USERFAULT_A_WAKE_MAX
};

#define USERFAULT_A_WAKE_MAX	(__USERFAULT_A_WAKE_MAX - 1)

#endif /* _LINUX_USERFAULT_H */
