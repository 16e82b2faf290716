# SPDX-License-Identifier: GPL-2.0-only
"""The tools, and the files that their tests need in a VM."""

from .suite import BUILD

TESTS = BUILD / "selftests/redirect"
# By their paths in BUILD, or in the folder of a sanitizer there
REDIRECTOR = {
    "user/redirect/userfault-run": "/bin/userfault-run",
    "user/redirect/libuserfault-redirect.so": "/libexec/userfault/libuserfault-redirect.so",
}
TOOLS = {**REDIRECTOR, "user/examples/demo": "/bin/demo"}
CTL = {"user/userfaultctl/userfaultctl": "/bin/userfaultctl"}
PROBE = {"selftests/redirect/probe": "/lib/redirect/probe"}
CARRIED = {
    TESTS / "probe-static": "/lib/redirect/probe-static",
    TESTS / "probe-static-32": "/lib/redirect/probe-static-32",
    TESTS / "probe-32": "/lib/redirect/probe-32",
    TESTS / "entries.so": "/lib/redirect/entries.so",
    TESTS / "early.so": "/lib/redirect/early.so",
}
STRESS_NG = "/usr/bin/stress-ng"


def redirector_options():
    """Options of scripts/vm for userfault-run alone."""
    return _options("--carry", REDIRECTOR, BUILD)


def vm_options():
    """Options of scripts/vm."""
    return [*_options("--carry", {**CARRIED, **TOOLS, **CTL}, BUILD),
            *_options("--carry-program", {**PROBE, STRESS_NG: STRESS_NG}, BUILD)]


def sanitized_vm_options(sanitizer):
    """The same with a sanitizer. Its runtime has to be in the program that it is loaded into: so stress-ng,
    which isn't built here, is left out."""
    return [*_options("--carry", {**CARRIED, **CTL}, BUILD),
            *_options("--carry-program", {**TOOLS, **PROBE}, BUILD / sanitizer)]


def _options(name, files, folder):
    return [word for host_path, guest_path in files.items()
            for word in (name, f"{folder / host_path}:{guest_path}")]
