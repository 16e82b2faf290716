// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit program that uses userfaultfd, and prints what comes of it:
 *
 *	program SCENE DEVICE
 *
 * What it should print, compat_test.cpp knows. The structs of the ABI are the same for 32 and 64
 * bits, and so are the commands' numbers, in which their sizes are.
 */
#include "scenes.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(void *) == 4, "to be built with -m32");
_Static_assert(sizeof(struct uffd_msg) == 32, "uffd_msg");
_Static_assert(UFFDIO_API == 0xc018aa3f, "UFFDIO_API");
_Static_assert(UFFDIO_REGISTER == 0xc020aa00, "UFFDIO_REGISTER");
_Static_assert(UFFDIO_UNREGISTER == 0x8010aa01, "UFFDIO_UNREGISTER");
_Static_assert(UFFDIO_WAKE == 0x8010aa02, "UFFDIO_WAKE");
_Static_assert(UFFDIO_COPY == 0xc028aa03, "UFFDIO_COPY");
_Static_assert(UFFDIO_ZEROPAGE == 0xc020aa04, "UFFDIO_ZEROPAGE");
_Static_assert(UFFDIO_MOVE == 0xc028aa05, "UFFDIO_MOVE");
_Static_assert(UFFDIO_WRITEPROTECT == 0xc018aa06, "UFFDIO_WRITEPROTECT");
_Static_assert(UFFDIO_CONTINUE == 0xc020aa07, "UFFDIO_CONTINUE");
_Static_assert(UFFDIO_POISON == 0xc020aa08, "UFFDIO_POISON");
_Static_assert(UFFDIO_RWPROTECT == 0xc018aa09, "UFFDIO_RWPROTECT");
_Static_assert(UFFDIO_SET_MODE == 0x4010aa0a, "UFFDIO_SET_MODE");
_Static_assert(USERFAULTFD_IOC_NEW == 0xaa00, "USERFAULTFD_IOC_NEW");

static const struct scene {
	const char *name;
	void (*play)(const char *device);
} scenes[] = {
	{"handshake", play_handshake},
	{"ranges", play_ranges},
	{"fill", play_fill},
	{"poison", play_poison},
	{"move", play_move},
	{"faults", play_faults},
	{"kernel-fault", play_kernel_fault},
	{"protection", play_protection},
	{"minor", play_minor},
	{"events", play_events},
	{"watched", play_watched},
	{"monitor", play_monitor},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc == 3 && i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if (!strcmp(argv[1], scenes[i].name)) {
			scenes[i].play(argv[2]);
			return EXIT_SUCCESS;
		}
	fprintf(stderr, "usage: %s SCENE DEVICE\n", argv[0]);
	return EXIT_FAILURE;
}
