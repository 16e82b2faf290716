# SPDX-License-Identifier: GPL-2.0-only
"""Runs programs that print KTAP, here or in a VM, and collects the results of their tests."""

import dataclasses
import pathlib
import queue
import shlex
import subprocess
import threading

from vmlib import drivers, kernels
from vmlib.machine import End

from . import ktap

SOURCES = pathlib.Path(__file__).resolve().parents[3]
BUILD = SOURCES / "build"
# A few of all tests: those that sleep, wake, move pages, and take the kernel's locks in turn
FEW = ",".join(f"{tag}~[slow]~[.]" for tag in (
    "[fault]", "[wake]", "[event]", "[move]", "[changed]", "[hooks]", "[rwp]", "[wp-async]", "[stress]"))
NO_TEST_SELECTED = f"echo {shlex.quote(ktap.HEADER)}; echo 1..0"
BACKENDS = ("module", "native")
TEST_SECONDS = 30
# ThreadSanitizer needs mappings in the places where older kernels put them. The kernel's log is to name each
# process that a sanitizer ends: see selftests/sanitized/options.c.
SANITIZER_NEEDS = "echo 28 >/proc/sys/vm/mmap_rnd_bits; echo 1 >/proc/sys/kernel/print-fatal-signals"
UDEV = "/usr/bin/udevadm"       # the daemon, too: its name says which of the two
RUNNER_MODULES = ("oops", "leak", "forget", "holder", "warn")
KUNIT_SUITES = sorted(path.name.removesuffix("_test.c")
                      for path in (SOURCES / "kernel/tests").glob("*_test.c"))
# They need little, and kmemleak looks into what describes each page.
KUNIT_MEMORY = "1G"
ALL_SKIPPED = 4     # the exit status of kselftest's programs for it
LISTED = "To list the tests: build/selftests/selftests --list. The KUnit tests need a debug kernel."

# How the reasons of tests begin that lack what every guest has to have: if such a test were skipped, a driver that
# can't be loaded would take tests away, and nobody would notice.
LACKS = ("there is no disk to swap to", "the kernel has no transparent huge pages", "the kernel has no control groups",
         "the controller ", "the kernel has no KSM", "the module's file is not at", "the module that holds a function",
         "features.rst was not carried in",
         *([] if pathlib.Path("/dev/kvm").exists() else ["there is no KVM"]))    # KVM's guests may have none

DEATHS = {
    End.PANIC.value: "the guest's kernel crashed",
    End.RESET.value: "the guest stopped without a verdict",
    End.SILENCE.value: "the guest fell silent",
    End.TIMEOUT.value: "the guest was not done in time",
    End.NO_MODULE.value: "the module did not load",
    End.COMPLAINT.value: "the kernel's log has a warning or worse",
}


@dataclasses.dataclass
class Program:
    """What prints a KTAP document for each of the titles."""

    command: list
    titles: list
    processors: int     # of the machine's that it keeps busy; 0: it mostly sleeps


@dataclasses.dataclass
class Suite:
    """The tests of one program, all of which have a result."""

    title: str
    results: list

    def count(self, verdict):
        return sum(result.verdict == verdict for result in self.results)


def bound(command):
    """The command, wrapped so that it ends with the thread that starts it and nothing is left running."""
    return ["setpriv", "--pdeathsig", "TERM", *command]


