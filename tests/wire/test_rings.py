#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Chains of every legal shape: the answer depends on the bytes, never on how they are cut."""

import random
import struct

from rig import case, gpu, picture
from rig.case import proves
from rig.gpu import Rect, fenced
from rig.memory import MIB, Memory, Region
from rig.ring import INDIRECT, WRITE, Buffer
from rig.vm import FEATURES

NO_INDIRECT = FEATURES & ~(1 << gpu.F_INDIRECT_DESC)


class Cuts(case.WireTest):
    def prepared(self, **kinds):
        machine = self.machine(**kinds)
        machine.guest.image(1, 16, 16, picture.noise(16, 16, 1))
        machine.guest.set_scanout(0, 1, Rect(0, 0, 16, 16))
        return machine

    @proves("SPEC-041", "H-021")
    def test_request_cut_everywhere(self):
        """TRANSFER_TO_HOST_2D in two pieces, cut at every byte; pieces of nothing included."""
        machine = self.prepared()
        request = gpu.transfer(1, Rect(2, 3, 4, 5), 64, fenced(77))
        for indirect in (False, True):
            for at in range(len(request) + 1):
                answer = machine.guest.run(request, cut=[at, len(request) - at], indirect=indirect)
                self.assertEqual(answer.fence, 77)

    @proves("SPEC-041", "H-021")
    def test_answer_cut_everywhere(self):
        machine = self.prepared()
        whole = machine.guest.run(gpu.get_display_info(fenced(7)), gpu.OK_DISPLAY_INFO, 408)
        for indirect in (False, True):
            for at in range(409):
                answer = machine.guest.run(gpu.get_display_info(fenced(7)), gpu.OK_DISPLAY_INFO,
                                           408, cut_room=[at, 408 - at], indirect=indirect)
                self.assertEqual(answer.raw, whole.raw, f"cut at {at}")

    @proves("SPEC-041")
    def test_entries_cut_everywhere(self):
        """ATTACH_BACKING with three entries, cut at every byte, read by what it uploads."""
        machine = self.machine()
        guest = machine.guest
        pixels = picture.noise(16, 12, 2)
        base = guest.memory.put(pixels, 4096)
        request = gpu.attach(2, [(base + 256 * i, 256) for i in range(3)])
        guest.create(2, 16, 12)
        guest.set_scanout(0, 2, Rect(0, 0, 16, 12))
        for at in range(len(request) + 1):
            guest.run(request, cut=[at, len(request) - at])
            guest.transfer(2, Rect(0, 0, 16, 12))
            guest.detach(2)
        machine.check_screen(0, 16, 12, picture.opaque(pixels))

    @proves("SPEC-041", "SPEC-047")
    def test_single_bytes(self):
        """Every descriptor one byte: an indirect table longer than the ring."""
        machine = self.prepared()
        for request, expect, room in (
                (gpu.transfer(1, Rect(0, 0, 4, 4), 0), gpu.OK_NODATA, 24),
                (gpu.get_display_info(), gpu.OK_DISPLAY_INFO, 408),
                (gpu.get_edid(0), gpu.OK_EDID, 1056),
                (gpu.unref(77), gpu.ERR_INVALID_RESOURCE_ID, 24)):
            machine.guest.run(request, expect, room, cut=[1] * len(request), cut_room=[1] * room)

    @proves("SPEC-041", "H-021")
    def test_random_cuts(self):
        """Any number of pieces of any size, empty ones too, direct and in a table."""
        machine = self.prepared(queue_sizes=(256, 16))
        rng = random.Random(4)
        whole = machine.guest.edid(0).raw
        for _ in range(200):
            answer = machine.guest.run(gpu.get_edid(0), gpu.OK_EDID, 1056,
                                       cut=random_cut(rng, 32), cut_room=random_cut(rng, 1056),
                                       indirect=rng.random() < 0.5)
            self.assertEqual(answer.raw, whole)

    @proves("H-008")
    def test_all_descriptors_in_one_chain(self):
        """A direct chain that takes the whole ring, for rings of every size from 2 on."""
        for size in (2, 4, 16, 64, 256, 1024):
            machine = self.machine(queue_sizes=(size, 2), features=NO_INDIRECT)
            request = gpu.get_display_info()
            n = size // 2
            cut = [len(request)] + [0] * (n - 1)
            room = [408 - (n - 1)] + [1] * (n - 1) if n < 400 else [1] * 408 + [0] * (n - 408)
            machine.guest.run(request, gpu.OK_DISPLAY_INFO, 408, cut=cut, cut_room=room)
            machine.guest.run(request, gpu.OK_DISPLAY_INFO, 408)

    @proves("SPEC-047", "H-013")
    def test_longest_table(self):
        """4,096 descriptors in a table are served (a ring of 64 entries)."""
        machine = self.prepared()
        request = gpu.transfer(1, Rect(0, 0, 4, 4), 0) + bytes(4095 - 56)
        machine.guest.run(request, cut=[1] * 4095)

    @proves("SPEC-048")
    def test_write_flag_on_a_table(self):
        """WRITE in the descriptor of a table does not matter."""
        machine = self.prepared()
        queue = machine.vm.control
        request, room = queue.place(gpu.get_display_info(), 408)
        table = queue.memory.put(queue.ring.table_of(
            [Buffer(request, 24), Buffer(room, 408, True)]))
        pending = queue.add_entries([(table, 32, INDIRECT | WRITE)],
                                    spans=[Buffer(room, 408, True)])
        queue.publish()
        self.assertEqual(queue.wait(pending).type, gpu.OK_DISPLAY_INFO)

    @case.of_split_rings
    @proves("SPEC-049", "H-017", "D-21")
    def test_direct_descriptors_then_a_table(self):
        """Any number of direct descriptors may come before the one of a table."""
        machine = self.prepared()
        queue = machine.vm.control
        for n_direct in (1, 2, 31):
            request, room = queue.place(gpu.get_edid(0), 1056)
            direct = [(request + i, 1, 0) for i in range(n_direct)]
            table = queue.memory.put(queue.ring.table_of(
                [Buffer(request + n_direct, 32 - n_direct), Buffer(room, 1056, True)]))
            pending = queue.add_entries(direct + [(table, 32, INDIRECT)],
                                        spans=[Buffer(room, 1056, True)])
            queue.publish()
            answer = queue.wait(pending)
            self.assertEqual((answer.type, answer.size), (gpu.OK_EDID, 1056))

    @case.of_split_rings
    @proves("SPEC-049")
    def test_writable_direct_then_a_table(self):
        """The direct part may end with room for the answer, if the table goes on with room."""
        machine = self.prepared()
        queue = machine.vm.control
        request, room = queue.place(gpu.get_edid(0), 1056)
        table = queue.memory.put(queue.ring.table_of([Buffer(room + 40, 1016, True)]))
        pending = queue.add_entries([(request, 32, 0), (room, 40, WRITE), (table, 16, INDIRECT)],
                                    spans=[Buffer(room, 1056, True)])
        queue.publish()
        self.assertEqual(queue.wait(pending).type, gpu.OK_EDID)


