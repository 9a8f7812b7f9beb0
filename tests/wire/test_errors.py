#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The error answers of the control queue: which one, in which order, and nothing is changed."""

import random
import struct

from rig import case, gpu, picture, wait
from rig.case import proves
from rig.gpu import Rect, fenced
from rig.vm import FEATURES

BAD = 0xFFFF_FFFF
OK, UNSPEC, MEMORY = gpu.OK_NODATA, gpu.ERR_UNSPEC, gpu.ERR_OUT_OF_MEMORY
SCANOUT, RESOURCE = gpu.ERR_INVALID_SCANOUT_ID, gpu.ERR_INVALID_RESOURCE_ID
PARAMETER = gpu.ERR_INVALID_PARAMETER


class ErrorTest(case.WireTest):
    """Resource 1 is 64x64, backed and shown on scanout 0; resource 2 is 8x8 and unbacked."""

    def prepared(self, *options, **kinds):
        machine = self.machine("--heads=2", *options, **kinds)
        self.pixels = picture.noise(64, 64, 1)
        self.backing = machine.guest.show(0, 1, 64, 64, self.pixels)
        machine.guest.create(2, 8, 8)
        return machine

    def check_table(self, machine, table):
        """Each row: what it is, the request, the answer. Sent plain and with a fence."""
        wrong = []
        for what, request, expect in table:
            try:
                self.check_row(machine, request, expect)
            except (wait.TimedOut, wait.DaemonDied):
                raise
            except AssertionError as error:
                wrong.append(f"{what}: {error}")
        if wrong:
            self.fail("\n".join(wrong))

    def check_row(self, machine, request, expect):
        plain = machine.guest.run(request, expect, room=64)
        self.assertEqual((plain.flags, plain.fence, plain.ctx, plain.ring_idx, plain.padding),
                         (0, 0, 0, 0, bytes(3)))
        if expect == OK:
            return
        fence = random.randrange(1 << 64)
        request = struct.pack("<IIQI", *struct.unpack_from("<I", request), gpu.FLAG_FENCE,
                              fence, 7) + request[20:]
        answer = machine.guest.run(request, expect, room=64)
        self.assertEqual((answer.flags, answer.fence, answer.ctx), (gpu.FLAG_FENCE, fence, 7))

    def check_unchanged(self, machine):
        machine.check_screen(0, 64, 64, picture.opaque(self.pixels))
        machine.check_off(1)
        machine.check_alive()


