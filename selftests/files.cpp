// SPDX-License-Identifier: GPL-2.0-only
#include "files.hpp"

#include "harness.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <userfault/range.hpp>

namespace selftests {

using userfault::Fd;

userfault::Fd ordinary_file(std::size_t pages)
{
	const Fd context(static_cast<int>(checked(::fsopen("ramfs", FSOPEN_CLOEXEC))));
	checked(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
	const Fd root(static_cast<int>(checked(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0))));
	Fd file(static_cast<int>(
		checked(::openat(root.get(), "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600))));

	checked(::ftruncate(file.get(), static_cast<off_t>(pages * userfault::page_size())));
	return file;
}

} // namespace selftests
