# SPDX-License-Identifier: GPL-2.0-only
"""What a guest needs to swap to a compressed RAM disk."""

from . import Failure, kernels

# In this order. Where one is missing or built in, it is left out; the guest finds out what it lacks then.
DRIVERS = ("mm/zsmalloc.ko", "lib/lz4/lz4_compress.ko", "lib/lz4/lz4hc_compress.ko", "drivers/block/zram/zram.ko")


def _carried(kernel):
    """Those that this kernel has as modules."""
    for path in DRIVERS:
        try:
            if kernels.Kernel(kernel).module(path) is not None:
                yield path
        except Failure:
            continue


def options(kernel):
    """The options of scripts/vm that carry them in."""
    return [word for path in _carried(kernel) for word in ("--driver", path)]
