# SPDX-License-Identifier: MIT
"""The guest's memory: regions, each a memfd that the VMM shares with the daemon.

Addresses are guest-physical. Ring addresses in vhost-user are the VMM's own ("user") addresses;
each region has a different distance between the two, so that a mixed-up one does not go unnoticed.
"""

import fcntl
import mmap
import os
import struct

PAGE = 4096
MIB = 1 << 20


class Region:
    """size bytes at gpa, from offset on in a file of their own (or in a given one)."""

    n_made = 0

    def __init__(self, gpa, size, offset=0, fd=None):
        Region.n_made += 1
        self.gpa = gpa
        self.size = size
        self.offset = offset
        self.user = 0x7F00_0000_0000 + Region.n_made * 0x10_0000_0000 + gpa % 0x10_0000_0000
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        self.fd = os.memfd_create("guest", flags) if fd is None else os.dup(fd)
        if fd is None:
            os.ftruncate(self.fd, offset + size)
        self.map = mmap.mmap(self.fd, offset + size, mmap.MAP_SHARED)

    @property
    def end(self):
        return self.gpa + self.size

    def seal(self):
        """Never to become shorter, as QEMU's memory-backend-memfd is by default."""
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)

    def close(self):
        self.map.close()
        os.close(self.fd)


class Memory:
    """Regions with a simple allocator. The first region is where allocations come from."""

    def __init__(self, *regions):
        self.regions = list(regions)
        self.next = {}
        self.all = list(regions)

    @classmethod
    def plain(cls, size=32 * MIB, gpa=0x10_0000):
        return cls(Region(gpa, size))

    def add(self, region):
        self.regions.append(region)
        self.all.append(region)
        return region

    def remove(self, region):
        self.regions.remove(region)

    def close(self):
        for region in self.all:
            region.close()

    def region_at(self, gpa):
        for region in self.regions:
            if region.gpa <= gpa < region.end:
                return region
        raise AssertionError(f"the test uses {gpa:#x}, which is not guest memory")

    def user(self, gpa):
        region = self.region_at(gpa)
        return gpa - region.gpa + region.user

    def pieces(self, gpa, size):
        """Yield (region, offset in its map, bytes) for a range that may cross regions."""
        while size > 0:
            region = self.region_at(gpa)
            n = min(size, region.end - gpa)
            yield region, region.offset + gpa - region.gpa, n
            gpa += n
            size -= n

    def read(self, gpa, size):
        return b"".join(r.map[at:at + n] for r, at, n in self.pieces(gpa, size))

    def write(self, gpa, data):
        done = 0
        view = memoryview(data)
        for region, at, n in self.pieces(gpa, len(data)):
            region.map[at:at + n] = view[done:done + n]
            done += n

    # Numbers that the other side reads while we write them: one store or load each.
    def load16(self, gpa):
        region = self.region_at(gpa)
        return struct.unpack_from("@H", region.map, region.offset + gpa - region.gpa)[0]

    def store16(self, gpa, value):
        region = self.region_at(gpa)
        struct.pack_into("@H", region.map, region.offset + gpa - region.gpa, value & 0xFFFF)

    def load32(self, gpa):
        region = self.region_at(gpa)
        return struct.unpack_from("@I", region.map, region.offset + gpa - region.gpa)[0]

    def alloc(self, size, align=16, region=None):
        """Memory that is not given back. A test that needs more asks for a larger region."""
        region = self.regions[0] if region is None else region
        at = self.next.get(id(region), region.gpa)
        at = (at + align - 1) // align * align
        if at + size > region.end:
            raise AssertionError("the test's guest memory is too small for it")
        self.next[id(region)] = at + size
        return at

    def put(self, data, align=16, region=None):
        gpa = self.alloc(max(len(data), 1), align, region)
        self.write(gpa, data)
        return gpa
