#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fences, as far as 2D has them: echoed exactly, in order, and never completed early."""

import random

from rig import case, gpu, picture
from rig.case import proves
from rig.gpu import Header, Rect, fenced
from rig.qemu_display import GET_DISPLAY_INFO, QemuDisplay

IDS = (0, 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


class Fences(case.WireTest):
    @proves("SPEC-212", "D-42")
    def test_echo(self):
        """fence_id bit by bit, and ctx_id; without FENCE all is zero."""
        machine = self.machine()
        for fence in IDS:
            for ctx in (0, 5, 0xFFFF_FFFF):
                answer = machine.guest.display_info(fenced(fence, ctx))
                self.assertEqual((answer.flags, answer.fence, answer.ctx, answer.ring_idx),
                                 (gpu.FLAG_FENCE, fence, ctx, 0))
                answer = machine.guest.display_info(Header(0, fence, ctx, 3))
                self.assertEqual((answer.flags, answer.fence, answer.ctx, answer.ring_idx),
                                 (0, 0, 0, 0))

    @proves("H-225", "SPEC-212", "SPEC-216")
    def test_every_command(self):
        """The flag is honoured on every command, also on those that fail."""
        machine = self.machine()
        backing = machine.guest.memory.alloc(4096)
        r = Rect(0, 0, 8, 8)
        commands = [
            (gpu.get_display_info, (), gpu.OK_DISPLAY_INFO), (gpu.get_edid, (0,), gpu.OK_EDID),
            (gpu.create_2d, (1, 1, 8, 8), gpu.OK_NODATA),
            (gpu.attach, (1, [(backing, 4096)]), gpu.OK_NODATA),
            (gpu.assign_uuid, (1,), gpu.OK_RESOURCE_UUID), (gpu.transfer, (1, r, 0), gpu.OK_NODATA),
            (gpu.set_scanout, (0, 1, r), gpu.OK_NODATA), (gpu.flush, (1, r), gpu.OK_NODATA),
            (gpu.detach, (1,), gpu.OK_NODATA), (gpu.unref, (1,), gpu.OK_NODATA),
            (gpu.unref, (1,), gpu.ERR_INVALID_RESOURCE_ID)]
        for i, (build, args, expect) in enumerate(commands):
            answer = machine.guest.run(build(*args, header=fenced(i, 3)), expect, room=1056)
            self.assertEqual((answer.flags, answer.fence, answer.ctx), (gpu.FLAG_FENCE, i, 3))
        for type_ in gpu.CURSOR_COMMANDS:
            request = gpu.cursor(type_, 0, 1, 1, header=fenced(99, 4))
            answer = machine.guest.run_cursor(request)
            self.assertEqual((answer.flags, answer.fence, answer.ctx), (gpu.FLAG_FENCE, 99, 4))

    @proves("SPEC-215", "H-216", "H-217", "H-221")
    def test_order(self):
        """Ids may repeat, fall, or be 0; answers come in the order of submission, errors too."""
        machine = self.machine()
        queue, rng = machine.vm.control, random.Random(2)
        ids = [0, 5, 5, 3, (1 << 64) - 1, 1, 1 << 63, 0] + [rng.randrange(1 << 64)
                                                            for _ in range(50)]
        for _ in range(20):
            pending = []
            for fence in ids:
                request = rng.choice((gpu.get_display_info(fenced(fence)),
                                      gpu.unref(7, fenced(fence)), gpu.command(0, b"",
                                                                               fenced(fence))))
                pending.append(queue.add(request, 408))
            del queue.order[:]
            queue.publish()
            queue.wait(*pending)
            self.assertEqual(queue.order, pending)
            self.assertEqual([p.answer.fence for p in pending], ids)

    @proves("SPEC-211", "L-9")
    def test_finished_before_it_returns(self):
        """After a fenced transfer the guest may scribble over the source."""
        machine = self.machine()
        guest = machine.guest
        backing = guest.show(0, 1, 300, 300, bytes(360000))
        for i in range(5):
            pixels = picture.noise(300, 300, i)
            guest.memory.write(backing, pixels)
            guest.run(gpu.transfer(1, Rect(0, 0, 300, 300), 0, fenced(i)))
            guest.memory.write(backing, b"\xEE" * 360000)
            machine.check_screen(0, 300, 300, picture.opaque(pixels))


class Held(case.WireTest):
    """A fenced command that takes its time: GET_DISPLAY_INFO while QEMU's display is silent."""

    def held(self):
        display = QemuDisplay()
        machine = self.machine(display=display)
        machine.guest.display_info()
        display.hold_replies()
        asked = sum(r == GET_DISPLAY_INFO for r, _ in display.requests)
        return machine, display, asked

    @proves("H-221", "H-222", "SPEC-215", "SPEC-210", "C10")
    def test_younger_fences_wait(self):
        """Fenced answers behind it, and errors, and those without room, wait; others do not."""
        machine, display, asked = self.held()
        queue = machine.vm.control
        first = queue.add(gpu.get_display_info(fenced(10)), 408)
        younger = [queue.add(gpu.create_2d(1, 1, 8, 8, fenced(9))),
                   queue.add(gpu.unref(99, fenced(11))),
                   queue.add(gpu.create_2d(2, 1, 8, 8, fenced(12)), room=0)]
        unfenced = [queue.add(gpu.create_2d(3, 1, 8, 8)), queue.add(gpu.unref(98)),
                    queue.add(gpu.create_2d(1, 1, 8, 8))]
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO, asked + 1)
        # It takes part in the order, but its work is done: id 1 exists.
        queue.wait(*unfenced)
        early = [p for p in [first] + younger if p.answer is not None]
        display.release_replies()
        del queue.order[:]
        queue.wait(first, *younger)
        self.assertEqual(early, [], "a fenced command came back before an older one")
        self.assertEqual(queue.order, [first] + younger)
        self.assertEqual([p.answer.type for p in unfenced],
                         [gpu.OK_NODATA, gpu.ERR_INVALID_RESOURCE_ID,
                          gpu.ERR_INVALID_RESOURCE_ID])
        self.assertEqual(first.answer.type, gpu.OK_DISPLAY_INFO)
        self.assertEqual(younger[1].answer.type, gpu.ERR_INVALID_RESOURCE_ID)

    @proves("SPEC-217")
    def test_cursor_is_not_delayed(self):
        machine, display, asked = self.held()
        queue = machine.vm.control
        pending = queue.add(gpu.get_display_info(fenced(1)), 408)
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO, asked + 1)
        for i in range(50):
            machine.guest.run_cursor(gpu.move_cursor(0, i, i, header=fenced(i)))
            machine.guest.update_cursor(0, i, i, 0)
        self.assertFalse(queue.ring.has_used(), "the reply that was kept back did not hold")
        display.release_replies()
        queue.wait(pending)

    @proves("H-145")
    def test_a_full_ring_of_fences(self):
        """All 64 wait; the ring bounds them; all come in order."""
        machine, display, asked = self.held()
        queue = machine.vm.control
        pending = [queue.add(gpu.get_display_info(fenced(64 - i)), 408) for i in range(64)]
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO, asked + 1)
        display.release_replies()
        del queue.order[:]
        queue.wait(*pending)
        self.assertEqual(queue.order, pending)

    @proves("H-050", "H-223", "SPEC-017")
    def test_reset_drops_them(self):
        """What was pending at a reset never writes into the memory of the next driver."""
        machine, display, asked = self.held()
        queue = machine.vm.control
        for i in range(8):
            queue.add(gpu.get_display_info(fenced(i)), 408)
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO, asked + 1)
        with display.changed:
            display.held = None
        machine.vm.reset()
        memory = machine.vm.memory
        poison = b"\x5A" * queue.arena_size
        memory.write(queue.arena, poison)
        machine.vm.start()
        self.assertFalse(queue.ring.has_used())
        for _ in range(20):
            machine.guest.move_cursor(0, 1, 1)
        self.assertTrue(memory.read(queue.arena, queue.arena_size) == poison,
                        "the old driver's memory was written")
        machine.check_alive()


if __name__ == "__main__":
    case.main()
