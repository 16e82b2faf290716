// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program for the kernel's userfaultfd. All it knows about this project's module is how to see
 * whether the module has served it: a context pins the module.
 *
 *	probe [thread | fork | vfork | exec | bare WAY | spawn WAY | static | 32-bit | dlopen |
 *	       unheard | pending | full | crowd | SANDBOX | STRANGER]... entry ENTRY...
 *	probe [...] properties
 *	probe [...] preloaded
 *	probe [...] minor FILE
 *
 * The first form prints which backend made each context ("module", "native"), or the errno's name.
 * The second prints the properties of descriptors and calls, which have to be the same on both
 * backends. The third prints LD_PRELOAD; the fourth is in minor.c. The words before that come
 * first, one after the other, and the rest of the words runs in the place that they make: "static"
 * executes probe-static, "32-bit" probe-static-32; "bare" executes the program without an
 * environment, in one of the ways of ways.c; "spawn" in one of the ways of strangers.c. strangers.c
 * also has ways to close descriptors, and sandboxes.c ways in which a program sandboxes itself.
 * With "unheard" no process reads stderr; with "pending" a SIGPIPE is pending, and has to stay so;
 * "full" asks for a context while nothing can be written to stderr, and then prints what is written
 * there later. "crowd" has many threads ask for contexts at the same time.
 */
#define _GNU_SOURCE
#include "crowd.h"
#include "entries.h"
#include "minor.h"
#include "sandboxes.h"
#include "stderr.h"
#include "strangers.h"
#include "ways.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfault.h>

#define ENTRIES_LIBRARY "/lib/redirect/entries.so"

static const struct entry *known = entries;
static char *self;

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/*
 * Opened before the program enters a sandbox, which may forbid it; -1 if the module isn't loaded.
 */
static int counter = -1;

static void open_counter(void)
{
	if (counter < 0)
		counter = open("/sys/module/userfault/refcnt", O_RDONLY | O_CLOEXEC);
}

/* How often the module is pinned, by contexts and open devices; 0 if it isn't loaded. */
static long pins(void)
{
	char count[16] = "0";

	if (counter >= 0 && pread(counter, count, sizeof(count) - 1, 0) <= 0)
		fail("refcnt");
	return atol(count);
}

static bool speaks_the_protocol(int fd)
{
	struct uffdio_api api = {.api = UFFD_API};

	return ioctl(fd, UFFDIO_API, &api) == 0 && api.ioctls & 1u << _UFFDIO_REGISTER;
}

static int try_entry(const char *name)
{
	const struct entry *entry = known;

	while (entry->name && strcmp(entry->name, name))
		entry++;
	if (!entry->name)
		return EXIT_FAILURE;

	const long before = pins();

	errno = EXDEV; /* no call here returns this */
	const int fd = entry->make();

	if (fd < 0) {
		puts(strerrorname_np(errno));
		return EXIT_SUCCESS;
	}
	if (errno != EXDEV)
		fail("errno was changed, to");

	const bool by_module = pins() > before;

	if (!speaks_the_protocol(fd))
		fail("UFFDIO_API");
	close(fd);
	if (pins() != before)
		fail("something was left open");
	puts(by_module ? "module" : "native");
	return EXIT_SUCCESS;
}

/* The list may end with empty words. */
static int try_entries(char **names)
{
	int status = EXIT_SUCCESS;

	open_counter();
	while (status == EXIT_SUCCESS && *names && **names)
		status = try_entry(*names++);
	return status;
}

/* --- properties ---------------------------------------------------------------- */

static void print_descriptor(const char *how, int fd, int lowest)
{
	char path[64], link[64] = "";

	if (fd < 0) {
		printf("%s: %s\n", how, strerrorname_np(errno));
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, link, sizeof(link) - 1) < 0)
		fail("readlink");
	printf("%s: %s%s fd flags %#x, file flags %#o\n", how, link,
	       fd == lowest ? ", lowest number," : "", (unsigned int)fcntl(fd, F_GETFD),
	       (unsigned int)fcntl(fd, F_GETFL));
	close(fd);
}

