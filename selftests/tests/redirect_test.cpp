// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfault-run. The same unmodified programs run on native userfaultfd directly, and on the module
 * through userfault-run. The module's count of users shows which of the two has served them.
 */
#include "harness/backend.hpp"
#include "harness/harness.hpp"
#include "harness/processes.hpp"
#include "lib/command.hpp"
#include "lib/rights.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

using namespace selftests;

namespace {

namespace fs = std::filesystem;

using Words = Command::Words;

const std::string launcher = "userfault-run";
const std::string library = "/libexec/userfault/libuserfault-redirect.so";
const std::string probe = "/lib/redirect/probe";
const std::string static_probe = probe + "-static";
const std::string stress_ng = "/usr/bin/stress-ng";

const Words entries{
	"syscall",	   "open",	   "open64",	     "openat",		"openat64",
	"__open",	   "__open64",	   "__open_2",	     "__open64_2",	"__openat_2",
	"__openat64_2",	   "syscall-open", "syscall-openat", "syscall-openat2", "syscall-ioctl",
	"relative-openat", "fopen",	   "fopen64",	     "freopen",		"freopen64",
	"user-mode",
};

/* Stands for a context of the backend under test; everything else is an errno. */
const std::string served = "served";

/*
 * What a program gets by "syscall", "user-mode" and "open" in each sandbox of sandboxes.c. A device
 * that it has opened before serves it in all of them.
 */
const struct {
	std::string name, syscall, user_mode, open;
} sandboxes[]{
	{"empty-root", served, served, "ENOENT"},    {"no-devices", served, served, "ENOENT"},
	{"nobody", "EPERM", served, "EACCES"},	     {"no-capabilities", "EPERM", served, served},
	{"user-namespace", "EPERM", served, served}, {"few-descriptors", served, served, "EMFILE"},
	{"no-open", served, served, "EACCES"},	     {"no-userfaultfd", "EXFULL", "EXFULL", served},
};

/* Ways in which a program opens a file at a descriptor number that it believes to be free. */
const Words takers{"dup2", "dup3", "syscall-dup2", "syscall-dup3", "vfork-dup2"};

/* Ways to close descriptors, or to take their numbers, while a program is spawned. */
const Words spawns{"closefrom", "close", "dup2", "open"};

/* Ways in which a program executes another one without an environment. */
const Words ways{
	"execve", "execve-null", "execv",    "execvp",	"execvpe",    "execl",	     "execlp",
	"execle", "fexecve",	 "execveat", "syscall", "syscall-at", "posix_spawn", "posix_spawnp",
	"system", "popen",	 "wordexp",  "others",	"kept",
};

const Words stress_userfaultfd{stress_ng, "--userfaultfd", "1", "--temp-path", "/tmp"};

/* Entries that bypass libc, and so the preloaded library. */
const Words direct_entries{"instruction", "instruction-on-device"};

void need(const std::string &program)
{
	if (!fs::exists(program))
		skip(program + " is not there");
}

/* scripts/lib/testlib/redirect.py carries them in. */
void need_programs()
{
	need(probe);
	if (backend_under_test() == Backend::module && ::access(library.c_str(), R_OK))
		skip(library + " is not there");
}

Words operator+(Words words, const Words &more)
{
	words.insert(words.end(), more.begin(), more.end());
	return words;
}

/* The command that runs a program on the backend under test. */
Words on_backend(const Words &words)
{
	return backend_under_test() == Backend::module ? Words{launcher} + words : words;
}

/* What a successful command has printed, without the last line's end. */
std::string said_by(const Words &words, const std::function<void()> &prepare = {})
{
	auto [status, output] = run(words, prepare);

	CAPTURE(output);
	CHECK(status == 0);
	if (output.ends_with('\n'))
		output.pop_back();
	return output;
}

std::string served_by(const Words &places, const std::string &entry)
{
	return said_by(on_backend(Words{probe} + places + Words{"entry", entry}));
}

/* What a program prints on the backend under test: its name wherever @expected has "served". */
std::string on_backend_said(const Words &expected)
{
	std::string lines;

	for (const auto &each : expected)
		lines += (lines.empty() ? "" : "\n") +
			 (each == served ? name_of(backend_under_test()) : each);
	return lines;
}

/* Checks that the launcher refuses to start a program: its message and its exit status. */
void check_refused(const Words &words, int status, const std::string &why,
		   const std::function<void()> &prepare = {})
{
	const auto outcome = run(Words{launcher} + words, prepare);

	CAPTURE(words, outcome.output);
	CHECK(outcome.status == status);
	CHECK(outcome.output.starts_with("userfault-run: "));
	CHECK(outcome.output.find(why) != std::string::npos);
}

/* A file of settings has another value as long as this lives. */
struct Setting {
	Setting(const std::string &path, const std::string &value) : path(path)
	{
		std::ifstream(path) >> before;
		std::ofstream(path) << value;
	}
	~Setting() { std::ofstream(path) << before; }

