#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What QEMU's own back-end gets wrong, one test for each defect, by its number."""

import struct

from rig import case, gpu, picture, wait
from rig.case import proves
from rig.gpu import Rect, fenced
from rig.qemu_display import (GET_DISPLAY_INFO, GET_EDID, GET_PROTOCOL_FEATURES, SCANOUT, SILENCE,
                              UPDATE, QemuDisplay)
from rig.vhost import Msg


class Replies(case.WireTest):
    def asked(self, display, request):
        return sum(r == request for r, _ in display.requests)

    @proves("C8")
    def test_c08_other_commands_go_on(self):
        """While a reply of QEMU's display is outstanding, all other commands go on."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        guest, queue = machine.guest, machine.vm.control
        guest.display_info()
        display.hold_replies()
        before = self.asked(display, GET_DISPLAY_INFO)
        waiting = queue.add(gpu.get_display_info(), 408)
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO, before + 1)
        pixels = picture.noise(40, 30, 1)
        guest.show(0, 1, 40, 30, pixels)
        guest.uuid(1)
        held = waiting.answer is None
        display.release_replies()
        queue.wait(waiting)
        self.assertTrue(held, "the commands waited for the reply")
        machine.check_screen(0, 40, 30, picture.opaque(pixels))

    @proves("C8", "C12")
    def test_c08_no_reply_ever(self):
        """A display that never answers: display info and EDID come all the same, from us."""
        for request in (GET_PROTOCOL_FEATURES, GET_DISPLAY_INFO, GET_EDID):
            display = QemuDisplay()
            display.answers[request] = lambda payload: SILENCE
            machine = self.machine("--size=1000x700", display=display)
            heads = machine.guest.display_info().heads()
            if request == GET_DISPLAY_INFO:
                self.assertEqual(heads[0], (Rect(0, 0, 1000, 700), 1, 0))
            self.assertEqual(heads[0][1], 1)
            queue = machine.vm.control
            pending = queue.add(gpu.get_edid(0), gpu.EDID_SIZE)
            queue.publish()
            self.assertEqual(queue.wait(pending).type, gpu.OK_EDID)

    @proves("C8")
    def test_c08_reply_that_is_late(self):
        """A reply behind its deadline is dropped, and does not answer the next request."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        machine.guest.display_info()
        display.hold_replies()
        # Comes from the cache when the reply does not come in time.
        self.assertEqual(machine.guest.display_info().heads()[0][0], Rect(0, 0, 1280, 800))
        display.sizes = ((640, 480),)
        display.release_replies()

        def is_new():
            return machine.guest.display_info().heads()[0][0] == Rect(0, 0, 640, 480)
        wait.wait_until(is_new, "the new size", machine.daemon)

    @proves("C9")
    def test_c09_display_that_does_not_read(self):
        """A large frame to a display that does not read: rings, configuration and viewers go on,
        and when it reads again it gets the latest picture."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        guest = machine.guest
        width, height = 1920, 1080
        backing = guest.memory.alloc(width * height * 4, 4096)
        guest.create(1, width, height)
        guest.attach(1, [(backing, width * height * 4)])
        whole = Rect(0, 0, width, height)
        guest.set_scanout(0, 1, whole)
        display.pause()
        for i in range(20):
            pixels = bytes([i, 0, 0, 255]) * (width * height)
            guest.memory.write(backing, pixels)
            guest.batch([gpu.transfer(1, whole, 0), gpu.flush(1, whole, fenced(i))])
            machine.vm.conn.get_config(0, 16)
            guest.move_cursor(0, i, i)
        self.assertTrue(machine.viewer.snapshot(0).pixels == pixels)
        display.resume()
        display.wait_picture(0, width, height, pixels)
        n_bytes = sum(m[4] * m[5] * 4 for m in display.messages if m[0] == UPDATE)
        self.assertLess(n_bytes, 5 * len(pixels), "frames were queued instead of merged")
        self.assertLessEqual(display.largest, 20 + 512 * 1024, "an UPDATE is a large band")

    @proves("C9", "C23")
    def test_c09_display_that_does_not_read_at_stop(self):
        """Stop, reset and the VMM's end do not wait for such a display either."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        for _ in range(3):
            machine.guest.show(0, 1, 1000, 1000)
            display.pause()
            machine.guest.flush(1, Rect(0, 0, 1000, 1000))
            machine.guest.move_cursor(0, 1, 1)
            bases = machine.vm.stop()
            with display.changed:
                display.reading = True
            machine.vm.start(bases)
            display.wait_picture(0, 1000, 1000, picture.opaque(bytes(4000000)))
            machine.vm.reboot()

    @proves("C10", "H-221")
    def test_c10_fences_do_not_complete_others(self):
        """Fenced commands behind a pending GET_DISPLAY_INFO or GET_EDID do not complete it."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        queue = machine.vm.control
        machine.guest.display_info()
        machine.guest.edid(0)
        display.hold_replies()
        for request, room, type_ in ((gpu.get_display_info(), 408, gpu.OK_DISPLAY_INFO),
                                     (gpu.get_edid(0), 1056, gpu.OK_EDID)):
            waiting = queue.add(request, room)
            queue.publish()
            for i in range(20):
                machine.guest.run(gpu.unref(9, fenced(i)), gpu.ERR_INVALID_RESOURCE_ID)
            answer = queue.wait(waiting)
            self.assertEqual((answer.type, answer.size, answer.flags), (type_, room, 0))

    @proves("C12", "H-080", "D-44")
    def test_c12_edid_of_a_head_that_is_not(self):
        """QEMU never answers GET_EDID for such a head: we do, soon, and the queue goes on.

        Of the 16 that the device has, those that QEMU does not have may be an error or get ours.
        """
        display = QemuDisplay(n_heads=2, sizes=((1280, 800), None))
        machine = self.machine(display=display)
        machine.guest.edid(0)
        machine.guest.edid(1)
        for scanout in (7, 15):
            answer = machine.vm.control.run(gpu.get_edid(scanout), 1056)
            self.assertIn(answer.type, (gpu.OK_EDID, gpu.ERR_INVALID_SCANOUT_ID))
        for scanout in (16, 17, 0xFFFF_FFFF):
            machine.guest.run(gpu.get_edid(scanout), gpu.ERR_INVALID_SCANOUT_ID, room=1056)
        machine.check_alive()


class Sockets(case.WireTest):
    @proves("C11")
    def test_c11_two_scanouts_of_one_resource(self):
        display = QemuDisplay(2, sizes=((40, 30), (40, 30)))
        machine = self.machine("--heads=2", display=display)
        pixels = picture.noise(40, 30, 1)
        backing = machine.guest.image(1, 40, 30)
        for scanout in range(2):
            machine.guest.set_scanout(scanout, 1, Rect(0, 0, 40, 30))
        for i in range(20):
            pixels = picture.noise(40, 30, i)
            machine.guest.memory.write(backing, pixels)
            machine.guest.batch([gpu.transfer(1, Rect(0, 0, 40, 30), 0),
                                 gpu.flush(1, Rect(0, 0, 40, 30)),
                                 gpu.flush(1, Rect(0, 0, 40, 30))])
        for scanout in range(2):
            machine.check_screen(scanout, 40, 30, picture.opaque(pixels))

    @proves("C13")
    def test_c13_guest_reboots(self):
        """A second GPU_SET_SOCKET, and many more: each one is used, and the old ones closed."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        for i in range(30):
            pixels = picture.noise(40, 30, i)
            machine.guest.show(0, 1, 40, 30, pixels)
            machine.check_screen(0, 40, 30, picture.opaque(pixels))
            machine.vm.reboot()
            if i == 5:
                n_fds = machine.daemon.n_fds()
        self.assertLessEqual(machine.daemon.n_fds(), n_fds + 1)

    @proves("C13")
    def test_c13_new_socket_while_it_runs(self):
        """A new socket without any stop: QEMU's display is told everything again."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        pixels = picture.noise(40, 30, 3)
        machine.guest.show(0, 1, 40, 30, pixels)
        machine.guest.image(2, 64, 64, picture.noise(64, 64, 2), gpu.B8G8R8A8)
        machine.guest.update_cursor(0, 7, 8, 2, 1, 2)
        for _ in range(5):
            display.close_socket()
            machine.vm.hand_display()
            display.wait_picture(0, 40, 30, picture.opaque(pixels))
            display.wait_cursor(0, lambda c: c.visible and (c.x, c.y, c.hot_x) == (7, 8, 1),
                                "no cursor")

    @proves("C13")
    def test_c13_old_socket_is_closed(self):
        """The old socket is closed when the new one comes, though nobody closed its other end."""
        first, second = QemuDisplay(), QemuDisplay()
        self.addCleanup(self.finish_display, second)
        machine = self.machine(display=first)
        machine.guest.show(0, 1, 8, 8)
        theirs = second.new_socket()
        machine.vm.conn.send(Msg.GPU_SET_SOCKET, fds=[theirs.fileno()])
        theirs.close()
        first.wait_eof()
        second.wait_picture(0, 8, 8, picture.opaque(bytes(256)))

    @proves("C23")
    def test_c23_display_hangs_up(self):
        """EOF on the display socket: noticed, no busy loop, and a new socket is welcome."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        pixels = picture.noise(40, 30, 3)
        machine.guest.show(0, 1, 40, 30, pixels)
        for _ in range(5):
            display.close_socket()
            machine.guest.display_info()
            machine.guest.edid(0)
            machine.guest.flush(1, Rect(0, 0, 40, 30))
            before = cpu_ticks(machine.daemon)
            machine.viewer.ping()
            machine.vm.hand_display()
            display.wait_picture(0, 40, 30, picture.opaque(pixels))
            self.assertLess(cpu_ticks(machine.daemon) - before, 100)
        self.assertLess(len(machine.daemon.stderr_lines()), 100)

    @proves("C23")
    def test_c23_hangs_up_with_a_request_open(self):
        display = QemuDisplay()
        display.answers[GET_DISPLAY_INFO] = lambda payload: SILENCE
        machine = self.machine(display=display)
        queue = machine.vm.control
        pending = queue.add(gpu.get_display_info(), 408)
        queue.publish()
        display.wait_request(GET_DISPLAY_INFO)
        display.close_socket()
        self.assertEqual(queue.wait(pending).heads()[0][1], 1)

    @proves("C23")
    def test_c23_garbage(self):
        """What is no reply ends that display; the guest, viewers and a new socket do not care."""
        header = struct.Struct("<III").pack
        garbage = (b"\xFF" * 64, header(99, 4, 0), header(GET_DISPLAY_INFO, 4, 408) + bytes(408),
                   header(GET_DISPLAY_INFO, 4, 0xFFFF_FFFF), header(GET_EDID, 4, 1056) +
                   bytes(1056), header(GET_PROTOCOL_FEATURES, 4, 3) + b"abc",
                   header(GET_DISPLAY_INFO, 4, 0), header(UPDATE, 0, 20) + bytes(20), bytes(12))
        display = QemuDisplay()
        machine = self.machine(display=display)
        pixels = picture.noise(40, 30, 3)
        machine.guest.show(0, 1, 40, 30, pixels)
        for data in garbage:
            with self.subTest(data[:12].hex()):
                before = len(machine.daemon.stderr_lines())
                display.send(data)
                machine.guest.display_info()
                machine.guest.edid(0)
                machine.check_screen(0, 40, 30, picture.opaque(pixels), display=False)
                self.assertLess(len(machine.daemon.stderr_lines()) - before, 5)
                display.close_socket()
                machine.vm.hand_display()
                display.wait_picture(0, 40, 30, picture.opaque(pixels))

    @proves("C23")
    def test_c23_wrong_answers(self):
        """Replies of wrong sizes and contents to what was really asked."""
        for request, payloads in (
                (GET_PROTOCOL_FEATURES, (b"", b"\1", b"\xFF" * 8, bytes(16))),
                (GET_DISPLAY_INFO, (b"", bytes(407), bytes(408), b"\xFF" * 408, bytes(3000))),
                (GET_EDID, (b"", bytes(1055), bytes(1056), b"\xFF" * 1056, bytes(3000)))):
            for payload in payloads:
                with self.subTest(request=request, size=len(payload)):
                    display = QemuDisplay()
                    display.answers[request] = lambda _, payload=payload: payload
                    machine = self.machine(display=display)
                    heads = machine.guest.display_info().heads()
                    self.assertTrue(all(h[1] in (0, 1) and h[2] == 0 for h in heads))
                    machine.guest.edid(0)
                    machine.check_alive()


