/* SPDX-License-Identifier: MIT */
/*
 * userfault-run: starts a program written for userfaultfd(2) or /dev/userfaultfd on the userfault
 * module, unmodified.
 *
 *	# insmod userfault.ko
 *	# userfault-run stress-ng --userfaultfd 1 --userfaultfd-ops 1000
 *
 * It checks that this can be done, opens the module's device, sees to it that the kernel's own
 * userfaultfd is never used instead, and executes the program with a library preloaded
 * (redirect.c). The program's children inherit the library (inherit.c) and the device
 * (descriptor.c).
 */
#include "device.hpp"
#include "failure.hpp"
#include "guard.hpp"
#include "program.hpp"
#include "redirect.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <getopt.h>
#include <iostream>
#include <unistd.h>

using namespace redirect;

namespace {

constexpr const char *usage =
	"usage: userfault-run [-d DEVICE] [-v] PROGRAM [ARGUMENT]...\n"
	"\n"
	"Runs a program written for userfaultfd(2) or " NATIVE_DEVICE " on the userfault module.\n"
	"\n"
	"  -d, --device DEVICE  the module's device (default: " USERFAULT_DEVICE ")\n"
	"  -v, --verbose        report each redirected call on stderr\n"
	"  -h, --help           print this\n"
	"\n"
	"Exit status: the program's own; 127 if it isn't there; 126 if it can't be run at all, or\n"
	"not on the module; 125 if userfault-run can't do its work.\n";

struct Options {
	std::string device = USERFAULT_DEVICE;
	bool verbose = false;
	char **command;
};

Options options_from(int argc, char **argv)
{
	static const option known[] = {
		{"device", required_argument, nullptr, 'd'},
		{"verbose", no_argument, nullptr, 'v'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	Options options;

	for (int key; (key = ::getopt_long(argc, argv, "+d:vh", known, nullptr)) != -1;)
		switch (key) {
		case 'd':
			options.device = optarg;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			std::cout << usage;
			std::exit(EXIT_SUCCESS);
		default:
			throw Failure(Exit::failed, "the command line makes no sense",
				      "See userfault-run --help.");
		}
	if (optind == argc)
		throw Failure(Exit::failed, "no program is named", "See userfault-run --help.");
	options.command = argv + optind;
	return options;
}

/* In the build folder the library is beside this program; installed, it is in libexec. */
std::string find_library()
{
	const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();

	for (const auto &folder : {here, here.parent_path() / "libexec/userfault"}) {
		const auto path = folder / REDIRECT_LIBRARY;

		if (::access(path.c_str(), R_OK))
			continue;
		if (path.string().find_first_of(" :\t\n") != std::string::npos)
			throw Failure(Exit::failed,
				      path.string() +
					      " can't be preloaded: LD_PRELOAD takes no path "
					      "with a space or colon",
				      "Install it elsewhere.");
		return path;
	}
	throw Failure(Exit::failed, "the library to preload, " REDIRECT_LIBRARY ", is not there",
		      "Install it again: make install-user.");
}

void set(const char *variable, const std::string &value)
{
	if (::setenv(variable, value.c_str(), 1))
		throw Failure(Exit::failed,
			      std::string(variable) + " can't be set: " + std::strerror(errno), "");
}

void set_environment(const Options &options, const Device &device)
{
	const char *others = std::getenv("LD_PRELOAD");

	set("LD_PRELOAD", find_library() + (others && *others ? std::string(":") + others : ""));
	set(REDIRECT_DEVICE_VARIABLE, std::filesystem::absolute(options.device));
	set(REDIRECT_DESCRIPTOR_VARIABLE,
	    std::to_string(device.descriptor) + ':' + std::to_string(device.number));
	if (options.verbose)
		set(REDIRECT_VERBOSE_VARIABLE, "1");
	else
		::unsetenv(REDIRECT_VERBOSE_VARIABLE);
}

[[noreturn]] void run(const Options &options)
{
	const auto path = find_program(options.command[0]);

	check_program(path);
	set_environment(options, open_device(options.device));
	refuse_native();
	/* Also runs scripts that name no interpreter. Searches no folder: the path has a slash. */
	::execvp(path.c_str(), options.command);
	throw Failure(errno == ENOENT ? Exit::not_found : Exit::cannot_start,
		      path + " can't be run: " + std::strerror(errno), "");
}

} // namespace

int main(int argc, char **argv)
try {
	run(options_from(argc, argv));
} catch (const Failure &failure) {
	std::cerr << "userfault-run: " << failure.what() << '\n';
	if (!failure.remedy.empty())
		std::cerr << "  " << failure.remedy << '\n';
	return static_cast<int>(failure.status);
} catch (const std::exception &error) {
	std::cerr << "userfault-run: " << error.what() << '\n';
	return static_cast<int>(Exit::failed);
}
