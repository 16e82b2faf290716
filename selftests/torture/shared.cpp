// SPDX-License-Identifier: GPL-2.0-only
#include "torture/shared.hpp"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace torture {

namespace {

Shared *make_shared_memory()
{
	void *memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		std::abort();
	return new (memory) Shared;
}

} // namespace

Shared &shared()
{
	static Shared *const memory = make_shared_memory();

	return *memory;
}

void reset_world(unsigned world)
{
	std::destroy_at(&shared().worlds[world]);
	new (&shared().worlds[world]) WorldState;
}

void reset_round()
{
	shared().stopping = shared().failed.load();
	for (unsigned world = 0; world < most_worlds; world++) {
		reset_world(world);
		shared().subject_lives[world] = 0;
	}
	for (auto &actor : shared().actors) {
		std::destroy_at(&actor);
		new (&actor) ActorState;
	}
}

void fail(std::string_view what)
{
	const std::string line = "torture: WRONG: " + std::string(what) + '\n';

	shared().failed = true;
	shared().stopping = true;
	if (::write(STDOUT_FILENO, line.data(), line.size()) < 0)
		return; /* the exit status tells it, too */
}

std::uint64_t seconds_now()
{
	using namespace std::chrono;

	return duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
}

} // namespace torture
