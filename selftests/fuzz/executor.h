/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_EXECUTOR_H
#define FUZZ_EXECUTOR_H

#include "program.h"

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

/* What the files of an executor share. */
/*
 * Descriptors of the executor's own are above those of programs: own() takes one there. Programs
 * need few, and closing all that they might have shouldn't take long.
 */
#define OWN_FDS 128
int own(int fd);

/* Its threads find their own by self. */
struct worker {
	unsigned int number;
	int id;		      /* as gettid() returns it */
	int wchan;	      /* the file of /proc in which function it sleeps */
	uint32_t asked, done; /* calls; futexes */
	bool told;	      /* the transcript has the last call's result */
	bool waits;	      /* the transcript has that the last call doesn't return */
	unsigned int index;   /* of its call */
	struct fuzz_record result;
	struct fuzz_record messages[20];
	unsigned int message_count;
	bool in_context;   /* in a call that keeps its context open */
	bool guarded;
	sigjmp_buf rescue; /* after a signal */
};

extern __thread struct worker *self;

struct devices {
	int module, native;	    /* where contexts come from */
	int ramfs;		    /* a file */
	int zero;		    /* /dev/zero */
	int pipes[FUZZ_THREADS][2]; /* empty, but while a thread writes */
};
extern struct devices devices;

/* What is there in the child alone. Its threads stay for the next program. */
struct stage {
	struct fuzz_shared *shared;
	int slots[FUZZ_SLOTS];
	int shmem, huge; /* files */
	struct worker workers[FUZZ_THREADS];
};
extern struct stage stage;

/*
 * child.c: runs stage.shared->program. Returns whether nothing is left of it, so that another one
 * can run in this process.
 */
bool run_program(void);

/* calls.c: makes a call in the current thread, and leaves its result in self. */
void make_call(const struct fuzz_call *call);
void prepare_places(void);

/*
 * calls.c, mappings.c: each kind of call. They return a result as in struct fuzz_record; NOT_MADE
 * is an errno that no call returns.
 */
#define CALL(name, ...) int do_##name(const struct fuzz_call *call);
#include "calls.def"
#define NOT_MADE (-ENOTBLK)

static inline int outcome(long result)
{
	return result < 0 ? -errno : (int)result;
}

/* mappings.c: the memory and files of a program; whether the arena has all of a range. */
void open_files(void);
void close_files(void);
void clear_arena(void);
bool in_arena(uint64_t start, uint64_t length);

/* guard.c: makes signals for bad memory end a guarded access. */
void catch_signals(void);
/* Return 0, or the signal and its code, as in struct fuzz_record. */
int guarded_load(uint64_t address, uint8_t *value);
int guarded_store(uint64_t address, uint8_t value);
int guarded_copy(void *to, const void *from, size_t size);

/* state.c: writes what the child's memory is like; the contents come after the contexts are closed.
 */
void note_state(void);
void note_contents(void);

/* coverage.c */
void prepare_coverage(const struct fuzz_shared *shared);
void begin_coverage(unsigned int thread);
void collect_coverage(unsigned int thread);
/* Also of threads that do not come back from a call. */
void collect_all_coverage(void);

#endif
