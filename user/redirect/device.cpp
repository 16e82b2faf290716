/* SPDX-License-Identifier: MIT */
#include "device.hpp"

#include "failure.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>

#include <linux/major.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace redirect {

namespace {

[[noreturn]] void refuse(const std::string &why, const std::string &remedy)
{
	throw Failure(Exit::failed, why, remedy);
}

/* The name by which the driver of a misc device has announced it; empty if there is none. */
std::string driver_of(dev_t device)
{
	std::ifstream drivers("/proc/misc");
	std::string name;

	if (!drivers)
		refuse("/proc/misc can't be read to see whose device it is", "Mount /proc.");
	for (unsigned int minor; drivers >> minor >> name;)
		if (::makedev(MISC_MAJOR, minor) == device)
			return name;
	return {};
}

void check_open(const std::string &path)
{
	const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		::close(fd);
		return;
	}

	const auto why = path + " can't be opened: " + std::strerror(errno);

	if (errno == EACCES || errno == EPERM)
		refuse(why, "Be root, or of the group that the device is open to.");
	refuse(why, "Load the module again: insmod userfault.ko.");
}

} // namespace

void check_device(const std::string &path)
{
	struct stat status;

	if (::stat(path.c_str(), &status))
		refuse("there is no " + path + ": " + std::strerror(errno),
		       "Load the module: insmod userfault.ko.");
	if (!S_ISCHR(status.st_mode) || driver_of(status.st_rdev) != "userfault")
		refuse(path + " is not a device of the userfault module",
		       "Leave it out: /dev/userfault is taken then.");
	check_open(path);
}

} // namespace redirect