	const std::string path;
	std::string before;
};

/*
 * Limits the program to so many descriptors, which it can raise only with privileges. Descriptors
 * that the caller of the tests has left open don't count: they are closed on exec.
 */
void limit_descriptors(rlim_t count)
{
	const rlimit limit{count, count};

	checked(::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC));
	checked(::setrlimit(RLIMIT_NOFILE, &limit));
}

/* A file in /tmp as long as this lives. */
struct TemporaryFile {
	TemporaryFile(const std::string &name, mode_t mode, const std::string &content)
		: path("/tmp/" + name)
	{
		std::ofstream(path) << content;
		checked(::chmod(path.c_str(), mode));
	}

	TemporaryFile(const std::string &name, const std::string &copied) : path("/tmp/" + name)
	{
		fs::copy_file(copied, path);
	}

	~TemporaryFile() { fs::remove(path); }

	const std::string path;
};

/* Gives a process that runs the file a capability, like setcap(8). */
void give_capability(const std::string &path)
{
	vfs_cap_data data{.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data = {}};

	data.data[0].permitted = 1u << CAP_NET_RAW;
	checked(::setxattr(path.c_str(), "security.capability", &data, XATTR_CAPS_SZ_2, 0));
}

/* A file has another name as long as this lives. */
struct Renamed {
	explicit Renamed(const std::string &path) : path(path) { fs::rename(path, path + ".away"); }
	~Renamed() { fs::rename(path + ".away", path); }

	const std::string path;
};

/* The contexts and open devices of the module. */
int module_users()
{
	std::ifstream file("/sys/module/userfault/refcnt");
	int count = 0;

	file >> count;
	return count;
}

/*
 * Whether a process of that name holds a userfaultfd of any backend. Processes may end meanwhile.
 */
bool holds_userfaultfd(const std::string &name)
{
	std::error_code gone;

	for (const auto &process : fs::directory_iterator("/proc")) {
		if (!first_line(process.path() / "comm").starts_with(name))
			continue;
		for (auto fd = fs::directory_iterator(process.path() / "fd", gone);
		     fd != fs::directory_iterator(); fd.increment(gone))
			if (fs::read_symlink(fd->path(), gone) == "anon_inode:[userfaultfd]")
				return true;
	}
	return false;
}

} // namespace

TEST_CASE("every way in which a program asks libc for a userfaultfd is served", "[redirect]")
{
	need_programs();
	for (const auto &entry : entries) {
		CAPTURE(entry);
		CHECK(served_by({}, entry) == name_of(backend_under_test()));
	}
}

TEST_CASE("threads, children and what they execute are served", "[redirect]")
{
	need_programs();
	for (const Words &places :
	     {Words{"thread"}, Words{"fork"}, Words{"vfork"}, Words{"exec"},
	      Words{"fork", "thread"}, Words{"fork", "exec", "vfork", "thread"}})
		for (const auto *entry : {"syscall", "open"}) {
			CAPTURE(places, entry);
			CHECK(served_by(places, entry) == name_of(backend_under_test()));
		}
}

TEST_CASE("threads that ask at the same time are all served", "[redirect][smp]")
{
	need_programs();
	CHECK(served_by({"crowd"}, "syscall") == name_of(backend_under_test()));
	CHECK(served_by({"dup2", "crowd"}, "syscall") == name_of(backend_under_test()));
}

TEST_CASE("threads that ask at the same time find out that nobody reads these messages",
	  "[redirect][module][smp]")
{
	need_programs();
	CHECK(said_by({launcher, "-v", probe, "unheard", "crowd", "entry", "syscall"}) ==
	      name_of(Backend::module));
}

TEST_CASE("programs that are executed without the environment are served", "[redirect]")
{
	need_programs();
	for (const auto &way : ways) {
		const Words bare{"bare", way};

		CAPTURE(way);
		CHECK(served_by(bare + bare, "syscall") == name_of(backend_under_test()));
	}
}

