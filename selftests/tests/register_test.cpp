// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER and UFFDIO_UNREGISTER. */
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr auto page_commands = Ioctls::Wake | Ioctls::Copy | Ioctls::Zeropage;

int error_of(const Result<Ioctls> &result)
{
	return result ? 0 : result.error().value();
}

int error_of(const Result<void> &result)
{
	return result ? 0 : result.error().value();
}

/* Whether touching the page is reported to @context; the page is there afterwards. */
bool is_told(const Context &context, const Memory &memory, std::size_t index)
{
	auto touched = in_thread([&] { return memory.word(index); });

	wait_until("the page is touched or the fault waits",
		   [&] { return is_done(touched) || fdinfo(context.fd()).pending; });
	if (is_done(touched))
		return false;
	if (next_fault(context).address != memory.address(index))
		give_up("the fault is of another page");
	if (const auto zeroed = context.zeropage(memory.range(index, 1)); !zeroed)
		give_up(zeroed.error.message());
	touched.get();
	return true;
}

/* Three pages of memory, the middle one unmapped. */
struct WithHole {
	WithHole() : memory(3) { memory.unmap(1, 1); }

	Memory memory;
};

/* Three pages of anonymous memory, with a file's page in place of the middle one. */
struct WithFile {
	WithFile() : memory(3)
	{
		const auto file = ordinary_file(1);
		if (::mmap(memory.page(1), page_size(), PROT_READ, MAP_PRIVATE | MAP_FIXED,
			   file.get(), 0) == MAP_FAILED)
			give_up("mmap of a file");
	}

	Memory memory;
};

} // namespace

TEST_CASE("a registration answers which commands work on the range", "[register]")
{
	const World world(4);

	CHECK(has(world.region.ioctls(), page_commands));
	CHECK_FALSE(has(world.region.ioctls(), Ioctls::WriteProtect));
	CHECK_FALSE(has(world.region.ioctls(), Ioctls::Continue));
}

namespace {

Ioctls named(Backend backend, const Memory &memory, Modes modes, Features features)
{
	auto options = options_for(features);

	options.device = device_of(backend);
	return take(open_context(options).register_range(memory.range(), modes));
}

} // namespace

/* A program made for an older kernel may refuse an answer with commands that it doesn't know. */
MEMORY_TEST_CASE("a registration names commands that native userfaultfd doesn't name only to "
		 "programs that ask for newer features",
		 "[register][module]")
{
	const auto newer = Ioctls::Poison | Ioctls::Move;
	const Memory memory(1, TestType::kind);

	const bool has_file = TestType::kind != MemoryKind::anonymous;

	for (const auto modes : {Modes::Missing, Modes::WriteProtect,
				 Modes::Missing | Modes::WriteProtect, Modes::Minor}) {
		if (modes == Modes::Minor && !has_file)
			continue;
		CHECK(named(Backend::module, memory, modes, Features::None) ==
		      named(Backend::native, memory, modes, Features::None));
		for (const auto features :
		     {Features::WpUnpopulated, Features::WpAsync, Features::Poison, Features::Move})
			CHECK(has(named(Backend::module, memory, modes, features), newer));
	}
}

TEST_CASE("commands work that a registration does not name", "[register][module]")
{
	const World world(2);
	const Memory source = patterned(1);

	CHECK(world.context.poison(world.memory.range(0, 1)));
	CHECK(world.context.move(world.memory.address(1), source.range()));
	CHECK(has_pattern(world.memory.bytes(1, 1), 0));
}

MEMORY_TEST_CASE("a registered mapping is marked as such in smaps", "[register]")
{
	const Memory memory(4, TestType::kind);
	const auto context = open_context();

	CHECK_FALSE(smaps_flag(memory.range(), "um"));
	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(smaps_flag(memory.range(), "um"));
	take(context.unregister_range(memory.range()));
	CHECK_FALSE(smaps_flag(memory.range(), "um"));
}

MEMORY_TEST_CASE("only faults of registered memory are reported", "[register]")
{
	const Memory memory(5, TestType::kind);
	const auto context = open_context();

	take(context.register_range(memory.range(1, 3), Modes::Missing));
	CHECK_FALSE(is_told(context, memory, 0));
	CHECK(is_told(context, memory, 1));
	CHECK(is_told(context, memory, 3));
	CHECK_FALSE(is_told(context, memory, 4));
}

