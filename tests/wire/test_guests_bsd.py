#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The drivers of FreeBSD, of OpenBSD and NetBSD, and of Haiku, replayed: all is fenced."""

from rig import case, gpu, memory as mem, picture
from rig.case import proves
from rig.driver import VERSION_1, DriverTest
from rig.gpu import Header, Rect, fenced
from rig.memory import MIB, PAGE
from rig.qemu_display import QemuDisplay
from rig.queue import POISON
from rig.ring import Buffer

NONE = Rect(0, 0, 0, 0)
WIDTH, HEIGHT = 640, 480
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
SIZE = WIDTH * HEIGHT * 4


class FencedTest(DriverTest):
    """Every command has a fence, counted from 1; judge() compares it with the answer's."""

    def boot(self, *options, **kinds):
        self.n_fences = 0
        return super().boot(*options, **kinds)

    def fence(self):
        self.n_fences += 1
        return fenced(self.n_fences)


class FreeBsd(FencedTest):
    """No feature but VERSION_1, one queue, polled; two descriptors, or one and the answer's."""

    WANTS = VERSION_1
    QUEUES = (64, None)
    POLLS = True

    @proves("B-1", "SPEC-220")
    def test_freebsd_takes_the_first_head(self):
        """It looks neither at `enabled` nor at the answer's type: the first head has a size."""
        for options, display in (((), None), (("--heads=4",), None), ((), QemuDisplay(1)),
                                 (("--heads=2",), QemuDisplay(2))):
            self.boot(*options, display=display)
            first = self.display_info(self.fence())[0][0]
            self.assertTrue(first.width > 0 and first.height > 0)

    @proves("B-1", "SPEC-212")
    def test_freebsd_console(self):
        """Letters are drawn by rectangles; at the end the memory is freed, and only the reset
        tells the device."""
        self.boot()
        self.display_info(self.fence())
        pixels = bytearray(SIZE)
        backing = self.memory.put(bytes(pixels), PAGE)
        self.ask(gpu.create_2d(1, gpu.B8G8R8X8, WIDTH, HEIGHT, self.fence()))
        request = gpu.attach(1, [(backing, SIZE)], self.fence())
        self.assertEqual(len(request), 48)
        self.ask(request)
        self.ask(gpu.set_scanout(0, 1, WHOLE, self.fence()))
        for i in range(30):
            letter = Rect(i * 8, i * 16, 8, 16)
            for y in range(letter.y, letter.y + letter.height):
                at = (y * WIDTH + letter.x) * 4
                pixels[at:at + 32] = picture.noise(8, 1, i * 1000 + y)
            self.memory.write(backing, pixels)
            offset = (letter.y * WIDTH + letter.x) * 4
            self.ask(gpu.transfer(1, letter, offset, self.fence()))
            self.ask(gpu.flush(1, letter, self.fence()))
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))
        self.assertEqual(self.control.n_calls(), 0, "an interrupt that nobody wanted")
        self.memory.write(backing, picture.noise(WIDTH, HEIGHT, 1))
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))
        self.reset()
        self.pc.check_off(0)
        self.assertEqual(self.memory.read(backing, SIZE), picture.noise(WIDTH, HEIGHT, 1))


