// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registering and unregistering, in turns. Each pair is counted alone, because some of those that split a
 * VMA come to the end of a slab, and how many do differs from run to run.
 */
#include "clock.hpp"
#include "context.hpp"
#include "median.hpp"
#include "scene.hpp"

#include <algorithm>
#include <vector>

namespace bench {

namespace {

constexpr std::size_t pages = 16;

/* A part of a VMA that has the size of @pages. */
struct Part {
	std::size_t first;
	std::size_t count;
};

class Registration final : public Scene {
public:
	Registration(Backend backend, Part part) : context_(open_context(backend)), part_(part) {}

	double measure() override
	{
		std::vector<Instructions> each(32);

		std::ranges::generate(each, [this] { return pair(); });
		return median(each);
	}

private:
	Instructions pair() const
	{
		const auto range = ground_.range(part_.first, part_.count);
		uffdio_register in{{range.start, range.length}, UFFDIO_REGISTER_MODE_MISSING, 0};
		uffdio_range out{range.start, range.length};
		const Stopwatch watch;

		command(context_.fd(), UFFDIO_REGISTER, &in);
		command(context_.fd(), UFFDIO_UNREGISTER, &out);
		return watch.elapsed();
	}

	Ground ground_{pages};
	Context context_;
	Part part_;
};

Subject subject(const char *name, Part part)
{
	return {name, "pair",
		[=](Backend backend) { return std::make_unique<Registration>(backend, part); }};
}

} // namespace

std::vector<Subject> registration_subjects()
{
	return {
		subject("register and unregister, a whole VMA", {0, pages}),
		subject("register and unregister, the end of a VMA", {pages / 2, pages / 2}),
		subject("register and unregister, the middle of a VMA", {pages / 4, pages / 2}),
	};
}

} // namespace bench
