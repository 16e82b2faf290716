// SPDX-License-Identifier: GPL-2.0-only
#include "lib/files.hpp"

#include "harness/harness.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>
#include <userfault/range.hpp>

namespace selftests {

using userfault::Fd;

namespace {

/* A file system that only this process sees, mounted with @option = @value if that is given. */
Fd mounted(const char *type, const char *option = nullptr, const char *value = nullptr)
{
	const Fd context(static_cast<int>(checked(::fsopen(type, FSOPEN_CLOEXEC))));

	if (option)
		checked(::fsconfig(context.get(), FSCONFIG_SET_STRING, option, value, 0));
	checked(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
	return Fd(static_cast<int>(checked(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0))));
}

void set_pages(const Fd &file, std::size_t pages)
{
	checked(::ftruncate(file.get(), static_cast<off_t>(pages * userfault::page_size())));
}

Fd file_in(const Fd &root, std::size_t pages)
{
	Fd file(static_cast<int>(
		checked(::openat(root.get(), "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600))));

	set_pages(file, pages);
	return file;
}

} // namespace

Fd ordinary_file(std::size_t pages)
{
	return file_in(mounted("ramfs"), pages);
}

Fd shmem_file(std::size_t pages)
{
	Fd file(static_cast<int>(
		checked(::memfd_create("selftests", MFD_CLOEXEC | MFD_ALLOW_SEALING))));

	set_pages(file, pages);
	return file;
}

Fd huge_file(std::size_t pages)
{
	Fd file(static_cast<int>(checked(::memfd_create("selftests", MFD_CLOEXEC | MFD_HUGETLB))));

	set_pages(file, pages);
	return file;
}

Fd tmpfs_file(std::size_t pages, const char *option, const char *value)
{
	return file_in(mounted("tmpfs", option, value), pages);
}

int next_descriptor()
{
	const Fd next(static_cast<int>(checked(::eventfd(0, EFD_CLOEXEC))));

	return next.get();
}

Pipe::Pipe()
{
	int ends[2];

	checked(::pipe2(ends, O_CLOEXEC));
	out = Fd(ends[0]);
	in = Fd(ends[1]);
}

} // namespace selftests
