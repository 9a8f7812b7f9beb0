#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write what a library exports, as the linker wants it: the functions that its headers declare.

usage: exports.py map NODE HEADER...    a version script, all names in the version NODE
       exports.py list HEADER...        the names, one a line, for objcopy
"""

import pathlib
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DIRECTIVE = re.compile(r"^\s*#(?:[^\n]*\\\n)*[^\n]*$", re.MULTILINE)
BRACES = re.compile(r"\{[^{}]*\}")
NAME = re.compile(r"\b(\w+)\s*\(")
MARK = re.compile(r"ORIEL_API(_CHECKED)?\b")


def strip(text):
    """A header without comments and directives."""
    return DIRECTIVE.sub("", COMMENT.sub("", text))


def declarations(text):
    """Statements of a header outside braces, without comments and directives."""
    text = strip(text).replace('extern "C" {', "")
    while BRACES.search(text):
        text = BRACES.sub("", text)
    return [" ".join(s.split()) for s in text.split(";") if s.strip()]


def declared(headers):
    """Names of the functions that headers declare, and complaints about those without ORIEL_API."""
    names, complaints = set(), []
    for header in headers:
        text = pathlib.Path(header).read_text()
        n_marked = 0
        for statement in declarations(text):
            statement = statement.lstrip("} ")
            match = NAME.search(statement)
            if match is None or statement.startswith("typedef"):
                continue
            names.add(match[1])
            if MARK.match(statement):
                n_marked += 1
            else:
                complaints.append(f"{header}: {match[1]} is declared without ORIEL_API")
        # Whoever reads the headers with less wit than a compiler must notice when he fails.
        if n_marked != len(MARK.findall(strip(text))):
            complaints.append(f"{header}: some ORIEL_API marks no function that was understood")
    return names, complaints


def main():
    if len(sys.argv) >= 4 and sys.argv[1] == "map":
        node, headers = sys.argv[2], sys.argv[3:]
    elif len(sys.argv) >= 3 and sys.argv[1] == "list":
        node, headers = None, sys.argv[2:]
    else:
        sys.exit(__doc__)
    names, complaints = declared(headers)
    if complaints:
        sys.exit("\n".join(complaints))
    if node is None:
        print("\n".join(sorted(names)))
    else:
        lines = "".join(f"\t{name};\n" for name in sorted(names))
        print(f"{node} {{\nglobal:\n{lines}local:\n\t*;\n}};")


if __name__ == "__main__":
    main()
