#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a guest can make the host keep has a limit, and all of it comes back."""

import random
import resource

from rig import case, gpu, picture
from rig.case import proves
from rig.gpu import Rect

MIB = 1 << 20
MEMORY = gpu.ERR_OUT_OF_MEMORY


class Limits(case.WireTest):
    @proves("H-140")
    def test_resources(self):
        machine = self.machine("--max-resources=100")
        machine.guest.batch([gpu.create_2d(1 + i, 1, 1, 1) for i in range(100)])
        for _ in range(3):
            machine.guest.create(500, 1, 1, expect=MEMORY)
        machine.guest.unref(500, gpu.ERR_INVALID_RESOURCE_ID)
        machine.guest.unref(50)
        machine.guest.create(500, 1, 1)
        machine.guest.create(50, 1, 1, expect=MEMORY)

    @proves("H-140")
    def test_resources_by_default(self):
        """16,384, and no more; the ids are anywhere."""
        machine = self.machine()
        rng = random.Random(5)
        ids = rng.sample(range(1, 1 << 32), 16384)
        machine.guest.batch([gpu.create_2d(r, 1, 1, 1) for r in ids])
        machine.guest.create(7, 1, 1, expect=MEMORY)
        machine.guest.batch([gpu.unref(r) for r in ids])
        machine.guest.create(7, 1, 1)

    @proves("H-141", "C16", "D-60")
    def test_host_memory(self):
        """Exact to the byte, also after errors and after UNREF."""
        machine = self.machine("--max-host-memory=1MiB")
        guest = machine.guest
        for _ in range(3):
            guest.create(1, 512, 512)
            guest.create(2, 1, 1, expect=MEMORY)
            guest.create(1, 512, 512, expect=gpu.ERR_INVALID_RESOURCE_ID)
            guest.create(3, 512, 512, format_=99, expect=gpu.ERR_INVALID_PARAMETER)
            guest.unref(1)
            guest.create(1, 512, 513, expect=MEMORY)
            guest.create(1, 512, 256)
            guest.create(2, 512, 256)
            guest.create(3, 1, 1, expect=MEMORY)
            guest.unref(1)
            guest.unref(2)

    @proves("H-141", "C16")
    def test_host_memory_by_default(self):
        """1 GiB; what nobody touches is charged but not there."""
        machine = self.machine()
        guest = machine.guest
        guest.create(1, 16384, 8192)
        guest.create(2, 16384, 8192)
        guest.create(3, 1, 1, expect=MEMORY)
        self.assertLess(machine.daemon.resident_kib(), 200 * 1024)
        guest.unref(2)
        guest.create(3, 8192, 8192)

    @proves("H-143")
    def test_backing_memory(self):
        """Lists of pages are charged, also the merged and the refused ones."""
        machine = self.machine("--max-backing-memory=64KiB")
        guest = machine.guest
        gpa = guest.memory.alloc(64 * 8192)
        entries = [(gpa + 64 * i, 32) for i in range(8000)]
        for resource in range(1, 9):
            guest.create(resource, 4, 4)
        guest.attach(1, entries, expect=MEMORY)
        guest.transfer(1, Rect(0, 0, 4, 4), expect=gpu.ERR_UNSPEC)
        for _ in range(5):
            guest.attach(1, entries[:1000])
            taken = [r for r in range(2, 9)
                     if guest.attach(r, entries[:1000], expect=None).type == gpu.OK_NODATA]
            self.assertLess(len(taken), 7)
            guest.detach(1)
            for resource in taken:
                guest.detach(resource)

    @proves("H-106", "D-58")
    def test_backing_entries(self):
        machine = self.machine("--max-backing-entries=4")
        guest = machine.guest
        gpa = guest.memory.alloc(4096)
        guest.create(1, 4, 4)
        guest.attach(1, [(gpa + 64 * i, 32) for i in range(5)],
                     expect=gpu.ERR_INVALID_PARAMETER)
        guest.attach(1, [(gpa + 64 * i, 32) for i in range(4)])
        guest.transfer(1, Rect(0, 0, 4, 4))

    @proves("D-58")
    def test_backing_entries_of_windows(self):
        """32,400 entries of an 8K screen, one a page, in 129 descriptors: more than QEMU takes."""
        machine = self.machine(queue_sizes=(256, 16))
        guest = machine.guest
        page = guest.memory.alloc(8192, 4096)
        entries = [(page + 4096 * (i % 2), 4096) for i in range(32400)]
        guest.create(1, 7680, 4320)
        request = gpu.attach(1, entries)
        rest = len(request) - 32
        cut = [32] + [4096] * (rest // 4096) + ([rest % 4096] if rest % 4096 else [])
        guest.run(request, cut=cut, indirect=False)
        guest.transfer(1, Rect(0, 4000, 7680, 320), 4000 * 7680 * 4)

    @proves("H-086")
    def test_dimension(self):
        machine = self.machine("--max-dimension=100")
        machine.guest.create(1, 101, 1, expect=MEMORY)
        machine.guest.create(1, 1, 101, expect=MEMORY)
        machine.guest.create(1, 100, 100)

    def test_zero_and_off(self):
        """A limit of 0 allows nothing, and `off` lifts it."""
        machine = self.machine("--max-resources=0")
        machine.guest.create(1, 1, 1, expect=MEMORY)
        machine = self.machine("--max-host-memory=0")
        machine.guest.create(1, 1, 1, expect=MEMORY)
        machine = self.machine("--max-resources=off", "--max-dimension=off",
                               "--max-host-memory=off")
        machine.guest.batch([gpu.create_2d(1 + i, 1, 1, 1) for i in range(16400)])
        machine.guest.create(1 << 20, 20000, 20000)


class Leaks(case.WireTest):
    """Growth over thousands of rounds. The first rounds warm up what is kept on purpose."""

    ROUNDS = 5000

    def check_growth(self, machine, round_, rounds=ROUNDS, batch=100):
        daemon = machine.daemon
        # A sanitizer keeps freed memory; what is lost for good it reports at the end.
        kib = 9000 if daemon.is_sanitized() else 500
        for i in range(rounds // 3 // batch):
            round_(i * batch, batch)
        before = daemon.resident_kib(), daemon.n_fds(), daemon.n_mappings()
        for i in range(rounds // batch):
            round_(i * batch, batch)
        after = daemon.resident_kib(), daemon.n_fds(), daemon.n_mappings()
        self.assertLess(after[0] - before[0], kib, "resident memory grew")
        self.assertLessEqual(after[1], before[1] + 2, "descriptors grew")
        self.assertLessEqual(after[2], before[2] + 20, "mappings grew")

    @proves("H-149", "SPEC-223")
    def test_create_attach_unref(self):
        """UNREF frees the backing too (CVE-2016-9912 and its like)."""
        machine = self.machine()
        gpa = machine.guest.memory.alloc(8192)
        entries = [(gpa + 64 * i, 32) for i in range(64)]

        def round_(first, n):
            machine.guest.batch([request for i in range(n) for request in (
                gpu.create_2d(first + i + 1, 1, 8, 8), gpu.attach(first + i + 1, entries),
                gpu.transfer(first + i + 1, Rect(0, 0, 8, 8), 0), gpu.unref(first + i + 1))])
        self.check_growth(machine, round_, 4000)

    @proves("H-142", "H-114")
    def test_errors(self):
        """What an error has begun is taken back (CVE-2016-7994, CVE-2017-5578)."""
        machine = self.machine("--heads=1")
        gpa = machine.guest.memory.alloc(4096)
        machine.guest.create(1, 64, 64)
        machine.guest.attach(1, [(gpa, 4096)])
        bad_list = [(gpa, 32)] * 64 + [(0, 32)]

        def round_(first, n):
            machine.guest.batch([request for _ in range(n) for request in (
                gpu.create_2d(1, 1, 64, 64), gpu.create_2d(2, 99, 64, 64),
                gpu.create_2d(2, 1, 1 << 20, 64), gpu.attach(1, [(gpa, 4096)]),
                gpu.create_2d(3, 1, 64, 64), gpu.attach(3, bad_list), gpu.unref(3),
                gpu.set_scanout(0, 99, Rect(0, 0, 1, 1)))], expect=None)
        self.check_growth(machine, round_, 2000)

    @proves("H-151")
    def test_scanouts(self):
        """Modes set over and over, without and with viewers (CVE-2017-9060)."""
        machine = self.machine(display=True)
        viewer = machine.viewer

        def round_(first, n):
            for i in range(first, first + n):
                size = 16 + i % 50
                machine.guest.batch([
                    gpu.create_2d(1 + i, 2, size, size),
                    gpu.set_scanout(0, 1 + i, Rect(0, 0, size, size)),
                    gpu.flush(1 + i, Rect(0, 0, size, size)),
                    gpu.unref(1 + i)])
            viewer.ping()
        self.check_growth(machine, round_, 1000)

    @proves("H-124")
    def test_cursors(self):
        """Cursors of right and wrong sizes (CVE-2016-9846)."""
        machine = self.machine(display=True)
        machine.guest.create(1, 64, 64)
        machine.guest.create(2, 63, 64)

        def round_(first, n):
            for _ in range(n):
                machine.guest.update_cursor(0, 1, 1, 1)
                machine.guest.update_cursor(0, 1, 1, 2, expect=gpu.ERR_INVALID_PARAMETER)
        self.check_growth(machine, round_, 1000)


class Descriptors(case.WireTest):
    @proves("H-146", "H-142")
    def test_few_descriptors(self):
        """Images are memfds from 1 MiB on. Without one more descriptor: OUT_OF_MEMORY, no more."""
        machine = self.machine("--heads=16")
        guest, daemon = machine.guest, machine.daemon
        side = 512
        whole = Rect(0, 0, side, side)
        guest.show(0, 1, side, side, picture.noise(side, side, 1))
        used = daemon.n_fds()
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (used + 6, used + 6))
        answers = []
        for id_ in range(2, 14):
            guest.create(id_, side, side)
            answers.append(guest.vm.control.run(gpu.set_scanout(1, id_, whole), 24).type)
        self.assertIn(gpu.OK_NODATA, answers)
        self.assertEqual(answers[-1], gpu.ERR_OUT_OF_MEMORY)
        guest.set_scanout(1, 0, whole)
        for id_ in range(2, 14):
            guest.unref(id_)
        guest.create(2, side, side)
        guest.set_scanout(1, 2, whole)
        machine.check_alive()


if __name__ == "__main__":
    case.main()
