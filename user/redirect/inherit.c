/* SPDX-License-Identifier: MIT */
/*
 * If a program executes another, that is served as well, even if the first one has cleared its
 * environment or made a new one: these functions add the variables again by which userfault-run has
 * had this library loaded.
 *
 * A child of vfork(), which shares its parent's memory, may call these functions: so they make new
 * environments on the stack. Only system(), popen() and wordexp(), which no such child may call,
 * change the program's own environment.
 */
#define _GNU_SOURCE
#include "library.h"
#include "redirect.h"

#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wordexp.h>

/* Of glibc 2.39 and later */
int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const *argv, char *const *env);
int pidfd_spawnp(int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const *argv, char *const *env);

static struct {
	int (*_Atomic execve)(const char *path, char *const *argv, char *const *env);
	int (*_Atomic execvpe)(const char *file, char *const *argv, char *const *env);
	int (*_Atomic fexecve)(int fd, char *const *argv, char *const *env);
	int (*_Atomic execveat)(int folder, const char *path, char *const *argv, char *const *env,
				int flags);
	typeof(posix_spawn) *_Atomic posix_spawn;
	typeof(posix_spawnp) *_Atomic posix_spawnp;
	typeof(pidfd_spawn) *_Atomic pidfd_spawn;
	typeof(pidfd_spawnp) *_Atomic pidfd_spawnp;
	int (*_Atomic system)(const char *command);
	FILE *(*_Atomic popen)(const char *command, const char *mode);
	int (*_Atomic wordexp)(const char *words, wordexp_t *expanded, int flags);
} next;

/* --- what is inherited --------------------------------------------------------- */

#define PRELOAD "LD_PRELOAD"

static const char *const names[] = {REDIRECT_DEVICE_VARIABLE, REDIRECT_DESCRIPTOR_VARIABLE,
				    REDIRECT_VERBOSE_VARIABLE};

/* Not changed any more once "inherited" points to it */
struct inheritance {
	char library[4096];			     /* our path, empty: nothing is inherited */
	char variables[LENGTH_OF(names)][4096 + 64]; /* the others as NAME=VALUE */
};

static const struct inheritance nothing;
static _Atomic(const struct inheritance *) inherited; /* NULL: not known yet */
static atomic_bool is_ready;

/* The value if @variable, NAME=VALUE, is that of @name; else NULL. */
static const char *value_in(const char *variable, const char *name)
{
	const size_t length = strlen(name);

	return strncmp(variable, name, length) || variable[length] != '=' ? NULL
									  : variable + length + 1;
}

/* Whether @list, a value of LD_PRELOAD, has @library. A space or a colon separates its entries. */
static bool has_library(const char *list, const char *library)
{
	const size_t length = strlen(library);

	for (const char *at = list; (at = strstr(at, library)); at += length)
		if ((at == list || strchr(" :", at[-1])) && strchr(" :", at[length]))
			return true;
	return false;
}

/* Whether the environment has us loaded. */
static bool read_environment(struct inheritance *read)
{
	const char *preloaded = getenv(PRELOAD);
	Dl_info self;

	if (!preloaded || !dladdr(names, &self) || strlen(self.dli_fname) >= sizeof(read->library))
		return false;
	strcpy(read->library, self.dli_fname);
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		const char *value = getenv(names[i]);

		if (value)
			snprintf(read->variables[i], sizeof(read->variables[i]), "%s=%s", names[i],
				 value);
	}
	return has_library(preloaded, read->library);
}

/*
 * The first of several threads decides what is inherited, and it stays so. Memory comes from the
 * kernel, since this may be in a signal handler; without any, nothing is inherited.
 */
