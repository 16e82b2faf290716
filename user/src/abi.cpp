/* SPDX-License-Identifier: MIT */
/* Stops the build of the library if the header is not the ABI as it is frozen. */
#include <abi_asserts.h>
