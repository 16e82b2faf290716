# SPDX-License-Identifier: GPL-2.0-only
"""The tools. Each function returns its tool's exit status, and the lines that it has printed."""

import os
import pathlib
import re
import subprocess

from vmlib import Failure

from . import analyses
from .program import SOURCES, make, run

INTERPRETERS = {"bash": "shell", "sh": "shell", "python3": "python"}


def sources(*patterns):
    """The project's files of these names."""
    status, paths = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns)
    if status:
        raise Failure("git can't list the sources", " ".join(paths))
    return [path for path in paths if (SOURCES / path).is_file()]


def scripts(language, suffix):
    """The files whose first line names an interpreter of the language, or that have the suffix."""
    for path in sources():
        first = (SOURCES / path).open(errors="replace").readline()
        interpreter = re.match(r"#!\s*\S*?(\w+)\s*$", first)
        if path.endswith(suffix) or interpreter and INTERPRETERS.get(interpreter[1]) == language:
            yield path


def shellcheck(_kernel):
    """Also finds what a script sources: in its folder, or in scripts/."""
    return run("shellcheck", "--format=gcc", "--external-sources", "--source-path=SCRIPTDIR:scripts",
               *scripts("shell", ".sh"))


def pyflakes(_kernel):
    return run("pyflakes3", *scripts("python", ".py"))


def clang_format(_kernel):
    """The C++ only: for what clang-format can't know of the kernel's style, there is checkpatch."""
    return run("clang-format-22", "--dry-run", "--Werror", *sources("*.cpp", "*.hpp"))


def clang_tidy(_kernel):
    return analyses.run("tidy")


def of_module():
    """The files that are compiled into a kernel."""
    return sources("Kbuild", "kernel/*", "uapi/*", "scripts/tests/modules/*")


def module_analyzer():
    """Says where the sources are, not where they are compiled."""
    status, said = make("check-analyzer")
    return status, [re.sub(r"build/analyzer/[^/]+/", "", line) for line in said]


def analyzer(_kernel):
    """The C that is for libc, and the module."""
    for_libc = analyses.run("analyzer")
    module = analyses.of_module("analyzer", "gcc", of_module(), module_analyzer)
    return max(for_libc[0], module[0]), for_libc[1] + module[1]


def sparse(_kernel):
    """Beside the kernels of the Makefile's SPARSE_KERNELS."""
    return analyses.of_module("sparse", "sparse", of_module(), lambda: make("check-sparse"))


def checkers(kernel):
    """The folder that has the kernel's scripts."""
    fetched = subprocess.run([SOURCES / "scripts/lib/fetch-checkers", kernel], stdout=subprocess.PIPE, text=True)
    if fetched.returncode:
        raise Failure("there are no scripts of the kernel to check with", "See above.")
    return pathlib.Path(fetched.stdout.strip())


def patch_checker(folder):
    """It leaves a file where it runs. Tracepoints are laid out as everywhere in the kernel, which it doesn't like."""
    def check(paths, *options):
        return run("perl", folder / "scripts/checkpatch.pl", "--no-tree", "--file", "--terse", "--strict",
                   "--show-types", "--no-summary", "--max-line-length=100", *options,
                   *(SOURCES / path for path in paths), cwd=folder)

    tracepoints = "kernel/trace.h"
    status, said = check([path for path in sources("kernel/*.[chS]", "uapi/*.h", "scripts/tests/modules/*.c")
                          if path != tracepoints])
    traced, more = check([tracepoints], "--ignore", "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT")
    return status or traced, said + more


def checkpatch(kernel):
    """All that is compiled into a kernel. Other C is for libc, whose habits are not the kernel's."""
    return analyses.of_module("checkpatch", "perl", of_module(), lambda: patch_checker(checkers(kernel)))


def semantic_patches(folder):
    """The kernel's but those that are programs in OCaml, which have to be compiled: one is for a driver,
    the other finds 0 for NULL, as sparse does."""
    worst, said = 0, []
    for patch in sorted(folder.glob("scripts/coccinelle/**/*.cocci")):
        if "ocaml" in patch.read_text():
            continue
        environment = {**os.environ, "srctree": str(folder), "KBUILD_EXTMOD": "kernel", "MODE": "report",
                       "COCCI": str(patch)}
        status, lines = run("bash", folder / "scripts/coccicheck", env=environment)
        worst, said = max(worst, status), said + lines
    return worst, said


def coccinelle(kernel):
    return analyses.of_module("coccinelle", "spatch", of_module(), lambda: semantic_patches(checkers(kernel)))


def netlink(_kernel):
    """Whether the specification of the netlink family fits the header."""
    return run("scripts/check-netlink")


ALL = {
    "shellcheck": shellcheck,
    "pyflakes": pyflakes,
    "netlink": netlink,
    "format": clang_format,
    "tidy": clang_tidy,
    "analyzer": analyzer,
    "sparse": sparse,
    "checkpatch": checkpatch,
    "coccinelle": coccinelle,
}
