#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oriel-vnc as VNC viewers see it: pixels, cursor, sizes, passwords, and viewers that behave badly."""

import lab
from lab import rfb
from rig import picture
from rig.gpu import Rect


class Pictures(lab.VncTest):
    def test_raw_and_zrle_are_exact(self):
        """Any picture comes through, byte by byte, in both encodings."""
        machine = self.machine()
        vnc = self.vnc(machine)
        pixels = picture.noise(131, 77, 1)
        machine.guest.show(0, 1, 131, 77, pixels)
        for encoding in (rfb.RAW, rfb.ZRLE):
            client = self.connect(vnc, (encoding, rfb.DESKTOP_SIZE))
            self.check_pixels(client, 131, 77, pixels)

    def test_unix_socket(self):
        """At a Unix socket, which nobody else of this machine may open."""
        machine = self.machine()
        path = f"{machine.daemon.folder}/vnc.sock"
        vnc = self.vnc(machine, f"--listen=unix:{path}")
        self.assertEqual(vnc.doors, {"vnc": f"unix:{path}"})
        self.assertEqual(lab.os.stat(path).st_mode & 0o777, 0o600)
        machine.guest.show(0, 1, 64, 48, picture.noise(64, 48, 2))
        self.check_pixels(self.connect(vnc), 64, 48, picture.noise(64, 48, 2))


if __name__ == "__main__":
    lab.main()
