#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A VMM that cuts off the file behind guest memory: SIGBUS in the daemon, which lives on."""

import os

from rig import case, memory
from rig.gpu import Rect

SIDE = 64
SIZE = SIDE * SIDE * 4


class LostMemory(case.WireTest):
    def test_a_file_that_is_cut_off_reads_as_zeros(self):
        """The transfer that meets it is answered, and so is all that comes after."""
        machine = self.machine()
        lost = memory.Region(0x4000_0000, memory.MIB)
        machine.vm.memory.add(lost)
        machine.vm.add_region(lost)
        guest = machine.guest
        whole = Rect(0, 0, SIDE, SIDE)
        lost.map[:SIZE] = b"\x11\x22\x33\xff" * (SIDE * SIDE)
        guest.create(1, SIDE, SIDE)
        guest.attach(1, [(lost.gpa, SIZE)])
        guest.transfer(1, whole)
        guest.set_scanout(0, 1, whole)
        guest.flush(1, whole)
        machine.check_screen(0, SIDE, SIDE, b"\x11\x22\x33\xff" * (SIDE * SIDE))
        os.ftruncate(lost.fd, 0)
        guest.transfer(1, whole)
        guest.flush(1, whole)
        machine.check_screen(0, SIDE, SIDE, b"\x00\x00\x00\xff" * (SIDE * SIDE))
        machine.check_alive()


if __name__ == "__main__":
    case.main()
