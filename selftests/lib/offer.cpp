// SPDX-License-Identifier: GPL-2.0-only
#include "lib/offer.hpp"

#include "lib/files.hpp"
#include "lib/hugetlb.hpp"
#include "lib/memory.hpp"
#include "lib/world.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <linux/userfault.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace selftests {

using namespace userfault;

namespace {

/* By bit. */
constexpr auto feature_names = std::to_array<std::string_view>({
	"PAGEFAULT_FLAG_WP",
	"EVENT_FORK",
	"EVENT_REMAP",
	"EVENT_REMOVE",
	"MISSING_HUGETLBFS",
	"MISSING_SHMEM",
	"EVENT_UNMAP",
	"SIGBUS",
	"THREAD_ID",
	"MINOR_HUGETLBFS",
	"MINOR_SHMEM",
	"EXACT_ADDRESS",
	"WP_HUGETLBFS_SHMEM",
	"WP_UNPOPULATED",
	"POISON",
	"WP_ASYNC",
	"MOVE",
	"RWP",
	"RWP_ASYNC",
});

struct Named {
	std::string_view name;
	std::uint64_t value;
};

struct Mode {
	std::string_view name;
	Modes mode;
	Features takes = Features::None; /* to ask for if the backend offers it */
};

constexpr auto modes = std::to_array<Mode>({
	{"REGISTER_MODE_MISSING", Modes::Missing},
	{"REGISTER_MODE_MINOR", Modes::Minor},
	{"REGISTER_MODE_WP", Modes::WriteProtect},
	{"REGISTER_MODE_RWP", Modes::ReadWriteProtect, Features::Rwp},
});

constexpr auto commands = std::to_array<Named>({
	{"WAKE", 1ull << _UFFDIO_WAKE},
	{"COPY", 1ull << _UFFDIO_COPY},
	{"ZEROPAGE", 1ull << _UFFDIO_ZEROPAGE},
	{"CONTINUE", 1ull << _UFFDIO_CONTINUE},
	{"WRITEPROTECT", 1ull << _UFFDIO_WRITEPROTECT},
	{"POISON", 1ull << _UFFDIO_POISON},
	{"MOVE", 1ull << _UFFDIO_MOVE},
	{"RWPROTECT", 1ull << _UFFDIO_RWPROTECT},
});

std::string yes_or_no(bool offered)
{
	return offered ? "yes" : "no";
}

std::uint64_t offered_features()
{
	return bits(take(Context::probe(options_for())).offered);
}

void add_features(std::vector<Offered> &all)
{
	const auto offered = offered_features();

	for (std::size_t bit = 0; bit < 64; bit++) {
		const bool known = bit < feature_names.size();

		if (known || offered >> bit & 1)
			all.push_back({"The context",
				       known ? std::string(feature_names[bit])
					     : "bit-" + std::to_string(bit),
				       yes_or_no(offered >> bit & 1)});
	}
}

/* @range need only be mapped: nothing touches it. */
void add_memory(std::vector<Offered> &all, const std::string &subject, Range range,
		Features features)
{
	const Features offered{offered_features()};
	std::uint64_t ioctls = 0;

	for (const auto &[name, mode, takes] : modes) {
		const auto context = open_context(features | (takes & offered));
		const auto result = context.register_range(range, mode);

		all.push_back({subject, std::string(name),
			       result ? "yes" : ::strerrorname_np(result.error().value())});
		if (result)
			ioctls |= bits(*result);
	}
	for (const auto &command : commands)
		all.push_back(
			{subject, std::string(command.name), yes_or_no(ioctls & command.value)});
}

/* It doesn't matter here if the pool has no huge pages. */
HugeMemory huge_memory(int sharing)
{
	return HugeMemory(1, sharing | MAP_NORESERVE);
}

} // namespace

std::vector<Offered> offer()
{
	/*
	 * On an old kernel, a registration names newer commands only to a context that asks for a
	 * newer feature.
	 */
	const auto newest = Features::Move & Features{offered_features()};
	std::vector<Offered> all;

	add_features(all);
	add_memory(all, "Private anonymous memory", Memory(1).range(), newest);
	add_memory(all, "Shared memory of shmem", Memory(1, MemoryKind::shared_file).range(),
		   newest);
	add_memory(all, "Private memory of shmem", Memory(1, MemoryKind::private_file).range(),
		   newest);
	add_memory(all, "Shared memory of hugetlb", huge_memory(MAP_SHARED).range(), newest);
	add_memory(all, "Private memory of hugetlb", huge_memory(MAP_PRIVATE).range(), newest);

	const Memory other(1, ordinary_file(1), MAP_SHARED);
	add_memory(all, "Memory of other files, with WP_ASYNC", other.range(),
		   Features::WpAsync & Features{offered_features()});
	return all;
}

} // namespace selftests
