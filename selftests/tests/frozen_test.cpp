// SPDX-License-Identifier: GPL-2.0-only
/*
 * A control group is frozen while its process waits for the monitor. A thread leaves a fault in
 * order to freeze, and faults again when it is thawed. One that waits for its event, or for a page
 * in a system call, freezes as soon as it needs the monitor no more.
 */
#include "lib/control_group.hpp"
#include "lib/huge_pages.hpp"
#include "lib/waiting_process.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* A process that waits in a group of its own, and how the monitor answers. */
struct Subject {
	const char *name;
	Wait wait;
	void (*answer)(const Context &context, const Memory &memory);
};

/* With zeroes. */
void answer_missing(const Context &context, const Memory &memory)
{
	const auto first = first_page(memory);
	const Memory zeroes(first.length / page_size());

	static_cast<void>(context.copy(first.start, zeroes.bytes(0, zeroes.pages())));
}

void answer_write(const Context &context, const Memory &memory)
{
	take(context.write_unprotect(first_page(memory)));
}

void answer_minor(const Context &context, const Memory &memory)
{
	static_cast<void>(context.resume(first_page(memory)));
}

void answer_access(const Context &context, const Memory &memory)
{
	take(context.rwunprotect(first_page(memory)));
}

const std::vector<Subject> in_faults = {
	{"a missing page", {missing, read_first, 0}, answer_missing},
	{"a missing page of a file", {missing_in_file, write_first, 5}, answer_missing},
	{"a protected page", {guarded, write_first, 5}, answer_write},
	{"a page that the file has", {cached, read_first, 9}, answer_minor},
	{"a page that is protected from every access", {tracked, read_first, 6}, answer_access},
};

const std::vector<Subject> in_huge_faults = {
	{"a missing huge page", {missing_huge, read_first, 0}, answer_missing},
	{"a missing huge page of a file", {missing_in_huge_file, write_first, 5}, answer_missing},
	{"a protected huge page", {guarded_huge, write_first, 5}, answer_write},
	{"a huge page that the file has", {cached_huge, read_first, 9}, answer_minor},
	{"a huge page that is protected from every access",
	 {tracked_huge, read_first, 6},
	 answer_access},
};

const std::vector<Subject> in_events = {
	{"dropping", {with_remove, drop_second, 0}, nullptr},
	{"unmapping", {with_unmap, unmap_second, 0}, nullptr},
	{"moving", {with_remap, move_second, 0}, nullptr},
	{"forking", {with_fork, fork_child, 0}, nullptr},
};

const Subject in_kernel{"a system call", {missing, let_kernel_write, 1}, answer_missing};

/* The process of a subject, in a control group that can be frozen. */
class Freezable : ControlGroup, public WaitingProcess {
public:
	explicit Freezable(const Subject &subject)
		: WaitingProcess(subject.wait), answer_(subject.answer)
	{
		add(process.pid());
	}

	/* Asks it to freeze; it may take its time. */
	void freeze() const { set("1"); }
	void thaw() const { set("0"); }

	bool is_frozen() const
	{
		return read("cgroup.events").find("frozen 1") != std::string::npos;
	}

	void freeze_and_wait() const
	{
		freeze();
		wait_until("the group is frozen", [&] { return is_frozen(); });
	}

	void answer() const { answer_(context, memory); }

	/* Kills it, in whatever state; whether it is gone then. */
	bool dies()
	{
		process.signal(SIGKILL);
		return process.wait() == Process::killed + SIGKILL && is_gone();
	}

private:
	void set(const char *state) const
	{
		if (!write("cgroup.freeze", state))
			give_up("the group can't be frozen");
	}

	void (*answer_)(const Context &context, const Memory &memory);
};

using Test = void (*)(Freezable &process);

void with_each(const std::vector<Subject> &subjects, Test test)
{
	with_each_offered(subjects, [test](const Subject &subject) {
		INFO(subject.name);
		Freezable process(subject);
		test(process);
	});
}

bool nobody_waits(const Freezable &process)
{
	return fdinfo(process.context.fd()).total == 0 && !is_readable(process.context);
}

