#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether every link in our texts leads to something: a file of the tree, a heading of a text.

usage: links.py ROOT

Links to other machines are not followed: whether those answer is not ours to test. A program of
scripts/ that a text tells people to run is looked for as well.
"""

import pathlib
import re
import sys

import tree

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SCRIPT = re.compile(r"\bscripts/[\w./-]*\w")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(text):
    """The names by which a text's headings are linked to."""
    headings = re.findall(r"^#+ +(.*)", CODE_BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def judge_link(path, target):
    """What is wrong with a link in the file path, or None."""
    name, _, anchor = target.partition("#")
    there = path.parent / name if name else path
    if not there.exists():
        return f"{target} does not exist"
    if anchor and anchor not in anchors(there.read_text()):
        return f"{target}: no such heading"
    return None


def check(root):
    complaints, n_links = [], 0
    for path in tree.files(root):
        if path.suffix != ".md":
            continue
        text = path.read_text()
        targets = [t for t in LINK.findall(CODE_BLOCK.sub("", text))
                   if not re.match(r"\w+:", t)]
        wrong = [judge_link(path, target) for target in targets]
        scripts = SCRIPT.findall(text)
        wrong += [f"{s} does not exist" for s in scripts if not (root / s).exists()]
        n_links += len(targets) + len(scripts)
        complaints += [f"{tree.name_of(path, root)}: {w}" for w in wrong if w is not None]
    return complaints, n_links


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree.finish(*check(pathlib.Path(sys.argv[1])), "links")
