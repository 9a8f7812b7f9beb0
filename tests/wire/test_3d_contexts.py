#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""3D: what is offered, capsets, contexts, command buffers, and their limits."""

import struct

from rig import case, case3d, gpu, gpu3d, picture
from rig.case import proves
from rig.case3d import BLOBS, CONTEXTS, FEATURES_3D
from rig.gpu import Header, Rect
from rig.vm import FEATURES

VIRGL_ONLY = FEATURES | 1 << gpu.F_VIRGL
OK, UNSPEC, MEMORY = gpu.OK_NODATA, gpu.ERR_UNSPEC, gpu.ERR_OUT_OF_MEMORY
NO_CONTEXT, PARAMETER = gpu.ERR_INVALID_CONTEXT_ID, gpu.ERR_INVALID_PARAMETER
NO_RESOURCE = gpu.ERR_INVALID_RESOURCE_ID


def every_3d_command():
    """One of each, with a room in which any answer fits."""
    box = gpu3d.Box(0, 0, 0, 1, 1, 1)
    return [gpu3d.get_capset_info(0), gpu3d.get_capset(1, 1), gpu3d.ctx_create(1),
            gpu3d.ctx_destroy(1), gpu3d.ctx_attach(1, 1), gpu3d.ctx_detach(1, 1),
            gpu3d.create_3d(2, 8, 8), gpu3d.to_host_3d(1, box), gpu3d.from_host_3d(1, box),
            gpu3d.submit_3d(1, gpu3d.nop()), gpu3d.map_blob(1), gpu3d.unmap_blob(1)]


class NotOffered(case.WireTest):
    @proves("SPEC-262", "H-213", "H-179")
    def test_without_renderer(self):
        """No feature, no capset, and every command is UNSPEC; 2D goes on."""
        machine = self.machine(features=FEATURES_3D | BLOBS)
        self.assertEqual(machine.vm.offered & CONTEXTS, 0)
        self.assertEqual(struct.unpack("<4I", machine.vm.conn.get_config(0, 16))[3], 0)
        machine.guest.image(1, 8, 8, picture.noise(8, 8, 1))
        for request in every_3d_command():
            machine.guest.run(request, UNSPEC, room=64)
        machine.guest.run(gpu.create_blob(3, 4096, [], mem=2), PARAMETER)
        machine.guest.create(2, 8, 8)
        machine.check_alive()


class Offered(case3d.Test3D):
    @proves("SPEC-262", "SPEC-261")
    def test_with_renderer(self):
        """VIRGL and CONTEXT_INIT, and as many capsets as the configuration says."""
        machine, guest = self.begin()
        self.assertEqual(machine.vm.offered & CONTEXTS, CONTEXTS)
        n_capsets = struct.unpack("<4I", machine.vm.conn.get_config(0, 16))[3]
        self.assertGreaterEqual(n_capsets, 2)
        for i in range(n_capsets):
            guest.run(gpu3d.get_capset_info(i), gpu.OK_CAPSET_INFO, gpu3d.CAPSET_INFO_SIZE)
        guest.run(gpu3d.get_capset_info(n_capsets), PARAMETER, gpu3d.CAPSET_INFO_SIZE)

    @proves("SPEC-262", "H-213")
    def test_not_negotiated(self):
        """A guest that does not take VIRGL has a 2D device."""
        machine, guest = self.begin(features=FEATURES | 1 << gpu.F_CONTEXT_INIT)
        guest.image(1, 8, 8, picture.noise(8, 8, 1))
        for request in every_3d_command():
            guest.run(request, UNSPEC, room=64)
        answer = guest.display_info(gpu3d.on_ring(9, 70, 3))
        self.assertEqual((answer.flags, answer.fence, answer.ring_idx), (gpu.FLAG_FENCE, 3, 0))
        machine.check_alive()

    @proves("SPEC-262")
    def test_short_and_long_requests(self):
        """A command that is cut off is INVALID_PARAMETER; what follows one means nothing."""
        machine, guest = self.begin()
        for request in every_3d_command()[:10]:
            size = gpu.SIZES[struct.unpack_from("<I", request)[0]]
            if size > 24:
                guest.run(request[:size - 1], PARAMETER, room=64)
        guest.run(gpu3d.ctx_create(1) + bytes(100))
        guest.run(gpu3d.submit_3d(1, gpu3d.nop()) + b"\xFF" * 64)
        guest.run(gpu3d.create_3d(1, 8, 8) + bytes(100))
        guest.run(gpu3d.ctx_destroy(1) + bytes(100))
        machine.check_alive()