def cpu_ticks(daemon):
    with open(f"/proc/{daemon.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class Resources(case.WireTest):
    @proves("C14")
    def test_c14_reset_frees_all(self):
        """All ids of before are free after a reset, and their memory with them."""
        machine = self.machine("--max-host-memory=4MiB", "--max-resources=4")
        for _ in range(10):
            for resource in range(1, 5):
                machine.guest.create(resource, 512, 512)
            machine.guest.create(5, 1, 1, expect=gpu.ERR_OUT_OF_MEMORY)
            machine.vm.reboot()

    @proves("C15", "H-085")
    def test_c15_sizes_in_64_bits(self):
        """0x4001 x 0x10000 is no image of 256 KiB that a transfer writes beyond."""
        machine = self.machine("--max-dimension=off")
        for width, height in ((0x4001, 0x10000), (0x10000, 0x4001), (0x8000, 0x8001),
                              (0xFFFF_FFFF, 0xFFFF_FFFF), (0x4000_0000, 4), (0x4000_0001, 1)):
            machine.guest.create(1, width, height, expect=gpu.ERR_OUT_OF_MEMORY)
            machine.guest.transfer(1, Rect(0, 0, 1, 1), expect=gpu.ERR_INVALID_RESOURCE_ID)

    @proves("C16", "H-141")
    def test_c16_memory_has_a_cap(self):
        machine = self.machine()
        machine.guest.create(1, 32768, 32767, expect=gpu.ERR_OUT_OF_MEMORY)
        n = 0
        while machine.guest.create(10 + n, 8192, 4096, expect=None).type == gpu.OK_NODATA:
            n += 1
        self.assertEqual(n, 8)
        machine.check_alive()

    @proves("C17", "D-40", "H-065")
    def test_c17_short_commands_are_not_executed(self):
        machine = self.machine()
        machine.guest.run(gpu.create_2d(1, 1, 8, 8)[:24], gpu.ERR_INVALID_PARAMETER)
        machine.guest.run(gpu.create_2d(1, 1, 8, 8)[:39], gpu.ERR_INVALID_PARAMETER)
        machine.guest.unref(1, gpu.ERR_INVALID_RESOURCE_ID)

    @proves("C18", "H-089")
    def test_c18_scanouts_that_are_not(self):
        for heads in (1, 2, 15):
            machine = self.machine(f"--heads={heads}", display=QemuDisplay(heads))
            machine.guest.create(1, 8, 8)
            for scanout in range(18):
                expect = gpu.OK_NODATA if scanout < heads else gpu.ERR_INVALID_SCANOUT_ID
                machine.guest.set_scanout(scanout, 1, Rect(0, 0, 8, 8), expect)

    @proves("C21")
    def test_c21_queries_leak_nothing(self):
        """10,000 GET_DISPLAY_INFO and GET_EDID through QEMU's display."""
        machine = self.machine(display=QemuDisplay())

        def ask(n):
            machine.guest.batch([gpu.get_display_info()] * n, None, 408)
            for _ in range(n // 10):
                machine.guest.edid(0)
        self.check_growth(machine, ask, 9000)

    @proves("C22")
    def test_c22_failing_allocations(self):
        """10,000 resources that do not fit, and as many that do."""
        machine = self.machine("--max-host-memory=64KiB", display=QemuDisplay())

        def make(n):
            machine.guest.batch([request for i in range(n // 4) for request in (
                gpu.create_2d(1, 1, 512, 512), gpu.create_2d(1, 1, 64, 64),
                gpu.create_2d(2, 1, 4096, 1000), gpu.unref(1))], None)
        self.check_growth(machine, make, 20000)

    def check_growth(self, machine, work, n):
        work(3000)
        daemon = machine.daemon
        before = daemon.resident_kib(), daemon.n_fds(), daemon.n_mappings()
        work(n)
        after = daemon.resident_kib(), daemon.n_fds(), daemon.n_mappings()
        # AddressSanitizer takes memory in steps of 4 MiB, however much is done (and LeakSanitizer
        # judges at the end); a plain build grows by nothing.
        self.assertLess(after[0] - before[0], 9000 if daemon.is_sanitized() else 300)
        self.assertLessEqual(after[1], before[1] + 1)
        self.assertLessEqual(after[2], before[2] + 10)

    @proves("C25")
    def test_c25_cursor_while_the_display_is_stuck(self):
        """Cursor commands are answered while QEMU's display does not read, and arrive later."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        machine.guest.show(0, 1, 1000, 1000)
        machine.guest.image(2, 64, 64, picture.noise(64, 64, 2), gpu.B8G8R8A8)
        machine.guest.create(3, 32, 32)
        display.pause()
        machine.guest.flush(1, Rect(0, 0, 1000, 1000))
        for i in range(200):
            machine.guest.update_cursor(0, i, i, 2, 1, 1)
            machine.guest.update_cursor(0, 1, 1, 3, expect=gpu.ERR_INVALID_PARAMETER)
            machine.guest.move_cursor(0, -i, i)
        display.resume()
        display.wait_cursor(0, lambda c: (c.x, c.y, c.visible) == (-199, 199, True) and
                            c.pixels == picture.noise(64, 64, 2), "the cursor is elsewhere")


class Rules(case.WireTest):
    """How QEMU must be spoken to (its display crashes otherwise)."""

    def test_scanout_only_before_an_update(self):
        """Many modes set without a flush: no SCANOUT goes out that no UPDATE follows."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        guest = machine.guest
        for i in range(50):
            guest.create(1 + i, 16 + i, 16 + i)
            guest.set_scanout(0, 1 + i, Rect(0, 0, 16 + i, 16 + i))
        guest.flush(50, Rect(0, 0, 65, 65))
        display.wait_picture(0, 65, 65, picture.opaque(bytes(65 * 65 * 4)))
        messages = [m for m in display.messages if m[0] in (SCANOUT, UPDATE)]
        for first, second in zip(messages, messages[1:]):
            if first[0] == SCANOUT and first[2]:
                self.assertEqual(second[:2], (UPDATE, first[1]), messages)

    def test_off_is_not_updated(self):
        """After a scanout is off, its resource's flushes send nothing (QEMU would crash)."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        machine.guest.show(0, 1, 20, 20)
        for _ in range(20):
            machine.guest.batch([gpu.flush(1, Rect(0, 0, 20, 20)),
                                 gpu.set_scanout(0, 0, Rect(0, 0, 0, 0)),
                                 gpu.flush(1, Rect(0, 0, 20, 20)),
                                 gpu.set_scanout(0, 1, Rect(0, 0, 20, 20)),
                                 gpu.flush(1, Rect(0, 0, 20, 20))])
        display.wait_picture(0, 20, 20, picture.opaque(bytes(1600)))

    def test_resize_while_it_does_not_read(self):
        """The mode changes in the middle of a frame that is being sent."""
        display = QemuDisplay()
        machine = self.machine(display=display)
        guest = machine.guest
        for i in range(10):
            display.pause()
            size = 1200 - 100 * i
            guest.show(0, 1 + i, size, size)
            guest.flush(1 + i, Rect(0, 0, size, size))
            guest.set_scanout(0, 1 + i, Rect(0, 0, 50 + i, 60))
            guest.flush(1 + i, Rect(0, 0, 50 + i, 60))
            display.resume()
            display.wait_picture(0, 50 + i, 60, picture.opaque(bytes((50 + i) * 60 * 4)))
            guest.unref(1 + i)

    def test_display_off(self):
        """--qemu-display=off: the socket is taken, and nothing is sent there."""
        display = QemuDisplay()
        machine = self.machine("--qemu-display=off", display=display)
        machine.guest.show(0, 1, 20, 20)
        machine.guest.move_cursor(0, 1, 1)
        machine.check_screen(0, 20, 20, picture.opaque(bytes(1600)), display=False)
        self.assertEqual(display.messages, [])


if __name__ == "__main__":
    case.main()
