#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The display socket (docs/display-protocol.md) with a real guest behind it."""

import struct

from rig import case, gpu, picture, viewer
from rig.gpu import Rect
from rig.viewer import (BUFFER, CONFIG, FRAME, GONE, NO_SUCH_SCANOUT, SCANOUT_OFF,
                        SEAL_FUTURE_WRITE, SEAL_GROW, SEAL_SEAL, SEAL_SHRINK, SEAL_WRITE, Refused)


class Frames(case.WireTest):
    def test_session(self):
        """BUFFER, CONFIG, FRAME of the whole; then damage, as the guest flushes it."""
        machine = self.machine()
        guest, watcher = machine.guest, machine.viewer
        pixels = picture.noise(100, 80, 1)
        backing = guest.show(0, 1, 100, 80, pixels)
        watcher.subscribe(1)
        buffer = watcher.expect(BUFFER)
        self.assertEqual((buffer.width, buffer.height, buffer.fourcc), (100, 80, 0x34325258))
        self.assertEqual(watcher.expect(CONFIG)[1:], (buffer, Rect(0, 0, 100, 80)))
        first, damage = watcher.frame(0)
        self.assertEqual(damage, Rect(0, 0, 100, 80))
        self.assertTrue(buffer.crop(damage) == pixels)
        for i in range(10):
            part = Rect(3 * i, 2 * i, 10 + i, 20)
            pixels = picture.noise(100, 80, 10 + i)
            guest.memory.write(backing, pixels)
            guest.transfer(1, part, (part.y * 100 + part.x) * 4)
            guest.flush(1, part)
            sequence, damage = watcher.frame(0)
            self.assertEqual(damage, part)
            self.assertGreater(sequence, first)
            first = sequence
            self.assertTrue(buffer.crop(part) == picture.crop(pixels, 100, part))

    def test_seals(self):
        """A viewer can neither write nor shrink what it gets."""
        machine = self.machine()
        for resource, side in ((1, 16), (2, 1024)):
            machine.guest.show(0, resource, side, side)
            machine.viewer.subscribe(1)
            buffer = machine.viewer.expect(BUFFER)
            machine.viewer.frame(0)
            for seal in (SEAL_SHRINK, SEAL_GROW, SEAL_SEAL):
                self.assertTrue(buffer.seals & seal, hex(buffer.seals))
            self.assertTrue(buffer.seals & (SEAL_WRITE | SEAL_FUTURE_WRITE))
            self.assertFalse(buffer.writable)

    def test_damage_is_merged(self):
        """What comes before TAKEN is one FRAME, with the union and the last sequence."""
        machine = self.machine()
        machine.guest.show(0, 1, 100, 100)
        watcher = machine.viewer
        watcher.subscribe(1)
        start, _ = watcher.frame(0, take=False)
        machine.guest.flush(1, Rect(10, 10, 5, 5))
        machine.guest.flush(1, Rect(50, 60, 5, 5))
        machine.guest.flush(1, Rect(20, 5, 1, 1))
        watcher.ping()
        self.assertEqual([e for e in watcher.events if e[0] == FRAME], [])
        watcher.taken(0, start)
        sequence, damage = watcher.frame(0)
        self.assertEqual((sequence, damage), (start + 3, Rect(10, 5, 45, 60)))

    def test_flips_announce_once(self):
        """Flipping between two buffers: BUFFER twice, CONFIG each time."""
        machine = self.machine()
        guest, watcher = machine.guest, machine.viewer
        whole = Rect(0, 0, 64, 48)
        for i in range(2):
            guest.image(1 + i, 64, 48, picture.noise(64, 48, i))
        watcher.subscribe(1)
        shown = []
        for i in range(10):
            guest.set_scanout(0, 1 + i % 2, whole)
            guest.flush(1 + i % 2, whole)
            _, buffer, _ = watcher.expect(CONFIG)
            watcher.frame(0)
            shown.append(buffer.id)
            self.assertTrue(buffer.crop(whole) == picture.noise(64, 48, i % 2))
        self.assertEqual(shown, shown[:2] * 5)
        self.assertEqual(len(watcher.buffers), 2)

    def test_off_and_gone(self):
        """UNREF: CONFIG off, then GONE; the memory stays until RELEASED."""
        machine = self.machine()
        pixels = picture.noise(64, 48, 5)
        machine.guest.show(0, 1, 64, 48, pixels)
        watcher = machine.viewer
        watcher.subscribe(1)
        watcher.frame(0)
        buffer, rect = watcher.configs[0]
        machine.guest.unref(1)
        self.assertIsNone(watcher.expect(CONFIG, lambda f: f[1] is None)[1])
        self.assertEqual(watcher.expect(GONE), (buffer.id,))
        machine.guest.show(0, 1, 64, 48, picture.noise(64, 48, 6))
        self.assertTrue(buffer.crop(rect) == pixels)
        watcher.released(buffer.id)
        watcher.frame(0)
        watcher.ping()

    def test_part_of_a_resource(self):
        """CONFIG's rectangle is a part of the buffer; damage counts from its corner."""
        machine = self.machine()
        guest, watcher = machine.guest, machine.viewer
        pixels = picture.noise(100, 100, 5)
        guest.image(1, 100, 100, pixels)
        guest.set_scanout(0, 1, Rect(20, 30, 50, 40))
        guest.flush(1, Rect(0, 0, 100, 100))
        watcher.subscribe(1)
        watcher.frame(0)
        buffer, rect = watcher.configs[0]
        self.assertEqual(rect, Rect(20, 30, 50, 40))
        self.assertTrue(buffer.crop(rect) == picture.crop(pixels, 100, rect))
        guest.flush(1, Rect(0, 0, 25, 35))
        self.assertEqual(watcher.frame(0)[1], Rect(0, 0, 5, 5))
        guest.flush(1, Rect(69, 69, 31, 31))
        self.assertEqual(watcher.frame(0)[1], Rect(49, 39, 1, 1))
        guest.flush(1, Rect(0, 0, 20, 100))
        guest.flush(1, Rect(30, 40, 1, 1))
        self.assertEqual(watcher.frame(0)[1], Rect(10, 10, 1, 1))

    def test_sixteen_viewers(self):
        """Sixteen at once, each with its own pace; the seventeenth is told why not."""
        machine = self.machine()
        machine.guest.show(0, 1, 50, 50)
        watchers = [machine.new_viewer() for _ in range(16)]
        extra = machine.new_viewer(hello=False)
        error = extra.is_closed()
        self.assertEqual((error.token, error.code), (0, viewer.TOO_MANY_CLIENTS))
        for watcher in watchers:
            watcher.subscribe(1)
            watcher.frame(0, take=False)
        for i in range(100):
            machine.guest.flush(1, Rect(i % 40, 0, 5, 5))
        watchers[7].taken(0, 1 << 60)
        self.assertEqual(watchers[7].is_closed().code, viewer.PROTOCOL)
        watchers[3].close()
        machine.new_viewer().ping()


