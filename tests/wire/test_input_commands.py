#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oriel key, oriel type and oriel pointer, as they are installed, with a driver at the other end."""

import os
import subprocess
import unittest

from rig import case, picture
from rig.case_input import InputTest, pressed, released
from rig.input import (BTN_LEFT, BTN_RIGHT, EV_ABS, EV_REL, KEY_A, KEY_B, KEY_LEFTSHIFT,
                       REL_HWHEEL, REL_HWHEEL_HI_RES, REL_WHEEL, REL_WHEEL_HI_RES)

KEY_ENTER, KEY_LEFTCTRL, KEY_LEFTALT, KEY_RIGHTALT, KEY_F2 = 28, 29, 56, 100, 60
KEY_Q, KEY_E, KEY_H, KEY_I, KEY_1 = 16, 18, 35, 23, 2
HAS_KEYMAPS = os.environ.get("ORIEL_KEYMAPS") != "no"
NOT_TAKEN = "the guest did not take it: it has no such device, or no driver for it yet"


def typed(*keys):
    return [[event(key)] for key in keys for event in (pressed, released)]


class Commands(InputTest):
    def start(self, command, *args, socket=None):
        socket = self.daemon_.display_path if socket is None else socket
        process = subprocess.Popen([os.environ["ORIEL"], command, f"--socket={socket}", *args],
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def finish(self, process, status=0, line=""):
        out, err = process.communicate(timeout=60)
        wanted = f"oriel {process.args[1]}: {line}\n" if line else ""
        self.assertEqual((process.returncode, out, err), (status, "", wanted))

    def run_command(self, command, *args, status=0, line="", **kinds):
        self.finish(self.start(command, *args, **kinds), status, line)

    def usage(self, command, *args, line):
        """Wrong usage: one line, and nothing arrives."""
        self.run_command(command, *args, status=2,
                         line=f"{line}; 'oriel {command} --help' says more")


class Key(Commands):
    def setUp(self):
        super().setUp()
        self.daemon_ = self.gpu()
        self.guest = self.keyboard(self.daemon_)

    def test_keys(self):
        process = self.start("key", "ctrl+alt+f2", "a", "shift+b")
        self.assertEqual(self.guest.read_reports(12), [
            [pressed(KEY_LEFTCTRL)], [pressed(KEY_LEFTALT)], [pressed(KEY_F2)],
            [released(KEY_F2)], [released(KEY_LEFTALT)], [released(KEY_LEFTCTRL)],
            [pressed(KEY_A)], [released(KEY_A)],
            [pressed(KEY_LEFTSHIFT)], [pressed(KEY_B)], [released(KEY_B)],
            [released(KEY_LEFTSHIFT)]])
        self.finish(process)

    def test_wrong_usage(self):
        for args, line in (
                ([], "a key is needed"),
                (["a", "ctrl+nokey"], "'nokey' is not a key"),
                (["ctrl+"], "'' is not a key"),
                (["a+a"], "a+a: a key comes twice"),
                (["a+b+c+d+e+f+g+h+i"], "a+b+c+d+e+f+g+h+i: too many keys at once"),
                (["--nonsense"], "--nonsense: no such option")):
            with self.subTest(" ".join(args)):
                self.usage("key", *args, line=line)
        self.check_types(self.guest, self.viewer(self.daemon_))

    def test_failures(self):
        self.run_command("key", "a", status=1, socket="/nowhere",
                         line="--socket: /nowhere: there is no such socket")
        self.daemon_ = self.gpu()
        self.viewer(self.daemon_)  # waits until it listens
        self.run_command("key", "a", status=1, line=NOT_TAKEN)
        self.daemon_ = self.daemon()
        self.viewer(self.daemon_, features=0)
        self.run_command("key", "a", status=1,
                         line="this machine takes no input: its oriel-gpu has neither "
                         "--keyboard-socket nor --tablet-socket")


@unittest.skipUnless(HAS_KEYMAPS, "built without xkbcommon")
class Type(Commands):
    def setUp(self):
        super().setUp()
        self.daemon_ = self.gpu()
        self.guest = self.keyboard(self.daemon_)

    def test_text(self):
        process = self.start("type", "Hi!\n")
        self.assertEqual(self.guest.read_reports(12), [
            [pressed(KEY_LEFTSHIFT)], *typed(KEY_H), [released(KEY_LEFTSHIFT)], *typed(KEY_I),
            [pressed(KEY_LEFTSHIFT)], *typed(KEY_1), [released(KEY_LEFTSHIFT)],
            *typed(KEY_ENTER)])
        self.finish(process)

    def test_keymap(self):
        process = self.start("type", "--keymap=de", "@\u20ac")
        self.assertEqual(self.guest.read_reports(6), [
            [pressed(KEY_RIGHTALT)], *typed(KEY_Q, KEY_E), [released(KEY_RIGHTALT)]])
        self.finish(process)

    def test_a_long_text(self):
        """More than the device queues: it waits for the guest, and nothing is lost."""
        process = self.start("type", "a" * 1000)
        self.assertEqual(self.guest.read_reports(2000), typed(KEY_A) * 1000)
        self.finish(process)

    def test_nothing_is_typed_if_a_character_lacks(self):
        self.run_command("type", "abc\u4e00", status=1,
                         line="the keymap us has no key for U+4E00 '\u4e00': nothing was typed")
        self.run_command("type", "abc\x07", status=1,
                         line="the keymap us has no key for U+0007: nothing was typed")
        self.check_types(self.guest, self.viewer(self.daemon_))

    def test_wrong_usage(self):
        self.usage("type", line="one TEXT is needed")
        self.usage("type", "a", "b", line="one TEXT is needed")
        self.usage("type", os.fsdecode(b"\xff"), line="the text is not UTF-8")
        self.usage("type", "--keymap=nowhere", "a", line="--keymap: there is no 'nowhere'")
        self.check_types(self.guest, self.viewer(self.daemon_))


class Pointer(Commands):
    def setUp(self):
        super().setUp()
        self.daemon_ = self.gpu(by_path=True)
        machine = self.machine(daemon=self.daemon_)
        machine.guest.show(1, 1, 32, 24, picture.noise(32, 24, 1))
        self.guest = self.tablet(self.daemon_, head=1)

    def run_pointer(self, n_reports, *args):
        process = self.start("pointer", "--scanout=1", *args)
        reports = self.guest.read_reports(n_reports)
        self.finish(process)
        return reports

    def test_actions(self):
        corner = [(EV_ABS, 0, 32767), (EV_ABS, 1, 32767)]
        origin = [(EV_ABS, 0, 0), (EV_ABS, 1, 0)]
        self.assertEqual(self.run_pointer(1, "31", "23"), [corner])
        self.assertEqual(self.run_pointer(3, "0", "0", "click"), [origin, *typed(BTN_LEFT)])
        self.assertEqual(self.run_pointer(5, "31", "23", "double-click"),
                         [corner, *typed(BTN_LEFT, BTN_LEFT)])
        self.assertEqual(self.run_pointer(3, "0", "0", "right-click"),
                         [origin, *typed(BTN_RIGHT)])
        self.assertEqual(self.run_pointer(4, "0", "0", "down", "31", "23", "up"),
                         [origin, [pressed(BTN_LEFT)], corner, [released(BTN_LEFT)]])

    def test_scroll(self):
        """Detents come one by one or together, as the guest takes them; the sum is what counts."""
        for n, verb, coarse, fine in ((3, "scroll", REL_WHEEL, REL_WHEEL_HI_RES),
                                      (-2, "scroll", REL_WHEEL, REL_WHEEL_HI_RES),
                                      (1, "hscroll", REL_HWHEEL, REL_HWHEEL_HI_RES)):
            with self.subTest(f"{verb} {n}"):
                process = self.start("pointer", "--scanout=1", "0", "0", verb, str(n))
                events = []
                while sum(v for _, code, v in events if code == fine) != 120 * n:
                    events += [e for e in self.guest.read_reports(1)[0] if e[0] == EV_REL]
                self.finish(process)
                self.assertEqual(sum(v for _, code, v in events if code == coarse), n)
                self.assertEqual({code for _, code, _ in events}, {coarse, fine})

    def test_what_is_down_at_the_end_is_released(self):
        self.assertEqual(self.run_pointer(3, "0", "0", "down")[1:], typed(BTN_LEFT))

    def test_wrong_usage(self):
        place = "X and Y are needed first: numbers from 0 to 16384"
        for args, line in (
                ([], place), (["click"], place), (["1"], place), (["1", "-1"], place),
                (["16385", "1"], place),
                (["1", "1", "press"], "press: not an action"),
                (["1", "1", "scroll"], "scroll: it needs a number from -1000 to 1000"),
                (["1", "1", "scroll", "x"], "scroll: it needs a number from -1000 to 1000"),
                (["1", "1", "click", "5"], "5: X and Y are numbers from 0 to 16384"),
                (["--scanout=16", "1", "1"], "--scanout needs a number from 0 to 15")):
            with self.subTest(" ".join(args)):
                self.usage("pointer", *args, line=line)
        # A screen that is off has no place for a pointer.
        self.run_command("pointer", "1", "1", status=1, line=NOT_TAKEN)
        self.assertEqual(self.guest.collect(), [])


if __name__ == "__main__":
    case.main()
