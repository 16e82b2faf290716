# SPDX-License-Identifier: GPL-2.0-only
"""Runs the analyzers that take long, and remembers what they have said of what they had no error in.

What is remembered outlives the checkout: it is in the cache folder. A file is analyzed again when it, a
header of the project that it includes, the list of checks or the command has changed; the module, when
any of its files, the rules of the Makefile, the kernels or the tool have.
"""

import functools
import hashlib
import json
import multiprocessing.pool
import os
import re

from vmlib import Failure, kernels

from . import program
from .program import SOURCES

INCLUDE = re.compile(rb'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
HEADER_FOLDERS = ("selftests", "user/include", "uapi")
CHECKS = (".clang-tidy", "user/.clang-tidy")


def commands(tool):
    """{file: command} as the Makefile has them, which knows the compilers' options."""
    status, lines = program.make("analyses")
    rows = [line.split(" ", 2) for line in lines]
    if status:
        raise Failure("make can't list what is to be analyzed", "\n".join(lines))
    return {row[1]: row[2].split() for row in rows if row[0] == tool}


@functools.cache
def content(path):
    return (SOURCES / path).read_bytes()


@functools.cache
def included(path):
    """The project's headers that a file includes itself."""
    found = set()
    for name in map(os.fsdecode, INCLUDE.findall(content(path))):
        candidates = (os.path.normpath(os.path.join(folder, name))
                      for folder in (os.path.dirname(path), *HEADER_FOLDERS))
        found.update(candidate for candidate in candidates if (SOURCES / candidate).is_file())
    return found


def read_for(path):
    """All of the project that is read when this file is compiled."""
    seen, new = set(), {path}
    while new:
        seen |= new
        new = set().union(*map(included, new)) - seen
    return sorted(seen)


@functools.cache
def version(name):
    return program.run(name, "--version")[1]


def key(tool, files, *others):
    """Differs whenever the analysis could."""
    digest = hashlib.sha256(repr((version(tool), others)).encode())
    for each in files:
        digest.update(each.encode() + b"\0" + hashlib.sha256(content(each)).digest())
    return digest.hexdigest()


def remembered(name, now, analysis):
    """What the analysis says: a status and lines. now is the key of what it reads."""
    path = kernels.cache_folder() / "analyzed" / f"{name}.json"
    if path.is_file() and (known := json.loads(path.read_text()))["key"] == now:
        return 0, known["said"]
    status, said = analysis()
    if not status:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"key": now, "said": said}))
    return status, said


def analyze(tool, path, command):
    return remembered(f"{tool}/{path}", key(command[0], (*CHECKS, *read_for(path)), command),
                      lambda: program.run(*command))


def of_module(name, tool, sources, analysis):
    """The same of the module, whose sources these are. The kernels' releases tell their headers and scripts, and
    the packages of the folders in which it is built for some kernels tell the compilers."""
    told = [path.read_text() for pattern in ("kernels/*/release", "folders/*/var/lib/dpkg/status")
            for path in sorted(kernels.cache_folder().glob(pattern))]
    return remembered(f"module/{name}", key(tool, ("Makefile", *sources), told), analysis)


def run(tool):
    with multiprocessing.pool.ThreadPool(os.cpu_count()) as pool:
        results = pool.starmap(analyze, [(tool, *row) for row in commands(tool).items()], chunksize=1)
    return max((status for status, _ in results), default=0), [line for _, said in results for line in said]
