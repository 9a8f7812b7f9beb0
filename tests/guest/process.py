# SPDX-License-Identifier: MIT
"""Children of a test: started with a log, watched while one waits, always ended.

A child dies with us (PDEATHSIG), is ended by its pid, and its log's last lines are at hand when a
test fails.
"""

import ctypes
import pathlib
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Skip(Exception):
    """Why a case cannot be had here."""


class Failure(Exception):
    """What a test found wrong, as a sentence."""


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    def __init__(self, name, command, log, pass_fds=(), env=None):
        self.name, self.log = name, pathlib.Path(log)
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                pass_fds=pass_fds, env=env, preexec_fn=die_with_parent)

    def is_alive(self):
        return self.process.poll() is None

    def check(self):
        if not self.is_alive():
            raise Failure(f"{self.name} ended with status {self.process.returncode}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, deadline_s=20):
        """Ask it to end; its exit status, or None if it had to be killed."""
        self.process.terminate()
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def text(self):
        """All that it has said."""
        return self.log.read_text(errors="replace")

    def tail(self, n=25):
        lines = self.log.read_text(errors="replace").splitlines()[-n:]
        return "\n".join([f"--- {self.name}, last lines of its log:"] + lines)


def wait_for(what, deadline_s, attempt, children=()):
    """Call attempt until it returns None; else it returns what is still wrong.

    There is nothing to wait on when pixels arrive, so it is asked again; that a child ends is
    noticed at once.
    """
    end = time.monotonic() + deadline_s
    pause = 0.02
    while True:
        wrong = attempt()
        if wrong is None:
            return
        for child in children:
            child.check()
        if time.monotonic() > end:
            raise Failure(f"{what}: {wrong} (after {deadline_s} s)")
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
