// SPDX-License-Identifier: GPL-2.0-only
#include "lib/guest.hpp"

#include "harness/harness.hpp"
#include "lib/guest_layout.hpp"

#include <cstring>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

namespace selftests {

using namespace userfault;
using namespace layout;

namespace {

constexpr std::uint32_t own_slot = 0, watched_slot = 1;

Fd open_kvm()
{
	Fd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));

	if (!kvm)
		skip("there is no KVM, or not for this processor: /dev/kvm can't be opened");
	return kvm;
}

/* Only the processors' own controllers: KVM may be built without those that they would share. */
void add_interrupt_controllers(const Fd &machine)
{
	kvm_enable_cap split{};

	split.cap = KVM_CAP_SPLIT_IRQCHIP;
	checked(::ioctl(machine.get(), KVM_ENABLE_CAP, &split));
}

Fd new_machine(const Fd &kvm, Guest::Hardware hardware)
{
	Fd machine(static_cast<int>(checked(::ioctl(kvm.get(), KVM_CREATE_VM, 0))));

	if (hardware == Guest::interrupts)
		add_interrupt_controllers(machine);
	return machine;
}

std::uint64_t *in_guest(const Memory &own, Address address)
{
	return reinterpret_cast<std::uint64_t *>(own.page(0) + address);
}

void write_segments(const Memory &own)
{
	auto *table = in_guest(own, segments);

	table[code_selector / sizeof(*table)] = 0x00af9b000000ffff;
	table[data_selector / sizeof(*table)] = 0x00cf93000000ffff;
}

/* The handlers' addresses are below 64 KiB, and so fit into the lowest bits. */
void set_handler(const Memory &own, std::size_t vector, const std::byte *handler)
{
	constexpr std::uint64_t gate = 0x8e00ull << 32;

	in_guest(own, handlers)[2 * vector] =
		address_of(handler) | std::uint64_t{code_selector} << 16 | gate;
}

/* A table of each of three levels; the last one has huge pages. */
void write_page_tables(const Memory &own)
{
	constexpr std::uint64_t entry = 0x63, huge_entry = entry | 0x80;
	auto *table = in_guest(own, page_tables);

	table[0] = (page_tables + page_size()) | entry;
	table[page_table] = (page_tables + 2 * page_size()) | entry;
	for (std::size_t i = 0; i < page_table; i++)
		table[2 * page_table + i] = i * huge_page | huge_entry;
}

Memory guests_own()
{
	Memory own(own_pages);

	std::memcpy(own.page(0) + code, guest_code,
		    static_cast<std::size_t>(guest_code_end - guest_code));
	write_segments(own);
	set_handler(own, page_fault, guest_absent);
	set_handler(own, ready_interrupt, guest_ready);
	write_page_tables(own);
	return own;
}

} // namespace

void need_kvm()
{
	open_kvm();
}

Guest::Guest(const Memory &memory, unsigned vcpus, Hardware hardware)
	: memory_(memory), own_(guests_own()), kvm_(open_kvm()),
	  machine_(new_machine(kvm_, hardware))
{
	add_memory(own_slot, 0, own_);
	add_memory(watched_slot, watched, memory_);
	for (unsigned i = 0; i < vcpus; i++)
		vcpus_.emplace_back(kvm_, machine_, i);
}

void Guest::add_memory(std::uint32_t slot, Address address, const Memory &memory,
		       std::uint32_t flags) const
{
	const kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = address,
		.memory_size = memory.range().length,
		.userspace_addr = memory.range().start,
	};

	checked(::ioctl(machine_.get(), KVM_SET_USER_MEMORY_REGION, &region));
}

void Guest::log_writes() const
{
	add_memory(watched_slot, watched, memory_, KVM_MEM_LOG_DIRTY_PAGES);
}

std::vector<std::size_t> Guest::logged() const
{
	std::vector<std::uint64_t> bits(memory_.pages() / 64 + 1);
	kvm_dirty_log log = {};
	std::vector<std::size_t> pages;

	log.slot = watched_slot;
	log.dirty_bitmap = bits.data();
	checked(::ioctl(machine_.get(), KVM_GET_DIRTY_LOG, &log));
	for (std::size_t i = 0; i < memory_.pages(); i++)
		if (bits[i / 64] & 1ull << i % 64)
			pages.push_back(i);
	return pages;
}

} // namespace selftests
