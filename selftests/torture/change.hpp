/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_CHANGE_HPP
#define SELFTESTS_TORTURE_CHANGE_HPP

#include "torture/arena.hpp"

#include <cstdint>
#include <vector>

namespace torture {

/*
 * These bracket, for the ledger, a call that does something to the pages [@first, @first + @count)
 * of an arena. ledger.hpp says what each means.
 */

/* Protection may end. */
class Lifting {
public:
	Lifting(const Arena &arena, std::size_t first, std::size_t count);
	~Lifting();
	Lifting(const Lifting &) = delete;
	Lifting &operator=(const Lifting &) = delete;

private:
	const Arena &arena_;
	std::size_t first_, count_;
};

/* Pages may go or become others, and protection may end. */
class Changing {
public:
	Changing(const Arena &arena, std::size_t first, std::size_t count);
	~Changing();
	Changing(const Changing &) = delete;
	Changing &operator=(const Changing &) = delete;

	std::size_t first() const { return first_; }
	std::size_t count() const { return count_; }

protected:
	const Arena &arena_;
	std::size_t first_, count_;

private:
	const Lifting lifting_;
};

/* Pages are dropped, for certain if is_certain() is called, and their poison if @poison says so. */
class Dropping : public Changing {
public:
	Dropping(const Arena &arena, std::size_t first, std::size_t count);

	/* The call has dropped them all: raises the floor. */
	void is_certain(bool poison);

private:
	/* For each page, what may be there from now on; 0: unknown, because a fill is in flight. */
	std::vector<std::uint32_t> floors_;
};

/* The pages may be not mapped, not accessible or not registered. */
class Opening : public Dropping {
public:
	Opening(const Arena &arena, std::size_t first, std::size_t count);
	~Opening();
};

} // namespace torture

#endif
