# SPDX-License-Identifier: MIT
"""The process that renders, and its supervisor: who they are, and how they end."""

import os
import pathlib
import signal

from . import wait

RENDERER = os.environ.get("ORIEL_RENDER", "oriel-render")


def children_of(pid):
    """The pids of a process's children that have not ended, from /proc."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
            except OSError:
                continue  # it has ended meanwhile
            if f"\nPPid:\t{pid}\n" in status and "\nState:\tZ" not in status:
                found.append(int(entry.name))
    return found


def supervisor_of(daemon):
    return wait.wait_until(lambda: (children_of(daemon.process.pid) or [None])[0],
                           "a supervisor", daemon)


def renderer_of(daemon):
    """The pid of the renderer that runs, or is being started."""
    return wait.wait_until(lambda: (children_of(supervisor_of(daemon)) or [None])[0],
                           "a renderer", daemon)


def end_renderer(daemon, number=signal.SIGKILL):
    """End it, and wait until another one is ready."""
    n_before = daemon.stderr_text().count("started again")
    os.kill(renderer_of(daemon), number)
    wait.wait_until(lambda: daemon.stderr_text().count("started again") > n_before,
                    "another renderer", daemon, 30)
