// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module costs a process that doesn't use it: calls that go through the functions that the
 * module takes over, in a process without a context, compared with the same calls without the
 * module. Only the call is counted.
 */
#include "clock.hpp"
#include "failure.hpp"
#include "ground.hpp"
#include "scene.hpp"

#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

namespace {

constexpr int calls = 256;

void *mapped(void *result)
{
	if (result == MAP_FAILED)
		throw std::system_error(errno, std::generic_category(), "mmap");
	return result;
}

/* The mean of many calls, because some calls allocate a new slab. */
class Calls : public Scene {
public:
	double measure() override
	{
		Instructions sum = 0;

		for (int i = 0; i < calls; i++)
			sum += call();
		return static_cast<double>(sum) / calls;
	}

private:
	virtual Instructions call() = 0;
};

class Mapping final : public Calls {
	Instructions call() override
	{
		const Stopwatch watch;
		void *const memory = mapped(::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE,
						   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

		checked(::munmap(memory, page_size()), "munmap");
		return watch.elapsed();
	}
};

class Dropping final : public Calls {
	Instructions call() override
	{
		ground_.write(0);

		const Stopwatch watch;

		checked(::madvise(ground_.bytes().data(), page_size(), MADV_DONTNEED), "madvise");
		return watch.elapsed();
	}

	Ground ground_{1};
};

/* Moves a page there and back, between two places of which one is always free. */
class Moving final : public Calls {
public:
	Moving()
	{
		checked(::munmap(there_.bytes().data(), page_size()), "munmap");
		here_.write(0);
	}

private:
	Instructions call() override
	{
		const Stopwatch watch;

		move(here_, there_);
		move(there_, here_);
		return watch.elapsed() / 2;
	}

	static void move(const Ground &from, const Ground &to)
	{
		mapped(::mremap(from.bytes().data(), page_size(), page_size(),
				MREMAP_MAYMOVE | MREMAP_FIXED, to.bytes().data()));
	}

	Ground here_{1}, there_{1};
};

/* Every other page can't be written, so each page is a mapping. */
class Forking final : public Scene {
public:
	Forking()
	{
		for (std::size_t page = 0; page < mappings; page += 2)
			checked(::mprotect(ground_.bytes().data() + page * page_size(), page_size(),
					   PROT_READ),
				"mprotect");
	}

	/* The child doesn't run before this thread sleeps, since it has no real-time priority. */
	double measure() override
	{
		int status;
		const Stopwatch watch;
		const pid_t child = ::fork();

		if (child == 0)
			::_exit(0);

		const auto elapsed = watch.elapsed();

		checked(child, "fork");
		checked(::waitpid(child, &status, 0), "waitpid");
		if (status != 0)
			throw std::runtime_error("a child failed");
		return static_cast<double>(elapsed);
	}

private:
	static constexpr std::size_t mappings = 2000;

	Ground ground_{mappings};
};

template <class Kind>
void append(std::vector<Subject> &subjects, const std::string &name, const std::string &unit)
{
	const auto add = [&](const char *where, auto around, double factor) {
		subjects.push_back({.name = name + ", " + where,
				    .unit = unit,
				    .make = [](Backend) { return std::make_unique<Kind>(); },
				    .target = {factor, Target::without},
				    .around =
					    [=](Backend backend) {
						    return backend == Backend::module
								   ? around()
								   : without_module();
					    }});
	};

	add("no context", without_context, 1.0);
	add("a context elsewhere", with_context_elsewhere, 1.01);
}

} // namespace

std::vector<Subject> bystander_subjects()
{
	std::vector<Subject> subjects;

	append<Forking>(subjects, "fork, 2,000 mappings", "call");
	append<Mapping>(subjects, "mmap and munmap", "pair");
	append<Dropping>(subjects, "MADV_DONTNEED of a page", "call");
	append<Moving>(subjects, "mremap, moving a page", "call");
	return subjects;
}

} // namespace bench
