# SPDX-License-Identifier: MIT
"""unittest with a daemon, a machine, a guest and displays; what they leave behind is judged."""

import faulthandler
import os
import sys
import unittest

from . import picture, viewer
from .daemon import Daemon
from .guest import Guest
from .qemu_display import QemuDisplay
from .vm import ALL_PACKED, Vm

TIMEOUT_S = 110


def proves(*rows):
    """Say which rows of the references a test proves.

    SPEC-n: conformance. H-n: hostile input. L-n, W-n, E-n, B-n, O-n: habits of drivers (Linux,
    Windows, UEFI, BSDs and Haiku, others). D-n: places where the references differ. C-n: defects
    of QEMU's back-end. A-n: vhost-user. FE4-n: security bugs of others.
    """
    def mark(function):
        function.rows = rows
        return function
    return mark


# For tests of what only a split ring has.
of_split_rings = unittest.skipIf(ALL_PACKED, "of split rings")


class Machine:
    """A daemon with a virtual machine on it, and what sees its screen."""

    def __init__(self, case, daemon, vm, display):
        self.case = case
        self.daemon = daemon
        self.vm = vm
        self.display = display
        self.guest = Guest(vm)
        self.viewer_ = None

    @property
    def viewer(self):
        if self.viewer_ is None:
            self.viewer_ = self.new_viewer()
        return self.viewer_

    def new_viewer(self, hello=True):
        new = viewer.Viewer(self.daemon, hello)
        self.case.addCleanup(new.close)
        return new

    def check_screen(self, scanout, width, height, pixels, display=True):
        """All that show the scanout show exactly this (B G R X, X = 255)."""
        shot = self.viewer.snapshot(scanout)
        self.case.assertEqual((shot.width, shot.height), (width, height), "snapshot's size")
        if shot.pixels != pixels:
            self.case.fail("snapshot: " + picture.first_difference(shot.pixels, pixels, width))
        if self.display is not None and display:
            self.display.wait_picture(scanout, width, height, pixels)

    def check_off(self, scanout):
        self.case.assertTrue(self.viewer.is_off(scanout), f"scanout {scanout} is on")

    def check_alive(self):
        """The device still serves both queues."""
        self.guest.display_info()
        self.guest.move_cursor(0, 1, 1)


class WireTest(unittest.TestCase):
    def setUp(self):
        self.daemons = []

    def daemon(self, *options, **kinds):
        daemon = Daemon(*options, **kinds)
        self.daemons.append(daemon)
        self.addCleanup(self.finish_daemon, daemon)
        return daemon

    def finish_daemon(self, daemon):
        wrong = daemon.finish()
        if wrong is not None or self.has_failed():
            print(f"--- {self.id()}: the daemon said:\n{daemon.last_words}\n---", file=sys.stderr)
        if wrong is not None:
            self.fail(f"{wrong}\n{daemon.last_words}")

    def has_failed(self):
        return not getattr(self._outcome, "success", True)

    def machine(self, *options, display=None, started=True, connected=True, by_path=False,
                daemon=None, **vm_kinds):
        """A daemon and a machine on it.

        display: a QemuDisplay, or True for a plain one, or None for no GPU socket.
        """
        if daemon is None:
            daemon = self.daemon(*options, by_path=by_path)
        if display is True:
            display = QemuDisplay()
        if display is not None:
            self.addCleanup(self.finish_display, display)
        sock = daemon.main if daemon.socket_path is None else daemon.connect()
        vm = Vm(daemon, sock, display=display, **vm_kinds)
        self.addCleanup(vm.close)
        if connected:
            vm.connect()
        if started and connected:
            vm.start()
        return Machine(self, daemon, vm, display)

    def finish_display(self, display):
        display.close()
        if display.violations:
            self.fail(f"QEMU's display: {display.violations[0]}")

    def expect_exit(self, daemon, status=0):
        self.assertEqual(daemon.wait_exit(), status, daemon.stderr_text())

    def rows_of(self):
        return getattr(getattr(self, self._testMethodName), "rows", ())

    def shortDescription(self):
        first = super().shortDescription() or ""
        rows = ", ".join(self.rows_of())
        return f"{first} [{rows}]" if rows else first


def main():
    if "ORIEL_GPU" not in os.environ:
        sys.exit("ORIEL_GPU in the environment must be the path of oriel-gpu")
    faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
    unittest.main(verbosity=2)
