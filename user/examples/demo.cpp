/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * demo: serves a file into another process's memory, page by page, as that process touches it.
 *
 * The consumer makes anonymous memory as long as the file, registers it with a context, and passes
 * the context to the monitor over a unix socket. Then several of its threads touch every page in
 * random order. Each first touch is a fault: the thread waits, the monitor reads a message and
 * fills the page with its part of the file, and the thread goes on. At the end the consumer
 * computes the SHA-256 of its memory, and the monitor that of the file.
 *
 *	# insmod userfault.ko
 *	# demo /usr/bin/gdb
 *	# demo --device /dev/userfaultfd /usr/bin/gdb	(the kernel's own, for comparison)
 *
 * Exit status: 0 the checksums are the same, 1 they differ or something failed, 2 wrong usage.
 */
#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <getopt.h>
#include <nettle/sha2.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <userfault/context.hpp>
#include <userfault/mapping.hpp>
#include <userfault/region.hpp>
#include <userfault/socket.hpp>

namespace {

using Clock = std::chrono::steady_clock;
using Digest = std::array<std::uint8_t, SHA256_DIGEST_SIZE>;

constexpr unsigned int consumer_threads = 4;

struct Arguments {
	std::string device = userfault::Options().device;
	std::string file;
};

/* What goes over the socket together with the context. */
struct Handover {
	userfault::Range range;
	int fd; /* of the context in the consumer, whose /proc/PID/fdinfo shows it */
};

[[noreturn]] void fail(std::error_code error, const std::string &what)
{
	throw std::system_error(error, "cannot " + what);
}

[[noreturn]] void fail_errno(const std::string &what)
{
	fail({errno, std::generic_category()}, what);
}

template <class T> T must(userfault::Result<T> result, const std::string &what)
{
	if (!result)
		fail(result.error(), what);
	if constexpr (!std::is_void_v<T>)
		return std::move(*result);
}

Digest sha256(std::span<const std::byte> bytes)
{
	sha256_ctx context;
	Digest digest;

	sha256_init(&context);
	sha256_update(&context, bytes.size(), reinterpret_cast<const std::uint8_t *>(bytes.data()));
	sha256_digest(&context, digest.size(), digest.data());
	return digest;
}

/* --- the file --- */

/* A file mapped for reading, in whole pages: zeroes follow its last byte. */
class File {
public:
	explicit File(const std::string &path)
	{
		userfault::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
		struct stat status;

		if (!fd || ::fstat(fd.get(), &status))
			fail_errno("open " + path);
		if (!S_ISREG(status.st_mode))
			throw std::runtime_error(path + " is not a regular file");
		if (status.st_size == 0)
			throw std::runtime_error(path + " is empty: there is nothing to serve");

		length_ = static_cast<std::size_t>(status.st_size);
		void *data = ::mmap(nullptr, length_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
		if (data == MAP_FAILED)
			fail_errno("map " + path);
		pages_ = {static_cast<const std::byte *>(data), userfault::whole_pages(length_)};
	}
	File(const File &) = delete;
	File &operator=(const File &) = delete;
	~File() { ::munmap(const_cast<std::byte *>(pages_.data()), pages_.size()); }

	std::span<const std::byte> content() const noexcept { return pages_.first(length_); }

	std::span<const std::byte> page(std::size_t offset) const
	{
		return pages_.subspan(offset, userfault::page_size());
	}

private:
	std::span<const std::byte> pages_;
	std::size_t length_;
};

/* --- the consumer --- */

void touch_all_pages(std::span<const std::byte> memory, unsigned int seed)
{
	std::vector<std::size_t> pages(memory.size() / userfault::page_size());

	std::iota(pages.begin(), pages.end(), 0);
	std::ranges::shuffle(pages, std::mt19937(seed));
	for (std::size_t page : pages) {
		const volatile std::byte *byte = &memory[page * userfault::page_size()];

		static_cast<void>(*byte);
	}
}

userfault::Context open_context(const Arguments &arguments)
{
	/* Non-blocking, so that the monitor can poll. */
	auto opened = userfault::Context::open({.device = arguments.device, .nonblocking = true});

	if (!opened && opened.error() == std::errc::no_such_file_or_directory)
		throw std::runtime_error("there is no " + arguments.device +
					 ": load the module first (insmod userfault.ko)");
	return must(std::move(opened), "make a context with " + arguments.device).context;
}

void consume(const Arguments &arguments, std::size_t length, int socket)
{
	auto memory = must(userfault::Mapping::anonymous(length), "map memory");
	auto context = open_context(arguments);
	auto region = must(userfault::Region::make(context, memory.range()), "register memory");
	Handover handover{region.range(), context.fd()};

	must(userfault::send_fd(socket, context.fd(), std::as_bytes(std::span(&handover, 1))),
	     "pass the context on");
	{
		std::vector<std::jthread> threads;

		for (unsigned int seed = 0; seed < consumer_threads; seed++)
			threads.emplace_back(touch_all_pages, memory.bytes(), seed);
	}

	Digest digest = sha256(memory.bytes().first(length));

	if (::send(socket, digest.data(), digest.size(), MSG_NOSIGNAL) < 0)
		fail_errno("report the checksum");
}

/* --- the monitor --- */

class Monitor {
public:
	Monitor(const File &file, pid_t consumer, int socket)
		: file_(file), socket_(socket), context_(receive_context()),
		  fdinfo_("/proc/" + std::to_string(consumer) + "/fdinfo/" +
			  std::to_string(handover_.fd))
	{
	}

	/* Serves faults until the consumer sends its checksum, and returns that. */
	Digest serve()
	{
		while (wait_for_fault())
			serve_fault();
		return receive_digest();
	}

