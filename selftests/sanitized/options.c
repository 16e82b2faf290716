// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options of the sanitizers, whose runtimes call these functions. The environment wouldn't do:
 * some tests execute programs without one.
 *
 * A report ends its process by SIGABRT. With kernel.print-fatal-signals, the kernel's log then says
 * so. The supervisor reads the log: so a report fails its test even if nobody looks at the exit
 * status of that process. No handlers are installed for signals that tests expect as the end of a
 * process.
 */
#include <stdbool.h>

#define EVERY_RUNTIME                                                                              \
	"abort_on_error=1:halt_on_error=1:disable_coredump=0:"                                     \
	"handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0"

/* They are called before anything is ready for what the sanitizers add to a function. */
#define OPTIONS __attribute__((visibility("default"), no_sanitize_address, no_sanitize_thread))

OPTIONS const char *__asan_default_options(void);
OPTIONS const char *__ubsan_default_options(void);
OPTIONS const char *__tsan_default_options(void);

/* The preloaded library has to come before the runtime, as it comes before libc. */
const char *__asan_default_options(void)
{
	return EVERY_RUNTIME ":verify_asan_link_order=0";
}

const char *__ubsan_default_options(void)
{
	return EVERY_RUNTIME ":print_stacktrace=1";
}

/* In redirected.c, where that is linked in. */
extern const bool is_redirected __attribute__((weak));

/*
 * Children of a process with threads may start threads, too. To find the names of functions for a
 * report the runtime opens files: the preloaded library would take these calls over, and then the
 * runtime would wait for itself. So its reports have addresses, for addr2line(1).
 */
const char *__tsan_default_options(void)
{
	return &is_redirected ? EVERY_RUNTIME ":die_after_fork=0:symbolize=0"
			      : EVERY_RUNTIME ":die_after_fork=0";
}
