# SPDX-License-Identifier: GPL-2.0-only
"""Runs a guest once and finds out what became of it."""

import contextlib
import enum
import re
import selectors
import socket
import subprocess
import sys
import time

from . import Failure

PORTS = ("verdict", "output", "errors")
CONSOLE_KEPT_BYTES = 64 * 1024
TAIL_LINES = 30
LINES_BEFORE_CRASH = 5
CRASH = re.compile(r"BUG:|Oops:|Kernel panic|general protection fault")
BOOT_SECONDS = 60       # how long a guest that boots may be silent
BOOT_APPEND = "console=ttyS0 panic=-1 oops=panic"


def qemu_options(kernel, archive, append=""):
    """What every guest has; the processor and the memory are the caller's."""
    return ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", str(kernel.image), "-initrd", archive, "-append", f"{BOOT_APPEND} {append}"]


class End(enum.Enum):
    """How a run ended; the value is what scripts/vm exits with."""

    EXITED = 0          # the command did, with a status of its own
    PANIC = 201         # the kernel crashed
    RESET = 202         # the machine stopped without a verdict and without a panic
    SILENCE = 203       # nothing was heard of it for too long
    TIMEOUT = 204       # it was not done in time
    NO_MODULE = 205     # the module did not load


class Machine:
    """A guest on its way. Output goes to this process's stdout and stderr as it comes."""

    def __init__(self, options, timeout, silence, show_console=False, console_file=None,
                 complaints=sys.stderr):
        self._options = options
        self._timeout = timeout
        self._silence = silence
        self._show_console = show_console
        self._console_file = console_file
        self._complaints = complaints
        self._verdict = b""
        self.console = b""
        self.status = None

    @property
    def touched(self):
        """Whether anything of ours has run in the guest."""
        return b"ready\n" in self._verdict

    def run(self):
        with contextlib.ExitStack() as stack:
            hosts, guests = {}, {}
            for name in (*PORTS, "console"):
                hosts[name], guests[name] = map(stack.enter_context, socket.socketpair())
            qemu = self._start(guests)
            try:
                return self._follow(hosts) or self._judge(qemu.wait())
            finally:
                qemu.kill()
                qemu.wait()

    def _start(self, guests):
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *self._options,
                   "-serial", "chardev:console", "-device", "virtio-serial-pci"]
        for name, end in guests.items():
            command += ["-chardev", f"socket,id={name},fd={end.fileno()}"]
        for name in PORTS:
            command += ["-device", f"virtserialport,chardev={name},name=org.userfault.{name}"]
        qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                stdout=self._complaints, stderr=self._complaints,
                                pass_fds=[end.fileno() for end in guests.values()])
        for end in guests.values():
            end.close()
        return qemu

    def _follow(self, hosts):
        """Passes on what the guest says until it has no more to say: None then."""
        deadline = time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            for name, end in hosts.items():
                selector.register(end, selectors.EVENT_READ, name)
            while selector.get_map():
                silence = self._silence if self.touched else max(self._silence, BOOT_SECONDS)
                patience = min(silence, deadline - time.monotonic())
                ready = selector.select(patience) if patience > 0 else []
                if not ready:
                    return End.SILENCE if patience == silence else End.TIMEOUT
                for key, _ in ready:
                    data = key.fileobj.recv(65536)
                    if data:
                        self._take(key.data, data)
                    else:
                        selector.unregister(key.fileobj)
        return None

    def _take(self, name, data):
        if name == "verdict":
            self._verdict += data
        elif name == "console":
            self.console = (self.console + data)[-CONSOLE_KEPT_BYTES:]
            self._pass_on_console(data)
        else:
            stream = sys.stdout if name == "output" else sys.stderr
            stream.buffer.write(data)
            stream.flush()

    def _pass_on_console(self, data):
        if self._console_file:
            self._console_file.write(data)
            self._console_file.flush()
        if self._show_console:
            sys.stderr.buffer.write(data)
            sys.stderr.flush()

    def _judge(self, qemu_status):
        for line in self._verdict.decode(errors="replace").splitlines():
            word, _, status = line.partition(" ")
            if word == "exit":
                self.status = int(status)
                return End.EXITED
            if word == "module":
                return End.NO_MODULE
        if qemu_status:
            raise Failure(f"QEMU failed with status {qemu_status}", "See its message above.")
        return End.PANIC if b"Kernel panic" in self.console else End.RESET

    def console_lines(self):
        return self.console.decode(errors="replace").replace("\r", "").splitlines()

    def console_end(self):
        """The console's last lines, from where the kernel began to complain of a crash."""
        lines = self.console_lines()
        crash = (number for number, line in enumerate(lines) if CRASH.search(line))
        return lines[max(0, next(crash, len(lines) - TAIL_LINES) - LINES_BEFORE_CRASH):]

    def last_words(self):
        """The line of the console that says most about how it ended."""
        lines = self.console_lines() or ["nothing on its console"]
        return next(filter(CRASH.search, lines), lines[-1])
