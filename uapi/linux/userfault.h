/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of userfault: what goes over /dev/userfault and over the file descriptors it makes.
 *
 * Names, numbers and layouts are those of <linux/userfaultfd.h> of Linux 7.3, so that a program can
 * include this header instead of that one and run on either. Whatever the project adds is called
 * UFFD_FEATURE_X_* (bits from 48 up) and UFFDIO_X_* (commands from 0x20 up).
 *
 * How one gets a file descriptor:
 *
 *	dev = open("/dev/userfault", O_RDWR | O_CLOEXEC);
 *	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
 *	ioctl(fd, UFFDIO_API, &(struct uffdio_api){ .api = UFFD_API });
 *	ioctl(fd, UFFDIO_REGISTER, ...);
 *
 * All addresses and lengths are in bytes, and belong to the process that made the descriptor,
 * whoever uses it now. Unless said otherwise they are multiples of the page size, else EINVAL.
 *
 * Errors that every command knows: EINVAL for a command that is unknown, or that comes before
 * UFFDIO_API; EFAULT where the argument can't be read or written; ESRCH (page commands and
 * UFFDIO_SET_MODE) and ENOMEM (UFFDIO_REGISTER, UFFDIO_UNREGISTER) when the process whose memory it
 * is has gone.
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
 * UFFD_USER_MODE_ONLY. Returns the new file descriptor. EINVAL: another flag. EPERM: the module was
 * loaded with kernel_faults=0, and a caller without CAP_SYS_PTRACE left out UFFD_USER_MODE_ONLY.
 * EBUSY: somebody else, a livepatch say, has taken a function of mm's that the module needs while
 * there is a context; the kernel's log names it.
 */
#define USERFAULTFD_IOC		0xAA
#define USERFAULTFD_IOC_NEW	_IO(USERFAULTFD_IOC, 0x00)

/* Faults that the kernel itself takes on the memory aren't told: a system call gets EFAULT. */
#define UFFD_USER_MODE_ONLY	1

/* The one version of the protocol there is. */
#define UFFD_API		((__u64)0xAA)

/*
 * Numbers of the commands. A bit set of them (1 << number) says which commands work: for the file
 * descriptor in uffdio_api.ioctls, for a range of memory in uffdio_register.ioctls.
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
 * Every feature, command and mode that this header names. What a given kernel and module offer is
 * what UFFDIO_API and UFFDIO_REGISTER answer; never derive it from these.
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
#define UFFD_FEATURE_EVENT_FORK		(1 << 1)  /* tell of fork; wants CAP_SYS_PTRACE [4.11] */
#define UFFD_FEATURE_EVENT_REMAP	(1 << 2)  /* tell of mremap [4.11] */
#define UFFD_FEATURE_EVENT_REMOVE	(1 << 3)  /* tell of MADV_DONTNEED and the like [4.11] */
#define UFFD_FEATURE_MISSING_HUGETLBFS	(1 << 4)  /* missing mode on hugetlb memory [4.11] */
#define UFFD_FEATURE_MISSING_SHMEM	(1 << 5)  /* missing mode on shmem [4.11] */
#define UFFD_FEATURE_EVENT_UNMAP	(1 << 6)  /* tell of munmap [4.11] */
#define UFFD_FEATURE_SIGBUS		(1 << 7)  /* no messages: a fault is a SIGBUS [4.14] */
#define UFFD_FEATURE_THREAD_ID		(1 << 8)  /* fill in pagefault.feat.ptid [4.14] */
#define UFFD_FEATURE_MINOR_HUGETLBFS	(1 << 9)  /* minor mode on hugetlb memory [5.13] */
#define UFFD_FEATURE_MINOR_SHMEM	(1 << 10) /* minor mode on shmem [5.14] */
#define UFFD_FEATURE_EXACT_ADDRESS	(1 << 11) /* addresses not masked to the page [5.18] */
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM	(1 << 12) /* write-protect mode on files [5.19] */
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13) /* protect absent anonymous pages too [6.4] */
#define UFFD_FEATURE_POISON		(1 << 14) /* UFFDIO_POISON [6.6] */
#define UFFD_FEATURE_WP_ASYNC		(1 << 15) /* writes resolve themselves [6.7] */
#define UFFD_FEATURE_MOVE		(1 << 16) /* UFFDIO_MOVE [6.8] */
#define UFFD_FEATURE_RWP		(1 << 17) /* read-write-protect mode [7.3] */
#define UFFD_FEATURE_RWP_ASYNC		(1 << 18) /* accesses resolve themselves [7.3] */

