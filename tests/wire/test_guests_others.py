#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rcore, SerenityOS, Redox, Fuchsia, NuttX and Asterinas: their drivers, replayed."""

import struct

from rig import case, gpu, picture
from rig.case import proves
from rig.driver import VERSION_1, Backing, DriverTest
from rig.gpu import Rect
from rig.memory import PAGE
from rig.qemu_display import QemuDisplay
from rig.queue import POISON
from rig.ring import Buffer

NONE = Rect(0, 0, 0, 0)
WIDTH, HEIGHT = 640, 480
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
SIZE = WIDTH * HEIGHT * 4
EDID = 1 << gpu.F_EDID


class Rcore(DriverTest):
    """Queues of 2 entries; EVENT_IDX and INDIRECT. Each request is a whole page, whose end is what
    was there before; so is the room for the answer. It spins."""

    WANTS = VERSION_1 | 1 << gpu.F_EVENT_IDX | 1 << gpu.F_INDIRECT_DESC
    QUEUES = (2, 2)
    POLLS = True

    def boot(self, *options, **kinds):
        super().boot(*options, **kinds)
        self.pages_of = {queue: bytearray(b"\xEE" * PAGE) for queue in (self.control, self.cursor)}

    def page(self, request, queue):
        self.pages_of[queue][:len(request)] = request
        return bytes(self.pages_of[queue])

    def command(self, request, expect=gpu.OK_NODATA):
        """The used length is that of the answer, not that of the page."""
        return self.ask(self.page(request, self.control), room=PAGE, expect=expect)

    def cursor_command(self, request):
        self.tell_cursor(self.page(request, self.cursor))

    @proves("O-1")
    def test_rcore_framebuffer_and_cursor(self):
        """Through tables and without them: format 1, a cursor, and everything again."""
        for wants in (self.WANTS, self.WANTS & ~(1 << gpu.F_INDIRECT_DESC)):
            self.boot(wants=wants)
            info = self.command(gpu.get_display_info(), gpu.OK_DISPLAY_INFO)
            self.assertEqual(info.heads()[0], (Rect(0, 0, 1280, 800), 1, 0))
            backing = self.memory.alloc(SIZE, PAGE)
            self.command(gpu.create_2d(0xBABE, gpu.B8G8R8A8, WIDTH, HEIGHT))
            self.command(gpu.attach(0xBABE, [(backing, SIZE)]))
            self.command(gpu.set_scanout(0, 0xBABE, WHOLE))
            image = picture.noise(64, 64, 5)
            self.command(gpu.create_2d(0xDADE, gpu.B8G8R8A8, 64, 64))
            self.command(gpu.attach(0xDADE, [(self.memory.put(image, PAGE), len(image))]))
            self.command(gpu.transfer(0xDADE, Rect(0, 0, 64, 64), 0))
            self.cursor_command(gpu.update_cursor(0, 10, 20, 0xDADE, 1, 2))
            for round_ in range(5):
                pixels = picture.noise(WIDTH, HEIGHT, round_)
                self.memory.write(backing, pixels)
                self.command(gpu.transfer(0xBABE, WHOLE, 0))
                self.command(gpu.flush(0xBABE, WHOLE))
                self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))
                self.cursor_command(gpu.move_cursor(0, round_, 3, 0xDADE, 1, 2))
                self.check_cursor(round_, 3, image, (1, 2))


