# SPDX-License-Identifier: MIT
"""Dma-bufs as a display sees them: mapped, row by row, between the calls that a reader owes."""

import fcntl
import mmap
import os
import struct

from . import picture

LINEAR = 0
SYNC = 0x4008_6200  # _IOW('b', 0, u64): DMA_BUF_IOCTL_SYNC
SYNC_READ, SYNC_END = 1, 4
# The order of B, G and R in memory, by DRM's fourcc.
ORDERS = {b"XR24": (0, 1, 2), b"AR24": (0, 1, 2), b"XB24": (2, 1, 0), b"AB24": (2, 1, 0),
          b"BX24": (3, 2, 1), b"BA24": (3, 2, 1), b"RX24": (1, 2, 3), b"RA24": (1, 2, 3)}


class DmaBuf:
    """A picture in a file. modifier None: it was not told."""

    def __init__(self, fd, width, height, stride, fourcc, modifier, flags=0, offset=0):
        self.fd = fd
        self.width, self.height, self.stride, self.offset = width, height, stride, offset
        self.fourcc = struct.pack("<I", fourcc)
        self.modifier, self.flags = modifier, flags
        self.shown = False
        self.size = os.lseek(fd, 0, os.SEEK_END)
        if self.fourcc not in ORDERS:
            raise AssertionError(f"a dma-buf of the format {self.fourcc}")
        if offset + stride * (height - 1) + width * 4 > self.size:
            raise AssertionError(f"a dma-buf of {self.size} bytes, too short for its picture")

    def is_dmabuf(self):
        """Whether it is one by its name: tests without /dev/udmabuf use other files."""
        return os.readlink(f"/proc/self/fd/{self.fd}").startswith("/dmabuf")

    def sync(self, flags):
        fcntl.ioctl(self.fd, SYNC, struct.pack("<Q", flags))

    def screen(self):
        """The picture as B G R X with X = 255."""
        if self.modifier not in (LINEAR, None):
            raise AssertionError(f"pixels in an order that only GPUs know: {self.modifier:#x}")
        self.sync(SYNC_READ)
        try:
            with mmap.mmap(self.fd, self.size, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
                rows = [memory[self.offset + y * self.stride:][:self.width * 4]
                        for y in range(self.height)]
        finally:
            self.sync(SYNC_READ | SYNC_END)
        pixels = b"".join(reversed(rows) if self.flags & 1 else rows)
        out = bytearray(len(pixels))
        for i, channel in enumerate(ORDERS[self.fourcc]):
            out[i::4] = pixels[channel::4]
        return picture.opaque(out)

    def close(self):
        os.close(self.fd)
