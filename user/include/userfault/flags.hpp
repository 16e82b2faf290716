/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstdint>
#include <type_traits>

#include <linux/userfault.h>

namespace userfault {

/*
 * The bit sets of the ABI, one type each so that they can't be mixed up. <linux/userfault.h> says
 * what each bit means. Any other bit can be made by a cast, Features{1ull << 60}, and is passed to
 * the kernel as it is.
 */

/* What a context does beyond the basics; the handshake asks for it. */
enum class Features : std::uint64_t {
	None = 0,
	PagefaultFlagWp = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	EventFork = UFFD_FEATURE_EVENT_FORK,
	EventRemap = UFFD_FEATURE_EVENT_REMAP,
	EventRemove = UFFD_FEATURE_EVENT_REMOVE,
	MissingHugetlbfs = UFFD_FEATURE_MISSING_HUGETLBFS,
	MissingShmem = UFFD_FEATURE_MISSING_SHMEM,
	EventUnmap = UFFD_FEATURE_EVENT_UNMAP,
	Sigbus = UFFD_FEATURE_SIGBUS,
	ThreadId = UFFD_FEATURE_THREAD_ID,
	MinorHugetlbfs = UFFD_FEATURE_MINOR_HUGETLBFS,
	MinorShmem = UFFD_FEATURE_MINOR_SHMEM,
	ExactAddress = UFFD_FEATURE_EXACT_ADDRESS,
	WpHugetlbfsShmem = UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	WpUnpopulated = UFFD_FEATURE_WP_UNPOPULATED,
	Poison = UFFD_FEATURE_POISON,
	WpAsync = UFFD_FEATURE_WP_ASYNC,
	Move = UFFD_FEATURE_MOVE,
	Rwp = UFFD_FEATURE_RWP,
	RwpAsync = UFFD_FEATURE_RWP_ASYNC,
};

/* Which faults of a registered range wait for the monitor. */
enum class Modes : std::uint64_t {
	None = 0,
	Missing = UFFDIO_REGISTER_MODE_MISSING,
	WriteProtect = UFFDIO_REGISTER_MODE_WP,
	Minor = UFFDIO_REGISTER_MODE_MINOR,
	ReadWriteProtect = UFFDIO_REGISTER_MODE_RWP,
};

/* The commands that work: on a context after the handshake, on a range once registered. */
enum class Ioctls : std::uint64_t {
	None = 0,
	Register = 1ull << _UFFDIO_REGISTER,
	Unregister = 1ull << _UFFDIO_UNREGISTER,
	Wake = 1ull << _UFFDIO_WAKE,
	Copy = 1ull << _UFFDIO_COPY,
	Zeropage = 1ull << _UFFDIO_ZEROPAGE,
	Move = 1ull << _UFFDIO_MOVE,
	WriteProtect = 1ull << _UFFDIO_WRITEPROTECT,
	Continue = 1ull << _UFFDIO_CONTINUE,
	Poison = 1ull << _UFFDIO_POISON,
	ReadWriteProtect = 1ull << _UFFDIO_RWPROTECT,
	SetMode = 1ull << _UFFDIO_SET_MODE,
	Api = 1ull << _UFFDIO_API,
};

enum class CopyModes : std::uint64_t {
	None = 0,
	DontWake = UFFDIO_COPY_MODE_DONTWAKE,
	WriteProtect = UFFDIO_COPY_MODE_WP,
};

enum class ZeropageModes : std::uint64_t {
	None = 0,
	DontWake = UFFDIO_ZEROPAGE_MODE_DONTWAKE,
};

/* For both kinds of protection: their commands have the same modes. */
enum class UnprotectModes : std::uint64_t {
	None = 0,
	DontWake = UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
};
static_assert(UFFDIO_RWPROTECT_MODE_DONTWAKE == UFFDIO_WRITEPROTECT_MODE_DONTWAKE);

enum class ContinueModes : std::uint64_t {
	None = 0,
	DontWake = UFFDIO_CONTINUE_MODE_DONTWAKE,
	WriteProtect = UFFDIO_CONTINUE_MODE_WP,
};

enum class PoisonModes : std::uint64_t {
	None = 0,
	DontWake = UFFDIO_POISON_MODE_DONTWAKE,
};

enum class MoveModes : std::uint64_t {
	None = 0,
	DontWake = UFFDIO_MOVE_MODE_DONTWAKE,
	AllowSourceHoles = UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
};

/* What a message says about its fault. With none of the last three, the page is missing. */
enum class FaultFlags : std::uint64_t {
	None = 0,
	Write = UFFD_PAGEFAULT_FLAG_WRITE,
	WriteProtect = UFFD_PAGEFAULT_FLAG_WP,
	Minor = UFFD_PAGEFAULT_FLAG_MINOR,
	ReadWriteProtect = UFFD_PAGEFAULT_FLAG_RWP,
};

/*
 * Whether an enumeration is a bit set, and so has the operators below. It is true for those of this
 * file; the owner of another enumeration can make it true in the same way.
 */
template <class T> inline constexpr bool is_flags = false;
template <> inline constexpr bool is_flags<Features> = true;
template <> inline constexpr bool is_flags<Modes> = true;
template <> inline constexpr bool is_flags<Ioctls> = true;
template <> inline constexpr bool is_flags<CopyModes> = true;
template <> inline constexpr bool is_flags<ZeropageModes> = true;
template <> inline constexpr bool is_flags<UnprotectModes> = true;
template <> inline constexpr bool is_flags<ContinueModes> = true;
template <> inline constexpr bool is_flags<PoisonModes> = true;
template <> inline constexpr bool is_flags<MoveModes> = true;
template <> inline constexpr bool is_flags<FaultFlags> = true;

/* Any of the bit sets, to constrain a template. */
template <class T>
concept Flags = is_flags<T>;

/* The set as the ABI's number. */
constexpr std::uint64_t bits(Flags auto set) noexcept
{
	return static_cast<std::uint64_t>(set);
}

template <Flags T> constexpr T operator|(T a, T b) noexcept
{
	return T{bits(a) | bits(b)};
}
template <Flags T> constexpr T operator&(T a, T b) noexcept
{
	return T{bits(a) & bits(b)};
}
template <Flags T> constexpr T operator~(T a) noexcept
{
	return T{~bits(a)};
}
template <Flags T> constexpr T &operator|=(T &a, T b) noexcept
{
	return a = a | b;
}
template <Flags T> constexpr T &operator&=(T &a, T b) noexcept
{
	return a = a & b;
}

/* Whether all of @wanted is in @set. */
template <Flags T> constexpr bool has(T set, T wanted) noexcept
{
	return (set & wanted) == wanted;
}

} // namespace userfault
