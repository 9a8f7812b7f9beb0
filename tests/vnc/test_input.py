#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What viewers type and point at, as it comes out at the display socket."""

import os
import struct
import unittest

import lab
import stage
import web
from lab import rfb
from rig import case_input, wait
from rig.case_input import pressed, released

# linux/input-event-codes.h
KEY_1, KEY_A, KEY_S, KEY_LEFTSHIFT, KEY_RIGHTALT, KEY_7, KEY_SLASH = 2, 30, 31, 42, 100, 8, 53
KEY_ENTER, KEY_KPENTER, KEY_F1, KEY_Q, KEY_E, KEY_LEFTCTRL, KEY_MINUS = 28, 96, 59, 16, 18, 29, 12
KEY_RIGHTSHIFT = 54
BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE = 0x110, 0x111, 0x112, 0x113

SHIFT_L, SHIFT_R, CONTROL_L, CAPS_LOCK, F1, RETURN, KP_1 = (0xFFE1, 0xFFE2, 0xFFE3, 0xFFE5, 0xFFBE,
                                                           0xFF0D, 0xFFB1)


class Input(unittest.TestCase):
    def start(self, *options, features=stage.FEATURE_INPUT, encodings=(rfb.RAW,)):
        self.stage = stage.Stage(features)
        self.addCleanup(self.stage.close)
        self.vnc = lab.Vnc(self.stage.path, "--listen=127.0.0.1:0", *options)
        self.addCleanup(self.finish)
        client = rfb.Client(rfb.connect(self.vnc.doors["vnc"]), encodings)
        self.addCleanup(client.close)
        return client

    def finish(self):
        wrong = self.vnc.finish()
        if wrong is not None:
            self.fail(wrong)

    def check(self, *wanted):
        self.assertEqual(self.stage.wait_for(len(wanted)), list(wanted))
        self.stage.events.clear()

    def settle(self, client):
        """Everything before has come out: this comes behind it."""
        client.point(1, 1)
        wait.wait_until(lambda: ("pointer", 0, 1, 1) in self.stage.events, "the pointer")
        events = [event for event in self.stage.events if event[0] != "pointer"]
        self.stage.events.clear()
        client.point(2, 2)
        wait.wait_until(lambda: self.stage.events, "the pointer again")
        self.stage.events.clear()
        return events

    def test_key_codes(self):
        """QEMU's extension: which key it was, whatever the keysym says."""
        client = self.start("--keymap=de", encodings=(rfb.RAW, rfb.KEY_CODES))
        client.request()
        client.update()
        self.assertTrue(client.has_key_codes)
        for number, code in ((30, KEY_A), (0x9C, KEY_KPENTER), (0xB8, KEY_RIGHTALT), (59, KEY_F1),
                             (0xC6, 119), (0xDB, 125)):
            client.key_code(number, True, ord("x"))
            client.key_code(number, False, ord("y"))
            self.check(("key", code, 1), ("key", code, 0))

    def test_unknown_key_code(self):
        """A viewer that does not know which key it was: then the keysym says it."""
        client = self.start(encodings=(rfb.RAW, rfb.KEY_CODES))
        client.key_code(0, True, ord("a"))
        client.key_code(0, False, ord("a"))
        self.check(("key", KEY_A, 1), ("key", KEY_A, 0))
        client.key_code(0xFFFFFFFF, True, 0xFFFFFFFF)
        self.assertEqual(self.settle(client), [])

    def test_keysyms(self):
        """A keysym is a key of the keymap."""
        client = self.start()
        for keysym, code in ((ord("a"), KEY_A), (RETURN, KEY_ENTER), (F1, KEY_F1), (KP_1, KEY_1)):
            client.key(keysym, True)
            client.key(keysym, False)
            self.check(("key", code, 1), ("key", code, 0))

    def test_shift_is_held(self):
        """Shift and a letter, as people type: nothing is added."""
        client = self.start()
        for keysym, is_down in ((SHIFT_L, 1), (ord("A"), 1), (ord("A"), 0), (SHIFT_L, 0)):
            client.key(keysym, is_down)
        self.check(("key", KEY_LEFTSHIFT, 1), ("key", KEY_A, 1), ("key", KEY_A, 0),
                   ("key", KEY_LEFTSHIFT, 0))

    def test_shift_is_missing(self):
        """A capital without Shift, as with Caps Lock: Shift is added, and Caps Lock is not sent."""
        client = self.start()
        client.key(CAPS_LOCK, True)
        client.key(CAPS_LOCK, False)
        client.key(ord("A"), True)
        client.key(ord("A"), False)
        self.check(("key", KEY_LEFTSHIFT, 1), ("key", KEY_A, 1), ("key", KEY_LEFTSHIFT, 0),
                   ("key", KEY_A, 0))

    def test_shift_is_too_much(self):
        """A slash is Shift and 7 for a German viewer, and has a key of its own in the guest."""
        client = self.start()
        client.key(SHIFT_R, True)
        client.key(ord("/"), True)
        client.key(ord("/"), False)
        client.key(SHIFT_R, False)
        self.check(("key", KEY_RIGHTSHIFT, 1), ("key", KEY_RIGHTSHIFT, 0), ("key", KEY_SLASH, 1),
                   ("key", KEY_RIGHTSHIFT, 1), ("key", KEY_SLASH, 0), ("key", KEY_RIGHTSHIFT, 0))

    def test_other_keymap(self):
        """--keymap: the same characters are other keys, also on the third level."""
        client = self.start("--keymap=de")
        client.key(ord("/"), True)
        client.key(ord("/"), False)
        client.key(ord("@"), True)
        client.key(ord("@"), False)
        self.check(("key", KEY_LEFTSHIFT, 1), ("key", KEY_7, 1), ("key", KEY_LEFTSHIFT, 0),
                   ("key", KEY_7, 0),
                   ("key", KEY_RIGHTALT, 1), ("key", KEY_Q, 1), ("key", KEY_RIGHTALT, 0),
                   ("key", KEY_Q, 0))

    def test_shortcut(self):
        """Control stays as it is."""
        client = self.start()
        client.key(CONTROL_L, True)
        client.key(ord("e"), True)
        client.key(ord("e"), False)
        client.key(CONTROL_L, False)
        self.check(("key", KEY_LEFTCTRL, 1), ("key", KEY_E, 1), ("key", KEY_E, 0),
                   ("key", KEY_LEFTCTRL, 0))

    def test_repeats_and_strangers(self):
        """A key that repeats is pressed once; what is not pressed is not released; unknown keysyms
        are nothing."""
        client = self.start()
        for _ in range(3):
            client.key(ord("s"), True)
        client.key(ord("s"), False)
        client.key(ord("s"), False)
        client.key(0x12345678, True)
        client.key(0x01000439, True)  # a Cyrillic letter, which this layout has not
        self.assertEqual(self.settle(client), [("key", KEY_S, 1), ("key", KEY_S, 0)])

    def test_many_keys(self):
        """More keys than hands have: what is held is released, and no more."""
        client = self.start(encodings=(rfb.RAW, rfb.KEY_CODES))
        for number in range(2, 80):
            client.key_code(number, True)
        for number in range(2, 80):
            client.key_code(number, False)
        events = self.settle(client)
        self.assertGreaterEqual(len(events), 64)
        pressed = [code for _, code, state in events if state == 1]
        released = [code for _, code, state in events if state == 0]
        self.assertEqual(sorted(pressed), sorted(released))

    def test_pointer(self):
        """Positions, buttons where they are pressed, the wheel. Each comes with its place, also if
        the viewer was there before: another one may have moved the pointer meanwhile."""
        client = self.start()
        client.point(10, 20)
        client.point(10, 20, 1)
        client.point(11, 22, 5)
        client.point(11, 22, 0)
        client.point(11, 22, 2)
        client.point(11, 22, 0x80)
        client.point(11, 22, 0)
        first, place = ("pointer", 0, 10, 20), ("pointer", 0, 11, 22)
        self.check(first, first, ("button", 0, BTN_LEFT, 1), place, ("button", 0, BTN_RIGHT, 1),
                   place, ("button", 0, BTN_LEFT, 0), ("button", 0, BTN_RIGHT, 0),
                   place, ("button", 0, BTN_MIDDLE, 1),
                   place, ("button", 0, BTN_MIDDLE, 0), ("button", 0, BTN_SIDE, 1),
                   place, ("button", 0, BTN_SIDE, 0))
        for bit, turn in ((3, (120, 0)), (4, (-120, 0)), (5, (0, -120)), (6, (0, 120))):
            client.point(11, 22, 1 << bit)
            client.point(11, 22, 0)
            self.check(place, ("wheel", 0, *turn), place)

    def test_head(self):
        """The pointer is that of the head that is shown."""
        client = self.start("--head=3")
        client.point(7, 8)
        self.check(("pointer", 3, 7, 8))

    def test_connection_ends(self):
        """A viewer that goes with a key held: its connection to the display socket ends, and the
        server there releases the key."""
        client = self.start()
        client.key(ord("a"), True)
        self.check(("key", KEY_A, 1))
        client.close()
        wait.wait_until(lambda: self.stage.n_gone == 1, "the end of the viewer's connection")

    def test_view_only(self):
        """--view-only: nothing is passed on, no size either."""
        client = self.start("--view-only", features=stage.FEATURE_INPUT | stage.FEATURE_SIZES)
        client.key(ord("a"), True)
        client.point(3, 4, 1)
        client.set_size(640, 480)
        client.request(incremental=False)
        client.update()
        client.request(incremental=False)
        client.update()
        self.assertEqual(self.stage.events, [])
        self.assertNotIn("view only", self.vnc.log())

    def test_no_input(self):
        """A device without keyboard: it is said once, and keys are nothing."""
        client = self.start(features=0)
        client.key(ord("a"), True)
        client.point(3, 4, 1)
        client.request(incremental=False)
        client.update()
        other = rfb.Client(rfb.connect(self.vnc.doors["vnc"]))
        other.close()
        self.assertEqual(self.stage.events, [])
        self.assertEqual(self.vnc.log().count("view only"), 1)

    def test_device_that_does_not_read(self):
        """Input that the device does not take waits, in order, and none of it is lost."""
        client = self.start()
        client.key(ord("a"), True)
        client.key(ord("a"), False)
        self.check(("key", KEY_A, 1), ("key", KEY_A, 0))
        self.stage.is_reading.clear()
        client.stream.sock.settimeout(1)
        n = 0
        try:
            for n in range(200000):
                client.key(ord("s"), n % 2 == 0)
        except TimeoutError:
            pass
        self.assertGreater(n, 10000)
        client.stream.sock.settimeout(None)
        self.stage.is_reading.set()
        wait.wait_until(lambda: len(self.stage.events) >= n - 1, "all keys", seconds=60)
        events = self.stage.events[:n - 1]
        self.assertEqual(events, [("key", KEY_S, 1 - i % 2) for i in range(n - 1)])
        self.assertNotIn("lost", self.vnc.log())


    @unittest.skipUnless(os.path.exists(f"{web.NOVNC}/core/rfb.js"), "noVNC is not there")
    def test_one_frame_with_many_keys(self):
        """One frame of a WebSocket with more than the device takes at once: none of it is lost."""
        self.start()
        vnc = lab.Vnc(self.stage.path, "--web=127.0.0.1:0")
        self.addCleanup(lambda: self.assertIsNone(vnc.finish()))
        client = rfb.Client(web.WebSocket(web.Site(vnc.doors["web"])), (rfb.RAW,))
        self.addCleanup(client.close)
        client.key(ord("a"), True)
        client.key(ord("a"), False)
        self.check(("key", KEY_A, 1), ("key", KEY_A, 0))
        self.stage.is_reading.clear()
        n = 4000
        client.stream.send(b"".join(struct.pack(">BBHI", 4, 1 - i % 2, 0, ord("s"))
                                    for i in range(n)))
        self.stage.is_reading.set()
        wait.wait_until(lambda: len(self.stage.events) >= n, "all keys", seconds=60)
        self.assertEqual(self.stage.events, [("key", KEY_S, 1 - i % 2) for i in range(n)])
        self.assertNotIn("lost", vnc.log())