class Headers(ErrorTest):
    @proves("H-060", "D-41")
    def test_short_header(self):
        """A request of less than a header: UNSPEC, and its half fence is not echoed."""
        machine = self.prepared()
        request = gpu.get_display_info(fenced(0x1234))
        for n in range(1, 24):
            answer = machine.guest.run(request[:n], UNSPEC, room=64)
            self.assertEqual((answer.flags, answer.fence), (0, 0), f"{n} bytes")
        self.check_unchanged(machine)

    @proves("H-061", "H-062")
    def test_unknown_types(self):
        machine = self.prepared()
        self.check_table(machine, [
            (hex(type_), gpu.command(type_, bytes(100)), UNSPEC)
            for type_ in (0, 1, 0xFF, 0x10E, 0x10F, 0x1FF, 0x20A, 0x2FF, 0x302, 0x1100, 0x1200,
                          0x0001_0000, 0x0101_0000, 0x8000_0101, BAD)])
        self.check_unchanged(machine)

    @proves("H-063")
    def test_wrong_queue(self):
        """Cursor commands on the control queue, and control commands on the cursor queue."""
        machine = self.prepared()
        for type_ in gpu.CURSOR_COMMANDS:
            machine.guest.run(gpu.cursor(type_, 0, 1, 1), UNSPEC)
        for type_, size in gpu.SIZES.items():
            if type_ not in gpu.CURSOR_COMMANDS:
                request = gpu.command(type_, bytes(size - 24))
                machine.guest.run_cursor(request, UNSPEC, room=1056)
                self.assertEqual(machine.vm.cursor.run(request, room=0).size, 0)
        self.check_unchanged(machine)

    @proves("H-064", "SPEC-231", "SPEC-246", "SPEC-262", "H-119", "H-120", "H-213", "C17")
    def test_commands_without_their_feature(self):
        """3D, capsets and blobs are unknown commands here; UUIDs are, if not negotiated."""
        machine = self.prepared(features=FEATURES & ~(1 << gpu.F_RESOURCE_UUID))
        gated = [gpu.GET_CAPSET_INFO, gpu.GET_CAPSET, gpu.RESOURCE_CREATE_BLOB,
                 gpu.SET_SCANOUT_BLOB, gpu.RESOURCE_ASSIGN_UUID]
        gated += [type_ for type_ in gpu.SIZES if 0x200 <= type_ < 0x300]
        self.check_table(machine, [
            (f"{type_:#x}, {size} bytes", gpu.command(type_, struct.pack("<I", 1).ljust(200, b"\0"))
             [:size], UNSPEC) for type_ in gated for size in (24, gpu.SIZES[type_], 200)])
        self.check_unchanged(machine)

    @proves("H-064")
    def test_edid_without_negotiation(self):
        """Windows asks for the EDID if it was merely offered."""
        machine = self.prepared(features=1 << gpu.F_VERSION_1)
        machine.guest.edid(0)

    @proves("H-065", "C17", "D-40")
    def test_short_commands(self):
        """One byte less than the fixed part, or only a header: an error, and not executed."""
        machine = self.prepared()
        whole = {
            gpu.RESOURCE_CREATE_2D: gpu.create_2d(90, gpu.B8G8R8X8, 8, 8),
            gpu.RESOURCE_UNREF: gpu.unref(1),
            gpu.SET_SCANOUT: gpu.set_scanout(0, 0, Rect(0, 0, 0, 0)),
            gpu.RESOURCE_FLUSH: gpu.flush(1, Rect(0, 0, 64, 64)),
            gpu.TRANSFER_TO_HOST_2D: gpu.transfer(1, Rect(0, 0, 64, 64), 0),
            gpu.RESOURCE_ATTACH_BACKING: gpu.attach(2, []),
            gpu.RESOURCE_DETACH_BACKING: gpu.detach(1),
            gpu.GET_EDID: gpu.get_edid(0),
            gpu.RESOURCE_ASSIGN_UUID: gpu.assign_uuid(1),
        }
        machine.guest.memory.write(self.backing, bytes(64 * 64 * 4))
        table = []
        for type_, request in whole.items():
            for n in (len(request) - 1, len(request) - 4, 25, 24):
                table.append((f"{type_:#x}, {n} bytes", request[:n], PARAMETER))
        self.check_table(machine, table)
        machine.guest.create(90, 8, 8)
        machine.guest.attach(2, [])
        self.check_unchanged(machine)

    @proves("H-070")
    def test_short_cursor_commands(self):
        machine = self.prepared()
        for n in (24, 25, 40, 52, 55):
            request = gpu.move_cursor(0, 5, 5)[:n]
            machine.guest.run_cursor(request, PARAMETER)

    @proves("H-066", "H-067", "H-068", "H-219")
    def test_what_is_ignored(self):
        """Padding, unknown flags, ctx_id and what lies behind the command do not matter."""
        machine = self.prepared()
        junk = gpu.Header(flags=0xFFFF_FFFE, fence=5, ctx=BAD, ring_idx=0xFF, padding=b"\xFF" * 3)
        for request in (gpu.flush(1, Rect(0, 0, 64, 64), junk, padding=BAD),
                        gpu.transfer(1, Rect(0, 0, 64, 64), 0, junk, padding=BAD),
                        gpu.one_resource(gpu.RESOURCE_UNREF, 2, junk, padding=BAD),
                        gpu.create_2d(3, gpu.B8G8R8X8, 1, 1, junk) + b"\xFF" * 4000):
            answer = machine.guest.run(request)
            self.assertEqual((answer.flags, answer.fence, answer.ctx), (0, 0, 0))
        all_flags = gpu.Header(flags=BAD, fence=99, ctx=BAD, ring_idx=0xFF)
        answer = machine.guest.run(gpu.flush(1, Rect(0, 0, 64, 64), all_flags))
        self.assertEqual((answer.flags & ~gpu.FLAG_INFO_RING_IDX, answer.fence, answer.ctx),
                         (gpu.FLAG_FENCE, 99, BAD))
        junk_edid = machine.guest.run(gpu.get_edid(0, junk, padding=BAD), gpu.OK_EDID,
                                      gpu.EDID_SIZE)
        self.assertEqual(junk_edid.flags, 0)
        self.check_unchanged(machine)

    @proves("H-069", "H-026")
    def test_no_room_for_an_answer(self):
        """Every command without writable bytes is executed, and comes back with length 0."""
        machine = self.prepared()
        for type_, size in gpu.SIZES.items():
            queue = machine.vm.cursor if type_ in gpu.CURSOR_COMMANDS else machine.vm.control
            answer = queue.run(gpu.command(type_, bytes(size - 24)), room=0)
            self.assertEqual(answer.size, 0)
        for request in (gpu.create_2d(5, gpu.B8G8R8X8, 64, 64),
                        gpu.attach(5, [(self.backing, 64 * 64 * 4)]),
                        gpu.transfer(5, Rect(0, 0, 64, 64), 0),
                        gpu.set_scanout(1, 5, Rect(0, 0, 64, 64)),
                        gpu.flush(5, Rect(0, 0, 64, 64))):
            self.assertEqual(machine.vm.control.run(request, room=0).size, 0)
        machine.check_screen(1, 64, 64, picture.opaque(self.pixels))


