// SPDX-License-Identifier: GPL-2.0-only
/* The module and native userfaultfd in one process: each leaves the other alone. */
#include "lib/maps.hpp"
#include "lib/monitor.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <sys/mman.h>
#include <userfault/socket.hpp>
#include <utility>
#include <variant>

using namespace selftests;
using namespace userfault;

namespace {

Options options_of(Backend backend)
{
	Options options;

	options.device = device_of(backend);
	options.nonblocking = true;
	return options;
}

Context context_of(Backend backend)
{
	return open_context(options_of(backend));
}

Options options_of(Backend backend, Features required)
{
	auto options = options_of(backend);

	options.required = required;
	return options;
}

/* A world of each kind. */
struct TwoWorlds {
	explicit TwoWorlds(std::size_t pages)
		: ours(pages, options_of(Backend::module)),
		  native(pages, options_of(Backend::native))
	{
	}

	World ours, native;
};

Monitor::Answer filling(const World &world)
{
	return [&world](const Fault &fault) { world.fill(world.memory.index_of(fault.address)); };
}

int error_of_registration(const Context &context, Range range)
{
	const auto result = context.register_range(range, Modes::Missing);

	return result ? 0 : result.error().value();
}

} // namespace

TEST_CASE("a process uses the module and native userfaultfd at once", "[side_by_side][module][smp]")
{
	const std::size_t pages = 64;
	const TwoWorlds worlds(pages);
	const Monitor ours(worlds.ours.context, filling(worlds.ours));
	const Monitor native(worlds.native.context, filling(worlds.native));
	auto reader = in_thread([&] { return count_patterned(worlds.ours.memory); });

	CHECK(count_patterned(worlds.native.memory) == pages);
	CHECK(reader.get() == pages);
	CHECK(ours.told() == pages);
	CHECK(native.told() == pages);
}

TEST_CASE("a range that the module or native userfaultfd holds is busy for the other",
	  "[side_by_side][module][smp]")
{
	const TwoWorlds worlds(4);

	CHECK(error_of_registration(worlds.ours.context, worlds.native.memory.range()) == EBUSY);
	CHECK(error_of_registration(worlds.native.context, worlds.ours.memory.range()) == EBUSY);
	CHECK(error_of_registration(worlds.ours.context, worlds.native.memory.range(1, 1)) ==
	      EBUSY);
	CHECK(error_of_registration(worlds.native.context, worlds.ours.memory.range(1, 1)) ==
	      EBUSY);

	take(worlds.ours.context.unregister_range(worlds.ours.memory.range()));
	CHECK(error_of_registration(worlds.native.context, worlds.ours.memory.range()) == 0);
	take(worlds.native.context.unregister_range(worlds.ours.memory.range()));
	CHECK(error_of_registration(worlds.ours.context, worlds.ours.memory.range()) == 0);
}

TEST_CASE("neighbours of the module and of native userfaultfd stay two mappings",
	  "[side_by_side][module][smp]")
{
	const Memory memory(4);
	const auto ours = context_of(Backend::module), native = context_of(Backend::native);

	take(ours.register_range(memory.range(0, 2), Modes::Missing));
	take(native.register_range(memory.range(2, 2), Modes::Missing));
	CHECK(count_mappings(memory.range()) == 2);
	auto first = in_thread([&] { return memory.word(1); });
	auto second = in_thread([&] { return memory.word(2); });
	CHECK(next_fault(ours).address == memory.address(1));
	CHECK(next_fault(native).address == memory.address(2));
	fill(ours, memory, 1);
	fill(native, memory, 2);
	CHECK(first.get() == pattern_word(1));
	CHECK(second.get() == pattern_word(2));
	take(ours.unregister_range(memory.range(0, 2)));
	take(native.unregister_range(memory.range(2, 2)));
	CHECK_FALSE(smaps_flag(memory.range(), "um"));
}