void freeze_and_fault_again(Freezable &process)
{
	for (int i = 0; i < 2; i++) {
		process.freeze_and_wait();
		CHECK(nobody_waits(process));
		process.thaw();
		CHECK(next_fault(process.context).address == process.memory.address(0));
	}
	process.answer();
	CHECK(process.process.wait() == 0);
	CHECK(nobody_waits(process));
}

void freeze_told(Freezable &process)
{
	next_fault(process.context);
	freeze_and_fault_again(process);
}

void freeze_untold(Freezable &process)
{
	wait_for_pending(process.context, 1);
	freeze_and_fault_again(process);
}

void answer_frozen(Freezable &process)
{
	next_fault(process.context);
	process.freeze_and_wait();
	process.answer();
	CHECK(process.is_frozen());
	process.thaw();
	CHECK(process.process.wait() == 0);
	CHECK(nobody_waits(process));
}

void kill_frozen(Freezable &process)
{
	next_fault(process.context);
	process.freeze_and_wait();
	CHECK(process.dies());
}

/* Its memory then has zeroes, or what was there already. */
void leave_frozen(Freezable &process)
{
	next_fault(process.context);
	process.freeze_and_wait();
	static_cast<void>(Fd(process.context.release()));
	process.thaw();
	CHECK(process.process.wait() == 0);
}

} // namespace

TEST_CASE("a thread that waits for its page freezes and faults again when it is thawed", "[frozen]")
{
	with_each(in_faults, freeze_told);
	with_each(in_faults, freeze_untold);
}

TEST_CASE("a page can be filled for a frozen thread and then it doesn't fault again", "[frozen]")
{
	with_each(in_faults, answer_frozen);
}

TEST_CASE("a frozen process that was waiting for its page can be killed", "[frozen]")
{
	with_each(in_faults, kill_frozen);
}

TEST_CASE("the memory of a frozen process is ordinary once its monitor has gone", "[frozen]")
{
	with_each(in_faults, leave_frozen);
}

TEST_CASE("a thread that waits for its huge page freezes like another", "[frozen][hugetlb]")
{
	const HugePages pool(4);

	for (const auto test : {freeze_told, answer_frozen, kill_frozen, leave_frozen})
		with_each(in_huge_faults, test);
	CHECK(pool.pool().free == 4);
}

TEST_CASE("a thread that waits for its event freezes when the event has been read", "[frozen]")
{
	with_each(in_events, [](Freezable &process) {
		wait_until("there is an event", [&] { return is_readable(process.context); });
		process.freeze();
		CHECK_FALSE(process.is_frozen());
		CHECK(is_readable(process.context));
		const auto event = next_message(process.context);
		CHECK_FALSE(std::holds_alternative<Fault>(event));
		wait_until("the group is frozen", [&] { return process.is_frozen(); });
		CHECK_FALSE(is_readable(process.context));
		process.thaw();
		CHECK(process.process.wait() == 0);
	});
}

TEST_CASE("a process that can't freeze before its event is read can be killed", "[frozen]")
{
	with_each(in_events, [](Freezable &process) {
		wait_until("there is an event", [&] { return is_readable(process.context); });
		process.freeze();
		CHECK(process.dies());
	});
}

TEST_CASE("a process that can't freeze before its event is read goes on without its monitor",
	  "[frozen]")
{
	with_each(in_events, [](Freezable &process) {
		wait_until("there is an event", [&] { return is_readable(process.context); });
		process.freeze();
		CHECK_FALSE(process.is_frozen());
		static_cast<void>(Fd(process.context.release()));
		wait_until("the group is frozen", [&] { return process.is_frozen(); });
		process.thaw();
		CHECK(process.process.wait() == 0);
	});
}

TEST_CASE("a thread that waits for a page in a system call freezes when the page is there",
	  "[frozen]")
{
	Freezable process(in_kernel);

	next_fault(process.context);
	process.freeze();
	CHECK_FALSE(process.is_frozen());
	process.answer();
	wait_until("the group is frozen", [&] { return process.is_frozen(); });
	process.thaw();
	CHECK(process.process.wait() == 0);
}

TEST_CASE("a process that can't freeze before its system call has its page can be killed",
	  "[frozen]")
{
	Freezable process(in_kernel);

	next_fault(process.context);
	process.freeze();
	CHECK(process.dies());
}
