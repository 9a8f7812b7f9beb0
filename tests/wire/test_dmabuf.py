#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pictures as dma-bufs, on a machine that can make some; each is mapped and compared.

Guest blobs need /dev/udmabuf, 3D scanouts a renderer that exports. Where there is none, the same
commands must show the same pictures as pixels. tests/guest runs this inside a guest that has both.
"""

import functools
import os
import subprocess
import unittest

from rig import case, case3d, gpu, gpu3d, picture, viewer
from rig.gpu import Rect
from rig.memory import Memory
from rig.qemu_display import (DMABUF_SCANOUT, DMABUF_SCANOUT2, DMABUF_UPDATE, F_EDID,
                              GET_PROTOCOL_FEATURES, SCANOUT, UPDATE, QemuDisplay)
from rig.vm import FEATURES

BLOBS = FEATURES | 1 << gpu.F_RESOURCE_BLOB
OPTION = "--qemu-display=dmabuf"
HAS_UDMABUF = os.access("/dev/udmabuf", os.R_OK | os.W_OK)
# Rows of whole pages, so that a part of it can begin at one.
WIDTH, HEIGHT = 1024, 48
SIZE = WIDTH * HEIGHT * 4
WHOLE = Rect(0, 0, WIDTH, HEIGHT)

needs_udmabuf = unittest.skipUnless(HAS_UDMABUF, "no /dev/udmabuf here")


@functools.lru_cache
def can_export():
    """Whether the software renderer says that it exports."""
    program = os.path.join(os.path.dirname(os.environ["ORIEL_GPU"]), "oriel-render")
    for path in (program, os.environ.get("ORIEL_RENDER", "")):
        if os.path.exists(path):
            said = subprocess.run([path, "--probe", "--renderer=software"], text=True, timeout=100,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            return "dmabuf_export=1" in said.stdout
    return False


class Blobs(case.WireTest):
    def begin(self, *options, sealed=True, display=None, viewers=False):
        memory = Memory.plain()
        if sealed:
            memory.regions[0].seal()
        display = QemuDisplay(1) if display is None else display
        machine = self.machine(daemon=self.daemon(OPTION, "--heads=1", *options, viewers=viewers),
                               features=BLOBS, memory=memory, display=display)
        self.display = display
        return machine, machine.guest

    def blob(self, guest, id_, seed, split=True):
        """A blob of noise, of three runs of pages in disorder. Returns its picture's writer."""
        pixels = picture.noise(WIDTH, HEIGHT, seed)
        third = SIZE // 3
        order = (2, 0, 1) if split else (0, 1, 2)
        place = guest.memory.alloc(SIZE, 4096)
        runs = [(place + at * third, third) for at in order]
        guest.run(gpu.create_blob(id_, SIZE, runs))

        def write(new):
            for i, (gpa, size) in enumerate(runs):
                guest.memory.write(gpa, new[i * third:i * third + size])
            return picture.opaque(new)
        return write, write(pixels)

    def show(self, guest, id_, rect=WHOLE, offset=0, expect=gpu.OK_NODATA):
        guest.run(gpu.set_scanout_blob(0, id_, rect, WIDTH, HEIGHT, gpu.B8G8R8X8, WIDTH * 4,
                                       offset), expect)

    @needs_udmabuf
    def test_memory_itself_is_shown(self):
        """The picture is the guest's memory: what is drawn is there without a flush's copy."""
        _, guest = self.begin()
        write, seen = self.blob(guest, 1, 5)
        self.show(guest, 1)
        guest.flush(1, WHOLE)
        self.display.wait_picture(0, WIDTH, HEIGHT, seen)
        self.assertTrue(self.display.surfaces[0].is_dmabuf())
        self.assertEqual(self.display.surfaces[0].modifier, 0)
        seen = write(picture.noise(WIDTH, HEIGHT, 6))
        guest.flush(1, Rect(3, 4, 5, 6))
        self.display.wait_for(lambda: (DMABUF_UPDATE, 0, 3, 4, 5, 6) in self.display.messages,
                              "the second update")
        self.display.wait_picture(0, WIDTH, HEIGHT, seen)
        self.assertEqual(self.display.count(UPDATE, SCANOUT, DMABUF_SCANOUT), 0)
        self.assertEqual(self.display.count(DMABUF_SCANOUT2), 1)

    @needs_udmabuf
    def test_flips_and_the_end(self):
        """Page flips, a part that begins at a page, off, and nothing left open in the daemon."""
        machine, guest = self.begin()
        n_fds = machine.daemon.n_fds()
        screens = [self.blob(guest, id_, id_)[1] for id_ in (1, 2)]
        for id_ in (1, 2, 1, 2):
            self.show(guest, id_)
            guest.flush(id_, WHOLE)
            self.display.wait_picture(0, WIDTH, HEIGHT, screens[id_ - 1])
        lower = Rect(0, 8, WIDTH, HEIGHT - 8)
        self.show(guest, 1, lower)
        guest.flush(1, WHOLE)
        self.display.wait_picture(0, WIDTH, HEIGHT - 8, picture.crop(screens[0], WIDTH, lower))
        self.assertEqual(self.display.count(UPDATE), 0)
        guest.unref(1)
        self.display.wait_off(0)
        guest.unref(2)
        machine.check_alive()
        self.assertEqual(machine.daemon.n_fds(), n_fds)

    @needs_udmabuf
    def test_memory_is_given_back(self):
        """DETACH_BACKING: the last picture stays, as pixels, whatever becomes of the memory."""
        _, guest = self.begin()
        write, seen = self.blob(guest, 1, 5)
        self.show(guest, 1)
        guest.flush(1, WHOLE)
        self.display.wait_picture(0, WIDTH, HEIGHT, seen)
        guest.detach(1)
        write(bytes(SIZE))
        self.display.wait_for(lambda: self.display.count(UPDATE) > 0, "the last picture")
        self.display.wait_picture(0, WIDTH, HEIGHT, seen)

    @needs_udmabuf
    def test_pace(self):
        """While an update is not answered there is no other; what was flushed comes as one."""
        _, guest = self.begin()
        write, seen = self.blob(guest, 1, 5)
        self.display.holds_updates = True
        self.show(guest, 1)
        guest.flush(1, WHOLE)
        self.display.wait_for(lambda: self.display.count(DMABUF_UPDATE) == 1, "an update")
        for i in range(20):
            guest.flush(1, Rect(i, i, 10, 10))
        self.display.holds_updates = False
        self.display.answer(self.display.reply_message(DMABUF_UPDATE, b""))
        seen = write(picture.noise(WIDTH, HEIGHT, 7))
        guest.flush(1, WHOLE)
        self.display.wait_picture(0, WIDTH, HEIGHT, seen)
        self.assertLess(self.display.count(DMABUF_UPDATE), 21)

    def test_viewers_get_no_guest_memory(self):
        """A viewer beside it sees the picture, gathered; its buffer is a file of the daemon's."""
        machine, guest = self.begin(viewers=True)
        write, seen = self.blob(guest, 1, 5)
        self.show(guest, 1)
        guest.flush(1, WHOLE)
        machine.check_screen(0, WIDTH, HEIGHT, seen)
        seen = write(picture.noise(WIDTH, HEIGHT, 6))
        guest.flush(1, WHOLE)
        machine.check_screen(0, WIDTH, HEIGHT, seen)

    def test_what_is_copied(self):
        """What cannot be a dma-buf is gathered, and is the same picture."""
        for name, sealed, offset, rect in (
                ("not sealed", False, 0, WHOLE),
                ("not at a page", True, 64, Rect(0, 0, WIDTH, HEIGHT - 1)),
                ("a part to the right", True, 0, Rect(8, 8, 100, 20))):
            with self.subTest(name):
                _, guest = self.begin(sealed=sealed)
                _, seen = self.blob(guest, 1, 5)
                self.show(guest, 1, rect, offset)
                guest.flush(1, WHOLE)
                moved = seen[offset:] + bytes(offset)
                self.display.wait_picture(0, rect.width, rect.height,
                                          picture.crop(moved, WIDTH, rect))
                self.assertEqual(self.display.count(DMABUF_SCANOUT, DMABUF_SCANOUT2), 0)

    @needs_udmabuf
    def test_without_modifiers(self):
        """A front-end without DMABUF2 gets the older message."""
        display = QemuDisplay(1)
        display.answers[GET_PROTOCOL_FEATURES] = lambda _: (1 << F_EDID).to_bytes(8, "little")
        _, guest = self.begin(display=display)
        _, seen = self.blob(guest, 1, 5)
        self.show(guest, 1)
        guest.flush(1, WHOLE)
        display.wait_picture(0, WIDTH, HEIGHT, seen)
        self.assertEqual((display.count(DMABUF_SCANOUT), display.count(DMABUF_SCANOUT2)), (1, 0))


