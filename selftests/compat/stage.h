/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_COMPAT_STAGE_H
#define SELFTESTS_COMPAT_STAGE_H

#include "../abi/abi_calls.h"

#include <stdbool.h>

#define STAGE_PAGES 8
#define PAGE	    4096u

/* A context and the memory that a scene plays on; addresses are as wide as the ABI has them. */
struct stage {
	int device;
	int fd;
	char *memory; /* nothing has been touched of it */
	char *source; /* as large; each page is full of its number + 'a' */
};

/* On the device; @features are asked for. */
struct stage stage_open(const char *device, uint64_t features);
void stage_close(struct stage *stage);
void stage_register(const struct stage *stage, uint64_t mode);

static inline uint64_t address(const void *pointer)
{
	return (uintptr_t)pointer;
}

/* Says what went wrong that the program can't go on without, and ends it. */
_Noreturn void fail(const char *what);
long checked(const char *what, long result);

/*
 * What the program prints, a line for each step: its result, as a number or an errno's name, and
 * where there is one the field in which a command has left its result.
 */
void tell(const char *step, long result);
void tell_with_field(const char *step, long result, int64_t field);
void tell_bytes(const char *step, const char *bytes, size_t pages);

/* Waits until there is a message, reads and prints it; offsets are those in the stage's memory. */
struct uffd_msg tell_message(const char *step, const struct stage *stage);

/* Commands, whose results are told */
void tell_register(const char *step, int fd, uint64_t start, uint64_t length, uint64_t mode);
void tell_range(const char *step, int fd, unsigned long command, uint64_t start, uint64_t length);
void tell_copy(const char *step, int fd, uint64_t to, uint64_t from, uint64_t length,
	       uint64_t mode);
void tell_zero(const char *step, int fd, uint64_t start, uint64_t length);
void tell_protect(const char *step, int fd, uint64_t start, uint64_t length, uint64_t mode);
void tell_continue(const char *step, int fd, uint64_t start, uint64_t length);
void tell_poison(const char *step, int fd, uint64_t start, uint64_t length);
void tell_move(const char *step, int fd, uint64_t to, uint64_t from, uint64_t length);

#endif