class Capsets(case3d.Test3D):
    def infos(self, guest):
        infos = []
        for i in range(8):
            answer = guest.run(gpu3d.get_capset_info(i, padding=0xFFFF_FFFF), None,
                               gpu3d.CAPSET_INFO_SIZE)
            if answer.type != gpu.OK_CAPSET_INFO:
                return infos
            infos.append(struct.unpack("<4I", answer.body))
        return infos

    @proves("SPEC-241", "SPEC-242", "FE4-2", "FE4-4", "FE4-31")
    def test_capsets(self):
        """Ids are unique and known, sizes constant, bytes the same each time, padding zero."""
        _, guest = self.begin()
        infos = self.infos(guest)
        self.assertEqual([info[0] for info in infos[:2]], [gpu3d.VIRGL, gpu3d.VIRGL2])
        self.assertEqual(len({info[0] for info in infos}), len(infos))
        self.assertEqual(self.infos(guest), infos)
        for id_, version, size, padding in infos:
            self.assertEqual(padding, 0)
            self.assertTrue(1 <= id_ <= 63 and version >= 1 and 0 < size <= 4096)
            answer = guest.run(gpu3d.get_capset(id_, version), gpu.OK_CAPSET, 24 + size)
            self.assertEqual(answer.size, 24 + size)
            self.assertEqual(struct.unpack_from("<I", answer.body)[0], version)
            self.assertTrue(any(answer.body[4:]), "a capset that says nothing")
            for older in range(version):
                again = guest.run(gpu3d.get_capset(id_, older), gpu.OK_CAPSET, 24 + size)
                self.assertEqual(again.body, answer.body)

    @proves("SPEC-240", "SPEC-242", "FE4-2", "FE4-6", "FE4-31", "FE4-32")
    def test_unknown(self):
        """Errors are 24 bytes, nothing behind them is written; room that is short is filled."""
        machine, guest = self.begin()
        infos = self.infos(guest)
        known = {info[0]: info for info in infos}
        for index in (len(infos), 7, 0xFFFF_FFFF):
            answer = guest.run(gpu3d.get_capset_info(index), PARAMETER, gpu3d.CAPSET_INFO_SIZE)
            self.assertEqual(answer.raw[4:], bytes(20))
        for id_ in [*range(70), 0x101, 0xFFFF_FFFF]:
            if id_ not in known:
                guest.run(gpu3d.get_capset(id_, 0), PARAMETER, 4096)
        for id_, version, size, _ in infos:
            for newer in (version + 1, 0xFFFF_FFFF):
                guest.run(gpu3d.get_capset(id_, newer), PARAMETER, 24 + size)
            whole = guest.run(gpu3d.get_capset(id_, version), gpu.OK_CAPSET, 8192)
            self.assertEqual(whole.size, 24 + size)
            for room in (24, 25, 24 + size - 1):
                part = guest.run(gpu3d.get_capset(id_, version), gpu.OK_CAPSET, room)
                self.assertEqual(part.raw, whole.raw[:room])
        machine.check_alive()


