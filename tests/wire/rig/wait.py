# SPDX-License-Identifier: MIT
"""Waiting, never without an end.

Whoever waits for the daemon also watches whether it still lives, so that a crash is reported at
once and as what it is.
"""

import select
import time

DEADLINE_S = 10.0


class TimedOut(AssertionError):
    """Something that must happen did not happen in time."""


class DaemonDied(AssertionError):
    """The daemon ended while somebody waited for it."""


class Deadline:
    def __init__(self, seconds=None):
        self.seconds = DEADLINE_S if seconds is None else seconds
        self.end = time.monotonic() + self.seconds

    def left_ms(self):
        return max(0, int((self.end - time.monotonic()) * 1000))

    def passed(self):
        return time.monotonic() >= self.end


def wait_fd(fd, what, daemon=None, events=select.POLLIN, seconds=None):
    """Wait until fd is ready. Raises TimedOut, or DaemonDied if the daemon ends first."""
    deadline = Deadline(seconds)
    while not poll_fd(fd, daemon, events, deadline.left_ms()):
        if deadline.passed():
            raise TimedOut(f"{what}: nothing within {deadline.seconds:g} s{said(daemon)}")


def poll_fd(fd, daemon, events, timeout_ms):
    poller = select.poll()
    poller.register(fd, events)
    if daemon is not None:
        poller.register(daemon.pidfd, select.POLLIN)
    ready = dict(poller.poll(timeout_ms))
    if fd in ready:
        return True
    if ready:
        raise DaemonDied(f"the daemon ended{said(daemon)}")
    return False


def wait_until(condition, what, daemon=None, seconds=None):
    """Look again and again, for what no descriptor tells: memory, /proc, a path."""
    deadline = Deadline(seconds)
    pause = select.poll()
    if daemon is not None:
        pause.register(daemon.pidfd, select.POLLIN)
    while True:
        result = condition()
        if result:
            return result
        if deadline.passed():
            raise TimedOut(f"{what}: not within {deadline.seconds:g} s{said(daemon)}")
        if pause.poll(1) and not condition():
            raise DaemonDied(f"{what}: the daemon ended{said(daemon)}")


def said(daemon):
    if daemon is None:
        return ""
    text = daemon.stderr_tail()
    return f"; it said:\n{text}" if text else "; it said nothing"
