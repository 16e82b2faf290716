/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KVM_HPP
#define SELFTESTS_KVM_HPP

#include <userfault/fd.hpp>
#include <vector>

namespace selftests {

/*
 * Makes KVM ready for tests, if the kernel and the processor have it: loads its drivers, and keeps
 * virtual machines that do nothing, as long as this lives. For its first machine of a kind KVM
 * changes instructions of the kernel, and it changes them back after the last one. An emulator with
 * several processors can make a mistake then, see Supervisor::keep_functions_taken().
 */
class Kvm {
public:
	Kvm();

private:
	void keep_machine(int kvm, bool interrupts);

	std::vector<userfault::Fd> machines_; /* and their processors */
};

} // namespace selftests

#endif
