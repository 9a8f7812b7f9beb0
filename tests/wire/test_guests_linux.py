#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's driver, 6.1 to 7.2, replayed: its chains, its order, and what it takes for granted."""

import os
import struct

from rig import case, gpu, memory as mem, picture
from rig.case import proves
from rig.driver import Backing, DriverTest
from rig.gpu import Rect, fenced
from rig.memory import MIB, PAGE
from rig.ring import Buffer
from rig.vm import FEATURES

INDIRECT = 1 << gpu.F_INDIRECT_DESC
BLOB = 1 << gpu.F_RESOURCE_BLOB
NONE = Rect(0, 0, 0, 0)
WIDTH, HEIGHT = 320, 200
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
SIZE = WIDTH * HEIGHT * 4


class Linux(DriverTest):
    WANTS = FEATURES | BLOB

    def dumb_buffer(self, resource, pixels=None, rect=WHOLE):
        """CREATE_2D and ATTACH_BACKING, unfenced, the entries in a buffer of their own."""
        backing = Backing(self.memory, rect.width * rect.height * 4, seed=resource)
        if pixels is not None:
            backing.write(0, pixels)
        self.send(gpu.create_2d(resource, gpu.B8G8R8X8, rect.width, rect.height))
        self.attach(resource, backing)
        return backing

    def attach(self, resource, backing):
        head = gpu.attach(resource, [], n_entries=len(backing.entries))
        return self.send(head, *self.pages(gpu.entries_of(backing.entries)))

    def blob(self, resource, pixels):
        """A dumb buffer with RESOURCE_BLOB and without 3D; the entries ride in the command."""
        backing = Backing(self.memory, len(pixels), seed=resource)
        backing.write(0, pixels)
        fixed = gpu.create_blob(resource, len(pixels), [], n_entries=len(backing.entries))
        self.ask(fixed, *self.pages(gpu.entries_of(backing.entries)))
        return backing

    def check_shown(self, pixels):
        self.pc.check_screen(0, WIDTH, HEIGHT, picture.opaque(pixels))


