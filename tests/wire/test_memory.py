#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest memory that comes, goes, is replaced, and is cut off while it is in use."""

import os
import struct

from rig import case, gpu, picture, vhost
from rig.case import proves
from rig.gpu import Rect
from rig.memory import MIB, Memory, Region
from rig.vhost import Msg, Proto
from rig.vm import PROTOCOL

WHOLE = Rect(0, 0, 64, 64)
SIZE = 64 * 64 * 4


class MemoryTest(case.WireTest):
    def backed(self, **kinds):
        """A machine whose resource 1 lies in a region of its own."""
        machine = self.machine(started=False, **kinds)
        self.extra = machine.vm.memory.add(Region(0x4000_0000, 2 * MIB))
        machine.vm.start()
        self.pixels = picture.noise(64, 64, 1)
        machine.vm.memory.write(self.extra.gpa, self.pixels)
        guest = machine.guest
        guest.create(1, 64, 64)
        guest.attach(1, [(self.extra.gpa, SIZE)])
        guest.set_scanout(0, 1, WHOLE)
        guest.transfer(1, WHOLE)
        machine.check_screen(0, 64, 64, picture.opaque(self.pixels))
        return machine


class Changes(MemoryTest):
    @proves("H-056", "FE4-29")
    def test_region_removed_and_added(self):
        """While the region is away a transfer is UNSPEC; another one in its place is used."""
        machine = self.backed()
        vm, guest = machine.vm, machine.guest
        vm.remove_region(self.extra)
        guest.transfer(1, WHOLE, expect=gpu.ERR_UNSPEC)
        machine.check_screen(0, 64, 64, picture.opaque(self.pixels))
        guest.create(2, 8, 8)
        guest.attach(2, [(self.extra.gpa, 256)], expect=gpu.ERR_INVALID_PARAMETER)

        vm.memory.remove(self.extra)
        new = vm.memory.add(Region(self.extra.gpa, 2 * MIB, offset=8192))
        other = picture.noise(64, 64, 2)
        vm.memory.write(new.gpa, other)
        vm.add_region(new)
        guest.transfer(1, WHOLE)
        machine.check_screen(0, 64, 64, picture.opaque(other))

    @proves("H-056")
    def test_region_removed_partly_in_use(self):
        """A backing of two regions, of which one goes."""
        machine = self.backed()
        guest, vm = machine.guest, machine.vm
        third = vm.memory.add(Region(0x5000_0000, MIB))
        vm.add_region(third)
        guest.create(2, 64, 64)
        guest.attach(2, [(self.extra.gpa, SIZE // 2), (third.gpa, SIZE // 2)])
        guest.transfer(2, WHOLE)
        vm.remove_region(third)
        guest.transfer(2, WHOLE, expect=gpu.ERR_UNSPEC)
        guest.detach(2)
        guest.unref(2)
        guest.transfer(1, WHOLE)

    @proves("H-056")
    def test_whole_table_replaced(self):
        """SET_MEM_TABLE with other files at the same addresses, while the rings stand."""
        machine = self.backed(protocol=PROTOCOL & ~(1 << Proto.CONFIGURE_MEM_SLOTS))
        vm = machine.vm
        new = Region(self.extra.gpa, 2 * MIB)
        vm.memory.remove(self.extra)
        vm.memory.add(new)
        other = picture.noise(64, 64, 3)
        vm.memory.write(new.gpa, other)
        vm.set_mem_table()
        machine.guest.transfer(1, WHOLE)
        machine.check_screen(0, 64, 64, picture.opaque(other))
        vm.memory.remove(new)
        vm.set_mem_table()
        machine.guest.transfer(1, WHOLE, expect=gpu.ERR_UNSPEC)
        machine.check_alive()

    @proves("H-056", "FE4-29")
    def test_region_of_the_rings_removed(self):
        """The rings' own region goes: the queue stops, and after a new start all is well."""
        machine = self.backed()
        vm = machine.vm
        first = vm.memory.regions[0]
        vm.remove_region(first)
        vm.control.add(gpu.get_display_info(), 408)
        vm.control.publish(kick=True)
        vm.conn.barrier()
        self.assertFalse(vm.control.ring.has_used())
        vm.stop()
        vm.tell_reset()
        vm.forget_rings()
        vm.start()
        machine.check_alive()

    @proves("FE4-29")
    def test_overlaps_are_refused(self):
        """A region over another one, in guest addresses, is an error or the end of the session."""
        machine = self.backed()
        vm = machine.vm
        for gpa, size in ((self.extra.gpa, 4096), (self.extra.end - 4096, 8192),
                          (self.extra.gpa - 4096, 8192), (self.extra.gpa - MIB, 8 * MIB)):
            region = Region(gpa, size)
            self.addCleanup(region.close)
            error = vm.conn.try_tell(Msg.ADD_MEM_REG, vhost.one_region(region), [region.fd])
            self.assertNotEqual(error, 0, f"{gpa:#x}+{size:#x}")
        machine.guest.transfer(1, WHOLE)

    def test_many_regions(self):
        """As many as GET_MAX_MEM_SLOTS says; one more is refused; all are given back."""
        machine = self.machine()
        vm = machine.vm
        n = min(vm.max_slots, 509)
        before = machine.daemon.n_mappings("memfd:guest")
        regions = [Region((1 << 36) + i * MIB, 4096) for i in range(n)]
        for region in regions:
            self.addCleanup(region.close)
        for region in regions[:n - 1]:
            vm.add_region(region)
        error = vm.conn.try_tell(Msg.ADD_MEM_REG, vhost.one_region(regions[-1]), [regions[-1].fd])
        if n == vm.max_slots:
            self.assertNotEqual(error, 0)
        machine.guest.create(1, 32, 32)
        machine.guest.attach(1, [(region.gpa, 4096) for region in regions[5:6]])
        machine.guest.transfer(1, Rect(0, 0, 32, 32))
        for region in regions[:n - 1]:
            vm.remove_region(region)
        self.assertEqual(machine.daemon.n_mappings("memfd:guest"), before)
        machine.guest.transfer(1, Rect(0, 0, 32, 32), expect=gpu.ERR_UNSPEC)
        machine.check_alive()

    @proves("H-113")
    def test_read_only_file(self):
        """A descriptor that cannot be written is an error, or a backing that is only read."""
        machine = self.machine()
        vm = machine.vm
        region = Region(1 << 36, MIB)
        self.addCleanup(region.close)
        region.map[:4096] = b"\x77" * 4096
        fd = os.open(f"/proc/self/fd/{region.fd}", os.O_RDONLY)
        self.addCleanup(os.close, fd)
        if vm.conn.try_tell(Msg.ADD_MEM_REG, vhost.one_region(region), [fd]) == 0:
            machine.guest.create(1, 32, 32)
            machine.guest.attach(1, [(region.gpa, 4096)])
            machine.guest.transfer(1, Rect(0, 0, 32, 32))
        machine.check_alive()


class CutOff(MemoryTest):
    @proves("H-057")
    def test_backing_cut_off(self):
        """The file behind a backing is truncated: SIGBUS does not end the device."""
        machine = self.backed()
        os.ftruncate(self.extra.fd, 0)
        answer = machine.guest.transfer(1, WHOLE, expect=None)
        self.assertIn(answer.type, (gpu.OK_NODATA, gpu.ERR_UNSPEC))
        machine.guest.flush(1, WHOLE)
        machine.viewer.snapshot(0)
        machine.check_alive()

    @proves("H-057")
    def test_cut_off_again_and_again(self):
        machine = self.backed()
        for i in range(10):
            region = machine.vm.memory.add(Region((1 << 36) + i * MIB, MIB))
            machine.vm.add_region(region)
            machine.guest.create(10 + i, 64, 64)
            machine.guest.attach(10 + i, [(region.gpa, SIZE)])
            os.ftruncate(region.fd, 4096 * (i % 3))
            machine.guest.transfer(10 + i, WHOLE, expect=None)
        machine.check_alive()

    @proves("H-057")
    def test_rings_cut_off(self):
        """The file with the rings: the device lives, and serves the next VMM."""
        daemon = self.daemon(by_path=True)
        machine = self.machine(daemon=daemon)
        vm = machine.vm
        os.ftruncate(vm.memory.regions[0].fd, 0)
        vm.control.kick()
        vm.cursor.kick()
        try:
            vm.conn.barrier()
        except (vhost.Closed, BrokenPipeError):
            pass
        # Our own view of that memory is gone as well; touch it no more.
        for queue in vm.queues:
            queue.ring = None
        vm.close()
        self.machine(daemon=daemon).check_alive()


class Tables(case.WireTest):
    def test_set_mem_table_of_eight(self):
        """The old message, with as many regions as it takes."""
        regions = [Region(0x10_0000, 16 * MIB)]
        regions += [Region((1 << 32) + i * 2 * MIB, MIB, offset=4096 * i) for i in range(7)]
        machine = self.machine(memory=Memory(*regions),
                               protocol=PROTOCOL & ~(1 << Proto.CONFIGURE_MEM_SLOTS))
        machine.guest.create(1, 16, 16)
        machine.guest.set_scanout(0, 1, Rect(0, 0, 16, 16))
        for i, region in enumerate(regions[1:]):
            pixels = picture.noise(16, 16, i)
            machine.vm.memory.write(region.gpa + MIB - 1024, pixels)
            machine.guest.attach(1, [(region.gpa + MIB - 1024, 1024)])
            machine.guest.transfer(1, Rect(0, 0, 16, 16))
            machine.check_screen(0, 16, 16, picture.opaque(pixels))
            machine.guest.detach(1)

    def test_unaligned_regions(self):
        """Offsets and sizes that are not multiples of a page of the host."""
        odd = Region(0x8000_0200, 0x3400, offset=0x200)
        machine = self.machine(memory=Memory(Region(0x10_0000, 16 * MIB), odd))
        pixels = picture.noise(16, 16, 1)
        machine.vm.memory.write(odd.end - 1024, pixels)
        machine.guest.create(1, 16, 16)
        machine.guest.set_scanout(0, 1, Rect(0, 0, 16, 16))
        machine.guest.attach(1, [(odd.end - 1023, 1024)], expect=gpu.ERR_INVALID_PARAMETER)
        machine.guest.attach(1, [(odd.end - 1024, 1024)])
        machine.guest.transfer(1, Rect(0, 0, 16, 16))
        machine.check_screen(0, 16, 16, picture.opaque(pixels))

    def test_file_shorter_than_its_region(self):
        """A region that reaches behind the end of its file is refused."""
        machine = self.machine()
        fd = os.memfd_create("short")
        self.addCleanup(os.close, fd)
        os.ftruncate(fd, 8192)
        for size, offset in ((12288, 0), (8192, 4096), (4096, 8192), (8193, 0)):
            payload = vhost.u64(0) + struct.pack("<QQQQ", 1 << 36, size, 1 << 45, offset)
            self.assertNotEqual(machine.vm.conn.try_tell(Msg.ADD_MEM_REG, payload, [fd]), 0)
        machine.check_alive()


if __name__ == "__main__":
    case.main()
