# SPDX-License-Identifier: GPL-2.0-only
"""What a dynamically linked program needs besides itself."""

import re
import subprocess

from . import Failure

NEEDED = re.compile(r"\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$")
MISSING = re.compile(r"\s*(\S+) => not found$")


def of(program):
    """The paths of its linker and its libraries, as the dynamic linker finds them here."""
    ldd = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ldd.returncode:
        raise Failure(f"{program} can't be carried in with its libraries: "
                      f"{(ldd.stderr or ldd.stdout).strip()}",
                      "Name a dynamically linked program, or use --carry.")
    missing = [match[1] for match in map(MISSING.match, ldd.stdout.splitlines()) if match]
    if missing:
        raise Failure(f"{program} needs libraries that this machine lacks: {' '.join(missing)}",
                      "Install their Debian packages.")
    return [match[1] for match in map(NEEDED.match, ldd.stdout.splitlines()) if match]
