#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the descriptor for QEMU and libvirt is one that they can use.

usage: descriptor.py FILE

Its fields are those of VhostUserBackend in QEMU's docs/interop/vhost-user.json.
"""

import json
import pathlib
import sys

import tree

FIELDS = {"description": str, "type": str, "binary": str, "tags": list}


def check(path):
    path = pathlib.Path(path)
    try:
        descriptor = json.loads(path.read_text())
    except ValueError as e:
        return [f"{path.name}: not JSON: {e}"], 1
    if not isinstance(descriptor, dict):
        return [f"{path.name}: not an object"], 1
    complaints = []
    for field, value in descriptor.items():
        if field not in FIELDS:
            complaints.append(f"{path.name}: no such field: {field}")
        elif not isinstance(value, FIELDS[field]):
            complaints.append(f"{path.name}: {field} is a {type(value).__name__}")
    for field in ("description", "type", "binary"):
        if field not in descriptor:
            complaints.append(f"{path.name}: {field} is missing")
    if descriptor.get("type") != "gpu":
        complaints.append(f"{path.name}: type is not gpu")
    binary = pathlib.PurePosixPath(str(descriptor.get("binary", "")))
    if not binary.is_absolute() or ".." in binary.parts or binary.name != "oriel-gpu":
        complaints.append(f"{path.name}: binary is not an absolute path to oriel-gpu: {binary}")
    # The name decides the order in which backends are tried.
    if not path.name[:2].isdigit() or path.suffix != ".json":
        complaints.append(f"{path.name}: not NN-name.json")
    return complaints, 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree.finish(*check(sys.argv[1]), "descriptor")
