// SPDX-License-Identifier: GPL-2.0-only
#include "lib/heap.hpp"

#include "harness/harness.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace selftests {

using namespace userfault;

namespace {

std::byte *aligned(void *address)
{
	return reinterpret_cast<std::byte *>(whole_pages(reinterpret_cast<Address>(address)));
}

} // namespace

Heap::Heap(std::size_t pages) : end_(aligned(::sbrk(0))), length_(pages * page_size())
{
	checked(::brk(end_ + length_));
}

Range Heap::range(std::size_t first, std::size_t count) const
{
	return {reinterpret_cast<Address>(page(first)), count * page_size()};
}

/* By the system call: libc's brk() reports success even if the heap couldn't shrink. */
bool Heap::end_at(std::byte *end)
{
	return ::syscall(SYS_brk, end) == reinterpret_cast<long>(end);
}

} // namespace selftests
