// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm.hpp"

#include "harness/loaded_module.hpp"

#include <fcntl.h>
#include <linux/kvm.h>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

namespace selftests {

using userfault::Fd;

namespace {

constexpr auto device = "/dev/kvm";

/* In the order in which they need each other. A kernel may have some of them built in. */
void load_drivers()
{
	for (const std::string name : {"irqbypass", "kvm", "ccp", "kvm-amd"})
		load_module("/lib/drivers/" + name + ".ko");
}

} // namespace

Kvm::Kvm()
{
	if (::access(device, F_OK))
		load_drivers();

	const Fd kvm(::open(device, O_RDWR | O_CLOEXEC));

	if (!kvm)
		return;
	for (const bool interrupts : {false, true})
		keep_machine(kvm.get(), interrupts);
}

void Kvm::keep_machine(int kvm, bool interrupts)
{
	Fd machine(::ioctl(kvm, KVM_CREATE_VM, 0));

	if (interrupts)
		::ioctl(machine.get(), KVM_CREATE_IRQCHIP, 0);
	machines_.emplace_back(::ioctl(machine.get(), KVM_CREATE_VCPU, 0));
	machines_.push_back(std::move(machine));
}

} // namespace selftests