MEMORY_TEST_CASE("registering a range twice has the same effect as once", "[register]")
{
	const World world(2, TestType::kind);

	CHECK(error_of(world.context.register_range(world.memory.range(), Modes::Missing)) == 0);
	CHECK(is_told(world.context, world.memory, 0));
	CHECK(error_of(world.context.unregister_range(world.memory.range())) == 0);
	CHECK_FALSE(is_told(world.context, world.memory, 1));
}

MEMORY_TEST_CASE("a range can be registered piece by piece and then is one mapping", "[register]")
{
	const Memory memory(8, TestType::kind);
	const auto context = open_context();
	const auto before = count_mappings(memory.range());

	for (const std::size_t i : {1u, 3u, 5u, 7u, 0u, 2u, 4u, 6u})
		take(context.register_range(memory.range(i, 1), Modes::Missing));
	CHECK(count_mappings(memory.range()) == 1);
	take(context.unregister_range(memory.range()));
	CHECK(count_mappings(memory.range()) == before);
}

MEMORY_TEST_CASE("unregistering the middle leaves both ends registered", "[register]")
{
	const World world(5, TestType::kind);

	REQUIRE(error_of(world.context.unregister_range(world.memory.range(2, 1))) == 0);
	CHECK(count_mappings(world.memory.range()) == 3);
	CHECK(is_told(world.context, world.memory, 1));
	CHECK_FALSE(is_told(world.context, world.memory, 2));
	CHECK(is_told(world.context, world.memory, 3));
}

MEMORY_TEST_CASE("registering and unregistering leave the mappings as they were", "[register]")
{
	const Memory memory(8, TestType::kind);
	const auto before = count_mappings(memory.range());
	const auto context = open_context();

	take(context.register_range(memory.range(2, 4), Modes::Missing));
	CHECK(count_mappings(memory.range()) > before);
	take(context.unregister_range(memory.range(2, 4)));
	CHECK(count_mappings(memory.range()) == before);
}

TEST_CASE("wrong ranges are refused", "[register]")
{
	const World world(4);
	const Context &context = world.context;
	const auto [start, length] = world.memory.range();
	const Range wrong[] = {
		{start, 0},
		{start + 1, length},
		{start, length + 1},
		{start, page_size() - 1},
		{start, ~0ull},
		{start, -start},
		{-page_size(), page_size()},
		{1ull << 63, page_size()},
		{0, ~page_size() + 1},
	};

	for (const auto &range : wrong) {
		INFO(std::hex << range.start << " + " << range.length);
		CHECK(error_of(context.register_range(range, Modes::Missing)) == EINVAL);
		CHECK(error_of(context.unregister_range(range)) == EINVAL);
		CHECK(error_of(context.wake(range)) == EINVAL);
	}
	CHECK(is_told(context, world.memory, 0));
	CHECK(is_told(context, world.memory, 3));
}

MEMORY_TEST_CASE("modes that are not known are refused", "[register]")
{
	const Memory memory(1, TestType::kind);
	const auto context = open_context();

	CHECK(error_of(context.register_range(memory.range(), Modes::None)) == EINVAL);
	for (unsigned bit = 3; bit < 64; bit++) {
		const Modes mode{1ull << bit};
		INFO("mode bit " << bit);
		CHECK(error_of(context.register_range(memory.range(), mode)) == EINVAL);
		CHECK(error_of(context.register_range(memory.range(), mode | Modes::Missing)) ==
		      EINVAL);
	}
	CHECK_FALSE(smaps_flag(memory.range(), "um"));
}

TEST_CASE("a range where nothing is mapped is refused", "[register]")
{
	const WithHole hole;
	const auto context = open_context();

	CHECK(error_of(context.register_range(hole.memory.range(1, 1), Modes::Missing)) == EINVAL);
	CHECK(error_of(context.unregister_range(hole.memory.range(1, 1))) == EINVAL);
}

TEST_CASE("everything that is mapped in a range with a hole is registered", "[register]")
{
	const WithHole hole;
	const auto context = open_context();

	REQUIRE(error_of(context.register_range(hole.memory.range(), Modes::Missing)) == 0);
	CHECK(is_told(context, hole.memory, 0));
	CHECK(is_told(context, hole.memory, 2));
	REQUIRE(error_of(context.unregister_range(hole.memory.range())) == 0);
	CHECK_FALSE(smaps_flag(hole.memory.range(0, 1), "um"));
	CHECK_FALSE(smaps_flag(hole.memory.range(2, 1), "um"));
}