TEST_CASE("closing one of the two contexts leaves the waiters of the other",
	  "[side_by_side][module][smp]")
{
	for (const bool close_ours : {true, false}) {
		TwoWorlds worlds(1);
		auto &closed = close_ours ? worlds.ours : worlds.native;
		const auto &kept = close_ours ? worlds.native : worlds.ours;
		auto freed = in_thread([&] { return closed.memory.word(0); });
		auto waiting = in_thread([&] { return kept.memory.word(0); });

		wait_for_waiters(closed.context, 1);
		wait_for_waiters(kept.context, 1);
		closed.region.release();
		static_cast<void>(Fd(closed.context.release()));
		CHECK(freed.get() == 0);
		CHECK(fdinfo(kept.context.fd()).total == 1);
		CHECK_FALSE(is_done(waiting));
		kept.fill(0);
		CHECK(waiting.get() == pattern_word(0));
	}
}

TEST_CASE("native userfaultfd can unregister the module's range and does no harm",
	  "[side_by_side][module][smp]")
{
	/* Older kernels let any context unregister any range. */
	const World world(2, options_of(Backend::module));
	const auto native = context_of(Backend::native);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	if (!native.unregister_range(world.memory.range())) {
		world.fill(0);
		CHECK(reader.get() == pattern_word(0));
		return;
	}
	CHECK_FALSE(smaps_flag(world.memory.range(), "um"));
	CHECK(reader.get() == 0); /* native userfaultfd has woken it */
	CHECK(world.context.zeropage(world.memory.range(1, 1)).error.value() == ENOENT);
	CHECK(error_of_registration(world.context, world.memory.range()) == 0);
}

TEST_CASE("native userfaultfd unregisters the module's range and leaves writers waiting",
	  "[side_by_side][module][smp]")
{
	/* Native userfaultfd wakes waiters only if the range is registered for missing pages. */
	const World world(Memory(1), Modes::WriteProtect);
	const auto native = context_of(Backend::native);

	world.memory.word(0) = 1;
	take(world.context.write_protect(world.memory.range()));
	auto writer = in_thread([&] { world.memory.word(0) = 2; });
	wait_for_sleepers(world.context, 1);
	if (!native.unregister_range(world.memory.range()))
		take(world.context.write_unprotect(world.memory.range()));
	else
		wait_for_sleepers(world.context, 1);
	take(world.context.wake(world.memory.range()));
	writer.get();
	CHECK(world.memory.word(0) == 2);
}