TEST_CASE("libraries that a program has preloaded are still preloaded", "[redirect][module]")
{
	const std::string others = "/lib/redirect/entries.so";

	need_programs();
	CHECK(said_by({launcher, probe, "preloaded"}) == library);
	CHECK(said_by({launcher, probe, "bare", "execve", "preloaded"}) == library);
	CHECK(said_by({launcher, probe, "bare", "others", "preloaded"}) == library + ":" + others);
	CHECK(said_by({"env", "LD_PRELOAD=" + others, launcher, probe, "preloaded"}) ==
	      library + ":" + others);
	CHECK(said_by({"env", "LD_PRELOAD=" + others, launcher, probe, "bare", "kept",
		       "preloaded"}) == library + ":" + others);
	CHECK(said_by({probe, "bare", "others", "preloaded"}) == others);
}

TEST_CASE("threads that another library starts before main are served", "[redirect][module][smp]")
{
	need_programs();
	CHECK(said_by({"env", "LD_PRELOAD=/lib/redirect/early.so", launcher, probe, "entry",
		       "syscall"}) == "first\nmodule");
}

TEST_CASE("a library that a program loads by itself is served", "[redirect]")
{
	need_programs();
	for (const auto &entry : entries) {
		CAPTURE(entry);
		CHECK(served_by({"dlopen"}, entry) == name_of(backend_under_test()));
	}
}

TEST_CASE("scripts are served by their interpreter", "[redirect]")
{
	need_programs();
	const TemporaryFile script("script", 0755, "#! " + probe + " properties\n");

	CHECK(said_by(on_backend({script.path})) == said_by({probe, "properties"}));
}

TEST_CASE("programs are found as by execvp", "[redirect]")
{
	need_programs();
	const TemporaryFile script("named", 0755, "#! " + probe + " properties\n");
	const auto properties = said_by({probe, "properties"});
	auto command = on_backend({"named"});

	if (command.front() == launcher)
		command.front() = "/bin/" + launcher; /* works without PATH */
	for (const auto *folders : {"", ":", "/none:", ":/none", "/none::/none", "/none:/tmp"}) {
		CAPTURE(folders);
		CHECK(said_by(Words{"env", std::string("PATH=") + folders} + command,
			      [] { checked(::chdir("/tmp")); }) == properties);
	}
}

TEST_CASE("a program that bypasses libc gets ENOSYS under userfault-run", "[redirect]")
{
	const std::string expected =
		backend_under_test() == Backend::module ? "ENOSYS" : name_of(Backend::native);

	need_programs();
	for (const auto &entry : direct_entries) {
		CAPTURE(entry);
		CHECK(served_by({}, entry) == expected);
		CHECK(served_by({"fork", "exec"}, entry) == expected);
	}
	/* Some of libc's entries: they end in different system calls. */
	for (const auto *entry : {"syscall", "syscall-ioctl", "open", "openat"}) {
		CAPTURE(entry);
		CHECK(served_by({"static"}, entry) == expected);
		CHECK(served_by({"32-bit"}, entry) == expected);
	}
	for (const auto &entry : direct_entries) {
		CAPTURE(entry);
		CHECK(served_by({"32-bit"}, entry) == expected);
	}
}

TEST_CASE("descriptors and errors are those of the system call", "[redirect][module][security]")
{
	need_programs();
	CHECK(said_by({launcher, probe, "properties"}) == said_by({probe, "properties"}));
}

TEST_CASE("a program finds the device of a kernel that has none", "[redirect][module]")
{
	need_programs();
	const Renamed away("/dev/userfaultfd");

	for (const auto *entry :
	     {"open", "openat", "__open_2", "syscall-open", "syscall-openat", "fopen", "freopen"}) {
		CAPTURE(entry);
		CHECK(served_by({}, entry) == name_of(Backend::module));
	}
}

TEST_CASE("a program is never served by native userfaultfd instead", "[redirect][module]")
{
	const auto preload = "LD_PRELOAD=" + library;
	const Words env{"env", preload};

	need_programs();
	/* The device has vanished, or can't be opened, since the program was started. */
	for (const auto *entry : {"syscall", "syscall-ioctl", "fopen"})
		CHECK(said_by(env +
			      Words{"USERFAULT_RUN_DEVICE=/dev/none", probe, "entry", entry}) ==
		      (entry == std::string("syscall-ioctl") ? "EBADF" : "ENOSYS"));
	CHECK(said_by(env + Words{"USERFAULT_RUN_DEVICE=/dev/none", probe, "entry", "open"}) ==
	      "ENOENT");
	CHECK(said_by(env + Words{probe, "entry", "syscall"}, become_nobody) == "EPERM");
	CHECK(said_by(env + Words{probe, "entry", "open"}, become_nobody) == "EACCES");
}