class Probe(Linux):
    @proves("L-3", "SPEC-220", "SPEC-221")
    def test_linux_probe(self):
        """EDIDs and display info are queued, kicked once, and waited for. The ring is 64 long, so
        INDIRECT has to be offered: without it Linux waits for ever for room for a long list."""
        for wants in (FEATURES, FEATURES & ~INDIRECT):
            pc = self.boot("--heads=2", wants=wants, display=None)
            for bit in (gpu.F_VERSION_1, gpu.F_INDIRECT_DESC, gpu.F_EVENT_IDX, gpu.F_EDID):
                self.assertTrue(pc.vm.offered >> bit & 1, f"feature {bit} is not offered")
            self.assertEqual(struct.unpack("<2I", pc.vm.conn.get_config(8, 8)), (2, 0))
            edids = [self.send(gpu.get_edid(i), room=gpu.EDID_SIZE) for i in range(2)]
            info = self.send(gpu.get_display_info(), room=gpu.DISPLAY_INFO_SIZE)
            self.control.publish()
            self.finish(info, gpu.OK_DISPLAY_INFO)
            self.assertEqual([head[1] for head in info.answer.heads()[:3]], [1, 1, 0])
            for chain in edids:
                edid = self.finish(chain, gpu.OK_EDID).edid()
                self.assertLessEqual(128 * (1 + edid[126]), len(edid), "blocks beyond the size")

    @proves("SPEC-024")
    def test_linux_kicks_before_the_rings_are_enabled(self):
        """The first kick of the probe may come before the VMM has enabled the rings."""
        pc = self.machine(started=False, features=self.WANTS, display=True)
        self.pc, self.memory, self.in_flight = pc, pc.vm.memory, []
        info = self.send(gpu.get_display_info(), room=gpu.DISPLAY_INFO_SIZE)
        self.control.publish(kick=True)
        pc.vm.start()
        self.finish(info, gpu.OK_DISPLAY_INFO)

    @proves("L-1")
    def test_linux_answers_right_behind_requests(self):
        """A request and its answer share an object of the slab: 8 bytes aligned, anywhere, also
        across pages."""
        for wants in (FEATURES, FEATURES & ~INDIRECT):
            self.boot(wants=wants)
            self.control.publish()
            page = self.memory.alloc(2 * PAGE, PAGE)
            sequence = [gpu.create_2d(1, 2, WIDTH, HEIGHT), gpu.set_scanout(0, 1, WHOLE),
                        gpu.flush(1, WHOLE), gpu.detach(1), gpu.unref(1)]
            errors = {3: gpu.ERR_UNSPEC}
            for i, request in enumerate(sequence):
                at = page + PAGE - 8 - 8 * i
                self.memory.write(at, request + b"\xA5" * 24)
                buffers = [Buffer(at, len(request)), Buffer(at + len(request), 24, True)]
                chain = self.add(self.control, [request], buffers)
                self.control.publish()
                self.finish(chain, errors.get(i, gpu.OK_NODATA))

    @proves("L-2", "L-3")
    def test_linux_tables_longer_than_the_ring(self):
        """8192x8192 in pages is 65,536 entries, a list of 256 pages in no order: 258 descriptors
        on a ring of 64. The picture's last corner comes from the last pages."""
        side, corner = 8192, Rect(8128, 8128, 64, 64)
        memory = mem.Memory(mem.Region(MIB, 32 * MIB), mem.Region(1 << 32, 256 * MIB))
        self.boot(memory=memory)
        backing = Backing(memory, side * side * 4, memory.regions[1])
        pixels = picture.noise(64, 64, 3)
        for y in range(64):
            backing.write(((corner.y + y) * side + corner.x) * 4, pixels[256 * y:256 * y + 256])
        self.ask(gpu.create_2d(1, 2, side, side))
        chain = self.attach(1, backing)
        self.assertEqual(len(chain.parts), 257)
        self.control.publish()
        self.finish(chain)
        self.ask_all(gpu.transfer(1, corner, (corner.y * side + corner.x) * 4),
                     gpu.set_scanout(0, 1, corner), gpu.flush(1, corner))
        self.pc.check_screen(0, 64, 64, picture.opaque(pixels))


