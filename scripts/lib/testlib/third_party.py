# SPDX-License-Identifier: GPL-2.0-only
"""Reads what third-party programs report of their tests, natively and on the module, and compares it."""

import dataclasses
import itertools
import re

from . import ktap

NATIVE, MODULE = "native", "module"
RUN = re.compile(rf"# RUN ({NATIVE}|{MODULE}) (.*)")
END = re.compile(r"# END (\d+)")
SKIPPED_STATUS = 4      # of kselftest's programs

# The line that reports a test: in KTAP, and as uffd-unit-tests of 6.12 prints it
SKIPPED = re.compile(r"ok \d+ # SKIP (.*?)(?: \(([^()]*)\))?$")
UNIT = re.compile(r"Testing (.+)\.\.\. ?(.*)$")
UNIT_SKIPPED = re.compile(r"skipped \[reason: (.*)\]$")
NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclasses.dataclass
class Run:
    """One run of a program, as far as it has been read."""

    program: str
    results: dict = dataclasses.field(default_factory=dict)     # of each of its tests, by key
    status: int = None          # None while it is running
    last: str = ""              # the last line that it has printed

    def take(self, line):
        self.last = line or self.last
        result = _result(line)
        if result:
            self.results[self._key(result.name)] = result

    def _key(self, name):
        """The key by which a test is found in another run. Some tests have counts in their names,
        which the key leaves out; some share a name, so the key has a number."""
        name = NUMBER.sub("", name)
        return next(key for key in ((self.program, name, number) for number in itertools.count())
                    if key not in self.results)

    def all_results(self):
        """By key, the results of its tests, with its own name before theirs, and its own result."""
        named = {key: dataclasses.replace(each, name=f"{self.program}: {each.name}")
                 for key, each in self.results.items()}
        return {**named, (self.program,): self._own_result()}

    def _own_result(self):
        if self.status is None:
            return ktap.Result(self.program, "failed", "it did not end")
        if not self.status:
            return ktap.Result(self.program, "passed")
        if self.status == SKIPPED_STATUS:
            return ktap.Result(self.program, "skipped", self.last)
        return ktap.Result(self.program, "failed", f"it ended with status {self.status}: {self.last}")


def _result(line):
    skipped, unit, known = SKIPPED.match(line), UNIT.match(line), ktap.RESULT.match(line)
    if skipped:
        return ktap.Result(skipped[1], "skipped", skipped[2] or "")
    if unit:
        return _unit_result(*unit.groups())
    if known:
        return ktap.Result(known[2], "passed" if known[1] == "ok" else "failed", known[3] or "")
    return None


def _unit_result(name, said):
    skipped = UNIT_SKIPPED.match(said)
    if skipped:
        return ktap.Result(name, "skipped", skipped[1])
    return ktap.Result(name, "passed" if said == "done" else "failed", said)


class Reader:
    """Takes the lines that scripts/lib/third-party-guest prints."""

    def __init__(self):
        self.runs = {NATIVE: [], MODULE: []}
        self._running = None

    def take(self, line):
        run, end = RUN.match(line), END.match(line)
        if run:
            self._running = Run(run[2])
            self.runs[run[1]].append(self._running)
        elif end and self._running:
            self._running.status = int(end[1])
            self._running = None
        elif self._running:
            self._running.take(line)

    def add(self, other):
        """Takes over what another one has read."""
        for backend, runs in other.runs.items():
            self.runs[backend] += runs

    def compared(self):
        """A result for each test that was reported natively or on the module."""
        native, module = (_best(self.runs[backend]) for backend in (NATIVE, MODULE))
        return [_compared(native.get(key), module.get(key)) for key in {**native, **module}]


def _best(runs):
    """The results of all runs: a test that passed in any run of its program has passed."""
    best = {}
    for run in runs:
        for key, result in run.all_results().items():
            if key not in best or best[key].verdict != "passed":
                best[key] = result
    return best


def _compared(native, module):
    if not native or module and module.verdict == "passed":
        return module
    why = f"{module.verdict}: {module.why}" if module else "not run"
    if native.verdict == "passed":
        return ktap.Result(native.name, "failed", f"passes natively; on the module: {why}")
    return ktap.Result(native.name, "skipped", f"{native.verdict} natively: {native.why}")
