# SPDX-License-Identifier: GPL-2.0-only
"""What all test programs print at the end."""

NOTES_SHOWN = 5
VERDICTS = ("passed", "failed", "skipped")


def summarize(suites, hint=""):
    """Prints the summary, with the hint if no test was run.

    Returns whether none failed and at least one passed.
    """
    print("#\n# Summary")
    for each in suites:
        counts = (f"{each.count(verdict):4} {verdict}" for verdict in VERDICTS)
        print(f"# {each.title:24} {'  '.join(counts)}")
    for each in suites:
        for result in each.results:
            if result.verdict == "failed":
                print(f"# FAILED  {each.title}: {result.name}: {result.why}")
                # An indented note is about the one before, such as a frame of a thread's stack
                outline = [note for note in result.notes if not note.startswith("    ")]
                for note in outline[:NOTES_SHOWN]:
                    print(f"#         {note}")
    passed, failed, skipped = (sum(each.count(verdict) for each in suites)
                               for verdict in VERDICTS)
    if hint and not passed + failed + skipped:
        print(f"# No test was run. {hint}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return passed > 0 and failed == 0
