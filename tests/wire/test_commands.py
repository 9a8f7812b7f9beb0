#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ordinary life of every command, judged by what a viewer and QEMU's display show."""

import random

from rig import case, gpu, picture
from rig.case import proves
from rig.gpu import Rect
from rig.qemu_display import QemuDisplay


class Screen(case.WireTest):
    @proves("SPEC-222", "SPEC-228", "SPEC-229")
    def test_all_formats(self):
        """Each of the eight formats is shown with its own order of bytes."""
        machine = self.machine(display=True)
        for i, format_ in enumerate(gpu.FORMATS):
            with self.subTest(format=format_):
                pixels = picture.noise(40, 30, format_)
                machine.guest.show(0, 10 + i, 40, 30, pixels, format_)
                machine.check_screen(0, 40, 30, picture.to_screen(pixels, format_))

    @proves("SPEC-228", "SPEC-229")
    def test_random_transfers(self):
        """Rectangles and offsets at random, from scattered pages, against the model."""
        machine = self.machine(display=True)
        guest, rng = machine.guest, random.Random(1)
        width, height = 67, 45
        image = picture.Image(width, height)
        size = width * height * 4
        memory, entries = scattered(guest.memory, size, rng)
        guest.create(1, width, height)
        guest.attach(1, entries)
        guest.set_scanout(0, 1, Rect(0, 0, width, height))
        for round_ in range(60):
            data = rng.randbytes(size)
            memory(data)
            x, y = rng.randrange(width), rng.randrange(height)
            rect = Rect(x, y, rng.randint(1, width - x), rng.randint(1, height - y))
            last = (rect.height - 1) * width * 4 + rect.width * 4
            offset = rng.randint(0, size - last)
            guest.transfer(1, rect, offset)
            image.transfer(data, rect, offset)
            guest.flush(1, rect)
            if round_ % 10 == 9:
                machine.check_screen(0, width, height, image.screen())


def scattered(memory, size, rng):
    """Backing in pieces of any size and place; returns a writer of it, and its entries."""
    entries, left = [], size
    area = memory.alloc(size * 4, 4096)
    at = area
    while left:
        n = min(left, rng.choice((1, 3, 4, 17, 256, 1000, 4096)))
        entries.append((at, n))
        at += n + rng.randrange(64)
        left -= n
    order = list(entries)
    rng.shuffle(order)

    def write(data):
        done = 0
        for gpa, n in order:
            memory.write(gpa, data[done:done + n])
            done += n
    return write, order


if __name__ == "__main__":
    case.main()
