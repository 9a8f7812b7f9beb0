#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fences with 3D: answered once, when the work is done, in the order of their timeline."""

import random
import struct

from rig import case, case3d, gpu, gpu3d, picture
from rig.case import proves
from rig.case3d import BLOBS, FEATURES_3D
from rig.gpu import FLAG_FENCE, FLAG_INFO_RING_IDX, Header, Rect, fenced
from rig.gpu3d import Box, on_ring
from rig.vm import FEATURES

OK, UNSPEC = gpu.OK_NODATA, gpu.ERR_UNSPEC
NO_CONTEXT, PARAMETER = gpu.ERR_INVALID_CONTEXT_ID, gpu.ERR_INVALID_PARAMETER
NO_RESOURCE = gpu.ERR_INVALID_RESOURCE_ID
BOTH = FLAG_FENCE | FLAG_INFO_RING_IDX
SIDE = 512


class Fences(case3d.Test3D):
    def drawing(self, *options, n_contexts=2, **kinds):
        """Contexts 1 to n, each with a large texture to draw into: 101 and so on."""
        machine, guest = self.begin(*options, **kinds)
        for ctx in range(1, n_contexts + 1):
            guest.ctx_create(ctx)
            guest.create_3d(100 + ctx, SIDE, SIDE)
            guest.ctx_attach(ctx, 100 + ctx)
            guest.submit(ctx, gpu3d.create_surface(1, 100 + ctx) + gpu3d.set_framebuffer(1))
        return machine, guest

    def slow(self, ctx, header=Header(), n_clears=16):
        """Commands that take the renderer a while."""
        commands = gpu3d.clear(0, 1, 0) * n_clears
        return gpu3d.submit_3d(ctx, commands, header=header)

    def run_all(self, queue, requests, room=64):
        """Send all with one kick; returns them as they came back, by index, and their answers."""
        pending = [queue.add(request, room) for request in requests]
        del queue.order[:]
        queue.publish()
        queue.wait(*pending)
        return [pending.index(p) for p in queue.order], [p.answer for p in pending]

    @proves("SPEC-213", "SPEC-212", "H-225")
    def test_echo(self):
        """With a ring: both flags, fence, context and ring come back, bit by bit."""
        _, guest = self.drawing(n_contexts=1)
        guest.ctx_create(0xFFFF_FFFF)
        for ctx in (1, 0xFFFF_FFFF):
            for ring in (0, 1, 63):
                for fence in (0, 1, 1 << 32, (1 << 64) - 1):
                    answer = guest.submit(ctx, gpu3d.nop(), header=on_ring(ctx, ring, fence))
                    self.assertEqual((answer.flags, answer.fence, answer.ctx, answer.ring_idx,
                                      answer.padding), (BOTH, fence, ctx, ring, bytes(3)))
        answer = guest.submit(1, gpu3d.nop(), header=fenced(5))
        self.assertEqual((answer.flags, answer.fence, answer.ctx, answer.ring_idx),
                         (FLAG_FENCE, 5, 1, 0))
        answer = guest.submit(1, gpu3d.nop())
        self.assertEqual(answer.raw[4:], bytes(20))

    @proves("H-218", "H-219", "H-220", "SPEC-214")
    def test_odd_rings(self):
        """Rings 64 to 255, unknown contexts: an error with its fence, and nothing is done."""
        machine, guest = self.drawing(n_contexts=1)
        for ring in (64, 65, 128, 255):
            answer = guest.run(gpu.create_2d(5, 1, 8, 8, on_ring(1, ring, 9)), PARAMETER)
            self.assertEqual((answer.flags & FLAG_FENCE, answer.fence, answer.ctx),
                             (FLAG_FENCE, 9, 1))
        for ctx in (0, 2, 0xFFFF_FFFF):
            for build in (lambda h: gpu.create_2d(5, 1, 8, 8, h), gpu.get_display_info,
                          lambda h: gpu3d.submit_3d(h.ctx, gpu3d.nop(), header=h),
                          lambda h: gpu3d.ctx_create(h.ctx, header=h)):
                answer = guest.run(build(on_ring(ctx, 3, 9)), NO_CONTEXT, room=408)
                self.assertEqual((answer.flags & FLAG_FENCE, answer.fence, answer.ctx),
                                 (FLAG_FENCE, 9, ctx))
        guest.unref(5, NO_RESOURCE)
        # Without FENCE the ring means nothing.
        for ring in (3, 200):
            header = Header(FLAG_INFO_RING_IDX, 9, 77, ring)
            answer = guest.run(gpu.get_edid(0, header), gpu.OK_EDID, gpu.EDID_SIZE)
            self.assertEqual(answer.raw[4:24], bytes(20))
        machine.check_alive()

    @proves("H-219", "SPEC-214")
    def test_rings_not_negotiated(self):
        """Without CONTEXT_INIT the flag means nothing, and is not echoed."""
        _, guest = self.drawing(n_contexts=1, features=FEATURES | 1 << gpu.F_VIRGL)
        for ctx, ring in ((1, 3), (1, 255)):
            answer = guest.submit(1, gpu3d.nop(), header=on_ring(ctx, ring, 7))
            self.assertEqual((answer.flags, answer.fence, answer.ctx, answer.ring_idx),
                             (FLAG_FENCE, 7, ctx, 0))
        answer = guest.run(gpu.get_edid(0, on_ring(99, 3, 7)), gpu.OK_EDID, gpu.EDID_SIZE)
        self.assertEqual((answer.flags, answer.fence, answer.ring_idx), (FLAG_FENCE, 7, 0))

    @proves("H-225", "SPEC-216")
    def test_every_command(self):
        """The flag is honoured on every command of 3D, on both kinds of timelines."""
        _, guest = self.drawing(n_contexts=1, features=FEATURES_3D | BLOBS)
        place = guest.memory.alloc(4096, 4096)
        box = Box(0, 0, 0, 8, 8, 1)
        capset = 24 + struct.unpack("<4I", guest.run(gpu3d.get_capset_info(0), gpu.OK_CAPSET_INFO,
                                                     40).body)[2]
        steps = [(lambda h: gpu3d.get_capset_info(0, h), gpu.OK_CAPSET_INFO),
                 (lambda h: gpu3d.get_capset(1, 1, h), gpu.OK_CAPSET),
                 (lambda h: gpu3d.create_3d(6, 8, 8, header=h), OK),
                 (lambda h: gpu.attach(6, [(place, 4096)], h), OK),
                 (lambda h: gpu3d.ctx_attach(1, 6, h), OK),
                 (lambda h: gpu3d.to_host_3d(6, box, header=h), OK),
                 (lambda h: gpu3d.submit_3d(1, gpu3d.nop(), header=h), OK),
                 (lambda h: gpu3d.submit_3d(1, b"", header=h), OK),
                 (lambda h: gpu3d.from_host_3d(6, box, header=h), OK),
                 (lambda h: gpu.set_scanout(0, 6, Rect(0, 0, 8, 8), h), OK),
                 (lambda h: gpu.flush(6, Rect(0, 0, 8, 8), h), OK),
                 (lambda h: gpu3d.ctx_detach(1, 6, h), OK), (lambda h: gpu.detach(6, h), OK),
                 (lambda h: gpu3d.map_blob(6, header=h), UNSPEC),
                 (lambda h: gpu.unref(6, h), OK),
                 (lambda h: gpu3d.to_host_3d(6, box, header=h), NO_RESOURCE),
                 (lambda h: gpu3d.ctx_create(1, header=h), NO_CONTEXT)]
        for header in (fenced(3, 1), on_ring(1, 5, 3)):
            for fence, (build, expect) in enumerate(steps):
                answer = guest.run(build(header._replace(fence=fence)), expect, room=capset)
                self.assertEqual((answer.flags, answer.fence, answer.ctx, answer.ring_idx),
                                 (header.flags, fence, 1, header.ring_idx))

    @proves("SPEC-215", "SPEC-210", "H-221", "L-12")
    def test_global_order(self):
        """2D commands and errors that are fenced wait for the drawing before them."""
        _, guest = self.drawing()
        queue = guest.vm.control
        for _ in range(10):
            requests = [self.slow(1, fenced(10)), gpu.create_2d(5, 1, 8, 8, fenced(9)),
                        gpu.unref(99, fenced(11)), self.slow(2, fenced(11)),
                        gpu.get_edid(0, fenced(0)), gpu.command(0x999, b"", fenced(3)),
                        gpu3d.submit_3d(9, gpu3d.nop(), header=fenced(4)),
                        gpu.unref(5, fenced(5)), self.slow(1, fenced(6))]
            order, answers = self.run_all(queue, requests, 1056)
            self.assertEqual(order, list(range(len(requests))))
            self.assertEqual([a.type for a in answers],
                             [OK, OK, NO_RESOURCE, OK, gpu.OK_EDID, UNSPEC, NO_CONTEXT, OK,
                              OK])
            self.assertEqual([a.fence for a in answers], [10, 9, 11, 11, 0, 3, 4, 5, 6])

    @proves("SPEC-210", "SPEC-211")
    def test_done_when_it_returns(self):
        """A fenced read-back behind drawing has the drawing; so has an unfenced one."""
        _, guest = self.drawing(n_contexts=1)
        size = SIDE * SIDE * 4
        place = guest.memory.alloc(size, 4096)
        guest.attach(101, [(place, size)])
        box = Box(0, 0, 0, SIDE, SIDE, 1)
        for turn, header in enumerate((fenced(1), Header(), on_ring(1, 1, 3), fenced(2))):
            colour = (turn & 1, turn >> 1 & 1, 1)
            commands = gpu3d.clear(0, 1, 0) * 10 + gpu3d.clear(*map(float, colour))
            order, _ = self.run_all(guest.vm.control, [
                gpu3d.submit_3d(1, commands), gpu3d.from_host_3d(101, box, header=header)])
            self.assertEqual(order, [0, 1])
            self.assertTrue(guest.memory.read(place, size) ==
                            gpu3d.solid(SIDE, SIDE, *(255 * c for c in colour)))

    @proves("SPEC-213", "SPEC-215", "H-216", "H-217", "H-221", "H-226")
    def test_rings_keep_their_order(self):
        """Random work on rings of two contexts and globally: each timeline in its order, each
        request once, whatever their ids are."""
        _, guest = self.drawing()
        queue, rng = guest.vm.control, random.Random(3)
        for _ in range(25):
            lines, requests = [], []
            for _ in range(24):
                line = rng.choice(((0, 0), (1, 0), (1, 1), (1, 63), (2, 0), (2, 1)))
                fence = rng.choice((0, 1, 5, 1 << 63, (1 << 64) - 1, rng.randrange(1 << 64)))
                header = on_ring(*line, fence) if line[0] else fenced(fence, rng.choice((0, 1)))
                ctx = line[0] or 1
                requests.append(rng.choice((
                    self.slow(ctx, header, rng.randrange(1, 8)), gpu.unref(99, header),
                    gpu.get_display_info(header), gpu3d.submit_3d(ctx, b"", header=header),
                    gpu3d.ctx_attach(ctx, 99, header=header))))
                lines.append(line)
            order, answers = self.run_all(queue, requests, 408)
            self.assertEqual(sorted(order), list(range(len(requests))))
            for line in set(lines):
                mine = [i for i in order if lines[i] == line]
                self.assertEqual(mine, sorted(mine), f"timeline {line}")
            for request, answer in zip(requests, answers):
                self.assertEqual(struct.unpack_from("<Q", request, 8)[0], answer.fence)

    @proves("H-226", "H-144")
    def test_all_rings(self):
        """All 64 rings of a dozen contexts, twice: made when they are needed, and given back."""
        machine, guest = self.begin()
        for _ in range(2):
            for ctx in range(1, 13):
                guest.ctx_create(ctx)
            requests = [gpu3d.submit_3d(ctx, gpu3d.nop(), header=on_ring(ctx, ring, ring))
                        for ctx in range(1, 13) for ring in range(64)]
            answers = guest.batch(requests)
            self.assertEqual([(a.ctx, a.ring_idx) for a in answers],
                             [(c, r) for c in range(1, 13) for r in range(64)])
            for ctx in range(1, 13):
                guest.ctx_destroy(ctx)
        machine.check_alive()

    @proves("H-205", "H-206", "H-224")
    def test_context_destroyed_with_fences(self):
        """Its fences are answered; the next one of that id has nothing to do with them."""
        _, guest = self.drawing(n_contexts=2)
        queue = guest.vm.control
        for turn in range(10):
            requests = [self.slow(1, on_ring(1, ring, 100 + ring)) for ring in (0, 1, 2, 1)]
            requests += [self.slow(1, fenced(5)), gpu3d.ctx_destroy(1),
                         gpu3d.submit_3d(1, gpu3d.nop(), header=on_ring(1, 1, 50)),
                         gpu3d.ctx_create(1),
                         gpu3d.submit_3d(1, gpu3d.nop(), header=on_ring(1, 1, 1)),
                         gpu3d.submit_3d(1, gpu3d.nop(), header=fenced(6)),
                         gpu3d.ctx_attach(1, 101),
                         gpu3d.submit_3d(1, gpu3d.create_surface(1, 101) +
                                         gpu3d.set_framebuffer(1))]
            order, answers = self.run_all(queue, requests)
            self.assertEqual(sorted(order), list(range(len(requests))))
            for answer in answers[:5]:
                self.assertIn(answer.type, (OK, UNSPEC))
            self.assertEqual([a.type for a in answers[5:]], [OK, NO_CONTEXT] + [OK] * 5)
            self.assertEqual([a.fence for a in answers], [100, 101, 102, 101, 5, 0, 50, 0, 1, 6,
                                                          0, 0])
            self.assertLess(order.index(1), order.index(3))
            self.assertLess(order.index(4), order.index(9))

    @proves("H-205")
    def test_destroy_that_is_fenced_on_its_own_ring(self):
        """The command that takes the timeline away is itself answered on it."""
        _, guest = self.drawing(n_contexts=1)
        order, answers = self.run_all(guest.vm.control, [
            self.slow(1, on_ring(1, 4, 1)), gpu3d.ctx_destroy(1, header=on_ring(1, 4, 2)),
            gpu.get_display_info(on_ring(1, 4, 3))], 408)
        self.assertEqual(sorted(order), [0, 1, 2])
        self.assertLess(order.index(0), order.index(1))
        self.assertEqual([a.type for a in answers], [OK, OK, NO_CONTEXT])
        self.assertEqual([a.fence for a in answers], [1, 2, 3])

    @proves("H-222")
    def test_no_room_for_the_answer(self):
        """A fenced submit without writable bytes is held like any other, on its ring too."""
        _, guest = self.drawing(n_contexts=1)
        queue = guest.vm.control
        for header in (fenced(1), on_ring(1, 2, 1)):
            pending = [queue.add(self.slow(1, header)), queue.add(self.slow(1, header), room=0),
                       queue.add(gpu.unref(99, header))]
            del queue.order[:]
            queue.publish()
            queue.wait(*pending)
            self.assertEqual(queue.order, pending)
            self.assertEqual([p.answer.size for p in pending], [24, 0, 24])

    @proves("H-145")
    def test_a_full_ring(self):
        """64 fences at once, on one ring; the ring bounds them."""
        _, guest = self.drawing(n_contexts=1)
        for header in (fenced(0), on_ring(1, 9, 0)):
            requests = [self.slow(1, header._replace(fence=64 - i), 3) for i in range(64)]
            order, answers = self.run_all(guest.vm.control, requests)
            self.assertEqual(order, list(range(64)))
            self.assertEqual([a.fence for a in answers], list(range(64, 0, -1)))

    @proves("SPEC-217")
    def test_cursor_goes_on(self):
        """The cursor queue answers while the control queue is full of drawing."""
        _, guest = self.drawing(n_contexts=1)
        queue = guest.vm.control
        pending = [queue.add(self.slow(1, fenced(i))) for i in range(30)]
        queue.publish()
        for i in range(30):
            answer = guest.run_cursor(gpu.move_cursor(0, i, i, header=fenced(i)))
            self.assertEqual((answer.flags, answer.fence), (FLAG_FENCE, i))
        queue.wait(*pending)

    @proves("H-058", "A-8")
    def test_stop_with_fences_in_flight(self):
        """GET_VRING_BASE is answered; what it left is answered after the machine goes on."""
        machine, guest = self.drawing()
        queue = machine.vm.control
        for _ in range(5):
            requests = [self.slow(1 + i % 2, on_ring(1 + i % 2, i % 3, i) if i % 4 else fenced(i))
                        for i in range(24)]
            pending = [queue.add(request) for request in requests]
            queue.publish()
            bases = machine.vm.stop()
            queue.collect()
            self.assertEqual(bases[0], queue.ring.base())
            machine.vm.start(bases)
            queue.publish(kick=True)
            queue.wait(*pending)
            self.assertEqual([p.answer.type for p in pending], [OK] * 24)
        guest.ctx_destroy(1)
        machine.check_alive()

    @proves("H-223", "H-050", "SPEC-017")
    def test_reset_with_fences_in_flight(self):
        """None of them is written into the next driver's memory; ids are free again."""
        machine, guest = self.drawing()
        queue = machine.vm.control
        for turn in range(5):
            for i in range(24):
                queue.add(self.slow(1 + i % 2, on_ring(1 + i % 2, 1, i) if i % 3 else fenced(i)))
            queue.publish()
            machine.vm.reset()
            poison = picture.noise(queue.arena_size // 4, 1, turn)
            guest.memory.write(queue.arena, poison)
            machine.vm.start()
            for _ in range(10):
                guest.move_cursor(0, 1, 1)
            self.assertFalse(queue.ring.has_used())
            self.assertTrue(guest.memory.read(queue.arena, len(poison)) == poison,
                            "the old driver's memory was written")
            for ctx in (1, 2):
                guest.submit(ctx, gpu3d.nop(), NO_CONTEXT)
                guest.unref(100 + ctx, NO_RESOURCE)
                guest.ctx_create(ctx)
                guest.create_3d(100 + ctx, SIDE, SIDE)
                guest.ctx_attach(ctx, 100 + ctx)
                guest.submit(ctx, gpu3d.create_surface(1, 100 + ctx) + gpu3d.set_framebuffer(1))
        machine.check_alive()


if __name__ == "__main__":
    case.main()
