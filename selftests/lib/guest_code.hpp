/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_GUEST_CODE_HPP
#define SELFTESTS_GUEST_CODE_HPP

#include <cstddef>

/*
 * What a guest (guest.hpp) runs: a few instructions for each thing that it can do. They get an
 * address in rdi and a value in rsi, leave a result in rax, and end with an output to a port.
 */
extern "C" {
extern const std::byte guest_code[], guest_code_end[];

extern const std::byte guest_nothing[];
extern const std::byte guest_read[];   /* reads a word */
extern const std::byte guest_write[];  /* writes a word, without reading it */
extern const std::byte guest_count[];  /* adds 1 to a word, again and again */
extern const std::byte guest_jump[];   /* goes on at the address */
extern const std::byte guest_answer[]; /* results in 42; works at any address */
/* Prints a byte of memory, an instruction for which KVM reads the memory in the guest's place. */
extern const std::byte guest_print[];

/*
 * The handlers of asynchronous page faults: KVM says in the first that a page is absent, and in the
 * second that it is there. Each outputs to a port of its own.
 */
extern const std::byte guest_absent[];
extern const std::byte guest_ready[];
}

namespace selftests {

/* To which port the guest has made its output. */
enum Said : unsigned short { said_done, said_absent, said_ready };

/* Where KVM tells a guest of asynchronous page faults, in a kvm_vcpu_pv_apf_data. */
inline constexpr std::size_t guest_async = 0x2800;

} // namespace selftests

#endif