class Room(case.WireTest):
    @proves("H-027", "D-43", "SPEC-055")
    def test_less_room_than_a_header(self):
        """The first bytes of the header, and the used length says how many."""
        machine = self.machine()
        whole = struct.pack("<IIQII", gpu.OK_NODATA, gpu.FLAG_FENCE, 0x0123_4567_89AB_CDEF, 9, 0)
        for room in range(24):
            answer = machine.vm.control.run(
                gpu.create_2d(1 + room, 1, 8, 8, fenced(0x0123_4567_89AB_CDEF, 9)), room=room)
            self.assertEqual((answer.size, answer.raw), (room, whole[:room]))
            machine.guest.unref(1 + room)

    @proves("H-028", "D-43")
    def test_less_room_than_the_answer(self):
        machine = self.machine()
        whole = machine.guest.edid(0).raw
        for room in (24, 25, 31, 32, 100, 1055):
            answer = machine.vm.control.run(gpu.get_edid(0), room=room)
            self.assertEqual((answer.size, answer.raw), (room, whole[:room]))
        whole = machine.guest.display_info().raw
        answer = machine.vm.control.run(gpu.get_display_info(), room=24)
        self.assertEqual((answer.size, answer.raw), (24, whole[:24]))

    @proves("H-029", "SPEC-055")
    def test_more_room_than_the_answer(self):
        """A page, and many MiB: only the answer is written, and the length is the answer's."""
        machine = self.machine()
        answer = machine.guest.run(gpu.get_display_info(), gpu.OK_DISPLAY_INFO, 4096)
        self.assertEqual(answer.size, 408)
        queue = machine.vm.control
        request, room = queue.place(gpu.create_2d(1, 1, 8, 8), 100)
        region = queue.memory.regions[0]
        buffers = [Buffer(request, 40), Buffer(room, 100, True)]
        buffers += [Buffer(region.gpa, region.size, True)] * 32
        pending = queue.add_buffers(buffers[:2])
        queue.publish()
        self.assertEqual(queue.wait(pending).size, 24)
        head = queue.ring.add(buffers, indirect=True)
        big = queue.track(head, type(pending)(None, 0, buffers[1:2]))
        queue.publish()
        self.assertEqual(queue.wait(big).size, 24)

    @proves("H-025")
    def test_no_request(self):
        """Only writable bytes: no header, so UNSPEC."""
        machine = self.machine()
        for room, size in ((24, 24), (408, 24), (23, 23), (1, 1)):
            answer = machine.vm.control.run(b"", room=room)
            self.assertEqual(answer.size, size)
            if size >= 4:
                self.assertEqual(answer.type, gpu.ERR_UNSPEC)
        machine.check_alive()

    @proves("H-021", "H-025")
    def test_empty_chain(self):
        """A chain of one empty descriptor comes back with length 0."""
        machine = self.machine()
        queue = machine.vm.control
        for flags in (0, WRITE):
            pending = queue.add_entries([(queue.arena, 0, flags)])
            queue.publish()
            self.assertEqual(queue.wait(pending).size, 0)
        machine.check_alive()

    @proves("H-023", "H-024")
    def test_gigabytes_of_request(self):
        """6 GiB behind a command are not copied, and do not overflow a 32-bit sum."""
        machine = self.machine()
        queue = machine.vm.control
        region = queue.memory.regions[0]
        request, room = queue.place(gpu.create_2d(1, 1, 8, 8), 24)
        buffers = [Buffer(request, 40)] + [Buffer(region.gpa, region.size)] * 200
        pending = queue.add_buffers(buffers + [Buffer(room, 24, True)], indirect=True)
        queue.publish()
        self.assertEqual(queue.wait(pending).type, gpu.OK_NODATA)
        self.assertLess(machine.daemon.resident_kib(), 100 * 1024)

    @proves("SPEC-043", "SPEC-044", "SPEC-045", "H-030")
    def test_what_is_read_and_written(self):
        """Room is not read, requests and descriptors are not written; the two may be one."""
        machine = self.machine()
        queue, memory = machine.vm.control, machine.vm.memory
        request, room = queue.place(gpu.get_display_info(), 408)
        memory.write(room, gpu.create_2d(5, 1, 8, 8).ljust(408, b"\xA5"))
        pending = queue.add_buffers([Buffer(request, 24), Buffer(room, 408, True)],
                                    indirect=False, request=gpu.get_display_info(),
                                    request_gpa=request)
        desc = queue.ring.addresses()[0]
        before = memory.read(desc, 16 * queue.ring.size)
        queue.publish()
        self.assertEqual(queue.wait(pending).type, gpu.OK_DISPLAY_INFO)
        if not queue.ring.packed:
            self.assertEqual(memory.read(desc, 16 * queue.ring.size), before)
        machine.guest.unref(5, gpu.ERR_INVALID_RESOURCE_ID)

        same = queue.scratch(408)
        for request in (gpu.get_display_info(fenced(1)), gpu.create_2d(5, 1, 8, 8, fenced(1))):
            memory.write(same, request.ljust(408, b"\xA5"))
            pending = queue.add_buffers([Buffer(same, len(request)), Buffer(same, 408, True)])
            queue.ring.want_calls(True)
            queue.n_calls()
            queue.publish()
            queue.wait_call()
            used = queue.ring.reap()
            del queue.pending[used[0].id]
            answer = gpu.Answer(memory.read(same, 408), used[0].size)
            self.assertIn(answer.type, (gpu.OK_DISPLAY_INFO, gpu.OK_NODATA))
        machine.guest.unref(5)


