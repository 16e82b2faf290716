// SPDX-License-Identifier: GPL-2.0-only
/* The calls of programs that change mappings, or the file that some of these are of. */
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

bool in_arena(uint64_t start, uint64_t length)
{
	return start >= FUZZ_ARENA && start < FUZZ_ARENA_END && length <= FUZZ_ARENA_END - start;
}

void open_files(void)
{
	stage.shmem = own(memfd_create("shmem", MFD_CLOEXEC));
	stage.huge = -1;
	if (stage.shmem < 0 || ftruncate(stage.shmem, FUZZ_FILE_PAGES * FUZZ_PAGE))
		_exit(5);
	/* This one is there in each child: nothing may be left of an earlier program. */
	if (ftruncate(devices.ramfs, 0) || ftruncate(devices.ramfs, FUZZ_FILE_PAGES * FUZZ_PAGE))
		_exit(5);
}

void close_files(void)
{
	close(stage.shmem);
	if (stage.huge >= 0)
		close(stage.huge);
}

void clear_arena(void)
{
	prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	if (munmap((void *)FUZZ_ARENA, FUZZ_ARENA_END - FUZZ_ARENA))
		_exit(5);
}

static int huge_file(void)
{
	if (stage.huge >= 0)
		return stage.huge;
	stage.huge = own(memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB));
	if (stage.huge >= 0 && ftruncate(stage.huge, 2 * FUZZ_HUGE_PAGE))
		return -1;
	return stage.huge;
}

/* How to map memory of a kind. */
static int file_for(enum fuzz_memory memory, int *flags, uint64_t *offset)
{
	*offset = memory == FUZZ_BEYOND ? (FUZZ_FILE_PAGES - 2) * FUZZ_PAGE : 0;
	switch (memory) {
	case FUZZ_SHARED:
		*flags = MAP_SHARED | MAP_ANONYMOUS;
		return -1;
	case FUZZ_SHMEM:
	case FUZZ_BEYOND:
		*flags = MAP_SHARED;
		return stage.shmem;
	case FUZZ_PRIVATE_SHMEM:
		*flags = MAP_PRIVATE;
		return stage.shmem;
	case FUZZ_RAMFS:
		*flags = MAP_SHARED;
		return devices.ramfs;
	case FUZZ_ZERO:
		*flags = MAP_PRIVATE;
		return devices.zero;
	case FUZZ_HUGE:
	case FUZZ_FILLED_HUGE:
		*flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
		return -1;
	case FUZZ_SHARED_HUGE:
		*flags = MAP_SHARED;
		return huge_file();
	default:
		*flags = MAP_PRIVATE | MAP_ANONYMOUS;
		return -1;
	}
}

/* Side by side, another thread may have unmapped it. */
static int fill(uint64_t start, uint64_t pages)
{
	int signal = 0;

	for (uint64_t i = 0; i < pages && !signal; i++) {
		uint64_t *page = (uint64_t *)(uintptr_t)(start + i * FUZZ_PAGE);
		uint64_t first = 0xf111ed01 + i, last = ~first;

		signal = guarded_copy(&page[0], &first, sizeof(first));
		if (!signal)
			signal = guarded_copy(&page[FUZZ_PAGE / 8 - 1], &last, sizeof(last));
	}
	return signal;
}

int do_mmap(const struct fuzz_call *call)
{
	enum fuzz_memory memory = call->arguments[2] % FUZZ_MEMORIES;
	uint64_t start = call->arguments[0], pages = call->arguments[1] % 1025, offset;
	int flags, fd = file_for(memory, &flags, &offset);
	void *mapped;

	if (memory >= FUZZ_THP) {
		start &= -FUZZ_HUGE_PAGE;
		pages = pages > 512 ? 1024 : 512;
	}
	if (!in_arena(start, pages * FUZZ_PAGE))
		return NOT_MADE;
	mapped = mmap((void *)(uintptr_t)start, pages * FUZZ_PAGE, call->arguments[3] & 7,
		      flags | MAP_FIXED, fd, offset);
	if (mapped == MAP_FAILED)
		return -errno;
	if (memory == FUZZ_THP)
		madvise(mapped, pages * FUZZ_PAGE, MADV_HUGEPAGE);
	if ((memory == FUZZ_FILLED || memory == FUZZ_FILLED_HUGE) &&
	    (call->arguments[3] & PROT_WRITE))
		return fill(start, pages);
	return 0;
}