/*
 * UFFDIO_API: the handshake, once in a descriptor's life.
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
 * A range of memory; the argument of UFFDIO_UNREGISTER and UFFDIO_WAKE. EINVAL: not aligned, empty,
 * wraps or ends beyond the address space.
 *
 * UFFDIO_UNREGISTER also answers EINVAL when nothing is mapped there, or when some of it can't be
 * registered, is another context's, or is a part of a hugetlb page; holes are skipped. ENOMEM: a
 * mapping can't be split; those before it are unregistered. Blocked threads are woken where memory
 * was unregistered. UFFDIO_WAKE wakes whoever waits for a page of the range, resolved or not.
 */
struct uffdio_range {
	__u64 start;
	__u64 len;
};

/*
 * UFFDIO_REGISTER: from now on tell of faults in the range. On hugetlb memory it begins and ends
 * with a huge page, else EINVAL, and a fault is told by the start of its huge page.
 *
 * EINVAL: no or an unknown mode, a bad range, nothing mapped there, or memory that can't be
 * registered in that mode; holes are skipped. MODE_RWP is EINVAL also with MODE_WP, without
 * UFFD_FEATURE_RWP, and for a mapping that can't be accessed at all. EPERM: a mapping that could
 * never be written to. EBUSY: some of it belongs to another context, of this module or of
 * userfaultfd(2); or, since Linux 7.3, it is registered for MODE_WP or MODE_RWP and would be no
 * longer: unregister it first. ENOMEM: no memory, or a mapping can't be split; those before it are
 * registered. EINTR, or it is called again: a signal came while KSM's pages were parted (MODE_WP,
 * MODE_RWP).
 *
 * Memory that has all of the modes already keeps those that it has. Else it has these and no others,
 * and whoever waits there tries again. MODE_WP and MODE_RWP take it out of KSM.
 *
 * Commands that userfaultfd(2) of the running kernel hasn't got are named only to a context that has
 * asked for a feature that it hasn't got either. They work all the same.
 */
struct uffdio_register {
	struct uffdio_range range;
#define UFFDIO_REGISTER_MODE_MISSING	((__u64)1 << 0)	/* a page that isn't there */
#define UFFDIO_REGISTER_MODE_WP		((__u64)1 << 1)	/* a write to a write-protected page */
#define UFFDIO_REGISTER_MODE_MINOR	((__u64)1 << 2)	/* a page in the page cache, not mapped */
#define UFFDIO_REGISTER_MODE_RWP	((__u64)1 << 3)	/* any access to a protected page */
	__u64 mode;
	__u64 ioctls;		/* out: bit set of commands that work on all of the range */
};

