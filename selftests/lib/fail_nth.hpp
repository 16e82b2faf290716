/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FAIL_NTH_HPP
#define SELFTESTS_FAIL_NTH_HPP

#include <userfault/context.hpp>
#include <userfault/fd.hpp>
#include <userfault/result.hpp>

#include <cerrno>
#include <functional>
#include <utility>

namespace selftests {

/*
 * Failures that the kernel injects: an allocation that finds no memory, or a copy from or to user
 * memory that finds no page. Only kernels that are built to check themselves can do that.
 */

/* Skips the test if the kernel can't inject failures. The functions below do so, too. */
void need_failures();

/* The errno of a call, or 0. */
int error_of(long result);
int error_of(const void *mapping);
int error_of(const userfault::Progress &progress);
template <class T> int error_of(const userfault::Result<T> &result)
{
	return result ? 0 : result.error().value();
}

/* What finds no memory in a call from the point of failure on. */
enum class Shortage {
	moment,	 /* that allocation alone */
	lasting, /* all allocations, so that whatever the call falls back on fails, too */
};

/* The files by which a thread says what fails in it. */
struct FailureFiles {
	userfault::Fd nth;
	userfault::Fd all; /* after the nth */
};

/* One round of fail_each(). */
class FailNth {
public:
	FailNth(const FailureFiles &files, unsigned nth, Shortage shortage)
		: files_(files), nth_(nth), shortage_(shortage)
	{
	}

	/*
	 * Makes @call, whose nth allocation or copy fails, and returns its errno, or 0. Once for
	 * each round. Ends the test as failed if there is an error though nothing has failed.
	 */
	template <class Call> int operator()(Call &&call)
	{
		arm();
		const int error = error_of(std::forward<Call>(call)());
		disarm();
		note(error);
		return error;
	}

	/* After the call: whether something has failed. */
	bool has_failed() const { return left_ == 0; }
	int error() const { return error_; }
	/* How many points further the call would have had to come for something to fail. */
	unsigned left() const { return left_; }

private:
	void arm();
	void disarm();
	void note(int error);

	const FailureFiles &files_;
	unsigned nth_;
	Shortage shortage_;
	unsigned left_ = 0;
	bool made_ = false;
	int error_ = 0;
};

/*
 * Calls @round, first without a failure, then with one at the first point, at the second, and so
 * on, until a round goes through in which nothing fails. Ends the test as failed if no call has
 * returned an error.
 */
void fail_each(Shortage shortage, const std::function<void(FailNth &nth)> &round);
/* For a moment, and then for the rest of the call. */
void fail_each(const std::function<void(FailNth &nth)> &round);
/* The same, but only at each @step-th point from the @first on, which is counted from 1. */
void fail_some(Shortage shortage, unsigned first, unsigned step,
	       const std::function<void(FailNth &nth)> &round);

/* How many such points @call comes to. Nothing fails in it. */
unsigned points_of(const std::function<void()> &call);

/*
 * The same as fail_each() for calls that may get through each failure: it is enough that something
 * has failed. A thread that finds no memory in its fault makes the access again: there the shortage
 * mustn't last.
 */
void fail_each_and_go_on(Shortage shortage, const std::function<void(FailNth &nth)> &round);
void fail_each_and_go_on(const std::function<void(FailNth &nth)> &round);

/* Whether @error says that there was no memory, or that a copy failed. */
inline bool is_injected(int error)
{
	return error == ENOMEM || error == EFAULT;
}

} // namespace selftests

#endif
