// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include "json.hpp"

#include <fmt/core.h>
#include <linux/userfault.h>
#include <map>
#include <thread>

namespace userfaultctl {

namespace {

using Clock = std::chrono::steady_clock;

/* What is added up for one line. */
struct Sums {
	std::uint64_t faults = 0;
	std::uint64_t woken = 0;
	std::uint64_t retried = 0;
	std::uint64_t interrupted = 0;
	std::uint64_t sigbus = 0;
	std::uint64_t read = 0;	  /* messages of faults */
	std::uint64_t events = 0; /* and of events */
	std::uint64_t filled = 0; /* bytes that appeared: COPY and its like */
	std::uint64_t failed = 0; /* commands that did nothing, or a part */

	Sums &operator+=(const Sums &other) { return *this = plus(other, 1); }
	/* @other may have grown since: counters never go back. */
	Sums operator-(const Sums &other) const { return plus(other, ~std::uint64_t{0}); }

private:
	Sums plus(const Sums &other, std::uint64_t times) const
	{
		return {faults + times * other.faults,	 woken + times * other.woken,
			retried + times * other.retried, interrupted + times * other.interrupted,
			sigbus + times * other.sigbus,	 read + times * other.read,
			events + times * other.events,	 filled + times * other.filled,
			failed + times * other.failed};
	}
};

bool fills(std::uint32_t command)
{
	return command == _UFFDIO_COPY || command == _UFFDIO_ZEROPAGE ||
	       command == _UFFDIO_CONTINUE || command == _UFFDIO_MOVE;
}

Sums sums_of(const Counters &counters)
{
	Sums sums{.faults = counters.all_faults(),
		  .woken = counters.woken,
		  .retried = counters.retried,
		  .interrupted = counters.interrupted,
		  .sigbus = counters.sigbus};

	for (const auto &message : counters.messages)
		(message.event == UFFD_EVENT_PAGEFAULT ? sums.read : sums.events) += message.count;
	for (const auto &command : counters.commands) {
		sums.filled += fills(command.number) ? command.bytes : 0;
		sums.failed += command.partly;
		for (const auto &error : command.errors)
			sums.failed += error.count;
	}
	return sums;
}

/* By the contexts' ids. */
using Sample = std::map<std::uint64_t, Sums>;

Sample sample(Client &client, std::optional<std::uint64_t> id)
{
	Sample sample;

	if (id) {
		sample[*id] = sums_of(client.counters(*id));
		return sample;
	}
	for (const auto &counters : client.all_counters().items)
		sample[counters.context] = sums_of(counters);
	return sample;
}

/* What was counted between two samples. What a context counts before it goes is lost. */
Sums between(const Sample &before, const Sample &after)
{
	Sums sums;

	for (const auto &[id, now] : after) {
		const auto then = before.find(id);

		sums += then == before.end() ? now : now - then->second;
	}
	return sums;
}

Json json_of(const Sums &sums)
{
	return {{"faults", sums.faults},
		{"woken", sums.woken},
		{"retried", sums.retried},
		{"interrupted", sums.interrupted},
		{"sigbus", sums.sigbus},
		{"messages_read", sums.read},
		{"events_read", sums.events},
		{"bytes_filled", sums.filled},
		{"commands_unfinished", sums.failed}};
}

constexpr const char *titles = "  FAULTS   WOKEN RETRIED INTERRU  SIGBUS    READ  EVENTS  FILLED "
			       " UNFINI CONTEXTS";

void print(const Output &output, const Sums &sums, double seconds, std::size_t contexts)
{
	const auto rate = [&](std::uint64_t count) {
		return short_count(static_cast<double>(count) / seconds);
	};

	output.out << fmt::format("{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}",
				  rate(sums.faults), rate(sums.woken), rate(sums.retried),
				  rate(sums.interrupted), rate(sums.sigbus), rate(sums.read),
				  rate(sums.events), rate(sums.filled), rate(sums.failed), contexts)
		   << std::endl;
}

void print_totals(Client &client, const Output &output, std::optional<std::uint64_t> id)
{
	const auto now = sample(client, id);
	const auto sums = between({}, now);

	if (output.json) {
		auto json = json_of(sums);
		json["contexts"] = now.size();
		output.document(json);
		return;
	}
	output.out << output.heading(titles) << '\n';
	print(output, sums, 1, now.size());
}

} // namespace

void stat(Client &client, const Output &output, std::optional<std::uint64_t> id,
	  std::optional<std::chrono::milliseconds> interval, std::optional<unsigned> times)
{
	constexpr unsigned lines_below_titles = 20;

	if (!interval) {
		print_totals(client, output, id);
		return;
	}
	auto before = sample(client, id);
	auto began = Clock::now();

	for (unsigned i = 0; !times || i < *times; i++) {
		std::this_thread::sleep_for(*interval);
		const auto after = sample(client, id);
		const auto now = Clock::now();
		const auto sums = between(before, after);
		const auto took = std::chrono::duration<double>(now - began).count();

		if (output.json) {
			auto json = json_of(sums);
			json["seconds"] = took;
			json["contexts"] = after.size();
			output.document(json);
		} else {
			if (i % lines_below_titles == 0)
				output.out << output.heading(titles) << '\n';
			print(output, sums, took, after.size());
		}
		before = after;
		began = now;
	}
}

} // namespace userfaultctl
