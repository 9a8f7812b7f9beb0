# SPDX-License-Identifier: MIT
"""A virtual machine as the daemon sees one: QEMU's messages in QEMU's order, memory, two queues."""

import os
import socket

from . import gpu, memory as mem, vhost
from .queue import Queue, drain
from .vhost import Msg, Proto

# What QEMU's device offers its guest, and a Linux guest takes.
FEATURES = (1 << gpu.F_EDID | 1 << gpu.F_RESOURCE_UUID | 1 << gpu.F_INDIRECT_DESC |
            1 << gpu.F_EVENT_IDX | 1 << gpu.F_VERSION_1)

# Tests that do not care which rings they use are run once more with packed ones.
ALL_PACKED = "ORIEL_WIRE_PACKED" in os.environ

PROTOCOL = (1 << Proto.MQ | 1 << Proto.REPLY_ACK | 1 << Proto.BACKEND_REQ | 1 << Proto.CONFIG |
            1 << Proto.BACKEND_SEND_FD | 1 << Proto.RESET_DEVICE | 1 << Proto.STATUS |
            1 << Proto.CONFIGURE_MEM_SLOTS)

FEATURES_OK = 8
NEEDS_RESET = 64


class Vm:
    """features: what the guest acknowledges. queue_sizes: None for one that it never sets up.

    display: a QemuDisplay whose socket is handed over at each start, or None.
    """

    def __init__(self, daemon, sock, memory=None, features=FEATURES, protocol=PROTOCOL,
                 queue_sizes=(64, 16), display=None):
        self.daemon = daemon
        self.conn = vhost.Connection(sock, daemon)
        self.memory = mem.Memory.plain() if memory is None else memory
        self.features = features | (1 << gpu.F_RING_PACKED if ALL_PACKED else 0)
        self.wanted_protocol = protocol
        self.display = display
        self.shared = []
        self.backend = None
        self.running = False
        self.closed = False
        event_idx = bool(features >> gpu.F_EVENT_IDX & 1)
        indirect = bool(features >> gpu.F_INDIRECT_DESC & 1)
        packed = bool(self.features >> gpu.F_RING_PACKED & 1)
        self.queues = []
        for i, size in enumerate(queue_sizes):
            queue = None
            if size is not None:
                queue = Queue(i, self.memory, size, event_idx, indirect, packed=packed)
                queue.daemon = daemon
            self.queues.append(queue)

    @property
    def control(self):
        return self.queues[0]

    @property
    def cursor(self):
        return self.queues[1]

    def set_up_queues(self):
        return [queue for queue in self.queues if queue is not None]

    def close(self):
        """Go, as a VMM that ends; twice is fine."""
        if self.closed:
            return
        self.closed = True
        self.conn.close()
        for queue in self.set_up_queues():
            queue.close()
        if self.backend is not None:
            self.backend.close()
        self.memory.close()

    # As QEMU does it.
    def connect(self):
        """What comes before the guest runs."""
        conn = self.conn
        self.offered = conn.get_features()
        self.offered_protocol = conn.get_protocol_features()
        conn.set_protocol_features(self.offered_protocol & self.wanted_protocol)
        if conn.has(Proto.MQ):
            self.n_queues = conn.ask_u64(Msg.GET_QUEUE_NUM)
        if conn.has(Proto.CONFIGURE_MEM_SLOTS):
            self.max_slots = conn.ask_u64(Msg.GET_MAX_MEM_SLOTS)
        if conn.has(Proto.BACKEND_REQ):
            self.backend, theirs = socket.socketpair()
            conn.tell(Msg.SET_BACKEND_REQ_FD, fds=[theirs.fileno()])
            theirs.close()
        conn.send(Msg.SET_OWNER)
        conn.get_features()
        for i in range(len(self.queues)):
            self.tell_call_fd(i)
            self.tell_err_fd(i)
        self.tell_reset()
        return self

    def tell_call_fd(self, i):
        queue = self.queues[i]
        self.conn.vring_fd(Msg.SET_VRING_CALL, i, None if queue is None else queue.call_fd)

    def tell_err_fd(self, i):
        queue = self.queues[i]
        self.conn.vring_fd(Msg.SET_VRING_ERR, i, None if queue is None else queue.err_fd)

    def tell_reset(self):
        if self.conn.has(Proto.RESET_DEVICE):
            self.conn.send(Msg.RESET_DEVICE)

    def hand_display(self):
        """A new socket for the display, as at each start."""
        if self.display is not None:
            theirs = self.display.new_socket()
            self.conn.send(Msg.GPU_SET_SOCKET, fds=[theirs.fileno()])
            theirs.close()

    def start(self, bases=None):
        """The guest's driver is ready, or the machine goes on: bases as the last stop told them."""
        conn = self.conn
        self.hand_display()
        for i in range(len(self.queues)):
            self.tell_call_fd(i)
        self.tell_features()
        if conn.has(Proto.STATUS):
            conn.get_status()
            conn.set_status(FEATURES_OK)
        self.share_memory()
        for i, queue in enumerate(self.queues):
            if queue is not None:
                self.set_up(queue, queue.ring.base() if bases is None else bases[i])
        for i in range(len(self.queues)):
            conn.vring_state(Msg.SET_VRING_ENABLE, i, 1)
        for i in range(len(self.queues)):
            self.tell_call_fd(i)
        self.running = True
        return self

    def tell_features(self, features=None):
        features = self.features if features is None else features
        self.conn.send(Msg.SET_FEATURES, vhost.u64(features | 1 << gpu.F_VHOST_PROTOCOL))

    def share_memory(self):
        """Tell of the regions that the daemon does not know yet."""
        new = [region for region in self.memory.regions if region not in self.shared]
        if not self.conn.has(Proto.CONFIGURE_MEM_SLOTS):
            if new:
                self.set_mem_table()
            return
        for region in new:
            self.add_region(region)

    def add_region(self, region):
        self.conn.tell(Msg.ADD_MEM_REG, vhost.one_region(region), [region.fd])
        self.shared.append(region)

    def remove_region(self, region):
        self.conn.tell(Msg.REM_MEM_REG, vhost.one_region(region))
        self.shared.remove(region)

    def set_mem_table(self):
        regions = self.memory.regions
        self.conn.tell(Msg.SET_MEM_TABLE, vhost.mem_table(regions), [r.fd for r in regions])
        self.shared = list(regions)

    def set_up(self, queue, base):
        conn = self.conn
        conn.vring_state(Msg.SET_VRING_NUM, queue.index, queue.ring.size)
        conn.vring_state(Msg.SET_VRING_BASE, queue.index, base)
        self.tell_addresses(queue)
        conn.vring_fd(Msg.SET_VRING_KICK, queue.index, queue.kick_fd)

    def tell_addresses(self, queue):
        desc, avail, used = (self.memory.user(gpa) for gpa in queue.ring.addresses())
        self.conn.set_vring_addr(queue.index, desc, used, avail)

    def stop(self):
        """The machine pauses, or its driver went. Returns the bases for the next start."""
        if self.display is not None:
            self.display.close_socket()
        for i in range(len(self.queues)):
            self.conn.vring_state(Msg.SET_VRING_ENABLE, i, 0)
        bases = [None if queue is None else self.conn.get_vring_base(i)
                 for i, queue in enumerate(self.queues)]
        for i in range(len(self.queues)):
            self.tell_call_fd(i)
        self.running = False
        return bases

    def reset(self):
        """The guest resets its device, or reboots."""
        self.stop()
        self.tell_reset()
        self.forget_rings()

    def forget_rings(self):
        for queue in self.set_up_queues():
            queue.restart()

    def reboot(self):
        self.reset()
        self.start()

    def needs_reset(self):
        return bool(self.conn.get_status() & NEEDS_RESET)


def n_events(fd):
    return drain(fd)


def new_eventfd():
    return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
