// SPDX-License-Identifier: GPL-2.0-only
/* Nothing that a process can read tells where the kernel's memory is. */
#include "harness/harness.hpp"
#include "harness/loaded_module.hpp"
#include "lib/loading.hpp"
#include "lib/process.hpp"
#include "lib/waiting_call.hpp"
#include "lib/watched.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <linux/userfault.h>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* A message as it is read, in words; its fields lie on the borders of words, or within one. */
using Words = std::array<std::uint64_t, sizeof(uffd_msg) / sizeof(std::uint64_t)>;

Words next_words(const Context &context)
{
	Words words;

	wait_until("there is a message", [&] { return is_readable(context); });
	if (checked(::read(context.fd(), words.data(), sizeof(words))) != sizeof(words))
		give_up("a message is incomplete");
	return words;
}

/* Whether the word could be an address in the kernel's half of all addresses. */
bool is_of_the_kernel(std::uint64_t word)
{
	return word >> 47 != 0;
}

/* Of any kind, or hashed: printk() writes all of them with 16 digits. */
bool has_pointer(const std::string &text)
{
	return std::regex_search(text, std::regex("\\b(0x)?[0-9a-f]{16}\\b", std::regex::icase));
}

/* The lines of the kernel's log that the module has written. */
std::string lines_of_the_module()
{
	constexpr int read_all = 3, size_of_buffer = 10;
	std::string log(static_cast<std::size_t>(checked(::klogctl(size_of_buffer, nullptr, 0))),
			0);
	std::string line, lines;

	log.resize(checked(::klogctl(read_all, log.data(), static_cast<int>(log.size()))));
	std::istringstream stream(log);
	while (std::getline(stream, line))
		if (line.find("userfault: ") != line.npos)
			lines += line + '\n';
	return lines;
}

Features events()
{
	return every_event | Features::EventFork | Features::ThreadId | Features::ExactAddress;
}

/* Closes the child's context if the message is of a fork. */
void close_child(const Words &words)
{
	if ((words[0] & 0xff) == UFFD_EVENT_FORK)
		static_cast<void>(Fd(static_cast<int>(words[1])));
}

/* The message of a thread that does @wait. It goes on when the context is closed. */
Words message_of(const Watched &watched, long (*wait)(const Memory &memory))
{
	const Memory memory(watched.pages, watched.kind);
	std::optional context(watch(watched, memory));
	auto waiting = in_thread([&] { return wait(memory); });
	const auto words = next_words(*context);

	context.reset();
	waiting.get();
	return words;
}

} // namespace

TEST_CASE("no message has an address of the kernel, nor anything after its fields", "[security]")
{
	const Memory place(1); /* unmapped when the context is closed: so without an event */
	const World world(4, events());
	std::vector<Words> messages;
	const auto call = [&](long number, const std::function<long()> &work) {
		WaitingCall waiting(world.context, number, work);
		while (!waiting.is_over())
			if (is_readable(world.context))
				messages.push_back(next_words(world.context));
		checked(waiting.result());
	};

	auto reader = in_thread([&] { return world.memory.word(0); });
	messages.push_back(next_words(world.context));
	world.fill(0);
	static_cast<void>(reader.get());
	call(SYS_madvise,
	     [&] { return ::madvise(world.memory.page(0), page_size(), MADV_DONTNEED); });
	call(SYS_munmap, [&] {
		world.memory.unmap(2, 1);
		return 0;
	});
	call(SYS_mremap, [&] { return world.memory.remap(3, 1, 1, 0, place.page(0)); });
	call(SYS_clone, [] { return in_child([] { return 0; }); });
	messages.push_back(message_of(guarded, write_first));
	messages.push_back(message_of(cached, read_first));
	CHECK(messages.size() >= 7);

	for (const auto &words : messages) {
		close_child(words);
		CHECK(std::ranges::none_of(words, is_of_the_kernel));
		CHECK((words[0] & ~0xffull) == 0); /* reserved bytes after the kind of message */
	}
}

TEST_CASE("fdinfo has no address of the kernel", "[security]")
{
	const World world(2, events());
	auto reader = in_thread([&] { return world.memory.word(0); });

	next_fault(world.context);
	/* The bits of the commands look like one. */
	const auto text =
		std::regex_replace(fdinfo(world.context.fd()).text, std::regex("API:[^\n]*"), "");
	CHECK_FALSE(has_pointer(text));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

/* It has something to say when it can't be loaded. */
TEST_CASE("the module writes no address of the kernel into the log", "[load][security][module]")
{
	REQUIRE(has_pointer("at 0xffffffff81000000"));
	REQUIRE(has_pointer("at 000000003a5c91b7."));
	need_the_module_file();
	if (!std::filesystem::exists(holder_file))
		skip("the module that holds a function is not at " + holder_file);

	unload();
	REQUIRE_FALSE(load_module(holder_file));
	CHECK(load_module(module_file));
	REQUIRE_FALSE(unload_module("holder"));
	load();
	const auto lines = lines_of_the_module();
	REQUIRE(lines.find("has userfaultfd_remove()") != lines.npos);
	CHECK_FALSE(has_pointer(lines));
}
