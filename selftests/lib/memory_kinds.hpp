/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MEMORY_KINDS_HPP
#define SELFTESTS_MEMORY_KINDS_HPP

#include "lib/memory.hpp"

#include <catch2/catch.hpp>

namespace selftests {

struct Anonymous {
	static constexpr auto kind = MemoryKind::anonymous;
};
struct SharedAnonymous {
	static constexpr auto kind = MemoryKind::shared_anonymous;
};
struct SharedFile {
	static constexpr auto kind = MemoryKind::shared_file;
};
struct PrivateFile {
	static constexpr auto kind = MemoryKind::private_file;
};

struct PrivateHuge {
	static constexpr auto kind = MemoryKind::private_huge;
};
struct SharedHuge {
	static constexpr auto kind = MemoryKind::shared_huge;
};
struct PrivateHugeFile {
	static constexpr auto kind = MemoryKind::private_huge_file;
};
struct SharedHugeFile {
	static constexpr auto kind = MemoryKind::shared_huge_file;
};

} // namespace selftests

/*
 * A test for each kind of memory made of small pages, TestType::kind. Catch2 appends the kind's
 * name to the test's name.
 */
#define MEMORY_TEST_CASE(name, tags)                                                               \
	TEMPLATE_TEST_CASE(name, tags, Anonymous, SharedAnonymous, SharedFile, PrivateFile)
/* The same for shmem. */
#define SHMEM_TEST_CASE(name, tags)                                                                \
	TEMPLATE_TEST_CASE(name, tags, SharedAnonymous, SharedFile, PrivateFile)
/* The same for hugetlb. */
#define HUGE_TEST_CASE(name, tags)                                                                 \
	TEMPLATE_TEST_CASE(name, tags, PrivateHuge, SharedHuge, PrivateHugeFile, SharedHugeFile)
/* The same for the kinds that virtual machines have. */
#define GUEST_TEST_CASE(name, tags)                                                                \
	TEMPLATE_TEST_CASE(name, tags, Anonymous, SharedFile, PrivateFile, PrivateHuge,            \
			   SharedHugeFile)

#endif