class Regions(case.WireTest):
    def memory(self):
        """Three regions: two that touch, and one behind a hole; each at another file offset."""
        first = Region(0x10_0000, 8 * MIB, offset=4096)
        second = Region(first.end, 4 * MIB, offset=1 * MIB)
        third = Region(second.end + MIB, 4 * MIB)
        return Memory(first, second, third)

    @proves("H-022", "SPEC-041")
    def test_request_across_regions(self):
        """A request, and its answer, that begin in one region and end in the next."""
        machine = self.machine(memory=self.memory())
        queue, edge = machine.vm.control, machine.vm.memory.regions[0].end
        request = gpu.get_edid(0)
        whole = machine.guest.edid(0).raw
        for before in range(0, 33, 4):
            queue.memory.write(edge - before, request)
            room = queue.scratch(1056)
            queue.memory.write(room, b"\xA5" * 1056)
            pending = queue.add_buffers([Buffer(edge - before, 32), Buffer(room, 1056, True)])
            queue.publish()
            self.assertEqual(queue.wait(pending).raw, whole)
        for before in (1, 31, 500, 1055):
            gpa = queue.scratch(32)
            queue.memory.write(gpa, request)
            pending = queue.add_buffers([Buffer(gpa, 32), Buffer(edge - before, 1056, True)])
            queue.publish()
            self.assertEqual(queue.wait(pending).raw, whole)

    @proves("H-015")
    def test_table_across_regions(self):
        machine = self.machine(memory=self.memory())
        queue, edge = machine.vm.control, machine.vm.memory.regions[0].end
        for before in (1, 8, 16, 17, 31):
            request, room = queue.place(gpu.get_display_info(), 408)
            queue.memory.write(edge - before, queue.ring.table_of(
                [Buffer(request, 24), Buffer(room, 408, True)]))
            pending = queue.add_entries([(edge - before, 32, INDIRECT)],
                                        spans=[Buffer(room, 408, True)])
            queue.publish()
            self.assertEqual(queue.wait(pending).type, gpu.OK_DISPLAY_INFO)

    @proves("H-112", "C7")
    def test_backing_across_regions(self):
        """One entry over two regions; and entries in all three. A hole is an error."""
        machine = self.machine(memory=self.memory())
        guest = machine.guest
        first, second, third = guest.memory.regions
        pixels = picture.noise(64, 64, 3)
        guest.create(1, 64, 64)
        guest.set_scanout(0, 1, Rect(0, 0, 64, 64))
        lists = ([(first.end - 5000, 16384)],
                 [(third.end - 4096, 4096), (first.end - 1, 4097), (second.end - 8191, 8191)])
        for entries in lists:
            at = 0
            for gpa, size in entries:
                guest.memory.write(gpa, pixels[at:at + size])
                at += size
            guest.attach(1, entries)
            guest.transfer(1, Rect(0, 0, 64, 64))
            machine.check_screen(0, 64, 64, picture.opaque(pixels))
            guest.detach(1)
        guest.attach(1, [(second.end - 1, 2)], expect=gpu.ERR_INVALID_PARAMETER)
        guest.attach(1, [(third.gpa - 1, 2)], expect=gpu.ERR_INVALID_PARAMETER)
        guest.attach(1, [(second.end - 4096, 4096 + MIB + 4096)],
                     expect=gpu.ERR_INVALID_PARAMETER)

    @proves("SPEC-229")
    def test_ring_in_another_region(self):
        """Rings and requests need not be in the first region of the table."""
        memory = self.memory()
        memory.regions.reverse()
        machine = self.machine(memory=memory)
        machine.guest.show(0, 1, 16, 16, picture.noise(16, 16, 1))
        machine.check_screen(0, 16, 16, picture.opaque(picture.noise(16, 16, 1)))


def random_cut(rng, size):
    cuts = sorted(rng.randint(0, size) for _ in range(rng.randint(0, 12)))
    return [b - a for a, b in zip([0] + cuts, cuts + [size])]


if __name__ == "__main__":
    case.main()
