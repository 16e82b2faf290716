// SPDX-License-Identifier: GPL-2.0-only
#include "stderr.h"

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int reader;

static void require(int is_so, const char *what)
{
	if (is_so)
		return;
	printf("%s: %s\n", what, strerrorname_np(errno));
	exit(EXIT_FAILURE);
}

static void make_stderr_pipe(void)
{
	int ends[2];

	require(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
	require(dup2(ends[1], STDERR_FILENO) >= 0, "dup2");
	close(ends[1]);
	reader = ends[0];
}

void close_stderr_pipe(void)
{
	make_stderr_pipe();
	close(reader);
}

void fill_stderr_pipe(void)
{
	static const char page[4096];

	make_stderr_pipe();
	while (write(STDERR_FILENO, page, sizeof(page)) > 0)
		;
	require(errno == EAGAIN, "filling the pipe");
}

static void drain(int to)
{
	char page[4096];
	ssize_t length;

	while ((length = read(reader, page, sizeof(page))) > 0)
		if (to >= 0)
			require(write(to, page, (size_t)length) == length, "write");
	require(length < 0 && errno == EAGAIN, "emptying the pipe");
}

void empty_stderr_pipe(void)
{
	drain(-1);
}

void print_stderr_pipe(void)
{
	fflush(stdout);
	drain(STDOUT_FILENO);
}
