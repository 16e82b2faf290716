/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SETTINGS_HPP
#define SELFTESTS_SETTINGS_HPP

#include <map>
#include <string>
#include <vector>

namespace selftests {

/*
 * The settings of the whole kernel that tests change. A test that ends early doesn't set them back,
 * and those after it would run in another kernel than they expect. Not thread-safe.
 */
class Settings {
public:
	/* Remembers their values. A setting that this kernel doesn't have is left out. */
	Settings();

	struct Changed {
		std::vector<std::string> paths; /* of those that had other values */
		std::vector<std::string> stuck; /* of those among them that have them still */
	};

	/* Gives them these values back. */
	Changed restore() const;

private:
	std::map<std::string, std::string> before_; /* by path */
};

} // namespace selftests

#endif
