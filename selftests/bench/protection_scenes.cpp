// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write protection: setting and clearing it on pages that are there and were written, by calls of
 * different lengths; copying pages that are protected from the start; and the round trip of a
 * fault.
 */
#include "clock.hpp"
#include "context.hpp"
#include "quiet.hpp"
#include "scene.hpp"

#include <thread>

namespace bench {

namespace {

constexpr std::size_t all_pages = 512; /* a page table's */
constexpr auto both = userfault::Modes::Missing | userfault::Modes::WriteProtect;

/* A page table full of pages that can be written. */
class Protection : public Scene {
public:
	Protection(Backend backend, std::size_t pages_a_call)
		: context_(open_context(backend)), pages_a_call_(pages_a_call)
	{
		const Ground source(all_pages);

		source.fill();
		register_ground(context_, ground_, both);
		copy(context_.fd(), ground_.address(0), source.bytes());
	}

protected:
	void set() const { change(UFFDIO_WRITEPROTECT_MODE_WP); }
	void clear() const { change(0); }
	void write() const
	{
		for (std::size_t page = 0; page < all_pages; page++)
			ground_.write(page);
	}
	void clear_at_once() const { writeprotect(context_.fd(), ground_.range(), 0); }

private:
	void change(std::uint64_t mode) const
	{
		for (std::size_t page = 0; page < all_pages; page += pages_a_call_)
			writeprotect(context_.fd(), ground_.range(page, pages_a_call_), mode);
	}

	Ground ground_{all_pages};
	Context context_;
	std::size_t pages_a_call_;
};

class Setting final : public Protection {
public:
	using Protection::Protection;

	double measure() override
	{
		clear_at_once();
		write();

		const Stopwatch watch;

		set();
		return static_cast<double>(watch.elapsed()) / all_pages;
	}
};

class Clearing final : public Protection {
public:
	using Protection::Protection;

	double measure() override
	{
		clear_at_once();
		write();
		set();

		const Stopwatch watch;

		clear();
		return static_cast<double>(watch.elapsed()) / all_pages;
	}
};

/* Counts the next write to each page too: clearing may leave work for it. */
class ClearingAndWriting final : public Protection {
public:
	using Protection::Protection;

	double measure() override
	{
		clear_at_once();
		write();
		set();

		const Stopwatch watch;

		clear();
		write();
		return static_cast<double>(watch.elapsed()) / all_pages;
	}
};

class CopyingProtected final : public Scene {
public:
	CopyingProtected(Backend backend, std::size_t pages_a_call)
		: source_(pages_a_call), context_(open_context(backend))
	{
		source_.fill();
		register_ground(context_, ground_, both);
	}

	double measure() override
	{
		ground_.drop();

		const Stopwatch watch;

		for (std::size_t page = 0; page < all_pages; page += source_.pages())
			copy(context_.fd(), ground_.address(page), source_.bytes(),
			     UFFDIO_COPY_MODE_WP);
		return static_cast<double>(watch.elapsed()) / all_pages;
	}

private:
	Ground source_;
	Ground ground_{all_pages};
	Context context_;
};

/*
 * A thread writes to a protected page, the monitor reads the fault and unprotects the page, and the
 * thread goes on.
 */
class ProtectionFault final : public Scene {
public:
	ProtectionFault(Backend backend, std::size_t) : context_(open_context(backend))
	{
		ground_.fill();
		register_ground(context_, ground_, userfault::Modes::WriteProtect);
		monitor_ = std::jthread([this] { serve(); });
	}

	/* The monitor ends with this fault. */
	~ProtectionFault() override
	{
		protect();
		ground_.write(last_page);
	}

	double measure() override
	{
		protect();

		const Stopwatch watch;

		for (std::size_t page = 0; page < faults; page++)
			ground_.write(page);
		return static_cast<double>(watch.elapsed()) / faults;
	}

private:
	static constexpr std::size_t faults = 128;
	static constexpr std::size_t last_page = faults;

	void protect() const
	{
		writeprotect(context_.fd(), ground_.range(), UFFDIO_WRITEPROTECT_MODE_WP);
	}

	void serve() const
	{
		userfault::Address page;

		become_undisturbed();
		do {
			page = read_fault(context_.fd());
			writeprotect(context_.fd(), {page, page_size()}, 0);
		} while (page != ground_.address(last_page));
	}

	Ground ground_{faults + 1};
	Context context_;
	std::jthread monitor_;
};

template <class Kind> Subject subject(const char *name, const char *unit, std::size_t pages_a_call)
{
	return {name, unit,
		[=](Backend backend) { return std::make_unique<Kind>(backend, pages_a_call); }};
}

} // namespace

std::vector<Subject> protection_subjects()
{
	return {
		subject<Setting>("WRITEPROTECT by 4 KiB", "page", 1),
		subject<Setting>("WRITEPROTECT by 64 KiB", "page", 16),
		subject<Setting>("WRITEPROTECT by 2 MiB", "page", 512),
		subject<Clearing>("unprotecting by 4 KiB", "page", 1),
		subject<Clearing>("unprotecting by 64 KiB", "page", 16),
		subject<Clearing>("unprotecting by 2 MiB", "page", 512),
		subject<ClearingAndWriting>("unprotecting by 4 KiB, and writing", "page", 1),
		subject<ClearingAndWriting>("unprotecting by 2 MiB, and writing", "page", 512),
		subject<CopyingProtected>("COPY with WP by 4 KiB", "page", 1),
		subject<CopyingProtected>("COPY with WP by 64 KiB", "page", 16),
		subject<CopyingProtected>("COPY with WP by 2 MiB", "page", 512),
		subject<ProtectionFault>("WP fault, round trip", "fault", 1),
	};
}

} // namespace bench
