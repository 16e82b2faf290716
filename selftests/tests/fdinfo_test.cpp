// SPDX-License-Identifier: GPL-2.0-only
/* What /proc/PID/fdinfo says about a context. */
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <linux/userfault.h>
#include <sstream>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Upstream marks the features of a context after its handshake with this bit. */
constexpr std::uint64_t after_handshake = 1ull << 31;

/* The lines from "pending:" on, up to that of the API. */
std::string lines_of(const Context &context)
{
	const auto text = fdinfo(context.fd()).text;
	const auto start = text.find("pending:");
	const auto end = text.find('\n', text.find("API:"));

	return start == text.npos || end == text.npos ? text : text.substr(start, end + 1 - start);
}

/* The commands that the API line names. */
std::uint64_t ioctls_told(const Context &context)
{
	const auto api = fdinfo(context.fd()).api;

	return std::stoull(api.substr(api.rfind(':') + 1), nullptr, 16);
}

std::string expected_lines(std::size_t pending, std::size_t total, std::uint64_t features,
			   std::uint64_t ioctls)
{
	std::ostringstream text;

	text << "pending:\t" << pending << "\ntotal:\t" << total << "\nAPI:\taa:" << std::hex
	     << features << ':' << ioctls << '\n';
	return text.str();
}

} // namespace

TEST_CASE("a new context has no features in fdinfo", "[fdinfo]")
{
	const auto context = take(Context::create(options_for()));

	CHECK(lines_of(context) == expected_lines(0, 0, 0, ioctls_told(context)));
}

TEST_CASE("fdinfo shows the features that were asked for", "[fdinfo]")
{
	for (const auto features :
	     {Features::None, Features::ThreadId, Features::Sigbus | Features::ExactAddress}) {
		const auto context = open_context(features);

		CHECK(lines_of(context) ==
		      expected_lines(0, 0, bits(features) | after_handshake, ioctls_told(context)));
	}
}

TEST_CASE("fdinfo names the commands that there are", "[fdinfo]")
{
	const auto grant = take(Context::probe(options_for()));
	const World world(1);
	const auto told = Ioctls{ioctls_told(world.context)};

	CHECK(has(told, grant.ioctls));
	CHECK(has(told, world.region.ioctls()));
	CHECK(has(told, Ioctls::Api | Ioctls::Register | Ioctls::Unregister | Ioctls::Wake |
				Ioctls::Copy | Ioctls::Zeropage));
}

TEST_CASE("fdinfo names no command that the module does not have", "[fdinfo][module]")
{
	const Memory memory(1);
	const auto context = open_context();
	const auto offered = take(Context::probe(options_for()));
	const auto on_range =
		take(context.register_range(memory.range(), Modes::Missing | Modes::WriteProtect));

	/*
	 * Commands that this registration doesn't name: those on ranges registered for minor faults
	 * or read-write protection, and those that native userfaultfd of an older kernel lacks.
	 */
	const auto others =
		Ioctls::Continue | Ioctls::Poison | Ioctls::Move |
		(has(offered.offered, Features::Rwp) ? Ioctls::ReadWriteProtect : Ioctls::None);

	CHECK(Ioctls{ioctls_told(context)} == (offered.ioctls | on_range | others));
}

TEST_CASE("fdinfo counts the faults that wait and those that no monitor has read", "[fdinfo]")
{
	const World world(3);
	const auto ioctls = ioctls_told(world.context);
	std::vector<std::future<std::uint64_t>> readers;

	for (std::size_t i = 0; i < 3; i++) {
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
		wait_for_pending(world.context, i + 1);
	}
	CHECK(lines_of(world.context) == expected_lines(3, 3, after_handshake, ioctls));
	next_fault(world.context);
	CHECK(lines_of(world.context) == expected_lines(2, 3, after_handshake, ioctls));
	next_fault(world.context);
	CHECK(lines_of(world.context) == expected_lines(1, 3, after_handshake, ioctls));
	world.fill(0);
	CHECK(lines_of(world.context) == expected_lines(1, 2, after_handshake, ioctls));
	world.fill(2);
	CHECK(lines_of(world.context) == expected_lines(0, 1, after_handshake, ioctls));
	world.fill(1);
	CHECK(lines_of(world.context) == expected_lines(0, 0, after_handshake, ioctls));
}

TEST_CASE("the lines of fdinfo come right after those that every file has", "[fdinfo]")
{
	const auto context = open_context();
	const auto text = fdinfo(context.fd()).text;
	const auto inode = text.find("ino:");

	REQUIRE(inode != text.npos);
	CHECK(text.find('\n', inode) + 1 == text.find("pending:"));
}