class Snapshots(case.WireTest):
    def test_errors(self):
        """A scanout that is off, and one that is not there."""
        machine = self.machine("--heads=2")
        for scanout, code in ((0, SCANOUT_OFF), (1, SCANOUT_OFF), (2, NO_SUCH_SCANOUT),
                              (16, NO_SUCH_SCANOUT), (0xFFFF_FFFF, NO_SUCH_SCANOUT)):
            with self.assertRaises(Refused) as refused:
                machine.viewer.snapshot(scanout)
            self.assertEqual((refused.exception.token, refused.exception.code),
                             (machine.viewer.token, code))
        machine.viewer.ping()

    def test_does_not_change(self):
        """A snapshot keeps its picture while the guest draws on; four may be held."""
        machine = self.machine()
        backing = machine.guest.show(0, 1, 64, 48, picture.noise(64, 48, 0))
        shots = []
        for i in range(4):
            pixels = picture.noise(64, 48, i)
            machine.guest.memory.write(backing, pixels)
            machine.guest.transfer(1, Rect(0, 0, 64, 48))
            machine.guest.flush(1, Rect(0, 0, 64, 48))
            shots.append(machine.viewer.snapshot(0, release=False))
            self.assertTrue(shots[i].pixels == picture.opaque(pixels))
            self.assertEqual(shots[i].sequence, shots[0].sequence + i)
        with self.assertRaises(Refused) as refused:
            machine.viewer.snapshot(0)
        self.assertEqual(refused.exception.code, 7)
        machine.viewer.released(shots[0].buffer)
        machine.viewer.snapshot(0)

    def test_whole_between_two_commands(self):
        """Snapshots while the guest fills the screen again and again: never half of a picture."""
        machine = self.machine()
        side = 400
        guest = machine.guest
        backings = [guest.memory.put(bytes([c]) * (side * side * 4), 4096) for c in (10, 200)]
        guest.create(1, side, side)
        guest.attach(1, [(gpa, side * side * 4) for gpa in backings])
        guest.set_scanout(0, 1, Rect(0, 0, side, side))
        queue = machine.vm.control
        for i in range(60):
            pending = [queue.add(gpu.transfer(1, Rect(0, 0, side, side), side * side * 4 * (k % 2)))
                       for k in range(20)]
            token = machine.viewer.ask_snapshot(0)
            queue.publish()
            shot = machine.viewer.expect(viewer.SNAPSHOT, lambda s: s.token == token)
            machine.viewer.released(shot.buffer)
            self.assertEqual(len(set(shot.pixels[0::4])), 1, f"round {i}: half a picture")
            queue.wait(*pending)

    def test_drawn_but_not_flushed(self):
        """It is what the buffer holds, flushed or not; sequence 0 says never flushed."""
        machine = self.machine()
        pixels = picture.noise(20, 20, 1)
        machine.guest.image(1, 20, 20, pixels)
        machine.guest.set_scanout(0, 1, Rect(0, 0, 20, 20))
        shot = machine.viewer.snapshot(0)
        self.assertTrue(shot.pixels == picture.opaque(pixels))