/*
 * UFFDIO_COPY, ZEROPAGE, CONTINUE, POISON, MOVE: install pages where there are none, and wake
 * whoever waits for them in this context.
 *
 * The last field is the result: the number of bytes done, or a negative errno if none were. Where
 * it is less than the length the command fails with EAGAIN, and can be called again for the rest.
 * EFAULT may also mean that it can't be written: what was done is done, and its waiters are woken.
 *
 * ENOENT: the range is not inside one registered mapping. EINVAL: an unknown mode, a bad range, or
 * memory that can't be filled in that way. EEXIST: there is a page already, in the file if the
 * mapping is a shared one. EFAULT: the source can't be read, the file has no such page (CONTINUE),
 * or ends before it. EIO: the page has a hardware error (CONTINUE). ENOMEM: no memory, or no room
 * in the file system. EINTR: the caller is being killed. EAGAIN with nothing done: mappings are
 * changing, read the events first, of this context or another.
 *
 * On hugetlb memory ranges are of whole huge pages, else EINVAL, ZEROPAGE is EINVAL, and ENOMEM
 * means that no huge page is to be had.
 *
 * MOVE has its own: EINVAL also where either range is not inside one mapping, the mappings are not
 * alike, or the destination is not registered with this context. ENOENT: nothing is mapped, or the
 * source has a hole and ALLOW_SRC_HOLES is not set. EBUSY: somebody else has the page too, or it is
 * a part of a large one that can't be split. EFAULT: an entry at the source is neither of a page
 * nor of one that was swapped out. Whoever waits at the source, to write to a protected page, is
 * woken too, in whichever context, unless DONTWAKE says not to.
 *
 * CONTINUE maps what the file has, for a fault told as minor. All that was written to the page
 * before is seen through the new mapping.
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
 * UFFDIO_WRITEPROTECT: protect (MODE_WP) or unprotect a range, over as many mappings and holes as
 * there are in it; unprotecting wakes, unless DONTWAKE says not to. Pages that aren't there are
 * protected in memory of files, and with WP_UNPOPULATED in anonymous memory.
 *
 * ENOENT: nothing is mapped there, or something that isn't registered with REGISTER_MODE_WP.
 * EINVAL: an unknown mode, MODE_WP with DONTWAKE, a bad range, or a part of a hugetlb page. EAGAIN:
 * mappings are changing, read the events first. After these nothing has changed. ENOMEM: no memory
 * for page tables; EINTR: the caller is being killed; some of the range may be protected.
 */
struct uffdio_writeprotect {
	struct uffdio_range range;
#define UFFDIO_WRITEPROTECT_MODE_WP		((__u64)1 << 0)
#define UFFDIO_WRITEPROTECT_MODE_DONTWAKE	((__u64)1 << 1)
	__u64 mode;
};

/*
 * UFFDIO_RWPROTECT: take every access to the pages of a range away (MODE_RWP), or give it back, as
 * UFFDIO_WRITEPROTECT does with writing. Only pages that are there are protected, in all kinds of
 * memory. There is this command where there is UFFD_FEATURE_RWP, since Linux 7.3.
 *
 * ENOENT: nothing is mapped there, or something that isn't registered with REGISTER_MODE_RWP.
 * EINVAL: an unknown mode, MODE_RWP with DONTWAKE, a bad range, or a part of a hugetlb page.
 * EAGAIN: mappings are changing, read the events first. After these nothing has changed. EINTR: the
 * caller is being killed; some of the range may be protected.
 */
struct uffdio_rwprotect {
	struct uffdio_range range;
#define UFFDIO_RWPROTECT_MODE_RWP		((__u64)1 << 0)
#define UFFDIO_RWPROTECT_MODE_DONTWAKE		((__u64)1 << 1)
	__u64 mode;
};

/*
 * UFFDIO_SET_MODE: turn features of a context that is in use on and off: UFFD_FEATURE_RWP_ASYNC. No
 * fault that comes after it has returned is handled in the old way. Turning it on wakes all
 * waiters, so that those who wait at a read-write-protected page go on. There is this command where
 * there is UFFD_FEATURE_RWP.
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
 * What read(2) returns: as many whole messages as are there and fit, oldest first, faults before
 * events. EINVAL: the buffer holds less than one, or UFFDIO_API is still to come. EAGAIN: nothing
 * to tell, and O_NONBLOCK. A fault that was told stays to be resolved.
 *
 * poll(2) says POLLIN when there is something to read, POLLERR for a descriptor without O_NONBLOCK
 * and before UFFDIO_API.
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

#endif /* _LINUX_USERFAULT_H */
