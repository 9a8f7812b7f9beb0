#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keyboard and tablets: what viewers send arrives in the guest, whatever either of them does."""

import os
import struct

from rig import case, picture, wait
from rig.case import proves
from rig.case_input import InputTest, pressed, released
from rig.input import (ABS_INFO, BTN_EXTRA, BTN_LEFT, BTN_RIGHT, EV_ABS, EV_BITS, EV_KEY, EV_LED,
                       EV_REL, EV_REP, ID_DEVIDS, ID_NAME, ID_SERIAL, KEY_A, KEY_B, KEY_ESC,
                       KEY_LEFTSHIFT, PROP_BITS, REL_HWHEEL, REL_HWHEEL_HI_RES, REL_WHEEL,
                       REL_WHEEL_HI_RES, SYN)
from rig.ring import Buffer
from rig.viewer import FEATURE_INPUT, FEATURE_SIZES, PROTOCOL
from rig.vm import ALL_PACKED, PROTOCOL as VHOST_PROTOCOL
from rig.vhost import Msg, Proto


class Config(InputTest):
    @proves("SPEC-280", "SPEC-281")
    def test_keyboard(self):
        """What Linux's driver reads to make an input device of it."""
        keyboard = self.keyboard(self.gpu(), started=False)
        self.assertEqual(keyboard.text(ID_NAME), "Oriel keyboard")
        size, ids = keyboard.select(ID_DEVIDS)
        self.assertEqual((size, struct.unpack_from("<4H", ids)), (8, (6, 0, 1, 1)))
        keys = keyboard.bits(EV_KEY)
        self.assertLessEqual(set(range(1, 84)) | {102, 103, 116, 125, 183}, keys)
        self.assertFalse(keys & {0, 84, BTN_LEFT})
        self.assertEqual(keyboard.bits(EV_LED), {0, 1, 2})
        self.assertEqual(keyboard.select(EV_BITS, EV_REP)[0], 1)
        for type_ in (EV_REL, EV_ABS):
            self.assertEqual(keyboard.bits(type_), set())

    @proves("SPEC-280", "SPEC-281")
    def test_tablet(self):
        tablet = self.tablet(self.gpu(), head=1, started=False)
        self.assertEqual(tablet.text(ID_NAME), "Oriel tablet")
        self.assertEqual(tablet.text(ID_SERIAL), "tablet-1")
        self.assertEqual(tablet.bits(EV_KEY), set(range(BTN_LEFT, BTN_EXTRA + 1)))
        self.assertEqual(tablet.bits(EV_REL), {REL_HWHEEL, REL_WHEEL, REL_WHEEL_HI_RES,
                                               REL_HWHEEL_HI_RES})
        self.assertEqual(tablet.bits(EV_ABS), {0, 1})
        for axis in (0, 1):
            size, info = tablet.select(ABS_INFO, axis)
            self.assertEqual((size, struct.unpack_from("<5I", info)), (20, (0, 32767, 0, 0, 0)))

    @proves("SPEC-280")
    def test_what_there_is_not(self):
        """Size 0, and no byte, for all that the device does not have."""
        tablet = self.tablet(self.gpu(), started=False)
        known = {(ID_NAME, 0), (ID_SERIAL, 0), (ID_DEVIDS, 0), (EV_BITS, EV_KEY),
                 (EV_BITS, EV_REL), (EV_BITS, EV_ABS), (ABS_INFO, 0), (ABS_INFO, 1)}
        for select in (0, 1, 2, 3, 4, 0x0F, PROP_BITS, EV_BITS, ABS_INFO, 0x13, 0xFF):
            for subsel in range(0, 256, 1 if select in (EV_BITS, ABS_INFO) else 17):
                size, value = tablet.select(select, subsel)
                if (select, subsel) in known:
                    self.assertGreater(size, 0)
                else:
                    self.assertEqual((size, value), (0, bytes(128)), f"{select:#x} {subsel:#x}")

    def test_any_part_can_be_read_and_written(self):
        """A byte at a time, and beyond the end."""
        conn = self.keyboard(self.gpu(), started=False).vm.conn
        conn.set_config(1, bytes([EV_LED]))
        conn.set_config(0, bytes([EV_BITS]))
        conn.set_config(2, bytes([77]))
        self.assertEqual(conn.get_config(0, 9), bytes([EV_BITS, EV_LED, 1]) + bytes(5) + b"\x07")
        self.assertEqual(conn.get_config(8, 1), b"\x07")
        self.assertEqual(conn.get_config(134, 16), bytes(16))


