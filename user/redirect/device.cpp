/* SPDX-License-Identifier: MIT */
#include "device.hpp"

#include "failure.hpp"
#include "redirect.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>

#include <linux/major.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace redirect {

namespace {

[[noreturn]] void refuse(const std::string &why, const std::string &remedy)
{
	throw Failure(Exit::failed, why, remedy);
}

/* The name under which a driver has announced a misc device; empty if none has. */
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

int open_for_ioctl(const std::string &path)
{
	const int fd = ::open(path.c_str(), O_ACCMODE);

	if (fd >= 0)
		return fd;

	const auto why = path + " can't be opened: " + std::strerror(errno);

	if (errno == EACCES || errno == EPERM)
		refuse(why, "Become root, or join the group that may open the device.");
	refuse(why,
	       "Load the module again: modprobe userfault, or insmod build/running/userfault.ko.");
}

/* Raises the limit of descriptors to @wanted as long as this lives, if the process may do that. */
struct RaisedLimit {
	explicit RaisedLimit(rlim_t wanted)
	{
		::getrlimit(RLIMIT_NOFILE, &before);
		const rlimit raised{std::max(before.rlim_cur, wanted),
				    std::max(before.rlim_max, wanted)};
		::setrlimit(RLIMIT_NOFILE, &raised);
	}
	~RaisedLimit() { ::setrlimit(RLIMIT_NOFILE, &before); }

	rlimit before;
};

/*
 * Moves @fd to the first number that the program may not use, or, if the limit can't be raised for
 * that, to the last free one that it may use. The kernel's tables are as long as the highest
 * number: so with a very high limit it is a lower one, to which few programs come.
 */
int out_of_the_way(int fd)
{
	constexpr rlim_t high = 1024;
	rlimit limit;

	::getrlimit(RLIMIT_NOFILE, &limit);
	const int first = static_cast<int>(std::min(limit.rlim_cur, high));
	const RaisedLimit raised(static_cast<rlim_t>(first) + REDIRECT_REACH);

	for (int number = first; number > fd; number--)
		if (const int moved = ::fcntl(fd, F_DUPFD, number); moved >= 0) {
			::close(fd);
			return moved;
		}
	return fd;
}

} // namespace

Device open_device(const std::string &path)
{
	struct stat status;

	if (::stat(path.c_str(), &status))
		refuse("there is no " + path + ": " + std::strerror(errno),
		       "Load the module: modprobe userfault, or insmod build/running/userfault.ko.");
	if (!S_ISCHR(status.st_mode) || driver_of(status.st_rdev) != "userfault")
		refuse(path + " is not a device of the userfault module",
		       "Leave -d out: userfault-run takes /dev/userfault then.");
	return {out_of_the_way(open_for_ioctl(path)), status.st_rdev};
}

} // namespace redirect
