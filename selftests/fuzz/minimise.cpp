// SPDX-License-Identifier: GPL-2.0-only
#include "minimise.hpp"

#include <algorithm>

namespace fuzz {

void remove_call(fuzz_program &program, unsigned index)
{
	std::move(program.calls + index + 1, program.calls + program.count, program.calls + index);
	program.count--;
}

fuzz_program minimise(fuzz_program program, const std::function<bool(const fuzz_program &)> &holds)
{
	const auto keep_if_it_holds = [&](const fuzz_program &smaller) {
		if (smaller.count && holds(smaller))
			program = smaller;
	};

	for (unsigned i = program.count; i--;) {
		auto smaller = program;
		remove_call(smaller, i);
		keep_if_it_holds(smaller);
	}
	for (unsigned i = 0; i < program.count; i++)
		for (auto field : {&fuzz_call::place, &fuzz_call::thread}) {
			auto smaller = program;
			smaller.calls[i].*field = 0;
			if (program.calls[i].*field)
				keep_if_it_holds(smaller);
		}
	return program;
}

} // namespace fuzz