TEST_CASE("a range with a file in it is refused as a whole", "[register]")
{
	const WithFile file;
	const auto context = open_context();

	CHECK(error_of(context.register_range(file.memory.range(), Modes::Missing)) == EINVAL);
	CHECK(error_of(context.unregister_range(file.memory.range())) == EINVAL);
	CHECK_FALSE(smaps_flag(file.memory.range(0, 1), "um"));
	CHECK_FALSE(is_told(context, file.memory, 0));
	CHECK_FALSE(is_told(context, file.memory, 2));
}

MEMORY_TEST_CASE("memory of any protection can be registered", "[register]")
{
	const Memory memory(4, TestType::kind);
	const auto context = open_context();

	checked(::mprotect(memory.page(1), page_size(), PROT_READ));
	checked(::mprotect(memory.page(2), page_size(), PROT_NONE));
	checked(::mprotect(memory.page(3), page_size(), PROT_READ | PROT_EXEC));
	REQUIRE(error_of(context.register_range(memory.range(), Modes::Missing)) == 0);
	CHECK(smaps_flag(memory.range(), "um"));
	CHECK(is_told(context, memory, 0));
	CHECK(is_told(context, memory, 1));
	CHECK(is_told(context, memory, 3));
}

MEMORY_TEST_CASE("a range that another context holds is refused as a whole", "[register]")
{
	const Memory memory(4, TestType::kind);
	const auto first = open_context(), second = open_context();

	take(first.register_range(memory.range(2, 1), Modes::Missing));
	CHECK(error_of(second.register_range(memory.range(2, 1), Modes::Missing)) == EBUSY);
	CHECK(error_of(second.register_range(memory.range(), Modes::Missing)) == EBUSY);
	CHECK_FALSE(is_told(second, memory, 1));
	CHECK(is_told(first, memory, 2));

	take(first.unregister_range(memory.range(2, 1)));
	CHECK(error_of(second.register_range(memory.range(), Modes::Missing)) == 0);
	CHECK(is_told(second, memory, 3));
}

TEST_CASE("unregistered memory can be unregistered", "[register]")
{
	const Memory memory(2);
	const auto context = open_context();

	CHECK(error_of(context.unregister_range(memory.range())) == 0);
}

MEMORY_TEST_CASE("unregistering lets the waiters of the range go on", "[register]")
{
	const World world(3, TestType::kind);
	auto first = in_thread([&] { return world.memory.word(0); });
	auto last = in_thread([&] { return world.memory.word(2); });

	wait_for_waiters(world.context, 2);
	take(world.context.unregister_range(world.memory.range(0, 2)));
	CHECK(first.get() == 0);
	CHECK(fdinfo(world.context.fd()).total == 1);
	take(world.context.unregister_range(world.memory.range(2, 1)));
	CHECK(last.get() == 0);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

MEMORY_TEST_CASE("registering memory that is there already does not change it", "[register]")
{
	const auto memory = patterned(3, TestType::kind);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(count_patterned(memory) == 3);
	CHECK_FALSE(is_told(context, memory, 1));
	take(context.unregister_range(memory.range()));
	CHECK(count_patterned(memory) == 3);
}

MEMORY_TEST_CASE("a context can hold many ranges", "[register]")
{
	const std::size_t pages = 512;
	const Memory memory(pages, TestType::kind);
	const auto context = open_context();

	for (std::size_t i = 0; i < pages; i += 2)
		take(context.register_range(memory.range(i, 1), Modes::Missing));
	CHECK(count_mappings(memory.range()) == pages);
	CHECK(smaps_flag(memory.range(pages - 2, 1), "um"));
	CHECK_FALSE(smaps_flag(memory.range(pages - 1, 1), "um"));
	take(context.unregister_range(memory.range()));
	CHECK(count_mappings(memory.range()) == 1);
}

TEST_CASE("an answer that can't be written is EFAULT", "[register]")
{
	const Memory memory(1), structure(1);
	const auto context = open_context();
	auto *fields = new (structure.page(0))
		uffdio_register{{memory.address(0), page_size()}, UFFDIO_REGISTER_MODE_MISSING, 0};

	checked(::mprotect(structure.page(0), page_size(), PROT_READ));
	CHECK(context.ioctl(UFFDIO_REGISTER, fields).error().value() == EFAULT);
	take(context.unregister_range(memory.range()));
	CHECK_FALSE(smaps_flag(memory.range(), "um"));
}
