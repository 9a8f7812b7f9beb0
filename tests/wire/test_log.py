#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest cannot flood the log of its host."""

from rig import case, gpu
from rig.case import proves
from rig.gpu import Rect

MANY = 10_000
AT_MOST = 100


class Log(case.WireTest):
    def count(self, machine, work):
        machine.guest.display_info()
        before = len(machine.daemon.stderr_lines())
        work()
        return len(machine.daemon.stderr_lines()) - before

    @proves("H-150")
    def test_bad_commands(self):
        """10,000 bad commands: a bounded number of lines, at least one of them, also at debug."""
        kinds = (gpu.unref(99), gpu.command(0x1234), gpu.create_2d(0, 0, 0, 0),
                 gpu.create_2d(1, 99, 1, 1), gpu.transfer(99, Rect(0, 0, 1, 1), 0),
                 gpu.set_scanout(77, 1, Rect(0, 0, 1, 1)), gpu.flush(1, Rect(9, 9, 9, 9)),
                 gpu.attach(99, []), gpu.detach(99), gpu.create_2d(1, 1, 1, 1)[:30])
        for level in ("info", "debug"):
            machine = self.machine(f"--log-level={level}")
            for kind in kinds:
                n = self.count(machine, lambda k=kind: machine.guest.batch([k] * (MANY // 10),
                                                                            None))
                self.assertLessEqual(n, AT_MOST)
            n = self.count(machine, lambda: machine.guest.batch(list(kinds) * (MANY // 10), None))
            self.assertLessEqual(n, AT_MOST)
            self.assertLessEqual(len(machine.daemon.stderr_lines()), 10 * AT_MOST)

    @proves("H-150")
    def test_bad_cursors(self):
        machine = self.machine()

        def work():
            for _ in range(2000):
                machine.guest.update_cursor(9, 1, 1, 9, expect=None)
        self.assertLessEqual(self.count(machine, work), AT_MOST)

    @proves("H-150")
    def test_broken_rings(self):
        """A guest that breaks its ring and resets, over and over."""
        machine = self.machine()

        def work():
            for _ in range(300):
                machine.vm.control.ring.set_avail_idx(0x8000)
                machine.vm.control.kick()
                machine.vm.control.wait_broken()
                machine.vm.reboot()
        n = self.count(machine, work)
        self.assertLessEqual(n, 300)

    def test_levels(self):
        """--log-level=error says nothing about a guest's life and mistakes."""
        machine = self.machine("--log-level=error")
        machine.guest.show(0, 1, 8, 8)
        machine.guest.unref(99, gpu.ERR_INVALID_RESOURCE_ID)
        machine.vm.reboot()
        self.assertEqual(machine.daemon.stderr_lines(), [])


if __name__ == "__main__":
    case.main()
