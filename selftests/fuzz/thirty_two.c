// SPDX-License-Identifier: GPL-2.0-only
/* The executor as a program of its own, which is built for 32 bits. */
#include "serve.h"

#include <stdlib.h>
#include <sys/mman.h>

_Static_assert(sizeof(struct fuzz_call) == 48, "both executors have the same layout");
_Static_assert(sizeof(struct fuzz_record) == 56, "both executors have the same layout");
_Static_assert(sizeof(struct fuzz_program) == 8 + FUZZ_CALLS * 48, "both have the same layout");

int main(int argc, char **argv)
{
	struct fuzz_shared *shared =
		mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, FUZZ_SHARED_FD, 0);

	if (argc < 2 || shared == MAP_FAILED)
		return 1;
	serve(shared, FUZZ_REQUESTS_FD, FUZZ_ANSWERS_FD, atoi(argv[1]));
	return 0;
}
