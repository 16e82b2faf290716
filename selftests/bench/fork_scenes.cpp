// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forking a process that has 10,000 registered pages, all there and written. The child ends at
 * once, and its parent waits for that. If the monitor gets the event of the fork, it closes the
 * child's context that comes with it.
 */
#include "clock.hpp"
#include "context.hpp"
#include "failure.hpp"
#include "quiet.hpp"
#include "scene.hpp"

#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace bench {

namespace {

using userfault::Features;

constexpr std::size_t pages = 10'000;

void fork_and_wait()
{
	int status;
	const auto child = static_cast<pid_t>(checked(::fork(), "fork"));

	if (child == 0)
		::_exit(0);
	checked(::waitpid(child, &status, 0), "waitpid");
	if (status != 0)
		throw std::runtime_error("a child failed");
}

/* The child has ordinary pages where the parent's are registered. */
class Forking : public Scene {
public:
	explicit Forking(Backend backend) : Forking(backend, Features::None) {}

	double measure() override
	{
		/* Pages shared since the fork before become the parent's own again. */
		for (std::size_t page = 0; page < pages; page++)
			ground_.write(page);

		const Stopwatch watch;

		fork_and_wait();
		return static_cast<double>(watch.elapsed());
	}

protected:
	Forking(Backend backend, Features features)
		: context_(open_context(backend, false, features))
	{
		/* Small pages only, and the last page is not there. */
		checked(::madvise(ground_.bytes().data(), ground_.bytes().size(), MADV_NOHUGEPAGE),
			"madvise");
		for (std::size_t page = 0; page < pages; page++)
			ground_.write(page);
		register_ground(context_, ground_);
	}

	int fd() const { return context_.fd(); }
	const Ground &ground() const { return ground_; }

private:
	Ground ground_{pages + 1};
	Context context_;
};

/* The child's pages are registered too, with a context of its own. */
class ForkingTold final : public Forking {
public:
	explicit ForkingTold(Backend backend) : Forking(backend, Features::EventFork)
	{
		monitor_ = std::jthread([this] { serve(); });
	}

	/* The monitor ends with this fault. */
	~ForkingTold() override { ground().touch(pages); }

private:
	void serve() const
	{
		become_undisturbed();
		for (;;) {
			const uffd_msg message = read_message(fd());

			if (message.event != UFFD_EVENT_FORK)
				break;
			checked(::close(static_cast<int>(message.arg.fork.ufd)), "close");
		}
		zeropage(fd(), ground().range(pages, 1));
	}

	std::jthread monitor_;
};

template <class Kind> Subject subject(const char *name, Features needs)
{
	return {.name = name,
		.unit = "call",
		.make = [](Backend backend) { return std::make_unique<Kind>(backend); },
		.needs = needs};
}

} // namespace

std::vector<Subject> fork_subjects()
{
	return {
		subject<Forking>("fork with 10,000 registered pages", Features::None),
		subject<ForkingTold>("fork with 10,000 registered pages, with event",
				     Features::EventFork),
	};
}

} // namespace bench