static int lowest_free(void)
{
	const int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

static void print_flags(void)
{
	static const long flags[] = {
		0, O_CLOEXEC, O_NONBLOCK, O_CLOEXEC | O_NONBLOCK, UFFD_USER_MODE_ONLY,
		O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY, 2, O_RDWR, O_APPEND, -1, LONG_MIN,
		(long)(1ULL << 40),
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const int lowest = lowest_free();
		char how[64];

		snprintf(how, sizeof(how), "userfaultfd(%#lx)", flags[i]);
		print_descriptor(how, (int)syscall(SYS_userfaultfd, flags[i]), lowest);
	}
}

/* While no descriptor can be opened. */
static void print_full_table(void)
{
	const struct rlimit none = {0, 1024};
	struct rlimit before;

	getrlimit(RLIMIT_NOFILE, &before);
	setrlimit(RLIMIT_NOFILE, &none);
	const int fd = (int)syscall(SYS_userfaultfd, 0);
	const int error = errno;
	const int device = open("/dev/userfaultfd", O_RDWR);
	const int device_error = errno;
	setrlimit(RLIMIT_NOFILE, &before);
	printf("full table: %d %s, %d %s\n", fd, strerrorname_np(error), device,
	       strerrorname_np(device_error));
}

static void print_device(void)
{
	const int lowest = lowest_free();
	const int fd = open("/dev/userfaultfd", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	printf("device: %s number, fd flags %#x, file flags %#o", fd == lowest ? "lowest" : "other",
	       (unsigned int)fcntl(fd, F_GETFD), (unsigned int)fcntl(fd, F_GETFL));
	printf(", %s\n", fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) ? "a device" : "none");
	if (ioctl(fd, USERFAULTFD_IOC_NEW, -1) != -1 || errno != EINVAL)
		fail("flags of USERFAULTFD_IOC_NEW");
	if (ioctl(fd, USERFAULTFD_IOC_NEW + 1, 0) != -1 || errno != EINVAL)
		fail("another command of the device");
	close(fd);
}

static void print_bad_paths(void)
{
	static char *const bad = (char *)16;

	printf("open of nothing readable: %d %s\n", open(bad, O_RDONLY), strerrorname_np(errno));
	printf("its syscall: %ld %s\n", syscall(SYS_openat, AT_FDCWD, bad, O_RDONLY, 0),
	       strerrorname_np(errno));
	printf("open of nothing: %d %s\n", open("/none", O_RDONLY), strerrorname_np(errno));
	printf("ioctl of no device: %d %s\n", ioctl(STDOUT_FILENO, USERFAULTFD_IOC_NEW, 0),
	       strerrorname_np(errno));
	printf("ioctl of nothing: %d %s\n", ioctl(-1, USERFAULTFD_IOC_NEW, 0),
	       strerrorname_np(errno));
}

/* syscall() has to pass on six arguments: the sixth of mmap is the offset. */
static void print_six_arguments(void)
{
	const long page = sysconf(_SC_PAGESIZE);
	const int file = (int)syscall(SYS_memfd_create, "six", 0);
	char letter = 'x';

	if (ftruncate(file, 2 * page) || pwrite(file, "6", 1, page) != 1)
		fail("memfd");
	const long memory = syscall(SYS_mmap, 0, page, PROT_READ, MAP_SHARED, file, page);
	if (memory != -1)
		letter = *(char *)memory;
	printf("sixth argument: %c\n", letter);
	close(file);
}

/* An open that creates a file has to pass on its mode. */
static void print_mode(void)
{
	struct stat status;
	const char *path = "/tmp/probe-mode";

	umask(0);
	close(open(path, O_CREAT | O_WRONLY | O_EXCL, 0642));
	if (stat(path, &status))
		fail(path);
	printf("mode: %o\n", status.st_mode & 07777);
	unlink(path);
}

static int print_properties(void)
{
	print_flags();
	print_full_table();
	print_device();
	print_bad_paths();
	print_six_arguments();
	print_mode();
	print_strangers();
	return EXIT_SUCCESS;
}

/* --- the place where it is done ------------------------------------------------ */

static int go_on(char **words);

static void *go_on_in_thread(void *words)
{
	return (void *)(long)go_on(words);
}

static int in_thread(char **words)
{
	pthread_t thread;
	void *status;

	if (pthread_create(&thread, NULL, go_on_in_thread, words) || pthread_join(thread, &status))
		fail("thread");
	return (int)(long)status;
}

static int status_of(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) < 0)
		fail("child");
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static int in_fork(char **words)
{
	const pid_t child = fork();

	if (child == 0)
		exit(go_on(words));
	return status_of(child);
}