class Drawing(Linux):
    @proves("L-10", "SPEC-226", "SPEC-232")
    def test_linux_modeset_flips_and_off(self):
        """SET_SCANOUT of resource 0 with the mode's rectangle, then everything back to back and
        unfenced; flips with a damaged rectangle; off."""
        for wants in (FEATURES, FEATURES & ~INDIRECT):
            self.boot(wants=wants)
            images = {n: bytearray(picture.noise(WIDTH, HEIGHT, n)) for n in (1, 2)}
            backings = {n: self.dumb_buffer(n, images[n]) for n in (1, 2)}
            self.ask_all(gpu.set_scanout(0, 0, WHOLE), gpu.transfer(1, WHOLE, 0),
                         gpu.set_scanout(0, 1, WHOLE), gpu.flush(1, WHOLE))
            self.check_shown(images[1])
            for n in (2, 1, 2):
                self.ask_all(gpu.transfer(n, WHOLE, 0), gpu.set_scanout(0, n, WHOLE),
                             gpu.flush(n, WHOLE))
                self.check_shown(images[n])
            row = 10 * WIDTH * 4
            images[2][row:row + 4 * WIDTH] = picture.noise(WIDTH, 1, 9)
            backings[2].write(row, images[2][row:row + 4 * WIDTH])
            damage = Rect(0, 10, WIDTH, 1)
            self.ask_all(gpu.transfer(2, damage, row), gpu.flush(2, damage))
            self.check_shown(images[2])
            self.ask_all(gpu.set_scanout(0, 0, NONE), gpu.set_scanout(0, 0, NONE), gpu.unref(1),
                         gpu.unref(2))
            self.pc.check_off(0)

    @proves("SPEC-263", "SPEC-264", "H-127", "H-128")
    def test_linux_cursor(self):
        """A fenced upload, then UPDATE_CURSOR without room for an answer. MOVE_CURSOR is a copy
        of it with another place, which may be negative; resource 0 hides."""
        self.boot()
        self.dumb_buffer(1, picture.noise(WIDTH, HEIGHT, 1))
        self.ask_all(gpu.transfer(1, WHOLE, 0), gpu.set_scanout(0, 1, WHOLE), gpu.flush(1, WHOLE))
        image, small = picture.noise(64, 64, 5), Rect(0, 0, 64, 64)
        self.dumb_buffer(2, image, small)
        self.ask(gpu.transfer(2, small, 0, fenced(1)))
        self.tell_cursor(gpu.update_cursor(0, 50, 60, 2, 7, 8))
        self.check_cursor(50, 60, image, (7, 8))
        self.tell_cursor(gpu.move_cursor(0, -7, -8, 2, 7, 8))
        self.check_cursor(-7, -8, image, (7, 8))
        self.tell_cursor(gpu.update_cursor(0, -7, -8, 0, 7, 8))
        self.check_cursor(0, 0, None)

    @proves("L-4", "L-11")
    def test_linux_does_not_look_at_errors(self):
        """When CREATE_2D fails, all that belongs to it is sent nevertheless, and only logged:
        each is answered once, with an error, and the next buffer works."""
        self.boot()
        backing = Backing(self.memory, SIZE)
        self.ask(gpu.create_2d(7, 2, 65535, 65535), expect=gpu.ERR_OUT_OF_MEMORY)
        for _ in range(20):
            head = gpu.attach(7, [], n_entries=len(backing.entries))
            self.ask(head, gpu.entries_of(backing.entries), expect=gpu.ERR_INVALID_RESOURCE_ID)
            self.ask_all(gpu.transfer(7, WHOLE, 0), gpu.set_scanout(0, 7, WHOLE),
                         gpu.flush(7, WHOLE), gpu.unref(7), expect=gpu.ERR_INVALID_RESOURCE_ID)
        pixels = picture.noise(WIDTH, HEIGHT, 1)
        self.dumb_buffer(7, pixels)
        self.ask_all(gpu.transfer(7, WHOLE, 0), gpu.set_scanout(0, 7, WHOLE), gpu.flush(7, WHOLE))
        self.check_shown(pixels)

    @proves("L-10")
    def test_linux_fills_the_ring(self):
        """A full ring is kicked by force; used entries and their interrupts make room again."""
        self.boot(wants=FEATURES & ~INDIRECT)
        self.dumb_buffer(1)
        self.ask_all(gpu.set_scanout(0, 1, WHOLE))
        for _ in range(20):
            self.ask_all(*[gpu.flush(1, WHOLE)] * 32)

    def test_linux_panic(self):
        """7.2: a transfer and a flush, one kick, and the guest halts for good. The picture is
        shown; nobody takes the answers."""
        self.boot()
        pixels = picture.noise(WIDTH, HEIGHT, 8)
        backing = self.dumb_buffer(1, bytes(SIZE))
        self.ask_all(gpu.transfer(1, WHOLE, 0), gpu.set_scanout(0, 1, WHOLE), gpu.flush(1, WHOLE))
        self.check_shown(bytes(SIZE))
        backing.write(0, pixels)
        for request in (gpu.transfer(1, WHOLE, 0), gpu.flush(1, WHOLE)):
            self.send(request)
        self.control.publish(kick=True)
        self.pc.display.wait_picture(0, WIDTH, HEIGHT, picture.opaque(pixels))

    @proves("SPEC-201", "SPEC-205")
    def test_linux_hotplug(self):
        """Told of a change it asks for EDIDs and display info with one kick, and always writes
        events_clear, 0 too."""
        self.boot(display=None)
        conn, wishing = self.pc.vm.conn, self.wishing_viewer()
        for width, event in ((1600, 1), (None, 0), (1024, 1)):
            if width is not None:
                wishing.set_size(width, 900)
            self.assertEqual(conn.get_config(0, 4), struct.pack("<I", event))
            edid = self.send(gpu.get_edid(0), room=gpu.EDID_SIZE)
            info = self.send(gpu.get_display_info(), room=gpu.DISPLAY_INFO_SIZE)
            self.control.publish()
            self.finish(edid, gpu.OK_EDID)
            head = self.finish(info, gpu.OK_DISPLAY_INFO).heads()[0]
            self.assertEqual(head, (Rect(0, 0, width or 1600, 900), 1, 0))
            conn.set_config(4, struct.pack("<I", event))
            self.assertEqual(conn.get_config(0, 4), bytes(4))


