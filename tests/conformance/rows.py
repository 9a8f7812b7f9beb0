#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which rows are proved by which tests: docs/conformance.md, and whether it is complete.

usage: rows.py [--write]

Fails if a row has neither a test nor a reason, if it has both, if a test names a row that does not
exist, or if docs/conformance.md is not what --write would make of it.
"""

import importlib
import os
import pathlib
import re
import sys
import unittest

# Rows of these kinds have three digits.
LONG_KINDS = ("SPEC", "H")
ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/conformance.md"

HEAD = """<!-- SPDX-License-Identifier: MIT -->
# Conformance

What this device is held against, and which test proves it. SPEC-n are requirements of virtio 1.4,
in the order of its text; H-n are inputs of a hostile guest or a confused VMM. L-n, W-n, E-n, B-n
and O-n are what drivers do and rely on beyond the standard: Linux, Windows, UEFI, the BSDs and
Haiku, and others (rcore, SerenityOS, Redox, Fuchsia, NuttX, U-Boot, Asterinas, SeaVGABIOS);
`tests/wire/test_guests_*` replay them. Tests in `tests/wire` talk to the real daemon and know
only the protocols; those in `src` are unit tests. This page is made by `tests/conformance/rows.py
--write` from the tests themselves, and a test fails when it is not up to date.

"""


def expand(kind, words):
    """SPEC-001 … of "001-025 030"; L-1 … of "1-12"."""
    digits = 3 if kind in LONG_KINDS else 1
    for word in words:
        first, _, last = word.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"{kind}-{number:0{digits}}"


def read_rows():
    """All rows, and the reasons of those left out."""
    rows, reasons = [], {}
    for line in (ROOT / "tests/conformance/rows.txt").read_text().splitlines():
        if line == "" or line.startswith("#"):
            continue
        words, _, reason = line.partition(" : ")
        verb, kind, *numbers = words.split()
        if verb == "all":
            rows += expand(kind, numbers)
        else:
            reasons.update((row, reason) for row in expand(kind, numbers))
    return rows, reasons


def wire_tests():
    """(row, name of a test, what it says of itself) of tests/wire."""
    folder = ROOT / "tests/wire"
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    os.environ.setdefault("ORIEL_GPU", "oriel-gpu")  # the tests are read, not run
    for path in sorted(folder.glob("test_*.py")):
        for case in vars(importlib.import_module(path.stem)).values():
            if not isinstance(case, type) or not issubclass(case, unittest.TestCase):
                continue
            for name, function in vars(case).items():
                for row in getattr(function, "rows", ()):
                    yield row, f"wire/{path.stem}: {case.__name__}.{name}"


def unit_tests():
    """(row, file) of C files whose comments name rows, single or as "H-1 to H-3"."""
    for path in sorted(ROOT.glob("src/**/*_test.c")):
        text = path.read_text()
        for kind, first, last in re.findall(
                r"\b(SPEC|H)-(\d{3})(?: to (?:SPEC|H)-(\d{3}))?", text):
            for row in expand(kind, [f"{first}-{last}" if last else first]):
                yield row, str(path.relative_to(ROOT))


def collect():
    proved = {}
    for row, test in [*wire_tests(), *unit_tests()]:
        tests = proved.setdefault(row, [])
        if test not in tests:
            tests.append(test)
    return proved


def make_page(rows, reasons, proved):
    n = sum(row in proved for row in rows)
    lines = [HEAD + f"{n} of {len(rows)} rows have tests; {len(reasons)} are left out, with the "
             "reason.\n", "| row | tests, or why there is none |", "| --- | --- |"]
    for row in rows:
        text = "<br>".join(proved[row]) if row in proved else f"*{reasons.get(row, '')}*"
        lines.append(f"| {row} | {text} |")
    return "\n".join(lines) + "\n"


def main():
    rows, reasons = read_rows()
    proved = collect()
    faults = [f"{row}: no test names it, and no reason says why" for row in rows
              if row not in proved and row not in reasons]
    faults += [f"{row}: left out, and yet a test names it: {proved[row][0]}" for row in reasons
               if row in proved]
    kinds = {row.split("-")[0] for row in rows}
    faults += [f"{row}: named by {tests[0]}, but there is no such row"
               for row, tests in proved.items()
               if row.split("-")[0] in kinds and row not in rows]
    page = make_page(rows, reasons, proved)
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        faults.append("docs/conformance.md is not up to date: run tests/conformance/rows.py --write")
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