class Commands(ErrorTest):
    @proves("H-080", "D-44", "C12")
    def test_edid(self):
        machine = self.prepared()
        self.check_table(machine, [(hex(s), gpu.get_edid(s), SCANOUT)
                                   for s in (2, 3, 15, 16, 31, 32, 0x8000_0000, BAD)])

    @proves("H-081", "H-082", "H-083", "H-084", "H-085", "H-086", "C15")
    def test_create(self):
        machine = self.prepared()
        x = gpu.B8G8R8X8
        table = [("id 0", gpu.create_2d(0, x, 8, 8), RESOURCE),
                 ("id in use", gpu.create_2d(1, x, 8, 8), RESOURCE),
                 ("id before format", gpu.create_2d(0, 0, 0, 0), RESOURCE),
                 ("id in use before format", gpu.create_2d(1, 0, 0, 0), RESOURCE),
                 ("format before size", gpu.create_2d(9, 5, BAD, BAD), PARAMETER),
                 ("zero before limits", gpu.create_2d(9, x, 0, BAD), PARAMETER)]
        table += [(f"format {f:#x}", gpu.create_2d(9, f, 8, 8), PARAMETER)
                  for f in (0, 5, 66, 69, 120, 122, 133, 135, 0x0100_0000, BAD)]
        table += [(f"{w}x{h}", gpu.create_2d(9, x, w, h), PARAMETER)
                  for w, h in ((0, 0), (0, 8), (8, 0))]
        table += [(f"{w:#x}x{h:#x}", gpu.create_2d(9, x, w, h), MEMORY)
                  for w, h in ((0x10000, 0x10000), (0x4000_0001, 1), (BAD, BAD), (1, 0x7FFF_FFFF),
                               (0x4001, 0x10000), (32768, 32767), (16385, 1), (1, 16385),
                               (0x8000_0000, 2), (16384, 16385))]
        self.check_table(machine, table)
        machine.guest.create(9, 16384, 1)
        self.check_unchanged(machine)

    @proves("H-087")
    def test_unref(self):
        machine = self.prepared()
        machine.guest.unref(2)
        self.check_table(machine, [(hex(r), gpu.unref(r), RESOURCE) for r in (0, 2, 3, BAD)])
        self.check_unchanged(machine)

    @proves("H-089", "H-091", "H-093", "SPEC-224", "C18")
    def test_set_scanout(self):
        machine = self.prepared()
        whole = Rect(0, 0, 64, 64)
        table = [(f"scanout {s:#x}", gpu.set_scanout(s, r, whole), SCANOUT)
                 for s in (2, 15, 16, 31, 32, 0x8000_0000, BAD) for r in (0, 1, 99)]
        table += [(f"resource {r:#x}", gpu.set_scanout(s, r, Rect(9, 9, 0, BAD)), RESOURCE)
                  for s in (0, 1) for r in (3, BAD)]
        table += [(f"rectangle {rect}", gpu.set_scanout(s, 1, Rect(*rect)), PARAMETER)
                  for rect in BAD_RECTS + EMPTY_RECTS for s in (0, 1)]
        self.check_table(machine, table)
        self.check_unchanged(machine)

    @proves("H-096", "H-097", "H-098")
    def test_flush(self):
        machine = self.prepared()
        table = [(f"resource {r:#x}", gpu.flush(r, Rect(BAD, 0, 2, 0)), RESOURCE)
                 for r in (0, 3, BAD)]
        table += [(f"rectangle {rect}", gpu.flush(1, Rect(*rect)), PARAMETER) for rect in BAD_RECTS]
        table += [(f"rectangle {rect}", gpu.flush(1, Rect(*rect)), OK) for rect in EMPTY_RECTS]
        table += [("not shown, outside", gpu.flush(2, Rect(0, 0, 9, 8)), PARAMETER),
                  ("not shown", gpu.flush(2, Rect(0, 0, 8, 8)), OK)]
        self.check_table(machine, table)
        self.check_unchanged(machine)

    @proves("H-100", "H-101", "H-102", "H-103", "D-54", "D-55")
    def test_transfer(self):
        machine = self.prepared()
        machine.guest.memory.write(self.backing, bytes(64 * 64 * 4))
        size = 64 * 64 * 4
        one = Rect(3, 3, 1, 1)
        table = [(f"resource {r:#x}", gpu.transfer(r, Rect(BAD, 0, 2, 0), BAD), RESOURCE)
                 for r in (0, 3, BAD)]
        table += [(f"rectangle {rect}", gpu.transfer(1, Rect(*rect), 0), PARAMETER)
                  for rect in BAD_RECTS]
        table += [("rectangle before backing", gpu.transfer(2, Rect(0, 0, 9, 8), 0), PARAMETER),
                  ("no backing", gpu.transfer(2, Rect(0, 0, 8, 8), 0), UNSPEC),
                  ("no backing, offset", gpu.transfer(2, Rect(0, 0, 8, 8), 1 << 63), UNSPEC),
                  ("no backing, empty", gpu.transfer(2, Rect(0, 0, 0, 0), 0), UNSPEC),
                  ("whole, from 1 on", gpu.transfer(1, Rect(0, 0, 64, 64), 1), PARAMETER),
                  ("last row", gpu.transfer(1, Rect(0, 1, 64, 63), 64 * 4 + 4), PARAMETER)]
        table += [(f"offset {offset:#x}", gpu.transfer(1, one, offset), PARAMETER)
                  for offset in (size, size - 3, 1 << 32, (1 << 32) + 4, 1 << 63, (1 << 64) - 1,
                                 (1 << 64) - 4, (1 << 64) - 64 * 4)]
        table += [(f"two rows, offset {offset:#x}", gpu.transfer(1, Rect(0, 0, 1, 2), offset),
                   PARAMETER) for offset in ((1 << 64) - 256, (1 << 64) - 260, size - 256)]
        table += [("an empty one", gpu.transfer(1, Rect(0, 0, 0, 9), BAD), OK)]
        self.check_table(machine, table)
        self.check_unchanged(machine)
        machine.guest.memory.write(self.backing, self.pixels)
        machine.guest.transfer(1, one, (3 * 64 + 3) * 4)
        machine.guest.transfer(1, Rect(63, 63, 1, 1), size - 4)
        self.check_unchanged(machine)

    @proves("H-117", "D-59")
    def test_detach(self):
        machine = self.prepared()
        self.check_table(machine, [("unknown", gpu.detach(3), RESOURCE),
                                   ("0", gpu.detach(0), RESOURCE),
                                   ("unbacked", gpu.detach(2), UNSPEC)])
        machine.guest.detach(1)
        machine.guest.detach(1, UNSPEC)
        self.check_unchanged(machine)

    @proves("H-121")
    def test_uuid(self):
        machine = self.prepared()
        self.check_table(machine, [(hex(r), gpu.assign_uuid(r), RESOURCE) for r in (0, 3, BAD)])


