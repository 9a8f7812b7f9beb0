#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""2D resources that a context draws into, and what happens to 3D when memory or machine change."""


from rig import case, case3d, gpu, gpu3d, picture
from rig.case import proves
from rig.case3d import FEATURES_3D
from rig.gpu import Rect, fenced
from rig.gpu3d import Box
from rig.memory import MIB, Region
from rig.qemu_display import QemuDisplay
from rig.vhost import Proto
from rig.vm import PROTOCOL

UNSPEC, NO_RESOURCE = gpu.ERR_UNSPEC, gpu.ERR_INVALID_RESOURCE_ID
WHOLE = Rect(0, 0, 64, 48)
BOX = Box(0, 0, 0, 64, 48, 1)
SIZE = 64 * 48 * 4


class Twins(case3d.Test3D):
    """A dumb buffer, as Linux makes it: CREATE_2D, attached to the contexts of its clients."""

    def shown(self, format_=gpu.B8G8R8X8, **kinds):
        machine, guest = self.begin(**kinds)
        self.pixels = picture.noise(64, 48, 1)
        self.backing = guest.show(0, 5, 64, 48, self.pixels, format_)
        guest.ctx_create(1)
        return machine, guest

    @proves("SPEC-260", "SPEC-228", "H-208")
    def test_clear_is_seen(self):
        """GL clears the buffer that KMS shows: seen after the flush."""
        machine, guest = self.shown()
        guest.ctx_attach(1, 5)
        machine.check_screen(0, 64, 48, picture.opaque(self.pixels))
        guest.submit(1, gpu3d.clear_resource(5, 0, 0, 1, format_=gpu.B8G8R8X8))
        guest.flush(5, WHOLE)
        machine.check_screen(0, 64, 48, gpu3d.solid(64, 48, 0, 0, 255))

    @proves("SPEC-260", "SPEC-228")
    def test_copies_are_seen(self):
        """A copy into a corner lies over what the guest uploaded before; the right way up. The
        other way round, 2D pixels are what a texture gets."""
        machine, guest = self.shown(gpu.B8G8R8A8)
        corner = picture.noise(16, 8, 2)
        guest.texture(6, 16, 8, corner)
        for resource in (5, 6):
            guest.ctx_attach(1, resource)
        guest.submit(1, gpu3d.copy_region(5, 10, 3, 6, Rect(0, 0, 16, 8)))
        guest.flush(5, WHOLE)
        model = bytearray(self.pixels)
        for row in range(8):
            at = ((3 + row) * 64 + 10) * 4
            model[at:at + 64] = corner[row * 64:row * 64 + 64]
        machine.check_screen(0, 64, 48, picture.opaque(model))
        part = Rect(5, 1, 16, 8)
        guest.submit(1, gpu3d.copy_region(6, 0, 0, 5, part))
        self.check_contents(guest, 6, 16, 8, picture.crop(model, 64, part))

    @proves("SPEC-260", "SPEC-228")
    def test_2d_and_3d_take_turns(self):
        """TRANSFER_TO_HOST_2D of a part after drawing, drawing after that: the last one counts."""
        machine, guest = self.shown()
        guest.ctx_attach(1, 5)
        for turn in range(4):
            red = turn & 1
            guest.submit(1, gpu3d.clear_resource(5, red, 1 - red, 0, turn + 1, gpu.B8G8R8X8))
            new = picture.noise(64, 48, 20 + turn)
            guest.memory.write(self.backing, new)
            part = Rect(7 + turn, 9, 30, 20)
            guest.transfer(5, part, (part.y * 64 + part.x) * 4)
            guest.flush(5, WHOLE)
            model = bytearray(gpu3d.solid(64, 48, 255 * red, 255 - 255 * red, 0))
            for y in range(part.y, part.y + part.height):
                at = (y * 64 + part.x) * 4
                model[at:at + part.width * 4] = new[at:at + part.width * 4]
            machine.check_screen(0, 64, 48, picture.opaque(model))

    @proves("SPEC-260", "H-208", "H-204")
    def test_detached_and_destroyed(self):
        """Without its contexts it is a 2D resource as before, with what was drawn."""
        machine, guest = self.shown()
        for leave in (lambda: guest.ctx_detach(1, 5), lambda: guest.ctx_destroy(1)):
            guest.ctx_attach(1, 5)
            guest.submit(1, gpu3d.clear_resource(5, 1, 1, 0, format_=gpu.B8G8R8X8))
            leave()
            guest.flush(5, WHOLE)
            machine.check_screen(0, 64, 48, gpu3d.solid(64, 48, 255, 255, 0))
            guest.memory.write(self.backing, self.pixels)
            guest.transfer(5, WHOLE)
            guest.flush(5, WHOLE)
            machine.check_screen(0, 64, 48, picture.opaque(self.pixels))
            guest.run(gpu3d.ctx_destroy(1), None)
            guest.ctx_create(1)

    @proves("SPEC-260")
    def test_attached_by_a_context_that_drew_before(self):
        """A context that has submitted already sees what the 2D resource held."""
        machine, guest = self.shown(gpu.B8G8R8A8)
        guest.texture(6, 64, 48, bytes(SIZE))
        guest.ctx_attach(1, 6)
        guest.submit(1, gpu3d.nop())
        guest.ctx_attach(1, 5)
        guest.submit(1, gpu3d.copy_region(6, 0, 0, 5, WHOLE))
        self.check_contents(guest, 6, 64, 48, self.pixels)
        machine.check_screen(0, 64, 48, picture.opaque(self.pixels))

    @proves("SPEC-260")
    def test_transfers_3d(self):
        """TRANSFER_*_3D of a 2D resource, as Linux's buffers get them: up, seen, and down."""
        machine, guest = self.shown()
        new = picture.noise(64, 48, 2)
        guest.memory.write(self.backing, new)
        guest.to_host(5, BOX)
        guest.flush(5, WHOLE)
        machine.check_screen(0, 64, 48, picture.opaque(new))
        guest.memory.write(self.backing, bytes(SIZE))
        guest.from_host(5, BOX)
        self.assertEqual(picture.opaque(guest.memory.read(self.backing, SIZE)),
                         picture.opaque(new))

    @proves("SPEC-260", "H-208")
    def test_many(self):
        """The first commands of a context find all that it has attached, however much that is; and
        what is sent with them finds what they drew."""
        machine, guest = self.shown(gpu.B8G8R8A8)
        ids = range(100, 1060)
        corner = picture.noise(16, 8, 2)
        place = [(guest.memory.put(corner, 4096), len(corner))]
        guest.batch([gpu.create_2d(i, gpu.B8G8R8A8, 16, 8) for i in ids])
        guest.batch([gpu.attach(i, place) for i in ids])
        guest.batch([gpu3d.ctx_attach(1, i) for i in (*ids, 5)])
        copies = b"".join(gpu3d.copy_region(5, 16 * (n % 4), 8 * (n // 4), i, Rect(0, 0, 16, 8))
                          for n, i in enumerate(ids[::40]))
        first = gpu3d.submit_3d(1, copies, header=fenced(1))
        guest.batch([first, gpu.flush(5, WHOLE), gpu.unref(ids[-1])])
        row = b"".join(corner[y * 64:y * 64 + 64] * 4 for y in range(8))
        machine.check_screen(0, 64, 48, picture.opaque(row * 6))

    @proves("H-143", "H-204")
    def test_attachments_are_counted(self):
        """Each takes a little of --max-backing-memory, and gives it back with its context."""
        _, guest = self.begin("--max-backing-memory=8KiB")
        ids = range(100, 160)
        guest.batch([gpu.create_2d(i, 1, 1, 1) for i in ids])
        for _ in range(8):
            guest.ctx_create(1)
            guest.batch([gpu3d.ctx_attach(1, i) for i in ids])
            guest.ctx_destroy(1)
        guest.ctx_create(1)
        guest.batch([gpu3d.ctx_attach(1, i) for i in ids])
        for ctx in range(2, 9):
            guest.ctx_create(ctx)
        answers = guest.batch([gpu3d.ctx_attach(c, i) for c in range(2, 9) for i in ids], None)
        self.assertEqual({a.type for a in answers}, {gpu.OK_NODATA, gpu.ERR_OUT_OF_MEMORY})

    @proves("SPEC-220", "SPEC-260")
    def test_formats(self):
        """Each format of 2D goes on being shown when a context has it, whether or not the
        renderer can draw into it."""
        for format_ in gpu.FORMATS:
            machine, guest = self.shown(format_)
            guest.ctx_attach(1, 5)
            guest.submit(1, gpu3d.nop())
            machine.check_screen(0, 64, 48, picture.to_screen(self.pixels, format_))
            new = picture.noise(64, 48, format_)
            guest.memory.write(self.backing, new)
            guest.transfer(5, WHOLE)
            guest.flush(5, WHOLE)
            machine.check_screen(0, 64, 48, picture.to_screen(new, format_))
            guest.detach(5)
            guest.ctx_detach(1, 5)
            guest.flush(5, WHOLE)
            machine.check_screen(0, 64, 48, picture.to_screen(new, format_))

    @proves("SPEC-263")
    def test_cursor(self):
        """A 2D cursor image into which a context has drawn."""
        machine, guest = self.shown()
        guest.image(7, 64, 64, bytes(64 * 64 * 4), gpu.B8G8R8A8)
        guest.ctx_attach(1, 7)
        guest.submit(1, gpu3d.clear_resource(7, 1, 0, 1))
        guest.update_cursor(0, 5, 6, 7)
        wanted = gpu3d.solid(64, 64, 255, 0, 255)
        machine.display.wait_cursor(0, lambda c: c.visible and c.pixels == wanted, "no cursor")

    @proves("L-9", "H-227")
    def test_unref(self):
        """Gone while attached and shown: off, unknown, and its pages are not touched."""
        machine, guest = self.shown()
        guest.ctx_attach(1, 5)
        guest.submit(1, gpu3d.clear_resource(5, 1, 1, 0, format_=gpu.B8G8R8X8))
        guest.flush(5, WHOLE)
        guest.unref(5)
        guest.memory.write(self.backing, b"\x11" * SIZE)
        machine.check_off(0)
        guest.submit(1, gpu3d.clear(0, 1, 0), None)
        guest.ctx_attach(1, 5, NO_RESOURCE)
        guest.run(gpu.get_display_info(fenced(1)), gpu.OK_DISPLAY_INFO, gpu.DISPLAY_INFO_SIZE)
        self.assertEqual(guest.memory.read(self.backing, SIZE), b"\x11" * SIZE)


class Changes(case3d.Test3D):
    """Memory tables, pauses and resets while the renderer has backings."""

    def backed(self, **kinds):
        """Texture 6 and 2D resource 5, which is drawn into, backed by a region of their own."""
        kinds.setdefault("display", QemuDisplay())
        machine = self.machine(case3d.RENDERER, started=False, features=FEATURES_3D, **kinds)
        machine.guest = guest = case3d.Guest3D(machine.vm)
        self.extra = machine.vm.memory.add(Region(0x4000_0000, 2 * MIB))
        machine.vm.start()
        self.pixels = picture.noise(64, 48, 1)
        guest.ctx_create(1)
        guest.create(5, 64, 48, gpu.B8G8R8A8)
        guest.create_3d(6, 64, 48)
        for i, resource in enumerate((5, 6)):
            guest.attach(resource, [(self.extra.gpa + i * MIB, 1000),
                                    (self.extra.gpa + i * MIB + 1000, SIZE - 1000)])
            guest.ctx_attach(1, resource)
        guest.submit(1, gpu3d.nop())
        guest.set_scanout(0, 6, WHOLE)
        self.check_works(machine, self.extra, 1)
        return machine, guest

    def check_works(self, machine, region, seed):
        """Both are filled from the region, read back into it, and seen."""
        guest = machine.guest
        for i, resource in enumerate((5, 6)):
            gpa = region.gpa + i * MIB
            pixels = picture.noise(64, 48, seed + i)
            guest.memory.write(gpa, pixels)
            guest.to_host(resource, BOX)
            guest.memory.write(gpa, bytes(SIZE))
            guest.from_host(resource, BOX)
            self.assertTrue(guest.memory.read(gpa, SIZE) == pixels, f"resource {resource}")
        guest.flush(6, WHOLE)
        machine.check_screen(0, 64, 48, picture.opaque(pixels))

    @proves("H-056", "FE4-29")
    def test_same_table_again(self):
        """SET_MEM_TABLE with the same regions: the renderer maps them anew, and all goes on."""
        machine, _ = self.backed(protocol=PROTOCOL & ~(1 << Proto.CONFIGURE_MEM_SLOTS))
        for turn in range(5):
            machine.vm.set_mem_table()
            self.check_works(machine, self.extra, 10 * turn)

    @proves("H-056", "FE4-29")
    def test_other_regions(self):
        """One more, one less: the backings that stay work on, those that went are UNSPEC, and
        nobody touches their pages; another file in their place is used."""
        machine, guest = self.backed()
        vm = machine.vm
        third = vm.memory.add(Region(0x5000_0000, MIB))
        vm.add_region(third)
        self.check_works(machine, self.extra, 10)
        vm.remove_region(third)
        self.check_works(machine, self.extra, 20)
        last = picture.noise(64, 48, 21)
        vm.remove_region(self.extra)
        guest.memory.write(self.extra.gpa, b"\x42" * (2 * MIB))
        for build in (guest.to_host, guest.from_host):
            for resource in (5, 6):
                build(resource, BOX, expect=UNSPEC)
        guest.submit(1, gpu3d.nop())
        guest.flush(6, WHOLE)
        machine.check_screen(0, 64, 48, picture.opaque(last))
        self.assertTrue(guest.memory.read(self.extra.gpa, 2 * MIB) == b"\x42" * (2 * MIB))
        old = self.extra
        vm.memory.remove(old)
        new = vm.memory.add(Region(old.gpa, 2 * MIB, offset=8192))
        vm.add_region(new)
        self.check_works(machine, new, 30)
        self.assertTrue(old.map[:] == b"\x42" * (2 * MIB), "the old file was written")

    @proves("H-056", "H-058")
    def test_table_changes_while_drawing(self):
        """Regions come and go behind a queue full of transfers: each is answered once."""
        machine, guest = self.backed()
        vm, queue = machine.vm, machine.vm.control
        for turn in range(6):
            pending = []
            for i in range(20):
                resource = 5 + i % 2
                pending.append(queue.add((gpu3d.to_host_3d(resource, BOX, header=fenced(i)),
                                          gpu3d.from_host_3d(resource, BOX),
                                          gpu3d.submit_3d(1, gpu3d.nop(), header=fenced(i))
                                          )[i % 3]))
            queue.publish()
            third = vm.memory.add(Region(0x5000_0000, MIB))
            vm.add_region(third)
            vm.remove_region(third)
            vm.memory.remove(third)
            queue.wait(*pending)
            self.assertEqual({p.answer.type for p in pending}, {gpu.OK_NODATA})
            self.check_works(machine, self.extra, 10 * turn)

    @proves("C14")
    def test_pause(self):
        """Stop and go on: contexts, textures, backings and screen are what they were."""
        machine, guest = self.backed()
        for turn in range(4):
            self.check_works(machine, self.extra, 10 * turn)
            bases = machine.vm.stop()
            machine.vm.start(bases)
            pixels = picture.noise(64, 48, 10 * turn + 1)
            machine.check_screen(0, 64, 48, picture.opaque(pixels))
            guest.submit(1, gpu3d.nop())

    @proves("H-050", "SPEC-010", "C14")
    def test_reset_in_the_middle(self):
        """At a reset with anything under way: nothing stays, no page is touched, ids are free,
        and the next driver starts from scratch."""
        machine, guest = self.backed()
        counts = []
        for turn in range(12):
            queue = machine.vm.control
            requests = [gpu3d.to_host_3d(6, BOX), gpu3d.from_host_3d(6, BOX, header=fenced(1)),
                        gpu3d.submit_3d(1, gpu3d.clear_resource(6, 1, 0, 0)),
                        gpu.flush(6, WHOLE), gpu3d.ctx_create(2, header=fenced(2)),
                        gpu3d.create_3d(7, 512, 512), gpu.detach(6), gpu.unref(5),
                        gpu3d.ctx_destroy(1)]
            for request in requests[turn % 9:] + requests[:turn % 9]:
                queue.add(request)
            queue.publish()
            machine.vm.reset()
            guest.memory.write(self.extra.gpa, b"\x42" * (2 * MIB))
            machine.check_off(0)
            machine.vm.start()
            for resource in (5, 6, 7):
                guest.unref(resource, NO_RESOURCE)
            for ctx in (1, 2):
                guest.submit(ctx, gpu3d.nop(), gpu.ERR_INVALID_CONTEXT_ID)
            self.assertTrue(guest.memory.read(self.extra.gpa, 2 * MIB) == b"\x42" * (2 * MIB))
            guest.ctx_create(1)
            guest.create(5, 64, 48, gpu.B8G8R8A8)
            guest.create_3d(6, 64, 48)
            for i, resource in enumerate((5, 6)):
                guest.attach(resource, [(self.extra.gpa + i * MIB, SIZE)])
                guest.ctx_attach(1, resource)
            guest.set_scanout(0, 6, WHOLE)
            self.check_works(machine, self.extra, turn)
            counts.append(machine.daemon.n_fds())
        self.assertLessEqual(counts[-1], counts[1] + 2, str(counts))


class Gone(case3d.Test3D):
    @proves("H-050", "A-8")
    def test_vmm_goes_while_drawing(self):
        """The VMM ends with the queue full of drawing: the daemon ends too, without complaint."""
        machine, guest = self.begin()
        guest.ctx_create(1)
        guest.texture(6, 1024, 1024)
        guest.ctx_attach(1, 6)
        for i in range(20):
            machine.vm.control.add(gpu3d.submit_3d(1, gpu3d.clear_resource(6, 1, 0, 0, i + 1),
                                                   header=fenced(i)))
        machine.vm.control.publish()
        machine.vm.close()
        self.expect_exit(machine.daemon)


if __name__ == "__main__":
    case.main()
