#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ordinary life of every command of the control queue, judged by what is seen."""

import random
import struct

from rig import case, gpu, picture
from rig.case import proves
from rig.gpu import Rect
from rig.qemu_display import QemuDisplay, make_edid


def config(machine, size=16):
    return struct.unpack("<4I", machine.vm.conn.get_config(0, size)[:16])


class Information(case.WireTest):
    @proves("SPEC-220", "SPEC-202")
    def test_display_info(self):
        """--heads and --size say what GET_DISPLAY_INFO tells; what lies beyond is zero."""
        machine = self.machine("--heads=3", "--size=801x602")
        self.assertEqual(config(machine)[2], 3)
        heads = machine.guest.display_info().heads()
        self.assertEqual(heads[0], (Rect(0, 0, 801, 602), 1, 0))
        for rect, enabled, flags in heads[1:]:
            self.assertIn(enabled, (0, 1))
            self.assertEqual(flags, 0)
            if not enabled:
                self.assertEqual(rect, Rect(0, 0, 0, 0))
        for head in heads[3:]:
            self.assertEqual(head, (Rect(0, 0, 0, 0), 0, 0))

    @proves("SPEC-220", "SPEC-202", "SPEC-203")
    def test_display_info_by_default(self):
        """Without options there is one head of 1280x800, and no capset."""
        machine = self.machine()
        events, _, n_scanouts, n_capsets = config(machine)
        self.assertEqual((events, n_scanouts, n_capsets), (0, 1, 0))
        self.assertEqual(machine.guest.display_info().heads()[0], (Rect(0, 0, 1280, 800), 1, 0))

    @proves("SPEC-220")
    def test_display_info_is_qemus(self):
        """With a GPU socket the sizes of the heads are QEMU's."""
        display = QemuDisplay(n_heads=2, sizes=((1024, 768), (640, 480)))
        machine = self.machine(display=display)
        heads = machine.guest.display_info().heads()
        self.assertEqual([(h[0].width, h[0].height, h[1]) for h in heads[:3]],
                         [(1024, 768, 1), (640, 480, 1), (0, 0, 0)])
        display.sizes = ((333, 444), None)
        heads = machine.guest.display_info().heads()
        self.assertEqual([(h[0].width, h[0].height, h[1]) for h in heads[:3]],
                         [(333, 444, 1), (0, 0, 0), (0, 0, 0)])

    @proves("SPEC-221")
    def test_edid(self):
        """Each head has an EDID whose blocks add up to 0, also a head that is disabled."""
        machine = self.machine("--heads=2", "--size=1440x900")
        for scanout in range(2):
            answer = machine.guest.edid(scanout)
            self.assertEqual(answer.size, gpu.EDID_SIZE)
            self.check_edid(answer)
        first = machine.guest.edid(0).edid()
        self.assertEqual(preferred_size(first), (1440, 900))

    def check_edid(self, answer):
        size, padding = struct.unpack_from("<II", answer.raw, 24)
        edid = answer.raw[32:]
        self.assertEqual(size % 128, 0)
        self.assertTrue(128 <= size <= 1024)
        self.assertEqual(padding, 0)
        self.assertEqual(edid[:8], bytes.fromhex("00ffffffffffff00"))
        # Whoever says that all 1024 bytes are valid pads with zero.
        n_blocks = 1 + edid[126]
        self.assertLessEqual(n_blocks * 128, size)
        for i in range(n_blocks):
            self.assertEqual(sum(edid[128 * i:128 * i + 128]) & 0xFF, 0, f"block {i}")
        self.assertFalse(any(edid[n_blocks * 128:]))

    @proves("SPEC-220", "SPEC-221")
    def test_described_heads(self):
        """--head: sizes side by side; the EDID has rate, millimetres, name and serial number."""
        machine = self.machine("--head=1920x1080@75,mm=600x340,name=Left",
                               "--head=640x480,serial=7")
        heads = machine.guest.display_info().heads()
        self.assertEqual(heads[:2], [(Rect(0, 0, 1920, 1080), 1, 0),
                                     (Rect(1920, 0, 640, 480), 1, 0)])
        left, right = (machine.guest.edid(i).edid() for i in range(2))
        timing = left[54:72]  # the first detailed timing: the preferred mode (E-EDID 3.10.2)
        clock, across, down = struct.unpack("<H", timing[:2])[0], timing[2:5], timing[5:8]
        width, height = across[0] | across[2] >> 4 << 8, down[0] | down[2] >> 4 << 8
        self.assertEqual((width, height), (1920, 1080))
        blank_across, blank_down = across[1] | (across[2] & 15) << 8, down[1] | (down[2] & 15) << 8
        rate = clock * 10_000 / ((width + blank_across) * (height + blank_down))
        self.assertAlmostEqual(rate, 75, delta=0.1)
        self.assertEqual((timing[12] | timing[14] >> 4 << 8, timing[13] | (timing[14] & 15) << 8),
                         (600, 340))
        self.assertIn(b"\0\0\0\xfc\0Left\n", left)
        self.assertIn(b"\0\0\0\xff\x007\n", right)

    @proves("SPEC-221")
    def test_edid_is_qemus(self):
        """With a GPU socket the EDID is QEMU's, if its checksum is right; else ours."""
        display = QemuDisplay(edid=make_edid(b"FROM QEMU"))
        machine = self.machine(display=display)
        self.assertEqual(machine.guest.edid(0).edid()[:128], make_edid(b"FROM QEMU"))
        broken = bytearray(make_edid(b"FROM QEMU"))
        broken[127] ^= 1
        display.edid_bytes = bytes(broken)
        answer = machine.guest.edid(0)
        self.check_edid(answer)

    @proves("SPEC-023", "SPEC-243", "H-121")
    def test_uuid(self):
        """A resource keeps its UUID; others, and a new one of the same id, have another."""
        machine = self.machine()
        guest = machine.guest
        for resource in (1, 2):
            guest.create(resource, 4, 4)
        first, second = guest.uuid(1), guest.uuid(2)
        self.assertEqual(guest.uuid(1), first)
        self.assertNotEqual(first, second)
        for uuid in (first, second):
            self.assertEqual(uuid[6] >> 4, 4)
            self.assertEqual(uuid[8] >> 6, 2)
        guest.unref(1)
        guest.create(1, 4, 4)
        self.assertNotEqual(guest.uuid(1), first)


