#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The cursor queue, judged by the display socket's snapshots and by QEMU's display."""

from rig import case, gpu, picture
from rig.case import proves
from rig.gpu import Rect
from rig.memory import MIB
from rig.qemu_display import QemuDisplay
from rig.viewer import CURSOR, CURSOR_IMAGE

SIZE = 64 * 64 * 4


class CursorTest(case.WireTest):
    def screen(self, *options, heads=1):
        """A machine whose scanouts are on, with cursor 50 uploaded."""
        machine = self.machine(f"--heads={heads}", *options, display=QemuDisplay(heads))
        machine.guest.image(1, 100, 80, picture.noise(100, 80, 1))
        for scanout in range(heads):
            machine.guest.set_scanout(scanout, 1, Rect(0, 0, 100, 80))
        machine.guest.flush(1, Rect(0, 0, 100, 80))
        self.backing = machine.guest.image(50, 64, 64, picture.noise(64, 64, 50), gpu.B8G8R8A8)
        return machine

    def check_cursor(self, machine, x, y, pixels, hot=(0, 0), scanout=0):
        """pixels None: hidden."""
        shot = machine.viewer.snapshot(scanout)
        if pixels is None:
            self.assertIsNone(shot.cursor, "a cursor is visible")
            machine.display.wait_cursor(scanout, lambda c: not c.visible, "the cursor is visible")
            return
        self.assertIsNotNone(shot.cursor, "no cursor is visible")
        self.assertEqual((shot.cursor_x, shot.cursor_y), (x, y))
        self.assertEqual((shot.hot_x, shot.hot_y), hot)
        self.assertTrue(shot.cursor == pixels, "snapshot: another cursor")
        machine.display.wait_cursor(
            scanout, lambda c: (c.visible and (c.x, c.y) == (x, y) and c.pixels == pixels and
                                (c.hot_x, c.hot_y) == hot),
            f"the cursor is not at {x},{y} with hot spot {hot} and its pixels")