TEST_CASE("sandboxed programs are served as natively", "[redirect]")
{
	need_programs();
	for (const auto &sandbox : sandboxes) {
		CAPTURE(sandbox.name);
		CHECK(said_by(on_backend({probe, "device-open", sandbox.name, "entry", "syscall",
					  "user-mode", "open", "opened-device"})) ==
		      on_backend_said({sandbox.syscall, sandbox.user_mode, sandbox.open, served}));
	}
	/* In this sandbox, a call that the program doesn't make natively kills it. */
	CHECK(said_by(on_backend({probe, "only-needed", "entry", "syscall", "user-mode"})) ==
	      on_backend_said({served, served}));
	CHECK(served_by({"empty-root", "fork", "thread"}, "syscall") ==
	      name_of(backend_under_test()));
}

TEST_CASE("programs that may open no file because of landlock are served as natively", "[redirect]")
{
	need_programs();
	if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0)
		skip("this kernel has no landlock");
	CHECK(said_by(on_backend({probe, "landlock", "entry", "syscall", "user-mode", "open"})) ==
	      on_backend_said({served, served, "EACCES"}));
}

TEST_CASE("programs that have dropped their rights execute others that are served", "[redirect]")
{
	need_programs();
	for (const Words &places : {Words{"nobody", "exec"}, Words{"nobody", "bare", "execve"},
				    Words{"nobody", "bare", "posix_spawn"}}) {
		CAPTURE(places);
		CHECK(said_by(on_backend(Words{probe} + places +
					 Words{"entry", "syscall", "user-mode", "open"})) ==
		      on_backend_said({"EPERM", served, "EACCES"}));
	}
	CHECK(served_by({"few-descriptors", "exec"}, "syscall") == name_of(backend_under_test()));
}

TEST_CASE("a program without rights handles minor faults of a file of another user", "[redirect]")
{
	need_programs();
	const TemporaryFile file("file", 0444, "kept");

	CHECK(said_by(on_backend({probe, "nobody", "exec", "minor", file.path})) == "EPERM\nkept");
}

TEST_CASE("every process handles faults of the kernel if vm.unprivileged_userfaultfd allows it",
	  "[redirect]")
{
	need_programs();
	const Setting all("/proc/sys/vm/unprivileged_userfaultfd", "1");

	CHECK(said_by(on_backend({probe, "nobody", "entry", "syscall", "open"})) ==
	      on_backend_said({served, "EACCES"}));
}

TEST_CASE("a program that may open the kernel's device, and not the module's, is served",
	  "[redirect]")
{
	need_programs();
	checked(::chmod("/dev/userfaultfd", 0666));
	CHECK(served_by({"nobody"}, "open") == name_of(backend_under_test()));
	checked(::chmod("/dev/userfaultfd", 0600));
}

/* Afterwards, in the empty root, the device can't be opened again. */
TEST_CASE("programs that close all descriptors are served", "[redirect]")
{
	need_programs();
	CHECK(said_by(on_backend({probe, "close-each", "syscall-close-each", "close-listed",
				  "closefrom", "close-range", "close-range-each",
				  "close-range-unshare", "syscall-close-range", "cloexec-each",
				  "close-range-cloexec", "exec", "empty-root", "entry",
				  "syscall"})) == name_of(backend_under_test()));
	for (const auto &way : spawns) {
		CAPTURE(way);
		CHECK(served_by({"spawn", way, "empty-root"}, "syscall") ==
		      name_of(backend_under_test()));
	}
}

TEST_CASE("programs that close all descriptors past libc are served", "[redirect]")
{
	need_programs();
	CHECK(said_by(on_backend({probe, "instruction-close-each", "entry", "syscall", "open"})) ==
	      on_backend_said({served, served}));
}

TEST_CASE("programs that take the number of an unknown descriptor are served", "[redirect]")
{
	need_programs();
	for (const auto &taker : takers) {
		CAPTURE(taker);
		CHECK(served_by({taker, "exec", "empty-root"}, "syscall") ==
		      name_of(backend_under_test()));
		CHECK(served_by({taker, "empty-root"}, "syscall") == name_of(backend_under_test()));
	}
}

