// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that were to change registered mappings and failed: what did not happen is not reported,
 * and page operations don't wait for it.
 */
#include "lib/maps.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 16;

/* The memory that calls fail on; it gets all events. */
struct Subject : World {
	Subject() : World(pages, every_event) {}

	std::byte *page(std::size_t index) const { return memory.page(index); }

	void check_unchanged()
	{
		CHECK_FALSE(is_readable(context));
		CHECK(context.zeropage(memory.range(next_page, 1)));
		next_page++;
	}

	std::size_t next_page = 0; /* to fill */
};

/* The errno of a call, made while something keeps it from succeeding. */
template <class Call> int error_of(Call &&call)
{
	return call() ? 0 : errno;
}

bool move(const Subject &subject, std::size_t first, std::size_t old_count, std::size_t new_count,
	  int flags = MREMAP_MAYMOVE, void *target = nullptr)
{
	return ::mremap(subject.page(first), old_count * page_size(), new_count * page_size(),
			flags, target) != MAP_FAILED;
}

/* The process's address space can't grow by more than this, as long as this lives. */
struct NoMoreAddresses {
	explicit NoMoreAddresses(rlim_t most)
	{
		checked(::getrlimit(RLIMIT_AS, &before));
		const rlimit now{most, before.rlim_max};
		checked(::setrlimit(RLIMIT_AS, &now));
	}
	~NoMoreAddresses() { ::setrlimit(RLIMIT_AS, &before); }

	rlimit before;
};

} // namespace

TEST_CASE("what fails at the limit of mappings is not reported", "[event][failed_change]")
{
	Subject subject;
	int unmapped, replaced, left_behind;

	{
		const NoMoreMappings full;
		unmapped = error_of([&] { return ::munmap(subject.page(8), page_size()) == 0; });
		replaced = error_of([&] {
			return ::mmap(subject.page(8), page_size(), PROT_READ,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
		});
		left_behind = error_of(
			[&] { return move(subject, 8, 1, 1, MREMAP_MAYMOVE | MREMAP_DONTUNMAP); });
	}
	CHECK(unmapped == ENOMEM);
	CHECK(replaced == ENOMEM);
	CHECK(left_behind == ENOMEM);
	subject.check_unchanged();
	CHECK(count_mappings(subject.memory.range()) == 1);
	CHECK(smaps_flag(subject.memory.range(), "um"));
}

TEST_CASE("a move that is refused is not reported", "[event][failed_change]")
{
	Subject subject;
	const Memory other(1);
	auto *const not_of_user = reinterpret_cast<void *>(0xffff800000000000);

	CHECK(error_of([&] {
		      return move(subject, 0, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, not_of_user);
	      }) == EINVAL);
	subject.check_unchanged();
	/* Onto itself. */
	CHECK(error_of([&] {
		      return move(subject, 0, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, subject.page(2));
	      }) == EINVAL);
	subject.check_unchanged();
	{
		const NoMoreAddresses full(64 << 20);
		CHECK(error_of([&] { return move(subject, 0, 4, (1 << 30) / page_size()); }) ==
		      ENOMEM);
	}
	subject.check_unchanged();
	/* Of two mappings, to more than their length. */
	checked(::mprotect(subject.page(12), 4 * page_size(), PROT_READ));
	CHECK(error_of([&] { return move(subject, 10, 4, 8); }) == EFAULT);
	subject.check_unchanged();
	CHECK(smaps_flag(subject.memory.range(), "um"));
}

TEST_CASE("dropping pages is reported as far as it gets", "[event][failed_change]")
{
	Subject subject;

	checked(::mlock2(subject.page(4), page_size(), MLOCK_ONFAULT));
	WaitingCall dropping(subject.context, SYS_madvise, [&] {
		return error_of([&] {
			return ::madvise(subject.page(2), 4 * page_size(), MADV_DONTNEED) == 0;
		});
	});
	CHECK(next_of<Remove>(subject.context).range == subject.memory.range(2, 2));
	CHECK(dropping.result() == EINVAL);
	subject.check_unchanged();
}

TEST_CASE("dropping pages up to a hole is reported without the hole", "[event][failed_change]")
{
	Subject subject;
	Memory short_one(4);

	short_one.unmap(2, 2);
	take(subject.context.register_range(short_one.range(0, 2), Modes::Missing));
	WaitingCall dropping(subject.context, SYS_madvise, [&] {
		return error_of([&] {
			return ::madvise(short_one.page(0), 4 * page_size(), MADV_DONTNEED) == 0;
		});
	});
	CHECK(next_of<Remove>(subject.context).range == short_one.range(0, 2));
	CHECK(dropping.result() == ENOMEM);
	subject.check_unchanged();
	take(subject.context.unregister_range(short_one.range(0, 2)));
}
