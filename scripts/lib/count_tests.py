#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts what ran in a `meson test`: passed, failed and skipped cases.

usage: count_tests.py BUILD/meson-logs/testlog.json

A test that lists its cases, as cmocka, Python's unittest and TAP do, or that ends with a line like
"3 passed, 0 failed, 1 skipped", counts with each of them; any other counts as one. A test that failed has at least one failed case, whatever it printed. The names
of the failed tests come first, then one line: PASSED FAILED SKIPPED.
"""

import json
import re
import sys

# Results as meson names them.
PASSES = {"OK", "EXPECTEDFAIL"}
SKIPS = {"SKIP"}


def of_cmocka(text):
    n_run = len(re.findall(r"^\[ RUN      \] ", text, re.M))
    n_skipped = len(re.findall(r"^\[  SKIPPED \] ", text, re.M))
    n_passed = len(re.findall(r"^\[       OK \] ", text, re.M))
    # What began and did not end has failed too.
    return n_passed, n_run - n_passed - n_skipped, n_skipped


def of_tap(text):
    lines = re.findall(r"^(not )?ok\b(?:.*# *(skip|todo))?", text, re.M | re.I)
    n_skipped = sum(1 for _, why in lines if why.lower() == "skip")
    n_failed = sum(1 for bad, why in lines if bad and not why)
    return len(lines) - n_failed - n_skipped, n_failed, n_skipped


def of_unittest(text):
    ran = re.search(r"^Ran (\d+) tests? in ", text, re.M)
    if ran is None:
        return 0, 0, 0
    end = text[ran.end():]
    bad = sum(int(n) for n in re.findall(r"\b(?:failures|errors|unexpected successes)=(\d+)", end))
    n_skipped = sum(int(n) for n in re.findall(r"\bskipped=(\d+)", end))
    return max(int(ran[1]) - bad - n_skipped, 0), bad, n_skipped


def of_summary(text):
    lines = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, re.M)
    return tuple(int(n or 0) for n in lines[-1]) if lines else (0, 0, 0)


def cases(test):
    """A test's passed, failed and skipped cases."""
    text = test.get("stdout", "") + "\n" + test.get("stderr", "")
    for of_kind in (of_cmocka, of_unittest, of_tap, of_summary):
        passed, failed, skipped = of_kind(text)
        if passed + failed + skipped > 0:
            break
    if test["result"] not in PASSES | SKIPS:
        return passed, max(failed, 1), skipped
    if passed + failed + skipped > 0:
        return passed, failed, skipped
    return (0, 0, 1) if test["result"] in SKIPS else (1, 0, 0)


def main(path):
    total = [0, 0, 0]
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            counts = cases(test)
            if counts[1] > 0:
                print(f"failed: {test['name']} ({test['result']})")
            total = [a + b for a, b in zip(total, counts)]
    print(*total)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
