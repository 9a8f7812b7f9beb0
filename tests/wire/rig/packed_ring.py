# SPDX-License-Identifier: MIT
"""The packed ring from the driver's side (virtio 1.3, 2.8).

A position is a slot and, as bit 15, the wrap counter there: so event areas and vhost-user have it.
"""

import struct

from .ring import INDIRECT, NEXT, WRITE, Ring, Used, full_fence

AVAIL, USED = 1 << 7, 1 << 15
WRAP = 1 << 15
FRESH = WRAP
ENABLE, DISABLE, DESC = 0, 1, 2

# What a driver may leave in fields that mean nothing.
JUNK_ID = 0xEEEE
JUNK_FLAGS = NEXT | INDIRECT | AVAIL | 0x7E00


def available(at):
    """AVAIL and USED of a descriptor that is made available at this position."""
    return AVAIL if at & WRAP else USED


def used(at):
    return AVAIL | USED if at & WRAP else 0


class PackedRing(Ring):
    packed = True

    def __init__(self, memory, size, event_idx=True, region=None):
        super().__init__(memory, size, event_idx)
        self.desc = memory.alloc(16 * size, 16, region)
        self.driver_event = memory.alloc(4, 4, region)
        self.device_event = memory.alloc(4, 4, region)
        self.region = region
        self.tables = {}
        self.start()

    def start(self, at=FRESH):
        """Forget everything, as a driver does that starts; it is at this position."""
        self.added = self.published = self.seen = at
        self.n_free = self.size
        self.ids = list(range(self.size - 1, -1, -1))
        self.chains = {}
        self.first_flags = None
        self.memory.write(self.desc, bytes(16 * self.size))
        for n in range(self.size):
            slot = self.advance(at, n)
            self.set_flags(slot, used(slot ^ WRAP))
        self.memory.write(self.driver_event, bytes(4))
        self.memory.write(self.device_event, bytes(4))

    def addresses(self):
        return self.desc, self.driver_event, self.device_event

    def base(self):
        return self.seen * 0x10001

    def advance(self, at, n):
        slot = (at & ~WRAP) + n
        if slot >= self.size:
            return slot - self.size | (at & WRAP) ^ WRAP
        return slot | at & WRAP

    # Lists.
    def add(self, buffers, indirect=False, table_flags=0):
        if indirect:
            table = self.take_table(16 * len(buffers))
            self.memory.write(table, self.table_of(buffers))
            return self.add_entries([(table, 16 * len(buffers), INDIRECT | table_flags)])
        return self.add_entries([(b.gpa, b.size, WRITE if b.write else 0) for b in buffers])

    def take_table(self, size):
        """Memory for an indirect table: that of the next id, which nobody else can be using."""
        gpa, room = self.tables.get(self.ids[-1], (0, 0))
        if room < size:
            gpa = self.memory.alloc(size, 16, self.region)
            self.tables[self.ids[-1]] = gpa, size
        return gpa

    def add_entries(self, entries):
        """A list of descriptors given as (address, length, flags); NEXT is added here."""
        if len(entries) > self.n_free:
            raise AssertionError("the test puts more into the ring than it holds")
        id_ = self.ids.pop()
        for i, (gpa, size, flags) in enumerate(entries):
            last = i == len(entries) - 1
            self.put(gpa, size, id_ if last else JUNK_ID, flags | (0 if last else NEXT))
        self.chains[id_] = len(entries)
        return id_

    def put(self, gpa, size, id_, flags):
        """A descriptor. The first that is not published yet stays invisible."""
        at = self.added
        self.memory.write(self.desc + 16 * (at & ~WRAP), struct.pack("<QIH", gpa, size, id_))
        if at == self.published and self.first_flags is None:
            self.first_flags = flags | available(at)
        else:
            self.set_flags(at, flags | available(at))
        self.added = self.advance(at, 1)
        self.n_free -= 1

    def publish(self):
        if self.first_flags is None:
            return False
        old, self.published = self.published, self.added
        self.set_flags(old, self.first_flags)
        self.first_flags = None
        full_fence()
        at, flags = self.event(self.device_event)
        if flags != DESC:
            return flags == ENABLE
        return self.distance(old, at) < self.distance(old, self.added)

    def distance(self, start, end):
        """Slots from one position forward to another, within two rounds."""
        n = (end & ~WRAP) - (start & ~WRAP)
        return (n + (self.size if (start ^ end) & WRAP else 0)) % (2 * self.size)

    def reap(self):
        new = []
        while self.has_used():
            flags = self.flags(self.seen)
            size, id_ = struct.unpack("<IH",
                                      self.memory.read(self.desc + 16 * (self.seen & ~WRAP) + 8, 6))
            if id_ not in self.chains:
                raise AssertionError(f"used id {id_} is not in flight")
            if flags & ~(AVAIL | USED | WRITE):
                raise AssertionError(f"used flags 0x{flags:x}")
            if size and not flags & WRITE:
                raise AssertionError("a used length without WRITE")
            if flags & WRITE and not size:
                raise AssertionError("WRITE, and nothing was written")
            n = self.chains.pop(id_)
            self.ids.append(id_)
            self.n_free += n
            self.seen = self.advance(self.seen, n)
            new.append(Used(id_, size))
        return new

    def has_used(self):
        return self.flags(self.seen) & (AVAIL | USED) == used(self.seen)

    def want_calls(self, wanted):
        flags = DESC if self.event_idx else ENABLE
        self.set_driver_event(self.seen, flags if wanted else DISABLE)
        full_fence()

    @staticmethod
    def table_of(buffers):
        """An indirect table, with junk in what means nothing there."""
        return b"".join(struct.pack("<QIHH", b.gpa, b.size, JUNK_ID,
                                    JUNK_FLAGS | (WRITE if b.write else 0)) for b in buffers)

    # Raw access.
    def set_desc(self, at, gpa, size, id_, flags):
        """A descriptor as it stands, AVAIL and USED too, its flags last."""
        self.memory.write(self.desc + 16 * (at & ~WRAP), struct.pack("<QIH", gpa, size, id_))
        self.set_flags(at, flags)

    def flags(self, at):
        return self.memory.load16(self.desc + 16 * (at & ~WRAP) + 14)

    def set_flags(self, at, flags):
        self.memory.store16(self.desc + 16 * (at & ~WRAP) + 14, flags)

    def event(self, gpa):
        """An event area: position and flags."""
        return struct.unpack("<HH", self.memory.read(gpa, 4))

    def set_driver_event(self, at, flags):
        self.memory.store16(self.driver_event, at)
        self.memory.store16(self.driver_event + 2, flags)
