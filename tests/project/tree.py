# SPDX-License-Identifier: MIT
"""What the project tests share: the files of the tree, and how a test ends.

A test is a function that takes the root of a tree and returns a list of complaints, so that
selftest.py can show it a tree that is wrong.
"""

import os
import pathlib
import sys

CODE = {".c", ".h", ".cc"}
SCRIPTS = {".py", ".sh"}
BUILD = {".build", ".options"}


def files(root):
    """All files of the tree but hidden ones, build directories and caches; sorted paths."""
    found = []
    for folder, dirs, names in os.walk(root):
        dirs[:] = sorted(d for d in dirs if not d.startswith((".", "build"))
                         and d != "__pycache__"
                         and not os.path.exists(os.path.join(folder, d, "meson-private")))
        found += [pathlib.Path(folder, n) for n in sorted(names) if not n.startswith(".")]
    return found


def has_shebang(path):
    with open(path, "rb") as f:
        return f.read(2) == b"#!"


def is_source(path):
    """Whether people write this file as code or as a script."""
    return path.suffix in CODE | SCRIPTS | BUILD or has_shebang(path)


def name_of(path, root):
    return path.relative_to(root).as_posix()


def finish(complaints, n_looked_at, what):
    """Print the complaints and exit: 1 if there are any, or if there was nothing to look at."""
    for complaint in complaints:
        print(complaint)
    print(f"{n_looked_at} {what}, {len(complaints)} complaints")
    sys.exit(1 if complaints or n_looked_at == 0 else 0)