/* The length that a call can have without harm to the executor's own memory. */
static bool harmless(const struct fuzz_call *call)
{
	return in_arena(call->arguments[0], call->arguments[1]);
}

#define MEMORY_CALL(name, ...)                                                                     \
	int do_##name(const struct fuzz_call *call)                                                \
	{                                                                                          \
		if (!harmless(call))                                                               \
			return NOT_MADE;                                                           \
		return outcome(name((void *)(uintptr_t)call->arguments[0], call->arguments[1],     \
				    ##__VA_ARGS__));                                               \
	}

MEMORY_CALL(munmap)
MEMORY_CALL(madvise, (int)call->arguments[2])
MEMORY_CALL(mprotect, call->arguments[2] & 7)
MEMORY_CALL(mlock)
MEMORY_CALL(munlock)

/* It moves memory only to where the arena has room for it. */
int do_mremap(const struct fuzz_call *call)
{
	uint64_t flags = call->arguments[3] & 7, new = call->arguments[4];

	if (!harmless(call) || !in_arena(call->arguments[0], call->arguments[2]) ||
	    !in_arena(new, call->arguments[2]))
		return NOT_MADE;
	if (flags & (MREMAP_MAYMOVE | 4))
		flags |= MREMAP_FIXED;
	return mremap((void *)(uintptr_t)call->arguments[0], call->arguments[1], call->arguments[2],
		      flags, new) == MAP_FAILED
		       ? -errno
		       : 0;
}

_Noreturn static void be_forked(const struct fuzz_call *call)
{
	uint8_t value;
	int signal = 0;

	syscall(SYS_close_range, 3, ~0u, 0);
	if (in_arena(call->arguments[1], 1) && call->arguments[0] == FUZZ_LOADS)
		signal = guarded_load(call->arguments[1], &value);
	if (in_arena(call->arguments[1], 1) && call->arguments[0] == FUZZ_STORES)
		signal = guarded_store(call->arguments[1], 1);
	_exit(signal >> 8 & 0x7f);
}

int do_fork(const struct fuzz_call *call)
{
	int status = 0;
	pid_t child;

	/* A thread that shares all memory is no fork for userfaultfd. */
	if (call->arguments[0] % FUZZ_CHILDREN == FUZZ_SHARES) {
		child = vfork();
		if (!child)
			_exit(0);
	} else {
		child = syscall(SYS_fork);
		if (!child)
			be_forked(call);
	}
	if (child < 0)
		return -errno;
	while (waitpid(child, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	self->result.words[0] = (unsigned int)status;
	return 0;
}

/* Whether KSM may merge all memory that it can. */
int do_merge(const struct fuzz_call *call)
{
	return outcome(prctl(PR_SET_MEMORY_MERGE, call->arguments[0] & 1, 0, 0, 0));
}

int do_put(const struct fuzz_call *call)
{
	uint64_t page[FUZZ_PAGE / 8], index = call->arguments[0] % FUZZ_FILE_PAGES;

	for (size_t i = 0; i < FUZZ_PAGE / 8; i++)
		page[i] = 0xf11e0041 + index;
	return outcome(pwrite(stage.shmem, page, FUZZ_PAGE, index * FUZZ_PAGE));
}

int do_punch(const struct fuzz_call *call)
{
	return outcome(fallocate(stage.shmem, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 call->arguments[0] % FUZZ_FILE_PAGES * FUZZ_PAGE,
				 call->arguments[1] % FUZZ_FILE_PAGES * FUZZ_PAGE));
}

int do_truncate(const struct fuzz_call *call)
{
	uint64_t pages = call->arguments[0] % (FUZZ_FILE_PAGES + 1);

	return outcome(ftruncate(stage.shmem, pages * FUZZ_PAGE));
}
