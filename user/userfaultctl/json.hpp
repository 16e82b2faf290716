/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is told, in JSON. Names are those of the fields in model.hpp, times are in milliseconds,
 * and sets of bits are lists of names.
 */

#include "model.hpp"

#include <nlohmann/json.hpp>

namespace userfaultctl {

using Json = nlohmann::ordered_json;

Json json_of(const Context &context);
Json json_of(const Region &region);
Json json_of(const Waiter &waiter);
Json json_of(const Counters &counters);

template <class Item> Json json_of(const std::vector<Item> &items)
{
	Json list = Json::array();

	for (const auto &item : items)
		list.push_back(json_of(item));
	return list;
}

} // namespace userfaultctl