class Serenity(DriverTest):
    """VIRGL and EDID if there are; two descriptors. After 200 ms without an answer the scratch
    memory is used again, so that every answer has to be there at once; it is always the same."""

    WANTS = VERSION_1 | EDID | 1 << gpu.F_VIRGL

    def boot(self, *options, **kinds):
        super().boot(*options, **kinds)
        self.scratch = self.memory.alloc(32 * PAGE, PAGE)

    def command(self, request, expect=gpu.OK_NODATA, room=24):
        self.assertLessEqual(len(request) + room, 32 * PAGE)
        self.memory.write(self.scratch, request + POISON * room)
        buffers = [Buffer(self.scratch, len(request)),
                   Buffer(self.scratch + len(request), room, True)]
        chain = self.add(self.control, [request], buffers)
        self.control.publish(kick=True)
        return self.finish(chain, expect)

    @proves("O-2")
    def test_serenity_modes(self):
        """Lists in one descriptor of up to 128 KiB; 128 bytes of EDID; the old resource ends while
        it is shown; nothing is fenced."""
        self.boot()
        self.command(gpu.get_display_info(), gpu.OK_DISPLAY_INFO, gpu.DISPLAY_INFO_SIZE)
        edid = self.command(gpu.get_edid(0), gpu.OK_EDID, gpu.EDID_SIZE).raw[32:160]
        self.assertEqual(sum(edid) & 0xFF, 0)
        for resource, (width, height) in enumerate(((1280, 800), (1024, 768), (2048, 1024)), 1):
            pixels = picture.noise(width, height, resource)
            whole = Rect(0, 0, width, height)
            backing = Backing(self.memory, len(pixels))
            backing.write(0, pixels)
            self.command(gpu.create_2d(resource, gpu.B8G8R8X8, width, height))
            self.command(gpu.attach(resource, backing.entries))
            if resource > 1:
                self.command(gpu.unref(resource - 1))
                self.pc.check_off(0)
            self.command(gpu.set_scanout(0, resource, whole))
            self.command(gpu.transfer(resource, whole, 0))
            self.command(gpu.flush(resource, whole))
            self.pc.check_screen(0, width, height, picture.opaque(pixels))

    @proves("O-2")
    def test_serenity_longest_request(self):
        """128 KiB in one descriptor: 8,188 entries behind the command, and room for the answer."""
        self.boot()
        n = (32 * PAGE - 32 - 24) // 16
        self.assertEqual(n, 8188)
        width, height = n, 4
        base = self.memory.put(picture.noise(width, height, 3), PAGE)
        entries = [(base + 16 * i, 16) for i in reversed(range(n))]
        self.command(gpu.create_2d(1, gpu.B8G8R8X8, width, height))
        self.command(gpu.attach(1, entries))
        self.command(gpu.transfer(1, Rect(0, 0, width, height), 0))
        self.command(gpu.set_scanout(0, 1, Rect(0, 0, width, height)))
        self.command(gpu.flush(1, Rect(0, 0, width, height)))
        shown = b"".join(self.memory.read(gpa, size) for gpa, size in entries)
        self.pc.check_screen(0, width, height, picture.opaque(shown))


class Redox(DriverTest):
    """FENCE stands in the room for the answer, where it means nothing, instead of the request. If
    an answer is not OK_NODATA, its process dies."""

    WANTS = VERSION_1 | EDID

    def command(self, *parts):
        chain = self.send(*parts)
        junk = struct.pack("<IIQIB3s", 0xBAD, gpu.FLAG_FENCE, 77, 88, 9, b"\1\2\3")
        self.memory.write(chain.spans[0].gpa, junk)
        self.control.publish(kick=True)
        self.finish(chain)

    def framebuffer(self, resource, scanout, width, height, format_=gpu.B8G8R8X8):
        pixels = picture.noise(width, height, resource)
        backing = Backing(self.memory, len(pixels), seed=resource)
        backing.write(0, pixels)
        whole = Rect(0, 0, width, height)
        self.command(gpu.create_2d(resource, format_, width, height))
        self.command(gpu.attach(resource, [], n_entries=len(backing.entries)),
                     gpu.entries_of(backing.entries))
        self.command(gpu.transfer(resource, whole, 0))
        if scanout is not None:
            self.command(gpu.set_scanout(scanout, resource, whole))
            self.command(gpu.flush(resource, whole))
        return pixels

    @proves("O-3")
    def test_redox_heads_and_cursor(self):
        """Heads that are off get 640x480 and are shown too. Three descriptors for a list. The
        cursor's format is without alpha, and yet its alpha counts; it has no room for an answer."""
        self.boot(display=QemuDisplay(3, ((1024, 768), None, None)))
        heads = self.display_info()
        self.assertEqual([head[1] for head in heads[:3]], [1, 0, 0])
        for scanout in range(3):
            size = heads[scanout][0]
            width, height = (size.width, size.height) if size.width else (640, 480)
            pixels = self.framebuffer(1 + scanout, scanout, width, height)
            self.pc.check_screen(scanout, width, height, picture.opaque(pixels))
        image = self.framebuffer(9, None, 64, 64)
        for scanout in range(3):
            self.tell_cursor(gpu.update_cursor(scanout, 5, 6, 9, 1, 1))
            self.tell_cursor(gpu.move_cursor(scanout, 7 + scanout, 8, 9))
            self.check_cursor(7 + scanout, 8, image, (1, 1), scanout)


