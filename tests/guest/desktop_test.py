#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the demo says at its end: an address only if somebody is there, and the guest stays."""

import contextlib
import io
import os
import pty
import signal
import sys
import types
import unittest
from unittest import mock

import desktop

URL = "http://127.0.0.1:1/#token=x"


class FakeProcess:
    """An `oriel run` that ends well, and notes what was asked of it."""

    def __init__(self):
        self.signals = []

    def send_signal(self, number):
        self.signals.append(number)

    def wait(self, timeout=None):
        del timeout
        return 0


class Finish(unittest.TestCase):
    def finish(self, stdin, environment):
        """What is printed, and which signals are sent."""
        process = FakeProcess()
        run = types.SimpleNamespace(child=types.SimpleNamespace(process=process), url=lambda: URL)
        printed = io.StringIO()
        with mock.patch.object(sys, "stdin", stdin), mock.patch.dict(os.environ, environment), \
                contextlib.redirect_stdout(printed):
            if "CI" not in environment:
                os.environ.pop("CI", None)
            self.assertEqual(desktop.finish(run, "picture"), 0)
        return printed.getvalue(), process.signals

    def test_nobody_is_there(self):
        """It is ended, and then that is said; there is no address, which would be dead."""
        terminals = pty.openpty()
        for fd in terminals:
            self.addCleanup(os.close, fd)
        with open(os.devnull) as nothing, open(terminals[1], closefd=False) as terminal:
            for stdin, environment in ((nothing, {}), (terminal, {"CI": "true"})):
                text, signals = self.finish(stdin, environment)
                self.assertEqual(signals, [signal.SIGINT])
                self.assertNotIn("http", text)
                self.assertIn("only to prove", text)
                self.assertIn("has ended", text)

    def test_somebody_is_there(self):
        terminals = pty.openpty()
        for fd in terminals:
            self.addCleanup(os.close, fd)
        with open(terminals[1], closefd=False) as terminal:
            text, signals = self.finish(terminal, {})
        self.assertEqual(signals, [])
        self.assertIn(URL, text)
        self.assertIn("Ctrl-C ends it", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
