// SPDX-License-Identifier: GPL-2.0-only
#include "lib/half_moved.hpp"

#include "lib/maps.hpp"

#include <catch2/catch.hpp>

namespace selftests {

using namespace userfault;

HalfMoved::HalfMoved(Features features)
	: area_(4), other_(2), context_(open_context(features)),
	  gone_(open_context(Features::EventUnmap))
{
	take(context_.register_range(area_.range(0, 2), Modes::Missing));
	take(context_.register_range(other_.range(), Modes::Missing));
	take(gone_.register_range(area_.range(2, 2), Modes::Missing));
	mover_ = in_thread([this] { checked(other_.remap(0, 2, 2, 0, area_.page(2))); });
	wait_until("memory is gone", [this] { return is_readable(gone_); });
}

void HalfMoved::finish()
{
	next_of<Unmap>(gone_);
	mover_.get();
	CHECK(smaps_flag(area_.range(0, 2), "um"));
	CHECK_FALSE(smaps_flag(area_.range(2, 2), "um"));
}

} // namespace selftests
