# SPDX-License-Identifier: MIT
"""The VMM's end of vhost-user: messages with their descriptors, and their replies."""

import array
import enum
import select
import socket
import struct

from . import wait

VERSION, REPLY, NEED_REPLY = 1, 4, 8
NO_FD = 1 << 8


class Msg(enum.IntEnum):
    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    RESET_OWNER = 4
    SET_MEM_TABLE = 5
    SET_LOG_BASE = 6
    SET_LOG_FD = 7
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    SET_VRING_ERR = 14
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    GET_QUEUE_NUM = 17
    SET_VRING_ENABLE = 18
    SEND_RARP = 19
    NET_SET_MTU = 20
    SET_BACKEND_REQ_FD = 21
    IOTLB_MSG = 22
    SET_VRING_ENDIAN = 23
    GET_CONFIG = 24
    SET_CONFIG = 25
    POSTCOPY_ADVISE = 28
    GET_INFLIGHT_FD = 31
    SET_INFLIGHT_FD = 32
    GPU_SET_SOCKET = 33
    RESET_DEVICE = 34
    VRING_KICK = 35
    GET_MAX_MEM_SLOTS = 36
    ADD_MEM_REG = 37
    REM_MEM_REG = 38
    SET_STATUS = 39
    GET_STATUS = 40
    GET_SHMEM_CONFIG = 44


class Proto(enum.IntEnum):
    """Bits of the protocol features."""
    MQ = 0
    LOG_SHMFD = 1
    REPLY_ACK = 3
    BACKEND_REQ = 5
    CONFIG = 9
    BACKEND_SEND_FD = 10
    INFLIGHT_SHMFD = 12
    RESET_DEVICE = 13
    INBAND = 14
    CONFIGURE_MEM_SLOTS = 15
    STATUS = 16
    XEN_MMAP = 17


class Closed(AssertionError):
    """The daemon closed the connection."""


def u64(value):
    return struct.pack("<Q", value)


class Connection:
    """One connection of a VMM. Replies are checked for their form."""

    def __init__(self, sock, daemon):
        self.sock = sock
        self.daemon = daemon
        self.protocol = 0

    def close(self):
        self.sock.close()

    def has(self, bit):
        return bool(self.protocol >> bit & 1)

    def send(self, request, payload=b"", fds=(), flags=VERSION, size=None):
        """Send one message; size and flags may be wrong on purpose."""
        size = len(payload) if size is None else size
        self.send_raw(struct.pack("<III", request, flags, size) + payload, fds)

    def send_raw(self, data, fds=()):
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        while data:
            wait.wait_fd(self.sock.fileno(), "room in the vhost-user socket", self.daemon,
                         select.POLLOUT)
            n = self.sock.sendmsg([data], ancillary)
            data, ancillary = data[n:], []

    def read(self, size):
        data = b""
        while len(data) < size:
            wait.wait_fd(self.sock.fileno(), "a vhost-user reply", self.daemon)
            try:
                more = self.sock.recv(size - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed("the daemon closed the vhost-user connection" +
                             wait.said(self.daemon))
            data += more
        return data

    def reply(self, request):
        """Read the reply to request; returns its payload."""
        got, flags, size = struct.unpack("<III", self.read(12))
        payload = self.read(size)
        if got != request or flags & 3 != VERSION or not flags & REPLY:
            raise AssertionError(f"reply {got}, flags {flags:#x} to request {request}")
        return payload

    def ask(self, request, payload=b"", fds=()):
        """A request that always has a reply."""
        self.send(request, payload, fds)
        return self.reply(request)

    def ask_u64(self, request, payload=b""):
        return struct.unpack("<Q", self.ask(request, payload))[0]

    def tell(self, request, payload=b"", fds=()):
        """A request without a reply of its own: asks for an acknowledgement where it can."""
        error = self.try_tell(request, payload, fds)
        if error:
            raise AssertionError(f"{Msg(request).name} was answered with {error}" +
                                 wait.said(self.daemon))

    def try_tell(self, request, payload=b"", fds=()):
        """The same, but returns the acknowledgement: 0 for success."""
        if not self.has(Proto.REPLY_ACK):
            self.send(request, payload, fds)
            return 0
        self.send(request, payload, fds, VERSION | NEED_REPLY)
        return struct.unpack("<Q", self.reply(request))[0]

    def is_closed(self):
        """Wait for the daemon to close the connection, whatever it sends before."""
        while True:
            wait.wait_fd(self.sock.fileno(), "the daemon's end of the connection", self.daemon)
            try:
                if not self.sock.recv(4096):
                    return True
            except ConnectionResetError:
                return True

    # Messages by name.
    def get_features(self):
        return self.ask_u64(Msg.GET_FEATURES)

    def get_protocol_features(self):
        return self.ask_u64(Msg.GET_PROTOCOL_FEATURES)

    def set_protocol_features(self, bits):
        self.send(Msg.SET_PROTOCOL_FEATURES, u64(bits))
        self.protocol = bits

    def vring_state(self, request, index, number):
        self.tell(request, struct.pack("<II", index, number))

    def vring_fd(self, request, index, fd):
        if fd is None:
            self.tell(request, u64(index | NO_FD))
        else:
            self.tell(request, u64(index), [fd])

    def set_vring_addr(self, index, desc, used, avail, flags=0, log=0):
        self.tell(Msg.SET_VRING_ADDR, vring_addr(index, desc, used, avail, flags, log))

    def get_vring_base(self, index):
        payload = self.ask(Msg.GET_VRING_BASE, struct.pack("<II", index, 0))
        got, base = struct.unpack("<II", payload)
        if got != index:
            raise AssertionError(f"GET_VRING_BASE of queue {index} answers for {got}")
        return base

    def get_config(self, offset=0, size=16):
        payload = self.ask(Msg.GET_CONFIG, struct.pack("<III", offset, size, 0) + bytes(size))
        if len(payload) != 12 + size:
            raise AssertionError(f"GET_CONFIG of {size} bytes answers with {len(payload) - 12}")
        if struct.unpack_from("<II", payload) != (offset, size):
            raise AssertionError("GET_CONFIG answers for another range")
        return payload[12:]

    def set_config(self, offset, data, flags=0):
        return self.try_tell(Msg.SET_CONFIG, struct.pack("<III", offset, len(data), flags) + data)

    def get_status(self):
        return self.ask_u64(Msg.GET_STATUS)

    def set_status(self, status):
        self.tell(Msg.SET_STATUS, u64(status))

    def barrier(self):
        """Come back when the daemon has handled all messages before this one."""
        self.get_features()


def vring_addr(index, desc, used, avail, flags=0, log=0):
    return struct.pack("<IIQQQQ", index, flags, desc, used, avail, log)


def region_of(region):
    return struct.pack("<QQQQ", region.gpa, region.size, region.user, region.offset)


def mem_table(regions):
    return struct.pack("<II", len(regions), 0) + b"".join(map(region_of, regions))


def one_region(region):
    return u64(0) + region_of(region)