class Cursor(CursorTest):
    @proves("SPEC-263", "SPEC-264")
    def test_life(self):
        """Show, move, hide, show again."""
        machine = self.screen()
        image = picture.noise(64, 64, 50)
        machine.guest.update_cursor(0, 10, 20, 50, 3, 4)
        self.check_cursor(machine, 10, 20, image, (3, 4))
        machine.guest.move_cursor(0, 30, 40, 50)
        self.check_cursor(machine, 30, 40, image, (3, 4))
        machine.guest.update_cursor(0, 31, 41, 0)
        self.check_cursor(machine, 31, 41, None)
        machine.guest.move_cursor(0, 5, 6, 0)
        self.check_cursor(machine, 5, 6, None)
        machine.guest.update_cursor(0, 7, 8, 50, 63, 63)
        self.check_cursor(machine, 7, 8, image, (63, 63))
        # The picture itself is without cursor.
        machine.check_screen(0, 100, 80, picture.opaque(picture.noise(100, 80, 1)))

    @proves("H-127")
    def test_signed_positions(self):
        """Positions may be left of and above the screen, or far away."""
        machine = self.screen()
        image = picture.noise(64, 64, 50)
        machine.guest.update_cursor(0, -1, -63, 50, 5, 5)
        self.check_cursor(machine, -1, -63, image, (5, 5))
        machine.guest.move_cursor(0, 32767, -32768)
        self.check_cursor(machine, 32767, -32768, image, (5, 5))
        for x, y in ((0x8000_0000, 0x7FFF_FFFF), (0x7FFF_FFFF, 0x8000_0000), (0xFFFF_FFFF, 0)):
            machine.guest.move_cursor(0, x, y)
            machine.guest.update_cursor(0, x, y, 50, 63, 63)
        machine.guest.move_cursor(0, 0, 0)
        self.check_cursor(machine, 0, 0, image, (63, 63))

    @proves("H-126")
    def test_hot_spot_is_clamped(self):
        """A hot spot outside the image is moved to its edge."""
        machine = self.screen()
        for hot in (64, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
            machine.guest.update_cursor(0, 1, 1, 50, hot, hot)
            self.check_cursor(machine, 1, 1, picture.noise(64, 64, 50), (63, 63))

    @proves("H-128", "SPEC-263", "C25")
    def test_move_looks_at_the_position_only(self):
        """MOVE_CURSOR neither hides nor changes, whatever its other fields are."""
        machine = self.screen()
        image = picture.noise(64, 64, 50)
        machine.guest.move_cursor(0, 5, 5)
        machine.guest.update_cursor(0, 1, 1, 50, 2, 2)
        for i, resource in enumerate((0, 1, 50, 999, 0xFFFF_FFFF)):
            machine.guest.run_cursor(gpu.move_cursor(0, i, i, resource, 0xFFFF_FFFF, 77))
            self.check_cursor(machine, i, i, image, (2, 2))

    @proves("H-129", "H-088")
    def test_image_is_a_copy(self):
        """What changes later, and even the resource's end, does not change the cursor."""
        machine = self.screen()
        image = picture.noise(64, 64, 50)
        machine.guest.update_cursor(0, 1, 1, 50)
        machine.guest.memory.write(self.backing, bytes(SIZE))
        machine.guest.transfer(50, Rect(0, 0, 64, 64))
        self.check_cursor(machine, 1, 1, image)
        machine.guest.unref(50)
        machine.guest.move_cursor(0, 2, 2)
        self.check_cursor(machine, 2, 2, image)

    @proves("C25")
    def test_format_is_not_looked_at(self):
        """Alpha counts also in a format without it: redox makes its cursor so."""
        machine = self.screen()
        for i, format_ in enumerate(gpu.FORMATS):
            image = picture.noise(64, 64, 200 + i)
            machine.guest.image(60 + i, 64, 64, image, format_)
            machine.guest.update_cursor(0, i, 0, 60 + i)
            self.check_cursor(machine, i, 0, image)

    @proves("H-124", "C25")
    def test_wrong_sizes_keep_the_image(self):
        """A cursor that is not 64x64 is an error, and the old one stays."""
        machine = self.screen()
        image = picture.noise(64, 64, 50)
        machine.guest.update_cursor(0, 9, 9, 50)
        for i, (width, height) in enumerate(((63, 64), (64, 63), (1, 1), (128, 64), (4096, 1))):
            machine.guest.create(70 + i, width, height, gpu.B8G8R8A8)
            machine.guest.update_cursor(0, 1, 1, 70 + i, expect=gpu.ERR_INVALID_PARAMETER)
        machine.guest.move_cursor(0, 9, 9)
        self.check_cursor(machine, 9, 9, image)

    @proves("H-122", "H-123")
    def test_errors_change_nothing(self):
        """A scanout or resource that does not exist is an error, and the cursor stays."""
        machine = self.screen(heads=2)
        machine.guest.update_cursor(0, 9, 9, 50)
        for scanout in (2, 16, 31, 32, 0xFFFF_FFFF):
            machine.guest.update_cursor(scanout, 1, 1, 50, expect=gpu.ERR_INVALID_SCANOUT_ID)
            machine.guest.update_cursor(scanout, 1, 1, 999, expect=gpu.ERR_INVALID_SCANOUT_ID)
            machine.guest.move_cursor(scanout, 1, 1, expect=gpu.ERR_INVALID_SCANOUT_ID)
        for resource in (999, 0xFFFF_FFFF):
            machine.guest.update_cursor(0, 1, 1, resource, expect=gpu.ERR_INVALID_RESOURCE_ID)
        shot = machine.viewer.snapshot(0)
        self.assertTrue(shot.cursor == picture.noise(64, 64, 50))
        self.assertEqual((shot.cursor_x, shot.cursor_y), (9, 9))

    def test_each_scanout_has_one(self):
        """16 scanouts, 16 cursors, each with image and place of its own."""
        machine = self.screen(heads=16)
        for i in range(16):
            machine.guest.image(100 + i, 64, 64, picture.noise(64, 64, 100 + i), gpu.B8G8R8A8)
            machine.guest.update_cursor(i, i, -i, 100 + i, i, i)
        for i in range(16):
            self.check_cursor(machine, i, -i, picture.noise(64, 64, 100 + i), (i, i), scanout=i)

    def test_before_any_scanout(self):
        """A cursor that is set while the scanout is off is seen when it comes on."""
        machine = self.machine(display=True)
        image = picture.noise(64, 64, 3)
        machine.guest.image(2, 64, 64, image, gpu.B8G8R8A8)
        machine.guest.update_cursor(0, 4, 5, 2, 1, 1)
        machine.guest.show(0, 1, 20, 20, picture.noise(20, 20, 1))
        self.check_cursor(machine, 4, 5, image, (1, 1))

    @proves("W-3")
    def test_unfenced_upload_is_seen(self):
        """Windows does not fence its upload: an UPDATE sees what the control queue had before,
        also what nobody kicked yet, and behind transfers that take several turns."""
        machine = self.screen()
        guest, queue = machine.guest, machine.vm.control
        mib = guest.memory.alloc(MIB, 4096)
        guest.create(9, 2048, 1024)
        guest.attach(9, [(mib, MIB)] * 8)
        for n_large in (0, 1, 8):
            for kick in (False, True):
                for round_ in range(5):
                    image = picture.noise(64, 64, 1000 + round_)
                    guest.memory.write(self.backing, image)
                    uploads = [queue.add(gpu.transfer(9, Rect(0, 0, 2048, 1024), 0))
                               for _ in range(n_large)]
                    uploads.append(queue.add(gpu.transfer(50, Rect(0, 0, 64, 64), 0)))
                    queue.publish(kick)
                    guest.update_cursor(0, round_, 0, 50)
                    self.assertTrue(machine.viewer.snapshot(0).cursor == image,
                                    f"{n_large} transfers before it, kick {kick}")
                    queue.kick()
                    queue.wait(*uploads)

    @proves("SPEC-264", "H-070")
    def test_chain_shapes(self):
        """Without room for an answer it is executed; a whole page as request is fine; 55 bytes
        are not a command."""
        machine = self.screen()
        queue, image = machine.vm.cursor, picture.noise(64, 64, 50)
        self.assertEqual(queue.run(gpu.update_cursor(0, 3, 3, 50), room=0).size, 0)
        self.check_cursor(machine, 3, 3, image)
        page = gpu.move_cursor(0, 4, 4).ljust(4096, b"\xEE")
        self.assertEqual(queue.run(page, room=0).size, 0)
        self.check_cursor(machine, 4, 4, image)
        machine.guest.run_cursor(gpu.move_cursor(0, 5, 5)[:55], gpu.ERR_INVALID_PARAMETER)
        self.assertEqual(queue.run(gpu.move_cursor(0, 5, 5)[:55], room=0).size, 0)
        self.check_cursor(machine, 4, 4, image)


class Events(CursorTest):
    def test_viewer_is_told(self):
        """A client that subscribed to cursors gets image and position, and moves without TAKEN."""
        machine = self.screen()
        machine.guest.update_cursor(0, 10, 20, 50, 3, 4)
        viewer = machine.viewer
        viewer.subscribe(frames=0, cursors=1)
        image = viewer.expect(CURSOR_IMAGE)
        self.assertEqual(image[:5], (0, 64, 64, 3, 4))
        self.assertTrue(image[6] == picture.noise(64, 64, 50))
        serial = image[5]
        self.assertEqual(viewer.expect(CURSOR), (0, 1, 10, 20, serial))
        machine.guest.move_cursor(0, -7, 9)
        self.assertEqual(viewer.expect(CURSOR), (0, 1, -7, 9, serial))
        machine.guest.update_cursor(0, 1, 2, 0)
        self.assertEqual(viewer.expect(CURSOR)[:2], (0, 0))


if __name__ == "__main__":
    case.main()
