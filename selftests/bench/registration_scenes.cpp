// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registering and unregistering, in turns. Calls that split a VMA allocate a new slab now and then,
 * so only the mean of many calls repeats.
 */
#include "clock.hpp"
#include "context.hpp"
#include "scene.hpp"

namespace bench {

namespace {

constexpr std::size_t pages = 16;

/* A part of a VMA of @pages pages. */
struct Part {
	std::size_t first;
	std::size_t count;
};

class Registration final : public Scene {
public:
	Registration(Backend backend, Part part) : context_(open_context(backend)), part_(part) {}

	double measure() override
	{
		constexpr int pairs = 128;
		const Stopwatch watch;

		for (int i = 0; i < pairs; i++)
			pair();
		return static_cast<double>(watch.elapsed()) / pairs;
	}

private:
	void pair() const
	{
		const auto range = ground_.range(part_.first, part_.count);
		uffdio_register in{{range.start, range.length}, UFFDIO_REGISTER_MODE_MISSING, 0};
		uffdio_range out{range.start, range.length};

		command(context_.fd(), UFFDIO_REGISTER, &in);
		command(context_.fd(), UFFDIO_UNREGISTER, &out);
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
