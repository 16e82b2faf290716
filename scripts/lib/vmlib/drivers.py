# SPDX-License-Identifier: GPL-2.0-only
"""Drivers that a guest needs for something, each group in the order in which it has to load them."""

from . import Failure, kernels

# To swap to a compressed RAM disk
SWAP = ("mm/zsmalloc.ko", "lib/lz4/lz4_compress.ko", "lib/lz4/lz4hc_compress.ko", "drivers/block/zram/zram.ko")
# KVM on an AMD processor, which QEMU emulates together with its virtualization
KVM = ("virt/lib/irqbypass.ko", "arch/x86/kvm/kvm.ko", "drivers/crypto/ccp/ccp.ko", "arch/x86/kvm/kvm-amd.ko")


def _is_module(kernel, path):
    try:
        return kernels.Kernel(kernel).module(path) is not None
    except Failure:
        return False


def options(kernel, paths):
    """The options of scripts/vm that carry in those that this kernel has as modules. The others are missing, or
    built in: the guest finds out what it lacks."""
    return [word for path in paths if _is_module(kernel, path) for word in ("--driver", path)]
