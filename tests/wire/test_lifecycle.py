#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pause, reset, reboot, the VMM's end and the next VMM: what stays and what goes."""

import os
import signal
import struct

from rig import case, gpu, picture, vhost
from rig.case import proves
from rig.gpu import Rect
from rig.qemu_display import GET_DISPLAY_INFO, QemuDisplay
from rig.ring import SplitRing
from rig.vhost import Msg, Proto
from rig.viewer import CONFIG, GONE, SCANOUT_OFF, Refused, Viewer
from rig.vm import PROTOCOL

WHOLE = Rect(0, 0, 32, 24)
NO_RESET = PROTOCOL & ~(1 << Proto.RESET_DEVICE)


class LifeTest(case.WireTest):
    def drawn(self, *options, **kinds):
        kinds.setdefault("display", QemuDisplay())
        machine = self.machine(*options, **kinds)
        self.pixels = picture.noise(32, 24, 1)
        self.backing = machine.guest.show(0, 1, 32, 24, self.pixels)
        return machine

    def check_kept(self, machine):
        machine.check_screen(0, 32, 24, picture.opaque(self.pixels))
        machine.guest.create(1, 8, 8, expect=gpu.ERR_INVALID_RESOURCE_ID)
        machine.guest.transfer(1, WHOLE)
        machine.guest.flush(1, WHOLE)
        machine.check_screen(0, 32, 24, picture.opaque(self.pixels))

    def check_dropped(self, machine):
        machine.check_off(0)
        machine.guest.unref(1, gpu.ERR_INVALID_RESOURCE_ID)
        machine.check_alive()


