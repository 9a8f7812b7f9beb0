#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""UEFI's driver (edk2) and U-Boot's, replayed: one queue, no interrupts, severe or careless."""

from rig import case, gpu, memory as mem, picture
from rig.case import proves
from rig.driver import VERSION_1, DriverTest
from rig.gpu import Header, Rect, fenced
from rig.memory import MIB
from rig.qemu_display import QemuDisplay

NONE = Rect(0, 0, 0, 0)
WIDTH, HEIGHT = 640, 480
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
SIZE = WIDTH * HEIGHT * 4


class Edk2(DriverTest):
    """The control queue only; NO_INTERRUPT, and used.idx is polled without an end. It demands the
    exact used length of every answer, and the used id of its one chain, which is always 0."""

    QUEUES = (64, None)
    POLLS = True

    def boot(self, *options, **kinds):
        self.fence = 0
        return super().boot(*options, **kinds)

    def ask(self, *parts, **kinds):
        before = self.control.ring.used_idx
        answer = super().ask(*parts, **kinds)
        self.assertEqual(self.control.ring.used_idx, (before + 1) & 0xFFFF)
        self.assertEqual(self.control.ring.used_entry(before), (0, answer.size))
        return answer

    def new_framebuffer(self, resource, width, height, backing):
        """A list of one entry, in one descriptor with the command: 48 bytes."""
        self.ask(gpu.create_2d(resource, gpu.B8G8R8X8, width, height))
        request = gpu.attach(resource, [(backing, width * height * 4)])
        self.assertEqual(len(request), 48)
        self.ask(request)

    def show(self, resource, width, height):
        self.ask(gpu.set_scanout(0, resource, Rect(0, 0, width, height)))
        self.ask(gpu.flush(resource, Rect(0, 0, width, height)))

    def blt(self, resource, width, rect):
        self.ask(gpu.transfer(resource, rect, (rect.y * width + rect.x) * 4))
        self.ask(gpu.flush(resource, rect))

    def drop(self, resource):
        """If one of these fails, the CPU stops. Only DETACH has a fence; the first is 0."""
        self.ask(gpu.detach(resource, fenced(self.fence)))
        self.fence += 1
        self.ask(gpu.unref(resource))

    @proves("E-1", "E-2", "E-5", "SPEC-063")
    def test_edk2_boots(self):
        """The native size is that of the first enabled head. All is drawn by rectangles, polled;
        no interrupt comes, since none is wanted."""
        display = QemuDisplay(2, (None, (800, 600)))
        self.boot(display=display)
        heads = self.display_info()
        self.assertEqual([head[1] for head in heads[:2]], [0, 1])
        native = next(head[0] for head in heads if head[1])
        self.assertTrue(native.width >= 640 and native.height >= 480)
        pixels = bytearray(picture.noise(WIDTH, HEIGHT, 1))
        backing = self.memory.put(bytes(pixels), 4096)
        self.new_framebuffer(1, WIDTH, HEIGHT, backing)
        self.show(1, WIDTH, HEIGHT)
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(bytes(SIZE)))
        self.blt(1, WIDTH, WHOLE)
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))
        letter = Rect(80, 19, 8, 19)
        for y in range(letter.y, letter.y + letter.height):
            at = (y * WIDTH + letter.x) * 4
            pixels[at:at + 32] = picture.noise(8, 1, y)
        self.memory.write(backing, pixels)
        self.blt(1, WIDTH, letter)
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))
        self.assertEqual(self.control.n_calls(), 0, "an interrupt that nobody wanted")

    @proves("E-3", "E-4", "SPEC-212")
    def test_edk2_switches_modes(self):
        """Two ids in turns: the new one is shown before the old one ends. Fences of DETACH run
        from 0, those of others there are none."""
        self.boot()
        backings, modes = {}, [(640, 480), (800, 600), (1024, 768), (640, 480)]
        for i, (width, height) in enumerate(modes):
            new, old = 1 + i % 2, 2 - i % 2
            pixels = picture.noise(width, height, i)
            backings[new] = self.memory.put(pixels, 4096)
            self.new_framebuffer(new, width, height, backings[new])
            self.show(new, width, height)
            if old in backings:
                self.drop(old)
            self.blt(new, width, Rect(0, 0, width, height))
            self.pc.check_screen(0, width, height, picture.opaque(pixels))
        self.ask(gpu.set_scanout(0, 0, NONE))
        self.pc.check_off(0)
        self.drop(new)

    @proves("E-5")
    def test_edk2_largest_mode(self):
        """8192x4320 is 141 MB in one entry; the last pixels are exact."""
        width, height, corner = 8192, 4320, Rect(8000, 4300, 192, 20)
        memory = mem.Memory(mem.Region(MIB, 4 * MIB), mem.Region(1 << 32, 144 * MIB))
        self.boot(memory=memory, display=None)
        backing = memory.alloc(width * height * 4, 4096, memory.regions[1])
        pixels = picture.noise(corner.width, corner.height, 7)
        for y in range(corner.height):
            at = ((corner.y + y) * width + corner.x) * 4
            memory.write(backing + at, pixels[768 * y:768 * y + 768])
        self.new_framebuffer(1, width, height, backing)
        self.show(1, width, height)
        self.blt(1, width, corner)
        shot = self.pc.viewer.snapshot(0)
        self.assertEqual((shot.width, shot.height), (width, height))
        self.assertEqual(picture.crop(shot.pixels, width, corner), picture.opaque(pixels))
        self.assertFalse(shot.pixels[:4 * width * corner.y].strip(b"\0\xff"), "the rest is black")

    @proves("E-6", "SPEC-017")
    def test_edk2_leaves_without_waiting(self):
        """ExitBootServices writes status 0 while commands are in flight, and goes on. Memory that
        was the ring's is the kernel's then, and the kernel's driver finds a fresh device."""
        self.boot()
        backing = self.memory.alloc(SIZE, 4096)
        self.new_framebuffer(1, WIDTH, HEIGHT, backing)
        for _ in range(20):
            self.show(1, WIDTH, HEIGHT)
            for _ in range(10):
                self.send(gpu.transfer(1, WHOLE, 0))
                self.send(gpu.flush(1, WHOLE))
            self.control.publish(kick=True)
            self.pc.vm.reset()
            arena = b"\x5A" * (1 << 16)
            self.memory.write(self.control.arena, arena)
            self.start()
            self.pc.check_off(0)
            self.assertTrue(self.memory.read(self.control.arena, len(arena)) == arena)
            self.new_framebuffer(1, WIDTH, HEIGHT, backing)


