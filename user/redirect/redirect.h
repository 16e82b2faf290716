/* SPDX-License-Identifier: MIT */
/*
 * What userfault-run and the library that it preloads agree upon.
 */
#ifndef USERFAULT_REDIRECT_H
#define USERFAULT_REDIRECT_H

/* Environment: the device to make contexts with, USERFAULT_DEVICE if it isn't set. */
#define REDIRECT_DEVICE_VARIABLE "USERFAULT_RUN_DEVICE"
/* Environment: the descriptor of that device that is kept open, as NUMBER:DEVICE (an st_rdev). */
#define REDIRECT_DESCRIPTOR_VARIABLE "USERFAULT_RUN_DESCRIPTOR"
/* How far from NUMBER the descriptor may be, up or down */
#define REDIRECT_REACH 16
/* Environment: if set, the library reports each redirected call on stderr. */
#define REDIRECT_VERBOSE_VARIABLE "USERFAULT_RUN_VERBOSE"

#define REDIRECT_LIBRARY "libuserfault-redirect.so"
#define USERFAULT_DEVICE "/dev/userfault"
#define NATIVE_DEVICE	 "/dev/userfaultfd"

/*
 * The fourth argument of the library's own ioctl(USERFAULTFD_IOC_NEW). The kernel doesn't look at
 * it. The filter of userfault-run does, and refuses calls without it: so only the library makes
 * contexts.
 */
#define REDIRECT_MARK 0x75665246

/*
 * A flag that userfaultfd(2) doesn't have. A call with it makes nothing, and so the filter lets it
 * through: EINVAL says that the kernel would have made a userfaultfd.
 */
#define REDIRECT_ASK 0x80000000U

#endif
