// SPDX-License-Identifier: GPL-2.0-only
/* Accesses that may end in a signal. */
#include "executor.h"

#include <signal.h>
#include <string.h>

static void rescue(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!self || !self->guarded)
		_Exit(128 + number);
	siglongjmp(self->rescue, FUZZ_SIGNAL | number << 8 | info->si_code);
}

void catch_signals(void)
{
	struct sigaction action = {.sa_sigaction = rescue, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

int guarded_load(uint64_t address, uint8_t *value)
{
	int signal = sigsetjmp(self->rescue, 0);

	if (!signal) {
		self->guarded = true;
		*value = *(volatile uint8_t *)(uintptr_t)address;
	}
	self->guarded = false;
	return signal;
}

int guarded_store(uint64_t address, uint8_t value)
{
	int signal = sigsetjmp(self->rescue, 0);

	if (!signal) {
		self->guarded = true;
		*(volatile uint8_t *)(uintptr_t)address = value;
	}
	self->guarded = false;
	return signal;
}

int guarded_copy(void *to, const void *from, size_t size)
{
	int signal = sigsetjmp(self->rescue, 0);

	if (!signal) {
		self->guarded = true;
		memcpy(to, from, size);
	}
	self->guarded = false;
	return signal;
}
