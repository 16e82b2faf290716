// SPDX-License-Identifier: GPL-2.0-only
#include "lib/vcpu.hpp"

#include "harness/harness.hpp"
#include "harness/processes.hpp"
#include "lib/guest_layout.hpp"

#include <array>
#include <asm/kvm_para.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace selftests {

using namespace userfault;
using namespace layout;

namespace {

constexpr int kick_signal = SIGUSR1;
/* A flag, and the numbers of two MSRs */
constexpr std::uint64_t interrupts_on = 0x200;
constexpr std::uint32_t apic_base = 0x1b, apic_spurious_vector = 0x80f;

/*
 * A struct that ends with a flexible array is longer in C++ than in C, in the kernel's headers. The
 * commands' numbers contain its size, and so are made here.
 */
struct Head {
	std::uint32_t count, padding = 0;
};
constexpr unsigned long get_supported_cpuid = _IOWR(KVMIO, 0x05, Head),
			set_cpuid = _IOW(KVMIO, 0x90, Head), set_msrs = _IOW(KVMIO, 0x89, Head);

template <class Entry, std::uint32_t count> struct Table {
	Head head{count};
	std::array<Entry, count> entries{};
};

std::size_t run_pages(const Fd &kvm)
{
	return static_cast<std::size_t>(checked(::ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0))) /
	       page_size();
}

/* The signal need not do more than to interrupt a system call. */
void be_ready_for_kicks()
{
	struct sigaction action = {};

	action.sa_handler = [](int) {};
	checked(::sigaction(kick_signal, &action, nullptr));
}

kvm_segment segment(std::uint16_t selector)
{
	const bool is_code = selector == code_selector;
	kvm_segment segment = {};

	segment.limit = ~0u;
	segment.selector = selector;
	segment.type = is_code ? 0xb : 3;
	segment.l = is_code;
	segment.db = !is_code;
	segment.present = segment.s = segment.g = 1;
	return segment;
}

Address address_in_guest(std::size_t index)
{
	return watched + index * page_size();
}

} // namespace

Vcpu::Vcpu(const Fd &kvm, const Fd &machine, unsigned number)
	: number_(number),
	  fd_(static_cast<int>(checked(::ioctl(machine.get(), KVM_CREATE_VCPU, number)))),
	  run_(run_pages(kvm), fd_, MAP_SHARED)
{
	be_ready_for_kicks();
	take_features(kvm);
	enter_long_mode();
}

/* All that the machine's own processor has, above all 64 bits. */
void Vcpu::take_features(const Fd &kvm) const
{
	Table<kvm_cpuid_entry2, 256> features;

	checked(::ioctl(kvm.get(), get_supported_cpuid, &features));
	checked(::ioctl(fd_.get(), set_cpuid, &features));
}

void Vcpu::enter_long_mode() const
{
	constexpr std::uint64_t protection = 1, numeric_error = 1 << 5, write_protect = 1 << 16,
				paging = 1u << 31, physical_address_extension = 1 << 5,
				long_mode = 1 << 8, long_mode_active = 1 << 10;
	kvm_sregs registers;

	checked(::ioctl(fd_.get(), KVM_GET_SREGS, &registers));
	registers.cs = segment(code_selector);
	registers.ds = registers.es = registers.ss = segment(data_selector);
	registers.gdt.base = segments;
	registers.gdt.limit = segments_size - 1;
	registers.idt.base = handlers;
	registers.idt.limit = static_cast<std::uint16_t>(page_size() - 1);
	registers.cr0 = protection | numeric_error | write_protect | paging;
	registers.cr3 = page_tables;
	registers.cr4 = physical_address_extension;
	registers.efer = long_mode | long_mode_active;
	checked(::ioctl(fd_.get(), KVM_SET_SREGS, &registers));
}

Result<Vcpu::Word> Vcpu::read(std::size_t index)
{
	return start(guest_read, address_in_guest(index));
}

Result<Vcpu::Word> Vcpu::write(std::size_t index, Word value)
{
	return start(guest_write, address_in_guest(index), value);
}

Result<Vcpu::Word> Vcpu::count(std::size_t index)
{
	return start(guest_count, address_in_guest(index));
}

Result<Vcpu::Word> Vcpu::jump(std::size_t index)
{
	return start(guest_jump, address_in_guest(index));
}

Result<Vcpu::Word> Vcpu::print(std::size_t index)
{
	const auto result = start(guest_print, address_in_guest(index));

	if (!result)
		return result;
	return std::to_integer<Word>(run_.page(0)[run().io.data_offset]);
}

Result<Vcpu::Word> Vcpu::start(const std::byte *instructions, Address address, Word value)
{
	kvm_regs registers = {};

	registers.rip = address_of(instructions);
	registers.rdi = address;
	registers.rsi = value;
	registers.rsp = stacks + (number_ + 1) * stack_size;
	registers.rflags = flags_;
	checked(::ioctl(fd_.get(), KVM_SET_REGS, &registers));
	return go_on();
}

Result<Vcpu::Word> Vcpu::go_on()
{
	kvm_regs registers;

	thread_ = ::gettid();
	if (::ioctl(fd_.get(), KVM_RUN, 0)) {
		const std::error_code error(errno, std::generic_category());

		run().immediate_exit = 0;
		return std::unexpected(error);
	}
	if (run().exit_reason != KVM_EXIT_IO)
		give_up("the guest stopped for reason " + std::to_string(run().exit_reason));
	checked(::ioctl(fd_.get(), KVM_GET_REGS, &registers));
	return registers.rax;
}

Said Vcpu::said() const
{
	return static_cast<Said>(run().io.port);
}

/* If the thread is not in KVM now, immediate_exit has KVM return as soon as it is. */
void Vcpu::kick() const
{
	run().immediate_exit = 1;
	checked(::syscall(SYS_tgkill, ::getpid(), thread_.load(), kick_signal));
}

bool Vcpu::sleeps() const
{
	return sleeps_in(::getpid(), thread_, SYS_ioctl);
}

void Vcpu::keep_time_in(std::size_t index) const
{
	set_msr(MSR_KVM_SYSTEM_TIME_NEW, address_in_guest(index) | KVM_MSR_ENABLED);
}

void Vcpu::take_interrupts()
{
	/* The interrupt controller's registers are MSRs then. */
	constexpr Word first_processor = 0x100, registers_in_msrs = 0x400, enabled = 0x800;

	set_msr(apic_base, 0xfee00000 | first_processor | registers_in_msrs | enabled);
	set_msr(apic_spurious_vector, 0x1ff);
	flags_ |= interrupts_on;
}

void Vcpu::take_part_in_async_faults()
{
	set_msr(MSR_KVM_ASYNC_PF_INT, ready_interrupt);
	set_msr(MSR_KVM_ASYNC_PF_EN, async_faults | KVM_ASYNC_PF_ENABLED |
					     KVM_ASYNC_PF_SEND_ALWAYS |
					     KVM_ASYNC_PF_DELIVERY_AS_INT);
	/* At first KVM says that all pages are there. */
	for (take(start(guest_nothing, 0)); said() != said_done; take(go_on()))
		;
}

void Vcpu::set_msr(std::uint32_t index, Word value) const
{
	Table<kvm_msr_entry, 1> msrs;

	msrs.entries[0].index = index;
	msrs.entries[0].data = value;
	if (checked(::ioctl(fd_.get(), set_msrs, &msrs)) != 1)
		give_up("KVM refuses to set MSR " + std::to_string(index));
}

volatile kvm_run &Vcpu::run() const
{
	return *reinterpret_cast<volatile kvm_run *>(run_.page(0));
}

} // namespace selftests
