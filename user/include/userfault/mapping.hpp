/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <userfault/range.hpp>
#include <userfault/result.hpp>

namespace userfault {

/*
 * Owns private anonymous memory: readable, writable, without pages at first. Unmaps it at the end.
 *
 * Thread-safety: as a plain array. All its users have to have finished before it is unmapped.
 */
class Mapping {
public:
	/*
	 * Maps @length bytes, at least 1, rounded up to whole pages. @flags are further flags of
	 * mmap(2), such as MAP_NORESERVE. EINVAL: @length is 0; ENOMEM: there isn't that much
	 * memory, or an address can't hold that number.
	 */
	static Result<Mapping> anonymous(std::size_t length, int flags = 0);

	Mapping(Mapping &&other) noexcept : bytes_(other.release()) {}
	Mapping &operator=(Mapping &&other) noexcept;
	~Mapping();

	std::byte *data() const noexcept { return bytes_.data(); }
	std::size_t size() const noexcept { return bytes_.size(); }
	std::span<std::byte> bytes() const noexcept { return bytes_; }
	Range range() const noexcept { return Range::of(bytes_); }

	/* Gives the memory up, still mapped: the caller has to munmap(2) it from now on. */
	[[nodiscard]] std::span<std::byte> release() noexcept { return std::exchange(bytes_, {}); }

private:
	explicit Mapping(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}

	std::span<std::byte> bytes_;
};

} // namespace userfault
