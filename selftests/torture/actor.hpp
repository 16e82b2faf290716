/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_ACTOR_HPP
#define SELFTESTS_TORTURE_ACTOR_HPP

#include "torture/guarded.hpp"
#include "torture/operation.hpp"
#include "torture/shared.hpp"

#include <userfault/message.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace torture {

class Round;

inline constexpr auto native_device = "/dev/userfaultfd";
/* The number of the world that is on native userfaultfd whatever is tortured. */
inline constexpr unsigned native_world = 2;

/* The memory of one process, as all of its actors see it. */
struct World {
	unsigned number = 0;
	std::string device;
	bool inside = true; /* the monitors are threads of the process whose memory it is */
	userfault::Features offered = userfault::Features::None;
	/* One for each of kinds(); none for those that the kernel lacks something for. */
	std::vector<std::unique_ptr<Arena>> arenas = {};

	WorldState &state() const { return shared().worlds[number]; }
	bool is_native() const { return device == native_device; }
	/* What happens in it is counted there. */
	Tally &tally() const { return number == native_world ? shared().beside : shared().tally; }
};

/* What a lane has written last to a page, and when. */
struct Written {
	std::uint32_t count = 0;
	Span::Mark changes, open;
};

/* Pages of an arena. */
struct Pages {
	std::size_t first, count;
};

/* All small pages of the huge page that the page @index of an arena would be in. */
inline constexpr std::size_t small_pages = 512;
inline Pages whole_huge_page(std::size_t index)
{
	return {index / small_pages * small_pages, small_pages};
}

/* Which generation a lane has found in a page, and when; 0: zeroes. */
struct Seen {
	bool any = false;
	unsigned generation = 0;
	Span::Mark changes, open, file_writes;
};

/*
 * Does one operation after the other. Which ones, on which arenas and pages, depends on the seed,
 * the round and the actor's number alone: each step draws from a sequence of its own.
 */
class Actor {
public:
	Actor(World *world, Role role, unsigned number, unsigned lane, std::uint64_t seed);

	/* Runs so many steps, or fewer if the round has to end. */
	void run(unsigned steps);
	void step();
	/* For a monitor: answers a fault on a page. */
	void answer(Arena &arena, std::size_t page, const userfault::Fault &fault);
	/* Counts an outcome of this step, which won't come to its end. */
	void note(Outcome outcome) const { tally().add(operation_, outcome); }
	/* This step has done a part of its work that may take as long as a step. */
	void gets_on() { state_.since = seconds_now(); }
	/* It no longer does anything. */
	void is_over() { state_.since = 0; }

	Role role() const { return role_; }
	unsigned number() const { return number_; }
	World &world() const { return *world_; }
	/* What this step is done on. */
	Arena &arena() const { return *arena_; }
	std::size_t page() const { return page_; }
	PageEntry &entry() const { return arena_->entry(page_); }
	/* At most @most pages, from page() on. */
	std::size_t count(std::size_t most);
	/* The same; now and then all pages of one huge page, if the memory may have some. */
	Pages pages(std::size_t most);
	/* For a monitor: the address of the page of the fault, at home or away. */
	userfault::Address fault_page() const
	{
		return fault_->address & ~(arena_->page_size() - 1);
	}
	/* For a monitor: these pages, on the side where the page of the fault is. */
	userfault::Range fault_range(std::size_t first, std::size_t count) const
	{
		return {fault_page() + (first - page_) * arena_->page_size(),
			count * arena_->page_size()};
	}
	Random &random() { return random_; }
	unsigned lane() const { return lane_; }
	Written &written() { return written_[arena_->number() * most_pages + page_]; }
	Seen &seen() { return seen_[arena_->number() * most_pages + page_]; }
	/*
	 * Reads page @index of the arena, from @words: all of a small page, and a word of each
	 * cache line of a huge one, or now and then all of it. Allocates no memory.
	 */
	Reading read(std::size_t index, const volatile std::uint64_t *words);
	/* As large as the largest page. */
	std::span<std::byte> buffer() { return buffer_; }

	ChildReport &report() const { return shared().reports[number_]; }
	Rivals &rivals() const { return shared().rivals[number_]; }

	/* Something is wrong with the page of this step. */
	Outcome wrong(const std::string &what) const;
	/* The round, for the boss. */
	Round *round = nullptr;

private:
	Tally &tally() const { return world_ ? world_->tally() : shared().tally; }
	void perform(std::size_t operation);
	bool fits(const Operation &operation, std::uint8_t faults);

	World *world_;
	Role role_;
	unsigned number_, lane_;
	std::uint64_t seed_;
	std::uint32_t step_ = 0;
	Random random_;
	ActorState &state_;
	Arena *arena_ = nullptr;
	std::size_t page_ = 0;
	const userfault::Fault *fault_ = nullptr;
	std::size_t operation_ = 0;
	std::vector<Written> written_;
	std::vector<Seen> seen_;
	std::vector<std::byte> buffer_;
};

} // namespace torture

#endif