class Events(InputTest):
    def test_typing(self):
        """A word, faster than a guest with 4 buffers takes it; the answer says that it has it."""
        daemon = self.gpu()
        keyboard = self.keyboard(daemon)
        viewer = self.viewer(daemon)
        word = [24, 19, 23, 18, 38]
        for key in word:
            viewer.key(key)
        token = viewer.ask_sync()
        self.assertEqual(keyboard.read_reports(10),
                         [[event(key)] for key in word for event in (pressed, released)])
        self.assertEqual(viewer.expect(0x140), (token, 0))

    def test_pointer(self):
        """The scanout's pixels become 0 to 32767; buttons and wheels are reports of their own."""
        machine = self.machine(daemon=self.gpu(by_path=True))
        machine.guest.show(0, 1, 32, 24, picture.noise(32, 24, 1))
        tablet = self.tablet(machine.daemon)
        viewer = self.viewer(machine.daemon)
        viewer.pointer(0, 0)
        self.assertEqual(tablet.read_reports(1), [[(EV_ABS, 0, 0), (EV_ABS, 1, 0)]])
        viewer.pointer(31, 23)
        self.assertEqual(tablet.read_reports(1), [[(EV_ABS, 0, 32767), (EV_ABS, 1, 32767)]])
        viewer.pointer(16, 100000)
        (x, y), = tablet.read_reports(1)
        self.assertEqual((x[2] * 32 // 32768, y), (16, (EV_ABS, 1, 32767)))
        viewer.button(BTN_RIGHT)
        self.assertEqual(tablet.read_reports(2), [[pressed(BTN_RIGHT)], [released(BTN_RIGHT)]])
        viewer.wheel(120)
        self.assertEqual(tablet.read_reports(1),
                         [[(EV_REL, REL_WHEEL, 1), (EV_REL, REL_WHEEL_HI_RES, 120)]])
        viewer.wheel(-90, 240)
        self.assertEqual(tablet.read_reports(2),
                         [[(EV_REL, REL_WHEEL_HI_RES, -90)],
                          [(EV_REL, REL_HWHEEL, 2), (EV_REL, REL_HWHEEL_HI_RES, 240)]])
        viewer.wheel(-30)
        self.assertEqual(tablet.read_reports(1),
                         [[(EV_REL, REL_WHEEL, -1), (EV_REL, REL_WHEEL_HI_RES, -30)]])
        self.assertEqual(viewer.sync(), 0)
        # The scanout is off: there is no place where the pointer could be.
        machine.guest.unref(1)
        viewer.ping()
        viewer.pointer(1, 1)
        self.assertEqual(viewer.sync(), 1)

    def test_the_pointer_comes_back_to_where_it_was(self):
        """Linux passes no value on that an axis has already: there is another one before it."""
        machine = self.machine(daemon=self.gpu(by_path=True))
        for head in (0, 1):
            machine.guest.show(head, head + 1, 32, 24, picture.noise(32, 24, 1))
        tablets = [self.tablet(machine.daemon, head) for head in (0, 1)]
        viewer = self.viewer(machine.daemon)
        place = [(EV_ABS, 0, 32767), (EV_ABS, 1, 0)]
        for head, n_before in ((0, 0), (1, 0), (0, 1), (0, 0), (1, 1)):
            viewer.pointer(31, 0, scanout=head)
            (*before, x, y), = tablets[head].read_reports(1)
            self.assertEqual(([x, y], len(before)), (place, n_before), head)
            for type_, axis, value in before:
                self.assertEqual((type_, axis), (EV_ABS, 0))
                self.assertNotEqual(value, 32767)
                self.assertLess(value, 32768)
        # To begin with, a tablet is at 0, 0 for Linux.
        tablets[0].vm.reset()
        tablets[0].start()
        viewer.pointer(0, 0)
        self.assertEqual(tablets[0].read_reports(1),
                         [[(EV_ABS, 0, 1), (EV_ABS, 0, 0), (EV_ABS, 1, 0)]])

    def test_each_head_has_its_tablet(self):
        daemon = self.gpu()
        tablets = [self.tablet(daemon, head) for head in (0, 1)]
        viewer = self.viewer(daemon)
        viewer.button(BTN_LEFT, 1, scanout=1)
        viewer.button(BTN_RIGHT, 1, scanout=0)
        self.assertEqual(tablets[1].read_reports(1), [[pressed(BTN_LEFT)]])
        self.assertEqual(tablets[0].read_reports(1), [[pressed(BTN_RIGHT)]])
        viewer.button(BTN_LEFT, 1, scanout=2)
        viewer.button(BTN_LEFT, 1, scanout=0xFFFFFFFF)
        viewer.button(0x115, 1)
        viewer.key(BTN_LEFT, 1)
        self.assertEqual(viewer.sync(), 4)

    @proves("SPEC-282")
    def test_whole_reports(self):
        """A guest without room gets nothing of a report, and all of it when it has."""
        daemon = self.gpu()
        keyboard = self.keyboard(daemon, started=False).start(fill=False)
        viewer = self.viewer(daemon)
        viewer.key(KEY_A)
        viewer.ping()
        for n in (1, 1, 1):
            keyboard.add(*[8] * n)
            viewer.ping()
            if len(keyboard.events.pending) == 1:
                self.assertEqual(keyboard.collect(), [])
        self.assertEqual(keyboard.read(2, refill=False), [pressed(KEY_A), SYN])
        self.assertEqual(keyboard.collect(), [])
        keyboard.add(8)
        self.assertEqual(keyboard.read(2, refill=False), [released(KEY_A), SYN])

    @proves("SPEC-283")
    def test_small_buffers(self):
        """They go back empty, and the good ones between them are used."""
        daemon = self.gpu()
        keyboard = self.keyboard(daemon, started=False, size=8).start(fill=False)
        viewer = self.viewer(daemon)
        keyboard.add(8, 7, 1)
        viewer.key(KEY_A)
        self.assertEqual(keyboard.read(2, refill=False), [0, 0])
        keyboard.add(7, 8)
        self.assertEqual(keyboard.read(3, refill=False), [0, pressed(KEY_A), SYN])
        keyboard.add(8, 8)
        self.assertEqual(keyboard.read(2, refill=False), [released(KEY_A), SYN])

    def test_positions_are_merged_and_releases_kept(self):
        """A guest that does not read for 5,000 events; what it must know is there all the same."""
        machine = self.machine(daemon=self.gpu(by_path=True))
        machine.guest.show(0, 1, 32, 24, picture.noise(32, 24, 1))
        tablet = self.tablet(machine.daemon, started=False).start(fill=False)
        viewer = self.viewer(machine.daemon)
        for i in range(1000):
            viewer.pointer(i % 32, i % 24)
            viewer.button(BTN_LEFT)
            viewer.wheel(1 if i % 2 else -1)
            if i % 50 == 0:
                viewer.ping()
        viewer.button(BTN_RIGHT, 1)
        viewer.pointer(31, 0)  # where it was never before
        viewer.button(BTN_LEFT, 0)
        token = viewer.ask_sync()
        viewer.ping()
        tablet.fill()
        events, held = [], set()
        while events[-2:] != [(EV_ABS, 0, 32767), (EV_ABS, 1, 0)]:
            events += [event for report in tablet.read_reports(1) for event in report]
        for type_, code, value in events:
            if type_ == EV_KEY:
                self.assertNotEqual(value, code in held)
                held.symmetric_difference_update({code})
        self.assertLessEqual(len(events), 2 * 256 + 2)
        self.assertEqual(held, set())
        (got, dropped) = viewer.expect(0x140)
        self.assertEqual(got, token)
        self.assertGreater(dropped, 1000)
        viewer.button(BTN_RIGHT)
        self.assertEqual(tablet.read_reports(2), [[pressed(BTN_RIGHT)], [released(BTN_RIGHT)]])


class Viewers(InputTest):
    def test_a_viewer_that_goes_lets_go(self):
        daemon = self.gpu()
        keyboard, tablet = self.keyboard(daemon), self.tablet(daemon)
        viewer, other = self.viewer(daemon), self.viewer(daemon)
        viewer.key(KEY_LEFTSHIFT, 1)
        viewer.key(KEY_A, 1)
        viewer.button(BTN_LEFT, 1)
        self.assertEqual(viewer.sync(), 0)
        other.key(KEY_A, 1)
        self.assertEqual(other.sync(), 0)
        viewer.close()
        self.assertEqual(keyboard.read_reports(3), [[pressed(KEY_LEFTSHIFT)], [pressed(KEY_A)],
                                                    [released(KEY_LEFTSHIFT)]])
        self.assertEqual(tablet.read_reports(2), [[pressed(BTN_LEFT)], [released(BTN_LEFT)]])
        other.key(KEY_A, 0)
        self.assertEqual(keyboard.read_reports(1), [[released(KEY_A)]])

    def test_one_that_breaks_the_protocol_lets_go_too(self):
        daemon = self.gpu()
        keyboard = self.keyboard(daemon)
        viewer = self.viewer(daemon)
        viewer.key(KEY_ESC, 1, 2)
        self.assertEqual(viewer.is_closed().code, PROTOCOL)
        self.assertEqual(keyboard.read_reports(2), [[pressed(KEY_ESC)], [released(KEY_ESC)]])

    def test_a_key_that_is_held_is_not_repeated(self):
        daemon = self.gpu()
        keyboard = self.keyboard(daemon)
        viewer = self.viewer(daemon)
        viewer.key(KEY_A, 1, 1, 1, 0, 0)
        viewer.key(KEY_B, 0)
        self.assertEqual(viewer.sync(), 0)
        self.assertEqual(keyboard.read_reports(2), [[pressed(KEY_A)], [released(KEY_A)]])
        self.check_types(keyboard, viewer)

    def test_the_feature(self):
        """It is there if the machine has a keyboard or a tablet, and has to be asked for."""
        self.assertEqual(self.viewer(self.daemon(), FEATURE_INPUT | FEATURE_SIZES).features,
                         FEATURE_SIZES)
        daemon = self.gpu()
        self.assertEqual(self.viewer(daemon).features, FEATURE_INPUT)
        viewer = self.viewer(daemon, FEATURE_SIZES)
        viewer.key(KEY_A, 1)
        self.assertEqual(viewer.is_closed().code, PROTOCOL)

    def test_syncs_are_limited(self):
        daemon = self.gpu()
        keyboard = self.keyboard(daemon, started=False).start(fill=False)
        viewer = self.viewer(daemon)
        viewer.key(KEY_A)
        tokens = [viewer.ask_sync() for _ in range(16)]
        viewer.ping()
        keyboard.fill()
        keyboard.read_reports(2)
        self.assertEqual([viewer.expect(0x140) for _ in tokens], [(t, 0) for t in tokens])
        keyboard.collect()
        keyboard.vm.stop()
        viewer.key(KEY_A)
        for _ in range(17):
            viewer.ask_sync()
        self.assertEqual(viewer.is_closed().code, PROTOCOL)

    def test_viewers_that_go_with_a_key_down(self):
        """500 of them leave nothing behind."""
        daemon = self.gpu()
        keyboard = self.keyboard(daemon)
        for _ in range(500):
            viewer = self.viewer(daemon)
            viewer.key(KEY_A, 1)
            viewer.close()
            self.assertEqual(keyboard.read_reports(2), [[pressed(KEY_A)], [released(KEY_A)]])
        n_fds = daemon.n_fds()
        viewer = self.viewer(daemon)
        self.check_types(keyboard, viewer)
        self.assertLessEqual(daemon.n_fds(), n_fds + 1)


class Life(InputTest):
    def test_no_driver(self):
        """Without one everything is dropped at once, and nobody waits."""
        daemon = self.gpu()
        viewer = self.viewer(daemon)
        viewer.key(KEY_A)
        viewer.button(BTN_LEFT)
        self.assertEqual(viewer.sync(), 2)
        keyboard = self.keyboard(daemon)
        self.check_types(keyboard, viewer)

    def test_pause(self):
        """What is typed meanwhile, and what waited before, comes when the machine goes on."""
        daemon = self.gpu()
        keyboard = self.keyboard(daemon)
        viewer = self.viewer(daemon)
        viewer.key(KEY_LEFTSHIFT, 1)
        self.assertEqual(keyboard.read_reports(1), [[pressed(KEY_LEFTSHIFT)]])
        for _ in range(3):
            bases = keyboard.vm.stop()
            viewer.key(KEY_A)
            viewer.ping()
            self.assertEqual(keyboard.collect(), [])
            keyboard.start(bases)
            self.assertEqual(keyboard.read_reports(2), [[pressed(KEY_A)], [released(KEY_A)]])
        viewer.key(KEY_LEFTSHIFT, 0)
        self.assertEqual(keyboard.read_reports(1), [[released(KEY_LEFTSHIFT)]])

    def test_reset_in_the_middle(self):
        """What waits is dropped, the viewer is told, and the next driver finds nothing pressed."""
        for protocol in (VHOST_PROTOCOL, VHOST_PROTOCOL & ~(1 << Proto.RESET_DEVICE)):
            with self.subTest(protocol=hex(protocol)):
                daemon = self.gpu()
                keyboard = self.keyboard(daemon)
                viewer = self.viewer(daemon)
                viewer.key(KEY_LEFTSHIFT, 1)
                keyboard.read_reports(1)
                for key in (KEY_A, KEY_B, KEY_ESC):
                    viewer.key(key)
                viewer.ping()
                token = viewer.ask_sync()
                keyboard.vm.reset()
                keyboard.start()
                self.assertEqual(viewer.expect(0x140), (token, 4))
                viewer.key(KEY_LEFTSHIFT, 0)
                self.check_types(keyboard, viewer)

    def test_one_vmm_after_another(self):
        """The input device outlives its VMM; keys that it knew as pressed are forgotten."""
        daemon = self.gpu()
        viewer = self.viewer(daemon)
        for _ in range(5):
            keyboard = self.keyboard(daemon)
            viewer.key(KEY_LEFTSHIFT, 1)
            self.assertEqual(keyboard.read_reports(1), [[pressed(KEY_LEFTSHIFT)]])
            keyboard.close()
            wait.wait_until(lambda: self.is_dropped(viewer), "the end of the VMM", daemon)
            viewer.key(KEY_LEFTSHIFT, 0)

    def is_dropped(self, viewer):
        viewer.key(KEY_ESC, 1, 0)
        return viewer.sync() > 0

    def test_the_gpu_decides_the_end(self):
        """With --once the program ends with the GPU's VMM, whatever the input devices do."""
        daemon = self.gpu("--once", by_path=True)
        keyboard = self.keyboard(daemon)
        keyboard.close()
        keyboard = self.keyboard(daemon)
        viewer = self.viewer(daemon)
        machine = self.machine(daemon=daemon)
        self.check_types(keyboard, viewer)
        machine.vm.close()
        self.expect_exit(daemon)
        self.assertFalse(os.path.exists(self.keyboard_path))
        self.assertFalse(any(map(os.path.exists, self.tablet_paths)))

    def test_devices_do_not_disturb_each_other(self):
        """The keyboard's VMM breaks the protocol; GPU and tablet go on."""
        machine = self.machine(daemon=self.gpu(by_path=True))
        tablet, keyboard = self.tablet(machine.daemon), self.keyboard(machine.daemon)
        keyboard.vm.conn.send(Msg.SET_VRING_NUM, b"\0\0\0")
        self.assertTrue(keyboard.vm.conn.is_closed())
        machine.check_alive()
        viewer = self.viewer(machine.daemon)
        viewer.button(BTN_LEFT, 1)
        self.assertEqual(tablet.read_reports(1), [[pressed(BTN_LEFT)]])
        keyboard.close()
        self.check_types(self.keyboard(machine.daemon), viewer)


class Hostile(InputTest):
    def broken(self, machine, other):
        """The device says so on its own queue, and to its own VMM, until it is reset."""
        machine.events.wait_broken()
        self.assertTrue(machine.vm.needs_reset())
        self.assertFalse(machine.vm.queues[1].is_broken())
        self.assertFalse(other.vm.needs_reset())

    def test_broken_event_queue(self):
        daemon = self.gpu()
        tablet, keyboard = self.tablet(daemon), self.keyboard(daemon, started=False)
        keyboard.start(fill=False)
        viewer = self.viewer(daemon)
        for _ in range(3):
            keyboard.add(8, 8)
            if ALL_PACKED:  # two, for a device that looks at none before it needs two
                keyboard.events.add_entries([(0, 8, 2)])
                keyboard.events.add_entries([(0, 8, 2)])
                keyboard.events.publish()
            else:
                keyboard.events.ring.set_avail_idx(0x7000)
                keyboard.events.kick()
            viewer.key(KEY_A)
            viewer.key(KEY_A)
            self.broken(keyboard, tablet)
            viewer.sync()
            viewer.key(KEY_A)
            self.assertEqual(viewer.sync(), 1)
            viewer.button(BTN_LEFT)
            self.assertEqual(tablet.read_reports(2), [[pressed(BTN_LEFT)], [released(BTN_LEFT)]])
            keyboard.vm.reset()
            keyboard.start()
            self.check_types(keyboard, viewer)
            keyboard.vm.reset()
            keyboard.start(fill=False)

    def test_status_buffers(self):
        """LEDs, and whatever else comes: each goes back with nothing written."""
        daemon = self.gpu()
        keyboard = self.keyboard(daemon, size=8)
        status = keyboard.status
        gpa = status.scratch(64)
        led = struct.pack("<HHI", EV_LED, 1, 1) + struct.pack("<HHI", 0, 0, 0)
        keyboard.vm.memory.write(gpa, led + b"\xA5" * 48)
        shapes = [[Buffer(gpa, 8)], [Buffer(gpa, 16)], [Buffer(gpa, 1)], [Buffer(gpa, 7)],
                  [Buffer(gpa + 16, 8, True)], [Buffer(gpa, 3), Buffer(gpa + 3, 5)],
                  [Buffer(gpa, 8), Buffer(gpa + 16, 8, True)], [Buffer(gpa, 0x10000)]]
        for _ in range(20):
            for shape in shapes:
                pending = status.add_buffers(shape)
                status.publish()
                self.assertEqual(status.wait(pending).size, 0)
        self.check_types(keyboard, self.viewer(daemon))
        self.assertFalse(any("warn" in line for line in daemon.stderr_lines()))

    def test_broken_status_queue(self):
        """It takes nothing else along."""
        daemon = self.gpu()
        keyboard = self.keyboard(daemon)
        viewer = self.viewer(daemon)
        keyboard.status.add_entries([(0, 8, 0)])
        keyboard.status.publish()
        keyboard.status.wait_broken()
        self.assertTrue(keyboard.vm.needs_reset())
        self.assertFalse(keyboard.events.is_broken())
        self.check_types(keyboard, viewer)

    def test_memory_that_is_cut_off(self):
        """The file behind the keyboard's memory shrinks: the device lives."""
        machine = self.machine(daemon=self.gpu(by_path=True))
        keyboard = self.keyboard(machine.daemon)
        viewer = self.viewer(machine.daemon)
        os.ftruncate(keyboard.vm.memory.regions[0].fd, 0)
        for _ in range(3):
            viewer.key(KEY_A)
        viewer.ping()
        machine.check_alive()

    def test_buffers_need_no_kick_while_nobody_types(self):
        daemon = self.gpu()
        keyboard = self.keyboard(daemon, started=False, size=16).start(fill=False)
        self.viewer(daemon).sync()
        keyboard.vm.conn.barrier()
        keyboard.add(8, 8)
        keyboard.events.add_buffers([Buffer(keyboard.events.scratch(8), 8, True)], False)
        self.assertFalse(keyboard.events.ring.publish())


if __name__ == "__main__":
    case.main()
