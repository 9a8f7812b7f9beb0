#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packed rings: sizes, the end of the ring, event areas, bases, and guests that break them.

What does not depend on the layout is in the other tests, which are run with packed rings too.
"""

import random

from rig import case, gpu, wait
from rig.case import proves
from rig.packed_ring import DESC, DISABLE, ENABLE, FRESH, WRAP, available, used
from rig.qemu_display import QemuDisplay
from rig.ring import INDIRECT, NEXT, WRITE, Buffer
from rig.vhost import Msg, Proto
from rig.vm import FEATURES, PROTOCOL

PACKED = FEATURES | 1 << gpu.F_RING_PACKED
NO_EVENT_IDX = PACKED & ~(1 << gpu.F_EVENT_IDX)
INFO = gpu.get_display_info()


class PackedTest(case.WireTest):
    def packed(self, size, features=PACKED, **kinds):
        return self.machine(features=features, queue_sizes=(size, 16), **kinds)

    def send(self, machine, n_lists, n_slots):
        """Commands in one batch with one kick, each in so many slots, without waiting."""
        queue = machine.vm.control
        cut = [24] + [0] * (n_slots - 2)
        pending = [queue.add(INFO, 408, cut=cut, indirect=False) for _ in range(n_lists)]
        queue.publish(kick=True)
        return pending

    def finish(self, machine, pending):
        """Wait, without interrupts, until all is used; returns how many interrupts came."""
        queue = machine.vm.control
        ring = queue.ring
        wait.wait_until(ring.has_used, "a used descriptor", machine.daemon)
        # The interrupt belongs to the turn that showed the batch: a message comes behind it.
        machine.vm.conn.barrier()
        n = queue.n_calls()
        queue.collect()
        self.assertTrue(all(p.answer is not None for p in pending), "not shown at once")
        return n


class Sizes(PackedTest):
    @proves("SPEC-076", "H-049")
    def test_sizes(self):
        """Any size from 1 to the largest, filled over and over."""
        for size in (1, 2, 3, 5, 7, 100, 1023, 32768):
            machine = self.packed(size)
            for i in range(20 if size <= 100 else 3):
                n = 1 + i % size if i else min(size, 1023)
                machine.guest.batch([gpu.move_cursor(0, 1, 1)] * n, gpu.ERR_UNSPEC)
            machine.check_alive()

    @proves("H-049", "H-034")
    def test_sizes_that_are_refused(self):
        machine = self.packed(64, started=False)
        vm = machine.vm
        vm.tell_features()
        for size in (0, 32769, 65536, 0xFFFFFFFF):
            with self.assertRaises(AssertionError):
                vm.conn.vring_state(Msg.SET_VRING_NUM, 0, size)

    @proves("SPEC-076", "SPEC-075")
    def test_lists_of_every_length(self):
        """Lists of 2 to N slots, at every slot, over the end of the ring."""
        for size in (3, 5, 7):
            machine = self.packed(size)
            for n_slots in range(2, size + 1):
                for _ in range(2 * size + 1):
                    machine.guest.run(INFO, gpu.OK_DISPLAY_INFO, 408,
                                      cut=[24] + [0] * (n_slots - 2), indirect=False)

    @proves("SPEC-071", "SPEC-077", "H-026")
    def test_lengths(self):
        """Mixed batches: WRITE and the length say what was written; without room neither."""
        machine = self.packed(37)
        queue, rng = machine.vm.control, random.Random(3)
        for _ in range(100):
            rooms = [rng.choice((0, 1, 24, 408)) for _ in range(rng.randrange(1, 12))]
            pending = [queue.add(INFO, room, indirect=rng.random() < 0.5) for room in rooms]
            queue.publish()
            queue.wait(*pending)
            self.assertEqual([p.answer.size for p in pending], rooms)


class Contents(PackedTest):
    @proves("SPEC-072")
    def test_what_is_read_and_written(self):
        """What is to be read is not written, and what is to be written is not read."""
        machine = self.packed(16)
        queue, memory = machine.vm.control, machine.vm.memory
        request, room = queue.place(gpu.create_2d(5, 1, 8, 8), 64)
        memory.write(room, gpu.unref(5)[:24].ljust(64, b"\xA5"))
        before = memory.read(request, 40)
        pending = queue.add_buffers([Buffer(request, 40), Buffer(room, 64, True)],
                                    indirect=False, request=gpu.create_2d(5, 1, 8, 8),
                                    request_gpa=request)
        queue.publish()
        self.assertEqual(queue.wait(pending).type, gpu.OK_NODATA)
        self.assertEqual(memory.read(request, 40), before)
        machine.guest.unref(5)


class Events(PackedTest):
    @proves("SPEC-079", "C3")
    def test_desc(self):
        """One interrupt if the slot of the event is among the used ones: all places, all rounds."""
        machine = self.packed(7)
        queue = machine.vm.control
        ring = queue.ring
        queue.n_calls()
        for n_lists, n_slots in ((1, 2), (2, 2), (3, 2), (1, 7), (2, 3)):
            for k in range(2 * ring.size):
                at = ring.advance(ring.advance(ring.seen, k // 2), k - k // 2)
                ring.set_driver_event(at, DESC)
                pending = self.send(machine, n_lists, n_slots)
                self.assertEqual(self.finish(machine, pending), int(k < n_lists * n_slots),
                                 f"{n_lists} lists of {n_slots} slots, event {k} slots on")

    @proves("SPEC-079", "H-048")
    def test_flags(self):
        for features in (PACKED, NO_EVENT_IDX):
            machine = self.packed(5, features)
            ring = machine.vm.control.ring
            machine.vm.control.n_calls()
            for at, flags, expected in (
                    (0, ENABLE, 1), (0, DISABLE, 0), (0, 3, 1), (FRESH, ENABLE, 1),
                    (5 | WRAP, DESC, 1), (0x7FFF, DESC, 1), (0xFFFF, DESC, 1), (0, DISABLE, 0)):
                ring.set_driver_event(at, flags)
                pending = self.send(machine, 2, 2)
                self.assertEqual(self.finish(machine, pending), expected, (at, flags))

    @proves("H-048")
    def test_desc_without_the_feature(self):
        machine = self.packed(5, NO_EVENT_IDX)
        ring = machine.vm.control.ring
        machine.vm.control.n_calls()
        ring.set_driver_event(ring.advance(ring.seen, 4), DESC)
        self.assertEqual(self.finish(machine, self.send(machine, 1, 2)), 1)

    @proves("SPEC-079", "SPEC-061", "SPEC-081")
    def test_driver_that_kicks_when_told(self):
        """Batches of any size, kicked only if the device's area says so: never a stall."""
        for features in (PACKED, NO_EVENT_IDX):
            machine = self.packed(13, features)
            queue, rng = machine.vm.control, random.Random(6)
            for _ in range(1500):
                pending = [queue.add(INFO, 408, indirect=rng.random() < 0.5)
                           for _ in range(rng.randrange(1, 7))]
                queue.publish()
                queue.wait(*pending)


