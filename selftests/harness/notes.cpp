// SPDX-License-Identifier: GPL-2.0-only
#include "harness/notes.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <system_error>

namespace selftests {

namespace {

Notes *current_notes;

template <std::size_t size> void store(std::array<char, size> &to, std::string_view text)
{
	const auto length = std::min(text.size(), size - 1);

	std::copy_n(text.begin(), length, to.begin());
	to[length] = '\0';
}

} // namespace

Notes *Notes::current()
{
	return current_notes;
}

Notes::Notes()
{
	void *memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		throw std::system_error(errno, std::generic_category(), "mmap");
	shared_ = static_cast<Shared *>(memory);
	current_notes = this;
}

Notes::~Notes()
{
	current_notes = nullptr;
	::munmap(shared_, sizeof(Shared));
}

void Notes::reached(std::string_view place)
{
	store(shared_->place, place);
}

void Notes::skipped(std::string_view why)
{
	store(shared_->why_skipped, why);
}

void Notes::finished()
{
	shared_->finished = true;
}

std::string Notes::last_place() const
{
	return shared_->place.data();
}

std::string Notes::why_skipped() const
{
	return shared_->why_skipped.data();
}

bool Notes::is_finished() const
{
	return shared_->finished;
}

} // namespace selftests
