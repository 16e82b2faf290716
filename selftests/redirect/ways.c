// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way in which a program may execute another, without an environment to inherit.
 */
#define _GNU_SOURCE
#include "ways.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

static char *const nothing[] = {NULL};

/* These return only if they fail. */
static void by_execve(char **a) { execve(a[0], a, nothing); }
static void by_execve_null(char **a) { syscall(SYS_execve, a[0], a, NULL); }
static void by_execv(char **a) { execv(a[0], a); }
static void by_execvp(char **a) { execvp(a[0], a); }
static void by_execvpe(char **a) { execvpe(a[0], a, nothing); }
static void by_fexecve(char **a) { fexecve(open(a[0], O_PATH), a, nothing); }
static void by_execveat(char **a) { execveat(AT_FDCWD, a[0], a, nothing, 0); }
static void by_syscall(char **a) { syscall(SYS_execve, a[0], a, nothing); }
static void by_syscall_at(char **a) { syscall(SYS_execveat, AT_FDCWD, a[0], a, nothing, 0); }

/* More arguments than a call has registers for. The first NULL ends them, so there may be fewer. */
static void by_execl(char **a)
{
	execl(a[0], a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], NULL);
}

static void by_execlp(char **a)
{
	execlp(a[0], a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], NULL);
}

/* The environment follows the first NULL. The probe ignores empty words at the end. */
static void by_execle(char **argv)
{
	char *a[8];

	for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++)
		a[i] = *argv ? *argv++ : "";
	execle(a[0], a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], NULL, nothing);
}

static void with_others(char **a, const char *other)
{
	char variable[4096];
	char *const env[] = {variable, NULL};

	snprintf(variable, sizeof(variable), "LD_PRELOAD=%s", other);
	execve(a[0], a, env);
}

static const struct {
	const char *name;
	void (*execute)(char **argv);
} executing[] = {
	{"execve", by_execve},	   {"execve-null", by_execve_null},
	{"execv", by_execv},	   {"execvp", by_execvp},
	{"execvpe", by_execvpe},   {"execl", by_execl},
	{"execlp", by_execlp},	   {"execle", by_execle},
	{"fexecve", by_fexecve},   {"execveat", by_execveat},
	{"syscall", by_syscall},   {"syscall-at", by_syscall_at},
};

static int exit_status(int status)
{
	return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* These return when the program has ended. */
static int by_spawn(char **argv, typeof(posix_spawn) *spawn)
{
	pid_t child;
	int status;

	if (spawn(&child, argv[0], NULL, NULL, argv, nothing) || waitpid(child, &status, 0) < 0)
		return EXIT_FAILURE;
	return exit_status(status);
}

static void join(char **argv, char *line, size_t size)
{
	size_t length = 0;

	for (; *argv && length < size; argv++)
		length += (size_t)snprintf(line + length, size - length, "%s ", *argv);
}

static int by_system(char **argv)
{
	char line[1024];

	join(argv, line, sizeof(line));
	return exit_status(system(line));
}

static int by_popen(char **argv)
{
	char line[1024];

	join(argv, line, sizeof(line));
	FILE *output = popen(line, "r");

	if (!output)
		return EXIT_FAILURE;
	while (fgets(line, sizeof(line), output))
		fputs(line, stdout);
	return exit_status(pclose(output));
}

static int by_wordexp(char **argv)
{
	char line[1024], command[1024 + 8];
	wordexp_t words;

	join(argv, line, sizeof(line));
	snprintf(command, sizeof(command), "$(%s)", line);
	if (wordexp(command, &words, WRDE_SHOWERR))
		return EXIT_FAILURE;
	for (size_t i = 0; i < words.we_wordc; i++)
		puts(words.we_wordv[i]);
	wordfree(&words);
	return EXIT_SUCCESS;
}

static void execute(const char *name, char **argv, const char *other, const char *kept)
{
	if (!strcmp(name, "others"))
		with_others(argv, other);
	if (!strcmp(name, "kept"))
		with_others(argv, kept ? kept : "");
	for (size_t i = 0; i < sizeof(executing) / sizeof(executing[0]); i++)
		if (!strcmp(name, executing[i].name))
			executing[i].execute(argv);
}

int run_barely(const char *name, char **argv, const char *other)
{
	const char *preloaded = getenv("LD_PRELOAD");

	clearenv();
	if (!strcmp(name, "posix_spawn"))
		return by_spawn(argv, posix_spawn);
	if (!strcmp(name, "posix_spawnp"))
		return by_spawn(argv, posix_spawnp);
	if (!strcmp(name, "system"))
		return by_system(argv);
	if (!strcmp(name, "popen"))
		return by_popen(argv);
	if (!strcmp(name, "wordexp"))
		return by_wordexp(argv);
	execute(name, argv, other, preloaded);
	perror(name);
	return EXIT_FAILURE;
}
