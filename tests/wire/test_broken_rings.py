#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rings that cannot be trusted: the queue stops, says so, and works again after a reset."""

import struct
import subprocess
import sys

from rig import case, gpu, vhost, wait
from rig.case import proves
from rig.gpu import Rect
from rig.memory import MIB
from rig.qemu_display import GET_DISPLAY_INFO, QemuDisplay
from rig.ring import INDIRECT, NEXT, WRITE, Buffer
from rig.vhost import Msg
from rig.vm import FEATURES

N = 64


class Breaker:
    """Puts chains that break a rule into the control queue of a machine."""

    def __init__(self, machine):
        self.queue = machine.vm.control
        self.ring = self.queue.ring
        self.memory = machine.vm.memory
        self.request, self.room = self.queue.place(gpu.create_2d(77, 1, 4, 4), 24)
        self.good = [(self.request, 40, NEXT, 1), (self.room, 24, WRITE, 0)]

    def head(self, head, n=1):
        """Publish a head, n times."""
        for _ in range(n):
            self.ring.add_head(head)
        self.ring.publish()
        self.queue.kick()

    def descriptors(self, *rows):
        """Write descriptors 0, 1, ... as (address, length, flags, next), and publish 0."""
        for i, row in enumerate(rows):
            self.ring.set_desc(i, *row)
        self.head(0)

    def table(self, *rows, size=None, flags=INDIRECT, gpa=None):
        """The same in an indirect table."""
        data = b"".join(struct.pack("<QIHH", *row) for row in rows)
        gpa = self.memory.put(data) if gpa is None else gpa
        self.descriptors((gpa, len(data) if size is None else size, flags, 1), *self.good)

    def last_entry(self, row):
        """A table of two whose first entry is the last 16 bytes of memory."""
        gpa = self.memory.regions[0].end - 16
        self.memory.write(gpa, struct.pack("<QIHH", *row))
        self.table(row, row, gpa=gpa)

    def jump(self, by):
        self.ring.set_avail_idx(self.ring.published + by)
        self.queue.kick()


