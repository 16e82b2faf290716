/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_STDERR_H
#define SELFTESTS_REDIRECT_STDERR_H

/* All of these end the program if they fail. */

/* From here on stderr is a pipe without a reader. */
void close_stderr_pipe(void);

/* From here on stderr is a non-blocking pipe that is full until it is emptied. */
void fill_stderr_pipe(void);
void empty_stderr_pipe(void);
/* Prints on stdout what has been written to the pipe since it was emptied. */
void print_stderr_pipe(void);

#endif
