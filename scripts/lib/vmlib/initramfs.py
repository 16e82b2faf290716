# SPDX-License-Identifier: GPL-2.0-only
"""The guest's files: busybox, the ports' drivers, the first process, and the files carried in."""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

from . import Failure, cpio, kernels

# In the order in which they need each other
VIRTIO_MODULES = (
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "drivers/char/virtio_console.ko",
)


MIB = 1 << 20
MOST_CARRIED = 1024     # MiB; for more, QEMU finds no place for the archive


def write(file, kernel, carried, drivers, flags, command):
    """Writes the archive to the open file.

    carried are pairs of a path on the host and a path in the guest. drivers are paths of the kernel's
    modules that tests may load. flags are names of empty files in /etc that tell the first process
    what to do: "insmod" to load the module, "shell" to run a shell and no command.
    """
    archive = cpio.Archive(file)
    for folder in ("/bin", "/dev", "/etc", "/lib", "/proc", "/root", "/sys", "/tmp"):
        archive.add_folder(folder)
    _add_busybox(archive)
    _add_virtio(archive, kernel)
    _add_drivers(archive, kernel, drivers)
    archive.add_file("/init", (kernels.SCRIPTS / "lib/guest-init").read_bytes(), executable=True)
    archive.add_file("/etc/command", f"exec {shlex.join(command)}\n".encode() if command else b"")
    for flag in flags:
        archive.add_file(f"/etc/{flag}", b"")
    _check(carried)
    for host_path, guest_path in carried:
        if guest_path.endswith(".ko"):
            archive.add_file(guest_path, to_be_loaded(host_path))
        else:
            archive.add_host_file(guest_path, host_path)
    archive.close()


def to_be_loaded(module):
    """A module's content without debug information. That is nearly all of it, and the guest would copy
    it at each load. A file that is no module is carried in as it is."""
    with tempfile.TemporaryDirectory(prefix="userfault-module.") as folder:
        stripped = os.path.join(folder, "stripped")
        strip = subprocess.run(["strip", "--strip-debug", "-o", stripped, module],
                               stderr=subprocess.DEVNULL)
        return pathlib.Path(module if strip.returncode else stripped).read_bytes()


def _check(carried):
    for host_path, _ in carried:
        if not os.path.isfile(host_path):
            raise Failure(f"{host_path} can't be carried in: there is no such file", "Build it, or name another.")
        if not os.access(host_path, os.R_OK):
            raise Failure(f"{host_path} can't be carried in: you may not read it",
                          "Make it readable, or name another.")
    size = sum(os.path.getsize(host_path) for host_path, _ in carried) // MIB
    if size > MOST_CARRIED:
        raise Failure(f"{size} MiB can't be carried in: the guest takes at most {MOST_CARRIED}",
                      "Name a smaller file.")


def _add_busybox(archive):
    busybox = shutil.which("busybox", path="/bin:/usr/bin")
    if not busybox:
        raise Failure("there is no busybox for the guest", "Run: scripts/bootstrap")
    archive.add_host_file("/bin/busybox", busybox)
    archive.add_link("/bin/sh", "busybox")


def _add_drivers(archive, kernel, paths, folder="drivers"):
    """Adds those that aren't built into the kernel, and returns their names."""
    added = []
    for path in paths:
        content = kernel.module(path)
        if content is not None:
            added.append(os.path.basename(path))
            archive.add_file(f"/lib/{folder}/{added[-1]}", content)
    return added


def _add_virtio(archive, kernel):
    order = _add_drivers(archive, kernel, VIRTIO_MODULES, "virtio")
    archive.add_file("/lib/virtio/order", "".join(f"{name}\n" for name in order).encode())