def run(command, titles, show=None, translate=str, **options):
    """Runs a command that prints one KTAP document for each of the titles.

    Yields a Suite for each document when it is complete. A missing result is a failure in it.
    show gets each line at once, as the command prints it; translate turns a line into KTAP.
    """
    reader = ktap.Reader()
    suites = []
    with subprocess.Popen(bound(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace", **options) as process:
        for line in map(str.rstrip, process.stdout):
            reader.take(translate(line))
            if len(reader.documents) == len(suites) + 2:
                suites.append(_suite(titles, len(suites), reader, "the next report began"))
                yield suites[-1]
            if show:
                show(line)
    end = DEATHS.get(process.returncode, f"the program ended with status {process.returncode}")
    while len(suites) < len(titles):
        suites.append(_suite(titles, len(suites), reader, end))
        is_last = len(suites) == len(titles)
        if is_last and process.returncode and not any(each.count("failed") for each in suites):
            suites[-1].results.append(_missing("(all tests)", f"{end}, though no test failed"))
        yield suites[-1]


def start(programs, processors):
    """Runs programs in the background, each a Program: in turn, each as soon as it gets its processors. Those that
    need none run one after the other beside the others.

    Returns an iterator for each, in the same order. It returns the program's lines as they come, and its Suites."""
    queues = [queue.Queue() for _ in programs]
    free = threading.Semaphore(processors)

    def start_in_turn():
        for program, said in zip(programs, queues):
            for _ in range(program.processors):
                free.acquire()
            if program.processors:
                threading.Thread(target=run_it, args=(program, said), daemon=True).start()

    def run_those_that_sleep():
        for program, said in zip(programs, queues):
            if not program.processors:
                run_it(program, said)

    def run_it(program, said):
        missing = list(program.titles)
        try:
            for each in run(program.command, program.titles, said.put):
                missing.remove(each.title)
                said.put(each)
        except Exception as error:
            for title in missing:
                said.put(_not_run(title, f"the runner failed: {type(error).__name__}: {error}"))
        finally:
            said.put(None)
            for _ in range(program.processors):     # release() takes no 0
                free.release()

    for work in (start_in_turn, run_those_that_sleep):
        threading.Thread(target=work, daemon=True).start()
    return [iter(said.get, None) for said in queues]


def _not_run(title, why):
    return Suite(title, [_missing("(all tests)", f"not run: {why}")])


def _missing(name, why):
    return ktap.Result(name, "failed", why, is_of_a_test=False)


def judged(title, reader, end):
    """The results in a reader's only document; end says why there are no more."""
    return _suite([title], 0, reader, end)


def _suite(titles, index, reader, end):
    """The results in a document; end says why there are no more."""
    if index >= len(reader.documents):
        return _not_run(titles[index], end)
    document = reader.documents[index]
    results = list(map(_needing, document.results))
    if document.running:
        results.append(ktap.Result(document.running, "failed", f"{end} during this test", document.notes))
    for _ in range(document.planned - len(results)):
        results.append(_missing("(a further test)", f"not run: {end}"))
    return Suite(titles[index], results)


def _needing(result):
    """A result; if its test was skipped for what the guest has to have, it failed."""
    if result.verdict != "skipped" or not result.why.startswith(LACKS):
        return result
    return dataclasses.replace(result, verdict="failed", why=f"the guest has to have it: {result.why}")


def guest_options(kernel):
    """Options of scripts/vm for what the selftests need in the guest, except userfault-run."""
    files = {
        SOURCES / "Documentation/features.rst": "/lib/features.rst",
        SOURCES / "selftests/errno/record": "/lib/errno-record",
        **{BUILD / "selftests/32" / source.stem: f"/lib/32/{source.stem}"
           for folder in ("abi", "compat") for source in sorted((SOURCES / "selftests" / folder).glob("*.c"))},
        **{BUILD / kernel / f"runner/{name}.ko": f"/lib/runner/{name}.ko" for name in RUNNER_MODULES},
        SOURCES / "scripts/60-userfault.rules": "/usr/lib/udev/rules.d/60-userfault.rules",
    }
    return [*(word for here, there in files.items() for word in ("--carry", f"{here}:{there}")),
            "--carry-program", f"{UDEV}:/bin/systemd-udevd",
            "--driver", "drivers/block/brd.ko", *drivers.options(kernel, drivers.KVM)]


def selftests_in_vm(kernel, backends=BACKENDS, specs=(), vm_options=(), options=(), sanitizer=None):
    """The command that runs the selftests on each backend in one boot."""
    pace = ["--timeout", str(TEST_SECONDS * kernels.patience(kernel))]
    program = ["--carry-program" if sanitizer else "--carry",
               f"{BUILD / (sanitizer or '')}/selftests/selftests:/bin/selftests"]
    return [SOURCES / "scripts/vm", "--kernel", kernel, *vm_options, *program, *guest_options(kernel),
            "--", "sh", "-c", (SANITIZER_NEEDS if sanitizer else "") +
            _guest_script(backends, shlex.join([*pace, *options, *specs]))]


def _guest_script(backends, arguments):
    """A script that prints a document for each backend: an empty one if it has none of the named tests."""
    return f"""
        worst=0
        for backend in {' '.join(backends)}; do
            if tests=$(selftests --backend $backend --list {arguments} 2>/dev/null) && test -z "$tests"; then
                {NO_TEST_SELECTED}
            else
                selftests --backend $backend {arguments}
                case $? in 0|{ALL_SKIPPED}) ;; *) worst=1 ;; esac
            fi
        done
        exit $worst"""


def spec_of(test):
    """What chooses this test alone: a comma would begin another one."""
    return '"{}"'.format(test.replace(",", r"\,"))


def kunit_in_vm(kernel, vm_options=(), modules=None):
    """The command that runs the KUnit tests. They have ended when their module is loaded, which is in the
    folder modules, or where make puts it.

    Since Linux 6.16 the kernel runs them by itself only if it is told to.

    It prints a document for each of KUNIT_SUITES, then one on what they have left in the kernel.
    """
    return [SOURCES / "scripts/vm", "--kernel", kernel, "--memory", KUNIT_MEMORY, *vm_options, "--no-module",
            "--append", "kunit.autorun=1",
            "--carry", f"{BUILD}/selftests/selftests:/bin/selftests",
            "--carry", f"{modules or BUILD / kernel}/userfault_kunit.ko:/lib/userfault_kunit.ko",
            "--", "sh", "-c", f"""
        echo 'userfault selftests: kunit' >/dev/kmsg
        insmod /lib/userfault_kunit.ko
        for suite in {' '.join(KUNIT_SUITES)}; do
            sed -n 's/^    //p' /sys/kernel/debug/kunit/userfault_$suite/results
        done
        rmmod userfault_kunit
        exec selftests --aftermath"""]
