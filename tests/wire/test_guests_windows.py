#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Windows' display-only driver replayed: no fences, no waiting, and one page per descriptor."""

import struct

from rig import case, gpu, memory as mem, picture
from rig.case import proves
from rig.driver import Backing, DriverTest
from rig.gpu import Rect
from rig.memory import MIB
from rig.qemu_display import QemuDisplay

NONE = Rect(0, 0, 0, 0)
WIDTH, HEIGHT = 400, 300
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
PITCH = WIDTH * 4
SHAPE = 64


class Windows(DriverTest):
    """VERSION_1 and ACCESS_PLATFORM only: a split ring, neither INDIRECT nor EVENT_IDX; it kicks
    always. Both queues are there, and scanout 0 is the only one that it uses."""

    def attach(self, resource, entries):
        """One entry for each page, and their list in one descriptor for each of its pages."""
        head = gpu.attach(resource, [], n_entries=len(entries))
        return self.send(head, *self.pages(gpu.entries_of(entries)))

    def set_mode(self, resource, width, height, format_=gpu.B8G8R8A8, pixels=None, backing=None):
        """Five commands; none is waited for."""
        whole = Rect(0, 0, width, height)
        if backing is None:
            backing = Backing(self.memory, width * height * 4)
        if pixels is not None:
            backing.write(0, pixels)
        self.send(gpu.create_2d(resource, format_, width, height))
        self.control.publish(kick=True)
        self.attach(resource, backing.entries)
        for request in (gpu.set_scanout(0, resource, whole), gpu.transfer(resource, whole, 0),
                        gpu.flush(resource, whole)):
            self.send(request)
            self.control.publish(kick=True)
        return backing

    def tear_down(self, resource):
        """Also when the device is put to sleep (D3)."""
        for request in (gpu.detach(resource), gpu.unref(resource), gpu.set_scanout(0, 0, NONE)):
            self.send(request)
            self.control.publish(kick=True)

    def judge_all(self):
        self.ask_all()


class Start(Windows):
    @proves("W-1", "W-4", "W-11")
    def test_windows_init(self):
        """The configuration is read at 8 and at 12. Display info is asked for once for each
        scanout; and EDIDs, because the host has the feature, although it is not negotiated. Of
        each answer it takes 256 bytes from 128 times the scanout on: what is no block is zero."""
        pc = self.boot("--heads=4", display=QemuDisplay(4, ((1024, 768), (800, 600), None, None)))
        self.assertEqual(pc.vm.features >> gpu.F_EDID & 1, 0)
        self.assertEqual(struct.unpack("<I", pc.vm.conn.get_config(8, 4))[0], 4)
        self.assertEqual(struct.unpack("<I", pc.vm.conn.get_config(12, 4))[0], 0)
        for i in range(4):
            heads = self.display_info()
            first = next(head[0] for head in heads if head[0].width)
            self.assertEqual((first.width, first.height), (1024, 768))
        for i in range(4):
            answer = self.ask(gpu.get_edid(i), expect=gpu.OK_EDID, room=gpu.EDID_SIZE)
            edid = answer.raw[32:]
            self.assertEqual(len(edid), 1024)
            for at in range(0, 1024, 128):
                block = edid[at:at + 128]
                self.assertEqual(sum(block) & 0xFF, 0, f"scanout {i}, byte {at}")
                if at > 128 * edid[126]:
                    self.assertEqual(block, bytes(128))

    @proves("W-11")
    def test_windows_display_event(self):
        """events_clear is written only when the event is there; the new size is asked for."""
        self.boot(display=None)
        conn, viewer = self.pc.vm.conn, self.wishing_viewer()
        self.assertEqual(conn.get_config(0, 4), bytes(4))
        viewer.set_size(1600, 900)
        self.assertEqual(conn.get_config(0, 4), struct.pack("<I", 1))
        self.assertEqual(self.display_info()[0], (Rect(0, 0, 1600, 900), 1, 0))
        conn.set_config(4, struct.pack("<I", 1))
        self.assertEqual(conn.get_config(0, 4), bytes(4))

    @proves("W-8")
    def test_windows_modes(self):
        """All formats that a mode may have; the parts that change are presented with the offset
        of their first pixel."""
        self.boot()
        for resource, format_ in enumerate((1, 2, 67, 134), 1):
            pixels = bytearray(picture.noise(WIDTH, HEIGHT, resource))
            backing = self.set_mode(resource, WIDTH, HEIGHT, format_, pixels)
            self.judge_all()
            self.pc.check_screen(0, WIDTH, HEIGHT, picture.to_screen(pixels, format_))
            part = Rect(37, 41, 100, 50)
            for y in range(part.y, part.y + part.height):
                at = y * PITCH + part.x * 4
                pixels[at:at + part.width * 4] = picture.noise(part.width, 1, y)
            backing.write(0, pixels)
            self.send(gpu.transfer(resource, part, part.y * PITCH + part.x * 4))
            self.send(gpu.flush(resource, part))
            self.judge_all()
            self.pc.check_screen(0, WIDTH, HEIGHT, picture.to_screen(pixels, format_))
            self.tear_down(resource)

    @proves("W-2")
    def test_windows_large_modes(self):
        """3840x2160 is 8,100 entries: 34 descriptors of a ring of 64. 7680x4320 is 32,400 entries:
        129 of a ring of 256. The command must not be lost, nor refused."""
        for width, height, ring, n_descriptors in ((3840, 2160, 64, 34), (7680, 4320, 256, 129)):
            size = width * height * 4
            memory = mem.Memory(mem.Region(MIB, 32 * MIB), mem.Region(1 << 32, 128 * MIB))
            self.boot(memory=memory, queues=(ring, 16), display=None)
            backing = Backing(memory, size, memory.regions[1])
            self.ask(gpu.create_2d(1, gpu.B8G8R8X8, width, height))
            chain = self.attach(1, backing.entries)
            self.assertEqual(len(chain.parts) + 1, n_descriptors)
            self.control.publish(kick=True)
            self.finish(chain)
            # A picture of 64 rows at the end, the rest black.
            pixels = picture.noise(width, 64, 4)
            backing.write(size - len(pixels), pixels)
            whole = Rect(0, 0, width, height)
            self.ask_all(gpu.set_scanout(0, 1, whole), gpu.transfer(1, whole, 0),
                         gpu.flush(1, whole))
            black = bytes([0, 0, 0, 255]) * (width * (height - 64))
            self.pc.check_screen(0, width, height, black + picture.opaque(pixels))
            self.pc.vm.close()


