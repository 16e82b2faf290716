// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "scenes.h"
#include "stage.h"

#include <string.h>
#include <sys/wait.h>

static void join(pthread_t thread)
{
	if (pthread_join(thread, NULL))
		fail("thread");
}

void play_faults(const char *device)
{
	struct stage stage = stage_open(device, UFFD_FEATURE_THREAD_ID);
	const uint64_t start = address(stage.memory), source = address(stage.source);
	struct toucher reader, writer;
	struct uffd_msg message;

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING);
	tell("read of nothing", read_bytes(stage.fd, &message, sizeof(message)));
	toucher_read(&reader, stage.memory + PAGE + 7);
	wait_until_fdinfo(stage.fd, "pending", 1);
	tell("poll", events_of(stage.fd));
	message = tell_message("reader", &stage);
	tell("its thread", message.arg.pagefault.feat.ptid == (uint32_t)reader.tid);
	tell("fdinfo pending", fdinfo(stage.fd, "pending"));
	tell("fdinfo total", fdinfo(stage.fd, "total"));
	tell_copy("copy", stage.fd, start + PAGE, source + PAGE, PAGE, 0);
	toucher_join(&reader);
	tell("fdinfo total", fdinfo(stage.fd, "total"));
	tell("it has seen", reader.seen == 'b');

	toucher_write(&writer, stage.memory + 2 * PAGE, 'w');
	tell_message("writer", &stage);
	tell_copy("copy without waking", stage.fd, start + 2 * PAGE, source, PAGE,
		  UFFDIO_COPY_MODE_DONTWAKE);
	tell_range("wake", stage.fd, UFFDIO_WAKE, start + 2 * PAGE, PAGE);
	toucher_join(&writer);
	tell("it has written", stage.memory[2 * PAGE] == 'w' && stage.memory[2 * PAGE + 1] == 'a');
	stage_close(&stage);
}

static int pipe_ends[2];

/* Passes the page on: it is the kernel that touches it. */
static void *passes_on(void *page)
{
	if (write(pipe_ends[1], page, PAGE) != PAGE)
		fail("write");
	return NULL;
}

void play_kernel_fault(const char *device)
{
	struct stage stage = stage_open(device, 0);
	char passed[PAGE];
	pthread_t thread;

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING);
	if (pipe(pipe_ends) || pthread_create(&thread, NULL, passes_on, stage.memory + PAGE))
		fail("pipe");
	tell_message("system call", &stage);
	tell_copy("copy", stage.fd, address(stage.memory) + PAGE, address(stage.source) + PAGE,
		  PAGE, 0);
	join(thread);
	tell("read", read_bytes(pipe_ends[0], passed, PAGE));
	tell_bytes("passed on", passed, 1);
	stage_close(&stage);
}

void play_protection(const char *device)
{
	struct stage stage = stage_open(device, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	const uint64_t start = address(stage.memory);
	struct toucher writer;

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP);
	tell_copy("protected copy", stage.fd, start, address(stage.source), 2 * PAGE,
		  UFFDIO_COPY_MODE_WP);
	tell_protect("unprotect the second", stage.fd, start + PAGE, PAGE, 0);
	stage.memory[PAGE] = 'B';
	toucher_write(&writer, stage.memory, 'A');
	tell_message("writer", &stage);
	tell_bytes("not yet written", stage.memory, 1);
	tell_protect("unprotect", stage.fd, start, PAGE, 0);
	toucher_join(&writer);
	tell("written", stage.memory[0] == 'A' && stage.memory[1] == 'a');
	tell_protect("protect", stage.fd, start, PAGE, UFFDIO_WRITEPROTECT_MODE_WP);
	tell_protect("protect without waking", stage.fd, start, PAGE,
		     UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE);
	stage_close(&stage);
}

void play_minor(const char *device)
{
	struct stage stage = stage_open(device, UFFD_FEATURE_MINOR_SHMEM);
	const int file = memfd_create("minor", MFD_CLOEXEC);
	struct toucher reader;

	if (ftruncate(file, STAGE_PAGES * PAGE) ||
	    pwrite(file, stage.source, 2 * PAGE, 0) != 2 * PAGE)
		fail("memfd");
	stage.memory = mmap(NULL, STAGE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (stage.memory == MAP_FAILED)
		fail("mmap");
	stage_register(&stage, UFFDIO_REGISTER_MODE_MINOR);
	toucher_read(&reader, stage.memory + PAGE);
	tell_message("reader", &stage);
	tell_continue("continue", stage.fd, address(stage.memory) + PAGE, PAGE);
	toucher_join(&reader);
	tell("it has seen", reader.seen == 'b');
	tell_continue("continue again", stage.fd, address(stage.memory) + PAGE, PAGE);
	tell_continue("continue a hole", stage.fd, address(stage.memory) + 2 * PAGE, PAGE);
	stage_close(&stage);
}

/* --- events -------------------------------------------------------------------- */

/* Changes mappings, each of which waits until its event is read. */
static void *changes(void *data)
{
	const struct stage *stage = data;
	char *memory = stage->memory;

	if (madvise(memory, 2 * PAGE, MADV_DONTNEED))
		fail("madvise");
	if (munmap(memory + 3 * PAGE, PAGE))
		fail("munmap");
	if (mremap(memory + 4 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED)
		fail("mremap");

	const pid_t child = fork();

	if (!child)
		_exit(memory[2 * PAGE]);

	int status = -1;

	waitpid(child, &status, 0);
	return (void *)(intptr_t)(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

void play_events(const char *device)
{
	struct stage stage =
		stage_open(device, UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
					   UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP);
	struct stage child = stage;
	pthread_t thread;
	void *seen;

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING);
	if (pthread_create(&thread, NULL, changes, &stage))
		fail("thread");
	tell_message("madvise", &stage);
	tell_message("munmap", &stage);
	tell_message("mremap", &stage);
	tell_message("what it leaves", &stage);
	child.fd = (int)tell_message("fork", &stage).arg.fork.ufd;
	tell_message("its child", &child);
	tell_copy("copy to it", child.fd, address(stage.memory) + 2 * PAGE,
		  address(stage.source) + 2 * PAGE, PAGE, 0);
	if (pthread_join(thread, &seen))
		fail("thread");
	tell("it has seen", (intptr_t)seen == 'c');
	close(child.fd);
	stage_close(&stage);
}
