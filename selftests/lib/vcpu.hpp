/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VCPU_HPP
#define SELFTESTS_VCPU_HPP

#include "lib/guest_code.hpp"
#include "lib/memory.hpp"

#include <userfault/fd.hpp>
#include <userfault/result.hpp>

#include <atomic>
#include <cstdint>
#include <linux/kvm.h>
#include <sys/types.h>

namespace selftests {

/*
 * A guest's processor. A thread that calls one of the members with a result runs it until it has
 * done that. They touch the first word of a page of the guest's memory; the result is the word.
 *
 * The errors are KVM's own. EINTR: the processor was kicked, or another signal came; EFAULT: the
 * page can't be had. go_on() then makes the access again.
 */
class Vcpu {
public:
	using Word = std::uint64_t;

	Vcpu(const userfault::Fd &kvm, const userfault::Fd &machine, unsigned number);

	userfault::Result<Word> read(std::size_t index);
	userfault::Result<Word> write(std::size_t index, Word value);
	/* Adds 1 to the word again and again, until KVM returns an error. */
	userfault::Result<Word> count(std::size_t index);
	/* Goes on with the instructions in that page. */
	userfault::Result<Word> jump(std::size_t index);
	/* KVM itself reads the word's first byte, which is the result. */
	userfault::Result<Word> print(std::size_t index);
	userfault::Result<Word> go_on();

	/* How the last of these ended. */
	Said said() const;

	/* Has KVM return from the guest, or from a wait for a page of it, in the way of VMMs. */
	void kick() const;
	/* Whether the thread that runs it sleeps in KVM. */
	bool sleeps() const;

	/* Has KVM write the time into a page of the guest's memory, before it goes on. */
	void keep_time_in(std::size_t index) const;
	/* Lets the processor take interrupts; the guest needs Guest::interrupts. */
	void take_interrupts();
	/* Has the guest told of asynchronous page faults; it has to take interrupts. */
	void take_part_in_async_faults();

private:
	userfault::Result<Word> start(const std::byte *code, userfault::Address address,
				      Word value = 0);
	void take_features(const userfault::Fd &kvm) const;
	void enter_long_mode() const;
	void set_msr(std::uint32_t index, Word value) const;
	volatile kvm_run &run() const;

	unsigned number_;
	userfault::Fd fd_;
	Memory run_; /* struct kvm_run, which KVM shares with us, and data behind it */
	Word flags_ = 2;
	std::atomic<pid_t> thread_ = 0; /* that runs it */
};

} // namespace selftests

#endif
