/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_NOTES_HPP
#define SELFTESTS_NOTES_HPP

#include <array>
#include <atomic>
#include <string>
#include <string_view>

namespace selftests {

/*
 * What a test's process tells its supervisor, in memory that both share and that outlives the
 * test's process. One per run of a test. The test's main thread writes it, the supervisor reads it
 * after the test's end.
 */
class Notes {
public:
	/* The notes of the running test; null if it has no supervisor. */
	static Notes *current();

	Notes();
	~Notes();
	Notes(const Notes &) = delete;
	Notes &operator=(const Notes &) = delete;

	void reached(std::string_view place);
	void skipped(std::string_view why);
	/* The test has run to its end. */
	void finished();

	std::string last_place() const;
	std::string why_skipped() const;
	bool is_finished() const;

private:
	struct Shared {
		std::array<char, 200> place;
		std::array<char, 200> why_skipped;
		std::atomic<bool> finished;
	};

	Shared *shared_;
};

} // namespace selftests

#endif
