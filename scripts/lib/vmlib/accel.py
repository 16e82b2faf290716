# SPDX-License-Identifier: GPL-2.0-only
"""Finds out how QEMU may run a guest on this machine."""

import fcntl
import os
import pathlib
import subprocess
import sys
import tempfile

from . import Failure, initramfs, kernels, machine

# On an emulated processor that has fast string instructions, the kernel moves memory byte by byte;
# without them it moves words, which is 8 times as fast.
TCG_CPU = "max,-erms,-fsrm"

KVM = ["-accel", "kvm", "-cpu", "host"]
TCG = ["-accel", "tcg,thread=multi", "-cpu", TCG_CPU]

# A guest on KVM boots in a second or two; if it needs longer than this, KVM is of no use
PROBE_SECONDS = 15


def options(kernel):
    return KVM if kvm_works(kernel) else TCG


def kvm_works(kernel):
    """Whether a kernel boots on KVM: a /dev/kvm that runs a few instructions proves little.
    Tried once for every boot of this machine."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    record = kernels.cache_folder() / f"kvm-{boot}"
    with open(kernels.cache_folder() / "kvm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # of VMs that start at the same time, one tries
        if not record.exists():
            _keep(record, "works" if _try(kernel) else "fails")
    return record.read_text() == "works"


def _try(kernel):
    print("vm: trying KVM", file=sys.stderr, flush=True)
    try:
        works = _guest_comes_up(kernel)
    except Failure:     # QEMU itself gave up
        works = False
    print("vm: KVM works" if works else "vm: KVM fails, so QEMU emulates the processor",
          file=sys.stderr, flush=True)
    return works


def _guest_comes_up(kernel):
    with tempfile.NamedTemporaryFile(prefix="userfault-kvm-probe.") as archive:
        initramfs.write(archive, kernel, carried=[], drivers=[], flags=[], command=["true"])
        archive.flush()
        options = [*machine.qemu_options(kernel.quick_image(), archive.name), *KVM, "-m", "512M"]
        guest = machine.Machine(options, PROBE_SECONDS, PROBE_SECONDS, complaints=subprocess.DEVNULL)
        return guest.run() is machine.End.EXITED and guest.status == 0


def _keep(record, answer):
    for old in record.parent.glob("kvm-*"):
        old.unlink()
    partial = record.with_name(f"partial.{record.name}")
    partial.write_text(answer)
    partial.rename(record)
