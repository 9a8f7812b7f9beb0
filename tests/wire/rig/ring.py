# SPDX-License-Identifier: MIT
"""Virtio rings from the driver's side.

`Ring` is what a queue needs of any ring; `SplitRing` is the split one (virtio 1.3, 2.7), with raw
access for tests that break its rules. For the packed one see packed_ring.py.
"""

import struct
import threading
from typing import NamedTuple

NEXT, WRITE, INDIRECT = 1, 2, 4
NO_INTERRUPT = 1
NO_NOTIFY = 1


class Buffer(NamedTuple):
    """A piece of guest memory in a chain; write: the device may write it."""
    gpa: int
    size: int
    write: bool = False


class Used(NamedTuple):
    id: int
    size: int


def full_fence(lock=threading.Lock()):
    """Order a store before a later load, as the driver must around the event fields."""
    with lock:
        pass


class Ring:
    """A ring of `size` entries in guest memory."""

    packed = False

    def __init__(self, memory, size, event_idx):
        self.memory = memory
        self.size = size
        self.event_idx = event_idx

    def start(self, at):
        """Forget everything, as a driver does that starts; by default where fresh rings do."""
        raise NotImplementedError

    def addresses(self):
        """Guest addresses of the three parts: descriptors, driver's area, device's area."""
        raise NotImplementedError

    def base(self):
        """What SET_VRING_BASE is told for this ring as it is now, with nothing in flight."""
        raise NotImplementedError

    def add(self, buffers, indirect=False, table_flags=0):
        """Make a chain available, but do not publish it. Returns its id."""
        raise NotImplementedError

    def publish(self):
        """Show the device what was added. Returns whether it wants a kick for it."""
        raise NotImplementedError

    @staticmethod
    def table_of(buffers):
        """The bytes of an indirect table for a chain of buffers."""
        raise NotImplementedError

    def reap(self):
        """Take the used entries that are new, as a list of Used."""
        raise NotImplementedError

    def has_used(self):
        """Whether there are used entries that were not taken."""
        raise NotImplementedError

    def want_calls(self, wanted):
        """Ask for an interrupt at the next used entry, or for none (a hint)."""
        raise NotImplementedError


class SplitRing(Ring):
    def __init__(self, memory, size, event_idx=True, region=None):
        super().__init__(memory, size, event_idx)
        self.desc = memory.alloc(16 * size, 16, region)
        self.avail = memory.alloc(6 + 2 * size, 2, region)
        self.used = memory.alloc(6 + 8 * size, 4, region)
        self.region = region
        self.tables = {}
        self.start()

    def start(self, index=0):
        """Forget everything, as a driver does that starts; rings run from index on."""
        self.memory.write(self.desc, bytes(16 * self.size))
        self.memory.write(self.avail, bytes(6 + 2 * self.size))
        self.memory.write(self.used, bytes(6 + 8 * self.size))
        self.free = list(range(self.size - 1, -1, -1))
        self.chains = {}
        self.added = self.published = self.seen = index & 0xFFFF
        self.memory.store16(self.avail + 2, index)
        self.memory.store16(self.used + 2, index)
        self.used_event = index
        self.memory.store16(self.used + 4 + 8 * self.size, index)

    def addresses(self):
        return self.desc, self.avail, self.used

    def base(self):
        return self.seen

    # Chains.
    def add(self, buffers, indirect=False, table_flags=0):
        if indirect:
            table = self.take_table(16 * len(buffers))
            self.memory.write(table, self.table_of(buffers))
            entries = [(table, 16 * len(buffers), INDIRECT | table_flags)]
        else:
            entries = [(b.gpa, b.size, WRITE if b.write else 0) for b in buffers]
        return self.add_entries(entries)

    def take_table(self, size):
        """Memory for an indirect table: that of the next head, which nobody else can be using."""
        head = self.free[-1] if self.free else None
        gpa, room = self.tables.get(head, (0, 0))
        if room < size:
            gpa = self.memory.alloc(size, 16, self.region)
            self.tables[head] = gpa, size
        return gpa

    def add_entries(self, entries):
        """Chain descriptors given as (address, length, flags); NEXT is added here."""
        if len(entries) > len(self.free):
            raise AssertionError("the test puts more into the ring than it holds")
        slots = [self.free.pop() for _ in entries]
        for i, (gpa, size, flags) in enumerate(entries):
            last = i == len(entries) - 1
            self.set_desc(slots[i], gpa, size, flags | (0 if last else NEXT),
                          0 if last else slots[i + 1])
        self.chains[slots[0]] = slots
        self.add_head(slots[0])
        return slots[0]

    def add_head(self, head):
        self.memory.store16(self.avail + 4 + 2 * (self.added % self.size), head)
        self.added = (self.added + 1) & 0xFFFF

    def publish(self):
        old, self.published = self.published, self.added
        self.set_avail_idx(self.added)
        full_fence()
        if not self.event_idx:
            return not self.used_flags & NO_NOTIFY
        passed = (self.added - self.avail_event - 1) & 0xFFFF
        return passed < (self.added - old) & 0xFFFF

    def reap(self):
        new = []
        while self.seen != self.used_idx:
            entry = self.used_entry(self.seen)
            self.seen = (self.seen + 1) & 0xFFFF
            if entry.id not in self.chains:
                raise AssertionError(f"used id {entry.id} is not in flight")
            self.free.extend(reversed(self.chains.pop(entry.id)))
            new.append(entry)
        return new

    def has_used(self):
        return self.seen != self.used_idx

    def want_calls(self, wanted):
        if self.event_idx:
            self.used_event = self.seen if wanted else self.seen - 1 - self.size
        else:
            self.avail_flags = 0 if wanted else NO_INTERRUPT
        full_fence()

    @staticmethod
    def table_of(buffers):
        """An indirect table for a chain of buffers."""
        entries = []
        for i, b in enumerate(buffers):
            last = i == len(buffers) - 1
            flags = (WRITE if b.write else 0) | (0 if last else NEXT)
            entries.append(struct.pack("<QIHH", b.gpa, b.size, flags, 0 if last else i + 1))
        return b"".join(entries)

    # Raw access.
    def set_desc(self, i, gpa, size, flags, next_index=0):
        self.memory.write(self.desc + 16 * i, struct.pack("<QIHH", gpa, size, flags, next_index))

    def set_avail_idx(self, index):
        self.memory.store16(self.avail + 2, index)

    def set_avail_entry(self, i, head):
        self.memory.store16(self.avail + 4 + 2 * (i % self.size), head)

    @property
    def avail_flags(self):
        return self.memory.load16(self.avail)

    @avail_flags.setter
    def avail_flags(self, value):
        self.memory.store16(self.avail, value)

    @property
    def used_event(self):
        return self.memory.load16(self.avail + 4 + 2 * self.size)

    @used_event.setter
    def used_event(self, value):
        self.memory.store16(self.avail + 4 + 2 * self.size, value)

    @property
    def used_flags(self):
        return self.memory.load16(self.used)

    @property
    def used_idx(self):
        return self.memory.load16(self.used + 2)

    @property
    def avail_event(self):
        return self.memory.load16(self.used + 4 + 8 * self.size)

    def used_entry(self, index):
        at = self.used + 4 + 8 * (index % self.size)
        return Used(*struct.unpack("<II", self.memory.read(at, 8)))
