/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_LEDGER_HPP
#define SELFTESTS_TORTURE_LEDGER_HPP

#include "torture/stamp.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace torture {

/*
 * What may be in a page, and what may not
 * =======================================
 *
 * The ledger has an entry for each page of each arena. It is in memory that all processes share and
 * that is never registered. No lock orders it with the pages: faults, fills and changes race as
 *they like. So each rule below is an argument why a reader that breaks it has found a bug, whatever
 *the schedule was. Where the ledger can't know, it makes no claim.
 *
 * Filling. A monitor takes a new generation from @issued before it calls the kernel, and the page's
 * stamp has it. @in_flight counts those that have taken one and have not returned yet.
 *
 *   (1) A word of generation g is in the page only if g was issued before: a reader that looks at
 *	 @issued after the page finds g or more there.
 *   (2) Zeroes are in the page only if a monitor was about to answer with zeroes (@zeroed), or if
 *	 the page was open, see below, or while the file that it is of was written to: mm may show
 *	 a page of the file before the write has come to it. Nothing else may make a page: what was
 *never resolved is never seen. For SIGBUS of poison the same holds with @poisoned.
 *
 * Dropping. Whatever drops a page (madvise, a hole, unmapping) begins a change before the call, and
 * ends it after the call. Let g be @issued, read before the call, and let @in_flight be 0 when it
 *is read after that: then every fill up to g has returned, since each counts itself before it takes
 * its generation. A call that then drops the page for certain leaves none of these: so the dropper
 * raises @floor to g + 1 after the call.
 *
 *   (3) A reader that reads @floor before the page finds no older generation, and no zeroes from
 *	 before it.
 *
 * A hole in a file leaves poison where it is: that goes with its mapping, or with MADV_DONTNEED. So
 * it has a floor of its own, @poison_floor.
 *
 * A fill in flight makes the dropper raise nothing. A fill that is killed stays in flight for the
 * rest of the round, and so this page has no floor any more.
 *
 *   (4) If no change begins, is under way, or ends while a reader reads, then all words are of one
 *	 generation, or all are zero: a page that is there is complete, and stays. The same holds
 *	 for a lane: what it has written last is there, and the generation is the one that it has
 *	 found before, if no change came after it.
 *
 * Arenas in which the kernel itself may drop pages (MADV_FREE) make no claim of kind (4).
 *
 * Open pages. Between @open's beginning and end, the page may be unmapped, without access, beyond
 * the file's end or not registered: then SIGSEGV, SIGBUS and zeroes are right. Whatever opens a
 *page drops it once it is registered again, before @open ends; so zeroes that mm has made are gone.
 *
 * Elsewhere. Whoever moves pages away, and so has opened them, looks at them there. What was at
 * home is there, complete: so (1) to (4) hold for him, too, and only the changes and openings of
 * others count. Others may drop what is at home by then, and raise the floor: so he goes by the
 * floor from before. If the mapping is no longer registered there, mm makes pages of zeroes. A
 * child looks at pages of a file in the same way, which its parent has opened: if it isn't
 * registered, or its monitor has died, it puts zeroes into the file.
 *
 * Protection. A lane counts a write in @begun before it, and in @done after it, also if the kernel
 * makes it for a system call. Reads are counted, too, for protection from all access. Everything
 * that may end the protection of a page is bracketed by @lifts: the monitor's answer, a fill (which
 * makes an unprotected page), a change.
 *
 *   (5) Let b be @begun, read after protecting has returned, and d be @done, read later. If nothing
 *	 lifted meanwhile, d <= b: a write between b and d would have begun and ended while the
 *	 page was protected. With protection that resolves itself, the page no longer counts as
 *	 protected if d > b: a write is never missed.
 *
 *   (6) A page that is protected before a fork with its event, while nothing lifts from before
 *	 that on, is protected in the child.
 *
 * A page that is missing when it is protected may not be protected. It stays missing until it is
 * filled, which lifts.
 *
 * On x86 loads and stores are seen in program order but for loads that overtake stores; all
 * counters are changed by locked instructions, over which nothing passes.
 */

