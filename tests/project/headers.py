#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether every header compiles alone: the public ones as C11 and C++17, the others as C.

usage: headers.py ROOT CFLAGS CC... [-- CXX...]

CFLAGS, one argument, are what private headers need of other libraries; -DNO_GL among them leaves
out those of guest programs with OpenGL. Without a C++ compiler the second half is left out, and said.
"""

import pathlib
import shlex
import subprocess
import sys

import tree

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]


def compile_alone(command, include):
    """The compiler's complaints about a file that only includes one header; '' if none."""
    result = subprocess.run(command + ["-"], input=f"#include {include}\nint alone;\n", text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.stdout if result.returncode != 0 else ""


def commands_for(name, root, cc, cxx, cflags):
    """(include, command) pairs for a header, by where it lies."""
    public = [f"-I{root / 'include'}"]
    private = [f"-I{root / f}" for f in ("src", "include", "tests", "programs")]
    parts = pathlib.PurePath(name).parts
    if parts[0] == "include":
        include = f"<{'/'.join(parts[1:])}>"
        yield include, cc + ["-std=c11", "-pedantic-errors", "-x", "c"] + WARNINGS + public
        if cxx:
            yield include, cxx + ["-std=c++17", "-pedantic-errors", "-x", "c++"] + WARNINGS + public
    elif parts[0] in ("src", "tests", "programs"):
        yield (f'"{"/".join(parts[1:])}"', cc + ["-std=gnu11", "-D_GNU_SOURCE", "-x", "c"]
               + WARNINGS + ["-Wno-unused-function"] + private + cflags)


def check(root, cc, cxx, cflags):
    complaints, n_compiled = [], 0
    for path in tree.files(root):
        if path.suffix != ".h":
            continue
        name = tree.name_of(path, root)
        if "-DNO_GL" in cflags and name.startswith("tests/guest/gl/"):
            continue
        for include, command in commands_for(name, root, cc, cxx, cflags):
            n_compiled += 1
            said = compile_alone(command, include)
            if said:
                complaints.append(f"{name}: {command[0]} {command[len(cc)]}:\n{said}")
    return complaints, n_compiled


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    root, cflags, compilers = pathlib.Path(sys.argv[1]), shlex.split(sys.argv[2]), sys.argv[3:]
    cc, cxx = compilers, []
    if "--" in compilers:
        i = compilers.index("--")
        cc, cxx = compilers[:i], compilers[i + 1:]
    if not cxx:
        print("no C++ compiler: public headers are tried as C11 only")
    tree.finish(*check(root, cc, cxx, cflags), "compilations")


if __name__ == "__main__":
    main()
