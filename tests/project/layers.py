#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether every include in src/ and programs/ is one that the layers allow.

usage: layers.py ROOT

The table is the block marked "layers" in ARCHITECTURE.md. A line "folder: a b" says that files of
folder may include headers of a and b beside their own; "oriel" is include/oriel. A line
"<name>: folders" says who may include a foreign header. Unit tests are judged as their folder is,
but may use tests/fixture. Only direct includes count.
"""

import pathlib
import re
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def read_table(text):
    """The layers and the foreign headers: two dictionaries of sets."""
    block = re.search(r"^```layers\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if block is None:
        raise SystemExit('ARCHITECTURE.md has no block marked "layers"')
    layers, foreign = {}, {}
    for line in block[1].splitlines():
        line = line.partition("#")[0].strip()
        if not line:
            continue
        name, _, used = line.partition(":")
        name = name.strip()
        target = foreign if name.startswith("<") else layers
        target[name.strip("<>")] = set(used.split())
    unknown = {u for used in layers.values() for u in used} - set(layers) - {"oriel"}
    unknown |= {u for used in foreign.values() for u in used} - set(layers)
    if unknown:
        raise SystemExit(f"ARCHITECTURE.md: layers without a line: {sorted(unknown)}")
    return layers, foreign


def folder_of(path, root):
    """The layer that a file belongs to, or None: src/display/share/x.c is of display/share."""
    parts = path.relative_to(root).parts
    if parts[0] == "src" and len(parts) > 2:
        return "/".join(parts[1:-1])
    if parts[0] in ("programs", "examples"):
        return parts[0]
    return None


def judge_own(folder, header, layers, is_test):
    """What is wrong with an include in quotes, or with one of our public headers."""
    included = header.rpartition("/")[0]
    if included == "" and folder == "examples":
        return None  # one folder, to be compiled without options
    if included == "":
        return f'"{header}": write it from src/, with its folder'
    if included == "fixture":
        return None if is_test else f'"{header}": only tests may use it'
    if included == folder or included in layers[folder]:
        return None
    if folder == "programs" and included not in layers and included != "oriel":
        return None  # of a program's own folder, or of programs/common
    return f'"{header}": {folder} may use {", ".join(sorted(layers[folder])) or "nothing"}'


def judge_foreign(folder, header, foreign):
    for name, users in foreign.items():
        if (header == name or header.startswith(name + "/")) and folder not in users:
            return f"<{header}>: only {', '.join(sorted(users))} may use it"
    return None


def check(root):
    layers, foreign = read_table((root / "ARCHITECTURE.md").read_text())
    complaints, n_includes = [], 0
    for path in tree.files(root):
        folder = folder_of(path, root)
        if path.suffix not in tree.CODE or folder is None:
            continue
        name = tree.name_of(path, root)
        if folder not in layers:
            complaints.append(f"{name}: {folder} has no line in ARCHITECTURE.md")
            continue
        is_test = path.stem.endswith("_test")
        for kind, header in INCLUDE.findall(path.read_text()):
            n_includes += 1
            if kind == '"' or header.startswith("oriel/"):
                wrong = judge_own(folder, header, layers, is_test)
            else:
                wrong = judge_foreign(folder, header, foreign)
            if wrong is not None:
                complaints.append(f"{name}: {wrong}")
    return complaints, n_includes


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree.finish(*check(pathlib.Path(sys.argv[1])), "includes")
