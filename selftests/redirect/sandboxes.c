// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "sandboxes.h"

#include "entries.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

/* --- other folders ------------------------------------------------------------- */

static int empty_root(void)
{
	if (mkdir("/tmp/empty", 0755) && errno != EEXIST)
		return -1;
	return chroot("/tmp/empty") || chdir("/");
}

/* A mount namespace without devices. */
static int no_devices(void)
{
	return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	       mount("none", "/dev", "tmpfs", 0, NULL);
}

/* An empty rule: no file may be opened. */
static int landlock(void)
{
	const struct landlock_ruleset_attr rules = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE,
	};
	const int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	return fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       syscall(SYS_landlock_restrict_self, fd, 0) || close(fd);
}

/* --- fewer rights -------------------------------------------------------------- */

static int nobody(void)
{
	return setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	       setresuid(NOBODY, NOBODY, NOBODY);
}

static int no_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {};

	return (int)syscall(SYS_capset, &header, none);
}

/* In the namespace the program has all capabilities, outside of it none. */
static int user_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static int few_descriptors(void)
{
	const int lowest = dup(STDOUT_FILENO);
	const struct rlimit limit = {(rlim_t)lowest + 1, (rlim_t)lowest + 1};

	return lowest < 0 || close(lowest) || setrlimit(RLIMIT_NOFILE, &limit);
}

/* --- filters ------------------------------------------------------------------- */

static int filter(const unsigned int *numbers, size_t length, unsigned int listed,
		  unsigned int others)
{
	struct sock_filter code[64] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.len = 1, .filter = code};

	for (size_t i = 0; i < length; i++) {
		code[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								   numbers[i], 0, 1);
		code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static int no_open(void)
{
	static const unsigned int numbers[] = {SYS_open, SYS_openat, SYS_openat2};

	return filter(numbers, LENGTH_OF(numbers), SECCOMP_RET_ERRNO | EACCES, SECCOMP_RET_ALLOW);
}

static int no_userfaultfd(void)
{
	static const unsigned int numbers[] = {SYS_userfaultfd};

	return filter(numbers, LENGTH_OF(numbers), SECCOMP_RET_ERRNO | EXFULL, SECCOMP_RET_ALLOW);
}

/* A call that the program doesn't make itself on native userfaultfd kills it. */
static int only_needed(void)
{
	static const unsigned int numbers[] = {SYS_userfaultfd, SYS_ioctl, SYS_pread64, SYS_write,
					       SYS_close,	SYS_exit_group};

	return filter(numbers, LENGTH_OF(numbers), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
}

const struct sandbox sandboxes[] = {
	{"empty-root", empty_root},
	{"no-devices", no_devices},
	{"landlock", landlock},
	{"nobody", nobody},
	{"no-capabilities", no_capabilities},
	{"user-namespace", user_namespace},
	{"few-descriptors", few_descriptors},
	{"no-open", no_open},
	{"no-userfaultfd", no_userfaultfd},
	{"only-needed", only_needed},
	{"device-open", open_device},
	{},
};