def broken_rings(region):
    """name, rows, and what breaks the ring."""
    read, write = (region.gpa, 24, 0, 0), (region.gpa + 64, 24, WRITE, 0)
    for by in (N + 1, 0x8000, 0xFFFF, 0xFFFE, 0xFFC0):
        yield f"avail.idx jumps by {by:#x}", lambda b, by=by: b.jump(by)
    for head in (N, N + 1, 0x8000, 0xFFFF):
        yield f"head {head:#x}", lambda b, head=head: b.head(head)
    for next_ in (N, N + 1, 0xFFFF):
        yield (f"next {next_:#x}",
               lambda b, n=next_: b.descriptors((b.request, 40, NEXT, n), b.good[1]))
    yield "loop to itself", lambda b: b.descriptors((b.request, 40, NEXT, 0))
    yield "loop of two", lambda b: b.descriptors((b.request, 40, NEXT, 1), (b.request, 4, NEXT, 0))
    yield "loop of empty ones", lambda b: b.descriptors((b.request, 0, NEXT, 0))
    yield "loop of all", lambda b: b.descriptors(
        *[(b.request, 1, NEXT, (i + 1) % N) for i in range(N)])
    yield "loop behind room", lambda b: b.descriptors(
        (b.request, 40, NEXT, 1), (b.room, 24, WRITE | NEXT, 1))
    yield "table in a table", lambda b: b.table((b.request, 32, INDIRECT, 0))
    yield "table in a table, second", lambda b: b.table(
        (b.request, 40, NEXT, 1), (b.memory.put(bytes(32)), 32, INDIRECT, 0))
    yield "INDIRECT with NEXT", lambda b: b.table(
        (b.request, 40, NEXT, 1), (b.room, 24, WRITE, 0), flags=INDIRECT | NEXT)
    for size in (0, 1, 8, 15, 17, 24, 40):
        yield f"table of {size} bytes", lambda b, size=size: b.table(
            (b.request, 40, NEXT, 1), (b.room, 24, WRITE, 0), (b.room, 0, 0, 0), size=size)
    for size in (0xFFFF_FFF0, 0x8000_0000, 4097 * 16, 65536 * 16):
        yield f"table of {size:#x} bytes", lambda b, size=size: b.table(
            (b.request, 40, NEXT, 1), (b.room, 24, WRITE, 0), size=size)
    for gpa in (0, region.end, (1 << 64) - 16, (1 << 64) - 32, 1 << 63):
        yield f"table at {gpa:#x}", lambda b, gpa=gpa: b.table(read, read, gpa=gpa, size=32)
    yield "table over the end of memory", lambda b: b.last_entry((b.request, 40, NEXT, 1))
    for next_ in (2, 3, 0xFFFF):
        yield f"next {next_:#x} in a table", lambda b, n=next_: b.table(
            (b.request, 40, NEXT, n), (b.room, 24, WRITE, 0))
    yield "loop in a table", lambda b: b.table((b.request, 40, NEXT, 1), (b.request, 4, NEXT, 0))
    yield "two tables", lambda b: b.descriptors(
        (b.memory.put(struct.pack("<QIHH", *read)), 16, INDIRECT | NEXT, 1),
        (b.memory.put(struct.pack("<QIHH", *write)), 16, INDIRECT, 0))
    yield "readable behind writable", lambda b: b.descriptors(
        (b.request, 24, NEXT, 1), (b.room, 24, WRITE | NEXT, 2), (b.request + 24, 16, 0, 0))
    yield "readable behind writable in a table", lambda b: b.table(
        (b.room, 24, WRITE | NEXT, 1), (b.request, 40, 0, 0))
    for gpa, size in ((0, 4096), (region.gpa - 1, 24), (region.end, 24), (region.end - 23, 24),
                      ((1 << 64) - 8, 24), ((1 << 64) - 1, 0xFFFF_FFFF), (1 << 40, 1),
                      (region.gpa, 0xFFFF_FFFF)):
        yield (f"readable at {gpa:#x}+{size:#x}",
               lambda b, g=gpa, s=size: b.descriptors((g, s, NEXT, 1), b.good[1]))
        yield (f"writable at {gpa:#x}+{size:#x}",
               lambda b, g=gpa, s=size: b.descriptors(b.good[0], (g, s, WRITE, 0)))
        yield (f"in a table, at {gpa:#x}+{size:#x}",
               lambda b, g=gpa, s=size: b.table((b.request, 40, NEXT, 1), (g, s, WRITE, 0)))


