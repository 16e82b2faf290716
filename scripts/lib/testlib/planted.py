# SPDX-License-Identifier: GPL-2.0-only
"""Planted bugs: the patches of selftests/planted, each of which breaks the module on purpose.

A patch begins with a head that says what is wrong, and what this does to a program. Most bugs show on
every kernel. A line "Kernel: NAME..." in the head lists the only kernels that can show this one. No
other line of it begins with one word and a colon, but the one with the license.
"""

import dataclasses
import re
import subprocess

from vmlib import kernels

from . import suite

FOLDER = suite.SOURCES / "selftests/planted"
BUILT = suite.BUILD / "planted"
ANY_KERNEL = "6.12"         # where a bug is planted that every kernel shows
KEYWORD = re.compile(r"^([\w-]+):(.*)$", re.MULTILINE)
KEYWORDS = ("SPDX-License-Identifier", "Kernel")
# A patch may have moved, but is never bent to fit: it might land in the wrong place.
PATCH = ["patch", "-p1", "--fuzz=0", "--force", "--no-backup-if-mismatch", "--reject-file=-"]
# What scripts/fuzz says of a program: under it the first records that differ, or what else is wrong; what the
# programs have left; or which ones ran when the guest died
FUZZ_FOUND = re.compile(r"^fuzz: found;.*\n(?:    .*\n)*(?:  (?:by a 32-bit|not in a process) .*\n)*"
                        r"(?P<what>(?:  (?:module|native): .*\n)+|  \S.*\n)"
                        r"|^fuzz: (?P<left>left in the kernel: .*)|^fuzz: (?P<end>.*); the last programs:\n  worker ",
                        re.MULTILINE)
TORTURE_FOUND = re.compile(r"(?<=^torture: )WRONG: .*", re.MULTILINE)


@dataclasses.dataclass
class Bug:
    name: str
    kernels: list           # the only ones that can show it; empty: every kernel can
    wrong: list             # with the patch's head

    @property
    def patch(self):
        return FOLDER / f"{self.name}.patch"

    def kernel(self, wanted=None):
        """The kernel to plant it in, if need be the wanted one; None if that can't show it."""
        if wanted and self.kernels and wanted not in self.kernels:
            return None
        return wanted or (self.kernels or [ANY_KERNEL])[0]

    def module_folder(self, kernel):
        """Where make puts the modules that have the bug."""
        return BUILT / kernel / self.name

    def why_not(self, folder=suite.SOURCES):
        """What patch(1) says if it can't apply the patch to the sources in a folder; else ""."""
        return _patch(self.patch, folder, "--dry-run")

    def apply(self, folder):
        """Applies the patch to the sources in a folder. Returns as why_not()."""
        return _patch(self.patch, folder)


def _patch(patch, folder, *options):
    ran = subprocess.run([*PATCH, *options, "--directory", folder, "--input", patch], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return " / ".join(ran.stdout.splitlines()) if ran.returncode else ""


def _read(patch):
    head = KEYWORD.findall(patch.read_text().partition("\n--- ")[0])
    named = [name for keyword, names in head if keyword == "Kernel" for name in names.split()]
    wrong = [f'its head has a line "{keyword}:", and may have only: {", ".join(KEYWORDS)}'
             for keyword, _ in head if keyword not in KEYWORDS]
    wrong += [f"there is no kernel {name} in scripts/kernels" for name in named if name not in kernels.names()]
    return Bug(patch.stem, named, wrong)


def all_bugs():
    return [_read(patch) for patch in sorted(FOLDER.glob("*.patch"))]


def shown_by_fuzz(said, _end):
    """The first difference, or what else a program has shown, in the fuzzer's output; None if there is nothing."""
    found = FUZZ_FOUND.search(said)
    return "; ".join(line.strip() for line in found[found.lastgroup].splitlines()) if found else None


def shown_by_torture(said, end):
    """The same of the torture. When the guest has crashed or hangs, it counts if a round had begun."""
    found = TORTURE_FOUND.search(said)
    return found[0] if found else end if end and "torture: round" in said else None
