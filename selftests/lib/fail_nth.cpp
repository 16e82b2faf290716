// SPDX-License-Identifier: GPL-2.0-only
#include "lib/fail_nth.hpp"

#include "harness/harness.hpp"
#include "harness/processes.hpp"

#include <array>
#include <charconv>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace selftests {

using namespace userfault;

namespace {

constexpr auto file_of_nth = "/proc/thread-self/fail-nth";
constexpr auto file_of_all = "/proc/thread-self/make-it-fail";

/* No call that is tested comes to so many points. */
constexpr unsigned most = 100000;

struct Setting {
	const char *path, *value;
};

/*
 * What the kernel lets fail: also allocations that may wait for memory, and single pages; and all
 * allocations of a thread that says so. Each failure would print a stack trace.
 */
constexpr std::array settings{
	Setting{"/sys/kernel/debug/failslab/ignore-gfp-wait", "N"},
	Setting{"/sys/kernel/debug/failslab/verbose", "0"},
	Setting{"/sys/kernel/debug/failslab/times", "-1"},
	Setting{"/sys/kernel/debug/failslab/task-filter", "Y"},
	Setting{"/sys/kernel/debug/failslab/probability", "100"},
	Setting{"/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N"},
	Setting{"/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N"},
	Setting{"/sys/kernel/debug/fail_page_alloc/min-order", "0"},
	Setting{"/sys/kernel/debug/fail_page_alloc/verbose", "0"},
	Setting{"/sys/kernel/debug/fail_page_alloc/times", "-1"},
	Setting{"/sys/kernel/debug/fail_page_alloc/task-filter", "Y"},
	Setting{"/sys/kernel/debug/fail_page_alloc/probability", "100"},
	Setting{"/sys/kernel/debug/fail_usercopy/verbose", "0"},
	Setting{"/sys/kernel/debug/fail_usercopy/times", "-1"},
};

void set(const char *path, const std::string &value)
{
	if (!(std::ofstream(path) << value << std::flush))
		give_up(std::string("can't be set: ") + path);
}

/* The kernel lets everything fail as long as this lives. */
class EverythingMayFail {
public:
	EverythingMayFail()
	{
		for (const auto &setting : settings) {
			before_.push_back(first_line(setting.path));
			if (before_.back().empty())
				skip(std::string("this kernel has no ") + setting.path);
		}
		for (const auto &setting : settings)
			set(setting.path, setting.value);
	}

	~EverythingMayFail()
	{
		for (std::size_t i = settings.size(); i-- > 0;)
			set(settings[i].path, before_[i]);
	}

	EverythingMayFail(const EverythingMayFail &) = delete;
	EverythingMayFail &operator=(const EverythingMayFail &) = delete;

private:
	std::vector<std::string> before_;
};

/* How many calls something has failed in, and how many of them returned an error. */
struct Tally {
	unsigned failures = 0, errors = 0;
};

/*
 * As a thread goes on, the kernel notes in its area of restartable sequences which processor it is
 * on. If it finds no memory for that, for example because the area has to be copied after a fork,
 * it kills the process. So the thread gives its area up.
 */
void give_up_restartable_sequences()
{
	constexpr unsigned size = 32; /* that libc has registered */
	auto *const area = static_cast<char *>(__builtin_thread_pointer()) + __rseq_offset;

	if (::syscall(SYS_rseq, area, size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) != 0 && errno != EINVAL)
		give_up("the area of restartable sequences is still in use");
}

Fd open_to_write(const char *path)
{
	return Fd(static_cast<int>(checked(::open(path, O_RDWR | O_CLOEXEC))));
}

FailureFiles failures_of_this_thread()
{
	need_failures();
	give_up_restartable_sequences();
	return {open_to_write(file_of_nth), open_to_write(file_of_all)};
}

/* Fails at each @step-th point from the @first on, which is counted from 1. */
Tally run(Shortage shortage, const std::function<void(FailNth &)> &round, unsigned first = 1,
	  unsigned step = 1)
{
	const auto files = failures_of_this_thread();
	const EverythingMayFail everything;
	Tally tally;

	/* What is allocated only the first time would hide another point. */
	FailNth warm_up(files, most, shortage);
	round(warm_up);

	for (unsigned n = first; n < most; n += step) {
		FailNth nth(files, n, shortage);

		round(nth);
		if (!nth.has_failed()) {
			std::cout << tally.failures << " failures, " << tally.errors << " errors\n";
			return tally;
		}
		tally.failures++;
		tally.errors += nth.error() != 0;
	}
	give_up("the call comes to no end");
}

void need_errors(const Tally &tally)
{
	if (!tally.errors)
		give_up("no call has returned an error");
}

void put(const Fd &file, std::string_view text)
{
	checked(::pwrite(file.get(), text.data(), text.size(), 0));
}

} // namespace

void need_failures()
{
	if (::access(file_of_nth, F_OK) != 0)
		skip("this kernel can't make allocations fail");
}

int error_of(long result)
{
	return result < 0 ? errno : 0;
}

int error_of(const void *mapping)
{
	return mapping == MAP_FAILED ? errno : 0;
}

int error_of(const Progress &progress)
{
	return progress.error.value();
}

/* Nothing in the kernel after this may fail on the way to the call. */
void FailNth::arm()
{
	std::array<char, 16> text;
	const auto end = std::to_chars(text.begin(), text.end(), nth_).ptr;

	if (std::exchange(made_, true))
		give_up("a second call in one round");
	if (shortage_ == Shortage::lasting)
		put(files_.all, "1");
	put(files_.nth, {text.begin(), end});
}

/*
 * The file of the nth reads as 0 if something has failed. The copies of its two calls count, too:
 * if the first one fails, it was the next point.
 */
void FailNth::disarm()
{
	std::array<char, 16> text{};

	if (::pread(files_.nth.get(), text.data(), text.size(), 0) < 0)
		left_ = 1;
	else
		std::from_chars(text.begin(), text.end(), left_);
	while (::pwrite(files_.nth.get(), "0", 1, 0) != 1)
		;
	put(files_.all, "0");
}

void FailNth::note(int error)
{
	error_ = error;
	if (error && !has_failed())
		give_up("an error though nothing has failed: " +
			std::error_code(error, std::generic_category()).message());
}

void fail_each(Shortage shortage, const std::function<void(FailNth &)> &round)
{
	need_errors(run(shortage, round));
}

void fail_each(const std::function<void(FailNth &)> &round)
{
	for (const auto shortage : {Shortage::moment, Shortage::lasting})
		fail_each(shortage, round);
}

void fail_some(Shortage shortage, unsigned first, unsigned step,
	       const std::function<void(FailNth &)> &round)
{
	need_errors(run(shortage, round, first, step));
}

void fail_each_and_go_on(Shortage shortage, const std::function<void(FailNth &)> &round)
{
	if (!run(shortage, round).failures)
		give_up("nothing has failed");
}

void fail_each_and_go_on(const std::function<void(FailNth &)> &round)
{
	for (const auto shortage : {Shortage::moment, Shortage::lasting})
		fail_each_and_go_on(shortage, round);
}

unsigned points_of(const std::function<void()> &call)
{
	const auto files = failures_of_this_thread();
	const EverythingMayFail everything;
	FailNth nth(files, most, Shortage::moment);

	nth([&] {
		call();
		return 0L;
	});
	return most - nth.left();
}

} // namespace selftests