class Life(Windows):
    @proves("W-5", "W-10", "SPEC-223")
    def test_windows_tears_down_without_waiting(self):
        """DETACH, UNREF, SET_SCANOUT of nothing, a reset, and all from the start with the same
        ids: as between two modes, and as for D3 and D0. Memory is freed at once."""
        self.boot()
        for round_ in range(10):
            pixels = picture.noise(WIDTH, HEIGHT, round_)
            backing = self.set_mode(1, WIDTH, HEIGHT, pixels=pixels)
            self.judge_all()
            self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))
            self.tear_down(1)
            backing.write(0, bytes(len(pixels)))
            if round_ % 2:
                self.reset()
            # The id is free again, whether anybody has waited or not.
        self.judge_all()
        self.pc.check_off(0)

    @proves("W-3", "W-7")
    def test_windows_cursor(self):
        """64x64, but only the shape is transferred, its rows 256 bytes apart. The upload has no
        fence and is not waited for; UPDATE_CURSOR on the other queue comes at once, at 0,0. An
        invisible cursor is moved to 0,0. What is presented before it takes several turns."""
        self.boot(display=None)
        screen = Rect(0, 0, 2048, 1024)
        self.set_mode(1, screen.width, screen.height)
        backing = Backing(self.memory, SHAPE * SHAPE * 4)
        self.send(gpu.create_2d(2, gpu.B8G8R8A8, SHAPE, SHAPE))
        self.control.publish(kick=True)
        self.attach(2, backing.entries)
        self.judge_all()
        model = picture.Image(SHAPE, SHAPE, gpu.B8G8R8A8)
        for round_ in range(20):
            shape = Rect(0, 0, (32, 48, 64, 1)[round_ % 4], (32, 64, 64, 17)[round_ % 4])
            image = picture.noise(SHAPE, SHAPE, round_)
            backing.write(0, image)
            model.transfer(image, shape, 0)
            for upload in [gpu.transfer(1, screen, 0)] * 4 + [gpu.transfer(2, shape, 0)]:
                self.send(upload)
            self.control.publish(kick=True)
            self.tell_cursor(gpu.update_cursor(0, 0, 0, 2, 3, 4))
            self.check_cursor(0, 0, bytes(model.pixels), (3, 4))
            self.tell_cursor(gpu.move_cursor(0, 40 + round_, 50, 2))
            self.check_cursor(40 + round_, 50, bytes(model.pixels), (3, 4))
            self.tell_cursor(gpu.move_cursor(0, 0, 0, 2))
            self.check_cursor(0, 0, bytes(model.pixels), (3, 4))
            self.judge_all()

    @proves("W-9")
    def test_windows_draws_in_video_memory(self):
        """The framebuffer may lie in the VGA's BAR 0. If the VMM does not share that memory, the
        attach is refused, nothing else happens; if it does, it is memory as any other."""
        self.boot()
        bar = mem.Region(0xE000_0000, MIB)
        self.addCleanup(bar.close)
        entries = [(bar.gpa + at, 4096) for at in range(0, WIDTH * HEIGHT * 4, 4096)]
        pixels = picture.noise(WIDTH, HEIGHT, 6)
        self.ask(gpu.create_2d(1, gpu.B8G8R8A8, WIDTH, HEIGHT))
        self.attach(1, entries)
        self.ask_all(expect=gpu.ERR_INVALID_PARAMETER)
        self.ask_all(gpu.transfer(1, WHOLE, 0), expect=gpu.ERR_UNSPEC)
        self.ask_all(gpu.set_scanout(0, 1, WHOLE), gpu.flush(1, WHOLE))
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(bytes(len(pixels))))
        self.tear_down_refused()

        self.memory.regions.append(bar)
        self.pc.vm.add_region(bar)
        self.memory.write(bar.gpa, pixels)
        self.ask(gpu.create_2d(1, gpu.B8G8R8A8, WIDTH, HEIGHT))
        self.attach(1, entries)
        self.ask_all(gpu.set_scanout(0, 1, WHOLE), gpu.transfer(1, WHOLE, 0), gpu.flush(1, WHOLE))
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))

    def tear_down_refused(self):
        """What was never attached cannot be detached; it ends all the same."""
        self.ask(gpu.detach(1), expect=gpu.ERR_UNSPEC)
        self.ask_all(gpu.unref(1), gpu.set_scanout(0, 0, NONE))
        self.pc.check_off(0)


if __name__ == "__main__":
    case.main()
