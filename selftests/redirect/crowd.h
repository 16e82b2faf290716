/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef REDIRECT_CROWD_H
#define REDIRECT_CROWD_H

/* Many threads ask for userfaultfds at the same time. Returns 0, or -1 if one got none. */
int crowd(void);

#endif
