#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What holds for every source file: it begins with its licence, and it owes nothing unnamed.

usage: sources.py ROOT

The first line, or the one behind "#!", is the SPDX line; a C file goes on with a comment that says
what it is for. A note of something still to do has an open issue's number, there are at most 20 of
them, and none in a public header.
"""

import pathlib
import re
import sys

import tree

SPDX = "SPDX-License-Identifier: MIT"
MAX_NOTES = 20
# Written so that this file does not find itself.
NOTE = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b(\(#\d+\):)?")


def judge_licence(path, lines):
    i = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= i or SPDX not in lines[i]:
        return f"line {i + 1} is not the SPDX line"
    if path.suffix in tree.CODE and (len(lines) < 2 or not lines[1].startswith("/*")):
        return "no comment under the SPDX line says what the file is for"
    return None


def check(root):
    complaints, n_files, n_notes = [], 0, 0
    for path in tree.files(root):
        if not tree.is_source(path):
            continue
        n_files += 1
        name = tree.name_of(path, root)
        lines = path.read_text().splitlines()
        wrong = judge_licence(path, lines)
        if wrong is not None:
            complaints.append(f"{name}: {wrong}")
        for n, line in enumerate(lines, 1):
            for note in NOTE.finditer(line):
                n_notes += 1
                if note[1] is None:
                    complaints.append(f"{name}:{n}: a note without an issue")
                if name.startswith("include/"):
                    complaints.append(f"{name}:{n}: a note in a public header")
    if n_notes > MAX_NOTES:
        complaints.append(f"{n_notes} notes, {MAX_NOTES} are allowed")
    return complaints, n_files


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree.finish(*check(pathlib.Path(sys.argv[1])), "files")
