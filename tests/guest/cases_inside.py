# SPDX-License-Identifier: MIT
"""Cases in which Oriel itself runs inside the guest: for what this machine may not have.

A Debian 13 guest has /dev/udmabuf, and a Mesa whose software renderer exports dma-bufs with it. So
the tests of both run there, against a VMM and a guest in Python (tests/wire), and no nested machine
is needed. It has a systemd, too, and nobody there minds what a test does to it (tests/program).
"""

import io
import pathlib
import re
import tarfile

from cases_3d import case, guest, must
from lab import ROOT
from process import Failure, Skip

PLACE = "/run/oriel"
TESTS = "tests.tar"
UNIT = "oriel-gpu@.service"


def pack_tests(folder):
    """The tests that may run there, as a file for the guest."""
    path = pathlib.Path(folder) / TESTS
    sources = [path for name in ("wire", "program")
               for path in sorted((ROOT / "tests" / name).rglob("*.py"))]
    with tarfile.open(path, "w") as archive:
        for source in sources:
            data = source.read_bytes()
            info = tarfile.TarInfo(str(source.relative_to(ROOT / "tests")))
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    return path


def begin(lab, *programs):
    """A guest that has udmabuf, the programs, and the tests in /tmp/wire and /tmp/program."""
    missing = [name for name in programs if name not in lab.programs()]
    if missing:
        raise Skip(f"--add is needed of {', '.join(missing)}")
    agent = guest(lab)
    must(agent, "modprobe udmabuf || true; test -c /dev/udmabuf")
    must(agent, f"[ -d /tmp/wire ] || tar -xf {PLACE}/{TESTS} -C /tmp")
    return agent


def environment(place=PLACE):
    return (f"LD_LIBRARY_PATH={place} ORIEL_GPU={place}/oriel-gpu PYTHONDONTWRITEBYTECODE=1 "
            "HOME=/tmp")


def expect_run(said, least, *wanted):
    """What a test printed: it has run this many tests at least, skipped none, and said this."""
    ran = re.search(r"^Ran (\d+) tests", said, re.M)
    if ran is None or int(ran[1]) < least or "skipped" in said or "SKIP" in said or any(
            text not in said for text in wanted):
        raise Failure(f"not all of it ran: {said}")


@case
def dmabufs(lab):
    """Guest blobs by udmabuf and 3D scanouts by export, mapped and compared inside a guest."""
    agent = begin(lab, "oriel-gpu", "oriel-render")
    said = must(agent, f"cd /tmp/wire && {environment()} python3 test_dmabuf.py")
    expect_run(said, 9, "went as dma-bufs")


@case
def export_table(lab):
    """The table of 3D renderers, exports among it, on a renderer that exports."""
    agent = begin(lab, "virgl_test")
    said = must(agent, f"cd /tmp && {environment()} {PLACE}/virgl_test software")
    if "exported, and mapped" not in said:
        raise Failure(f"nothing was exported: {said}")


@case
def user_service(lab):
    """The unit of systemd, by the systemd of Debian 13: started, killed, stopped, and with 3D."""
    agent = begin(lab, "oriel-gpu", "oriel-render", "oriel", UNIT)
    # That systemd has a /run of its own.
    place = "/tmp/programs"
    must(agent, f"[ -d {place} ] || cp -r {PLACE} {place}")
    said = must(agent, f"cd /tmp/program && {environment(place)} python3 user_service.py "
                f"{place}/oriel-gpu {place}/{UNIT} {place}/oriel {place}/oriel-render")
    expect_run(said, 7)