class Rendered(case3d.Test3D):
    """3D scanouts, by a renderer in software."""

    def test_scanouts(self):
        """What GL draws is shown, and if the renderer exports no pixel is read back for it."""
        exports = can_export()
        display = QemuDisplay(1)
        daemon = self.daemon(OPTION, "--heads=1", case3d.RENDERER, viewers=False)
        machine = self.machine(daemon=daemon, features=case3d.FEATURES_3D, display=display)
        guest = case3d.Guest3D(machine.vm)
        width, height = 100, 60
        whole = Rect(0, 0, width, height)
        guest.ctx_create(1)
        for id_ in (6, 7):
            guest.texture(id_, width, height, picture.noise(width, height, id_))
            guest.ctx_attach(1, id_)
        for id_ in (6, 7, 6, 7):
            guest.set_scanout(0, id_, whole)
            guest.flush(id_, whole)
            display.wait_picture(0, width, height,
                                 picture.opaque(picture.noise(width, height, id_)))
        guest.submit(1, gpu3d.clear_resource(7, 1.0, 0.5, 0.0))
        guest.flush(7, whole)
        display.wait_for(lambda: display.surfaces[0].screen()[1] in (127, 128), "what was drawn")
        self.assertEqual(display.surfaces[0].screen(),
                         picture.opaque(bytes([0, display.surfaces[0].screen()[1], 255, 0]) *
                                        (width * height)))
        self.assertEqual(display.count(UPDATE) == 0, exports)
        self.assertEqual(display.count(DMABUF_SCANOUT2) > 0, exports)
        if exports:
            self.assertTrue(display.surfaces[0].is_dmabuf())
        guest.unref(7)
        display.wait_off(0)
        print("3D scanouts went as", "dma-bufs" if exports else "pixels")


    def test_viewers(self):
        """A viewer that asks gets the dma-buf, one that does not gets pixels; snapshots are equal.

        Nothing is exported before somebody asks; a scanout that is set after that is a dma-buf.
        """
        exports = can_export()
        machine, guest = self.begin("--qemu-display=off", display=None)
        asking = machine.new_viewer(hello=False)
        asking.hello(features=viewer.FEATURE_DMABUF)
        self.assertEqual(asking.features, viewer.FEATURE_DMABUF)
        asking.subscribe()
        asking.ping()
        width, height = 100, 60
        whole = Rect(0, 0, width, height)
        place = guest.texture(6, width, height, picture.noise(width, height, 6))
        guest.set_scanout(0, 6, whole)
        guest.flush(6, whole)
        screen = picture.opaque(picture.noise(width, height, 6))
        asking.frame()
        buffer, shown = asking.configs[0]
        self.assertEqual((buffer.dmabuf is not None, shown), (exports, whole))
        if exports:
            self.assertEqual(buffer.dmabuf.screen(), screen)
        # Pixels are read back for the one who is new, and for a snapshot.
        self.assertEqual(asking.snapshot().pixels, screen)
        plain = machine.new_viewer()
        plain.subscribe()
        plain.frame()
        self.assertEqual(picture.opaque(plain.configs[0][0].crop(whole)), screen)
        drawn = picture.noise(width, height, 8)
        guest.memory.write(place, drawn)
        guest.to_host(6, gpu3d.box_of(whole))
        guest.flush(6, whole)
        plain.frame()
        self.assertEqual(picture.opaque(plain.configs[0][0].crop(whole)), picture.opaque(drawn))
        self.assertEqual(asking.snapshot().pixels, picture.opaque(drawn))
        if exports:
            self.assertEqual(buffer.dmabuf.screen(), picture.opaque(drawn))
        guest.unref(6)
        asking.expect(viewer.CONFIG, lambda fields: fields[1] is None)
        asking.expect(viewer.GONE, lambda fields: fields[0] == buffer.id)


if __name__ == "__main__":
    case.main()
