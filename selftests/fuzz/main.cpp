// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer: it draws sequences of calls, makes them on the module and on native userfaultfd, and
 * compares what they brought. "make fuzz" does everything: it runs this in a VM, and reports what
 * this finds. See session.hpp for how it works, and child.c for how programs run.
 */
#include "session.hpp"

#include "harness/free_memory.hpp"
#include "harness/kernel_log.hpp"
#include "harness/kmemleak.hpp"

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <sched.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace fuzz;

namespace {

constexpr auto usage = "usage: fuzz [OPTION]... run\n"
		       "       fuzz [OPTION]... replay FILE...\n"
		       "       fuzz [OPTION]... cover FILE...\n"
		       "\n"
		       "  --seed N       the same seed draws the same programs\n"
		       "  --seconds N    how long\n"
		       "  --workers N    how many side by side, each on a processor of its own\n"
		       "  --corpus DIR   programs to replay first\n"
		       "  --32 FILE      the executor for 32 bits\n"
		       "  --native       compare native userfaultfd with itself\n"
		       "  --patience N   how many times as long everything may take\n";

enum ExitCode { done = 0, found = 1, misused = 2, failed = 3 };

struct Words {
	Settings settings;
	unsigned side_by_side = 0;
	std::string what;
	std::vector<std::string> files;
};

Words words_of(std::vector<std::string> words)
{
	Words read;

	for (auto word = words.begin(); word != words.end(); ++word) {
		const auto value = [&] { return ++word == words.end() ? std::string() : *word; };
		if (*word == "--seed")
			read.settings.seed = std::stoull(value());
		else if (*word == "--seconds")
			read.settings.time = std::chrono::seconds(std::stoul(value()));
		else if (*word == "--workers")
			read.settings.workers = static_cast<unsigned>(std::stoul(value()));
		else if (*word == "--corpus")
			read.settings.corpus = value();
		else if (*word == "--32")
			read.settings.thirty_two = value();
		else if (*word == "--side")
			read.side_by_side = static_cast<unsigned>(std::stoul(value()));
		else if (*word == "--patience")
			read.settings.patience = static_cast<unsigned>(std::stoul(value()));
		else if (*word == "--native")
			read.settings.native_twice = true;
		else if (read.what.empty())
			read.what = *word;
		else
			read.files.push_back(*word);
	}
	return read;
}

/* A worker and its executors take turns: on one processor no other has to wake up for that. */
void stay_on(unsigned processor)
{
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET(processor, &processors);
	::sched_setaffinity(0, sizeof(processors), &processors);
}

int work(const Settings &settings, unsigned worker)
try {
	stay_on(worker);
	Session(settings, worker).run();
	return done;
} catch (const std::exception &error) {
	std::cerr << "fuzz: worker " << worker << ": " << error.what() << '\n';
	return failed;
}

/* Prints what the programs have left in the kernel, as session.hpp says. Returns whether that is
 * nothing. */
bool nothing_is_left(const selftests::Kmemleak &kmemleak, const selftests::FreeMemory &memory)
{
	const auto missing = memory.missing();
	const auto leaked = kmemleak.available() ? kmemleak.report() : std::vector<std::string>();

	if (missing)
		std::cout << "left " << *missing << " bytes are missing" << std::endl;
	for (const auto &line : leaked)
		std::cout << "left " << line << std::endl;
	return !missing && leaked.empty();
}

/*
 * Prints the kernel's complaints. The log is read while programs run, because touching poisoned
 * pages fills it; the console would mangle that, so scripts/fuzz leaves most of it out there.
 */
bool is_complaining(selftests::KernelLog &log)
{
	const auto complaints = log.complaints_of_either_backend();

	for (const auto &line : complaints)
		std::cout << "left in the log: " << line << std::endl;
	return !complaints.empty();
}

/* Waits for a while; returns whether workers are left. */
bool wait_for_one(int &worst)
{
	int status;
	const auto ended = ::waitpid(-1, &status, WNOHANG);

	if (ended > 0 && WIFSIGNALED(status))
		std::cout << "left a worker that was killed by signal " << WTERMSIG(status)
			  << std::endl;
	if (ended > 0)
		worst = std::max(worst, WIFEXITED(status) ? WEXITSTATUS(status) : int(failed));
	else if (!ended)
		std::this_thread::sleep_for(std::chrono::milliseconds(200));
	return ended >= 0;
}

int run(const Settings &settings)
{
	const selftests::Kmemleak kmemleak;
	const selftests::FreeMemory memory(kmemleak.available());
	selftests::KernelLog log;
	int worst = done;

	log.skip();
	for (unsigned worker = 0; worker < settings.workers; worker++)
		if (!::fork())
			::_exit(work(settings, worker));
	for (bool more = true; more;) {
		more = wait_for_one(worst);
		if (is_complaining(log))
			worst = std::max<int>(worst, found);
	}
	return nothing_is_left(kmemleak, memory) ? worst : std::max<int>(worst, found);
}

fuzz_program program_of(const std::string &name)
{
	std::ifstream file(name);
	std::stringstream text;

	text << file.rdbuf();
	const auto program = program_in(text.str());
	if (!file || !program)
		throw std::runtime_error("no program: " + name);
	return *program;
}

int replay(const Words &words)
{
	Session session(words.settings, 0);
	bool well = true;

	for (const auto &name : words.files) {
		const auto program = program_of(name);
		std::cout << name << ":" << std::endl;
		well &= session.replay(program, words.side_by_side);
	}
	return well ? done : found;
}

int cover(const Words &words)
{
	Session session(words.settings, 0);

	for (const auto &name : words.files)
		session.cover(name, program_of(name));
	return done;
}

} // namespace

int main(int argc, char **argv)
try {
	const auto words = words_of({argv + 1, argv + argc});

	if (words.what == "run")
		return run(words.settings);
	if (words.what == "replay")
		return replay(words);
	if (words.what == "cover")
		return cover(words);
	std::cerr << usage;
	return misused;
} catch (const std::exception &error) {
	std::cerr << "fuzz: " << error.what() << '\n';
	return failed;
}
