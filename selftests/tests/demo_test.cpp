// SPDX-License-Identifier: GPL-2.0-only
/* The example program: it serves a file into the memory of another process. */
#include "harness/backend.hpp"
#include "harness/harness.hpp"
#include "lib/command.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

using namespace selftests;

namespace {

const std::string demo = "/bin/demo";

void need_demo()
{
	if (::access(demo.c_str(), X_OK))
		skip(demo + " is not there");
}

/* A file with other content in each of its pages, as long as this lives. */
struct Served {
	explicit Served(std::size_t length)
	{
		std::ofstream file(path);

		for (std::size_t i = 0; i < length; i++)
			file.put(static_cast<char>(i / 4096 + i));
	}
	~Served() { std::filesystem::remove(path); }

	const std::string path = "/tmp/served";
};

Outcome run_demo(const std::string &file)
{
	return run({demo, "--device", device_of(backend_under_test()), file});
}

} // namespace

TEST_CASE("the demo serves a file whose last page is not full", "[demo]")
{
	const Served file(100 * 4096 + 1);

	need_demo();
	const auto [status, output] = run_demo(file.path);
	CAPTURE(output);
	CHECK(status == 0);
	CHECK(output.find("with 101 pages") != output.npos);
	CHECK(output.ends_with("the same\n"));
}

TEST_CASE("the demo says what it can't serve", "[demo]")
{
	const Served file(0);

	need_demo();
	for (const auto &[served, why] : {std::pair{file.path, "is empty"},
					  std::pair{std::string("/tmp"), "is not a regular file"},
					  std::pair{std::string("/none"), "cannot open"}}) {
		const auto [status, output] = run_demo(served);

		CAPTURE(output);
		CHECK(status == 1);
		CHECK(output.find(why) != output.npos);
	}
	CHECK(run({demo}).status == 2);
	CHECK(run({demo, "--none", file.path}).status == 2);
}

TEST_CASE("the demo fails if its device is not there", "[demo]")
{
	const Served file(1);

	need_demo();
	const auto [status, output] = run({demo, "--device", "/dev/none", file.path});
	CAPTURE(output);
	CHECK(status == 1);
	CHECK(output.find("there is no /dev/none") != output.npos);
}
