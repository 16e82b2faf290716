# SPDX-License-Identifier: GPL-2.0-only
"""The files that userfault-run and its tests need in a VM."""

from .suite import BUILD

USER = BUILD / "user/redirect"
TESTS = BUILD / "selftests/redirect"
REDIRECTOR = {
    USER / "userfault-run": "/bin/userfault-run",
    USER / "libuserfault-redirect.so": "/libexec/userfault/libuserfault-redirect.so",
}
CARRIED = {
    **REDIRECTOR,
    TESTS / "probe-static": "/lib/redirect/probe-static",
    TESTS / "probe-static-32": "/lib/redirect/probe-static-32",
    TESTS / "probe-32": "/lib/redirect/probe-32",
    TESTS / "entries.so": "/lib/redirect/entries.so",
}
STRESS_NG = "/usr/bin/stress-ng"
DYNAMIC = {TESTS / "probe": "/lib/redirect/probe", STRESS_NG: STRESS_NG}

def redirector_options():
    """Options of scripts/vm for userfault-run alone."""
    return _options("--carry", REDIRECTOR)

def vm_options():
    """Options of scripts/vm."""
    return [*_options("--carry", CARRIED), *_options("--carry-program", DYNAMIC)]

def _options(name, files):
    return [word for host_path, guest_path in files.items()
            for word in (name, f"{host_path}:{guest_path}")]
