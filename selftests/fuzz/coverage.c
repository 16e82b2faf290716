// SPDX-License-Identifier: GPL-2.0-only
/* Which of the module's basic blocks the calls reach, as KCOV of a debug kernel records it. */
#include "executor.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The kernel's unsigned long, in 32-bit programs too */
#define KCOV_INIT_TRACE _IOR('c', 1, uint64_t)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_TRACE_PC	0

/* How many program counters a thread's buffer has room for; the first word is their number. */
#define ROOM (1 << 14)

/* One for each thread of the child, and one for the thread that tells them what to do. */
static struct {
	int fd;
	uint64_t *buffer;
	bool begun;
} traces[FUZZ_THREADS + 1];

static uint64_t text;

/* Before the fork: a buffer of the parent's is the child's, too. */
void prepare_coverage(const struct fuzz_shared *shared)
{
	text = shared->text;
	for (unsigned int i = 0; shared->coverage && i <= FUZZ_THREADS; i++) {
		if (traces[i].buffer)
			continue;
		traces[i].fd = fcntl(open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC),
				     F_DUPFD_CLOEXEC, OWN_FDS);
		if (traces[i].fd < 0 || ioctl(traces[i].fd, KCOV_INIT_TRACE, ROOM))
			_exit(3);
		traces[i].buffer = mmap(NULL, ROOM * sizeof(uint64_t), PROT_READ | PROT_WRITE,
					MAP_SHARED, traces[i].fd, 0);
	}
}

void begin_coverage(unsigned int thread)
{
	if (!stage.shared->coverage)
		return;
	traces[thread].buffer[0] = 0;
	if (!traces[thread].begun && ioctl(traces[thread].fd, KCOV_ENABLE, KCOV_TRACE_PC))
		_exit(4);
	traces[thread].begun = true;
}

void collect_coverage(unsigned int thread)
{
	uint64_t *buffer = traces[thread].buffer, count;

	/* Without a beginning, there is what another child has left. */
	if (!stage.shared->coverage || !traces[thread].begun)
		return;
	count = __atomic_load_n(&buffer[0], __ATOMIC_RELAXED);
	for (uint64_t i = 1; i <= count; i++) {
		uint64_t offset = buffer[i] - text;

		if (offset < FUZZ_TEXT)
			__atomic_fetch_or(&stage.shared->covered[offset / 32],
					  1u << offset % 32, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&buffer[0], 0, __ATOMIC_RELAXED);
}

void collect_all_coverage(void)
{
	for (unsigned int i = 0; i <= FUZZ_THREADS; i++)
		collect_coverage(i);
}
