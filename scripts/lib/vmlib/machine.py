# SPDX-License-Identifier: GPL-2.0-only
"""Runs a guest once and finds out how it ended."""

import contextlib
import enum
import re
import selectors
import signal
import socket
import subprocess
import sys
import time

from . import Failure
from .console import Console

QEMU = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]    # it doesn't outlive us
PORTS = ("verdict", "output", "errors")
VERDICT = re.compile(r"(exit|module) (\d{1,3})")
BOOT_SILENCE_SECONDS = 60      # how long a guest that boots may be silent

# ACPI's tables of QEMU's older machine have a method that computes for more than 30 seconds on a kernel
# with KASAN, which is when ACPI's interpreter gives up.
MACHINE = "q35"
# A crash ends the guest. A processor that is stuck in the kernel for twice the threshold counts as a
# crash; the threshold is well above the default because the machine may be busy, and so is that of a
# grace period of RCU that doesn't end, which the log reports. A hung task is no crash, because other
# tasks go on; the kernel's log reports it. printk.devkmsg=on keeps everything
# that is written to the log; cryptomgr.notests leaves out the self-tests of ciphers. All processors of
# an emulator have one time stamp counter. A kernel that sees several packages, as with NUMA nodes, doesn't
# trust it unless it is told so, and reads a device's clock instead, which takes very much longer.
BOOT_APPEND = ("console=ttyS0 panic=-1 oops=panic softlockup_panic=1 watchdog_thresh=30 "
               "rcupdate.rcu_cpu_stall_timeout=60 printk.devkmsg=on cryptomgr.notests tsc=reliable")


def qemu_options(image, archive, append=""):
    """The options of every guest; the caller adds those for the processor and the memory."""
    return ["-machine", MACHINE, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", str(image), "-initrd", archive, "-append", f"{BOOT_APPEND} {append}"]


# A guest that is kept has its files in the current folder: its console, the output of its ports, and
# two pipes each for requests (see scripts/lib/guest-try) and for a shell.
KEPT_PIPES = ("try", "shell")
KEPT_OPTIONS = [
    "-daemonize", "-pidfile", "pid", "-serial", "file:console", "-serial", "pipe:shell",
    "-device", "virtio-serial-pci",
    *(word for name in PORTS for word in (
        "-chardev", f"file,id={name},path={name}",
        "-device", f"virtserialport,chardev={name},name=org.userfault.{name}")),
    "-chardev", "pipe,id=try,path=try", "-device", "virtserialport,chardev=try,name=org.userfault.try",
]


@contextlib.contextmanager
def uninterrupted():
    """Blocks signals: one that came while a process is being started would leave it forgotten."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class End(enum.Enum):
    """How a run ended; the value is what scripts/vm exits with."""

    EXITED = 0          # the command exited, with its own status
    PANIC = 201         # the kernel crashed
    RESET = 202         # the machine stopped without a verdict and without a panic
    SILENCE = 203       # it was silent for too long
    TIMEOUT = 204       # it was not done in time
    NO_MODULE = 205     # the module did not load
    COMPLAINT = 206     # the command succeeded, but the kernel has complained of something


class Machine:
    """A guest that runs. Its output goes to this process's stdout and stderr as it comes.

    If there is a prefix, the console's lines go to stderr too, after it. If there is a file, the
    console goes there.
    """

    def __init__(self, options, timeout, silence, console_prefix=None, console_file=None,
                 complaints=sys.stderr):
        self._options = options
        self._timeout = timeout
        self._silence = silence
        self._console_prefix = console_prefix
        self._console_file = console_file
        self._complaints = complaints
        self._verdict = b""
        self.console = Console()
        self.status = None

    @property
    def touched(self):
        """Whether anything of ours has run in the guest."""
        return "ready" in self._verdict_lines()

    def _verdict_lines(self):
        """The complete lines."""
        return self._verdict.decode(errors="replace").split("\n")[:-1]

    def run(self):
        with contextlib.ExitStack() as stack:
            hosts, guests = {}, {}
            for name in (*PORTS, "console"):
                hosts[name], guests[name] = map(stack.enter_context, socket.socketpair())
            qemu = None
            try:
                with uninterrupted():
                    qemu = self._start(guests)
                return self._follow(hosts) or self._judge(qemu.wait())
            finally:
                if qemu:
                    qemu.kill()
                    qemu.wait()

    def _start(self, guests):
        command = [*QEMU, *self._options,
                   "-serial", "chardev:console", "-device", "virtio-serial-pci"]
        for name, end in guests.items():
            command += ["-chardev", f"socket,id={name},fd={end.fileno()}"]
        for name in PORTS:
            command += ["-device", f"virtserialport,chardev={name},name=org.userfault.{name}"]
        qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                stdout=self._complaints, stderr=self._complaints,
                                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, []),
                                pass_fds=[end.fileno() for end in guests.values()])
        for end in guests.values():
            end.close()
        return qemu

    def _follow(self, hosts):
        """Passes on the guest's output. Returns None at its end, or how the guest ended before that."""
        deadline = time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            for name, end in hosts.items():
                selector.register(end, selectors.EVENT_READ, name)
            while selector.get_map():
                silence = self._silence if self.touched else max(self._silence, BOOT_SILENCE_SECONDS)
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
            self._pass_on_console(data)
        else:
            stream = sys.stdout if name == "output" else sys.stderr
            stream.buffer.write(data)
            stream.flush()

    def _pass_on_console(self, data):
        if self._console_file:
            self._console_file.write(data)
            self._console_file.flush()
        self._show(self.console.take(data))

    def _show(self, console_lines):
        if self._console_prefix is not None:
            for line in console_lines:
                print(f"{self._console_prefix}{line}", file=sys.stderr, flush=True)

    def _judge(self, qemu_status):
        self._show(self.console.end())
        lines = self._verdict_lines()
        verdict = VERDICT.fullmatch(lines[-1]) if lines else None
        if verdict and verdict[1] == "module":
            return End.NO_MODULE
        if verdict:
            self.status = int(verdict[2])
            return End.EXITED if self.status or not self.console.complaint else End.COMPLAINT
        if qemu_status:
            raise Failure(f"QEMU failed with status {qemu_status}", "See its message above.")
        return End.PANIC if self.console.panicked else End.RESET
