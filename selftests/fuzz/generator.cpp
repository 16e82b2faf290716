// SPDX-License-Identifier: GPL-2.0-only
#include "generator.hpp"

#include <algorithm>
#include <fcntl.h>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <vector>

namespace fuzz {

namespace {

constexpr std::uint64_t page = FUZZ_PAGE;

std::uint64_t at(std::uint64_t index)
{
	return FUZZ_ARENA + index * page;
}

/* Where programs map memory: beside each other, with a hole between, across two page tables. */
constexpr std::uint64_t starts[] = {0, 8, 16, 26, 508, 512};
constexpr std::uint64_t huge_starts[] = {1024, 1536};

/* How often each call is drawn, in relation to the others. */
struct Weight {
	fuzz_code code;
	unsigned weight;
};

constexpr Weight weights[] = {
	{FUZZ_open, 2},	   {FUZZ_other, 1},	    {FUZZ_dup, 1},	  {FUZZ_close, 2},
	{FUZZ_read, 14},   {FUZZ_poll, 3},	    {FUZZ_info, 1},	  {FUZZ_merge, 1},
	{FUZZ_ioctl, 3},   {FUZZ_load, 14},	    {FUZZ_store, 14},	  {FUZZ_send, 2},
	{FUZZ_receive, 2}, {FUZZ_mmap, 4},	    {FUZZ_munmap, 3},	  {FUZZ_mremap, 4},
	{FUZZ_madvise, 6}, {FUZZ_mprotect, 3},	    {FUZZ_mlock, 1},	  {FUZZ_munlock, 1},
	{FUZZ_fork, 2},	   {FUZZ_put, 5},	    {FUZZ_punch, 1},	  {FUZZ_truncate, 1},
	{FUZZ_api, 2},	   {FUZZ_register, 10},	    {FUZZ_unregister, 5}, {FUZZ_wake, 5},
	{FUZZ_copy, 12},   {FUZZ_zeropage, 8},	    {FUZZ_continue, 8},	  {FUZZ_poison, 5},
	{FUZZ_move, 8},	   {FUZZ_writeprotect, 10}, {FUZZ_rwprotect, 4},  {FUZZ_set_mode, 2},
};

static_assert(std::size(weights) == FUZZ_CODES, "each call has a weight");

/* Where a range can begin or end that isn't in the arena. */
constexpr std::uint64_t borders[] = {
	0,
	1,
	page,
	1ull << 31,
	0xfffff000 - page,
	0xfffff000,
	1ull << 32,
	(1ull << 47) - 2 * page,
	(1ull << 47) - page,
	1ull << 47,
	(1ull << 56) - page,
	1ull << 56,
	1ull << 63,
	0xffff'8880'0000'0000,
	-page,
	~0ull,
	/* with tag bits above an address of the arena */
	1ull << 62 | FUZZ_ARENA,
	1ull << 57 | FUZZ_ARENA,
	0xffull << 56 | FUZZ_ARENA,
};

constexpr std::uint64_t lengths[] = {
	0,	    1,		page - 1,   page + 1,	 2 * page,	     512 * page, 513 * page,
	1ull << 32, 1ull << 47, 1ull << 63, -FUZZ_ARENA, -FUZZ_ARENA - page, -page,	 ~0ull,
};

} // namespace

std::uint64_t Generator::address(const fuzz_program &before, bool valid)
{
	std::vector<const fuzz_call *> mapped;

	for (unsigned i = 0; i < before.count; i++)
		if (before.calls[i].code == FUZZ_mmap)
			mapped.push_back(&before.calls[i]);
	if (!valid && random_.percent(40))
		return borders[random_.below(std::size(borders))];
	std::uint64_t start = at(random_.below(64)), pages = 1;
	if (!mapped.empty() && random_.percent(95)) {
		const auto *map = random_.one_of(mapped);
		start = map->arguments[0];
		pages = std::clamp<std::uint64_t>(map->arguments[1], 1, 8);
	}
	if (start >= at(1024) && random_.percent(80))
		return start +
		       (valid ? 0 : random_.one_of<std::uint64_t>({FUZZ_HUGE_PAGE, page, -page}));
	start += random_.below(pages) * page;
	return valid ? start
		     : start + random_.one_of<std::uint64_t>({1, 8, page - 1, 8 * page, -page});
}

std::uint64_t Generator::length(const fuzz_program &before, bool valid)
{
	if (!valid)
		return lengths[random_.below(std::size(lengths))];
	const bool huge =
		std::any_of(before.calls, before.calls + before.count, [](const auto &call) {
			return call.code == FUZZ_mmap && call.arguments[0] >= at(1024);
		});
	if (huge && random_.percent(50))
		return FUZZ_HUGE_PAGE;
	return page * (random_.percent(60) ? 1 : 1 + random_.below(8));
}

std::uint64_t Generator::features(bool valid)
{
	std::uint64_t chosen = 0;

	if (!valid)
		return 1ull << random_.below(64);
	for (auto count = random_.below(4); count--;)
		chosen |= 1ull << random_.below(19);
	/* Without messages there is less that can happen. */
	return random_.percent(70) ? chosen & ~UFFD_FEATURE_SIGBUS : chosen;
}

std::uint64_t Generator::request()
{
	static constexpr unsigned long known[] = {
#define COMMAND(name, request, ...) request,
#include "calls.def"
		FIONREAD, FIONBIO, FIOCLEX, USERFAULTFD_IOC_NEW};
	const auto start = known[random_.below(std::size(known))];

	switch (random_.below(4)) {
	case 0:
		return start;
	case 1: /* another size */
		return (start & ~(0x3ffful << 16)) | random_.below(64) << 16;
	case 2: /* another number */
		return (start & ~0xfful) | random_.below(256);
	default: /* another direction */
		return start ^ (1 + random_.below(3)) << 30;
	}
}

std::uint64_t Generator::memory()
{
	static constexpr std::uint64_t often[] = {FUZZ_ANONYMOUS,    FUZZ_ANONYMOUS, FUZZ_ANONYMOUS,
						  FUZZ_FILLED,	     FUZZ_SHMEM,     FUZZ_SHARED,
						  FUZZ_PRIVATE_SHMEM};

	return random_.percent(75) ? often[random_.below(std::size(often))]
				   : random_.below(FUZZ_MEMORIES);
}

std::uint64_t Generator::value_of(Kind kind, const fuzz_program &before, bool valid)
{
	switch (kind) {
	case Kind::ADDRESS:
	case Kind::SOURCE:
		return address(before, valid);
	case Kind::LENGTH:
		return length(before, valid);
	case Kind::PAGES:
		return valid ? 1 + random_.below(8) : random_.below(64);
	case Kind::BYTES:
		return valid ? sizeof(uffd_msg) * (1 + random_.below(4)) : random_.below(700);
	case Kind::SLOT:
		return random_.below(FUZZ_SLOTS);
	case Kind::OPEN_FLAGS:
		if (!valid)
			return 1ull << random_.below(64);
		return O_CLOEXEC | (random_.percent(85) ? O_NONBLOCK : 0) |
		       (random_.percent(10) ? UFFD_USER_MODE_ONLY : 0);
	case Kind::VERSION:
		return valid ? UFFD_API : random_.one_of<std::uint64_t>({0, 0xa9, 0xab, ~0ull});
	case Kind::FEATURES:
		return features(valid);
	case Kind::REGISTER_MODES:
		return valid ? 1 + random_.below(random_.percent(75) ? 7 : 15)
			     : random_.one_of<std::uint64_t>({0, 16, 17, 1ull << 63});
	case Kind::MODES:
		return valid ? random_.below(random_.percent(80) ? 2 : 4)
			     : random_.one_of<std::uint64_t>({4, 5, 1ull << 32, 1ull << 63});
	case Kind::REQUEST:
		return request();
	case Kind::OTHER:
		return random_.below(FUZZ_OTHERS);
	case Kind::MEMORY:
		return memory();
	case Kind::PROTECTION:
		return valid ? PROT_READ | PROT_WRITE : random_.below(8);
	case Kind::REMAP_FLAGS:
		return random_.one_of<std::uint64_t>({0, 1, 1, 3, 5});
	case Kind::ADVICE:
		return random_.one_of<std::uint64_t>({MADV_DONTNEED,	   MADV_DONTNEED,
						      MADV_FREE,	   MADV_REMOVE,
						      MADV_COLD,	   MADV_PAGEOUT,
						      MADV_PAGEOUT,	   MADV_POPULATE_READ,
						      MADV_POPULATE_WRITE, MADV_WILLNEED,
						      MADV_DONTFORK,	   MADV_DOFORK,
						      MADV_WIPEONFORK,	   MADV_KEEPONFORK,
						      MADV_HUGEPAGE,	   MADV_NOHUGEPAGE,
						      madv_collapse,	   MADV_MERGEABLE,
						      MADV_UNMERGEABLE,	   MADV_DONTNEED_LOCKED,
						      madv_guard_install,  madv_guard_remove});
	case Kind::CHILD:
		return random_.below(FUZZ_CHILDREN);
	default:
		return random_.percent(70) ? random_.below(256) : random_.next();
	}
}

std::uint8_t Generator::place()
{
	if (random_.percent(85))
		return FUZZ_ANYWHERE;
	switch (random_.below(4)) {
	case 0:
		return static_cast<std::uint8_t>(1 + random_.below(64));
	case 1:
		return static_cast<std::uint8_t>(FUZZ_AT_PAGE + random_.below(32));
	default:
		return static_cast<std::uint8_t>(FUZZ_READ_ONLY + random_.below(3));
	}
}

/* At most one thing is wrong with it. */
fuzz_call Generator::any_call(const fuzz_program &before)
{
	static const unsigned total = [] {
		unsigned sum = 0;
		for (const auto &each : weights)
			sum += each.weight;
		return sum;
	}();
	auto chosen = random_.below(total);
	const Weight *weight = weights;
	fuzz_call call{};

	while (chosen >= weight->weight)
		chosen -= weight++->weight;
	call.code = weight->code;
	call.thread = static_cast<std::uint8_t>(random_.below(FUZZ_THREADS));
	call.slot = static_cast<std::uint8_t>(random_.percent(85) ? 0 : random_.below(FUZZ_SLOTS));
	const auto &type = type_of(call);
	const auto count = arguments_of(type);
	const auto wrong = random_.percent(25) ? random_.below(count + 1) : FUZZ_ARGUMENTS;
	for (unsigned i = 0; i < count; i++)
		call.arguments[i] = value_of(type.kinds[i], before, i != wrong);
	if (wrong == count)
		call.place = place();
	return call;
}

namespace {

void add(fuzz_program &program, const fuzz_call &call)
{
	if (program.count < FUZZ_CALLS)
		program.calls[program.count++] = call;
}

fuzz_call call_of(fuzz_code code, std::initializer_list<std::uint64_t> arguments)
{
	fuzz_call call{};

	call.code = code;
	std::copy(arguments.begin(), arguments.end(), call.arguments);
	return call;
}

} // namespace

/* Memory, a context, and some of the memory registered with it. */
void Generator::add_beginning(fuzz_program &program)
{
	for (auto maps = 1 + random_.below(3); maps--;) {
		const auto kind = memory();
		const bool huge = kind >= FUZZ_THP;
		const auto start = huge ? huge_starts[random_.below(std::size(huge_starts))]
					: starts[random_.below(std::size(starts))];
		add(program, call_of(FUZZ_mmap, {at(start), huge ? 512 : 1 + random_.below(10),
						 kind, PROT_READ | PROT_WRITE}));
	}
	add(program, call_of(FUZZ_open, {value_of(Kind::OPEN_FLAGS, program, true)}));
	add(program, call_of(FUZZ_api, {UFFD_API, features(true)}));
	for (auto count = 1 + random_.below(2); count--;) {
		const auto &map = program.calls[random_.below(program.count - 2)];
		const auto length = map.code == FUZZ_mmap ? map.arguments[1] * page : page;
		add(program,
		    call_of(FUZZ_register, {map.arguments[0], length,
					    value_of(Kind::REGISTER_MODES, program, true)}));
	}
}

fuzz_program Generator::generate()
{
	fuzz_program program{};

	if (random_.percent(97))
		add_beginning(program);
	for (auto count = 1 + random_.below(12); count--;)
		add(program, any_call(program));
	return program;
}

void Generator::change(fuzz_program &program, const fuzz_program &other)
{
	const auto index = random_.below(program.count);
	auto *call = program.calls + index, *end = program.calls + program.count;
	const auto &type = type_of(*call);

	switch (random_.below(6)) {
	case 0:
		if (program.count > 1)
			program.count = static_cast<std::uint32_t>(std::move(call + 1, end, call) -
								   program.calls);
		break;
	case 1:
	case 2:
		if (program.count == FUZZ_CALLS)
			break;
		std::move_backward(call, end, end + 1);
		*call = random_.percent(70) ? any_call(program)
					    : other.calls[random_.below(other.count)];
		program.count++;
		break;
	case 3:
		call->thread = static_cast<std::uint8_t>(random_.below(FUZZ_THREADS));
		break;
	case 4:
		call->place = place();
		break;
	default:
		if (arguments_of(type)) {
			const auto argument = random_.below(arguments_of(type));
			call->arguments[argument] =
				value_of(type.kinds[argument], program, random_.percent(60));
		}
	}
}

fuzz_program Generator::mutate(const fuzz_program &program, const fuzz_program &other)
{
	auto changed = program;

	for (auto count = 1 + random_.below(4); count--;)
		change(changed, other);
	return changed;
}

} // namespace fuzz