class Hostile(case.WireTest):
    """A viewer that breaks the protocol is told and dropped, and the guest feels nothing."""

    def test_errors(self):
        machine = self.machine()
        machine.guest.show(0, 1, 32, 32)
        hello = struct.pack("<IIQ", viewer.MAGIC, 1, 0)
        for what, send in (
                ("no HELLO", lambda v: v.send(viewer.PING, bytes(4))),
                ("wrong magic", lambda v: v.send(viewer.HELLO, bytes(16))),
                ("version 0", lambda v: v.send(viewer.HELLO, struct.pack("<IIQ", viewer.MAGIC,
                                                                         0, 0))),
                ("short HELLO", lambda v: v.send(viewer.HELLO, hello[:15])),
                ("HELLO twice", lambda v: (v.hello(), v.send(viewer.HELLO, hello))),
                ("unknown", lambda v: (v.hello(), v.send(0x7777))),
                ("released", lambda v: (v.hello(), v.send(viewer.RELEASED, b"\1\0\0\0"))),
                ("token 0", lambda v: (v.hello(), v.send(viewer.GET_SNAPSHOT, bytes(8)))),
                ("size 0", lambda v: v.sock.sendall(bytes(8))),
                ("size 4 GiB", lambda v: v.sock.sendall(b"\xFF" * 8)),
                ("noise", lambda v: v.sock.sendall(b"GET / HTTP/1.0\r\n\r\n"))):
            with self.subTest(what):
                bad = machine.new_viewer(hello=False)
                send(bad)
                error = bad.is_closed()
                if error is not None:
                    self.assertEqual(error.token, 0)
                machine.check_alive()
        skippable = machine.new_viewer()
        skippable.send(0x7777, b"abc", flags=1)
        skippable.ping()
        machine.check_screen(0, 32, 32, picture.opaque(bytes(4096)))

    def test_viewer_that_does_not_read(self):
        """It asks and asks and takes nothing: memory stays bounded, others are served."""
        machine = self.machine()
        machine.guest.show(0, 1, 64, 64)
        stuck = machine.new_viewer()
        stuck.subscribe(1, 1)
        stuck.sock.setblocking(False)
        ping = struct.pack("<IHBBI", 12, viewer.PING, 0, 0, 1) * 1000
        try:
            for _ in range(200):
                stuck.sock.send(ping)
        except BlockingIOError:
            pass
        before = machine.daemon.resident_kib()
        for i in range(300):
            machine.guest.flush(1, Rect(0, 0, 64, 64))
            machine.guest.move_cursor(0, i, i)
        limit = 9000 if machine.daemon.is_sanitized() else 2000
        self.assertLess(machine.daemon.resident_kib() - before, limit)
        machine.viewer.ping()
        machine.viewer.snapshot(0)


if __name__ == "__main__":
    case.main()
