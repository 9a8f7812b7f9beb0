# SPDX-License-Identifier: MIT
"""A driver of an input device (virtio 1.3, 5.8), on vhost-user as QEMU's vhost-user-input has it."""

import struct

from . import gpu, wait
from .ring import Buffer
from .vm import Vm

FEATURES = 1 << gpu.F_INDIRECT_DESC | 1 << gpu.F_EVENT_IDX | 1 << gpu.F_VERSION_1

CONFIG_SIZE = 136
ID_NAME, ID_SERIAL, ID_DEVIDS, PROP_BITS, EV_BITS, ABS_INFO = 1, 2, 3, 0x10, 0x11, 0x12
EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_LED, EV_REP = 0, 1, 2, 3, 0x11, 0x14
REL_HWHEEL, REL_WHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES = 6, 8, 11, 12
BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA = range(0x110, 0x115)
KEY_ESC, KEY_A, KEY_B, KEY_LEFTSHIFT = 1, 30, 48, 42
SYN = (EV_SYN, 0, 0)


class InputMachine:
    """The device's queues, as a guest's driver uses them. QEMU's rings have 4 entries."""

    def __init__(self, daemon, path, size=4, features=FEATURES):
        self.daemon = daemon
        self.vm = Vm(daemon, daemon.connect_to(path), features=features, queue_sizes=(size, size))
        self.vm.connect()

    def close(self):
        self.vm.close()

    @property
    def events(self):
        return self.vm.queues[0]

    @property
    def status(self):
        return self.vm.queues[1]

    # The configuration space, as QEMU lets the guest at it: always the whole.
    def select(self, select, subsel=0):
        """Returns the size and the value, 128 bytes."""
        self.vm.conn.set_config(0, bytes([select, subsel]) + b"\xee" * (CONFIG_SIZE - 2))
        config = self.vm.conn.get_config(0, CONFIG_SIZE)
        if config[:2] != bytes([select, subsel]) or config[3:8] != bytes(5):
            raise AssertionError(f"the configuration space begins with {config[:8].hex()}")
        return config[2], config[8:]

    def text(self, select):
        size, value = self.select(select)
        return value[:size].decode()

    def bits(self, type_):
        """The codes of a type, as a set."""
        size, value = self.select(EV_BITS, type_)
        return {i for i in range(8 * size) if value[i // 8] >> i % 8 & 1}

    # Events.
    def start(self, bases=None, fill=True):
        self.vm.start(bases)
        if fill:
            self.fill()
        return self

    def add(self, *sizes):
        """Add a chain for each size."""
        for size in sizes:
            gpa = self.events.scratch(max(size, 1))
            self.vm.memory.write(gpa, b"\xA5" * size)
            self.events.add_buffers([Buffer(gpa, size, True)], indirect=False)
        self.events.publish()

    def fill(self):
        """All of the ring: buffers of 8 bytes."""
        self.add(*[8] * (self.events.ring.size - len(self.events.pending)))

    def collect(self, refill=False):
        """What came by now: (type, code, value), or the length of a buffer that is no event."""
        got = []
        for answer in self.events.collect():
            if answer.size == 8:
                got.append(struct.unpack("<HHi", answer.raw))
            else:
                got.append(answer.size)
        if refill and got:
            self.fill()
        return got

    def read(self, n, refill=True):
        """Wait for n events, putting new buffers into the ring as they come."""
        got = []
        while len(got) < n:
            got += self.collect(refill)
            if len(got) >= n:
                break
            self.events.ring.want_calls(True)
            if not self.events.ring.has_used():
                wait.wait_fd(self.events.call_fd, f"event {len(got)} of {n}: {got}", self.daemon)
                self.events.n_calls()
        return got

    def read_reports(self, n):
        """n reports, each a list of events without its SYN."""
        reports, current = [], []
        while len(reports) < n:
            for event in self.read(1):
                if event == SYN:
                    reports.append(current)
                    current = []
                else:
                    current.append(event)
        if current:
            raise AssertionError(f"events of another report: {current}")
        return reports
