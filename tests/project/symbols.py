#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether a library exports exactly what its headers declare with ORIEL_API, both ways.

usage: symbols.py LIBRARY HEADER...

A shared library exports its dynamic symbols, an archive all that its objects have global.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "build"))

from exports import declared
import tree


def exported(library):
    """Names that can be linked with; the version node of a shared library, an 'A', is none."""
    which = "--extern-only" if library.endswith(".a") else "--dynamic"
    output = subprocess.run(["nm", which, "--defined-only", library], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    rows = [line.split() for line in output.splitlines()]
    return {row[2].partition("@")[0] for row in rows if len(row) == 3 and row[1] != "A"}


def check(library, headers):
    names, complaints = declared(headers)
    symbols = exported(library)
    complaints += [f"{n} is declared but not exported" for n in sorted(names - symbols)]
    complaints += [f"{n} is exported but not declared" for n in sorted(symbols - names)]
    return complaints, len(symbols)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    tree.finish(*check(sys.argv[1], sys.argv[2:]), "exported symbols")
