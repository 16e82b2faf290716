// SPDX-License-Identifier: GPL-2.0-only
/* Memory that comes from elsewhere than it seems: a device that is anonymous memory, System V. */
#include "lib/huge_pages.hpp"
#include "lib/maps.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

using namespace selftests;
using namespace userfault;

namespace {

/* System V shared memory in huge pages; it goes when no process has it mapped any more. */
class HugeSegment {
public:
	explicit HugeSegment(std::size_t count)
		: bytes_(count * huge_page_size),
		  id_(static_cast<int>(
			  checked(::shmget(IPC_PRIVATE, bytes_, IPC_CREAT | SHM_HUGETLB | 0600)))),
		  start_(static_cast<std::byte *>(::shmat(id_, nullptr, 0)))
	{
		checked(::shmctl(id_, IPC_RMID, nullptr));
	}

	~HugeSegment() { ::shmdt(start_); }
	HugeSegment(const HugeSegment &) = delete;
	HugeSegment &operator=(const HugeSegment &) = delete;

	Range range() const { return {reinterpret_cast<Address>(start_), bytes_}; }
	const std::byte *data() const { return start_; }

private:
	std::size_t bytes_;
	int id_;
	std::byte *start_;
};

} // namespace

TEST_CASE("private memory of /dev/zero is filled as the anonymous memory that it is", "[copy]")
{
	/*
	 * Native userfaultfd takes the device for a file past its end; for COPY it doesn't yet in
	 * 6.1.
	 */
	const bool native = backend_under_test() == Backend::native;
	const int of_copy = native && !native_before(6, 12) ? EFAULT : 0;
	const int of_zeropage = native ? EFAULT : 0;
	const Fd device(static_cast<int>(checked(::open("/dev/zero", O_RDWR | O_CLOEXEC))));
	const World world(Memory(3, device, MAP_PRIVATE), Modes::Missing | Modes::WriteProtect);
	const auto source = patterned(1, 7);

	CHECK(world.context.copy(world.memory.address(1), source.bytes(0, 1)).error.value() ==
	      of_copy);
	CHECK(world.context.zeropage(world.memory.range(2, 1)).error.value() == of_zeropage);
	if (native)
		return;
	CHECK(has_pattern(world.memory.bytes(1, 1), 7));
	CHECK(is_zero(world.memory.bytes(2, 1)));
	REQUIRE(world.context.poison(world.memory.range(0, 1)));
	take(world.context.write_protect(world.memory.range(1, 1)));
	CHECK(is_protected_at(world.memory.address(1)));
}

TEST_CASE("huge pages of System V are filled like others", "[hugetlb][copy]")
{
	const HugePages pages(2);
	const HugeSegment segment(2);
	const auto source = patterned(huge_page_size / page_size());
	const auto context = open_context();
	const auto ioctls = context.register_range(segment.range(), Modes::Missing);

	if (backend_under_test() == Backend::native && !native_before(7, 2)) {
		/* Native userfaultfd checks the mapping's functions, which are System V's here. */
		CHECK(ioctls.error().value() == EINVAL);
		return;
	}
	REQUIRE(ioctls);
	const auto progress = context.copy(segment.range().start, source.bytes(0, source.pages()));
	CHECK(progress.done == huge_page_size);
	CHECK_FALSE(progress.error);
	for (std::size_t i = 0; i < source.pages(); i += 511)
		CHECK(has_pattern({segment.data() + i * page_size(), page_size()}, i));
}
