// SPDX-License-Identifier: GPL-2.0-only
#include "waiters.hpp"

#include "failure.hpp"

namespace bench {

Waiters::Waiters(const Context &context, const Ground &ground, std::size_t each)
	: context_(context), ground_(ground)
{
	for (std::size_t i = 0; i < ground.pages() * each; i++)
		threads_.emplace_back([this, page = i / each] {
			start_.wait();
			ground_.touch(page);
		});
}

Waiters::~Waiters()
{
	if (!started_)
		start_.count_down();
	(void)context_.unregister_range(ground_.range());
}

void Waiters::fault()
{
	started_ = true;
	start_.count_down();
	for (std::size_t told = 0; told < threads_.size(); told++)
		read_fault(context_.fd());
}

} // namespace bench
