#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""3D resources: made, filled, read back, shown, and given back; every pixel is compared."""

import random

from rig import case, case3d, gpu, gpu3d, picture
from rig.case import proves
from rig.gpu import Header, Rect
from rig.gpu3d import Box

UNSPEC, MEMORY = gpu.ERR_UNSPEC, gpu.ERR_OUT_OF_MEMORY
PARAMETER, NO_RESOURCE = gpu.ERR_INVALID_PARAMETER, gpu.ERR_INVALID_RESOURCE_ID
BACKED = Box(0, 0, 0, 16, 8, 1)
HUGE = 0xFFFF_FFFF


class Make(case3d.Test3D):
    @proves("H-210")
    def test_absurd(self):
        """What cannot be is refused, and its id stays free."""
        machine, guest = self.begin()
        good = dict(resource=6, width=16, height=16)
        for change in (
                dict(width=0), dict(height=0), dict(depth=0), dict(array_size=0),
                dict(width=HUGE), dict(height=HUGE), dict(width=HUGE, height=HUGE),
                dict(depth=HUGE), dict(array_size=HUGE), dict(last_level=HUGE),
                dict(last_level=5), dict(samples=HUGE), dict(samples=33),
                dict(target=9), dict(target=HUGE), dict(format_=0), dict(format_=HUGE),
                dict(format_=511), dict(flags=HUGE), dict(depth=2), dict(array_size=2),
                dict(width=65536, height=65536), dict(width=65536, height=16384, format_=31),
                dict(target=gpu3d.TEXTURE_CUBE), dict(target=gpu3d.TEXTURE_CUBE, array_size=5),
                dict(target=gpu3d.TEXTURE_1D), dict(target=gpu3d.BUFFER, format_=gpu3d.R8),
                dict(target=gpu3d.TEXTURE_3D, depth=2048, width=16384, height=16384),
                dict(target=gpu3d.TEXTURE_2D_ARRAY, array_size=2049)):
            answer = guest.run(gpu3d.create_3d(**{**good, **change}), None)
            self.assertIn(answer.type, (PARAMETER, MEMORY), str(change))
            guest.unref(6, NO_RESOURCE)
            guest.create_3d(**good)
            guest.unref(6)
            # Linux goes on as if it were there. Nothing that it does may do harm.
            self.use_at_once(guest, gpu3d.create_3d(**{**good, **change}))
            guest.unref(6, NO_RESOURCE)
            machine.check_off(0)
        machine.check_alive()

    def use_at_once(self, guest, creation):
        """A driver that does not wait for answers."""
        queue, place = guest.vm.control, guest.memory.regions[0].gpa
        pending = [queue.add(request) for request in (
            creation, gpu.attach(6, [(place, 4096)]), gpu3d.to_host_3d(6, BACKED),
            gpu.set_scanout(0, 6, Rect(0, 0, 1, 1)), gpu.flush(6, Rect(0, 0, 1, 1)),
            gpu.detach(6))]
        queue.publish()
        queue.wait(*pending)

    @proves("H-210", "H-171")
    def test_ids(self):
        """0, taken by whatever kind, and the largest."""
        _, guest = self.begin()
        guest.create_3d(0, 8, 8, NO_RESOURCE)
        guest.create(5, 8, 8)
        guest.create_3d(5, 8, 8, NO_RESOURCE)
        for id_ in (6, HUGE):
            guest.create_3d(id_, 8, 8)
            guest.create_3d(id_, 8, 8, NO_RESOURCE)
            guest.create(id_, 8, 8, expect=NO_RESOURCE)
            guest.unref(id_)
            guest.unref(id_, NO_RESOURCE)

    @proves("SPEC-260")
    def test_kinds(self):
        """One of each kind that drivers make."""
        _, guest = self.begin()
        kinds = (dict(target=gpu3d.BUFFER, bind=gpu3d.BIND_VERTEX, format_=gpu3d.R8, height=1,
                      width=65536),
                 dict(target=gpu3d.TEXTURE_1D, height=1), dict(target=gpu3d.TEXTURE_2D),
                 dict(target=gpu3d.TEXTURE_2D, last_level=4), dict(target=gpu3d.TEXTURE_RECT),
                 dict(target=gpu3d.TEXTURE_3D, depth=4),
                 dict(target=gpu3d.TEXTURE_CUBE, array_size=6),
                 dict(target=gpu3d.TEXTURE_2D_ARRAY, array_size=3),
                 dict(bind=gpu3d.PICTURE | gpu3d.BIND_SCANOUT), dict(bind=gpu3d.BIND_CURSOR),
                 dict(bind=gpu3d.BIND_DEPTH, format_=16), dict(flags=gpu3d.Y_0_TOP),
                 dict(samples=4, bind=gpu3d.BIND_RENDER))
        for kind in kinds:
            guest.create_3d(**{"resource": 6, "width": 16, "height": 16, **kind})
            guest.unref(6)

    @proves("H-141")
    def test_limit(self):
        """--max-3d-memory to the byte, also after what was refused."""
        _, guest = self.begin("--max-3d-memory=1MiB")
        for _ in range(3):
            guest.create_3d(1, 512, 512)
            guest.create_3d(2, 1, 1, MEMORY)
            guest.create_3d(1, 512, 512, NO_RESOURCE)
            guest.unref(1)
            guest.create_3d(1, 512, 513, MEMORY)
            guest.create_3d(1, 512, 256, PARAMETER, target=77)
            guest.create_3d(1, 512, 256)
            guest.create_3d(2, 512, 256)
            guest.create_3d(3, 1, 1, MEMORY)
            guest.unref(1)
            guest.unref(2)


