/* SPDX-License-Identifier: MIT */
/*
 * What the files of the preloaded library share.
 */
#ifndef USERFAULT_REDIRECT_LIBRARY_H
#define USERFAULT_REDIRECT_LIBRARY_H

/* Of what is called in libc's place; all else is hidden. */
#define EXPORT		 __attribute__((visibility("default")))
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
