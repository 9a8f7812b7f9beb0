#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether a program's options and its man page agree: all of --help is in the page, and the
program knows all that the page has. And that --help fits a screen.

usage: options.py PROGRAM PAGE.scd [SUB-COMMAND]
"""

import pathlib
import re
import subprocess
import sys

import tree

LONG = re.compile(r"--[a-z][a-z-]*")


def said_by(program, *args):
    result = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            stdin=subprocess.DEVNULL, text=True, timeout=20, check=False)
    return result.returncode, result.stdout


def in_page(text):
    """Long options that have an entry: a line that begins with a bold option."""
    entries = [line for line in text.splitlines() if line.startswith("*-")]
    return set(LONG.findall("\n".join(entries)))


def check(program, page, *sub_command):
    page = pathlib.Path(page)
    status, text = said_by(program, *sub_command, "--help")
    complaints = [] if status == 0 else [f"--help exits with {status}"]
    size = len(text.splitlines()), max(map(len, text.splitlines()), default=0)
    if size[0] > 24 or size[1] > 100:
        complaints.append(f"--help does not fit a screen: {size[0]} lines, up to {size[1]} long")
    helped = {o for line in text.splitlines() if line.startswith("  ")
              for o in LONG.findall(line)[:1]}
    written = in_page(page.read_text())
    complaints += [f"{page.name}: {o} is missing" for o in sorted(helped - written)]
    for option in sorted(written - helped):
        status, text = said_by(program, *sub_command, option)
        if status != 2 or "no such option" in text:
            complaints.append(f"{page.name}: {option} is not an option")
    return complaints, len(helped)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    tree.finish(*check(*sys.argv[1:]), "options")
