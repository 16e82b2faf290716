# SPDX-License-Identifier: GPL-2.0-only
"""What the tools say and are wrong about, if it can't be said beside the code.

Each row is for one tool: a pattern for its message, one for "PATH: LINE OF CODE", and the reason. A row
that silences nothing any more fails the check.
"""

import re

from .program import FINDING, SOURCES

ROWS = [
    ("checkpatch", r"COMPLEX_MACRO|MULTISTATEMENT_MACRO|TRAILING_SEMICOLON|MACRO_ARG_(UNUSED|PRECEDENCE)",
     r"kernel/compat/(ksyms|check_interfaces)\.[ch]: ",
     "these macros are rows of tables, and what is done with each row; none is an expression"),
    ("checkpatch", r"MACRO_ARG_REUSE", r"",
     "the arguments are names, and numbers of releases: evaluating one twice makes no difference"),
    ("checkpatch", r"LINUX_VERSION_CODE|CONSTANT_COMPARISON", r"(kernel/compat/|scripts/tests/modules/).*LINUX_VERSION_CODE",
     "the module is for many kernels; scripts/check-layout sees to it that the rest of kernel/ has no versions"),
    ("checkpatch", r"SPACING", r".*__has_include\(<", "checkpatch takes the <> of a header for operators"),
    ("checkpatch", r"SPACING", r".*uf_fill_run_fn \*", "checkpatch takes the pointer for a product"),
    ("checkpatch", r"CAMELCASE", r".*(HPage|_Static_assert)", "mm and the language have these names"),
    ("checkpatch", r"BIT_MACRO|PREFER_DEFINED_ATTRIBUTE_MACRO", r"uapi/linux/", "user space has no such macros"),
    ("checkpatch", r"BIT_MACRO", r".*define (UF_FEATURE_INITIALIZED|UF_WAIT_BUCKETS|LIMIT)\b",
     "the first is written like mm's own flag, the others are a number and an address"),
    ("checkpatch", r"UNCOMMENTED_DEFINITION", r".*spinlock_t \*\w+;", "a pointer to a lock of mm"),
    ("checkpatch", r"AVOID_EXTERNS", r".*(uf_hook_stub_\w+|hold_directly)\(void\);",
     "they are written in assembly, and only this file may know them"),
    ("checkpatch", r"LINE_SPACING", r"kernel/region.c: \s*VMA_ITERATOR\(", "it is a declaration"),
    ("checkpatch", r"OPEN_BRACE", r".*child_is_held_for_each_telling\(", "the name of a function, not of a loop"),
    ("checkpatch", r"LONG_LINE", r'.*(#error|#warning|WARN_ONCE)\b.*"', "a message is one line, so that grep finds it"),
    ("checkpatch", r"ALLOC_SIZEOF_STRUCT", r".*run->kept = ", "kept points to void"),
    ("analyzer", r"NULL .ctx.", r".*/asm/atomic\.h: |kernel/event\.c: .*trace_event_queued\(",
     "only a VMA that has a context is reported as moved or unmapped"),
    ("analyzer", r"NULL .0.", r".*mremaps->from = from;",
     "mm copies a mapping that has a context, and the copy has the same"),
    ("analyzer", r"NULL .filling\.ops.|uninitialized value .\*filling\.unit.", r".*kernel/fill\.c: .*filling->",
     "uf_fill_all() plans a run only when the locks are held, which is when both are set"),
    ("checkpatch", r"STATIC_CONST_CHAR_ARRAY", r".*char held\[\]", "ftrace takes a name that it may change"),
]


def code_at(path, number):
    file = SOURCES / path
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    return lines[number - 1] if number <= len(lines) else ""


def row_of(name, line):
    """The row that silences a line of a tool, if one does."""
    finding = FINDING.match(line)
    if not finding:
        return None
    place = f"{finding['path']}: {code_at(finding['path'], int(finding['line']))}"
    for row in ROWS:
        tool, message, code, _reason = row
        if tool == name and re.search(message, finding["text"]) and re.match(code, place):
            return row
    return None


def apply(name, said):
    """The lines that are left, and the rows that have silenced nothing."""
    rows = [row_of(name, line) for line in said]
    return ([line for line, row in zip(said, rows) if not row],
            [row for row in ROWS if row[0] == name and row not in rows])