TEST_CASE("native userfaultfd can fill the module's memory and does no harm",
	  "[side_by_side][module][smp]")
{
	/* Native userfaultfd checks whether a range is registered, but not with which context. */
	const World world(2, options_of(Backend::module));
	const auto native = context_of(Backend::native);
	const auto source = patterned(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	const auto progress = native.copy(world.memory.address(0), source.bytes(0, 1));
	if (progress)
		CHECK(fdinfo(world.context.fd()).total == 1); /* its waiters are not native's */
	else
		world.fill(0);
	take(world.context.wake(world.memory.range()));
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("the module does not touch what native userfaultfd holds",
	  "[side_by_side][module][smp][security]")
{
	const World world(2, options_of(Backend::native));
	const auto ours = context_of(Backend::module);
	const auto source = patterned(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	ours.unregister_range(world.memory.range());
	take(ours.wake(world.memory.range()));
	CHECK(smaps_flag(world.memory.range(), "um"));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

/* As each native context can with memory of another. */
TEST_CASE("a context fills and protects memory that another context holds",
	  "[side_by_side][security][module]")
{
	for (const auto backend : {Backend::module, Backend::native}) {
		INFO("it holds the memory: " << device_of(backend));
		const Memory memory(2);
		const auto holder = open_context(options_of(backend, Features::PagefaultFlagWp));
		const auto other = context_of(Backend::module);
		const auto first = memory.range(0, 1);
		const auto is_protected = [&] { return is_protected_at(memory.address(0)); };

		take(holder.register_range(memory.range(), Modes::Missing | Modes::WriteProtect));
		fill(other, memory, 0);
		CHECK(has_pattern(memory.bytes(0, 1), 0));
		take(holder.write_protect(first));
		take(other.write_unprotect(first));
		CHECK_FALSE(is_protected());
		memory.word(0) = 1;
		take(other.write_protect(first));
		CHECK(is_protected());
		auto writer = in_thread([&] { memory.word(0) = 2; });
		CHECK(next_fault(holder).address == memory.address(0));
		take(holder.write_unprotect(first));
		writer.get();
	}
}

TEST_CASE("a child of a process that uses both is registered with neither",
	  "[side_by_side][module][smp]")
{
	const TwoWorlds worlds(2);

	worlds.ours.fill(0);
	worlds.native.fill(0);
	Process child([&] {
		for (const auto *world : {&worlds.ours, &worlds.native})
			if (smaps_flag(world->memory.range(), "um") ||
			    world->memory.word(0) != pattern_word(0) || world->memory.word(1) != 0)
				return 1;
		return 0;
	});
	CHECK(child.wait() == 0);
	CHECK(smaps_flag(worlds.ours.memory.range(), "um"));
	CHECK(smaps_flag(worlds.native.memory.range(), "um"));
}

TEST_CASE("the module fills its memory from memory that native userfaultfd fills",
	  "[side_by_side][module][smp]")
{
	const TwoWorlds worlds(4);
	const Monitor monitor(worlds.native.context, filling(worlds.native));
	const auto progress = worlds.ours.context.copy(worlds.ours.memory.address(0),
						       worlds.native.memory.bytes(0, 4));

	CHECK(progress.done == 4 * page_size());
	CHECK(count_patterned(worlds.ours.memory) == 4);
	CHECK(monitor.told() == 4);
}

TEST_CASE("events of native userfaultfd come while the module is there",
	  "[side_by_side][module][smp]")
{
	World native(4, options_of(Backend::native, Features::EventFork | Features::EventRemap |
							    Features::EventRemove |
							    Features::EventUnmap));
	const World ours(4, options_of(Backend::module));
	const auto next = [&](const Context &context) {
		take(context.poll());
		return std::move(*take(context.read()));
	};

	auto dropping = in_thread([&] {
		checked(::madvise(native.memory.page(0), page_size(), MADV_DONTNEED));
		checked(::madvise(ours.memory.page(0), page_size(), MADV_DONTNEED));
	});
	CHECK(std::holds_alternative<Remove>(next(native.context)));
	dropping.get();

	auto forking = in_thread(
		[&] { return in_child([&] { return ours.memory.word(3) == 0 ? 0 : 1; }); });
	auto forked = next(native.context);
	CHECK(std::holds_alternative<Fork>(forked));
	CHECK(forking.get() == 0);

	auto unmapping = in_thread([&] { native.memory.unmap(3, 1); });
	CHECK(std::holds_alternative<Unmap>(next(native.context)));
	unmapping.get();
	CHECK_FALSE(take(ours.context.read()));
}

namespace {

/* A process that does @work, with pages of both backends in turn. */
struct Mixed {
	static constexpr std::size_t pages = 6;

	Mixed(Features features, const std::function<int(const Memory &)> &work)
		: memory(pages), sockets(take(socket_pair())), process([&] {
			  register_and_pass(features);
			  return work(memory);
		  }),
		  ours(receive()), native(receive())
	{
	}

	void register_and_pass(Features features)
	{
		const auto first = open_context(options_of(Backend::module, features));
		const auto second = open_context(options_of(Backend::native, features));

		for (std::size_t i = 0; i < pages; i++)
			take((i % 2 ? first : second)
				     .register_range(memory.range(i, 1), Modes::Missing));
		take(send_fd(sockets.second.get(), first.fd(), payload));
		take(send_fd(sockets.second.get(), second.fd(), payload));
	}

	Context receive() { return Context::adopt(take(receive_fd(sockets.first.get(), payload))); }

	std::array<std::byte, 1> payload{};
	Memory memory;
	std::pair<Fd, Fd> sockets;
	Process process;
	Context ours, native;
};

/* Fills missing pages of both backends until all pages are there. */
void serve_both(const Context &ours, const Context &native, const Memory &memory)
{
	for (std::size_t i = 0; i < memory.pages(); i++) {
		const auto &context = i % 2 ? ours : native;
		CHECK(next_fault(context).address == memory.address(i));
		fill(context, memory, i);
	}
}

int reads_patterns(const Memory &memory)
{
	return count_patterned(memory) == memory.pages() ? 0 : 1;
}

int forks(const Memory &memory)
{
	Process child([&] { return reads_patterns(memory); });

	return child.wait();
}

} // namespace

TEST_CASE("a fork with memory of both is reported to both", "[side_by_side][module][smp]")
{
	Mixed mixed(Features::EventFork, forks);
	auto of_native = next_of<Fork>(mixed.native); /* whose memory comes first */
	auto of_ours = next_of<Fork>(mixed.ours);

	serve_both(Context::adopt(std::move(of_ours.context)),
		   Context::adopt(std::move(of_native.context)), mixed.memory);
	CHECK(mixed.process.wait() == 0);
	CHECK_FALSE(is_readable(mixed.ours));
	CHECK_FALSE(is_readable(mixed.native));
}

TEST_CASE("a fork with memory of both survives the death of either monitor",
	  "[side_by_side][module][smp]")
{
	for (const bool ours_dies : {true, false}) {
		Mixed mixed(Features::EventFork, [](const Memory &memory) {
			Process child([&] {
				for (std::size_t i = 0; i < memory.pages(); i++)
					static_cast<void>(memory.word(i) + 0);
				return 0;
			});
			return child.wait();
		});
		auto &dies = ours_dies ? mixed.ours : mixed.native;
		auto &stays = ours_dies ? mixed.native : mixed.ours;

		static_cast<void>(Fd(dies.release()));
		const auto child = next_child(stays);
		for (std::size_t i = 0; i < Mixed::pages / 2; i++)
			fill(child, mixed.memory, mixed.memory.index_of(next_fault(child).address));
		CHECK(mixed.process.wait() == 0);
	}
}

TEST_CASE("an unmapping of memory of both is reported to both", "[side_by_side][module][smp]")
{
	Mixed mixed(Features::EventUnmap, [](const Memory &memory) {
		return ::munmap(memory.page(0), memory.range().length);
	});
	auto of_ours = in_thread([&] { return next_of<Unmap>(mixed.ours).range; });
	const auto of_native = next_of<Unmap>(mixed.native).range;

	for (const auto &range : {of_ours.get(), of_native}) {
		CHECK(range.start == mixed.memory.address(0));
		CHECK(range.length == mixed.memory.range().length);
	}
	CHECK(mixed.process.wait() == 0);
	CHECK_FALSE(is_readable(mixed.ours)); /* each once */
	CHECK_FALSE(is_readable(mixed.native));
}

TEST_CASE("a process that unmaps or forks memory of both can be killed",
	  "[side_by_side][module][smp]")
{
	for (const bool unmap : {true, false})
		for (const bool told_ours : {true, false}) {
			Mixed mixed(Features::EventFork | Features::EventUnmap,
				    [unmap](const Memory &memory) {
					    return unmap ? ::munmap(memory.page(0),
								    memory.range().length)
							 : forks(memory);
				    });
			const auto &told = told_ours ? mixed.ours : mixed.native;
			const auto &other = told_ours ? mixed.native : mixed.ours;

			wait_until("one has its event",
				   [&] { return is_readable(told) || is_readable(other); });
			if (is_readable(told))
				static_cast<void>(take(told.read()));
			mixed.process.signal(SIGKILL);
			CHECK(mixed.process.wait() == Process::killed + SIGKILL);
			CHECK_FALSE(is_readable(other));
		}
}

TEST_CASE("while memory of one changes, page operations of the other work",
	  "[side_by_side][module][smp]")
{
	Mixed mixed(Features::EventRemove, [](const Memory &memory) {
		return ::madvise(memory.page(1), page_size(), MADV_DONTNEED);
	});

	wait_until("the event can be read", [&] { return is_readable(mixed.ours); });
	CHECK(mixed.native.zeropage(mixed.memory.range(0, 1)));
	CHECK(mixed.ours.zeropage(mixed.memory.range(1, 1)).error.value() == EAGAIN);
	CHECK(next_of<Remove>(mixed.ours).range.start == mixed.memory.address(1));
	CHECK(mixed.process.wait() == 0);
}