class Transfers(case3d.Test3D):
    def filled(self, width=16, height=8, **more):
        """A texture whose backing was written and uploaded, then poisoned."""
        self.pc, guest = self.begin()
        self.pixels = picture.noise(width, height, 7)
        self.backing = guest.texture(6, width, height, self.pixels, **more)
        return guest

    @proves("SPEC-260", "H-212")
    def test_round_trip(self):
        """Up and down again, into other pages, with and without a context, either way up."""
        for flags in (0, gpu3d.Y_0_TOP):
            guest = self.filled(flags=flags)
            self.check_contents(guest, 6, 16, 8, self.pixels)
            guest.ctx_create(1)
            guest.ctx_attach(1, 6)
            guest.from_host(6, BACKED, header=Header(ctx=1))
            self.check_contents(guest, 6, 16, 8, self.pixels)

    @proves("H-211", "H-212")
    def test_boxes(self):
        """Random boxes, strides and offsets against a model; no byte beside them is written."""
        guest = self.filled(32, 24)
        rng, size = random.Random(4), 32 * 24 * 4 * 3
        place = guest.memory.alloc(size, 4096)
        guest.detach(6)
        guest.attach(6, [(place, 4000), (place + 4000, 37), (place + 4037, size - 4037)])
        model = bytearray(self.pixels)
        for turn in range(60):
            x, y = rng.randrange(32), rng.randrange(24)
            w, h = rng.randrange(1, 33 - x), rng.randrange(1, 25 - y)
            stride = rng.choice((0, w * 4, w * 4 + 4 * rng.randrange(9)))
            step = stride or 32 * 4
            offset = 4 * rng.randrange(50)
            box = Box(x, y, 0, w, h, 1)
            data = bytearray(picture.noise(32, 24 * 3, turn))
            guest.memory.write(place, data)
            rows = [(offset + j * step, ((y + j) * 32 + x) * 4) for j in range(h)]
            if rng.random() < 0.5:
                guest.to_host(6, box, offset, stride=stride)
                for source, at in rows:
                    model[at:at + w * 4] = data[source:source + w * 4]
            else:
                guest.from_host(6, box, offset, stride=stride)
                for source, at in rows:
                    data[source:source + w * 4] = model[at:at + w * 4]
            if guest.memory.read(place, size) != bytes(data):
                self.fail(f"turn {turn}: {box}, stride {stride}, offset {offset}")
        self.check_contents(guest, 6, 32, 24, bytes(model))

    @proves("H-211", "H-212")
    def test_refused(self):
        """Boxes, levels, strides and offsets that do not fit: not a byte moves."""
        guest = self.filled()
        guest.memory.write(self.backing, b"\x5A" * 512)
        good = dict(resource=6, box=BACKED)
        for change in (
                dict(box=Box(1, 0, 0, 16, 8, 1)), dict(box=Box(0, 1, 0, 16, 8, 1)),
                dict(box=Box(0, 0, 1, 16, 8, 1)), dict(box=Box(0, 0, 0, 17, 8, 1)),
                dict(box=Box(0, 0, 0, 16, 9, 1)), dict(box=Box(0, 0, 0, 16, 8, 2)),
                dict(box=Box(HUGE, 0, 0, 2, 1, 1)), dict(box=Box(0, HUGE, 0, 1, 2, 1)),
                dict(box=Box(0, 0, HUGE, 1, 1, 2)), dict(box=Box(0, 0, 0, HUGE, 1, 1)),
                dict(box=Box(0, 0, 0, 1, HUGE, 1)), dict(box=Box(8, 0, 0, HUGE - 6, 1, 1)),
                dict(box=Box(0, 0, 0, 16, 8, HUGE)), dict(box=Box(0, 0, 0, 16, 8, 0)),
                dict(level=1), dict(level=HUGE), dict(stride=60), dict(stride=1),
                dict(stride=62), dict(stride=68), dict(stride=HUGE), dict(stride=HUGE - 3),
                dict(offset=4), dict(offset=512), dict(offset=513), dict(offset=1 << 32),
                dict(offset=(1 << 64) - 4), dict(offset=(1 << 64) - 512)):
            for build in (gpu3d.to_host_3d, gpu3d.from_host_3d):
                answer = guest.run(build(**{**good, **change}), None)
                self.assertEqual(answer.type, PARAMETER, f"{build.__name__} {change}")
        self.assertEqual(guest.memory.read(self.backing, 512), b"\x5A" * 512)
        self.check_contents(guest, 6, 16, 8, self.pixels)
        for build in (gpu3d.to_host_3d, gpu3d.from_host_3d):
            guest.run(build(7, BACKED), NO_RESOURCE)
            guest.run(build(6, BACKED, header=Header(ctx=9)), gpu.ERR_INVALID_CONTEXT_ID)
            guest.detach(6)
            guest.run(build(6, BACKED), UNSPEC)
            guest.attach(6, [(self.backing, 512)])

    @proves("H-211")
    def test_layers(self):
        """Each layer of an array, and all of them, with strides of their own."""
        _, guest = self.begin()
        size = 8 * 8 * 4
        pixels = picture.noise(8, 24, 3)
        place = guest.memory.put(pixels + bytes(4096), 4096)
        guest.create_3d(6, 8, 8, target=gpu3d.TEXTURE_2D_ARRAY, array_size=3)
        guest.attach(6, [(place, 3 * size + 4096)])
        guest.to_host(6, Box(0, 0, 0, 8, 8, 3), layer_stride=size)
        guest.to_host(6, Box(0, 0, 0, 8, 8, 3), layer_stride=size - 4, expect=PARAMETER)
        guest.to_host(6, Box(0, 0, 2, 8, 8, 2), layer_stride=size, expect=PARAMETER)
        guest.memory.write(place, bytes(3 * size))
        for layer in (2, 0, 1):
            guest.from_host(6, Box(0, 0, layer, 8, 8, 1))
            self.assertEqual(guest.memory.read(place, size),
                             pixels[layer * size:(layer + 1) * size], f"layer {layer}")
        guest.from_host(6, Box(0, 0, 0, 8, 8, 3), layer_stride=size + 64)
        got = guest.memory.read(place, 3 * size + 128)
        for layer in range(3):
            at = layer * (size + 64)
            self.assertEqual(got[at:at + size], pixels[layer * size:(layer + 1) * size])

    @proves("H-211")
    def test_levels(self):
        """A level has its own size."""
        _, guest = self.begin()
        pixels = picture.noise(4, 2, 3)
        place = guest.memory.put(pixels + bytes(4096), 4096)
        guest.create_3d(6, 16, 8, last_level=2)
        guest.attach(6, [(place, 4096)])
        guest.to_host(6, Box(0, 0, 0, 5, 2, 1), level=2, expect=PARAMETER)
        guest.to_host(6, Box(0, 0, 0, 4, 2, 1), level=2)
        guest.memory.write(place, bytes(32))
        guest.from_host(6, Box(0, 0, 0, 4, 2, 1), level=2)
        self.assertEqual(guest.memory.read(place, 32), pixels)

    @proves("SPEC-260")
    def test_buffers(self):
        """Buffers are counted in bytes."""
        _, guest = self.begin()
        data = picture.noise(256, 1, 3)
        place = guest.memory.put(data, 4096)
        guest.create_3d(6, 1024, 1, target=gpu3d.BUFFER, bind=gpu3d.BIND_VERTEX,
                        format_=gpu3d.R8)
        guest.attach(6, [(place, 1024)])
        guest.to_host(6, Box(0, 0, 0, 1024, 1, 1))
        guest.to_host(6, Box(1, 0, 0, 1024, 1, 1), expect=PARAMETER)
        guest.memory.write(place, bytes(1024))
        guest.from_host(6, Box(100, 0, 0, 333, 1, 1), 100)
        self.assertEqual(guest.memory.read(place, 1024),
                         bytes(100) + data[100:433] + bytes(1024 - 433))

    @proves("H-212", "FE4-54")
    def test_fresh_ones_are_zero(self):
        """Nothing of another resource's, or of the host's, is ever read out of a new one."""
        _, guest = self.begin()
        guest.texture(6, 256, 256, picture.noise(256, 256, 1))
        guest.unref(6)
        guest.create_3d(7, 256, 256)
        self.check_contents(guest, 7, 256, 256, bytes(256 * 256 * 4))

    @proves("L-9", "H-227", "FE4-8", "FE4-10")
    def test_memory_is_given_back(self):
        """After DETACH and UNREF the pages are the guest's: neither read nor written."""
        guest = self.filled()
        guest.ctx_create(1)
        guest.ctx_attach(1, 6)
        queue = guest.vm.control
        for last in (gpu.detach(6), gpu.unref(6)):
            pending = [queue.add(request) for request in (
                gpu3d.submit_3d(1, gpu3d.clear_resource(6, 0, 1, 0)),
                gpu3d.from_host_3d(6, BACKED), last)]
            queue.publish()
            queue.wait(*pending)
            self.assertEqual([p.answer.type for p in pending], [gpu.OK_NODATA] * 3)
            guest.memory.write(self.backing, b"\x33" * 512)
            if last == gpu.detach(6):
                guest.from_host(6, BACKED, expect=UNSPEC)
                guest.to_host(6, BACKED, expect=UNSPEC)
                self.check_contents(guest, 6, 16, 8, gpu3d.solid(16, 8, 0, 255, 0))
            guest.submit(1, gpu3d.nop())
            self.assertEqual(guest.memory.read(self.backing, 512), b"\x33" * 512)

    @proves("FE4-8", "FE4-10", "FE4-30")
    def test_nothing_leaks(self):
        """Refused attaches, UNREF of what is backed and attached, contexts: all comes back."""
        machine, guest = self.begin("--max-3d-memory=16MiB", "--max-backing-memory=1MiB",
                                    display=None)
        place = guest.memory.alloc(65536, 4096)
        entries = [(place + 128 * i, 64) for i in range(256)]
        sizes = []
        for turn in range(6):
            for _ in range(40):
                guest.batch([gpu3d.ctx_create(1), gpu3d.create_3d(6, 256, 256),
                             gpu.attach(6, entries), gpu.attach(6, entries),
                             gpu.attach(99, entries), gpu3d.ctx_attach(1, 6),
                             gpu3d.ctx_attach(1, 6),
                             gpu3d.submit_3d(1, gpu3d.clear_resource(6, 1, 1, 0)),
                             gpu.unref(6), gpu3d.ctx_destroy(1)], None)
            sizes.append(machine.daemon.resident_kib())
        guest.create_3d(6, 2048, 2048)
        if not machine.daemon.is_sanitized():
            self.assertLess(sizes[-1] - sizes[1], 4096, str(sizes))