class Guest(case_input.InputTest):
    """With a real oriel-gpu, that has a keyboard and tablets, behind it."""

    def start(self):
        self.gpu_daemon = self.gpu()
        vnc = lab.Vnc(self.gpu_daemon.display_path, "--listen=127.0.0.1:0", "--head=1")
        self.addCleanup(lambda: self.assertIsNone(vnc.finish()))
        client = rfb.Client(rfb.connect(vnc.doors["vnc"]))
        self.addCleanup(client.close)
        return client

    def test_keys(self):
        """Keys of a viewer are the guest's; what is held when it goes is released."""
        client = self.start()
        keyboard = self.keyboard(self.gpu_daemon)
        client.key(ord("a"), True)
        client.key(ord("a"), False)
        self.assertEqual(keyboard.read_reports(2), [[pressed(KEY_A)], [released(KEY_A)]])
        client.key(SHIFT_L, True)
        client.key(ord("S"), True)
        self.assertEqual(keyboard.read_reports(2), [[pressed(KEY_LEFTSHIFT)], [pressed(KEY_S)]])
        client.close()
        events = [event for report in keyboard.read_reports(2) for event in report]
        self.assertEqual(sorted(events), sorted([released(KEY_LEFTSHIFT), released(KEY_S)]))

    def test_pointer(self):
        """A click of a viewer is one of the tablet of its head."""
        client = self.start()
        tablet = self.tablet(self.gpu_daemon, head=1)
        client.point(10, 10, 1)
        client.point(10, 10, 0)
        # The screen is off: there is no place where the pointer could be, but there are buttons.
        self.assertEqual(tablet.read_reports(2), [[pressed(BTN_LEFT)], [released(BTN_LEFT)]])


if __name__ == "__main__":
    lab.main()
