# SPDX-License-Identifier: GPL-2.0-only
"""Reads the console of the guest's kernel, and finds the kernel's complaints."""

import collections
import pathlib
import re

TAIL_LINES = 30
LINES_BEFORE = 5
COMPLAINT_LINES = 60

# guest-init writes this to the kernel's log. Nothing before it can be about our code.
READY = "userfault vm: ready"

# The texts of complaints. The selftests look for the same texts after each test.
PATTERNS = pathlib.Path(__file__).resolve().parents[3] / "selftests/harness/kernel_log.def"
KINDS = ("CRASH", "WRONG", "HARMLESS", "OURS", "EXPECTED")
ROW = re.compile(rf'^({"|".join(KINDS)})\("(.*)"\)$', re.MULTILINE)


def _texts():
    """The texts of each kind."""
    rows = ROW.findall(PATTERNS.read_text())
    return {kind: [text for each, text in rows if each == kind] for kind in KINDS}


TEXTS = _texts()

# With DEBUG_VM, native userfaultfd prints a stack trace when a caller can't wait for a fault. Tests
# use such callers, so that trace is no complaint, neither here nor in the selftests.
SHOWS_CALLER = "FAULT_FLAG_ALLOW_RETRY missing"
END_OF_TRACE = "</TASK>"
# After the time, and the thread or processor on some kernels. The name of a function may look like a complaint.
OF_TRACE = re.compile(r"(\[[^]]*\])+ (Call Trace:| )")


# How the kernel names the functions of userfault.ko and of userfault_kunit.ko
OF_THE_MODULE = " [userfault"


def _has(line, *kinds):
    def has(*kinds):
        return any(text in line for kind in kinds for text in TEXTS[kind])

    return has(*kinds) and not has("HARMLESS") and not (has("OURS") and OF_THE_MODULE not in line)


class Console:
    """Keeps the last lines, and the lines from the first complaint on."""

    def __init__(self):
        self._partial = b""
        self._ready = False
        self._trace_is_expected = False
        self._tail = collections.deque(maxlen=TAIL_LINES)
        self._count = 0
        self._trouble = []
        self._trouble_at = None     # the number of the line that _trouble begins with
        self.complaint = None       # the first complaint after READY
        self.crash = None           # the first line that reports a crash
        self.panicked = False

    def take(self, data):
        """Returns the lines that data completes."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        lines = [line.decode(errors="replace").replace("\r", "") for line in lines]
        for line in lines:
            self._add(line)
        return lines

    def end(self):
        """The console has ended: returns the last line if it is incomplete."""
        return self.take(b"\n") if self._partial else []

    def _add(self, line):
        self._ready |= line.endswith(READY)
        self.panicked |= "Kernel panic" in line
        crash = _has(line, "CRASH")
        if crash and not self.crash:
            self.crash = line
        complaint = self._ready and self._complaint_in(line)
        if complaint and not self.complaint:
            self.complaint = line
        if (crash or complaint) and self._trouble_at is None:
            before = list(self._tail)[-LINES_BEFORE:]
            self._trouble, self._trouble_at = before, self._count - len(before)
        if self._trouble_at is not None and len(self._trouble) < COMPLAINT_LINES:
            self._trouble.append(line)
        self._tail.append(line)
        self._count += 1

    def _complaint_in(self, line):
        if SHOWS_CALLER in line or any(text in line for text in TEXTS["EXPECTED"]):
            self._trace_is_expected = True
        elif line.endswith(END_OF_TRACE):
            self._trace_is_expected = False
        if self._trace_is_expected and OF_TRACE.match(line):
            return False
        return _has(line, "CRASH", "WRONG")

    def excerpt(self):
        """The first complaint with the lines before and after it, and the console's last lines."""
        tail = list(self._tail)
        if self._trouble_at is None:
            return tail
        unseen = self._count - self._trouble_at - len(self._trouble)
        left_out = ["..."] if unseen > len(tail) else []
        return self._trouble + left_out + tail[len(tail) - min(unseen, len(tail)):]

    def last_words(self):
        """The line that says most about how the guest ended."""
        return self.crash or (self._tail[-1] if self._tail else "nothing on its console")
