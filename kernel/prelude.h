/* SPDX-License-Identifier: GPL-2.0-only */
/* Put before every file by Kbuild. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

/* Stands in for the kernel's <linux/userfaultfd.h>, which may know less. */
#include <linux/userfault.h>