class UBoot(DriverTest):
    """One queue. Padding and what lies on the stack is sent as it is; fences run from 0, and only
    transfers and flushes have one."""

    WANTS = VERSION_1
    QUEUES = (64, None)
    POLLS = True
    JUNK = b"\xDE\xAD\xBE"

    def header(self, fence=None):
        if fence is None:
            return Header(0, 0x1122_3344_5566_7788, 0x99AA_BBCC, 0xEE, self.JUNK)
        return Header(gpu.FLAG_FENCE, fence, 0, 0, self.JUNK)

    @proves("O-6", "SPEC-212")
    def test_u_boot(self):
        """One resource on all enabled heads, backed by more than it needs, drawn again and again.
        The junk in headers and padding means nothing and does not come back."""
        self.boot(display=QemuDisplay(3, ((800, 600), (640, 480), None)))
        heads = self.display_info(self.header())
        enabled = [i for i, head in enumerate(heads) if head[1]]
        self.assertEqual(enabled, [0, 1])
        backing = self.memory.alloc(SIZE + 65536, 4096)
        self.ask(gpu.create_2d(1, gpu.B8G8R8X8, WIDTH, HEIGHT, self.header()))
        self.ask(gpu.attach(1, [(backing, SIZE + 65536)], self.header()))
        for scanout in enabled:
            self.ask(gpu.set_scanout(scanout, 1, WHOLE, self.header()))
        for round_ in range(5):
            pixels = picture.noise(WIDTH, HEIGHT, round_)
            self.memory.write(backing, pixels)
            for i, build in enumerate((gpu.transfer, gpu.flush)):
                args = (1, WHOLE, 0) if build is gpu.transfer else (1, WHOLE)
                header = self.header(2 * round_ + i)
                self.ask(build(*args, header=header, padding=0xDEAD_BEEF))
            for scanout in enabled:
                self.pc.check_screen(scanout, WIDTH, HEIGHT, picture.opaque(pixels))
            self.pc.check_off(2)


if __name__ == "__main__":
    case.main()