class Broken(case.WireTest):
    def check_broken(self, machine, queue=None, other=None):
        """The queue is stopped and says so; the other one goes on."""
        vm = machine.vm
        queue = vm.control if queue is None else queue
        other = vm.cursor if other is None else other
        queue.wait_broken()
        self.assertTrue(vm.needs_reset(), "GET_STATUS does not say NEEDS_RESET")
        if other is vm.cursor:
            machine.guest.move_cursor(0, 1, 1)
        else:
            machine.guest.display_info()

    def check_reset_helps(self, machine):
        machine.vm.reboot()
        self.assertFalse(machine.vm.needs_reset(), "NEEDS_RESET is there after a reset")
        machine.check_alive()

    @proves("H-001", "H-002", "H-003", "H-006", "H-007", "H-010", "H-011", "H-012", "H-013",
            "H-014", "H-016", "H-018", "H-019", "H-020", "SPEC-003")
    def test_broken(self):
        """Each break in turn on one daemon: stopped, nothing returned, well after a reset."""
        machine = self.machine(queue_sizes=(N, 16))
        for name, break_ in broken_rings(machine.vm.memory.regions[0]):
            with self.subTest(name):
                used = machine.vm.control.ring.used_idx
                break_(Breaker(machine))
                self.check_broken(machine)
                self.assertEqual(machine.vm.control.ring.used_idx, used, "something came back")
                self.check_reset_helps(machine)
                machine.guest.unref(77, gpu.ERR_INVALID_RESOURCE_ID)

    @proves("SPEC-003", "SPEC-004")
    def test_the_driver_is_told(self):
        """NEEDS_RESET is followed by a notification of a changed configuration."""
        machine = self.machine()
        Breaker(machine).table((0, 40, NEXT, 1))
        self.check_broken(machine)
        backend = machine.vm.backend
        wait.wait_fd(backend.fileno(), "a configuration change", machine.daemon)
        self.assertEqual(struct.unpack("<III", backend.recv(12))[0], 2)

    @proves("H-009")
    def test_table_without_the_feature(self):
        machine = self.machine(features=FEATURES & ~(1 << gpu.F_INDIRECT_DESC))
        breaker = Breaker(machine)
        breaker.table((breaker.request, 40, NEXT, 1), (breaker.room, 24, WRITE, 0))
        self.check_broken(machine)
        self.check_reset_helps(machine)

    @proves("H-020")
    def test_cursor_queue(self):
        """The same holds with the queues changed over."""
        machine = self.machine()
        cursor = machine.vm.cursor
        cursor.ring.set_desc(0, 0, 56, 0)
        cursor.ring.add_head(0)
        cursor.ring.publish()
        cursor.kick()
        self.check_broken(machine, cursor, machine.vm.control)
        self.check_reset_helps(machine)

    @proves("H-001")
    def test_what_came_before(self):
        """Chains before the broken one are served and come back."""
        machine = self.machine()
        queue = machine.vm.control
        pending = [queue.add(gpu.create_2d(1 + i, 1, 4, 4), indirect=False) for i in range(5)]
        queue.ring.add_head(500)
        queue.publish(kick=True)
        queue.wait_broken()
        queue.wait_used(5)
        for p in pending:
            self.assertIsNone(p.answer)
        queue.collect()
        self.assertEqual([p.answer.type for p in pending], [gpu.OK_NODATA] * 5)

    @proves("H-004", "SPEC-063")
    def test_head_in_flight(self):
        """A head that is published again while in flight breaks the ring; nothing comes twice."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        machine.guest.display_info()
        display.hold_replies()
        n = sum(r == GET_DISPLAY_INFO for r, _ in display.requests)
        queue = machine.vm.control
        pending = queue.add(gpu.get_display_info(), 408)
        head = next(h for h, p in queue.pending.items() if p is pending)
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO, n + 1)
        queue.ring.add_head(head)
        queue.ring.publish()
        queue.kick()
        queue.wait_broken()
        display.release_replies()
        self.check_reset_helps(machine)

    @proves("H-005")
    def test_same_head_twice(self):
        """The same head twice in one batch is two requests, if the first is done by then."""
        machine = self.machine()
        breaker = Breaker(machine)
        for i, row in enumerate(breaker.good):
            breaker.ring.set_desc(i, *row)
        breaker.ring.chains[0] = [0, 1]
        breaker.head(0, 2)
        queue = machine.vm.control

        def over():
            return queue.ring.used_idx == 2 or queue.is_broken()
        wait.wait_until(over, "two used entries", machine.daemon)
        if queue.is_broken():
            self.check_reset_helps(machine)
            return
        self.assertEqual([queue.ring.used_entry(i).id for i in range(2)], [0, 0])

    @proves("H-031")
    def test_answer_over_the_ring(self):
        """An answer written over descriptors, the available or the used ring: memory-safe."""
        machine = self.machine()
        for part in range(3):
            for request, size in ((gpu.get_display_info(), 408), (gpu.get_edid(0), 1056)):
                queue = machine.vm.control
                at = queue.ring.addresses()[part]
                gpa, _ = queue.place(request, 0)
                queue.ring.set_desc(0, gpa, len(request), NEXT, 1)
                queue.ring.set_desc(1, at, size, WRITE)
                queue.ring.add_head(0)
                queue.ring.publish()
                queue.kick()
                machine.vm.conn.barrier()
                machine.guest.move_cursor(0, 1, 1)
                self.check_reset_helps(machine)

    @proves("H-037")
    def test_guest_writes_the_used_ring(self):
        """The device keeps its own count and overwrites what the guest wrote there."""
        machine = self.machine()
        queue = machine.vm.control
        memory = machine.vm.memory
        for value in (0x1234, 0xFFFF, 0):
            memory.store16(queue.ring.used + 2, value)
            pending = queue.add(gpu.get_display_info(), 408)
            queue.ring.used_event = queue.ring.seen
            queue.publish(kick=True)
            wait.wait_until(lambda: queue.ring.used_idx == (queue.ring.seen + 1) & 0xFFFF,
                            "the device's own used.idx", machine.daemon)
            self.assertEqual(queue.wait(pending).type, gpu.OK_DISPLAY_INFO)

    @proves("H-036")
    def test_odd_avail_fields(self):
        """avail.flags has one bit, and used_event may be anything."""
        machine = self.machine(features=FEATURES & ~(1 << gpu.F_EVENT_IDX))
        queue = machine.vm.control
        queue.ring.used_event = 0x4321
        pending = queue.add(gpu.get_display_info(), 408)
        queue.ring.avail_flags = 0xFFFE
        queue.publish(kick=True)
        queue.wait_call()
        queue.collect()
        self.assertEqual(pending.answer.type, gpu.OK_DISPLAY_INFO)


class Setup(case.WireTest):
    @proves("H-034")
    def test_ring_sizes(self):
        """Sizes that no split ring has are refused; the device lives."""
        machine = self.machine(started=False)
        vm = machine.vm
        for size in (0, 3, 5, 63, 65, 65535, 65536, 0x8000_0000, 0xFFFF_FFFF):
            error = vm.conn.try_tell(Msg.SET_VRING_NUM, struct.pack("<II", 0, size))
            self.assertNotEqual(error, 0, f"size {size}")
        vm.start()
        machine.check_alive()

    @proves("H-035")
    def test_ring_addresses(self):
        """Addresses that are unmapped, crooked, or too near the end: refused, or broken."""
        machine = self.machine(started=False, queue_sizes=(64, 16))
        vm = machine.vm
        vm.tell_features()
        vm.share_memory()
        region = vm.memory.regions[0]
        good = [vm.memory.user(gpa) for gpa in vm.control.ring.addresses()]
        end = region.user + region.size
        for part in range(3):
            for address in (0, good[part] + 1, end, end - 16, end - 64, region.user - 16,
                            (1 << 64) - 16, (1 << 64) - 1):
                with self.subTest(part=part, address=hex(address)):
                    self.try_addresses(machine, good, part, address)
        self.assertIn("queue 0: each part of a ring must be in one region of guest memory",
                      machine.daemon.stderr_text())
        vm.forget_rings()
        vm.start()
        machine.check_alive()

    def try_addresses(self, machine, good, part, address):
        vm, conn = machine.vm, machine.vm.conn
        desc, avail, used = [address if i == part else a for i, a in enumerate(good)]
        state = struct.pack("<II", 0, 64)
        conn.tell(Msg.SET_VRING_NUM, state)
        conn.tell(Msg.SET_VRING_BASE, struct.pack("<II", 0, 0))
        errors = [conn.try_tell(Msg.SET_VRING_ADDR, vhost.vring_addr(0, desc, used, avail)),
                  conn.try_tell(Msg.SET_VRING_KICK, vhost.u64(0), [vm.control.kick_fd]),
                  conn.try_tell(Msg.SET_VRING_ENABLE, struct.pack("<II", 0, 1))]
        if not any(errors):
            vm.control.restart()
            vm.control.add(gpu.get_display_info(), 408)
            vm.control.publish(kick=True)
            vm.control.wait_broken()
        conn.try_tell(Msg.SET_VRING_ENABLE, struct.pack("<II", 0, 0))
        conn.send(Msg.GET_VRING_BASE, struct.pack("<II", 0, 0))
        conn.reply(Msg.GET_VRING_BASE)
        vm.tell_reset()
        conn.barrier()


TOGGLE = """
import mmap, os, sys
fd, at = int(sys.argv[1]), int(sys.argv[2])
a, b = bytes.fromhex(sys.argv[3]), bytes.fromhex(sys.argv[4])
view = mmap.mmap(fd, os.fstat(fd).st_size)
print("ready", flush=True)
while True:
    view[at:at + len(a)] = a
    view[at:at + len(a)] = b
