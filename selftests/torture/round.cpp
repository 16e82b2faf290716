// SPDX-License-Identifier: GPL-2.0-only
#include "torture/round.hpp"

#include "torture/forking.hpp"
#include "torture/stuck.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <iterator>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <userfault/socket.hpp>

namespace torture {

using namespace userfault;

namespace {

std::vector<Plan> plans(const Settings &settings)
{
	const std::string native = native_device,
			  ours = settings.native ? native : "/dev/userfault";
	const auto steps = settings.steps_of_round();

	return {{0, ours, true, 3, 2, 1, 2, steps},
		{1, ours, false, 3, 2, 1, 2, steps},
		{native_world, native, true, 2, 1, 1, 1, steps}};
}

pid_t fork_flushed()
{
	std::cout.flush();
	return fork_bound();
}

} // namespace

namespace {

/* The boss does it to a world, or to the machine. */
std::string planned_step(Role role, unsigned number, std::uint64_t seed, unsigned i,
			 std::size_t worlds)
{
	auto random = actor_random(seed, number, i);
	const auto step = draw_step(role, random);
	const auto &operation = operations()[step.operation];
	const auto text = "actor " + std::to_string(number) + ", step " + std::to_string(i) + ": " +
			  operation.name;

	if (role == Role::boss)
		return operation.machine ? text
					 : text + ", world " + std::to_string(random.below(worlds));
	return text + ", " + kinds()[step.kind].name + ", page " + std::to_string(step.page);
}

} // namespace

std::vector<std::string> planned(const Settings &settings)
{
	const auto seed = Random(settings.seed, settings.number).next();
	const auto worlds = plans(settings);
	std::vector<std::pair<Role, unsigned>> actors;
	std::vector<std::string> lines;

	for (const auto &plan : worlds)
		std::ranges::copy(plan.actors(), std::back_inserter(actors));
	actors.emplace_back(Role::boss, boss_number);
	for (const auto &[role, number] : actors)
		for (unsigned i = 0; i < settings.steps_of_round(); i++)
			lines.push_back(planned_step(role, number, seed, i, worlds.size()));
	return lines;
}

Member::Member(Plan plan)
	: plan(std::move(plan)), group("torture-" + std::to_string(this->plan.number))
{
}

Round::Round(const Settings &settings)
	: settings_(settings), seed_(Random(settings.seed, settings.number).next())
{
	for (auto &plan : plans(settings))
		members_.push_back(std::make_unique<Member>(std::move(plan)));
}

int Round::run()
{
	Actor boss(nullptr, Role::boss, boss_number, 0, seed_);

	boss.round = this;
	catch_signals();
	for (auto &member : members_)
		start(*member);
	while (!all_have_ended() && !shared().stopping) {
		boss.step();
		boss.is_over();
		for (unsigned i = 0; i < 20 && !all_have_ended() && !shared().stopping; i++) {
			std::this_thread::sleep_for(std::chrono::milliseconds(10));
			reap();
		}
	}
	end_all();
	return shared().failed;
}

void Round::start(Member &member)
{
	auto sockets = socket_pair();

	if (!sockets)
		return fail("no sockets: " + sockets.error().message());
	reset_world(member.plan.number);
	shared().subject_lives[member.plan.number]++;
	member.oom_kills = member.count_oom_kills();
	member.subject = fork_flushed();
	if (member.subject == 0) {
		member.group.join();
		sockets->first.reset();
		const int status = run_subject(member.plan, seed_, sockets->second.get());
		std::cout.flush();
		::_exit(status);
	}
	shared().worlds[member.plan.number].subject = member.subject;
	sockets->second.reset();
	if (member.plan.inside)
		return;
	member.view =
		World{.number = member.plan.number, .device = member.plan.device, .inside = false};
	if (const auto grant = Context::probe({.device = member.plan.device}))
		member.view.offered = grant->offered;
	if (!receive_world(member.plan, sockets->first.get(), member.view))
		return fail("the contexts of world " + std::to_string(member.plan.number) +
			    " don't arrive");
	start_monitor(member);
}

void Round::start_monitor(Member &member)
{
	shared().worlds[member.plan.number].monitor_killed = false;
	member.monitor = fork_flushed();
	if (member.monitor == 0)
		::_exit(run_monitors(member.plan, seed_, member.view));
	shared().worlds[member.plan.number].monitor = member.monitor;
}

bool Round::kill_monitor(Member &member)
{
	if (!member.monitor || !member.subject)
		return false;
	/* First, so that nobody takes what its death does for a mistake of the kernel. */
	shared().worlds[member.plan.number].monitor_killed = true;
	shared().worlds[member.plan.number].monitor_lives++;
	end(member.monitor);
	start_monitor(member);
	return true;
}

bool Round::kill_subject(Member &member)
{
	if (!member.subject)
		return false;
	restart(member);
	return true;
}

/* Ends what is left of it before. */
void Round::restart(Member &member)
{
	const auto first = member.plan.first_actor();

	end(member.subject);
	end(member.monitor);
	/* A child of the subject may live a little longer, and must not meet the new ledger. */
	if (!member.group.kill_all())
		fail("a world's processes can't be killed");
	for (unsigned i = first; i < first + actors_each; i++)
		shared().actors[i].since = 0;
	start(member);
}

void Round::end(pid_t &pid)
{
	if (pid)
		kill_and_reap(pid, settings_.patience);
	pid = 0;
}

bool Round::all_have_ended() const
{
	for (const auto &member : members_)
		if (member->subject)
			return false;
	return true;
}

void Round::reap()
{
	int status;

	for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
		for (auto &member : members_)
			if (pid == member->subject || pid == member->monitor)
				reaped(*member, pid, status);
}

namespace {

/* By another process of the torture, or by mm, which counts that before it sends the signal. */
bool may_have_been_killed(const Member &member, bool is_subject)
{
	const auto &state = shared().worlds[member.plan.number];

	if (!is_subject)
		return state.monitor_killed;
	return state.subject_killed || member.count_oom_kills() > member.oom_kills;
}

} // namespace

void Round::reaped(Member &member, pid_t pid, int status)
{
	const bool is_subject = pid == member.subject;
	const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
				may_have_been_killed(member, is_subject);

	(is_subject ? member.subject : member.monitor) = 0;
	if (status && !was_killed)
		fail("the " + std::string(is_subject ? "subject" : "monitor") + " of world " +
		     std::to_string(member.plan.number) + " ended with " + ended_how(status));
	if (!was_killed)
		return;
	if (!is_subject && member.subject)
		start_monitor(member);
	if (is_subject && !shared().stopping)
		restart(member);
}

/* All have been told to end, or have ended. */
void Round::end_all()
{
	const auto deadline = seconds_now() + longest_end * settings_.patience;

	while (!all_have_ended() && seconds_now() < deadline) {
		reap();
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
	}
	if (!all_have_ended()) {
		fail("the round doesn't end");
		describe_all();
	}
	for (auto &member : members_) {
		end(member->subject);
		shared().worlds[member->plan.number].monitors_end = true;
		end(member->monitor);
	}
}

} // namespace torture
