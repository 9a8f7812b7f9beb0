#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether a program or library needs only the shared libraries that it may.

usage: needed.py FILE --only NAME...     the file itself names no other ones
       needed.py FILE --never NAME...    none of these, also not through others

A NAME is the start of a file name, such as libpixman-1.so. The C library, the loader and the
runtimes of compiler and sanitizers are always allowed.
"""

import re
import subprocess
import sys

import tree

ALWAYS = ("libc.so", "libm.so", "ld-linux", "linux-vdso", "libgcc_s.so", "libasan.so",
          "libubsan.so", "libtsan.so", "libclang_rt")


def direct(path):
    output = subprocess.run(["readelf", "-d", path], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", output))


def all_of(path):
    output = subprocess.run(["ldd", path], check=True, text=True, stdout=subprocess.PIPE).stdout
    return {line.split()[0].rpartition("/")[2] for line in output.splitlines() if line.strip()}


def check(path, rule, names):
    if rule == "--only":
        libraries = direct(path)
        allowed = ALWAYS + tuple(names)
        wrong = {lib for lib in libraries if not lib.startswith(allowed)}
    elif rule == "--never":
        libraries = all_of(path)
        wrong = {lib for lib in libraries if lib.startswith(tuple(names))}
    else:
        raise SystemExit(__doc__)
    return [f"{path} needs {lib}" for lib in sorted(wrong)], len(libraries)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    tree.finish(*check(sys.argv[1], sys.argv[2], sys.argv[3:]), "libraries")
