// SPDX-License-Identifier: GPL-2.0-only
#include "lib/watched.hpp"

#include <sys/mman.h>

namespace selftests {

using namespace userfault;

namespace {

/* In what follows the first page has @small small pages. */

template <std::size_t small> void guard(const Context &context, const Memory &memory)
{
	memory.word(0) = 1;
	take(context.write_protect(memory.range(0, small)));
}

/* The page stays in the file. */
template <std::size_t small> void cache(const Context &context, const Memory &memory)
{
	take(context.unregister_range(memory.range()));
	memory.word(0) = 9;
	take(context.register_range(memory.range(), Modes::Minor));
	checked(::madvise(memory.page(0), small * page_size(), MADV_DONTNEED));
}

template <std::size_t small> void track(const Context &context, const Memory &memory)
{
	memory.word(0) = 6;
	take(context.rwprotect(memory.range(0, small)));
}

constexpr std::size_t two_huge = 2 * page_table;

} // namespace

Range first_page(const Memory &memory)
{
	return memory.range(0, memory.pages() / 2);
}

const Watched missing{Features::None, Modes::Missing, MemoryKind::anonymous};
const Watched missing_in_file{Features::None, Modes::Missing, MemoryKind::shared_file};
const Watched guarded{Features::PagefaultFlagWp, Modes::WriteProtect, MemoryKind::anonymous,
		      guard<1>};
const Watched cached{Features::MinorShmem, Modes::Minor, MemoryKind::shared_anonymous, cache<1>};
const Watched tracked{Features::Rwp, Modes::ReadWriteProtect, MemoryKind::anonymous, track<1>};
const Watched missing_huge{Features::MissingHugetlbfs, Modes::Missing, MemoryKind::private_huge,
			   nullptr, two_huge};
const Watched missing_in_huge_file{Features::MissingHugetlbfs, Modes::Missing,
				   MemoryKind::shared_huge_file, nullptr, two_huge};
const Watched guarded_huge{Features::WpHugetlbfsShmem, Modes::WriteProtect,
			   MemoryKind::shared_huge_file, guard<page_table>, two_huge};
const Watched cached_huge{Features::MinorHugetlbfs, Modes::Minor, MemoryKind::shared_huge_file,
			  cache<page_table>, two_huge};
const Watched tracked_huge{Features::Rwp, Modes::ReadWriteProtect, MemoryKind::private_huge,
			   track<page_table>, two_huge};
const Watched with_fork{Features::EventFork, Modes::Missing, MemoryKind::anonymous};
const Watched with_remap{Features::EventRemap, Modes::Missing, MemoryKind::anonymous};
const Watched with_remove{Features::EventRemove, Modes::Missing, MemoryKind::anonymous};
const Watched with_unmap{Features::EventUnmap, Modes::Missing, MemoryKind::anonymous};

Context watch(const Watched &watched, const Memory &memory)
{
	auto context = open_context(watched.features | Features::ThreadId);

	take(context.register_range(memory.range(), watched.modes));
	if (watched.prepare)
		watched.prepare(context, memory);
	return context;
}

long read_first(const Memory &memory)
{
	return static_cast<long>(memory.word(0));
}

long write_first(const Memory &memory)
{
	memory.word(0) = 5;
	return read_first(memory);
}

} // namespace selftests