class StopAndReset(LifeTest):
    @proves("C14")
    def test_stop_and_cont(self):
        """Pause and go on, with and without RESET_DEVICE negotiated: resources, backing, scanout
        and cursor stay, and QEMU's new display socket shows them again."""
        for protocol in (PROTOCOL, NO_RESET):
            with self.subTest(protocol=hex(protocol)):
                machine = self.drawn(protocol=protocol)
                machine.guest.image(2, 64, 64, picture.noise(64, 64, 2), gpu.B8G8R8A8)
                machine.guest.update_cursor(0, 3, 4, 2)
                for _ in range(3):
                    bases = machine.vm.stop()
                    self.assertEqual(bases, [q.ring.base() for q in machine.vm.queues])
                    machine.vm.start(bases)
                    machine.display.wait_picture(0, 32, 24, picture.opaque(self.pixels))
                    machine.display.wait_cursor(
                        0, lambda c: c.visible and (c.x, c.y) == (3, 4) and
                        c.pixels == picture.noise(64, 64, 2), "no cursor on the new socket")
                    self.check_kept(machine)

    @proves("C14", "H-050")
    def test_reset(self):
        """RESET_DEVICE drops all; a guest that boots again finds its ids free."""
        machine = self.drawn()
        for _ in range(3):
            machine.vm.reset()
            machine.check_off(0)
            machine.vm.start()
            self.check_dropped(machine)
            machine.guest.show(0, 1, 32, 24, self.pixels)
            machine.check_screen(0, 32, 24, picture.opaque(self.pixels))

    @proves("C14")
    def test_reset_without_reset_device(self):
        """A driver that starts with another base than the one at the stop is a new one."""
        machine = self.drawn(protocol=NO_RESET)
        machine.vm.stop()
        machine.vm.forget_rings()
        machine.vm.start()
        self.check_dropped(machine)

    @case.of_split_rings
    @proves("C14")
    def test_new_driver_at_base_0(self):
        """Base 0 again, after 65,536 commands: other ring addresses say that it is a new driver."""
        machine = self.machine(protocol=NO_RESET)
        queue = machine.vm.control
        machine.vm.stop()
        queue.restart(65536 - 5)
        machine.vm.start()
        self.pixels = picture.noise(32, 24, 1)
        machine.guest.show(0, 1, 32, 24, self.pixels)
        bases = machine.vm.stop()
        self.assertEqual(bases[0], 0)
        queue.restart(0)
        machine.vm.start([0, bases[1]])
        self.check_kept(machine)

        rest = 65536 - queue.ring.seen
        machine.guest.batch([gpu.flush(1, WHOLE)] * rest)
        bases = machine.vm.stop()
        self.assertEqual(bases[0], 0)
        queue.ring = SplitRing(machine.vm.memory, 64, True)
        queue.restart(0)
        machine.vm.start([0, bases[1]])
        self.check_dropped(machine)

    @proves("H-058", "A-8")
    def test_stop_with_requests_in_flight(self):
        """GET_VRING_BASE answers what waits for QEMU's display; the base is the used index."""
        machine = self.drawn()
        display, queue = machine.display, machine.vm.control
        machine.guest.display_info()
        display.hold_replies()
        asked = sum(r == GET_DISPLAY_INFO for r, _ in display.requests)
        pending = [queue.add(gpu.get_display_info(gpu.fenced(i)), 408) for i in range(5)]
        pending.append(queue.add(gpu.flush(1, WHOLE, gpu.fenced(9))))
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO, asked + 1)
        with display.changed:
            display.held = None
        bases = machine.vm.stop()
        queue.collect()
        done = [p for p in pending if p.answer is not None]
        self.assertEqual(done, pending[:len(done)])
        self.assertEqual(bases[0], queue.ring.base())
        machine.vm.start(bases)
        queue.publish(kick=True)
        queue.wait(*pending)
        self.check_kept(machine)

    @proves("H-051")
    def test_queue_stopped_alone(self):
        """One queue is stopped and started while the other one runs."""
        machine = self.drawn()
        vm = machine.vm
        vm.conn.vring_state(Msg.SET_VRING_ENABLE, 1, 0)
        base = vm.conn.get_vring_base(1)
        moved = vm.cursor.add(gpu.move_cursor(0, 1, 1))
        vm.cursor.publish(kick=True)
        self.check_kept(machine)
        self.assertIsNone(moved.answer)
        vm.set_up(vm.cursor, base)
        vm.conn.vring_state(Msg.SET_VRING_ENABLE, 1, 1)
        vm.cursor.wait(moved)

    @proves("SPEC-002")
    def test_disabled_queue(self):
        """A queue that is disabled serves nothing, and what came meanwhile when it is enabled."""
        machine = self.drawn()
        vm = machine.vm
        vm.conn.vring_state(Msg.SET_VRING_ENABLE, 0, 0)
        pending = vm.control.add(gpu.get_display_info(), 408)
        vm.control.publish(kick=True)
        machine.guest.move_cursor(0, 1, 1)
        self.assertFalse(vm.control.ring.has_used())
        vm.conn.vring_state(Msg.SET_VRING_ENABLE, 0, 1)
        self.assertEqual(vm.control.wait(pending).type, gpu.OK_DISPLAY_INFO)

    @proves("H-050", "SPEC-010")
    def test_many_resets(self):
        """300 boots leave nothing behind."""
        machine = self.machine(display=QemuDisplay())
        counts = []
        for i in range(300):
            machine.guest.batch([request for r in range(20) for request in (
                gpu.create_2d(1 + r, 2, 32, 24), gpu.attach(1 + r, [(machine.vm.control.arena,
                                                                     4096)]))])
            machine.guest.set_scanout(0, 1, WHOLE)
            machine.guest.flush(1, WHOLE)
            machine.vm.reboot()
            if i in (99, 299):
                counts.append((machine.daemon.resident_kib(), machine.daemon.n_fds(),
                               machine.daemon.n_mappings()))
        limit = 9000 if machine.daemon.is_sanitized() else 500
        self.assertLess(counts[1][0] - counts[0][0], limit)
        self.assertLessEqual(counts[1][1], counts[0][1] + 1)
        self.assertLessEqual(counts[1][2], counts[0][2] + 10)


