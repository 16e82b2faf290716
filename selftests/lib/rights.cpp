// SPDX-License-Identifier: GPL-2.0-only
#include "lib/rights.hpp"

#include "harness/harness.hpp"

#include <cerrno>
#include <fstream>
#include <grp.h>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace selftests {

namespace {

bool write_to(const std::string &path, const std::string &text)
{
	return static_cast<bool>(std::ofstream(path) << text << std::flush);
}

} // namespace

ReservedKernelFaults::ReservedKernelFaults()
{
	if (!write_to(kernel_faults_parameter, "0"))
		give_up("the module's parameter can't be set");
}

ReservedKernelFaults::~ReservedKernelFaults()
{
	write_to(kernel_faults_parameter, "1");
}

void become_nobody()
{
	checked(::setgroups(0, nullptr));
	checked(::setresgid(nobody, nobody, nobody));
	checked(::setresuid(nobody, nobody, nobody));
	/* As after exec: the process may read and write its own files in /proc. */
	checked(::prctl(PR_SET_DUMPABLE, 1));
}

bool become_root_of_namespace()
{
	become_nobody();
	return ::unshare(CLONE_NEWUSER) == 0 &&
	       write_to("/proc/self/uid_map", "0 " + std::to_string(nobody) + " 1") &&
	       ::getuid() == 0;
}

int error_of_reading(pid_t pid, const Memory &memory)
{
	std::uint64_t word = 0;
	const iovec local{&word, sizeof(word)}, remote{memory.page(0), sizeof(word)};

	return ::process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0 ? errno : 0;
}

} // namespace selftests
