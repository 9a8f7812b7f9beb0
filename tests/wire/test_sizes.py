#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sizes that viewers want: the guest is told, by event and notification, and asks again."""

import os
import select
import struct
import subprocess

from rig import case, viewer, wait
from rig.case import proves
from rig.gpu import Rect
from rig.qemu_display import QemuDisplay

CONFIG_CHANGE = 2


class Sizes(case.WireTest):
    def viewer(self, machine):
        wishing = viewer.Viewer(machine.daemon, hello=False)
        self.addCleanup(wishing.close)
        wishing.hello(features=2 ** 64 - 1)
        self.assertEqual(wishing.features, viewer.FEATURE_DMABUF | viewer.FEATURE_SIZES)
        return wishing

    def events(self, machine):
        return struct.unpack("<I", machine.vm.conn.get_config(0, 4))[0]

    def clear(self, machine, bits=1):
        machine.vm.conn.set_config(4, struct.pack("<I", bits))

    def wait_notification(self, machine):
        sock = machine.vm.backend
        wait.wait_fd(sock.fileno(), "a configuration change", machine.daemon)
        request, _, size = struct.unpack("<III", sock.recv(12))
        self.assertEqual((request, size), (CONFIG_CHANGE, 0))

    @proves("SPEC-022", "SPEC-201", "SPEC-205")
    def test_live_resize(self):
        """One event, one notification; the guest's answer is the new size, and its EDID says it."""
        machine = self.machine("--heads=2", "--size=800x600")
        wishing = self.viewer(machine)
        self.assertEqual(self.events(machine), 0)
        wishing.set_size(1024, 700, refresh=75_000)
        self.wait_notification(machine)
        self.assertEqual(self.events(machine), 1)
        heads = machine.guest.display_info().heads()
        self.assertEqual(heads[:2], [(Rect(0, 0, 1024, 700), 1, 0),
                                     (Rect(1024, 0, 800, 600), 1, 0)])
        self.clear(machine, 0)
        self.assertEqual(self.events(machine), 1)
        self.clear(machine)
        self.assertEqual(self.events(machine), 0)
        edid = machine.guest.edid(0).edid()
        self.assertEqual(sum(edid[:128]) % 256, 0)
        size = edid[56] | edid[58] >> 4 << 8, edid[59] | edid[61] >> 4 << 8
        self.assertEqual(size, (1024, 700))

    @proves("SPEC-201", "H-151")
    def test_no_change_is_lost(self):
        """A change between the driver's question and its clearing the event raises it again."""
        machine = self.machine("--size=800x600")
        wishing = self.viewer(machine)
        for width in range(801, 900):
            wishing.set_size(width, 600)
        self.wait_notification(machine)
        machine.guest.display_info()
        wishing.set_size(1000, 600)
        self.clear(machine)
        self.wait_notification(machine)
        self.assertEqual(self.events(machine), 1)
        self.assertEqual(machine.guest.display_info().heads()[0][0], Rect(0, 0, 1000, 600))
        self.clear(machine)
        self.assertEqual(self.events(machine), 0)
        wishing.set_size(0, 0)
        self.assertEqual(machine.guest.display_info().heads()[0], (Rect(0, 0, 0, 0), 0, 0))

    @proves("SPEC-201")
    def test_cleared_before_asking(self):
        """A driver may clear the event first and ask then: it is cleared, and told once."""
        machine = self.machine("--size=800x600")
        wishing = self.viewer(machine)
        for width in (1024, 900):
            wishing.set_size(width, 600)
            self.wait_notification(machine)
            self.assertEqual(self.events(machine), 1)
            self.clear(machine)
            self.assertEqual(self.events(machine), 0)
            self.assertEqual(machine.guest.display_info().heads()[0][0], Rect(0, 0, width, 600))
            machine.vm.conn.get_config(0, 16)
            self.assertFalse(select.select([machine.vm.backend], [], [], 0)[0], "told again")

    def test_refused(self):
        """Sizes that cannot be, scanouts that are not there, and screens that are the VMM's."""
        machine = self.machine()
        wishing = self.viewer(machine)
        for wish, code in (((16385, 1), viewer.BAD_SIZE), ((0, 1), viewer.BAD_SIZE),
                           ((1, 1, 0, 9_999), viewer.BAD_SIZE),
                           ((1, 1, 1), viewer.NO_SUCH_SCANOUT),
                           ((1, 1, 2 ** 32 - 1), viewer.NO_SUCH_SCANOUT)):
            with self.assertRaises(viewer.Refused) as refused:
                wishing.set_size(*wish)
            self.assertEqual((refused.exception.code, refused.exception.token),
                             (code, wishing.token))
        self.assertEqual(self.events(machine), 0)
        wishing.set_size(1, 1)
        plain = viewer.Viewer(machine.daemon)  # has not negotiated it
        self.addCleanup(plain.close)
        plain.send(viewer.SET_SIZE, bytes(24))
        self.assertTrue(plain.is_closed())

        qemus = self.machine(display=QemuDisplay(1))
        with self.assertRaises(viewer.Refused) as refused:
            self.viewer(qemus).set_size(800, 600)
        self.assertEqual(refused.exception.code, viewer.NOT_OURS)


class Command(case.WireTest):
    """oriel size, as it is installed."""

    def run_size(self, machine, *args, socket=None):
        socket = machine.daemon.display_path if socket is None else socket
        done = subprocess.run([os.environ["ORIEL"], "size", f"--socket={socket}", *args],
                              text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def test_command(self):
        """It changes a head, and takes its monitor away."""
        machine = self.machine("--heads=2", "--size=800x600")
        self.assertEqual(self.run_size(machine, "640x480@75"), (0, ""))
        self.assertEqual(self.run_size(machine, "--scanout=1", "off"), (0, ""))
        heads = machine.guest.display_info().heads()
        self.assertEqual(heads[:2], [(Rect(0, 0, 640, 480), 1, 0), (Rect(0, 0, 0, 0), 0, 0)])

    def test_failures(self):
        """One line, and a status that says whose fault it is."""
        machine = self.machine(display=QemuDisplay(1))
        for args, status, line in (
                (["800x600"], 1, "the VMM decides the sizes of its screens"),
                (["800"], 2, "one WIDTHxHEIGHT[@HERTZ], or off, is needed; "
                             "'oriel size --help' says more"),
                (["0x1"], 2, "one WIDTHxHEIGHT[@HERTZ], or off, is needed; "
                             "'oriel size --help' says more"),
                (["--scanout=16", "off"], 2, "--scanout needs a number from 0 to 15; "
                                             "'oriel size --help' says more")):
            self.assertEqual(self.run_size(machine, *args), (status, f"oriel size: {line}\n"))
        self.assertEqual(self.run_size(machine, "1x1", socket="/nowhere"),
                         (1, "oriel size: --socket: /nowhere: there is no such socket\n"))
        plain = self.machine("--heads=1")
        self.assertEqual(self.run_size(plain, "--scanout=3", "1x1"),
                         (1, "oriel size: no scanout 3: there are 1\n"))


if __name__ == "__main__":
    case.main()
