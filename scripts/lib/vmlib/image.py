# SPDX-License-Identifier: GPL-2.0-only
"""Unpacks a kernel's image ("bzImage") on the host: an emulated processor takes seconds for that."""

import lzma
import os
import pathlib
import re
import shutil
import struct
import subprocess
import zlib

from . import Failure

# Where the image's header has the size of the part before the packed kernel, in sectors after the
# first one; and where it has the packed kernel's offset in the rest, and its size
SETUP_SECTORS = 0x1f1
PAYLOAD = struct.Struct("<II")
PAYLOAD_AT = 0x248
SECTOR = 512
SIZE_BYTES = 4      # the unpacked size, after the packed kernel

# The note that names the PVH entry. It needs no code of a loader: QEMU starts an unpacked kernel there
ENTRY_NOTE = re.compile(rb"\x04\0\0\0[\x04\x08]\0\0\0\x12\0\0\0Xen\0")


def unpacked(image, unpacked_image):
    """The image that boots fastest: the unpacked one, made if it does not exist yet. It is a link
    to the image itself if that can't be unpacked, or can't start without its own loader."""
    if not unpacked_image.exists():
        kernel = unpack(pathlib.Path(image).read_bytes())
        partial = unpacked_image.with_name(f".{unpacked_image.name}.{os.getpid()}")
        if kernel and ENTRY_NOTE.search(kernel):
            partial.write_bytes(kernel)
        else:
            partial.symlink_to(image.name)
        partial.rename(unpacked_image)
    return unpacked_image


def unpack(image):
    """The kernel in an image, or None if it is packed in an unknown format."""
    offset, size = PAYLOAD.unpack_from(image, PAYLOAD_AT)
    start = (image[SETUP_SECTORS] + 1) * SECTOR + offset
    payload = image[start:start + size]
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return _unpack_with("zstd", payload[:-SIZE_BYTES])
    if payload.startswith(b"\x02\x21\x4c\x18"):
        return _unpack_with("lz4", payload[:-SIZE_BYTES])
    return None


def _unpack_with(program, packed):
    if not shutil.which(program):
        raise Failure(f"there is no {program} to unpack the kernel's image with", "Run: scripts/bootstrap")
    return subprocess.run([program, "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout
