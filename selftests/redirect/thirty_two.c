// SPDX-License-Identifier: GPL-2.0-only
/* A 32-bit program with a dynamic linker: userfault-run has to refuse it, so it never runs. */
void _start(void)
{
	for (;;)
		;
}
