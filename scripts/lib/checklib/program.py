# SPDX-License-Identifier: GPL-2.0-only
"""Runs a tool. Each function returns its exit status, and the lines that it has printed."""

import os
import pathlib
import re
import subprocess

from vmlib import Failure

SOURCES = pathlib.Path(__file__).resolve().parents[3]
FINDING = re.compile(r"(?P<path>[\w./+-]+):(?P<line>\d+)(?::[\d-]+)*: ?(?P<text>.*)")
# What a tool prints beside its findings
CHATTER = re.compile(r"|  [A-Z]+ .*|make(\[\d+\])?: (Entering|Leaving) directory .*|/\S*spatch .*"
                     r"|Use of uninitialized value \$root .*|find: .?/include.?: No such file or directory"
                     r"|\d+ warnings? generated\.|Please check for false positives .*|When using \"patch\" mode, .*")


def run(*command, cwd=SOURCES, **options):
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    except FileNotFoundError as error:
        raise Failure(f"there is no {error.filename}", "Run: make check") from error
    lines = (line.replace(f"{SOURCES}/", "") for line in done.stdout.splitlines())
    return done.returncode, [line for line in lines if not CHATTER.fullmatch(line)]


def make(*words):
    """What needs the compilers' options is made: see there."""
    return run("make", "--no-print-directory", "--keep-going", "--silent", f"-j{os.cpu_count()}", *words)
