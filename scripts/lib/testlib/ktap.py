# SPDX-License-Identifier: GPL-2.0-only
"""Reads KTAP as the selftests print it, and writes it."""

import dataclasses
import re

HEADER = "KTAP version 1"
PLAN = re.compile(r"1\.\.(\d+)")
RESULT = re.compile(r"(ok|not ok) \d+ (?:- )?(.*?)(?: # (.*))?$")
RUNNING = "# RUN "


@dataclasses.dataclass
class Result:
    name: str
    verdict: str                # "passed", "failed" or "skipped"
    why: str = ""
    notes: list = dataclasses.field(default_factory=list)
    is_of_a_test: bool = True   # or it stands for tests that have none


@dataclasses.dataclass
class Document:
    """One run of tests, as far as it has been read."""

    planned: int = 0
    results: list = dataclasses.field(default_factory=list)
    running: str = ""           # the test that has begun and not ended
    notes: list = dataclasses.field(default_factory=list)   # what this test has printed

    def take(self, line):
        plan, result = PLAN.match(line), RESULT.match(line)
        if plan:
            self.planned = int(plan[1])
        elif result:
            self._end(*result.groups())
        elif line.startswith(RUNNING):
            self.running, self.notes = line[len(RUNNING):], []
        elif line.startswith("# "):
            self.notes.append(line[2:])

    def _end(self, word, name, directive):
        directive = directive or ""
        skipped = directive.upper().startswith("SKIP")
        verdict = "failed" if word != "ok" else "skipped" if skipped else "passed"
        why = directive[len("SKIP"):].strip() if skipped else directive
        self.results.append(Result(name, verdict, why, self.notes))
        self.running, self.notes = "", []


class Reader:
    """Takes the lines of any number of documents, one after the other."""

    def __init__(self):
        self.documents = []

    def take(self, line):
        if line == HEADER:
            self.documents.append(Document())
        elif self.documents:
            self.documents[-1].take(line)


class Writer:
    def __init__(self, planned):
        self._number = 0
        self._line(HEADER)
        self._line(f"1..{planned}")

    def comment(self, text):
        self._line(f"# {text}")

    def subtest(self, line):
        self._line(f"  {line}")

    def result(self, passed, name, why=""):
        self._number += 1
        self._line(f"{'ok' if passed else 'not ok'} {self._number} {name}{f' # {why}' if why else ''}")

    def _line(self, text):
        print(text, flush=True)