"""


class Races(case.WireTest):
    """Another processor changes what the device is just reading."""

    def toggle(self, machine, gpa, a, b):
        region = machine.vm.memory.region_at(gpa)
        process = subprocess.Popen(
            [sys.executable, "-c", TOGGLE, str(region.fd), str(region.offset + gpa - region.gpa),
             a.hex(), b.hex()], pass_fds=[region.fd], stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        process.stdout.readline()
        return process

    @proves("H-032")
    def test_request_changes(self):
        """nr_entries changes between 1 and 100 million: one or the other, never a mixture."""
        machine = self.machine()
        queue, guest = machine.vm.control, machine.guest
        guest.create(1, 16, 16)
        backing = guest.memory.alloc(4096)
        gpa = guest.memory.put(gpu.attach(1, [(backing, 4096)]))
        room = guest.memory.alloc(24)
        self.toggle(machine, gpa + 28, struct.pack("<I", 1), struct.pack("<I", 100_000_000))
        seen = set()
        for _ in range(1500):
            pending = queue.add_buffers([Buffer(gpa, 48), Buffer(room, 24, True)])
            queue.publish()
            answer = queue.wait(pending)
            self.assertIn(answer.type, (gpu.OK_NODATA, gpu.ERR_INVALID_PARAMETER))
            seen.add(answer.type)
            if answer.type == gpu.OK_NODATA:
                guest.detach(1)
        self.assertTrue(seen)

    @proves("H-033")
    def test_descriptor_changes(self):
        """An entry of an indirect table changes between good and outside of memory."""
        machine = self.machine()
        queue = machine.vm.control
        request, room = queue.place(gpu.get_display_info(), 408)
        table = queue.memory.put(queue.ring.table_of(
            [Buffer(request, 24), Buffer(room, 408, True)]))
        good = struct.pack("<QIHH", request, 24, NEXT, 1)
        bad = struct.pack("<QIHH", 1 << 50, 0xFFFF_FFF0, NEXT | WRITE, 9)
        self.toggle(machine, table, good, bad)
        for _ in range(300):
            used = queue.ring.used_idx
            queue.add_entries([(table, 32, INDIRECT)], spans=[])
            queue.ring.want_calls(True)
            queue.publish(kick=True)
            wait.wait_until(lambda: queue.ring.used_idx != used or queue.is_broken(),
                            "an answer or a broken ring", machine.daemon)
            if queue.is_broken():
                machine.vm.reboot()
            else:
                self.take_any(queue)
        machine.vm.reboot()
        machine.check_alive()

    def take_any(self, queue):
        for used in queue.ring.reap():
            queue.pending.pop(used.id)


class Storms(case.WireTest):
    @proves("H-038", "SPEC-060")
    def test_kicks_without_buffers(self):
        machine = self.machine()
        for _ in range(100_000):
            machine.vm.control.kick()
            machine.vm.cursor.kick()
        machine.check_alive()

    @proves("H-039")
    def test_buffers_without_a_kick(self):
        """They may wait, and are seen at the next kick."""
        machine = self.machine()
        queue = machine.vm.control
        first = queue.add(gpu.get_display_info(), 408)
        queue.publish(kick=False)
        second = queue.add(gpu.create_2d(1, 1, 4, 4))
        queue.publish(kick=True)
        queue.wait(first, second)

    @proves("H-040", "SPEC-217")
    def test_busy_queue_does_not_starve_the_other(self):
        """64 transfers of 64 MiB: a cursor move and GET_CONFIG come through in between."""
        machine = self.machine()
        guest = machine.guest
        mib = guest.memory.alloc(MIB, 4096)
        guest.create(1, 4096, 4096)
        guest.attach(1, [(mib, MIB)] * 64)
        for _ in range(5):
            queue = machine.vm.control
            pending = [queue.add(gpu.transfer(1, Rect(0, 0, 4096, 4096), 0)) for _ in range(64)]
            queue.publish()
            guest.move_cursor(0, 1, 1)
            machine.vm.conn.get_config()
            in_between = queue.ring.used_idx != queue.ring.added
            queue.wait(*pending)
            if in_between:
                return
        self.fail("the cursor queue and GET_CONFIG always wait for the whole control queue")

    @proves("H-099")
    def test_many_flushes_of_many_scanouts(self):
        """2,000 flushes of a large resource on 16 scanouts, with a display and viewers."""
        display = QemuDisplay(16)
        machine = self.machine("--heads=16", display=display)
        machine.guest.create(1, 1024, 1024)
        for scanout in range(16):
            machine.guest.set_scanout(scanout, 1, Rect(0, 0, 1024, 1024))
        machine.viewer.subscribe(frames=0xFFFF)
        requests = [gpu.flush(1, Rect(0, 0, 1024, 1024), gpu.fenced(i)) for i in range(2000)]
        answers = machine.guest.batch(requests)
        self.assertEqual([a.fence for a in answers], list(range(2000)))
        machine.check_alive()


if __name__ == "__main__":
    case.main()