class Screens(case3d.Test3D):
    @proves("SPEC-226", "SPEC-228")
    def test_upload_is_shown(self):
        """Uploaded, shown on both displays: not upside down, channels in their places."""
        machine, guest = self.begin()
        for flags in (0, gpu3d.Y_0_TOP):
            pixels = picture.noise(70, 50, 1 + flags)
            guest.show_3d(0, 6, 70, 50, pixels, flags=flags)
            machine.check_screen(0, 70, 50, picture.opaque(pixels))
            guest.unref(6)
            machine.check_off(0)

    @proves("SPEC-226")
    def test_formats(self):
        """Each format that can be shown has its channels where they belong."""
        machine, guest = self.begin()
        for format_ in (gpu.B8G8R8A8, gpu.B8G8R8X8, gpu.R8G8B8A8, gpu.R8G8B8X8):
            pixels = picture.noise(40, 30, format_)
            guest.show_3d(0, 6, 40, 30, pixels, format_=format_)
            machine.check_screen(0, 40, 30, picture.to_screen(pixels, format_))
            guest.unref(6)

    @proves("SPEC-260", "SPEC-228")
    def test_drawing_is_shown(self):
        """virgl clears a texture and copies into a corner of it: seen after the flush, exactly."""
        machine, guest = self.begin()
        guest.ctx_create(1)
        guest.show_3d(0, 6, 64, 48, bytes(64 * 48 * 4))
        corner = picture.noise(16, 8, 5)
        guest.texture(7, 16, 8, corner)
        for resource in (6, 7):
            guest.ctx_attach(1, resource)
        guest.submit(1, gpu3d.clear_resource(6, 1, 0, 0) +
                     gpu3d.copy_region(6, 3, 2, 7, Rect(0, 0, 16, 8)))
        machine.check_screen(0, 64, 48, picture.opaque(bytes(64 * 48 * 4)))
        guest.flush(6, Rect(0, 0, 64, 48))
        model = bytearray(gpu3d.solid(64, 48, 255, 0, 0))
        for row in range(8):
            at = ((2 + row) * 64 + 3) * 4
            model[at:at + 64] = corner[row * 64:row * 64 + 64]
        machine.check_screen(0, 64, 48, picture.opaque(model))
        guest.submit(1, gpu3d.inline_write(6, Rect(60, 40, 4, 8), corner[:128]))
        guest.flush(6, Rect(60, 40, 4, 8))
        for row in range(8):
            at = ((40 + row) * 64 + 60) * 4
            model[at:at + 16] = corner[row * 16:row * 16 + 16]
        machine.check_screen(0, 64, 48, picture.opaque(model))

    @proves("SPEC-226", "SPEC-228")
    def test_parts_and_heads(self):
        """Two heads show parts of one texture; a flush of a part updates that part."""
        machine, guest = self.begin(heads=2)
        old, new = picture.noise(64, 48, 1), picture.noise(64, 48, 2)
        backing = guest.texture(6, 64, 48, old)
        parts = (Rect(0, 0, 40, 30), Rect(24, 10, 40, 38))
        for scanout, part in enumerate(parts):
            guest.set_scanout(scanout, 6, part)
            machine.check_screen(scanout, part.width, part.height,
                                 picture.opaque(picture.crop(old, 64, part)))
        guest.memory.write(backing, new)
        guest.to_host(6, Box(0, 0, 0, 64, 48, 1))
        damage = Rect(30, 20, 10, 10)
        guest.flush(6, damage)
        for scanout, part in enumerate(parts):
            shot = machine.viewer.snapshot(scanout)
            here = damage._replace(x=damage.x - part.x, y=damage.y - part.y)
            self.assertEqual(picture.crop(shot.pixels, part.width, here),
                             picture.opaque(picture.crop(new, 64, damage)))
        guest.flush(6, Rect(0, 0, 64, 48))
        for scanout, part in enumerate(parts):
            machine.check_screen(scanout, part.width, part.height,
                                 picture.opaque(picture.crop(new, 64, part)))
        for wrong in (Rect(1, 0, 64, 48), Rect(HUGE, 0, 2, 1)):
            guest.flush(6, wrong, PARAMETER)
            guest.set_scanout(0, 6, wrong, PARAMETER)
        guest.set_scanout(1, 0, Rect(0, 0, 0, 0))
        machine.check_off(1)

    @proves("SPEC-228")
    def test_page_flips(self):
        """Two textures take turns, as a compositor's do; a 2D picture comes in between."""
        machine, guest = self.begin()
        whole = Rect(0, 0, 64, 48)
        guest.ctx_create(1)
        for resource in (6, 7):
            guest.texture(resource, 64, 48)
            guest.ctx_attach(1, resource)
        console = picture.noise(64, 48, 9)
        guest.image(5, 64, 48, console)
        for turn in range(8):
            resource, colour = 6 + turn % 2, ((turn & 1) * 1.0, (turn >> 1 & 1) * 1.0, 1.0)
            guest.submit(1, gpu3d.clear_resource(resource, *colour, handle=turn + 1))
            guest.set_scanout(0, resource, whole)
            guest.flush(resource, whole)
            machine.check_screen(0, 64, 48,
                                 gpu3d.solid(64, 48, *(int(255 * c) for c in colour)))
            if turn % 3 == 2:
                guest.set_scanout(0, 5, whole)
                guest.flush(5, whole)
                machine.check_screen(0, 64, 48, picture.opaque(console))

    @proves("SPEC-228", "H-210")
    def test_what_is_no_picture(self):
        """Buffers, volumes, cubes and depth on a scanout or as a cursor: no harm is done."""
        machine, guest = self.begin()
        pixels = picture.noise(64, 64, 1)
        guest.image(5, 64, 64, pixels)
        whole = Rect(0, 0, 64, 64)
        for kind in (dict(target=gpu3d.BUFFER, bind=gpu3d.BIND_VERTEX, height=1, width=4096),
                     dict(target=gpu3d.TEXTURE_1D, height=1),
                     dict(target=gpu3d.TEXTURE_3D, depth=4),
                     dict(target=gpu3d.TEXTURE_CUBE, array_size=6),
                     dict(target=gpu3d.TEXTURE_2D_ARRAY, array_size=3),
                     dict(bind=gpu3d.BIND_DEPTH, format_=16), dict(format_=31),
                     dict(samples=4, bind=gpu3d.BIND_RENDER)):
            guest.create_3d(**{"resource": 6, "width": 64, "height": 64, **kind})
            for request in (gpu.set_scanout(0, 6, Rect(0, 0, 64, kind.get("height", 64))),
                            gpu.flush(6, whole), gpu.flush(6, Rect(0, 0, 1, 1))):
                guest.run(request, None)
            guest.update_cursor(0, 1, 1, 6, expect=None)
            guest.unref(6)
            guest.set_scanout(0, 5, whole)
            guest.flush(5, whole)
            machine.check_screen(0, 64, 64, picture.opaque(pixels))

    @proves("H-168", "H-212", "H-107")
    def test_empty_and_missing_backing(self):
        """A backing of no entries is one; nothing fits into it. It may be exchanged for another."""
        _, guest = self.begin()
        guest.create_3d(6, 16, 8)
        guest.attach(6, [])
        guest.attach(6, [], UNSPEC)
        for build in (gpu3d.to_host_3d, gpu3d.from_host_3d):
            guest.run(build(6, BACKED), (PARAMETER, UNSPEC))
        guest.detach(6)
        guest.detach(6, UNSPEC)
        pixels = picture.noise(16, 8, 1)
        guest.attach(6, [(guest.memory.put(pixels), 512)])
        guest.to_host(6, BACKED)
        self.check_contents(guest, 6, 16, 8, pixels)


    @proves("SPEC-263", "FE4-3")
    def test_cursor(self):
        """A cursor out of a texture, either way up; a wrong size changes nothing."""
        machine, guest = self.begin()
        guest.show(0, 5, 100, 80, picture.noise(100, 80, 1))
        for flags in (0, gpu3d.Y_0_TOP):
            image = picture.noise(64, 64, 50 + flags)
            backing = guest.texture(6, 64, 64, image, flags=flags)
            guest.update_cursor(0, 10, 20, 6, 3, 4)
            self.check_cursor(machine, 10, 20, image)
            # The image is a copy.
            guest.memory.write(backing, bytes(64 * 64 * 4))
            guest.to_host(6, Box(0, 0, 0, 64, 64, 1))
            guest.move_cursor(0, 11, 21, 6)
            self.check_cursor(machine, 11, 21, image)
            guest.create_3d(7, 32, 32)
            for _ in range(20):
                guest.update_cursor(0, 11, 21, 7, expect=None)
            self.check_cursor(machine, 11, 21, image)
            for resource in (6, 7):
                guest.unref(resource)
        guest.update_cursor(0, 0, 0, 0)
        self.assertIsNone(machine.viewer.snapshot(0).cursor)

    def check_cursor(self, machine, x, y, image):
        """The image comes when the renderer has been asked for it: QEMU's display tells."""
        machine.display.wait_cursor(
            0, lambda c: c.visible and (c.x, c.y) == (x, y) and c.pixels == image and
            (c.hot_x, c.hot_y) == (3, 4), "not this cursor")
        shot = machine.viewer.snapshot(0)
        self.assertEqual((shot.cursor_x, shot.cursor_y, shot.hot_x, shot.hot_y), (x, y, 3, 4))
        self.assertTrue(shot.cursor == image, "snapshot: another cursor")


if __name__ == "__main__":
    case.main()