/* Something that has a beginning and an end, and may be under way several times at once. */
class Span {
public:
	struct Mark {
		std::uint32_t begun = 0;
		bool quiet = false;
		bool one = false; /* exactly one was under way */
	};

	void begin() { begun_++; }
	void end() { ended_++; }

	/*
	 * @ended_ is read first: if both are the same, then nothing was under way from the first
	 * read to the second.
	 */
	Mark mark() const
	{
		const std::uint32_t ended = ended_, begun = begun_;

		return {begun, begun == ended, begun == ended + 1};
	}

	/* Whether nothing was under way at the mark, and nothing has begun since. */
	bool quiet_since(const Mark &mark) const { return mark.quiet && begun_ == mark.begun; }
	/* For the one that was under way: whether no other was, and none has begun since. */
	bool alone_since(const Mark &mark) const { return mark.one && begun_ == mark.begun; }

private:
	std::atomic<std::uint32_t> begun_ = 0, ended_ = 0;
};

/* Counts the accesses of one thread to one page; see (5). */
struct Lane {
	std::atomic<std::uint32_t> begun = 0, done = 0;
};

struct PageEntry {
	std::atomic<std::uint32_t> issued = 0, in_flight = 0, zeroed = 0, poisoned = 0;
	std::atomic<std::uint32_t> floor = 0, poison_floor = 0;
	/* @file_writes: somebody writes to the page in its file, which shows zeroes until it is
	 * done. */
	Span changes, open, lifts, file_writes;
	/* Somebody writes to the page in its file, and others must not. Stays so if he is killed.
	 */
	std::atomic<bool> file_written = false;
	std::array<Lane, slots> writes, reads;
};

/* What a reader has to know before it reads. */
struct Before {
	/* @opener: the reader has opened the page himself, and counts only what others do. */
	explicit Before(const PageEntry &entry, bool opener = false)
		: opener(opener), floor(entry.floor), poison_floor(entry.poison_floor),
		  changes(entry.changes.mark()), open(entry.open.mark()),
		  file_writes(entry.file_writes.mark())
	{
	}

	/* Whether nobody has changed, or opened, the page since. */
	bool is_unchanged(const PageEntry &entry) const
	{
		return opener ? entry.changes.alone_since(changes)
			      : entry.changes.quiet_since(changes);
	}
	bool is_closed(const PageEntry &entry) const
	{
		return opener ? entry.open.alone_since(open) : entry.open.quiet_since(open);
	}

	bool opener;
	std::uint32_t floor, poison_floor;
	Span::Mark changes, open, file_writes;
};

/* A generation for one page, from before the call that fills it until after it. */
class Fill {
public:
	explicit Fill(PageEntry &entry);
	~Fill();
	Fill(Fill &&other) noexcept;
	Fill &operator=(Fill &&) = delete;

	unsigned generation() const { return generation_; }
	void is_zeroes() const { entry_->zeroed = generation_; }
	void is_poison() const { entry_->poisoned = generation_; }

private:
	PageEntry *entry_;
	unsigned generation_;
};

enum class Verdict {
	right,
	bad_word, /* neither zero nor of this page */
	unfilled, /* zeroes that nobody has put there */
	never_issued,
	dropped, /* older than the floor */
	mixed,	 /* of more than one generation, though nothing has changed */
};

/* About a page that was read; allocates no memory. @lossy: see (4). */
Verdict judge(const PageEntry &entry, const Before &before, const Reading &reading, bool lossy);
/* What it means, for people. */
std::string describe(Verdict verdict, const Reading &reading);

/* Whether SIGBUS, or SIGSEGV, is right for an access that came after @before. */
bool sigbus_is_right(const PageEntry &entry, const Before &before);
bool sigsegv_is_right(const PageEntry &entry, const Before &before);

} // namespace torture

#endif
