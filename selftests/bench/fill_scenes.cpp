// SPDX-License-Identifier: GPL-2.0-only
/* Filling missing pages that no thread waits for, by calls of different lengths. */
#include "clock.hpp"
#include "context.hpp"
#include "scene.hpp"

namespace bench {

namespace {

constexpr std::size_t all_pages = 512; /* a page table's */

class Filling : public Scene {
public:
	Filling(Backend backend, std::size_t pages_a_call, GroundKind kind,
		userfault::Modes modes = userfault::Modes::Missing)
		: ground_(all_pages, kind), context_(open_context(backend)),
		  pages_a_call_(pages_a_call)
	{
		register_ground(context_, ground_, modes);
	}

	double measure() override
	{
		clear();

		const Stopwatch watch;

		for (std::size_t page = 0; page < all_pages; page += pages_a_call_)
			fill(ground_.range(page, pages_a_call_));
		return static_cast<double>(watch.elapsed()) / all_pages;
	}

protected:
	int fd() const { return context_.fd(); }
	const Ground &ground() const { return ground_; }

private:
	virtual void clear() const { ground_.drop(); }
	virtual void fill(userfault::Range range) const = 0;

	Ground ground_;
	Context context_;
	std::size_t pages_a_call_;
};

class Copying final : public Filling {
public:
	Copying(Backend backend, std::size_t pages_a_call, GroundKind kind)
		: Filling(backend, pages_a_call, kind), source_(pages_a_call)
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

/* Mapping pages that the file in shmem has. */
class Resuming final : public Filling {
public:
	Resuming(Backend backend, std::size_t pages_a_call, GroundKind kind)
		: Filling(backend, pages_a_call, kind, userfault::Modes::Minor)
	{
		ground().fill();
	}

private:
	void clear() const override { ground().unmap(); }
	void fill(userfault::Range range) const override { resume(fd(), range); }
};

class Poisoning final : public Filling {
public:
	using Filling::Filling;

private:
	void fill(userfault::Range range) const override { poison(fd(), range); }
};

/*
 * Copies of a whole page table whose first page is there: a monitor makes such calls when several
 * threads have faulted nearby. They do nothing, so the pages that would follow mustn't cost
 * anything.
 */
class CopyingInVain final : public Scene {
public:
	CopyingInVain(Backend backend, GroundKind kind)
		: ground_(all_pages, kind), context_(open_context(backend))
	{
		source_.fill();
		register_ground(context_, ground_);
		copy(context_.fd(), ground_.address(0), source_.bytes().first(page_size()));
	}

	double measure() override
	{
		constexpr int times = 100;
		const Stopwatch watch;

		for (int i = 0; i < times; i++)
			copy_in_vain(context_.fd(), ground_.address(0), source_.bytes());
		return static_cast<double>(watch.elapsed()) / times;
	}

private:
	Ground ground_;
	Context context_;
	Ground source_{all_pages};
};

Subject in_vain(const char *name, GroundKind kind)
{
	return {.name = name, .unit = "call", .make = [=](Backend backend) {
			return std::make_unique<CopyingInVain>(backend, kind);
		}};
}

template <class Kind>
Subject subject(const char *name, std::size_t pages_a_call, GroundKind kind = GroundKind::anonymous,
		userfault::Features needs = userfault::Features::None)
{
	return {.name = name,
		.unit = "page",
		.make =
			[=](Backend backend) {
				return std::make_unique<Kind>(backend, pages_a_call, kind);
			},
		.needs = needs};
}

} // namespace

std::vector<Subject> fill_subjects()
{
	return {
		subject<Copying>("COPY by 4 KiB", 1),
		subject<Copying>("COPY by 64 KiB", 16),
		subject<Copying>("COPY by 2 MiB", 512),
		in_vain("COPY of 512 pages, the first there", GroundKind::anonymous),
		subject<Zeroing>("ZEROPAGE by 4 KiB", 1),
		subject<Zeroing>("ZEROPAGE by 64 KiB", 16),
		subject<Zeroing>("ZEROPAGE by 2 MiB", 512),
		subject<Copying>("COPY to shmem by 4 KiB", 1, GroundKind::shmem),
		subject<Copying>("COPY to shmem by 64 KiB", 16, GroundKind::shmem),
		subject<Copying>("COPY to shmem by 2 MiB", 512, GroundKind::shmem),
		in_vain("COPY to shmem of 512 pages, the first there", GroundKind::shmem),
		subject<Zeroing>("ZEROPAGE to shmem by 4 KiB", 1, GroundKind::shmem),
		subject<Zeroing>("ZEROPAGE to shmem by 2 MiB", 512, GroundKind::shmem),
		subject<Resuming>("CONTINUE by 4 KiB", 1, GroundKind::shmem),
		subject<Resuming>("CONTINUE by 64 KiB", 16, GroundKind::shmem),
		subject<Resuming>("CONTINUE by 2 MiB", 512, GroundKind::shmem),
		subject<Poisoning>("POISON by 4 KiB", 1, GroundKind::anonymous,
				   userfault::Features::Poison),
		subject<Poisoning>("POISON by 2 MiB", 512, GroundKind::anonymous,
				   userfault::Features::Poison),
		subject<Copying>("COPY to hugetlb", 512, GroundKind::hugetlb),
		subject<Resuming>("CONTINUE on hugetlb", 512, GroundKind::hugetlb),
	};
}

} // namespace bench
