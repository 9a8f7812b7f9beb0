#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest blobs: resources that are guest memory and nothing else, judged by what is seen."""

from rig import case, gpu, picture
from rig.case import proves
from rig.gpu import Rect
from rig.qemu_display import QemuDisplay
from rig.vm import FEATURES

BLOBS = FEATURES | 1 << gpu.F_RESOURCE_BLOB


class Blobs(case.WireTest):
    def begin(self, *options, **kinds):
        machine = self.machine(*options, features=BLOBS, **kinds)
        return machine, machine.guest

    @proves("SPEC-245", "SPEC-232", "H-167")
    def test_life_of_a_dumb_buffer(self):
        """As Linux does: blob, scanout, a transfer that means nothing, flushes, flips, the end."""
        machine, guest = self.begin("--heads=1", display=QemuDisplay(1))
        width, height, pictures, places = 200, 90, [], []
        whole = Rect(0, 0, width, height)
        for blob in (1, 2):
            pictures.append(picture.noise(width, height, blob))
            places.append(guest.memory.put(pictures[-1], 4096))
            entries = [(places[-1], 5000), (places[-1] + 5000, width * height * 4 - 5000)]
            guest.run(gpu.create_blob(blob, width * height * 4, entries))
        for blob in (1, 2, 1):
            guest.transfer(blob, whole)
            guest.run(gpu.set_scanout_blob(0, blob, whole, width, height, gpu.B8G8R8X8, width * 4))
            guest.flush(blob, whole)
            machine.check_screen(0, width, height, picture.opaque(pictures[blob - 1]))
        guest.unref(1)
        machine.check_off(0)
        guest.unref(2)
        guest.unref(2, gpu.ERR_INVALID_RESOURCE_ID)

    @proves("SPEC-211", "H-175")
    def test_large_fenced_flush(self):
        """8 MiB take several turns: fences keep their order, commands theirs, pixels are exact."""
        machine, guest = self.begin()
        width, height, stride, offset = 1920, 1080, 1936 * 4, 128
        row = picture.noise(1936, height, 3)
        size = offset + (height - 1) * stride + width * 4
        place = guest.memory.put(bytes(offset) + row, 4096)
        whole = Rect(0, 0, width, height)
        guest.run(gpu.create_blob(1, size, [(place, size)]))
        too_long = gpu.set_scanout_blob(0, 1, whole, width, height, 2, stride, offset + 4)
        guest.run(too_long, gpu.ERR_INVALID_PARAMETER)
        guest.run(gpu.set_scanout_blob(0, 1, whole, width, height, 2, stride, offset))
        queue = guest.vm.control
        pending = [queue.add(gpu.flush(1, whole, gpu.fenced(7)), 24),
                   queue.add(gpu.get_display_info(gpu.fenced(8)), 408),
                   queue.add(gpu.detach(1, gpu.fenced(9)), 24)]
        queue.publish()
        queue.wait(*pending)
        self.assertEqual([p.answer.type for p in pending],
                         [gpu.OK_NODATA, gpu.OK_DISPLAY_INFO, gpu.OK_NODATA])
        shown = b"".join(row[y * stride:y * stride + width * 4] for y in range(height))
        machine.check_screen(0, width, height, picture.opaque(shown))
        guest.flush(1, whole, gpu.ERR_UNSPEC)
        machine.check_screen(0, width, height, picture.opaque(shown))

    @proves("H-064", "H-160", "H-161", "H-163", "H-165", "H-166", "H-171", "SPEC-244", "SPEC-246")
    def test_refused(self):
        """What cannot be a blob of the guest's is none; its id stays free."""
        machine, guest = self.begin()
        place = guest.memory.put(bytes(4096), 4096)
        good = dict(resource=1, size=4096, entries=[(place, 4096)])
        for change, answer in (
                (dict(resource=0), gpu.ERR_INVALID_RESOURCE_ID),
                (dict(mem=0), gpu.ERR_INVALID_PARAMETER),
                (dict(mem=2, entries=[]), gpu.ERR_INVALID_PARAMETER),
                (dict(mem=3), gpu.ERR_INVALID_PARAMETER),
                (dict(mem=0xFFFF_FFFF), gpu.ERR_INVALID_PARAMETER),
                (dict(flags=8), gpu.ERR_INVALID_PARAMETER),
                (dict(size=0), gpu.ERR_INVALID_PARAMETER),
                (dict(size=4097), gpu.ERR_INVALID_PARAMETER),
                (dict(size=2 ** 64 - 1), gpu.ERR_INVALID_PARAMETER),
                (dict(n_entries=2), gpu.ERR_INVALID_PARAMETER),
                (dict(entries=[(place, 0)]), gpu.ERR_INVALID_PARAMETER),
                (dict(entries=[(0, 4096)]), gpu.ERR_INVALID_PARAMETER)):
            guest.run(gpu.create_blob(**{**good, **change}), answer)
        guest.run(gpu.create_blob(**good))
        guest.run(gpu.create_blob(**good), gpu.ERR_INVALID_RESOURCE_ID)
        guest.set_scanout(0, 1, Rect(0, 0, 1, 1), gpu.ERR_INVALID_PARAMETER)
        guest.run(gpu.command(gpu.RESOURCE_MAP_BLOB, bytes(16)), gpu.ERR_UNSPEC)
        machine.check_alive()

    @proves("H-125", "H-115")
    def test_cursor_without_pages(self):
        """A blob of a cursor's size whose list of pages is missing, or there and empty."""
        machine, guest = self.begin()
        size = 64 * 64 * 4
        place = guest.memory.put(picture.noise(64, 64, 1), 4096)
        guest.run(gpu.create_blob(1, size, []))
        guest.update_cursor(0, 1, 1, 1, expect=gpu.ERR_UNSPEC)
        guest.attach(1, [])
        guest.update_cursor(0, 1, 1, 1, expect=gpu.ERR_UNSPEC)
        guest.detach(1)
        guest.attach(1, [(place, size)])
        guest.update_cursor(0, 1, 1, 1)
        machine.check_alive()

    @proves("H-168", "H-174", "H-175", "H-176", "H-177", "SPEC-252")
    def test_layouts(self):
        """What of a blob can be shown: to the byte, with 64-bit sums; other planes mean nothing."""
        machine, guest = self.begin()
        width, height, stride, size = 50, 40, 256, 39 * 256 + 200 + 64
        place = guest.memory.put(picture.noise(64, 41, 5)[:size], 4096)
        guest.run(gpu.create_blob(1, size, [(place, size)]))
        guest.run(gpu.create_blob(2, size, []))
        guest.create(3, width, height)
        good = dict(scanout=0, resource=1, rect=Rect(0, 0, width, height), width=width,
                    height=height, format_=gpu.B8G8R8X8, stride=stride, offset=64)
        wrong = gpu.ERR_INVALID_PARAMETER
        for change, answer in (
                (dict(scanout=1), gpu.ERR_INVALID_SCANOUT_ID),
                (dict(scanout=0xFFFF_FFFF), gpu.ERR_INVALID_SCANOUT_ID),
                (dict(resource=9), gpu.ERR_INVALID_RESOURCE_ID),
                (dict(resource=3), wrong), (dict(resource=2), gpu.ERR_UNSPEC),
                (dict(format_=0), wrong), (dict(format_=5), wrong),
                (dict(format_=0xFFFF_FFFF), wrong),
                (dict(width=0), wrong), (dict(height=0), wrong),
                (dict(rect=Rect(1, 0, width, height)), wrong),
                (dict(rect=Rect(0xFFFF_FFFF, 0, 2, 1)), wrong),
                (dict(stride=0), wrong), (dict(stride=width * 4 - 4), wrong),
                (dict(stride=0xFFFF_FFFC), wrong), (dict(stride=stride + 2), wrong),
                (dict(offset=65), wrong), (dict(offset=68), wrong),
                (dict(offset=0xFFFF_FFFC), wrong)):
            guest.run(gpu.set_scanout_blob(**{**good, **change}), answer)
            machine.check_off(0)
        for format_ in (1, 2, 3, 4, 67, 68, 121, 134):
            guest.run(gpu.set_scanout_blob(**{**good, "format_": format_}))
        guest.run(gpu.set_scanout_blob(0, 0, Rect(7, 7, 0, 0), 0, 0, 0, 0))
        machine.check_off(0)

    @proves("H-162", "H-167", "H-169", "H-172", "H-179", "H-180")
    def test_entries_and_flags(self):
        """Lists as for ATTACH_BACKING; odd sizes are the guest's affair; nothing can be mapped."""
        machine, guest = self.begin()
        place = guest.memory.put(bytes(8192), 4096)
        guest.run(gpu.create_blob(1, 4095, [(place, 1), (place + 1, 8191)], flags=7))
        guest.unref(1)
        for entries in ([(place, 4096), (place, 0)], [(2 ** 64 - 8, 4096)],
                        [(place, 4096), (0xFFFF_FFFF_0000, 4096)]):
            guest.run(gpu.create_blob(1, 4096, entries), gpu.ERR_INVALID_PARAMETER)
        for n in (2, 0xFFFF_FFFF, 0x1000_0000):
            guest.run(gpu.create_blob(1, 4096, [(place, 4096)], n_entries=n),
                      gpu.ERR_INVALID_PARAMETER)
        guest.run(gpu.create_blob(1, 4096, [(place, 4096)]))
        for type_, size in ((gpu.RESOURCE_MAP_BLOB, 16), (gpu.RESOURCE_UNMAP_BLOB, 8)):
            guest.run(gpu.command(type_, bytes(size)), gpu.ERR_UNSPEC)
        plain = self.machine(features=BLOBS & ~(1 << gpu.F_RESOURCE_UUID))
        place = plain.guest.memory.put(bytes(4096), 4096)
        plain.guest.run(gpu.create_blob(1, 4096, [(place, 4096)], flags=4),
                        gpu.ERR_INVALID_PARAMETER)
        plain.guest.run(gpu.create_blob(1, 4096, [(place, 4096)], flags=3))

    @proves("H-163", "H-164", "H-170", "SPEC-246", "SPEC-247")
    def test_host_blobs(self):
        """Without 3D there are no blobs of the host's."""
        machine, guest = self.begin()
        for mem, entries in ((2, []), (2, [(0x10_0000, 4096)]), (3, [(0x10_0000, 4096)])):
            for blob_id in (0, 1):
                guest.run(gpu.create_blob(1, 4096, entries, mem=mem, blob_id=blob_id),
                          gpu.ERR_INVALID_PARAMETER)
        machine.check_alive()


if __name__ == "__main__":
    case.main()
