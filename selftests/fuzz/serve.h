/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_SERVE_H
#define FUZZ_SERVE_H

#include "program.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs programs until the requests end: for each byte that comes in, the program that is in
 * @shared runs in a child, and then an enum fuzz_end goes out. If none does, the caller has to
 * kill the process group shared->child. Runs on one @processor.
 */
void serve(struct fuzz_shared *shared, int requests, int answers, int processor);

#ifdef __cplusplus
}
#endif

#endif
