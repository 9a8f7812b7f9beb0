#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oriel-vnc as VNC viewers see it: pixels, damage, cursors, sizes."""

import struct

import lab
from lab import rfb
from rig import gpu, picture
from rig.gpu import Rect

SIDE = 64


def cursor_image(seed):
    """64x64 B, G, R, A, premultiplied; nothing outside (8, 6) to (40, 30)."""
    noise = picture.noise(SIDE, SIDE, seed)
    out = bytearray(SIDE * SIDE * 4)
    for y in range(6, 30):
        for x in range(8, 40):
            at = (y * SIDE + x) * 4
            alpha = (0, 255, 128, noise[at + 3])[(x + y) % 4]
            alpha = 255 if (x, y) in ((8, 6), (39, 29)) else alpha
            out[at:at + 3] = bytes(c * alpha // 255 for c in noise[at:at + 3])
            out[at + 3] = alpha
    return bytes(out)


def show_cursor(guest, resource, image, x, y, hot_x=10, hot_y=12):
    guest.image(resource, SIDE, SIDE, image, gpu.B8G8R8A8)
    guest.update_cursor(0, x, y, resource, hot_x, hot_y)


def area(rects):
    return sum(width * height for _, _, width, height, encoding in rects if encoding >= 0)


class Pictures(lab.VncTest):
    def test_raw_and_zrle_are_exact(self):
        """Any picture comes through, byte by byte, in both encodings."""
        machine = self.machine()
        vnc = self.vnc(machine)
        pixels = picture.noise(131, 77, 1)
        machine.guest.show(0, 1, 131, 77, pixels)
        for encoding in (rfb.RAW, rfb.ZRLE):
            client = self.connect(vnc, (encoding, rfb.DESKTOP_SIZE))
            self.check_pixels(client, 131, 77, pixels)

    def test_all_formats(self):
        """Whatever order the guest's bytes have, the colours are right."""
        machine = self.machine()
        client = self.connect(self.vnc(machine))
        for i, form in enumerate(sorted(gpu.FORMATS)):
            pixels = picture.noise(70, 20, 40 + i)
            machine.guest.show(0, 1 + i, 70, 20, pixels, form)
            self.check_pixels(client, 70, 20, picture.to_screen(pixels, form))

    def test_part_of_a_resource(self):
        """A scanout that is a part of a larger picture."""
        machine = self.machine()
        pixels = picture.noise(100, 90, 3)
        machine.guest.image(1, 100, 90, pixels)
        machine.guest.set_scanout(0, 1, Rect(7, 9, 81, 50))
        machine.guest.flush(1, Rect(0, 0, 100, 90))
        self.check_pixels(self.connect(self.vnc(machine)), 81, 50,
                          picture.crop(pixels, 100, Rect(7, 9, 81, 50)))

    def test_head(self):
        """--head: another screen."""
        machine = self.machine("--heads=3")
        machine.guest.show(2, 1, 40, 30, picture.noise(40, 30, 4))
        client = self.connect(self.vnc(machine, "--listen=127.0.0.1:0", "--head=2"))
        self.check_pixels(client, 40, 30, picture.noise(40, 30, 4))

    def test_unix_socket(self):
        """At a Unix socket, which nobody else of this machine may open."""
        machine = self.machine()
        path = f"{machine.daemon.folder}/vnc.sock"
        vnc = self.vnc(machine, f"--listen=unix:{path}")
        self.assertEqual(vnc.doors, {"vnc": f"unix:{path}"})
        self.assertEqual(lab.os.stat(path).st_mode & 0o777, 0o600)
        machine.guest.show(0, 1, 64, 48, picture.noise(64, 48, 2))
        self.check_pixels(self.connect(vnc), 64, 48, picture.noise(64, 48, 2))

    def test_damage_only(self):
        """Only what changed is sent, also if the guest flushes all."""
        machine = self.machine()
        guest = machine.guest
        pixels = bytearray(picture.noise(640, 480, 5))
        backing = guest.show(0, 1, 640, 480, bytes(pixels))
        client = self.connect(self.vnc(machine))
        self.check_pixels(client, 640, 480, bytes(pixels))
        for flushed in (Rect(200, 100, 30, 20), Rect(0, 0, 640, 480)):
            for y in range(100, 120):
                at = (y * 640 + 200) * 4
                pixels[at:at + 120] = bytes(b ^ 85 for b in pixels[at:at + 120])
            guest.memory.write(backing, bytes(pixels))
            guest.transfer(1, Rect(0, 0, 640, 480))
            guest.flush(1, flushed)
            client.wait_for(lambda: client.pixels == picture.opaque(pixels), "the change")
            self.assertLessEqual(area(client.rects), 64 * 2 * 64)

    def test_nothing_changed(self):
        """A flush that changes nothing sends nothing."""
        machine = self.machine()
        guest = machine.guest
        backing = guest.show(0, 1, 64, 48, picture.noise(64, 48, 6))
        client = self.connect(self.vnc(machine))
        self.check_pixels(client, 64, 48, picture.noise(64, 48, 6))
        for i in range(300):
            client.request()
            for _ in range(i % 4 + 1):
                guest.flush(1, Rect(0, 0, 64, 48))
            guest.memory.write(backing, bytes([i & 255, i >> 8, 3, 0]))
            guest.transfer(1, Rect(0, 0, 1, 1))
            guest.flush(1, Rect(0, 0, 1, 1))
            # The first update is that of the one pixel, with a tile around it at most.
            self.assertLessEqual(area(client.update()), 64 * 16)

    def test_many_frames(self):
        """What a viewer that is slower than the guest gets in the end is the last picture."""
        machine = self.machine()
        guest = machine.guest
        backing = guest.show(0, 1, 320, 200, picture.noise(320, 200, 0))
        client = self.connect(self.vnc(machine), (rfb.ZRLE, rfb.DESKTOP_SIZE))
        client.wait_for(lambda: client.pixels[:4] != b"\0\0\0\0", "a picture")
        for i in range(100):
            guest.memory.write(backing, picture.noise(320, 200, i))
            guest.transfer(1, Rect(0, 0, 320, 200))
            guest.flush(1, Rect(0, 0, 320, 200))
        last = picture.opaque(picture.noise(320, 200, 99))
        client.wait_for(lambda: client.pixels == last, "the last picture")


class NoSignal(lab.VncTest):
    def test_before_and_after(self):
        """While the guest shows nothing, there is a calm picture; it comes and goes."""
        machine = self.machine()
        client = self.connect(self.vnc(machine))
        client.wait_for(lambda: any(client.pixels[:3]), "a picture")
        self.assertEqual((client.width, client.height), (1280, 800))
        colours = {bytes(client.pixels[i:i + 4]) for i in range(0, len(client.pixels), 4)}
        self.assertEqual(len(colours), 2)
        machine.guest.show(0, 1, 1280, 800, picture.noise(1280, 800, 1))
        self.check_pixels(client, 1280, 800, picture.noise(1280, 800, 1))
        machine.guest.unref(1)
        client.wait_for(lambda: bytes(client.pixels[:4]) in colours and
                        bytes(client.pixels[-4:]) in colours, "no signal")
        machine.guest.show(0, 2, 1280, 800, picture.noise(1280, 800, 2))
        self.check_pixels(client, 1280, 800, picture.noise(1280, 800, 2))


class Cursors(lab.VncTest):
    def start(self, *encodings):
        machine = self.machine()
        machine.guest.show(0, 1, 200, 150, picture.noise(200, 150, 1))
        client = self.connect(self.vnc(machine), (rfb.RAW, rfb.DESKTOP_SIZE) + encodings)
        return machine, client

    def wait_cursor(self, client, image, hot_x=10, hot_y=12):
        """The part of the image that has anything, around its hot spot."""
        client.wait_for(lambda: client.cursor is not None and client.cursor[2] > 0, "a cursor")
        x, y, width, height, data, _ = client.cursor
        self.assertEqual((x, y, width, height), (hot_x - 8, hot_y - 6, 32, 24))
        return picture.crop(image, SIDE, Rect(8, 6, 32, 24)), data

    def test_with_alpha(self):
        """Cursor With Alpha: R, G, B, A, premultiplied."""
        machine, client = self.start(rfb.CURSOR, rfb.ALPHA_CURSOR, rfb.VMWARE_CURSOR)
        image = cursor_image(1)
        show_cursor(machine.guest, 2, image, 20, 30)
        wanted, got = self.wait_cursor(client, image)
        for i in range(0, len(wanted), 4):
            self.assertEqual(got[i + 3], wanted[i + 3])
            for k in range(3):
                self.assertLessEqual(abs(got[i + k] - wanted[i + 2 - k]), 1)

    def test_as_vmware(self):
        """The same for viewers that know VMware's: not premultiplied."""
        machine, client = self.start(rfb.CURSOR, rfb.VMWARE_CURSOR)
        image = cursor_image(2)
        show_cursor(machine.guest, 2, image, 20, 30)
        wanted, got = self.wait_cursor(client, image)
        for i in range(0, len(wanted), 4):
            alpha = wanted[i + 3]
            self.assertEqual(got[i + 3], alpha)
            for k in range(3):
                self.assertLessEqual(abs(got[i + k] * alpha // 255 - wanted[i + 2 - k]), 1)

    def test_with_mask(self):
        """The plain cursor: what is mostly opaque, in its own colours."""
        machine, client = self.start(rfb.CURSOR)
        image = cursor_image(3)
        show_cursor(machine.guest, 2, image, 20, 30)
        wanted, got = self.wait_cursor(client, image)
        mask = got[len(wanted):]
        for y in range(24):
            for x in range(32):
                at = (y * 32 + x) * 4
                is_set = bool(mask[y * 4 + x // 8] & 0x80 >> x % 8)
                self.assertEqual(is_set, wanted[at + 3] >= 128, (x, y))
                if wanted[at + 3] == 255:
                    self.assertEqual(got[at:at + 3], wanted[at:at + 3], (x, y))

    def test_drawn(self):
        """A viewer that knows no cursors has it in the picture, where it is, and without traces."""
        machine, client = self.start()
        pixels = picture.opaque(picture.noise(200, 150, 1))
        self.check_pixels(client, 200, 150, pixels)
        image = bytes(c for _ in range(SIDE * SIDE) for c in (0, 200, 0, 255))
        show_cursor(machine.guest, 2, image, 20, 30, 0, 0)

        def has_cursor(left, top):
            rect = Rect(left, top, SIDE, SIDE)
            return picture.crop(client.pixels, 200, rect) == picture.opaque(image)
        client.wait_for(lambda: has_cursor(20, 30), "the cursor")
        machine.guest.move_cursor(0, 100, 60)
        client.wait_for(lambda: has_cursor(100, 60), "the cursor, moved")
        machine.guest.update_cursor(0, 100, 60, 0)
        client.wait_for(lambda: client.pixels == pixels, "no cursor")

    def test_hidden(self):
        """A cursor that is hidden becomes an empty one, and comes back."""
        for encodings in ((rfb.CURSOR,), (rfb.ALPHA_CURSOR,), (rfb.VMWARE_CURSOR,)):
            machine, client = self.start(*encodings)
            image = cursor_image(4)
            show_cursor(machine.guest, 2, image, 20, 30)
            self.wait_cursor(client, image)
            machine.guest.update_cursor(0, 0, 0, 0)
            client.wait_for(lambda: client.cursor[2] == 0, "an empty cursor")
            machine.guest.update_cursor(0, 20, 30, 2, 10, 12)
            self.wait_cursor(client, image)

    def test_other_encodings(self):
        """A viewer that takes an encoding of cursors back gets the cursor in the picture, and one
        that knows it again gets it there no more."""
        pixels = picture.opaque(picture.noise(200, 150, 1))
        image = bytes(c for _ in range(SIDE * SIDE) for c in (0, 200, 0, 255))
        for encoding in (rfb.CURSOR, rfb.ALPHA_CURSOR, rfb.VMWARE_CURSOR):
            machine, client = self.start(encoding)
            show_cursor(machine.guest, 2, image, 20, 30, 0, 0)
            client.wait_for(lambda: client.cursor is not None, "a cursor")
            self.check_pixels(client, 200, 150, pixels)
            client.set_encodings((rfb.RAW, rfb.DESKTOP_SIZE))
            client.wait_for(lambda: picture.crop(client.pixels, 200, Rect(20, 30, SIDE, SIDE)) ==
                            picture.opaque(image), f"the cursor drawn, after {encoding}")
            client.cursor = None
            client.set_encodings((rfb.RAW, rfb.DESKTOP_SIZE, encoding))
            client.wait_for(lambda: client.cursor is not None, "a cursor again")
            client.wait_for(lambda: client.pixels == pixels, "nothing drawn any more")

    def test_plainer_encoding(self):
        """A viewer that takes only the cursors with alpha back gets the plain ones."""
        for encoding in (rfb.ALPHA_CURSOR, rfb.VMWARE_CURSOR):
            machine, client = self.start(encoding, rfb.CURSOR)
            show_cursor(machine.guest, 2, cursor_image(6), 20, 30)
            client.wait_for(lambda: client.cursor is not None, "a cursor")
            self.assertEqual(client.cursor[5], encoding)
            client.set_encodings((rfb.RAW, rfb.DESKTOP_SIZE, rfb.CURSOR))
            client.wait_for(lambda: client.cursor[5] == rfb.CURSOR, "a plain one")

    def test_position(self):
        """Where the guest puts the pointer is told to a viewer that does not move it itself."""
        machine, client = self.start(rfb.CURSOR, rfb.POINTER_POSITION)
        show_cursor(machine.guest, 2, cursor_image(5), 20, 30)
        client.wait_for(lambda: client.pointer == (30, 42), "the pointer's position")
        machine.guest.move_cursor(0, 70, 80)
        client.wait_for(lambda: client.pointer == (80, 92), "another position")


class Sizes(lab.VncTest):
    def test_guest_changes_size(self):
        """Viewers follow, in both manners."""
        for encoding in (rfb.DESKTOP_SIZE, rfb.EXTENDED_DESKTOP_SIZE):
            machine = self.machine()
            machine.guest.show(0, 1, 100, 80, picture.noise(100, 80, 1))
            client = self.connect(self.vnc(machine), (rfb.ZRLE, encoding))
            self.check_pixels(client, 100, 80, picture.noise(100, 80, 1))
            for i, (width, height) in enumerate(((333, 1), (1, 200), (800, 600), (64, 64))):
                pixels = picture.noise(width, height, 10 + i)
                machine.guest.show(0, 2 + i, width, height, pixels)
                self.check_pixels(client, width, height, pixels)

    def test_early_change(self):
        """A size that changes before the viewer has said that it can follow."""
        machine = self.machine()
        vnc = self.vnc(machine)
        client = self.connect(vnc, None)
        self.assertEqual((client.width, client.height), (1280, 800))
        machine.guest.show(0, 2, 90, 70, picture.noise(90, 70, 2))
        watcher = self.connect(vnc)
        self.check_pixels(watcher, 90, 70, picture.noise(90, 70, 2))
        client.set_format()
        client.set_encodings((rfb.RAW, rfb.DESKTOP_SIZE))
        self.check_pixels(client, 90, 70, picture.noise(90, 70, 2))

    def test_viewer_that_cannot_follow(self):
        """It is ended, and the log says why; others go on."""
        machine = self.machine()
        machine.guest.show(0, 1, 100, 80, picture.noise(100, 80, 1))
        vnc = self.vnc(machine)
        client, other = self.connect(vnc, (rfb.RAW,)), self.connect(vnc)
        self.check_pixels(client, 100, 80, picture.noise(100, 80, 1))
        client.request()
        machine.guest.show(0, 2, 90, 80, picture.noise(90, 80, 2))
        self.assertTrue(client.stream.is_closed())
        vnc.wait_log("cannot follow a new size")
        self.check_pixels(other, 90, 80, picture.noise(90, 80, 2))

    def wanted_size(self, machine):
        body = machine.guest.display_info().body
        return struct.unpack_from("<II", body, 8)

    def test_viewer_asks_for_size(self):
        """The guest is told; when it follows, the viewer hears that its wish came true."""
        machine = self.machine()
        client = self.connect(self.vnc(machine), (rfb.RAW, rfb.EXTENDED_DESKTOP_SIZE))
        client.wait_for(lambda: client.desktop is not None, "that sizes may be asked for",
                            incremental=False)
        client.desktop = None
        client.set_size(1024, 700)
        lab.wait.wait_until(lambda: self.wanted_size(machine) == (1024, 700), "the guest's size")
        machine.guest.show(0, 1, 1024, 700, picture.noise(1024, 700, 1))
        client.wait_for(lambda: client.desktop == (1, 0), "success")
        self.check_pixels(client, 1024, 700, picture.noise(1024, 700, 1))

    def test_no_size(self):
        """A size that no monitor has, and --view-only: the viewer is told so."""
        machine = self.machine()
        for options, size in (((), (0, 10)), (("--view-only",), (1024, 700)), ((), (65535, 65535))):
            vnc = self.vnc(machine, "--listen=127.0.0.1:0", *options)
            client = self.connect(vnc, (rfb.RAW, rfb.EXTENDED_DESKTOP_SIZE))
            client.wait_for(lambda: client.desktop is not None, "that sizes may be asked for",
                            incremental=False)
            client.set_size(*size)
            client.wait_for(lambda: client.desktop[0] == 1 and client.desktop[1] != 0, "refusal")


if __name__ == "__main__":
    lab.main()