TEST_CASE("a program that can open only few descriptors is served", "[redirect]")
{
	need_programs();
	for (const rlim_t count : {6, 20}) {
		CAPTURE(count);
		CHECK(said_by(on_backend({probe, "empty-root", "entry", "syscall"}),
			      [&] { limit_descriptors(count); }) == name_of(backend_under_test()));
	}
}

TEST_CASE("a descriptor that isn't the device's is not taken for it", "[redirect][module]")
{
	need_programs();
	for (const auto *wrong : {"", "1", "1:259", "1024:259", "-1:0", "none"}) {
		CAPTURE(wrong);
		CHECK(said_by({"env", "LD_PRELOAD=" + library,
			       std::string("USERFAULT_RUN_DESCRIPTOR=") + wrong, probe, "entry",
			       "syscall"}) == name_of(Backend::module));
	}
}

TEST_CASE("a user who may open the device runs programs on it", "[redirect][module][security]")
{
	need_programs();
	checked(::chmod("/dev/userfault", 0666));
	CHECK(said_by({launcher, probe, "fork", "exec", "entry", "syscall", "user-mode", "open"},
		      become_nobody) == on_backend_said({"EPERM", served, served}));
	CHECK(said_by({launcher, probe, "static", "entry", "user-mode"}, become_nobody) ==
	      "ENOSYS");
	CHECK(said_by({launcher, probe, "entry", "user-mode"}, [] {
		      limit_descriptors(20);
		      become_nobody();
	      }) == name_of(Backend::module));
	checked(::chmod("/dev/userfault", 0600));
}

TEST_CASE("userfault-run prints what it redirects, if that was asked for", "[redirect][module]")
{
	const auto told = [](const Words &words, const std::string &what) {
		const auto said = said_by(words);

		CAPTURE(said);
		CHECK(std::regex_search(
			said, std::regex("^userfault-run: probe\\[[0-9]+\\]: " + what + "\n")));
	};

	need_programs();
	told({launcher, "-v", probe, "entry", "syscall"},
	     "userfaultfd\\(\\) is descriptor [0-9]+ by /dev/userfault");
	told({launcher, "-v", "-d", "/dev/../dev/userfault", probe, "entry", "fopen"},
	     "ioctl\\(USERFAULTFD_IOC_NEW\\) is descriptor [0-9]+ by /dev/../dev/userfault");
	told({launcher, "-v", probe, "bare", "execve", "entry", "open"},
	     "open\\(\"/dev/userfaultfd\"\\) is descriptor [0-9]+ by /dev/userfault");
	told({"env", "LD_PRELOAD=" + library, "USERFAULT_RUN_VERBOSE=1",
	      "USERFAULT_RUN_DEVICE=/dev/none", probe, "entry", "syscall"},
	     "userfaultfd\\(\\) failed by /dev/none: Function not implemented");
}

TEST_CASE("a program doesn't notice that nobody reads these messages", "[redirect][module]")
{
	const Words told{launcher, "-v", probe};

	need_programs();
	CHECK(said_by(told + Words{"unheard", "entry", "syscall"}) == name_of(Backend::module));
	CHECK(said_by(told + Words{"pending", "unheard", "entry", "syscall"}) ==
	      name_of(Backend::module));
}

TEST_CASE("userfault-run prints messages again after it could not print one", "[redirect][module]")
{
	need_programs();
	const auto said = said_by({launcher, "-v", probe, "full", "entry", "syscall"});

	CAPTURE(said);
	CHECK(said.starts_with(name_of(Backend::module) + "\nuserfault-run: probe["));
}

TEST_CASE("programs that can't run on the module are refused", "[redirect][module]")
{
	need_programs();
	check_refused({static_probe}, 126, "is linked statically");
	check_refused({"busybox", "true"}, 126, "is linked statically");
	check_refused({"/lib/redirect/probe-32"}, 126, "is a 32-bit program");

	const TemporaryFile script("script", 0755, "#!/bin/busybox sh\ntrue\n");
	check_refused({script.path}, 126, "its interpreter /bin/busybox is linked statically");
	const TemporaryFile outer("outer", 0755, "#!" + script.path + "\n");
	check_refused({outer.path}, 126, "its interpreter /bin/busybox is linked statically");
	const TemporaryFile plain("plain", 0755, "true\n");
	check_refused({plain.path}, 126, "its interpreter /bin/sh is linked statically");
	const TemporaryFile circle("circle", 0755, "#!/tmp/circle\n");
	check_refused({circle.path}, 126, "too often");
	const TemporaryFile other("other", 0755, std::string("\177ELF\2\1\1", 7));
	check_refused({other.path}, 126, "is not a program for x86-64");
}

