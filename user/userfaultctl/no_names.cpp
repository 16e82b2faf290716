// SPDX-License-Identifier: MIT
/*
 * libnl can look up names of hosts and protocols, and nobody here asks it to. In a static program
 * that would need libc's shared libraries, of which the linker warns: so these are in libc's place.
 */
#include <netdb.h>

extern "C" {

int getaddrinfo(const char *, const char *, const addrinfo *, addrinfo **)
{
	return EAI_FAIL;
}

void freeaddrinfo(addrinfo *) noexcept {}

protoent *getprotobyname(const char *)
{
	return nullptr;
}

protoent *getprotobynumber(int)
{
	return nullptr;
}

} // extern "C"
