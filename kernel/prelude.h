/* SPDX-License-Identifier: GPL-2.0-only */
/* Kbuild includes this before every file. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

/* Replaces the kernel's <linux/userfaultfd.h>, which may know less. */
#include <linux/userfault.h>
