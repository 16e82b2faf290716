/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KNOWN_THREAD_HPP
#define SELFTESTS_KNOWN_THREAD_HPP

#include "harness/harness.hpp"
#include "harness/processes.hpp"

#include <csignal>
#include <future>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace selftests {

/* A thread of this process that can be watched and signalled, as its id is known. */
template <class Value> class KnownThread {
public:
	/* Runs @work. After construction the thread has begun. */
	template <class Work> explicit KnownThread(Work work)
	{
		std::promise<pid_t> id;
		auto known = id.get_future();

		value_ = in_thread([id = std::move(id), work = std::move(work)]() mutable {
			id.set_value(::gettid());
			return work();
		});
		id_ = known.get();
	}

	pid_t id() const { return id_; }
	/* Whether it sleeps in system call @number, as sleeps_in() of processes.hpp says. */
	bool sleeps_in(long number) const { return selftests::sleeps_in(::getpid(), id_, number); }
	bool is_done() const { return selftests::is_done(value_); }
	void signal(int number) const { checked(::tgkill(::getpid(), id_, number)); }
	/* Waits for its end. */
	Value get() { return value_.get(); }

private:
	pid_t id_ = 0;
	std::future<Value> value_;
};

template <class Work> KnownThread(Work) -> KnownThread<std::invoke_result_t<Work>>;

/* A thread that runs @work, and sleeps in system call @number of it when this returns. */
template <class Work> auto sleeping_in(long number, Work work)
{
	KnownThread thread(std::move(work));

	wait_until("the thread sleeps in its call", [&] { return thread.sleeps_in(number); });
	return thread;
}

} // namespace selftests

#endif
