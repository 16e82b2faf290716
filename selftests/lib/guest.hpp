/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_GUEST_HPP
#define SELFTESTS_GUEST_HPP

#include "lib/memory.hpp"
#include "lib/vcpu.hpp"

#include <userfault/fd.hpp>

#include <cstdint>
#include <deque>
#include <vector>

namespace selftests {

/* Skips the test if there is no KVM: the kernel or the processor may lack it. */
void need_kvm();

/* A virtual machine whose memory is that of a test. */
class Guest {
public:
	enum Hardware { processors_only, interrupts };

	explicit Guest(const Memory &memory, unsigned vcpus = 1,
		       Hardware hardware = processors_only);

	Vcpu &vcpu(std::size_t number = 0) { return vcpus_[number]; }

	/* Has KVM keep a log of the pages that the guest writes to. */
	void log_writes() const;
	/* Takes the pages out of the log. */
	std::vector<std::size_t> logged() const;

private:
	void add_memory(std::uint32_t slot, userfault::Address address, const Memory &memory,
			std::uint32_t flags = 0) const;

	const Memory &memory_;
	const Memory own_; /* the guest's instructions, page tables and stacks */
	userfault::Fd kvm_, machine_;
	std::deque<Vcpu> vcpus_;
};

} // namespace selftests

#endif
