# SPDX-License-Identifier: MIT
"""An oriel-vnc under test, on a real oriel-gpu with a guest that these tests play.

ORIEL_GPU and ORIEL_VNC in the environment are the programs' paths.
"""

import faulthandler
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import unittest

import rfb
from rig import case, picture, wait

PROGRAM = os.environ.get("ORIEL_VNC", "oriel-vnc")
TIMEOUT_S = 280

REPORTS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "its process died")


class Vnc:
    """A running oriel-vnc; `doors` is what it printed: {"vnc": where, "web": URL}."""

    def __init__(self, socket, *options, n_doors=1):
        self.stderr = os.memfd_create("stderr", os.MFD_CLOEXEC)
        self.process = subprocess.Popen([PROGRAM, f"--socket={socket}", *options],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.stderr)
        self.doors = {}
        self.output = b""
        for _ in range(n_doors):
            kind, _, where = self.read_line().partition(" ")
            self.doors[kind] = where

    def read_line(self):
        while b"\n" not in self.output:
            wait.wait_fd(self.process.stdout.fileno(), "a line of oriel-vnc", seconds=30)
            data = os.read(self.process.stdout.fileno(), 4096)
            if not data:
                raise AssertionError(f"oriel-vnc ended: {self.log()}")
            self.output += data
        line, _, self.output = self.output.partition(b"\n")
        return line.decode()

    def log(self):
        return os.pread(self.stderr, os.fstat(self.stderr).st_size, 0).decode(errors="replace")

    def wait_log(self, text):
        wait.wait_until(lambda: text in self.log(), f"'{text}' in the log", seconds=20)

    def children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def finish(self):
        """End it. Returns what was wrong with it, or None."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "none in time"
        log = self.log()
        self.process.stdout.close()
        os.close(self.stderr)
        if status != 0 or any(report in log for report in REPORTS):
            return f"oriel-vnc: exit status {status}; it said:\n{log}"
        return None


class VncTest(case.WireTest):
    def vnc(self, machine, *options, n_doors=1):
        vnc = Vnc(machine.daemon.display_path, *(options or ["--listen=127.0.0.1:0"]),
                  n_doors=n_doors)
        self.addCleanup(self.finish_vnc, vnc)
        return vnc

    def finish_vnc(self, vnc):
        wrong = vnc.finish()
        if wrong is not None:
            self.fail(wrong)

    def connect(self, vnc, *args, **kwargs):
        return rfb.Client(self.stream(vnc), *args, **kwargs)

    def stream(self, vnc, source=None):
        stream = rfb.connect(vnc.doors["vnc"], source)
        self.addCleanup(stream.close)
        return stream

    def check_pixels(self, client, width, height, pixels):
        """What the viewer has is exactly this, once all has come."""
        wanted = picture.opaque(pixels)

        def is_so():
            return (client.width, client.height) == (width, height) and client.pixels == wanted
        try:
            client.wait_for(is_so, "the picture", incremental=False)
        except AssertionError as error:
            if (client.width, client.height) != (width, height):
                self.fail(f"{error}: {client.width}x{client.height}, not {width}x{height}")
            self.fail(f"{error}: {picture.first_difference(bytes(client.pixels), wanted, width)}")


def has_input(stream, seconds=0):
    return bool(select.select([stream.fileno()], [], [], seconds)[0])


def main():
    if "ORIEL_VNC" not in os.environ:
        sys.exit("ORIEL_VNC in the environment must be the path of oriel-vnc")
    faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
    unittest.main(verbosity=2)
