/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <userfault/range.hpp>
#include <userfault/result.hpp>

namespace userfault {

/*
 * Private anonymous memory, owned: readable, writable, empty at first, unmapped at the end.
 *
 * Thread-safety: as a plain array; unmapping needs all its users to have finished.
 */
class Mapping {
public:
	/*
	 * @length in bytes, at least 1, rounded up to whole pages. @flags are further ones of
	 * mmap(2), such as MAP_NORESERVE. EINVAL: no length; ENOMEM: not that much, or more than
	 * addresses can count.
	 */
	static Result<Mapping> anonymous(std::size_t length, int flags = 0);

	Mapping(Mapping &&other) noexcept : bytes_(other.release()) {}
	Mapping &operator=(Mapping &&other) noexcept;
	~Mapping();

	std::byte *data() const noexcept { return bytes_.data(); }
	std::size_t size() const noexcept { return bytes_.size(); }
	std::span<std::byte> bytes() const noexcept { return bytes_; }
	Range range() const noexcept { return Range::of(bytes_); }

	/* Gives the memory up, mapped: munmap(2) is the caller's from now on. */
	[[nodiscard]] std::span<std::byte> release() noexcept { return std::exchange(bytes_, {}); }

private:
	explicit Mapping(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}

	std::span<std::byte> bytes_;
};

} // namespace userfault
