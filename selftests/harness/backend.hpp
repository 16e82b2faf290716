/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_BACKEND_HPP
#define SELFTESTS_BACKEND_HPP

#include <optional>
#include <string>
#include <string_view>

namespace selftests {

/* Whose userfaultfd is under test: this project's, or the kernel's own, which is the oracle. */
enum class Backend { module, native };

std::optional<Backend> backend_named(std::string_view name);
std::string name_of(Backend backend);
std::string device_of(Backend backend);

/* The backend of this run, for the tests; set once by main before anything runs. */
Backend backend_under_test();
void set_backend_under_test(Backend backend);

/*
 * How often to repeat something that finds a bug only now and then: @count times on the module. On
 * native userfaultfd fewer times are enough, since they only have to show that the test is right.
 */
unsigned repeated(unsigned count);

/* Whether the running kernel is older than that version. */
bool kernel_before(int version, int patchlevel);

/* Whether native userfaultfd is under test, on a kernel older than that version. */
bool native_before(int version, int patchlevel);

} // namespace selftests

#endif