def preferred_size(edid):
    """Pixels of the first detailed timing."""
    d = edid[54:72]
    return d[2] | (d[4] & 0xF0) << 4, d[5] | (d[7] & 0xF0) << 4


class Drawing(case.WireTest):
    @proves("SPEC-222", "SPEC-228", "SPEC-229")
    def test_all_formats(self):
        """Each of the eight formats is shown with its own order of bytes."""
        machine = self.machine(display=True)
        for i, format_ in enumerate(gpu.FORMATS):
            with self.subTest(format=format_):
                pixels = picture.noise(40, 30, format_)
                machine.guest.show(0, 10 + i, 40, 30, pixels, format_)
                machine.check_screen(0, 40, 30, picture.to_screen(pixels, format_))

    @proves("SPEC-228", "SPEC-229", "SPEC-224")
    def test_random_transfers(self):
        """Rectangles and offsets at random, from scattered pages, against the model."""
        machine = self.machine(display=True)
        guest, rng = machine.guest, random.Random(1)
        width, height = 67, 45
        image = picture.Image(width, height)
        size = width * height * 4
        write, entries = scattered(guest.memory, size, rng)
        guest.create(1, width, height)
        guest.attach(1, entries)
        guest.set_scanout(0, 1, Rect(0, 0, width, height))
        for round_ in range(150):
            data = rng.randbytes(size)
            write(data)
            rect, offset = random_part(rng, width, height)
            guest.transfer(1, rect, offset)
            image.transfer(data, rect, offset)
            guest.flush(1, rect)
            if round_ % 10 == 9:
                machine.check_screen(0, width, height, image.screen())

    @proves("SPEC-228")
    def test_large_transfer_of_a_part(self):
        """A part of several MiB, which no device moves in one go."""
        machine = self.machine(display=True)
        width, height, part = 1600, 1200, Rect(101, 53, 1400, 1100)
        pixels = picture.noise(width, height, 1)
        backing = machine.guest.show(0, 1, width, height)
        machine.guest.memory.write(backing, pixels)
        offset = (part.y * width + part.x) * 4
        machine.guest.transfer(1, part, offset)
        machine.guest.flush(1, part)
        image = picture.Image(width, height)
        image.transfer(pixels, part, offset)
        machine.check_screen(0, width, height, image.screen())

    @proves("SPEC-222")
    def test_new_resource_is_black(self):
        """A new resource reads as zero, also one in memory that another one had."""
        machine = self.machine()
        for round_ in range(5):
            machine.guest.create(1, 300, 300)
            machine.guest.set_scanout(0, 1, Rect(0, 0, 300, 300))
            machine.check_screen(0, 300, 300, picture.opaque(bytes(300 * 300 * 4)))
            machine.guest.unref(1)
            machine.guest.show(0, 2, 300, 300, b"\xFF" * 360000)
            machine.guest.unref(2)

    @proves("SPEC-230", "H-118")
    def test_detach_keeps_the_picture(self):
        """After DETACH_BACKING the screen shows what was transferred, and not what changes."""
        machine = self.machine(display=True)
        pixels = picture.noise(32, 32, 5)
        backing = machine.guest.show(0, 1, 32, 32, pixels)
        machine.guest.detach(1)
        machine.guest.memory.write(backing, bytes(4096))
        machine.guest.transfer(1, Rect(0, 0, 32, 32), expect=gpu.ERR_UNSPEC)
        machine.guest.flush(1, Rect(0, 0, 32, 32))
        machine.check_screen(0, 32, 32, picture.opaque(pixels))
        machine.guest.attach(1, [(backing, 4096)])
        machine.guest.transfer(1, Rect(0, 0, 32, 32))
        machine.guest.flush(1, Rect(0, 0, 32, 32))
        machine.check_screen(0, 32, 32, picture.opaque(bytes(4096)))

    @proves("SPEC-223")
    def test_id_can_be_used_again(self):
        """UNREF destroys: the id is free, also 0xffffffff."""
        machine = self.machine()
        for resource in (1, 0xFFFF_FFFF, 0x8000_0000):
            for size in (10, 20):
                machine.guest.show(0, resource, size, size, picture.noise(size, size, resource))
                machine.guest.unref(resource)
            machine.guest.unref(resource, gpu.ERR_INVALID_RESOURCE_ID)

    @proves("H-112", "SPEC-229")
    def test_two_resources_share_pages(self):
        """Haiku attaches one framebuffer to the old and the new resource at once."""
        machine = self.machine()
        guest = machine.guest
        pixels = picture.noise(64, 64, 9)
        backing = guest.memory.put(pixels, 4096)
        guest.create(1, 64, 64)
        guest.attach(1, [(backing, len(pixels))])
        guest.create(2, 32, 32)
        guest.attach(2, [(backing, len(pixels))])
        guest.unref(1)
        guest.set_scanout(0, 2, Rect(0, 0, 32, 32))
        guest.transfer(2, Rect(0, 0, 32, 32))
        guest.flush(2, Rect(0, 0, 32, 32))
        machine.check_screen(0, 32, 32, picture.opaque(pixels[:32 * 32 * 4]))


