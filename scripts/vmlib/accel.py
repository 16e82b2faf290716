# SPDX-License-Identifier: GPL-2.0-only
"""Finds out how QEMU may run a guest on this machine."""

import os
import pathlib
import subprocess
import sys
import tempfile

from . import initramfs, kernels, machine

KVM = ["-accel", "kvm", "-cpu", "host"]
TCG = ["-accel", "tcg,thread=multi", "-cpu", "max"]

# A guest on KVM is up in a second or two; one that isn't by then is no use
PROBE_SECONDS = 15


def options(kernel):
    return KVM if kvm_works(kernel) else TCG


def kvm_works(kernel):
    """Whether KVM brings a kernel up: that there is a /dev/kvm, and that it runs a few
    instructions, says little. Tried once for every boot of this machine."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    record = kernels.cache_folder() / f"kvm-{boot}"
    if not record.exists():
        print("vm: trying KVM", file=sys.stderr, flush=True)
        answer = "works" if _guest_comes_up(kernel) else "fails"
        print(f"vm: KVM {answer}", file=sys.stderr, flush=True)
        _keep(record, answer)
    return record.read_text() == "works"


def _guest_comes_up(kernel):
    with tempfile.NamedTemporaryFile(prefix="userfault-kvm-probe.") as archive:
        initramfs.write(archive, kernel, carried=[], flags=[], command=["true"])
        archive.flush()
        guest = machine.Machine([*machine.qemu_options(kernel, archive.name), *KVM, "-m", "512M"],
                                PROBE_SECONDS, PROBE_SECONDS, complaints=subprocess.DEVNULL)
        return guest.run() is machine.End.EXITED and guest.status == 0


def _keep(record, answer):
    for old in record.parent.glob("kvm-*"):
        old.unlink(missing_ok=True)
    partial = record.with_name(f"{record.name}.{os.getpid()}")
    partial.write_text(answer)
    partial.rename(record)