class NextVmm(LifeTest):
    @proves("C24")
    def test_one_after_another(self):
        """The VMM goes, with work in flight; the next one finds a clean device."""
        daemon = self.daemon(by_path=True)
        for i in range(5):
            machine = self.drawn(daemon=daemon)
            for _ in range(10):
                machine.vm.control.add(gpu.flush(1, WHOLE))
            if i % 2:
                machine.vm.control.publish()
            machine.vm.close()
        machine = self.machine(daemon=daemon)
        machine.check_off(0)
        machine.guest.unref(1, gpu.ERR_INVALID_RESOURCE_ID)

    @proves("C24")
    def test_viewers_stay(self):
        """A viewer sees the screen go off with its VMM, and that of the next one."""
        daemon = self.daemon(by_path=True)
        viewer = Viewer(daemon)
        self.addCleanup(viewer.close)
        viewer.subscribe(1)
        for i in range(3):
            machine = self.machine(daemon=daemon)
            pixels = picture.noise(32, 24, i)
            machine.guest.show(0, 1, 32, 24, pixels)
            viewer.frame(0)
            self.assertTrue(viewer.snapshot(0).pixels == picture.opaque(pixels))
            machine.vm.close()
            viewer.expect(CONFIG, lambda fields: fields[1] is None)
            with self.assertRaises(Refused) as refused:
                viewer.snapshot(0)
            self.assertIn(refused.exception.code, (5, SCANOUT_OFF))

    def test_reboot_under_a_viewer(self):
        """A guest that boots again uses its ids again; who has the old buffers is told."""
        machine = self.machine()
        viewer = machine.viewer
        viewer.subscribe(1)
        for i in range(5):
            pixels = picture.noise(32, 24, i)
            machine.guest.show(0, 1, 32, 24, pixels)
            viewer.frame(0)
            buffer, rect = viewer.configs[0]
            self.assertTrue(picture.opaque(buffer.crop(rect)) == picture.opaque(pixels))
            machine.vm.reboot()
            gone = viewer.expect(GONE)
            self.assertEqual(gone, (buffer.id,))
            viewer.released(buffer.id)

    def test_end_under_a_viewer(self):
        """SIGTERM, and --fd's end, with a viewer that has buffers and snapshots: status 0."""
        for kept in (False, True):
            for by_path in (True, False):
                daemon = self.daemon(by_path=by_path)
                viewer = Viewer(daemon)
                self.addCleanup(viewer.close)
                viewer.subscribe(1, 1)
                machine = self.machine(daemon=daemon)
                machine.guest.show(0, 1, 32, 24)
                viewer.frame(0)
                viewer.snapshot(0, release=False)
                if kept:
                    machine.guest.unref(1)
                    viewer.expect(GONE)
                if by_path:
                    daemon.terminate()
                else:
                    machine.vm.close()
                self.expect_exit(daemon, 0)

    def test_second_vmm_waits(self):
        """While one VMM is served another one waits, or is turned away; the first feels nothing."""
        daemon = self.daemon(by_path=True)
        machine = self.drawn(daemon=daemon)
        second = daemon.connect()
        self.addCleanup(second.close)
        self.check_kept(machine)
        machine.vm.close()
        second.close()
        self.machine(daemon=daemon).check_alive()

    def test_fd_ends_with_its_vmm(self):
        """--fd: exit status 0 when the VMM goes, also in the middle."""
        for started in (False, True):
            machine = self.machine(started=started)
            if started:
                machine.guest.show(0, 1, 8, 8)
            machine.vm.close()
            self.expect_exit(machine.daemon, 0)
        daemon = self.daemon()
        daemon.main.close()
        self.expect_exit(daemon, 0)

    def test_once(self):
        """--once: ends with the first VMM, and takes its sockets away."""
        daemon = self.daemon("--once", by_path=True)
        machine = self.machine(daemon=daemon)
        machine.guest.show(0, 1, 8, 8)
        machine.vm.close()
        self.expect_exit(daemon, 0)
        self.assertEqual(os.listdir(daemon.folder), [])

    def test_signals(self):
        """SIGTERM and SIGINT end it at once with 0, with a VMM and without; sockets are removed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            for with_vmm in (False, True):
                daemon = self.daemon(by_path=True)
                if with_vmm:
                    self.drawn(daemon=daemon)
                else:
                    daemon.connect().close()
                daemon.process.send_signal(number)
                self.expect_exit(daemon, 0)
                self.assertEqual(os.listdir(daemon.folder), [])


class Status(LifeTest):
    @proves("H-055")
    def test_status(self):
        """What SET_STATUS says is told back; nothing that QEMU sends there ends the device."""
        machine = self.drawn()
        for status in (0, 1, 3, 8, 11, 15, 128, 191):
            machine.vm.conn.send(Msg.SET_STATUS, vhost.u64(status))
            machine.vm.conn.get_status()
        self.assertFalse(machine.vm.needs_reset())
        machine.vm.reboot()
        machine.check_alive()

    def test_reset_twice_and_early(self):
        """RESET_DEVICE at any time: before anything, twice, while the rings run."""
        machine = self.machine(started=False)
        for _ in range(3):
            machine.vm.tell_reset()
        machine.vm.start()
        machine.guest.show(0, 1, 8, 8)
        machine.vm.tell_reset()
        machine.vm.conn.barrier()
        machine.check_off(0)
        machine.vm.conn.send(Msg.GET_VRING_BASE, struct.pack("<II", 0, 0))
        machine.vm.conn.reply(Msg.GET_VRING_BASE)
        machine.vm.conn.send(Msg.GET_VRING_BASE, struct.pack("<II", 1, 0))
        machine.vm.conn.reply(Msg.GET_VRING_BASE)
        machine.vm.forget_rings()
        machine.vm.start()
        machine.check_alive()


if __name__ == "__main__":
    case.main()
