/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer tells an executor, and what the executor tells it, in memory that both share. The
 * executor is C, because it is built for 32 bits too: so all types have the same layout in both.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stdint.h>

/* Programs use addresses in the arena, which looks the same in each executor. */
#define FUZZ_PAGE		4096ull
#define FUZZ_HUGE_PAGE		(512 * FUZZ_PAGE)
#define FUZZ_ARENA		0x20000000ull
#define FUZZ_ARENA_PAGES	2560
#define FUZZ_ARENA_END		(FUZZ_ARENA + FUZZ_ARENA_PAGES * FUZZ_PAGE)

#define FUZZ_THREADS	3
#define FUZZ_SLOTS	8	/* for descriptors */
#define FUZZ_ARGUMENTS	5
#define FUZZ_CALLS	24	/* of a program, at most */

enum fuzz_code {
#define CALL(name, ...) FUZZ_##name,
#define COMMAND(name, ...) FUZZ_##name,
#include "calls.def"
	FUZZ_CODES
};

/*
 * Where an argument that is passed by its address lies: at an ordinary place, at the end of
 * readable memory with so many bytes inside (below FUZZ_AT_PAGE), at the start of a page of the
 * arena, or at a place that can't be right.
 */
enum fuzz_place {
	FUZZ_ANYWHERE,
	FUZZ_AT_PAGE = 0x80,
	FUZZ_READ_ONLY = 0xf0,
	FUZZ_NULL,
	FUZZ_KERNEL,
};

struct fuzz_call {
	uint8_t code;
	uint8_t thread;		/* which makes the call */
	uint8_t slot;		/* of the descriptor, if it has one */
	uint8_t place;
	uint32_t reserved;
	uint64_t arguments[FUZZ_ARGUMENTS];
};

struct fuzz_program {
	uint32_t count;
	uint32_t side_by_side;	/* each thread makes its calls without regard to the others */
	struct fuzz_call calls[FUZZ_CALLS];
};

/* What mmap() maps. */
enum fuzz_memory {
	FUZZ_ANONYMOUS,
	FUZZ_FILLED,		/* anonymous, and all pages have something */
	FUZZ_SHARED,		/* anonymous */
	FUZZ_SHMEM,		/* a file's first pages, shared */
	FUZZ_PRIVATE_SHMEM,	/* the same pages, private */
	FUZZ_BEYOND,		/* the file's last two pages, and what is after its end */
	FUZZ_RAMFS,		/* a file of a file system that userfaultfd(2) doesn't know */
	FUZZ_ZERO,		/* /dev/zero, private */
	/* From here on whole huge pages: */
	FUZZ_THP,		/* anonymous, and may have huge pages */
	FUZZ_HUGE,		/* hugetlb, private */
	FUZZ_SHARED_HUGE,	/* hugetlb, a file, shared */
	FUZZ_FILLED_HUGE,	/* hugetlb, private, and each 4 KB have something else */
	FUZZ_MEMORIES
};

#define FUZZ_FILE_PAGES		16

/* What a forked child does before it ends. */
enum fuzz_child { FUZZ_EXITS, FUZZ_LOADS, FUZZ_STORES, FUZZ_SHARES, FUZZ_CHILDREN };

/* A descriptor that is no context's. */
enum fuzz_other { FUZZ_PIPE, FUZZ_MEMFD, FUZZ_DEVICE, FUZZ_OTHERS };

enum fuzz_kind {
	FUZZ_RESULT,	/* of a call; words has the struct or what else it brought */
	FUZZ_MESSAGE,	/* that the call read */
	FUZZ_WAITS,	/* the call has not returned */
	FUZZ_BUSY,	/* not made: the thread still waits in another call */
	FUZZ_LEFT_OUT,	/* not made: it would harm the executor itself */
	FUZZ_RELEASED,	/* a call returned when all descriptors were closed */
	FUZZ_STUCK,	/* a call had not returned then either */
};

#define FUZZ_WORDS	6
#define FUZZ_SIGNAL	0x10000	/* in result: the call got this signal, and its code */

struct fuzz_record {
	uint8_t kind;
	uint8_t call;	/* which of the program */
	uint8_t step;	/* the call that was made when this happened */
	uint8_t reserved;
	int32_t result;	/* or -errno */
	uint64_t words[FUZZ_WORDS];
};

#define FUZZ_RECORDS	256
#define FUZZ_STATE	131072	/* each page of the arena may have something else */

struct fuzz_transcript {
	uint32_t complete;	/* the executor has come to its end */
	uint32_t count;
	uint32_t calls;		/* made, if they ran side by side */
	uint32_t stuck;
	uint32_t status;	/* of the child, as waitpid() returns it */
	uint32_t by_32_bits;	/* a program of 32 bits has made it */
	struct fuzz_record records[FUZZ_RECORDS];
	char state[FUZZ_STATE];	/* mappings, pages and contents at the end, as text */
};

/* How much of the module's text coverage is recorded for, a bit each byte. */
#define FUZZ_TEXT	(1u << 20)

struct fuzz_shared {
	/* How to run: */
	uint32_t native;	/* on native userfaultfd instead of the module */
	uint32_t side_by_side;	/* how often each thread makes its calls, without regard to others */
	uint32_t coverage;	/* record it */
	uint32_t afresh;	/* in a child that has run nothing before */
	uint32_t patience;	/* how many times as long everything may take */
	uint32_t reserved;
	uint64_t text;		/* where the module's text is */

	/* Which child runs it, in a process group of its own; whether it has not answered yet. */
	uint32_t child, running;

	struct fuzz_program program;
	struct fuzz_transcript transcript;
	uint32_t covered[FUZZ_TEXT / 32];
};

/* What an executor answers to each request; nothing, if the child has to be killed first. */
enum fuzz_end { FUZZ_ENDED = 'e', FUZZ_KILLED = 'k', FUZZ_UNKILLABLE = 'u' };

/* In milliseconds: a program that takes longer hangs. A kernel may need several times as many. */
#define FUZZ_PATIENCE 60000

/* The descriptors of an executor that is a program of its own. */
enum { FUZZ_SHARED_FD = 3, FUZZ_REQUESTS_FD, FUZZ_ANSWERS_FD };

#endif