class Promises(Linux):
    @proves("L-8", "L-12", "SPEC-215", "H-221")
    def test_linux_one_counter_for_all_fences(self):
        """Ids grow from 1 with gaps. A fence also ends all older ones, whatever the answer's type,
        so that an error must not overtake a long transfer."""
        self.boot()
        side = 1024
        area = Rect(0, 0, side, side)
        self.dumb_buffer(1, rect=area)
        fence = 0
        for _ in range(10):
            requests = []
            for step in range(8):
                fence += 1 + step % 3
                requests.append((gpu.transfer(1, area, 0, fenced(fence)), gpu.OK_NODATA))
                fence += 1
                requests.append((gpu.unref(99, fenced(fence)), gpu.ERR_INVALID_RESOURCE_ID))
            chains = [self.send(request) for request, _ in requests]
            self.control.publish(kick=True)
            self.wait(self.control, *chains)
            self.assertTrue(self.control.order[-len(chains):] == chains, "fences out of order")
            for chain, (_, expect) in zip(chains, requests):
                self.judge(chain, expect)

    @proves("L-9")
    def test_linux_frees_pages_when_unref_is_answered(self):
        """UNREF has no fence; its answer gives the pages back to the kernel. They are cut off
        from the file here: a device which still reads them meets a bus error, and has other
        mappings of the guest's memory from then on.
        """
        for _ in range(5):
            self.boot()
            lost = self.memory.add(mem.Region(0x4000_0000, 8 * MIB))
            self.pc.vm.add_region(lost)
            side = 1024
            area = Rect(0, 0, side, side)
            self.ask(gpu.create_2d(1, 2, side, side))
            self.ask(gpu.attach(1, [], n_entries=1),
                     gpu.entries_of([(lost.gpa, side * side * 4)]))
            self.ask(gpu.set_scanout(0, 1, area))
            chains = [self.send(request) for request in
                      [gpu.transfer(1, area, 0), gpu.flush(1, area)] * 4 + [gpu.unref(1)]]
            self.control.publish(kick=True)
            self.wait(self.control, chains[-1])
            n_mappings = self.pc.daemon.n_mappings("guest")
            os.ftruncate(lost.fd, 0)
            for chain in chains:
                self.finish(chain)
            self.pc.check_alive()
            self.assertEqual(self.pc.daemon.n_mappings("guest"), n_mappings, "pages were read")

    @proves("L-9", "SPEC-230", "SPEC-245")
    def test_linux_moves_an_imported_buffer(self):
        """7.2: a blob that is shown loses its pages by a fenced DETACH, waited for without an end,
        gets others, and is shown again. In between the old picture stays."""
        self.boot()
        first, second = (picture.noise(WIDTH, HEIGHT, n) for n in (1, 2))
        backing = self.blob(1, first)
        scanout = gpu.set_scanout_blob(0, 1, WHOLE, WIDTH, HEIGHT, gpu.B8G8R8X8, WIDTH * 4)
        self.ask_all(scanout, gpu.flush(1, WHOLE))
        self.check_shown(first)
        self.ask(gpu.detach(1, fenced(1)))
        backing.write(0, bytes(SIZE))
        self.check_shown(first)
        backing = Backing(self.memory, SIZE, seed=9)
        backing.write(0, second)
        self.control.publish()
        chain = self.attach(1, backing)
        self.control.publish()
        self.finish(chain)
        self.ask_all(scanout, gpu.flush(1, WHOLE, fenced(2)))
        self.check_shown(second)
        self.ask(gpu.unref(1))
        self.pc.check_off(0)

    @proves("L-5")
    def test_linux_transfers_guest_blobs(self):
        """Dumb buffers are blobs here, and yet TRANSFER_TO_HOST_2D is sent for each update, and
        for cursors, fenced and waited for: it does nothing, and succeeds."""
        self.boot()
        for n in (1, 2):
            pixels = picture.noise(WIDTH, HEIGHT, n)
            self.blob(n, pixels)
            self.ask_all(gpu.transfer(n, WHOLE, 0),
                         gpu.set_scanout_blob(0, n, WHOLE, WIDTH, HEIGHT, 2, WIDTH * 4),
                         gpu.flush(n, WHOLE, fenced(n)))
            self.check_shown(pixels)
        image = picture.noise(64, 64, 5)
        backing = self.blob(3, image)
        for fence, x in ((3, 10), (4, -20)):
            self.ask(gpu.transfer(3, Rect(0, 0, 64, 64), 0, fenced(fence)))
            self.tell_cursor(gpu.update_cursor(0, x, x, 3))
            self.check_cursor(x, x, image)
            image = picture.noise(64, 64, 6)
            backing.write(0, image)

    @proves("L-6", "SPEC-216")
    def test_linux_waits_for_ever_for_two_answers(self):
        """ASSIGN_UUID and MAP_BLOB are waited for without an end: an error must come too, and its
        type is not that of success."""
        self.boot()
        self.blob(1, bytes(SIZE))
        self.ask(gpu.assign_uuid(1), expect=gpu.OK_RESOURCE_UUID, room=gpu.UUID_SIZE)
        self.ask(gpu.assign_uuid(9), expect=gpu.ERR_INVALID_RESOURCE_ID, room=gpu.UUID_SIZE)
        request = gpu.command(gpu.RESOURCE_MAP_BLOB, struct.pack("<IIQ", 1, 0, 0))
        self.ask(request, expect=gpu.ERR_UNSPEC, room=32)
        # The buffer is freed by UNMAP_BLOB even so, and then UNREF.
        self.ask(gpu.one_resource(gpu.RESOURCE_UNMAP_BLOB, 1), expect=gpu.ERR_UNSPEC)
        self.ask(gpu.unref(1))

    @proves("SPEC-017")
    def test_linux_resumes_without_rings(self):
        """After suspend its core says DRIVER_OK, but nothing sets up queues: the device lives on,
        and works when the driver is loaded anew. All its resources are gone then."""
        self.boot()
        pixels = picture.noise(WIDTH, HEIGHT, 1)
        self.dumb_buffer(1, pixels)
        self.ask_all(gpu.transfer(1, WHOLE, 0), gpu.set_scanout(0, 1, WHOLE), gpu.flush(1, WHOLE))
        vm = self.pc.vm
        vm.reset()
        queues, vm.queues = vm.queues, [None, None]
        vm.start()
        vm.conn.get_config(0, 16)
        self.pc.check_off(0)
        vm.stop()
        vm.tell_reset()
        vm.queues = queues
        self.start()
        self.ask(gpu.flush(1, WHOLE), expect=gpu.ERR_INVALID_RESOURCE_ID)
        self.dumb_buffer(1, pixels)
        self.ask_all(gpu.transfer(1, WHOLE, 0), gpu.set_scanout(0, 1, WHOLE), gpu.flush(1, WHOLE))
        self.check_shown(pixels)


if __name__ == "__main__":
    case.main()
