// SPDX-License-Identifier: GPL-2.0-only
/* A 32-bit program with a dynamic linker: only to be refused, never run. */
void _start(void)
{
	for (;;)
		;
}
