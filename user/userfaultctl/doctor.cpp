// SPDX-License-Identifier: MIT
/* What is wrong, and what to do: with the module and its device, then with each context. */
#include "commands.hpp"

#include "holders.hpp"
#include "json.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fmt/core.h>
#include <linux/userfault.h>
#include <unistd.h>
#include <userfault/context.hpp>

namespace userfaultctl {

namespace {

struct Finding {
	std::string what;
	std::string next; /* what to do about it */
};

using Findings = std::vector<Finding>;

constexpr milliseconds long_time{1000};

bool is_loaded()
{
	return std::filesystem::exists("/sys/module/userfault");
}

void look_at_module(Findings &findings)
{
	if (is_loaded())
		return;
	findings.push_back({"the module isn't loaded",
			    "Run modprobe userfault, or insmod userfault.ko. If that fails, the "
			    "kernel's log says why: dmesg | grep userfault"});
}

std::string livepatches()
{
	std::vector<std::string> names;
	std::error_code error;

	for (std::filesystem::directory_iterator each("/sys/kernel/livepatch", error), end;
	     !error && each != end; each.increment(error))
		names.push_back(each->path().filename());
	return names.empty() ? "" : "; there are livepatches: " + joined(names, ", ");
}

/* A context is made, and closed at once: this shows whether the device and the hooks work. */
void look_at_device(Findings &findings, const std::string &device)
{
	const auto grant = userfault::Context::probe({.device = device});

	if (grant)
		return;
	switch (grant.error().value()) {
	case ENOENT:
		findings.push_back({device + " isn't there",
				    "devtmpfs or udev makes it when the module is loaded: look for "
				    "it in /sys/class/misc/userfault."});
		break;
	case EACCES:
	case EPERM:
		findings.push_back({"you may not open " + device,
				    "Root may, and with the project's udev rule the group "
				    "userfault: usermod -aG userfault NAME, and log in again."});
		break;
	case EBUSY:
		findings.push_back(
			{"a function of mm's is taken, so no context can be made" + livepatches(),
			 "The kernel's log names the function, and "
			 "/sys/kernel/tracing/enabled_functions who has it: unload that."});
		break;
	default:
		findings.push_back({"no context can be made: " + grant.error().message(),
				    "See the kernel's log: dmesg | tail"});
	}
}

std::string name_of(const Context &context)
{
	return context.tgid ? fmt::format("context {} of {} (pid {})", context.id,
					  harmless(context.comm), *context.tgid)
			    : fmt::format("context {}", context.id);
}

std::string names_of(const std::vector<Holder> &holders)
{
	std::vector<std::string> names;

	for (const auto &holder : holders)
		names.push_back(fmt::format("{} (pid {})", harmless(holder.comm), holder.pid));
	return names.empty() ? "nobody that you may look at" : joined(names, ", ");
}

/*
 * Waiters whose page is there, although that is what they wait for: somebody has forgotten to wake
 * them. The page of a thread that waits for its protection to go is there anyway.
 */
std::vector<Waiter> forgotten(Client &client, const Context &context)
{
	std::vector<Waiter> waiters;

	if (!context.tgid)
		return waiters;
	try {
		waiters = client.waiters(context.id).items;
	} catch (const RequestError &) {
		return {}; /* not for this user to see, or gone */
	}
	std::erase_if(waiters, [&](const Waiter &waiter) {
		return waiter.age < long_time ||
		       waiter.flags & (UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_RWP) ||
		       !page_is_there(static_cast<pid_t>(*context.tgid), waiter.address);
	});
	return waiters;
}

void look_at_unread_faults(Findings &findings, const Context &context,
			   const std::vector<Holder> &holders)
{
	const auto &oldest = context.oldest_pending;

	if (!oldest || *oldest <= long_time)
		return;
	findings.push_back(
		{fmt::format("{}: nobody reads {} faults, the first for {}", name_of(context),
			     context.pending, short_time(*oldest)),
		 fmt::format("Its descriptor is held by {}. See what that does: cat "
			     "/proc/PID/stack. If it is stuck for good, kill it: when the last "
			     "descriptor is closed, the threads go on.",
			     names_of(holders))});
}

void look_at_read_faults(Findings &findings, Client &client, const Context &context,
			 const std::vector<Holder> &holders)
{
	const auto &oldest = context.oldest_waiting;
	const auto told = context.waiting - std::min(context.pending, context.waiting);
	const auto lost = forgotten(client, context);

	if (!lost.empty()) {
		findings.push_back(
			{fmt::format("{}: {} threads wait for pages that are there, as {:#x}",
				     name_of(context), lost.size(), lost.front().address),
			 fmt::format(
				 "The monitor has filled them without waking (MODE_DONTWAKE), "
				 "and has to call UFFDIO_WAKE. To help now: userfaultctl wake {}",
				 context.id)});
		return;
	}
	/* If nobody has read the oldest, how old those are that were read isn't known. */
	if (!told || !oldest || *oldest <= long_time ||
	    context.oldest_pending.value_or(milliseconds(0)) >= *oldest)
		return;
	findings.push_back(
		{fmt::format("{}: {} faults were read and are not resolved, the first for {}",
			     name_of(context), told, short_time(*oldest)),
		 fmt::format("The monitor is slow, or has lost their messages; it is one of {}. "
			     "See which pages: userfaultctl show {}. To have it told again: "
			     "userfaultctl wake {}",
			     names_of(holders), context.id, context.id)});
}

void look_at_events(Findings &findings, const Context &context, const std::vector<Holder> &holders)
{
	const auto &oldest = context.oldest_event;

	if (!oldest || *oldest <= long_time)
		return;
	findings.push_back(
		{fmt::format("{}: {} threads wait until their fork, or other change of mappings, "
			     "is read, the first for {}",
			     name_of(context), context.events, short_time(*oldest)),
		 fmt::format("Its descriptor is held by {}, which has to read it.",
			     names_of(holders))});
}

void look_at_contexts(Findings &findings)
{
	Client client;
	auto contexts = client.contexts().items;

	std::erase_if(contexts, [](const Context &context) {
		return context.oldest_waiting <= long_time && context.oldest_event <= long_time;
	});
	if (contexts.empty())
		return;
	const auto holders = find_holders(); /* which takes long: it looks at every process */
	for (const auto &context : contexts) {
		const auto found = holders.find(context.id);
		const auto its = found == holders.end() ? std::vector<Holder>{} : found->second;

		look_at_unread_faults(findings, context, its);
		look_at_read_faults(findings, client, context, its);
		look_at_events(findings, context, its);
	}
}

void print(const Output &output, const Findings &findings)
{
	if (findings.empty())
		output.out << "Nothing is wrong that this program knows of.\n";
	for (const auto &finding : findings)
		output.out << output.warning(finding.what) << "\n  " << finding.next << '\n';
}

Json json_of(const Finding &finding)
{
	return {{"what", finding.what}, {"next", finding.next}};
}

} // namespace

bool doctor(const Output &output, const std::string &device)
{
	Findings findings;

	look_at_module(findings);
	if (findings.empty()) {
		look_at_device(findings, device);
		look_at_contexts(findings);
	}
	if (output.json) {
		Json list = Json::array();

		for (const auto &finding : findings)
			list.push_back(json_of(finding));
		output.document({{"findings", list}});
	} else {
		print(output, findings);
	}
	return findings.empty();
}

} // namespace userfaultctl
