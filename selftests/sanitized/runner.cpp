// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mistakes on purpose, to prove that the sanitizers report them and that the runner notices. Only
 * programs with a sanitizer have these tests, and they run only when they are named.
 */
#include "lib/process.hpp"

#include <catch2/catch.hpp>
#include <climits>
#include <memory>
#include <thread>
#include <unistd.h>

using namespace selftests;

namespace {

/* The compiler knows nothing of what these have done. */
template <class T> T *unknown(T *pointer)
{
	asm volatile("" : "+r"(pointer) : : "memory");
	return pointer;
}

int write_past_an_object()
{
	const std::unique_ptr<char[]> bytes(new char[16]);

	unknown(bytes.get())[16] = 1;
	return 0;
}

} // namespace

TEST_CASE("runner: writes past an object", "[.runner]")
{
	CHECK(write_past_an_object() == 0);
}

TEST_CASE("runner: has a child that writes past an object", "[.runner]")
{
	Process child(write_past_an_object);

	CHECK(child.wait() >= 0);
}

TEST_CASE("runner: uses an object that is gone", "[.runner]")
{
	char *byte = unknown(new char(1));

	delete byte;
	CHECK(*unknown(byte) <= CHAR_MAX);
}

TEST_CASE("runner: adds beyond the highest number", "[.runner]")
{
	int number = INT_MAX;

	CHECK(*unknown(&number) + 1 != 0);
}

TEST_CASE("runner: forgets an object", "[.runner]")
{
	/* More than one: a register, or old bytes of the stack, may still have the last address. */
	for (char i = 0; i < 100; i++)
		CHECK(*unknown(new char(i)) == i);
}

TEST_CASE("runner: has threads that race", "[.runner]")
{
	int number = 0;
	std::thread other([&] { ++*unknown(&number); });

	++*unknown(&number);
	other.join();
	CHECK(number > 0);
}
