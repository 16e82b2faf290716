// SPDX-License-Identifier: GPL-2.0-only
/* Moving pages to places where pages are missing, by calls of different lengths. */
#include "clock.hpp"
#include "context.hpp"
#include "failure.hpp"
#include "scene.hpp"

#include <sys/mman.h>

namespace bench {

namespace {

constexpr std::size_t all_pages = 512; /* a page table's, and a huge page's */

void advise(const Ground &ground, int advice)
{
	checked(::madvise(ground.bytes().data(), ground.bytes().size(), advice), "madvise");
}

class Moving final : public Scene {
public:
	Moving(Backend backend, std::size_t pages_a_call)
		: context_(open_context(backend)), pages_a_call_(pages_a_call)
	{
		advise(source_, MADV_NOHUGEPAGE);
		register_ground(context_, destination_);
	}

	double measure() override
	{
		destination_.drop();
		source_.fill();

		const Stopwatch watch;

		for (std::size_t page = 0; page < all_pages; page += pages_a_call_)
			move(context_.fd(), destination_.address(page),
			     source_.range(page, pages_a_call_));
		return static_cast<double>(watch.elapsed()) / all_pages;
	}

private:
	Ground source_{all_pages};
	Ground destination_{all_pages};
	Context context_;
	std::size_t pages_a_call_;
};

/* The destination has no page table yet: a huge page can only be moved there. */
class MovingHuge final : public Scene {
public:
	MovingHuge(Backend backend, std::size_t) : backend_(backend) {}

	double measure() override
	{
		const Ground source(all_pages), destination(all_pages);
		const Context context = open_context(backend_);

		advise(source, MADV_HUGEPAGE);
		source.fill();
		register_ground(context, destination);

		const Stopwatch watch;

		move(context.fd(), destination.address(0), source.range());
		return static_cast<double>(watch.elapsed());
	}

private:
	Backend backend_;
};

template <class Kind> Subject subject(const char *name, const char *unit, std::size_t pages_a_call)
{
	return {.name = name,
		.unit = unit,
		.make =
			[=](Backend backend) {
				return std::make_unique<Kind>(backend, pages_a_call);
			},
		.needs = userfault::Features::Move};
}

} // namespace

std::vector<Subject> move_subjects()
{
	return {
		subject<Moving>("MOVE by 4 KiB", "page", 1),
		subject<Moving>("MOVE by 64 KiB", "page", 16),
		subject<Moving>("MOVE by 2 MiB", "page", 512),
		subject<MovingHuge>("MOVE of a huge page", "call", all_pages),
	};
}

} // namespace bench