class Scanouts(case.WireTest):
    @proves("SPEC-226", "H-090")
    def test_off(self):
        """Resource 0 switches a scanout off, whatever the rectangle, and again."""
        machine = self.machine(display=True)
        machine.check_off(0)
        machine.guest.show(0, 1, 16, 16, picture.noise(16, 16, 1))
        machine.check_screen(0, 16, 16, picture.opaque(picture.noise(16, 16, 1)))
        for rect in (Rect(0, 0, 0, 0), Rect(0, 0, 16, 16), Rect(*[0xFFFF_FFFF] * 4)):
            machine.guest.set_scanout(0, 0, rect)
            machine.check_off(0)
        machine.display.wait_off(0)
        machine.guest.set_scanout(0, 1, Rect(0, 0, 16, 16))
        machine.guest.flush(1, Rect(0, 0, 16, 16))
        machine.check_screen(0, 16, 16, picture.opaque(picture.noise(16, 16, 1)))

    @proves("H-088", "SPEC-223")
    def test_unref_blanks(self):
        """UNREF of what is shown switches its scanouts off."""
        machine = self.machine("--heads=16", display=QemuDisplay(16))
        machine.guest.image(1, 64, 64, picture.noise(64, 64, 1))
        for scanout in range(16):
            machine.guest.set_scanout(scanout, 1, Rect(scanout, 0, 16, 16))
        machine.guest.flush(1, Rect(0, 0, 64, 64))
        machine.display.wait_for(lambda: len(machine.display.surfaces) == 16, "16 surfaces")
        machine.guest.unref(1)
        for scanout in range(16):
            machine.check_off(scanout)
            machine.display.wait_off(scanout)

    @proves("SPEC-225", "SPEC-227")
    def test_sixteen_scanouts_of_one_resource(self):
        """16 scanouts show parts of one resource, overlapping; one FLUSH updates them all."""
        machine = self.machine("--heads=16", display=QemuDisplay(16))
        guest, rng = machine.guest, random.Random(3)
        image = picture.Image(90, 70)
        backing = guest.image(1, 90, 70)
        rects = [Rect(*part) for part in (random_rect(rng, 90, 70) for _ in range(15))]
        rects.append(rects[0])
        for scanout, rect in enumerate(rects):
            guest.set_scanout(scanout, 1, rect)
        for round_ in range(3):
            pixels = picture.noise(90, 70, round_)
            guest.memory.write(backing, pixels)
            guest.transfer(1, Rect(0, 0, 90, 70))
            image.transfer(pixels, Rect(0, 0, 90, 70), 0)
            guest.flush(1, Rect(0, 0, 90, 70))
            for scanout, rect in enumerate(rects):
                machine.check_screen(scanout, rect.width, rect.height, image.screen(rect))

    @proves("SPEC-227")
    def test_flush_of_parts(self):
        """QEMU's display gets what was flushed, translated into each scanout, and no more."""
        machine = self.machine("--heads=2", display=QemuDisplay(2))
        guest = machine.guest
        backing = guest.image(1, 40, 40, bytes(6400))
        guest.set_scanout(0, 1, Rect(0, 0, 40, 40))
        guest.set_scanout(1, 1, Rect(20, 20, 20, 20))
        guest.flush(1, Rect(0, 0, 40, 40))
        shown = picture.Image(40, 40)
        machine.display.wait_picture(0, 40, 40, shown.screen())
        machine.display.wait_picture(1, 20, 20, shown.screen(Rect(20, 20, 20, 20)))
        pixels = picture.noise(40, 40, 77)
        guest.memory.write(backing, pixels)
        guest.transfer(1, Rect(0, 0, 40, 40))
        part = Rect(15, 18, 10, 7)
        guest.flush(1, part)
        shown.transfer(pixels, part, (part.y * 40 + part.x) * 4)
        machine.display.wait_picture(0, 40, 40, shown.screen())
        machine.display.wait_picture(1, 20, 20, shown.screen(Rect(20, 20, 20, 20)))

    @proves("SPEC-232")
    def test_page_flips(self):
        """Two resources in turns, as a guest flips pages; each picture is seen whole."""
        machine = self.machine(display=True)
        guest = machine.guest
        backings = [guest.image(1 + i, 50, 40) for i in range(2)]
        for frame in range(40):
            pixels = picture.noise(50, 40, frame)
            guest.memory.write(backings[frame % 2], pixels)
            guest.batch([gpu.transfer(1 + frame % 2, Rect(0, 0, 50, 40), 0),
                         gpu.set_scanout(0, 1 + frame % 2, Rect(0, 0, 50, 40)),
                         gpu.flush(1 + frame % 2, Rect(0, 0, 50, 40))])
            if frame % 4 == 3:
                machine.check_screen(0, 50, 40, picture.opaque(pixels))

    @proves("H-094", "H-095", "H-151")
    def test_small_and_unbacked(self):
        """A scanout may be one pixel, and its resource may have no backing."""
        machine = self.machine(display=True)
        machine.guest.create(1, 64, 64)
        for size in range(1, 16):
            machine.guest.set_scanout(0, 1, Rect(64 - size, 64 - size, size, size))
            machine.guest.flush(1, Rect(0, 0, 64, 64))
            machine.check_screen(0, size, size, picture.opaque(bytes(size * size * 4)))

    @proves("H-098")
    def test_flush_of_nothing(self):
        """An empty FLUSH, or one of a resource that nobody shows, is fine."""
        machine = self.machine()
        machine.guest.image(1, 8, 8)
        machine.guest.flush(1, Rect(0, 0, 8, 8))
        machine.guest.flush(1, Rect(3, 3, 0, 0))
        machine.guest.transfer(1, Rect(3, 3, 0, 2))


def random_rect(rng, width, height):
    x, y = rng.randrange(width), rng.randrange(height)
    return Rect(x, y, rng.randint(1, width - x), rng.randint(1, height - y))


def random_part(rng, width, height):
    """A rectangle, and an offset with which its rows lie inside the backing."""
    rect = random_rect(rng, width, height)
    needed = ((rect.height - 1) * width + rect.width) * 4
    return rect, rng.randint(0, width * height * 4 - needed)


def scattered(memory, size, rng):
    """Backing in pieces of any size, in any order; returns a writer of it, and its entries."""
    entries, left = [], size
    at = memory.alloc(size * 4, 4096)
    while left:
        n = min(left, rng.choice((1, 3, 4, 17, 256, 1000, 4096)))
        entries.append((at, n))
        at += n + rng.randrange(64)
        left -= n
    rng.shuffle(entries)

    def write(data):
        done = 0
        for gpa_, n in entries:
            memory.write(gpa_, data[done:done + n])
            done += n
    return write, entries


if __name__ == "__main__":
    case.main()
