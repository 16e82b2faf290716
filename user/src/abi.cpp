/* SPDX-License-Identifier: MIT */
/* The library is compiled only if the header is the ABI as it is frozen. */
#include <abi_asserts.h>
