// SPDX-License-Identifier: GPL-2.0-only
/* Filling missing pages that nobody waits for, by calls of different lengths. */
#include "clock.hpp"
#include "context.hpp"
#include "scene.hpp"

namespace bench {

namespace {

constexpr std::size_t all_pages = 512; /* a page table's */

class Filling : public Scene {
public:
	Filling(Backend backend, std::size_t pages_a_call)
		: context_(open_context(backend)), pages_a_call_(pages_a_call)
	{
		register_ground(context_, ground_);
	}

	double measure() override
	{
		ground_.drop();

		const Stopwatch watch;

		for (std::size_t page = 0; page < all_pages; page += pages_a_call_)
			fill(ground_.range(page, pages_a_call_));
		return static_cast<double>(watch.elapsed()) / all_pages;
	}

protected:
	int fd() const { return context_.fd(); }

private:
	virtual void fill(userfault::Range range) const = 0;

	Ground ground_{all_pages};
	Context context_;
	std::size_t pages_a_call_;
};

class Copying final : public Filling {
public:
	Copying(Backend backend, std::size_t pages_a_call)
		: Filling(backend, pages_a_call), source_(pages_a_call)
	{
		source_.fill();
	}

private:
	void fill(userfault::Range range) const override
	{
		copy(fd(), range.start, source_.bytes().first(range.length));
	}

	Ground source_;
};

class Zeroing final : public Filling {
public:
	using Filling::Filling;

private:
	void fill(userfault::Range range) const override { zeropage(fd(), range); }
};

template <class Kind> Subject subject(const char *name, std::size_t pages_a_call)
{
	return {name, "page",
		[=](Backend backend) { return std::make_unique<Kind>(backend, pages_a_call); }};
}

} // namespace

std::vector<Subject> fill_subjects()
{
	return {
		subject<Copying>("COPY by 4 KiB", 1),
		subject<Copying>("COPY by 64 KiB", 16),
		subject<Copying>("COPY by 2 MiB", 512),
		subject<Zeroing>("ZEROPAGE by 4 KiB", 1),
		subject<Zeroing>("ZEROPAGE by 64 KiB", 16),
		subject<Zeroing>("ZEROPAGE by 2 MiB", 512),
	};
}

} // namespace bench
