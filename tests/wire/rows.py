#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which rows of the references the wire tests prove, and which test proves each.

usage: rows.py [PREFIX]      for instance: rows.py H-
"""

import importlib
import pathlib
import re
import sys
import unittest


def proved():
    rows = {}
    folder = pathlib.Path(__file__).parent
    sys.path.insert(0, str(folder))
    for path in sorted(folder.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for case in vars(module).values():
            if not isinstance(case, type) or not issubclass(case, unittest.TestCase):
                continue
            for name, function in vars(case).items():
                for row in getattr(function, "rows", ()):
                    rows.setdefault(row, []).append(f"{path.stem}.{case.__name__}.{name}")
    return rows


def in_order(row):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", row)]


if __name__ == "__main__":
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    for row, tests in sorted(proved().items(), key=lambda item: in_order(item[0])):
        if row.startswith(prefix):
            print(f"{row:10} {', '.join(tests)}")
