# SPDX-License-Identifier: GPL-2.0-only
"""The selftests with sanitizers: with these the library and the tools are built, see the Makefile.

"address" is AddressSanitizer with UndefinedBehaviorSanitizer, "thread" is ThreadSanitizer.
"""

from vmlib import kernels

from . import redirect, suite

# What runs with each: tests of the library and the tools, and some that use the library much. A test with the
# tag [malloc] is about libc's own, which AddressSanitizer replaces. ThreadSanitizer delivers signals late. With
# it, starting a program takes long: of the tests of userfault-run only those with threads run.
TESTS = {
    "address": ("[library]", "[demo]", "[redirect]", "[scm_rights]", "[api]", "[event]~[slow]~[malloc]"),
    "thread": ("[library]", "[demo]", "[redirect][smp]", "[scm_rights]", "[wake]"),
}
NAMES = tuple(TESTS)
PATIENCE = 4        # the factor for the time limits of tests


def title(sanitizer):
    return f"module, {sanitizer} sanitizer"


def selftests_in_vm(kernel, sanitizer, specs=(), vm_options=(), options=()):
    """The command that runs the selftests with a sanitizer, on the module."""
    specs = specs or [",".join(f"{tags}~[.]" for tags in TESTS[sanitizer])]
    seconds = suite.TEST_SECONDS * PATIENCE * kernels.patience(kernel)
    return suite.selftests_in_vm(
        kernel, ["module"], specs, [*vm_options, *redirect.sanitized_vm_options(sanitizer)],
        ["--timeout", str(seconds), *options], sanitizer)
