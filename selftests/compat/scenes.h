/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_COMPAT_SCENES_H
#define SELFTESTS_COMPAT_SCENES_H

/* Each prints, step by step, what comes of using the device in one way. */

/* calls.c: calls that don't wait */
void play_handshake(const char *device);
void play_ranges(const char *device);
void play_fill(const char *device);
void play_poison(const char *device);
void play_move(const char *device);

/* waits.c: threads that wait, and who serves them */
void play_faults(const char *device);
void play_kernel_fault(const char *device);
void play_protection(const char *device);
void play_minor(const char *device);
void play_events(const char *device);

/* monitors.c: monitors of 32-bit programs, and 32-bit monitors, at the other end of descriptor 3 */
void play_watched(const char *device);
void play_monitor(const char *device);

#endif
