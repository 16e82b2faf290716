// SPDX-License-Identifier: GPL-2.0-only
#include "lib/watched.hpp"

#include <sys/mman.h>

namespace selftests {

using namespace userfault;

const Watched missing{Features::None, Modes::Missing, MemoryKind::anonymous};
const Watched missing_in_file{Features::None, Modes::Missing, MemoryKind::shared_file};
const Watched guarded{Features::PagefaultFlagWp, Modes::WriteProtect, MemoryKind::anonymous,
		      [](const Context &context, const Memory &memory) {
			      memory.word(0) = 1;
			      take(context.write_protect(memory.range(0, 1)));
		      }};
const Watched cached{Features::MinorShmem, Modes::Minor, MemoryKind::shared_anonymous,
		     [](const Context &context, const Memory &memory) {
			     take(context.unregister_range(memory.range()));
			     memory.word(0) = 9;
			     take(context.register_range(memory.range(), Modes::Minor));
			     checked(::madvise(memory.page(0), page_size(), MADV_DONTNEED));
		     }};
const Watched tracked{Features::Rwp, Modes::ReadWriteProtect, MemoryKind::anonymous,
		      [](const Context &context, const Memory &memory) {
			      memory.word(0) = 6;
			      take(context.rwprotect(memory.range(0, 1)));
		      }};
const Watched with_fork{Features::EventFork, Modes::Missing, MemoryKind::anonymous};
const Watched with_remap{Features::EventRemap, Modes::Missing, MemoryKind::anonymous};
const Watched with_remove{Features::EventRemove, Modes::Missing, MemoryKind::anonymous};
const Watched with_unmap{Features::EventUnmap, Modes::Missing, MemoryKind::anonymous};

Context watch(const Watched &watched, const Memory &memory)
{
	auto context = open_context(watched.features);

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