TEST_CASE("programs that can't run at all are refused as by env and nohup", "[redirect][module]")
{
	need_programs();
	const TemporaryFile data("data", 0644, "true\n");
	const TemporaryFile orphan("orphan", 0755, "#!/bin/none\n");

	check_refused({data.path}, 126, "can't be run: Permission denied");
	check_refused({"/tmp"}, 126, "can't be run: Permission denied");
	check_refused({"/tmp/none"}, 127, "/tmp/none is not there");
	check_refused({"none"}, 127, "none is not there");
	check_refused({""}, 127, "is not there");
	check_refused({orphan.path}, 127, "its interpreter /bin/none is not there");
	check_refused({}, 125, "no program is named");
	check_refused({"--none", probe}, 125, "the command line makes no sense");
	CHECK(run({launcher, "--help"}).status == 0);
	CHECK(run({launcher, probe}).status == 1); /* the program's own */
}

TEST_CASE("programs that get privileges are refused", "[redirect][module][security]")
{
	need_programs();
	const TemporaryFile copy("privileged", probe);
	const auto *path = copy.path.c_str();

	checked(::chmod(path, 04755));
	CHECK(said_by({launcher, copy.path, "entry", "syscall"}) == name_of(Backend::module));
	checked(::chown(path, nobody, 0));
	checked(::chmod(path, 04755));
	check_refused({copy.path}, 126, "gets privileges by being run");
	checked(::chown(path, 0, nobody));
	checked(::chmod(path, 02755));
	check_refused({copy.path}, 126, "gets privileges by being run");
}

TEST_CASE("programs with capabilities are refused, except to root", "[redirect][module][security]")
{
	need_programs();
	const TemporaryFile copy("privileged", probe);

	check_refused({copy.path}, 125, "can't be opened: Permission denied", become_nobody);
	give_capability(copy.path);
	check_refused({copy.path}, 126, "gets privileges by being run", become_nobody);
	CHECK(said_by({launcher, copy.path, "entry", "syscall"}) == name_of(Backend::module));
}

TEST_CASE("an unsuitable device is refused", "[redirect][module]")
{
	need_programs();
	check_refused({"-d", "/dev/none", probe}, 125, "there is no /dev/none");
	check_refused({"-d", "/dev/null", probe}, 125, "is not a device of the userfault module");
	check_refused({"-d", "/dev/userfaultfd", probe}, 125,
		      "is not a device of the userfault module");
	check_refused({probe}, 125, "/dev/userfault can't be opened: Permission denied",
		      become_nobody);
}

TEST_CASE("stress-ng --userfaultfd passes", "[redirect]")
{
	const std::string operations = "500";

	need_programs();
	need(stress_ng);
	const auto output =
		said_by(on_backend(stress_userfaultfd + Words{"--userfaultfd-ops", operations,
							      "--verify", "--metrics"}));

	CAPTURE(output);
	CHECK(output.find("successful run completed") != output.npos);
	CHECK(std::regex_search(output, std::regex("userfaultfd +" + operations + " ")));
}

/* Looks while stress-ng keeps running: in a short run a context might not be seen. */
TEST_CASE("stress-ng --userfaultfd holds contexts of the module", "[redirect]")
{
	const bool is_module = backend_under_test() == Backend::module;

	need_programs();
	need(stress_ng);
	const int before = module_users();
	Command command(on_backend(stress_userfaultfd));

	const int device = is_module; /* userfault-run keeps it open */

	/* Before that, stress-ng has asked for one, to see whether it can. */
	wait_until("stress-ng works",
		   [&] { return command.output().find("dispatching hogs") != std::string::npos; });
	wait_until("stress-ng holds a userfaultfd", [&] {
		return holds_userfaultfd("stress-ng") &&
		       (module_users() > before + device) == is_module;
	});
	command.signal(SIGTERM);
	CHECK(command.wait() == 0);

	const auto output = command.output();
	CAPTURE(output);
	CHECK(output.find("successful run completed") != output.npos);
	/* stress-ng doesn't wait for all of its children. */
	wait_until("nothing of stress-ng is left", [&] { return module_users() == before; });
}
