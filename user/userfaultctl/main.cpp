// SPDX-License-Identifier: MIT
/*
 * userfaultctl: shows what the userfault module's contexts do, and lets go on who is stuck.
 *
 * Exit status: 0, it is done; 1, the kernel refused it; 2, the command line makes no sense; 3, the
 * module isn't loaded; 4, doctor has found something.
 */
#include "commands.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace userfaultctl;

namespace {

enum Exit { done = 0, refused = 1, usage = 2, no_module = 3, ill = 4 };

unsigned terminal_width()
{
	winsize size{};

	return ::isatty(STDOUT_FILENO) && !::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col
		       ? size.ws_col
		       : 80;
}

/* https://no-color.org: a variable that isn't empty, whatever it says. */
bool may_colour()
{
	const char *no = std::getenv("NO_COLOR");

	return ::isatty(STDOUT_FILENO) && !(no && *no);
}

/* The command line's values, and what is to be done. */
struct Request {
	Output output{.out = std::cout, .colour = may_colour(), .width = terminal_width()};
	std::uint64_t id = 0;
	std::string device = "/dev/userfault";
	std::optional<std::uint64_t> only;
	std::optional<std::uint64_t> address;
	std::optional<double> interval;
	std::optional<unsigned> times;
	bool well = true; /* what doctor has found */
};

CLI::App *add(CLI::App &app, Request &request, const char *name, const char *what)
{
	auto *command = app.add_subcommand(name, what);

	command->add_flag("--json", request.output.json, "Print JSON, for programs");
	return command;
}

void add_commands(CLI::App &app, Request &request)
{
	add(app, request, "list", "List all contexts")->callback([&] {
		Client client;
		list(client, request.output);
	});

	auto *show_command = add(app, request, "show", "Show a context: who waits, what it did");
	show_command->add_option("ID", request.id, "The context's id")->required();
	show_command->callback([&] {
		Client client;
		show(client, request.output, request.id);
	});

	auto *stat_command =
		add(app, request, "stat", "Show what contexts count: in all, or for each second");
	stat_command
		->add_option(
			"INTERVAL", request.interval,
			"Seconds from one line to the next; without it, print what was counted so far")
		->check(CLI::Range(0.01, 1e6));
	stat_command->add_option("COUNT", request.times, "How many lines to print")
		->check(CLI::PositiveNumber);
	stat_command->add_option("--context", request.only, "Of this context alone");
	stat_command->callback([&] {
		std::optional<milliseconds> interval;
		if (request.interval)
			interval = milliseconds(static_cast<long>(*request.interval * 1000));
		Client client;
		stat(client, request.output, request.only, interval, request.times);
	});

	auto *wake_command = app.add_subcommand(
		"wake", "Let threads that wait in a context access their pages again");
	wake_command->add_option("ID", request.id, "The context's id")->required();
	wake_command->add_option("ADDRESS", request.address,
				 "Only those that wait for the page with this address");
	wake_command->callback([&] {
		Client client;
		client.wake(request.id, request.address);
	});

	auto *features_command = add(app, request, "features",
				     "Show what the module offers, and what the kernel does");
	features_command->add_option("--device", request.device, "The module's device")
		->capture_default_str();
	features_command->callback([&] { features(request.output, request.device); });

	auto *doctor_command =
		add(app, request, "doctor", "Say what is wrong, and what to do about it");
	doctor_command->add_option("--device", request.device, "The module's device")
		->capture_default_str();
	doctor_command->callback([&] { request.well = doctor(request.output, request.device); });
}

int complain(Exit status, const char *what, const char *next)
{
	std::fprintf(stderr, "userfaultctl: %s\n", what);
	if (*next)
		std::fprintf(stderr, "  %s\n", next);
	return status;
}

int run(int argc, char **argv)
{
	CLI::App app{"Shows what the contexts of the userfault module do, and wakes who is stuck."};
	Request request;

	app.require_subcommand(1);
	add_commands(app, request);
	try {
		app.parse(argc, argv);
	} catch (const CLI::CallForHelp &help) {
		app.exit(help);
	} catch (const CLI::ParseError &error) {
		return complain(usage, error.what(), "See userfaultctl --help.");
	}
	if (!std::cout.flush())
		return complain(refused, "the output can't be written", "");
	return request.well ? done : ill;
}

} // namespace

int main(int argc, char **argv)
{
	try {
		return run(argc, argv);
	} catch (const NoFamily &error) {
		return complain(
			no_module, error.what(),
			"Is the module loaded? insmod userfault.ko, or modprobe userfault.");
	} catch (const std::exception &error) {
		return complain(refused, error.what(), "");
	}
}