static int in_exec(char **words)
{
	words[-1] = self;
	execv(self, words - 1);
	fail(self);
	return EXIT_FAILURE;
}

static int in_other_build(char **words, const char *suffix)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s-%s", self, suffix);
	self = path;
	return in_exec(words);
}

static int in_static(char **words)
{
	return in_other_build(words, "static");
}

static int in_32_bit(char **words)
{
	return in_other_build(words, "static-32");
}

static int in_vfork(char **words)
{
	words[-1] = self;
	const pid_t child = vfork();

	if (child == 0) {
		execv(self, words - 1);
		_exit(EXIT_FAILURE);
	}
	return status_of(child);
}

static int in_bare(char **words)
{
	const char *way = words[0];

	if (!way)
		return EXIT_FAILURE;
	words[0] = self;
	return run_barely(way, words, ENTRIES_LIBRARY);
}

static int in_dlopen(char **words)
{
	void *library = dlopen(ENTRIES_LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (library)
		known = dlsym(library, "entries");
	if (!library || !known || known == entries) {
		fprintf(stderr, "dlopen: %s\n", dlerror());
		return EXIT_FAILURE;
	}
	return go_on(words);
}

static int in_unheard(char **words)
{
	signal(SIGPIPE, SIG_DFL);
	close_stderr_pipe();
	return go_on(words);
}

static int in_pending(char **words)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	raise(SIGPIPE);

	const int status = go_on(words);

	sigpending(&signals);
	if (sigismember(&signals, SIGPIPE) != 1)
		puts("SIGPIPE is gone");
	return status;
}

static int in_full(char **words)
{
	fill_stderr_pipe();
	close((int)syscall(SYS_userfaultfd, 0));
	empty_stderr_pipe();

	const int status = go_on(words);

	print_stderr_pipe();
	return status;
}

static int in_crowd(char **words)
{
	if (crowd())
		fail("crowd");
	return go_on(words);
}

static int in_spawn(char **words)
{
	const char *way = words[0];

	if (!way)
		return EXIT_FAILURE;
	words[0] = self;
	return spawn_without_strangers(way, words);
}

/* Calls @what, and fails under its name. */
static void prepare(int (*what)(void), const char *name)
{
	if (what())
		fail(name);
}

/* If sandboxes.c or strangers.c has @name, does that and returns true. */
static bool is_prepared(const char *name)
{
	for (const struct sandbox *sandbox = sandboxes; sandbox->name; sandbox++)
		if (!strcmp(name, sandbox->name)) {
			open_counter();
			prepare(sandbox->enter, name);
			return true;
		}
	for (const struct stranger *stranger = strangers; stranger->name; stranger++)
		if (!strcmp(name, stranger->name)) {
			prepare(stranger->expel, name);
			return true;
		}
	return false;
}

static int go_on(char **words)
{
	static const struct {
		const char *word;
		int (*where)(char **words);
	} places[] = {
		{"thread", in_thread},	 {"fork", in_fork},	  {"vfork", in_vfork},
		{"exec", in_exec},	 {"static", in_static},	  {"dlopen", in_dlopen},
		{"unheard", in_unheard}, {"pending", in_pending}, {"full", in_full},
		{"bare", in_bare},	 {"32-bit", in_32_bit},	  {"spawn", in_spawn},
		{"crowd", in_crowd},
	};

	if (!words[0])
		return EXIT_FAILURE;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!strcmp(words[0], places[i].word))
			return places[i].where(words + 1);
	if (is_prepared(words[0]))
		return go_on(words + 1);
	if (!strcmp(words[0], "properties"))
		return print_properties();
	if (!strcmp(words[0], "preloaded"))
		return puts(getenv("LD_PRELOAD") ?: "nothing") < 0;
	if (!strcmp(words[0], "entry") && words[1])
		return try_entries(words + 1);
	if (!strcmp(words[0], "minor") && words[1])
		return handle_minor_faults(words[1]);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static char printed[BUFSIZ];

	/* Printing then makes no system call except write(2). */
	setvbuf(stdout, printed, _IOFBF, sizeof(printed));
	self = argc ? argv[0] : "";
	const int status = argc > 1 ? go_on(argv + 1) : EXIT_FAILURE;

	if (status == EXIT_FAILURE)
		fprintf(stderr, "probe: failed\n");
	return status;
}
