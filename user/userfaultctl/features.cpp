// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include "json.hpp"
#include "names.hpp"

#include <algorithm>
#include <userfault/context.hpp>

namespace userfaultctl {

namespace {

/* What a device offers, or why that can't be told. */
struct Offer {
	std::vector<std::string> features;
	std::string error;
};

Offer offer_of(const std::string &device)
{
	const auto grant = userfault::Context::probe({.device = device});

	if (!grant)
		return {{}, grant.error().message()};
	return {feature_names(static_cast<std::uint64_t>(grant->offered)), {}};
}

Json json_of(const std::string &device, const Offer &offer)
{
	Json json = {{"device", device}};

	if (offer.error.empty())
		json["features"] = offer.features;
	else
		json["error"] = offer.error;
	return json;
}

std::string mark(const Offer &offer, const std::string &feature)
{
	if (!offer.error.empty())
		return "?";
	return std::ranges::find(offer.features, feature) == offer.features.end() ? "-" : "yes";
}

} // namespace

void features(const Output &output, const std::string &device)
{
	const std::string native_device = "/dev/userfaultfd";
	const auto module = offer_of(device), native = offer_of(native_device);

	if (output.json) {
		output.document({{"module", json_of(device, module)},
				 {"native", json_of(native_device, native)}});
		return;
	}
	Table table({"FEATURE", "MODULE", "NATIVE"});
	for (const auto &feature : feature_names((UFFD_FEATURE_RWP_ASYNC << 1) - 1))
		table.add({feature, mark(module, feature), mark(native, feature)});
	table.print(output);
	for (const auto &[name, offer] : {std::pair(device, module), {native_device, native}})
		if (!offer.error.empty())
			output.out << output.warning(name + ": " + offer.error) << '\n';
}

} // namespace userfaultctl
