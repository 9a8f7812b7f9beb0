#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sizes that viewers want: the guest is told, by event and notification, and asks again."""

import struct

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
        self.assertEqual(wishing.features, viewer.FEATURE_SIZES)
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


if __name__ == "__main__":
    case.main()