class Bases(PackedTest):
    @proves("SPEC-076", "C14")
    def test_stop_and_cont_at_every_slot(self):
        machine = self.packed(5)
        guest = machine.guest
        guest.create(1, 4, 4)
        for i in range(23):
            bases = machine.vm.stop()
            self.assertEqual(bases, [q.ring.base() for q in machine.vm.queues])
            machine.vm.start(bases)
            guest.create(1, 4, 4, expect=gpu.ERR_INVALID_RESOURCE_ID)
            if i % 3 == 0:
                guest.display_info()

    @proves("C14")
    def test_new_driver(self):
        """A driver that starts fresh after a used ring is a new one; at the fresh base it is the
        old one, unless its rings lie elsewhere."""
        machine = self.packed(6, protocol=PROTOCOL & ~(1 << Proto.RESET_DEVICE))
        vm, guest = machine.vm, machine.guest
        guest.create(1, 4, 4)
        vm.stop()
        vm.forget_rings()
        vm.start()
        guest.create(1, 4, 4)  # was forgotten
        while vm.control.ring.seen != FRESH:
            guest.display_info()
        bases = vm.stop()
        self.assertEqual(bases[0], 0x80008000)
        vm.start(bases)
        guest.create(1, 4, 4, expect=gpu.ERR_INVALID_RESOURCE_ID)
        while vm.control.ring.seen != FRESH:
            guest.display_info()
        bases = vm.stop()
        vm.control.ring = type(vm.control.ring)(vm.memory, 6)
        vm.start(bases)
        guest.create(1, 4, 4)

    @proves("H-035")
    def test_base_beyond_the_ring(self):
        machine = self.packed(5, started=False)
        with self.assertRaises(AssertionError):
            machine.vm.start([0x80058005, 0x80008000])


