#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether a library exports exactly what its headers declare with ORIEL_API, both ways.

usage: symbols.py LIBRARY HEADER...
"""

import pathlib
import re
import subprocess
import sys

import tree

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DIRECTIVE = re.compile(r"^\s*#(?:[^\n]*\\\n)*[^\n]*$", re.MULTILINE)
BRACES = re.compile(r"\{[^{}]*\}")
NAME = re.compile(r"\b(\w+)\s*\(")


def declarations(text):
    """Statements of a header outside braces, without comments and directives."""
    text = DIRECTIVE.sub("", COMMENT.sub("", text))
    text = text.replace('extern "C" {', "")
    while BRACES.search(text):
        text = BRACES.sub("", text)
    return [" ".join(s.split()) for s in text.split(";") if s.strip()]


def declared(headers):
    """Names of the functions that headers declare, and complaints about those without ORIEL_API."""
    names, complaints = set(), []
    for header in headers:
        for statement in declarations(pathlib.Path(header).read_text()):
            statement = statement.lstrip("} ")
            match = NAME.search(statement)
            if match is None or statement.startswith("typedef"):
                continue
            names.add(match[1])
            if not re.match(r"ORIEL_API(_CHECKED)?\b", statement):
                complaints.append(f"{header}: {match[1]} is declared without ORIEL_API")
    return names, complaints


def exported(library):
    output = subprocess.run(["nm", "-D", "--defined-only", library], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return {line.split()[-1].partition("@")[0] for line in output.splitlines()}


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