class Contexts(case3d.Test3D):
    @proves("SPEC-260", "H-200", "H-204", "H-206")
    def test_life(self):
        """Ids anywhere but 0; each once; gone is gone, and may be made again."""
        _, guest = self.begin()
        guest.ctx_create(0, expect=NO_CONTEXT)
        for ctx in (1, 0x8000_0000, 0xFFFF_FFFF):
            guest.submit(ctx, gpu3d.nop(), NO_CONTEXT)
            guest.ctx_create(ctx)
            guest.ctx_create(ctx, expect=NO_CONTEXT)
            guest.submit(ctx, gpu3d.nop())
        guest.create(5, 8, 8)
        guest.create_3d(6, 8, 8)
        for ctx in (0, 7):
            guest.ctx_destroy(ctx, NO_CONTEXT)
        for ctx in (1, 0x8000_0000, 0xFFFF_FFFF):
            guest.ctx_destroy(ctx)
            guest.ctx_destroy(ctx, NO_CONTEXT)
            guest.submit(ctx, gpu3d.nop(), NO_CONTEXT)
            for resource in (5, 6):
                guest.ctx_attach(ctx, resource, NO_CONTEXT)
                guest.ctx_detach(ctx, resource, NO_CONTEXT)
        guest.ctx_create(1)
        guest.submit(1, gpu3d.nop())

    @proves("SPEC-261", "H-203")
    def test_context_init(self):
        """Each capset that is offered, or 0; no other one, and no other bit."""
        _, guest = self.begin()
        for offered in (0, gpu3d.VIRGL, gpu3d.VIRGL2):
            guest.ctx_create(1, offered)
            guest.submit(1, gpu3d.nop())
            guest.ctx_destroy(1)
        for other in (3, 4, 5, 6, 7, 63, 64, 255, 0x100, 0x101, 0x8000_0002, 0xFFFF_FFFF):
            guest.ctx_create(1, other, PARAMETER)
            guest.submit(1, gpu3d.nop(), NO_CONTEXT)
        guest.ctx_create(1)

    @proves("H-202")
    def test_context_init_not_negotiated(self):
        _, guest = self.begin(features=VIRGL_ONLY)
        for value in (1, 2, 0x8000_0000):
            guest.ctx_create(1, value, PARAMETER)
        guest.ctx_create(1)
        guest.submit(1, gpu3d.nop())

    @proves("H-201", "H-150")
    def test_names(self):
        """Any size, no end, any bytes: no harm is done, and none of them reaches a terminal."""
        machine, guest = self.begin()
        names = (b"", b"x" * 64, b"%s%n%s%n" * 8, b"\x1b[2J\x1b]0;owned\x07\n\r", b"\xff\xfe\0z")
        ctx = 0
        for name in names:
            for size in (None, 0, 1, 64, 65, 0xFFFF_FFFF):
                ctx += 1
                guest.ctx_create(ctx, name=name, name_size=size)
                # Commands that cannot be have the context spoken of, by name or number.
                guest.submit(ctx, b"\xFF\xFF\xFF\xFF", UNSPEC)
                guest.submit(ctx, gpu3d.words(0xFE, 0), UNSPEC)
        text = machine.daemon.stderr_text()
        self.assertFalse([c for c in text if c != "\n" and not c.isprintable()], text)

    @proves("H-144")
    def test_limit(self):
        """--max-contexts to the one; what is destroyed counts no more."""
        _, guest = self.begin("--max-contexts=5")
        for _ in range(3):
            for ctx in range(1, 6):
                guest.ctx_create(ctx)
            guest.ctx_create(6, expect=MEMORY)
            guest.ctx_create(5, expect=NO_CONTEXT)
            guest.ctx_destroy(3)
            guest.ctx_create(6)
            guest.ctx_create(3, expect=MEMORY)
            guest.ctx_destroy(6)
            for ctx in (1, 2, 4, 5):
                guest.ctx_destroy(ctx)

    def test_all_contexts(self):
        """As many as there may be by default do not end the renderer, and one more is refused."""
        machine, guest = self.begin()
        if machine.daemon.is_sanitized():
            self.skipTest("sanitizers take three times the memory, and know no limit")
        for ctx in range(1, 257):
            guest.ctx_create(ctx)
            guest.submit(ctx, gpu3d.nop())
        guest.ctx_create(257, expect=MEMORY)
        guest.submit(256, gpu3d.nop())

    @proves("H-207", "H-208")
    def test_attach(self):
        """Twice, unattached, unknown; for 3D, 2D and blob resources alike."""
        machine, guest = self.begin(features=FEATURES_3D | BLOBS)
        guest.ctx_create(1)
        guest.create(5, 8, 8)
        guest.create_3d(6, 8, 8)
        guest.run(gpu.create_blob(7, 4096, []))
        for resource in (5, 6, 7):
            guest.ctx_detach(1, resource)
            for _ in range(3):
                guest.ctx_attach(1, resource)
            for _ in range(3):
                guest.ctx_detach(1, resource)
            guest.ctx_attach(1, resource)
            guest.unref(resource)
            guest.ctx_attach(1, resource, NO_RESOURCE)
            guest.ctx_detach(1, resource, NO_RESOURCE)
        for resource in (0, 99, 0xFFFF_FFFF):
            guest.ctx_attach(1, resource, NO_RESOURCE)
            guest.ctx_detach(1, resource, NO_RESOURCE)
            guest.ctx_attach(2, resource, NO_CONTEXT)
        machine.check_alive()

    @proves("H-163", "H-164", "H-170", "SPEC-246", "SPEC-247")
    def test_host_blobs(self):
        """No context has an object to make one from: refused, after all else; ids stay free."""
        machine, guest = self.begin(features=FEATURES_3D | BLOBS)
        guest.ctx_create(1)
        place = guest.memory.alloc(4096, 4096)
        for mem, entries in ((2, []), (3, [(place, 4096)]), (3, [])):
            for blob_id in (0, 1, 1 << 63):
                for ctx, expect in ((0, NO_CONTEXT), (1, UNSPEC), (9, NO_CONTEXT)):
                    good = dict(resource=5, size=4096, entries=entries, mem=mem, blob_id=blob_id,
                                header=Header(ctx=ctx))
                    guest.run(gpu.create_blob(**good), expect)
                    for wrong in (dict(flags=8), dict(size=0), dict(size=1 << 63)):
                        guest.run(gpu.create_blob(**{**good, **wrong}), PARAMETER)
        guest.run(gpu.create_blob(5, 4096, [(place, 4096)], mem=2, header=Header(ctx=1)),
                  PARAMETER)
        guest.run(gpu.create_blob(5, 4096, [(place, 4096)], flags=3))
        for request in (gpu3d.map_blob(5), gpu3d.map_blob(9), gpu3d.unmap_blob(5)):
            guest.run(request, UNSPEC, room=32)
        machine.check_alive()

    @proves("SPEC-249")
    def test_transfers_of_guest_blobs(self):
        """A blob is guest memory: a transfer changes nothing, and is no error."""
        _, guest = self.begin(features=FEATURES_3D | BLOBS)
        guest.ctx_create(1)
        pixels = picture.noise(8, 8, 1)
        place = guest.memory.put(pixels, 4096)
        guest.run(gpu.create_blob(5, 256, [(place, 256)]))
        guest.ctx_attach(1, 5)
        box = gpu3d.Box(0, 0, 0, 8, 8, 1)
        for header in (Header(), Header(ctx=1)):
            guest.to_host(5, box, header=header)
            guest.from_host(5, box, header=header)
        self.assertEqual(guest.memory.read(place, 256), pixels)


