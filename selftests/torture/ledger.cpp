// SPDX-License-Identifier: GPL-2.0-only
#include "torture/ledger.hpp"

#include <sstream>
#include <utility>

namespace torture {

namespace {

/* An answer of this kind was issued, and not only before the floor. */
bool may_be_there(std::uint32_t issued, std::uint32_t floor)
{
	return issued && issued >= floor;
}

} // namespace

/* Lifts before it is in flight, and until it is no longer: a fill makes an unprotected page. */
Fill::Fill(PageEntry &entry) : entry_(&entry)
{
	entry.lifts.begin();
	entry.in_flight++;
	generation_ = ++entry.issued;
}

Fill::Fill(Fill &&other) noexcept
	: entry_(std::exchange(other.entry_, nullptr)), generation_(other.generation_)
{
}

Fill::~Fill()
{
	if (!entry_)
		return;
	entry_->in_flight--;
	entry_->lifts.end();
}

Verdict judge(const PageEntry &entry, const Before &before, const Reading &reading, bool lossy)
{
	const bool stamped = reading.oldest <= reading.newest;
	const std::uint32_t issued = entry.issued;

	if (reading.bad)
		return Verdict::bad_word;
	if (reading.zeroes && before.is_closed(entry) &&
	    entry.file_writes.quiet_since(before.file_writes) &&
	    !may_be_there(entry.zeroed, before.floor))
		return Verdict::unfilled;
	if (!stamped)
		return Verdict::right;
	if (reading.newest > issued)
		return Verdict::never_issued;
	if (reading.oldest < before.floor)
		return Verdict::dropped;
	if (!lossy && before.is_unchanged(entry) &&
	    (reading.zeroes || reading.oldest != reading.newest))
		return Verdict::mixed;
	return Verdict::right;
}

std::string describe(Verdict verdict, const Reading &reading)
{
	static constexpr const char *texts[] = {
		"all is right",
		"a word is of no page, or of another one",
		"there are zeroes, which nobody has put there",
		"it has a generation that was never issued",
		"it has a generation that was dropped",
		"it has several generations, and didn't change",
	};
	std::ostringstream text;

	text << texts[static_cast<std::size_t>(verdict)];
	if (reading.oldest <= reading.newest)
		text << "; generations " << reading.oldest << " to " << reading.newest;
	text << (reading.zeroes ? "; zeroes" : "");
	if (reading.bad)
		text << "; word " << *reading.bad << " is " << std::hex << reading.bad_word;
	return text.str();
}

bool sigbus_is_right(const PageEntry &entry, const Before &before)
{
	return !before.is_closed(entry) || may_be_there(entry.poisoned, before.poison_floor);
}

bool sigsegv_is_right(const PageEntry &entry, const Before &before)
{
	return !before.is_closed(entry);
}

} // namespace torture
