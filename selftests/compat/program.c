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

#include <abi_asserts.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(void *) == 4, "to be built with -m32");

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