class Submit(case3d.Test3D):
    @proves("H-214", "H-147", "FE4-18", "FE4-33")
    def test_sizes(self):
        """More than there is, no whole words, nothing: judged before anything is allocated."""
        machine, guest = self.begin()
        guest.ctx_create(1)
        commands = gpu3d.nop() * 4
        before = machine.daemon.resident_kib()
        for size in (17, 20, 0x1_0000, 0x7FFF_FFFC, 0xFFFF_FFFC, 0xFFFF_FFFF):
            guest.submit(1, commands, PARAMETER, size=size)
        for size in (1, 2, 3, 13):
            guest.submit(1, commands, PARAMETER, size=size)
        self.assertLess(machine.daemon.resident_kib() - before, 64 * 1024)
        guest.submit(1, b"")
        guest.submit(1, commands, size=0)
        guest.submit(1, commands, size=8)
        guest.submit(9, b"", NO_CONTEXT)
        machine.check_alive()

    @proves("H-214", "H-209")
    def test_garbage(self):
        """What is no command of virgl's is UNSPEC; the device and new contexts go on."""
        machine, guest = self.begin()
        guest.create_3d(6, 8, 8)
        bad = [b"\xFF\xFF\xFF\xFF", struct.pack("<I", 1 << 16), struct.pack("<I", 0xFF),
               gpu3d.words(gpu3d.SET_FRAMEBUFFER, 0, 0xFFFF_FFFF, 0, 1),
               gpu3d.words(gpu3d.CREATE_OBJECT, 0xFF, 1), gpu3d.create_surface(1, 6),
               gpu3d.create_surface(1, 99), gpu3d.clear(1, 0, 0)[:-4]]
        for i, commands in enumerate(bad):
            guest.ctx_create(1)
            answer = guest.submit(1, commands, None)
            self.assertEqual(answer.type, UNSPEC, f"{i}: {commands.hex()}")
            guest.ctx_destroy(1)
            guest.ctx_create(1)
            guest.submit(1, gpu3d.nop())
            guest.ctx_destroy(1)
        machine.check_alive()

    @proves("H-214", "FE4-48")
    def test_noise(self):
        """Random words with a plausible first one: whatever is answered, the device goes on."""
        machine, guest = self.begin()
        guest.create_3d(6, 8, 8)
        for seed in range(120):
            guest.ctx_create(1)
            guest.ctx_attach(1, 6)
            data = picture.noise(8, 1, seed)
            guest.submit(1, gpu3d.words(seed % 60, seed % 12, *struct.unpack("<8I", data)),
                         (OK, UNSPEC))
            guest.ctx_destroy(1)
        guest.ctx_create(1)
        guest.submit(1, gpu3d.nop())
        machine.check_alive()

    @proves("H-209")
    def test_resource_of_another_context(self):
        """A context has no way to what is not attached to it."""
        _, guest = self.begin()
        pixels = picture.noise(8, 8, 3)
        guest.texture(6, 8, 8, pixels)
        guest.texture(7, 8, 8, bytes(256))
        for ctx in (1, 2):
            guest.ctx_create(ctx)
        guest.ctx_attach(1, 6)
        guest.ctx_attach(2, 7)
        # virglrenderer reports success for copies that it does not do.
        guest.submit(2, gpu3d.copy_region(6, 0, 0, 7, Rect(0, 0, 8, 8)), (OK, UNSPEC))
        guest.submit(2, gpu3d.copy_region(7, 0, 0, 6, Rect(0, 0, 8, 8)), (OK, UNSPEC))
        self.check_contents(guest, 7, 8, 8, bytes(256))
        guest.ctx_destroy(2)
        guest.ctx_create(2)
        guest.submit(2, gpu3d.clear_resource(6, 1, 0, 0), UNSPEC)
        self.check_contents(guest, 6, 8, 8, pixels)
        guest.submit(1, gpu3d.clear_resource(6, 1, 0, 0))
        self.check_contents(guest, 6, 8, 8, gpu3d.solid(8, 8, 255, 0, 0))

    @proves("H-148")
    def test_limit(self):
        """--max-submit-size to the word."""
        _, guest = self.begin("--max-submit-size=64KiB")
        guest.ctx_create(1)
        guest.submit(1, gpu3d.nop() * (65536 // 4))
        guest.submit(1, gpu3d.nop() * (65536 // 4 + 1), MEMORY)
        guest.submit(1, gpu3d.nop())

    @proves("SPEC-260")
    def test_scattered_buffer(self):
        """A command buffer in descriptors of any size, cut within words."""
        _, guest = self.begin()
        guest.texture(6, 8, 8)
        guest.ctx_create(1)
        guest.ctx_attach(1, 6)
        request = gpu3d.submit_3d(1, gpu3d.clear_resource(6, 0, 0, 1))
        cut = [24, 8] + [3] * ((len(request) - 32) // 3)
        cut.append(len(request) - sum(cut))
        guest.run(request, cut=[n for n in cut if n])
        self.check_contents(guest, 6, 8, 8, gpu3d.solid(8, 8, 0, 0, 255))


if __name__ == "__main__":
    case.main()
