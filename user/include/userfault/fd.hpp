/* SPDX-License-Identifier: MIT */
#pragma once

#include <utility>

namespace userfault {

/*
 * Owns one open file descriptor, or none, and closes it at the end of its life.
 *
 * Thread-safety: as a plain int. The descriptor itself may be used by many threads; moving,
 * resetting and destroying the owner needs them to have finished.
 */
class Fd {
public:
	Fd() noexcept = default;
	/* Takes @number over: nobody else may close it. A negative number means none. */
	explicit Fd(int number) noexcept : number_(number) {}
	Fd(Fd &&other) noexcept : number_(other.release()) {}
	Fd &operator=(Fd &&other) noexcept
	{
		reset(other.release());
		return *this;
	}
	~Fd() { reset(); }

	/* The number, still owned here; -1 for none. */
	int get() const noexcept { return number_; }
	explicit operator bool() const noexcept { return number_ >= 0; }

	/* Gives the descriptor up, unclosed: closing it is the caller's from now on. */
	[[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
	/* Closes what is owned and takes @number over instead. */
	void reset(int number = -1) noexcept;

private:
	int number_ = -1;
};

} // namespace userfault
