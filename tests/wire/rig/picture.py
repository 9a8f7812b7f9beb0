# SPDX-License-Identifier: MIT
"""Pixels in software: what a resource holds, and what ought to be seen of it."""

import random

from . import gpu

OPAQUE = 255


def noise(width, height, seed):
    """Bytes of a picture that no other one equals by chance."""
    return random.Random(seed).randbytes(width * height * 4)


def to_screen(pixels, format_):
    """Bytes in a format of the guest as B G R X with X = 255, as a screen shows them."""
    order = gpu.FORMATS[format_]
    out = bytearray(len(pixels))
    for i, channel in enumerate("BGR"):
        out[i::4] = pixels[order.index(channel)::4]
    out[3::4] = bytes([OPAQUE]) * (len(pixels) // 4)
    return bytes(out)


def opaque(pixels):
    """B G R X with any X, made comparable."""
    out = bytearray(pixels)
    out[3::4] = bytes([OPAQUE]) * (len(out) // 4)
    return bytes(out)


def crop(pixels, width, rect):
    rows = []
    for y in range(rect.y, rect.y + rect.height):
        at = (y * width + rect.x) * 4
        rows.append(pixels[at:at + rect.width * 4])
    return b"".join(rows)


class Image:
    """The model of a 2D resource."""

    def __init__(self, width, height, format_=gpu.B8G8R8X8):
        self.width = width
        self.height = height
        self.format = format_
        self.pixels = bytearray(width * height * 4)

    def transfer(self, backing, rect, offset):
        """TRANSFER_TO_HOST_2D: rows lie as far apart in the backing as in the resource."""
        for j in range(rect.height):
            source = offset + j * self.width * 4
            at = ((rect.y + j) * self.width + rect.x) * 4
            self.pixels[at:at + rect.width * 4] = backing[source:source + rect.width * 4]

    def screen(self, rect=None):
        rect = gpu.Rect(0, 0, self.width, self.height) if rect is None else rect
        return to_screen(crop(self.pixels, self.width, rect), self.format)


def first_difference(got, wanted, width):
    """Where two pictures differ, in words."""
    if len(got) != len(wanted):
        return f"{len(got)} bytes instead of {len(wanted)}"
    for i in range(0, len(got), 4):
        if got[i:i + 4] != wanted[i:i + 4]:
            n = sum(got[k:k + 4] != wanted[k:k + 4] for k in range(i, len(got), 4))
            return (f"pixel ({i // 4 % width}, {i // 4 // width}) is {got[i:i + 4].hex()}, not "
                    f"{wanted[i:i + 4].hex()}; {n} pixels differ")
    return "no difference"