class OpenBsd(FencedTest):
    """OpenBSD's and NetBSD's: both queues are there; request and answer lie back to back in one
    page, which is used for every command. It spins in the interrupt handler for the used entry."""

    WANTS = VERSION_1

    def boot(self, *options, **kinds):
        super().boot(*options, **kinds)
        self.page = self.memory.alloc(PAGE, PAGE)

    def command(self, request, expect=gpu.OK_NODATA, room=24):
        """The interrupt must not be there before the used entry is."""
        self.memory.write(self.page, request + POISON * room)
        buffers = [Buffer(self.page, len(request)), Buffer(self.page + len(request), room, True)]
        chain = self.add(self.control, [request], buffers)
        self.control.n_calls()
        self.control.publish(kick=True)
        self.control.wait_call()
        self.assertTrue(self.control.ring.has_used(), "an interrupt before the used entry")
        self.control.collect()
        return self.judge(chain, expect)

    @proves("B-2", "SPEC-212", "SPEC-215")
    def test_openbsd_console(self):
        """The first head is enabled. The whole screen is transferred and flushed 100 times a
        second, each command with the next fence."""
        self.boot()
        info = self.command(gpu.get_display_info(self.fence()), gpu.OK_DISPLAY_INFO, 408)
        self.assertEqual(info.heads()[0], (Rect(0, 0, 1280, 800), 1, 0))
        backing = self.memory.alloc(SIZE, PAGE)
        self.command(gpu.create_2d(1, gpu.B8G8R8X8, WIDTH, HEIGHT, self.fence()))
        self.command(gpu.attach(1, [(backing, SIZE)], self.fence()))
        self.command(gpu.set_scanout(0, 1, WHOLE, self.fence()))
        for i in range(100):
            pixels = picture.noise(WIDTH, HEIGHT, i)
            self.memory.write(backing, pixels)
            self.command(gpu.transfer(1, WHOLE, 0, self.fence()))
            self.command(gpu.flush(1, WHOLE, self.fence()))
            if i % 25 == 0:
                self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))


class Haiku(FencedTest):
    """A framebuffer of 3840x2160 for every mode, and requests of fixed size."""

    WANTS = VERSION_1 | 1 << gpu.F_EDID
    FRAMEBUFFER = 3840 * 2160 * 4

    def boot(self, *options, **kinds):
        return super().boot(*options, memory=mem.Memory.plain(40 * MIB), **kinds)

    def attach(self, resource, backing):
        """Room for 16 entries is sent always: what lies behind the only one is stale."""
        request = gpu.attach(resource, [(backing, self.FRAMEBUFFER)] * 16, self.fence(),
                             n_entries=1)
        self.assertEqual(len(request), 288)
        self.ask(request[:48] + b"\xC3" * 240)

    @proves("B-3")
    def test_haiku_modes(self):
        """The same pages are attached to the old and to the new resource at once, and to ones that
        are smaller. The old one ends while it is shown; then the scanout goes off and on."""
        self.boot()
        self.display_info(self.fence())
        self.ask(gpu.get_edid(0, self.fence()), expect=gpu.OK_EDID, room=gpu.EDID_SIZE)
        backing = self.memory.alloc(self.FRAMEBUFFER, PAGE)
        for i, (width, height) in enumerate(((1024, 768), (640, 480), (1280, 800)), 1):
            pixels, whole = picture.noise(width, height, i), Rect(0, 0, width, height)
            self.memory.write(backing, pixels)
            self.ask(gpu.create_2d(i, gpu.B8G8R8X8, width, height, self.fence()))
            self.attach(i, backing)
            if i > 1:
                self.ask(gpu.unref(i - 1, self.fence()))
                self.pc.check_off(0)
            self.ask(gpu.set_scanout(0, 0, NONE, self.fence()))
            self.ask(gpu.set_scanout(0, i, whole, self.fence()))
            self.ask(gpu.transfer(i, whole, 0, self.fence()))
            self.ask(gpu.flush(i, whole, self.fence()))
            self.pc.check_screen(0, width, height, picture.opaque(pixels))

    @proves("B-3")
    def test_haiku_detaches_with_junk(self):
        """Its DETACH has a header that nobody has filled: flags, ctx_id and ring_idx are junk. It
        detaches, and FENCE is answered only if it happens to be set."""
        self.boot()
        backing = self.memory.alloc(self.FRAMEBUFFER, PAGE)
        for flags in (0xFFFF_FFFF, 0xFFFF_FFFE, 0x8765_4321, 2, 3):
            self.ask(gpu.create_2d(1, gpu.B8G8R8X8, WIDTH, HEIGHT, self.fence()))
            self.attach(1, backing)
            junk = Header(flags, 0x1234_5678_9ABC_DEF0, 0xDEAD_BEEF, 0xEE, b"\x77\x88\x99")
            self.ask(gpu.detach(1, junk))
            # Its pages are the kernel's again.
            self.ask(gpu.transfer(1, WHOLE, 0, self.fence()), expect=gpu.ERR_UNSPEC)
            self.ask(gpu.unref(1, self.fence()))


if __name__ == "__main__":
    case.main()
