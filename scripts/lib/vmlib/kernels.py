# SPDX-License-Identifier: GPL-2.0-only
"""The kernels of scripts/kernels, as scripts/fetch-kernel has put them into the cache folder."""

import functools
import lzma
import os
import pathlib
import subprocess

from . import Failure, image

DEBUG_PATIENCE = 4
SCRIPTS = pathlib.Path(__file__).resolve().parents[2]


def cache_folder():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "userfault"


@functools.cache
def _rows():
    """The rows of the list; list-kernels names their fields."""
    listed = subprocess.run([SCRIPTS / "lib/list-kernels"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.split(":") for line in listed.splitlines()]


def _names_of(kind):
    return [row[0] for row in _rows() if row[5] == kind]


def names():
    return [row[0] for row in _rows()]


def stock_names():
    """The kernels that are used when none is named."""
    return _names_of("all")


def is_fetched(name):
    return (cache_folder() / "kernels" / name).is_dir()


def default_name():
    """The last stock kernel that has been fetched: Debian may have dropped a later one."""
    stock = stock_names()
    return next(filter(is_fetched, reversed(stock)), stock[-1])


def built_by_host(name):
    """A stock kernel that has been fetched and whose modules this machine's own compiler builds: this one
    if possible."""
    host = [row[0] for row in _rows() if row[4] == "host" and row[5] == "all"]
    return next(each for each in (name, *host) if each in host and is_fetched(each))


def is_flavour(name):
    """Whether it is a flavour: made for certain machines, or from another release of Debian."""
    return name in _names_of("few")


def is_debug(name):
    """Whether it is built here with many checks, so that it needs more memory and time."""
    return name in _names_of("named")


def _is_configured_with(name, options):
    """Whether it is built here with this file of scripts/configs."""
    return any(row[0] == name and options in row[3].split("+") for row in _rows())


def checks_memory(name):
    """Whether it is a debug kernel that looks for misused and leaked memory, rather than for races."""
    return _is_configured_with(name, "debug")


def looks_for_races(name):
    return _is_configured_with(name, "kcsan")


def patience(name):
    """The factor for time limits on this kernel."""
    return DEBUG_PATIENCE if is_debug(name) else 1


class Kernel:
    def __init__(self, name):
        if name not in names():
            raise Failure(f"there is no kernel {name} in scripts/kernels",
                          f"It lists: {' '.join(names())}")
        self.name = name
        self._folder = cache_folder() / "kernels" / name
        if not self._folder.is_dir():
            raise Failure(f"kernel {name} has not been fetched yet", f"Run: scripts/bootstrap {name}")
        self.image = self._folder / "vmlinuz"
        self.build = self._folder / "build"         # what modules are built with

    @property
    def release(self):
        return (self._folder / "release").read_text().strip()

    @property
    def version(self):
        """The first two numbers of the release."""
        return tuple(map(int, self.release.split("-")[0].split(".")[:2]))

    def quick_image(self):
        """An image that boots faster, at the address that the kernel was linked to."""
        return image.unpacked(self.image, self._folder / "vmlinux")

    def module(self, path):
        """A module's content by its path below kernel/, or None if it is built in."""
        plain = self._folder / "modules/kernel" / path
        packed = plain.with_name(plain.name + ".xz")
        if plain.exists():
            return plain.read_bytes()
        if packed.exists():
            return lzma.decompress(packed.read_bytes())
        if f"kernel/{path}" in (self._folder / "modules/modules.builtin").read_text().split():
            return None
        raise Failure(f"kernel {self.name} has no {path}", "The VM needs it. "
                      "If the kernel's Debian package has changed, correct scripts/lib/vmlib.")