static void remember_environment(void)
{
	const struct inheritance *unknown = NULL;
	struct inheritance *read = mmap(NULL, sizeof(*read), PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (read == MAP_FAILED) {
		atomic_compare_exchange_strong(&inherited, &unknown, &nothing);
		return;
	}
	if (!read_environment(read))
		read->library[0] = '\0';
	if (!atomic_compare_exchange_strong(&inherited, &unknown, read))
		munmap(read, sizeof(*read));
}

static void get_ready(void)
{
	next.execve = dlsym(RTLD_NEXT, "execve");
	next.execvpe = dlsym(RTLD_NEXT, "execvpe");
	next.fexecve = dlsym(RTLD_NEXT, "fexecve");
	next.execveat = dlsym(RTLD_NEXT, "execveat");
	next.posix_spawn = dlsym(RTLD_NEXT, "posix_spawn");
	next.posix_spawnp = dlsym(RTLD_NEXT, "posix_spawnp");
	next.pidfd_spawn = dlsym(RTLD_NEXT, "pidfd_spawn");
	next.pidfd_spawnp = dlsym(RTLD_NEXT, "pidfd_spawnp");
	next.system = dlsym(RTLD_NEXT, "system");
	next.popen = dlsym(RTLD_NEXT, "popen");
	next.wordexp = dlsym(RTLD_NEXT, "wordexp");
	remember_environment();
}

static inline void ensure_ready(void)
{
	ensure(&is_ready, get_ready);
}

__attribute__((constructor)) static void be_ready(void)
{
	ensure_ready();
}

/* --- environments -------------------------------------------------------------- */

static const char *value_of(const char *name, char *const *env)
{
	for (; env && *env; env++) {
		const char *value = value_in(*env, name);

		if (value)
			return value;
	}
	return NULL;
}

static bool is_complete(char *const *env, const struct inheritance *us)
{
	const char *preloaded = value_of(PRELOAD, env);

	if (!preloaded || !has_library(preloaded, us->library))
		return false;
	for (size_t i = 0; i < LENGTH_OF(names); i++)
		if (us->variables[i][0] && !value_of(names[i], env))
			return false;
	return true;
}

/* Bytes that write_preload() needs at most */
static size_t preload_size(char *const *env, const char *library)
{
	const char *others = value_of(PRELOAD, env);

	return sizeof(PRELOAD "=") + strlen(library) + (others ? 1 + strlen(others) : 0);
}

/* Writes LD_PRELOAD with @library and with what @others has, which is its old value or NULL. */
static void write_preload(char *to, const char *others, const char *library)
{
	to = stpcpy(to, PRELOAD "=");
	if (!others || !has_library(others, library)) {
		to = stpcpy(to, library);
		if (others && *others)
			to = stpcpy(to, ":");
	}
	if (others)
		stpcpy(to, others);
}

/* How many pointers with_us() needs room for. Comes before each use of "next" and "inherited". */
static size_t room_for(char *const *env)
{
	const struct inheritance *us;
	size_t length = LENGTH_OF(names) + 2; /* LD_PRELOAD, NULL */

	ensure_ready();
	us = inherited;
	for (char *const *each = env; each && *each; each++)
		length++;
	return length + preload_size(env, us->library) / sizeof(char *) + 1;
}

/* @env if it is complete, else a new environment in @room that is. */
static char *const *with_us(char *const *env, char **room)
{
	const struct inheritance *us = inherited;
	const char *others = value_of(PRELOAD, env);
	char **variable = room;

	if (!us->library[0] || is_complete(env, us))
		return env;
	for (char *const *each = env; each && *each; each++)
		if (!value_in(*each, PRELOAD))
			*variable++ = *each;
	for (size_t i = 0; i < LENGTH_OF(names); i++)
		if (us->variables[i][0] && !value_of(names[i], env))
			*variable++ = (char *)us->variables[i];

	char *preload = (char *)(variable + 2);

	*variable++ = preload;
	*variable = NULL;
	write_preload(preload, others, us->library);
	return room;
}

static void copy_variable(const char *name, char *const *env)
{
	const char *value = value_of(name, env);

	if (value)
		setenv(name, value, true);
}

static void complete_own_environment(void)
{
	char *room[room_for(environ)];
	char *const *wanted = with_us(environ, room);

	if (wanted == environ)
		return;
	copy_variable(PRELOAD, wanted);
	for (size_t i = 0; i < LENGTH_OF(names); i++)
		copy_variable(names[i], wanted);
}

/* --- what is called in libc's place -------------------------------------------- */

EXPORT int execve(const char *path, char *const *argv, char *const *env)
{
	char *room[room_for(env)];

	return NEXT(execve)(path, argv, with_us(env, room));
}

EXPORT int execv(const char *path, char *const *argv)
{
	return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const *argv, char *const *env)
{
	char *room[room_for(env)];

	return NEXT(execvpe)(file, argv, with_us(env, room));
}

EXPORT int execvp(const char *file, char *const *argv)
{
	return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const *argv, char *const *env)
{
	char *room[room_for(env)];

	return NEXT(fexecve)(fd, argv, with_us(env, room));
}

EXPORT int execveat(int folder, const char *path, char *const *argv, char *const *env, int flags)
{
	char *room[room_for(env)];

	return NEXT(execveat)(folder, path, argv, with_us(env, room), flags);
}

/* The number of arguments, with @first and the NULL at the end. Leaves @rest where it is. */
static size_t count_arguments(const char *first, va_list rest)
{
	size_t length = 1;
	va_list counted;

	va_copy(counted, rest);
	for (const char *each = first; each; each = va_arg(counted, const char *))
		length++;
	va_end(counted);
	return length;
}

static void list_arguments(char **argv, const char *first, va_list *rest)
{
	for (const char *each = first; (*argv++ = (char *)each); each = va_arg(*rest, const char *))
		;
}

EXPORT int execl(const char *path, const char *first, ...)
{
	va_list rest;

	va_start(rest, first);
	char *argv[count_arguments(first, rest)];
	list_arguments(argv, first, &rest);
	va_end(rest);
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	va_list rest;

	va_start(rest, first);
	char *argv[count_arguments(first, rest)];
	list_arguments(argv, first, &rest);
	va_end(rest);
	return execvpe(file, argv, environ);
}

/* The environment comes after the NULL. */
EXPORT int execle(const char *path, const char *first, ...)
{
	va_list rest;

	va_start(rest, first);
	char *argv[count_arguments(first, rest)];
	list_arguments(argv, first, &rest);
	char *const *env = va_arg(rest, char *const *);
	va_end(rest);
	return execve(path, argv, env);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
	char *room[room_for(env)];

	return NEXT(posix_spawn)(pid, path, actions, attributes, argv, with_us(env, room));
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
	char *room[room_for(env)];

	return NEXT(posix_spawnp)(pid, file, actions, attributes, argv, with_us(env, room));
}

EXPORT int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
	char *room[room_for(env)];

	if (!NEXT(pidfd_spawn))
		return ENOSYS;
	return NEXT(pidfd_spawn)(pidfd, path, actions, attributes, argv, with_us(env, room));
}

EXPORT int pidfd_spawnp(int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
	char *room[room_for(env)];

	if (!NEXT(pidfd_spawnp))
		return ENOSYS;
	return NEXT(pidfd_spawnp)(pidfd, file, actions, attributes, argv, with_us(env, room));
}

EXPORT int system(const char *command)
{
	complete_own_environment();
	return NEXT(system)(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	complete_own_environment();
	return NEXT(popen)(command, mode);
}

/* This executes commands that are in the words. */
EXPORT int wordexp(const char *words, wordexp_t *expanded, int flags)
{
	complete_own_environment();
	return NEXT(wordexp)(words, expanded, flags);
}
