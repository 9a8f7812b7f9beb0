#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oriel-vnc with viewers that others made: gvnccapture, and TigerVNC's under Xvfb with xdotool."""

import ctypes
import shutil
import unittest

import lab
import others
import stage
from rig import picture, wait
from rig.gpu import Rect

KEYS = {"h": 35, "e": 18, "l": 38, "o": 24, "1": 2, "minus": 12}
SHIFT = 42


def missing(*programs):
    return ", ".join(program for program in programs if shutil.which(program) is None)


@unittest.skipIf(missing("gvnccapture"), "gvnccapture is not there")
class Captures(lab.VncTest):
    def test_pixels(self):
        """gvnccapture's picture is the guest's, pixel by pixel."""
        machine = self.machine()
        vnc = self.vnc(machine)
        for i, (width, height) in enumerate(((640, 480), (1, 1), (333, 77))):
            pixels = picture.noise(width, height, i)
            machine.guest.show(0, 1 + i, width, height, pixels)
            got_width, got_height, got = others.capture(vnc.doors["vnc"],
                                                        f"{machine.daemon.folder}/{i}.png")
            self.assertEqual((got_width, got_height), (width, height))
            wanted = picture.opaque(pixels)
            if got != wanted:
                self.fail(picture.first_difference(got, wanted, width))


@unittest.skipIf(missing("xtigervncviewer", "Xvfb", "xdotool"),
                 f"{missing('xtigervncviewer', 'Xvfb', 'xdotool')}: not there")
class Tiger(lab.VncTest):
    def setUp(self):
        super().setUp()
        self.desktop = others.Desktop()
        self.addCleanup(self.desktop.close)

    def view(self, vnc, *options):
        """Start the viewer; returns its window and where that is."""
        port = vnc.doors["vnc"].rpartition(":")[2]
        self.desktop.start("xtigervncviewer", "-RemoteResize=0", "-AutoSelect=0", *options,
                           f"127.0.0.1::{port}")
        return self.desktop.window("TigerVNC")

    def corner(self, window):
        text = self.desktop.run("xdotool", "getwindowgeometry", "--shell", window).stdout.decode()
        values = dict(line.split("=") for line in text.split())
        return int(values["X"]), int(values["Y"])

    def check_window(self, window, width, height, pixels):
        wanted = picture.opaque(pixels)

        def got():
            return self.desktop.pixels(*self.corner(window), width, height)
        try:
            # It lays a hint over the picture at first, and takes it away after some seconds.
            wait.wait_until(lambda: got() == wanted, "the picture", seconds=60)
        except wait.TimedOut as error:
            self.fail(f"{error}: {picture.first_difference(got(), wanted, width)}")

    def test_encodings(self):
        """Exact pixels in its window, in all encodings that it knows, first and after a change."""
        machine = self.machine()
        guest = machine.guest
        vnc = self.vnc(machine)
        backing = guest.show(0, 1, 320, 240, picture.noise(320, 240, 0))
        for i, options in enumerate((["-PreferredEncoding=ZRLE"], ["-PreferredEncoding=Raw"],
                                     ["-PreferredEncoding=Tight", "-NoJPEG=1"],
                                     ["-PreferredEncoding=Hextile"])):
            window = self.view(vnc, *options)
            self.check_window(window, 320, 240, picture.noise(320, 240, i))
            guest.memory.write(backing, picture.noise(320, 240, i + 1))
            guest.transfer(1, Rect(0, 0, 320, 240))
            guest.flush(1, Rect(0, 0, 320, 240))
            self.check_window(window, 320, 240, picture.noise(320, 240, i + 1))
            self.desktop.programs[-1].kill()
            self.desktop.programs[-1].wait()

    def test_password(self):
        """Its own idea of VNC's authentication agrees with ours."""
        machine = self.machine()
        machine.guest.show(0, 1, 320, 240, picture.noise(320, 240, 1))
        folder = machine.daemon.folder
        with open(f"{folder}/password", "w") as file:
            file.write("sesame\n")
        library = ctypes.CDLL("libvncserver.so.1")
        library.rfbEncryptAndStorePasswd(b"sesame", f"{folder}/hidden".encode())
        vnc = self.vnc(machine, "--listen=127.0.0.1:0", f"--password-file={folder}/password")
        window = self.view(vnc, "-PreferredEncoding=ZRLE", f"-passwd={folder}/hidden")
        self.check_window(window, 320, 240, picture.noise(320, 240, 1))

    def test_typing(self):
        """A word that is typed into its window arrives as keys, and a click where it was made."""
        theatre = stage.Stage()
        self.addCleanup(theatre.close)
        vnc = lab.Vnc(theatre.path, "--listen=127.0.0.1:0")
        self.addCleanup(self.finish_vnc, vnc)
        window = self.view(vnc)
        self.desktop.run("xdotool", "mousemove", "--window", window, "100", "50", "click", "1")
        wait.wait_until(lambda: ("button", 0, 0x110, 0) in theatre.events, "a click", seconds=30)
        self.assertIn(("pointer", 0, 100, 50), theatre.events)
        theatre.events.clear()
        self.desktop.run("xdotool", "windowfocus", "--sync", window)  # nobody manages windows here
        self.desktop.run("xdotool", "key", "--delay", "50", "h", "e", "l", "l", "o", "exclam")
        wanted = ["h", "e", "l", "l", "o", "1"]

        def pressed():
            return [event[1] for event in list(theatre.events)
                    if event[0] == "key" and event[2] == 1 and event[1] != SHIFT]
        wait.wait_until(lambda: pressed() == [KEYS[name] for name in wanted],
                        f"the word's keys, have {theatre.events}", seconds=30)
        self.assertIn(("key", SHIFT, 1), theatre.events)


if __name__ == "__main__":
    lab.main()
