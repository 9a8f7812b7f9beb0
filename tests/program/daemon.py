# SPDX-License-Identifier: MIT
"""An oriel-gpu under test, and just enough of a VMM to be one."""

import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

DEADLINE_S = 30
NOBODY = 65534


class Daemon:
    """A running oriel-gpu. Its standard error is read line by line, with a deadline."""

    def __init__(self, *args, ready="waiting for a VMM at", **kwargs):
        self.process = subprocess.Popen([PROGRAM, *args], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
        self.log = ""
        self.seen = 0
        if ready is not None:
            try:
                self.wait_for(ready)
            except AssertionError:
                self.__exit__()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def _read(self, deadline):
        """Append what comes to the log. False at the end."""
        fd = self.process.stderr.fileno()
        if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"nothing more came in time after:\n{self.log}")
        data = os.read(fd, 4096).decode()
        self.log += data
        return data != ""

    def wait_for(self, text):
        """Wait for a new line with this text, and return it."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            while "\n" in self.log[self.seen:]:
                line, _, _ = self.log[self.seen:].partition("\n")
                self.seen += len(line) + 1
                if text in line:
                    return line
            if not self._read(deadline):
                raise AssertionError(f"no line with {text!r} in:\n{self.log}")

    def wait_for_exit(self):
        """The exit status, when the program has ended by itself; the log is complete then."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            pass
        return self.process.wait(DEADLINE_S)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait_for_exit()


class Vmm:
    """A VMM that knows one message."""

    GET_FEATURES = struct.pack("<III", 1, 1, 0)

    def __init__(self, where):
        if isinstance(where, socket.socket):
            self.socket = where
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(DEADLINE_S)
            self.socket.connect(where)
        self.socket.settimeout(DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def ask(self):
        self.socket.sendall(self.GET_FEATURES)

    def receive(self):
        """The answer: header and 64 bits. Fails if another one comes."""
        data = b""
        while len(data) < 20:
            more = self.socket.recv(20 - len(data))
            if more == b"":
                raise AssertionError(f"closed after {data!r}")
            data += more
        request, flags, size = struct.unpack_from("<III", data)
        if (request, flags & 7, size) != (1, 5, 8):
            raise AssertionError(f"not an answer to GET_FEATURES: {data!r}")

    def speak(self):
        self.ask()
        self.receive()

    def is_closed(self):
        """Wait for the other end to close."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class Case(unittest.TestCase):
    """A test with a folder of its own, which nobody (the user) can reach too."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name="gpu.sock"):
        return os.path.join(self.folder, name)

    def run_program(self, *args, **kwargs):
        """Run it to its end: status, standard output, standard error."""
        result = subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                timeout=DEADLINE_S, check=False, **kwargs)
        return result.returncode, result.stdout, result.stderr

    def assert_refused(self, args, line, **kwargs):
        """It says exactly this line, and the exit status is 2."""
        status, out, err = self.run_program(*args, **kwargs)
        self.assertEqual(err, f"oriel-gpu: {line}\n")
        self.assertEqual(out, "")
        self.assertEqual(status, 2)


PROGRAM = ""


def main():
    """Run the tests of the script that was started: SCRIPT.py PROGRAM [TEST]..."""
    global PROGRAM  # pylint: disable=global-statement
    if len(sys.argv) < 2:
        sys.exit("usage: SCRIPT.py PROGRAM [TEST]...")
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