# Of a resource of 64x64: outside, or so large that 32 bits do not hold their end.
BAD_RECTS = [(0, 0, 65, 64), (0, 0, 64, 65), (1, 0, 64, 1), (0, 1, 1, 64), (64, 0, 1, 1),
             (0, 64, 1, 1), (BAD, 0, 2, 1), (0, BAD, 1, 2), (BAD, BAD, BAD, BAD),
             (0x8000_0000, 0, 0x8000_0000, 1), (2, 2, BAD, 1), (2, 2, 1, BAD), (1, 1, BAD, BAD)]
EMPTY_RECTS = [(0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0), (64, 64, 0, 0)]


class Backing(ErrorTest):
    @proves("H-106", "H-107", "H-108", "H-110", "H-111", "H-114", "D-56", "D-75")
    def test_attach(self):
        machine = self.prepared()
        region = machine.vm.memory.regions[0]
        good = (self.backing, 4096)
        table = [("unknown", gpu.attach(3, [good]), RESOURCE),
                 ("0", gpu.attach(0, [(0, 0)], n_entries=BAD), RESOURCE),
                 ("twice", gpu.attach(1, [good]), UNSPEC),
                 ("twice, before its entries", gpu.attach(1, [], n_entries=BAD), UNSPEC)]
        table += [(f"{n:#x} entries announced", gpu.attach(2, [good], n_entries=n), PARAMETER)
                  for n in (2, 0x1000_0000, 0x1000_0001, 0x0FFF_FFFE, 0x8000_0000, BAD)]
        table += [(f"{n:#x} entries announced, none there", gpu.attach(2, [], n_entries=n),
                   PARAMETER) for n in (1, 0x1000_0000, BAD)]
        table += [("half an entry", gpu.attach(2, [good])[:-1], PARAMETER)]
        table += [(f"entry {gpa:#x}+{size:#x}", gpu.attach(2, [good, (gpa, size), good]), PARAMETER)
                  for gpa, size in ((0, 4096), (region.end, 1), (region.end - 1, 2),
                                    (region.gpa - 1, 1), (region.gpa - 1, 2),
                                    ((1 << 64) - 4096, 4096), ((1 << 64) - 1, 2),
                                    ((1 << 64) - 1, BAD), (self.backing, BAD), (self.backing, 0),
                                    (0xFE00_0000, 4096), (1 << 63, 4096))]
        self.check_table(machine, table)
        machine.guest.transfer(2, Rect(0, 0, 8, 8), expect=UNSPEC)
        machine.guest.attach(2, [good])
        machine.guest.transfer(2, Rect(0, 0, 8, 8))
        self.check_unchanged(machine)

    @proves("H-109")
    def test_more_entries_than_announced(self):
        """What is behind the announced entries is not looked at."""
        machine = self.prepared()
        machine.guest.run(gpu.attach(2, [(self.backing, 4096), (0, 0), (0, 5)], n_entries=1))
        machine.guest.transfer(2, Rect(0, 0, 8, 8))

    @proves("H-115", "D-57")
    def test_no_entries(self):
        """Zero entries are a backing, an empty one: nothing can be transferred from it."""
        machine = self.prepared()
        machine.guest.attach(2, [])
        machine.guest.transfer(2, Rect(0, 0, 8, 8), expect=PARAMETER)
        machine.guest.attach(2, [], expect=UNSPEC)
        machine.guest.detach(2)
        machine.guest.detach(2, UNSPEC)

    @proves("H-104", "SPEC-229", "D-58")
    def test_one_byte_entries(self):
        """65,536 entries of one byte, in two orders."""
        machine = self.prepared()
        pixels = picture.noise(128, 128, 4)
        backing = machine.guest.memory.put(pixels)
        machine.guest.create(3, 128, 128)
        machine.guest.set_scanout(1, 3, Rect(0, 0, 128, 128))
        entries = [(backing + i, 1) for i in range(len(pixels))]
        for order, expected in ((entries, pixels), (entries[::-1], pixels[::-1])):
            machine.guest.attach(3, order)
            machine.guest.transfer(3, Rect(0, 0, 128, 128))
            machine.check_screen(1, 128, 128, picture.opaque(expected))
            machine.guest.detach(3)

    @proves("SPEC-229", "H-116")
    def test_overlapping_entries(self):
        """The same page many times; the sum may be larger than all memory."""
        machine = self.prepared()
        page = picture.noise(32, 32, 8)
        gpa = machine.guest.memory.put(page, 4096)
        machine.guest.create(3, 32, 320)
        machine.guest.attach(3, [(gpa, 4096)] * 10)
        machine.guest.set_scanout(1, 3, Rect(0, 0, 32, 320))
        machine.guest.transfer(3, Rect(0, 0, 32, 320))
        machine.check_screen(1, 32, 320, picture.opaque(page * 10))
        region = machine.vm.memory.regions[0]
        machine.guest.attach(2, [(region.gpa, region.size)] * 1000, expect=(OK, MEMORY))
        machine.check_alive()

    @proves("H-105", "H-031")
    def test_backing_is_the_ring(self):
        """A resource whose backing is the ring and the requests themselves: only read."""
        machine = self.prepared()
        desc, avail, used = machine.vm.control.ring.addresses()
        area = machine.vm.control.arena
        machine.guest.create(3, 64, 4)
        machine.guest.attach(3, [(desc, 256), (avail, 64), (used, 64), (area, 4096)])
        for _ in range(20):
            machine.guest.transfer(3, Rect(0, 0, 64, 4))
        self.check_unchanged(machine)


if __name__ == "__main__":
    case.main()