	std::size_t faults() const noexcept { return faults_; }
	std::size_t pages() const noexcept { return pages_; }
	/* From when the monitor got the context to the last fill. */
	std::chrono::duration<double> time() const noexcept { return filled_ - started_; }

private:
	userfault::Context receive_context()
	{
		auto payload = std::as_writable_bytes(std::span(&handover_, 1));
		auto fd = userfault::receive_fd(socket_, payload);

		if (!fd && fd.error() == std::errc::connection_reset)
			consumer_lost();
		return userfault::Context::adopt(must(std::move(fd), "receive the context"));
	}

	Digest receive_digest()
	{
		Digest digest;
		ssize_t got = ::recv(socket_, digest.data(), digest.size(), 0);

		if (got < 0)
			fail_errno("receive the checksum");
		if (static_cast<std::size_t>(got) != digest.size())
			consumer_lost();
		return digest;
	}

	[[noreturn]] static void consumer_lost()
	{
		throw std::runtime_error("the consumer ended before its work was done");
	}

	/* False: no fault has come, but the consumer has sent something, or ended. */
	bool wait_for_fault()
	{
		pollfd sources[] = {{context_.fd(), POLLIN, 0}, {socket_, POLLIN, 0}};

		if (::poll(sources, std::size(sources), -1) < 0)
			fail_errno("wait for faults");
		return sources[0].revents != 0;
	}

	void serve_fault()
	{
		bool due = progress_due();

		if (due)
			show_progress("unread");

		auto message = must(context_.read(), "read a message");

		if (!message)
			return; /* its thread was killed meanwhile */
		if (due)
			show_progress("read  ");
		fill(std::get<userfault::Fault>(*message).address);
		faults_++;
	}

	void fill(userfault::Address page)
	{
		auto progress = context_.copy_all(page, file_.page(page - handover_.range.start));

		if (progress)
			pages_++;
		else if (progress.error != std::errc::file_exists) /* filled for another thread */
			fail(progress.error, "fill a page");
		filled_ = Clock::now();
	}

	/* True ten times in all, evenly over the pages. */
	bool progress_due()
	{
		std::size_t all = handover_.range.length / userfault::page_size();

		if (shown_ == 10 || pages_ < all * shown_ / 10)
			return false;
		shown_++;
		return true;
	}

	void show_progress(const char *fault)
	{
		std::ifstream fdinfo(fdinfo_);

		std::cout << std::setw(8) << pages_ << " pages, a fault is " << fault << "  "
			  << fdinfo_ << " says";
		for (std::string line; std::getline(fdinfo, line);)
			if (line.starts_with("pending:") || line.starts_with("total:"))
				std::cout << ' ' << line;
		std::cout << std::endl;
	}

	const File &file_;
	int socket_;
	Handover handover_;
	userfault::Context context_;
	std::string fdinfo_;
	Clock::time_point started_ = Clock::now();
	Clock::time_point filled_ = started_;
	std::size_t faults_ = 0;
	std::size_t pages_ = 0;
	std::size_t shown_ = 0;
};

/* --- both --- */

/* Runs @work in a child that never outlives this process. */
template <class Work> pid_t start_process(Work work)
{
	pid_t parent = ::getpid();
	pid_t child = ::fork();

	if (child < 0)
		fail_errno("start a process");
	if (child > 0)
		return child;
	::prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (::getppid() != parent)
		::_exit(1);
	try {
		work();
	} catch (const std::exception &error) {
		std::cerr << "demo: consumer: " << error.what() << '\n';
		::_exit(1);
	}
	::_exit(0);
}

void show_digest(const char *of, const Digest &digest)
{
	std::cout << "SHA-256 of the " << of << ' ' << std::hex << std::setfill('0');
	for (unsigned int byte : digest)
		std::cout << std::setw(2) << byte;
	std::cout << std::dec << std::setfill(' ') << '\n';
}

int run(const Arguments &arguments)
{
	File file(arguments.file);
	std::size_t length = file.content().size();
	auto [here, there] = must(userfault::socket_pair(), "make a socket");
	pid_t consumer = start_process([&, &here = here, &there = there] {
		here.reset();
		consume(arguments, length, there.get());
	});

	there.reset();
	std::cout << "process " << ::getpid() << " serves " << arguments.file << ", " << length
		  << " bytes, into the memory of process " << consumer << " by " << arguments.device
		  << std::endl;

	Monitor monitor(file, consumer, here.get());
	Digest of_memory = monitor.serve();
	Digest of_file = sha256(file.content());

	::waitpid(consumer, nullptr, 0);
	std::cout << "served " << monitor.faults() << " faults with " << monitor.pages()
		  << " pages in " << monitor.time().count() << " s\n";
	show_digest("memory", of_memory);
	show_digest("file  ", of_file);
	std::cout << (of_memory == of_file ? "the same" : "DIFFERENT") << std::endl;
	return of_memory == of_file ? EXIT_SUCCESS : EXIT_FAILURE;
}

[[noreturn]] void usage()
{
	std::cerr << "usage: demo [--device PATH] FILE\n";
	std::exit(2);
}

Arguments parse(int argc, char **argv)
{
	static const option options[] = {{"device", required_argument, nullptr, 'd'}, {}};
	Arguments arguments;

	for (int name; (name = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
		if (name != 'd')
			usage();
		arguments.device = optarg;
	}
	if (argc - optind != 1)
		usage();
	arguments.file = argv[optind];
	return arguments;
}

} // namespace

int main(int argc, char **argv)
try {
	return run(parse(argc, argv));
} catch (const std::exception &error) {
	std::cerr << "demo: " << error.what() << '\n';
	return EXIT_FAILURE;
}