class Broken(PackedTest):
    def check_breaks(self, name, rows):
        """Descriptors (gpa, size, id, flags) put into the ring; stale ones: flags None."""
        with self.subTest(name):
            machine = self.packed(5)
            queue = machine.vm.control
            machine.guest.display_info()
            for n, (gpa, size, id_, flags) in reversed(list(enumerate(rows))):
                at = queue.ring.advance(queue.ring.added, n)
                state = used(at ^ WRAP) if flags is None else flags | available(at)
                queue.ring.set_desc(at, gpa, size, id_, state)
            queue.kick()
            queue.wait_broken()
            machine.guest.move_cursor(0, 1, 1)
            machine.vm.conn.barrier()
            machine.vm.reboot()
            machine.check_alive()

    @proves("H-041", "H-042", "H-043", "H-047", "SPEC-080")
    def test_lists(self):
        data = 0x10_0000
        one = (data, 24, 0, 0)
        more = (data, 24, 0, NEXT)
        for name, rows in (
                ("NEXT on all", [more] * 5),
                ("INDIRECT and NEXT", [(data, 16, 0, INDIRECT | NEXT), one]),
                ("INDIRECT at the end", [more, (data, 16, 0, INDIRECT)]),
                ("INDIRECT in the middle", [more, (data, 16, 0, INDIRECT | NEXT), one]),
                ("a table of 0 bytes", [(data, 0, 0, INDIRECT)]),
                ("a table of 24", [(data, 24, 0, INDIRECT)]),
                ("a huge table", [(data, 0xFFFFFFF0, 0, INDIRECT)]),
                ("a table that is not there", [(0, 16, 0, INDIRECT)]),
                ("an end that is not available", [more, (data, 24, 0, None)]),
                ("readable behind writable", [(data, 24, 0, NEXT | WRITE), one]),
                ("outside memory", [(0, 24, 0, 0)])):
            self.check_breaks(name, rows)

    @proves("H-046", "H-045")
    def test_more_than_the_ring(self):
        """All slots available again before any of them was used: at most N lists are taken."""
        display = QemuDisplay()
        machine = self.packed(5, display=display)
        queue, ring = machine.vm.control, machine.vm.control.ring
        machine.guest.display_info()
        display.hold_replies()
        request = queue.memory.put(INFO)
        for _ in range(2):
            for n in reversed(range(5)):
                at = ring.advance(ring.added, n)
                ring.set_desc(at, request, 24, 0xFFFF, available(at))
            queue.kick()
            machine.vm.conn.barrier()
            ring.added = ring.advance(ring.added, 5)
        queue.wait_broken()
        display.release_replies()
        machine.guest.move_cursor(0, 1, 1)

    @proves("SPEC-073")
    def test_stale_flags(self):
        """All that is not available at this place is left alone, however often it is kicked."""
        machine = self.packed(5)
        queue, ring = machine.vm.control, machine.vm.control.ring
        for _ in range(13):
            for state in (used(ring.added), used(ring.added ^ WRAP), available(ring.added ^ WRAP)):
                ring.set_desc(ring.added, 0, 24, 0, state)  # would break the queue
                queue.kick()
                machine.vm.conn.barrier()
                self.assertEqual(ring.flags(ring.added), state)
            self.assertFalse(queue.is_broken())
            ring.set_flags(ring.added, used(ring.added ^ WRAP))
            machine.guest.run(INFO, gpu.OK_DISPLAY_INFO, 408)


if __name__ == "__main__":
    case.main()