class Fuchsia(DriverTest):
    """Cursor commands have room for an answer, and it must be OK_NODATA. Framebuffers are blobs of
    one entry."""

    WANTS = VERSION_1 | EDID | 1 << gpu.F_RESOURCE_BLOB

    def cursor_command(self, request, expect=gpu.OK_NODATA):
        self.tell_cursor(request, 24, expect)

    @proves("O-4", "SPEC-264")
    def test_fuchsia_cursor(self):
        """MOVE_CURSOR names resource 0 and must not hide. UPDATE_CURSOR may name a resource that
        was never created: an error, and all goes on as before."""
        self.boot()
        self.pc.guest.show(0, 1, WIDTH, HEIGHT)
        image = picture.noise(64, 64, 5)
        self.pc.guest.image(2, 64, 64, image, gpu.B8G8R8A8)
        self.cursor_command(gpu.update_cursor(0, 10, 10, 99), gpu.ERR_INVALID_RESOURCE_ID)
        self.check_cursor(0, 0, None)
        self.cursor_command(gpu.update_cursor(0, 10, 10, 2, 3, 4))
        for x in range(20):
            self.cursor_command(gpu.move_cursor(0, x, 2 * x, 0))
        self.check_cursor(19, 38, image, (3, 4))
        self.cursor_command(gpu.update_cursor(0, 50, 50, 99), gpu.ERR_INVALID_RESOURCE_ID)
        self.check_cursor(19, 38, image, (3, 4))

    @proves("O-4", "SPEC-245", "SPEC-252")
    def test_fuchsia_blobs(self):
        """One contiguous entry, in one descriptor with the command; of the planes only the first
        stride is set; the other planes are zero. Two buffers in turns, without a transfer."""
        self.boot()
        stride = WIDTH * 4 + 256
        places = {}
        for blob, format_ in ((1, gpu.B8G8R8X8), (2, gpu.R8G8B8X8)):
            size = (stride * HEIGHT + PAGE - 1) // PAGE * PAGE
            places[blob] = self.memory.alloc(size, PAGE)
            self.ask(gpu.create_blob(blob, size, [(places[blob], size)], flags=1))
            pixels = picture.noise(WIDTH, HEIGHT, blob)
            for y in range(HEIGHT):
                self.memory.write(places[blob] + y * stride,
                                  pixels[y * WIDTH * 4:(y + 1) * WIDTH * 4])
            fields = struct.pack("<8I", *WHOLE, 0, blob, WIDTH, HEIGHT)
            planes = struct.pack("<2I8I", format_, 0, stride, *bytes(7))
            self.ask(gpu.command(gpu.SET_SCANOUT_BLOB, fields + planes))
            self.ask(gpu.flush(blob, WHOLE))
            self.pc.check_screen(0, WIDTH, HEIGHT, picture.to_screen(pixels, format_))


class Nuttx(DriverTest):
    """The control queue only. Nobody waits for a flush: it has no room for an answer."""

    WANTS = VERSION_1
    QUEUES = (64, None)

    @proves("O-5", "SPEC-226", "SPEC-232")
    def test_nuttx_pans(self):
        """The first head, enabled or not. Two resources share one allocation, one behind the
        other; SET_SCANOUT comes before every flush, and the flush is [R 48] alone."""
        self.boot()
        first = self.display_info()[0][0]
        self.assertTrue(first.width > 0 and first.height > 0)
        pixels = picture.noise(WIDTH, 2 * HEIGHT, 1)
        backing = self.memory.put(pixels, PAGE)
        for i in (0, 1):
            self.ask(gpu.create_2d(1 + i, gpu.B8G8R8X8, WIDTH, HEIGHT))
            self.ask(gpu.attach(1 + i, [(backing + i * SIZE, SIZE)]))
        for round_ in range(10):
            i = round_ % 2
            self.ask(gpu.transfer(1 + i, WHOLE, 0))
            self.ask(gpu.set_scanout(0, 1 + i, WHOLE))
            flush = self.send(gpu.flush(1 + i, WHOLE), room=0)
            self.control.publish(kick=True)
            self.pc.display.wait_picture(0, WIDTH, HEIGHT,
                                         picture.opaque(pixels[i * SIZE:(i + 1) * SIZE]))
            self.finish(flush)
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels[SIZE:]))


class Asterinas(DriverTest):
    """Command, list and answer in three descriptors; cursor commands have an answer."""

    @proves("O-7", "SPEC-264")
    def test_asterinas(self):
        """Resource 0x1111 is the framebuffer, 0x2222 the cursor."""
        self.boot()
        self.display_info()
        for resource, width, height in ((0x1111, WIDTH, HEIGHT), (0x2222, 64, 64)):
            pixels = picture.noise(width, height, resource)
            backing = self.memory.put(pixels, PAGE)
            self.ask(gpu.create_2d(resource, gpu.B8G8R8A8, width, height))
            entry = gpu.entries_of([(backing, len(pixels))])
            self.assertEqual(len(entry), 16)
            self.ask(gpu.attach(resource, [], n_entries=1), entry)
            whole = Rect(0, 0, width, height)
            if resource == 0x1111:
                self.ask(gpu.set_scanout(0, resource, whole))
            self.ask(gpu.transfer(resource, whole, 0))
            self.ask(gpu.flush(resource, whole))
        framebuffer = picture.noise(WIDTH, HEIGHT, 0x1111)
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(framebuffer))
        self.tell_cursor(gpu.update_cursor(0, 0, 0, 0x2222), room=24)
        self.tell_cursor(gpu.move_cursor(0, 30, 40, 0x2222), room=24)
        self.check_cursor(30, 40, picture.noise(64, 64, 0x2222))


if __name__ == "__main__":
    case.main()
