# SPDX-License-Identifier: MIT
"""Cases in which Oriel itself runs inside the guest: for what this machine may not have.

A Debian 13 guest has /dev/udmabuf, and a Mesa whose software renderer exports dma-bufs with it. So
the tests of both run there, against a VMM and a guest in Python (tests/wire), and no nested machine
is needed.
"""

import io
import pathlib
import re
import tarfile

from cases_3d import case, guest, must
from lab import ROOT
from process import Failure, Skip

PLACE = "/run/oriel"
WIRE = "wire.tar"


def pack_wire(folder):
    """The wire tests as a file for the guest."""
    path = pathlib.Path(folder) / WIRE
    with tarfile.open(path, "w") as archive:
        for source in sorted((ROOT / "tests/wire").rglob("*.py")):
            data = source.read_bytes()
            info = tarfile.TarInfo(str(source.relative_to(ROOT / "tests")))
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    return path


def begin(lab, *programs):
    """A guest that has udmabuf, the programs, and the wire tests in /tmp/wire."""
    missing = [name for name in programs if name not in lab.programs()]
    if missing:
        raise Skip(f"--add is needed of {', '.join(missing)}")
    agent = guest(lab)
    must(agent, "modprobe udmabuf || true; test -c /dev/udmabuf")
    must(agent, f"[ -d /tmp/wire ] || tar -xf {PLACE}/{WIRE} -C /tmp")
    return agent


ENVIRONMENT = (f"LD_LIBRARY_PATH={PLACE} ORIEL_GPU={PLACE}/oriel-gpu PYTHONDONTWRITEBYTECODE=1 "
               "HOME=/tmp")


@case
def dmabufs(lab):
    """Guest blobs by udmabuf and 3D scanouts by export, mapped and compared inside a guest."""
    agent = begin(lab, "oriel-gpu", "oriel-render")
    said = must(agent, f"cd /tmp/wire && {ENVIRONMENT} python3 test_dmabuf.py")
    ran = re.search(r"^Ran (\d+) tests", said, re.M)
    if ran is None or int(ran[1]) < 9 or "skipped" in said or "went as dma-bufs" not in said:
        raise Failure(f"not all of it ran: {said}")


@case
def export_table(lab):
    """The table of 3D renderers, exports among it, on a renderer that exports."""
    agent = begin(lab, "virgl_test")
    said = must(agent, f"cd /tmp && {ENVIRONMENT} {PLACE}/virgl_test software")
    if "exported, and mapped" not in said:
        raise Failure(f"nothing was exported: {said}")
