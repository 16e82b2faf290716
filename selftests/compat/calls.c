// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "scenes.h"
#include "stage.h"

#include <setjmp.h>
#include <signal.h>

#define BEYOND	  (1ull << 32) /* what 32 bits can name */
#define LAST_PAGE (BEYOND - PAGE)

void play_handshake(const char *device)
{
	const int dev = open(device, O_RDWR | O_CLOEXEC);
	const int fd = context_new(dev, O_CLOEXEC | O_NONBLOCK);
	struct uffdio_api api = {.api = UFFD_API + 1};
	char byte;

	tell("unknown flags", context_new(dev, ~0ul));
	tell("unknown command of the device", call(dev, USERFAULTFD_IOC_NEW + 1, NULL));
	tell("flags of the descriptor", fcntl(fd, F_GETFD));
	tell("does not block", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	tell("poll before it", events_of(fd));
	tell("read before it", read_bytes(fd, &byte, 1));
	tell_register("register before it", fd, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING);
	tell("unknown version", call(fd, UFFDIO_API, &api));
	tell("struct that can't be read", call(fd, UFFDIO_API, (void *)-PAGE));
	api = (struct uffdio_api){.api = UFFD_API, .features = 1ull << 63};
	tell("unknown feature", call(fd, UFFDIO_API, &api));
	api = (struct uffdio_api){.api = UFFD_API};
	tell("handshake", call(fd, UFFDIO_API, &api));
	tell("version", api.api);
	tell("register is offered", api.ioctls >> _UFFDIO_REGISTER & 1);
	tell("events are offered", !!(api.features & UFFD_FEATURE_EVENT_FORK));
	tell("once more", handshake(fd, 0));
	tell("poll", events_of(fd));
	tell("read of too little", read_bytes(fd, &byte, 1));
	tell("fdinfo pending", fdinfo(fd, "pending"));
	tell("fdinfo total", fdinfo(fd, "total"));
	close(fd);
	close(dev);
}

void play_ranges(const char *device)
{
	struct stage stage = stage_open(device, 0), other = stage_open(device, 0);
	const uint64_t start = address(stage.memory), length = STAGE_PAGES * PAGE;
	const uint64_t mode = UFFDIO_REGISTER_MODE_MISSING;

	tell("above 2 GiB", start >= BEYOND / 2);
	tell_register("register", stage.fd, start, length, mode);
	tell_register("register what is another's", other.fd, start, length, mode);
	tell_register("register half a page", stage.fd, start + PAGE / 2, PAGE, mode);
	tell_register("register nothing", stage.fd, start, 0, mode);
	tell_register("register the last page", stage.fd, LAST_PAGE, PAGE, mode);
	tell_register("register over the end", stage.fd, LAST_PAGE, 2 * PAGE, mode);
	tell_register("register beyond", stage.fd, BEYOND, PAGE, mode);
	tell_register("register the same beyond", stage.fd, BEYOND + start, length, mode);
	tell_register("register too much", stage.fd, start, BEYOND, mode);
	tell_register("register too much by far", stage.fd, start, -start, mode);
	tell_range("wake beyond", stage.fd, UFFDIO_WAKE, BEYOND + start, length);
	tell_copy("copy to beyond", stage.fd, BEYOND + start, address(stage.source), PAGE, 0);
	tell_copy("copy too much", stage.fd, start, address(stage.source), BEYOND + PAGE, 0);
	tell_zero("zero beyond", stage.fd, BEYOND + start, PAGE);
	tell_protect("protect beyond", stage.fd, BEYOND + start, PAGE, 0);
	tell_continue("continue beyond", stage.fd, BEYOND + start, PAGE);
	tell_range("unregister beyond", stage.fd, UFFDIO_UNREGISTER, BEYOND + start, length);
	tell_range("wake", stage.fd, UFFDIO_WAKE, start, length);
	tell_range("unregister", stage.fd, UFFDIO_UNREGISTER, start, length);
	tell_copy("copy to no region", stage.fd, start, address(stage.source), PAGE, 0);
	stage_close(&other);
	stage_close(&stage);
}

void play_fill(const char *device)
{
	struct stage stage = stage_open(device, 0);
	const uint64_t start = address(stage.memory), source = address(stage.source);

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING);
	tell_copy("copy", stage.fd, start + PAGE, source + PAGE, 2 * PAGE, 0);
	tell_copy("copy to what is there", stage.fd, start + PAGE, source, PAGE, 0);
	tell_copy("copy until there is something", stage.fd, start, source, 2 * PAGE, 0);
	tell_copy("copy from nowhere", stage.fd, start + 3 * PAGE, PAGE, PAGE, 0);
	tell_zero("zero", stage.fd, start + 3 * PAGE, 4 * PAGE);
	tell_zero("zero what is there", stage.fd, start, PAGE);
	tell_copy("copy of half a page", stage.fd, start + 7 * PAGE, source, PAGE / 2, 0);
	tell_copy("unaligned copy", stage.fd, start + 7 * PAGE, source + PAGE - 1, PAGE, 0);
	tell_bytes("memory", stage.memory, STAGE_PAGES - 1);
	tell("a page of two letters",
	     stage.memory[7 * PAGE] == 'a' && stage.memory[8 * PAGE - 1] == 'b');
	stage_close(&stage);
}

/* --- commands that older kernels lack ------------------------------------------ */

static sigjmp_buf back;
static siginfo_t caught;

static void catch_it(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	caught = *info;
	siglongjmp(back, 1);
}

void play_poison(const char *device)
{
	const struct sigaction action = {.sa_sigaction = catch_it, .sa_flags = SA_SIGINFO};
	struct stage stage = stage_open(device, 0);
	const uint64_t start = address(stage.memory);

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING);
	tell_copy("copy", stage.fd, start, address(stage.source), PAGE, 0);
	tell_poison("poison", stage.fd, start + PAGE, 2 * PAGE);
	tell_poison("poison what is there", stage.fd, start, PAGE);
	tell_poison("poison beyond", stage.fd, BEYOND + start, PAGE);
	sigaction(SIGBUS, &action, NULL);
	if (!sigsetjmp(back, 1))
		tell("poisoned byte", *(volatile char *)(stage.memory + 2 * PAGE + 5));
	tell("signal", caught.si_signo);
	tell("for memory errors", caught.si_code == BUS_MCEERR_AR);
	tell("at", (char *)caught.si_addr - stage.memory);
	tell_bytes("memory", stage.memory, 1);
	stage_close(&stage);
}

void play_move(const char *device)
{
	struct stage stage = stage_open(device, 0);
	const uint64_t start = address(stage.memory), source = address(stage.source);

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING);
	tell_move("move", stage.fd, start, source, 2 * PAGE);
	tell_move("move to what is there", stage.fd, start, source + 2 * PAGE, PAGE);
	tell_move("move of nothing", stage.fd, start + 2 * PAGE, source, PAGE);
	tell_move("move to beyond", stage.fd, BEYOND + start, source, PAGE);
	tell_move("move from beyond", stage.fd, start + 2 * PAGE, BEYOND + source, PAGE);
	tell_bytes("memory", stage.memory, 2);
	tell_bytes("source", stage.source, 3);
	stage_close(&stage);
}
