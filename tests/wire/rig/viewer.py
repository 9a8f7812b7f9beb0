# SPDX-License-Identifier: MIT
"""A client of Oriel's display socket, written from docs/display-protocol.md, version 1."""

import array
import fcntl
import mmap
import os
import socket
import struct

from . import wait
from .dmabuf import DmaBuf
from .gpu import Rect

MAGIC = 0x4C49524F
HELLO, SUBSCRIBE, TAKEN, RELEASED, GET_SNAPSHOT, PING = 1, 2, 3, 4, 5, 6
WELCOME, ERROR, BUFFER, GONE, CONFIG = 0x101, 0x102, 0x103, 0x104, 0x105
FRAME, CURSOR_IMAGE, CURSOR, SNAPSHOT, PONG = 0x106, 0x107, 0x108, 0x109, 0x10A
KEY, POINTER, BUTTON, WHEEL, INPUT_SYNC, INPUT_DONE = 0x40, 0x41, 0x42, 0x43, 0x44, 0x140
SET_SIZE, SIZE_SET = 0x50, 0x150
BUFFER_DMABUF = 1
FEATURE_DMABUF, FEATURE_INPUT, FEATURE_SIZES = 1, 2, 4

PROTOCOL, VERSION, TOO_MANY_CLIENTS, OVER_BUDGET, NO_SUCH_SCANOUT, SCANOUT_OFF = 1, 2, 3, 4, 5, 6
NOT_OURS, BAD_SIZE = 10, 11

SIZES = {WELCOME: 48, ERROR: 20, BUFFER: 56, GONE: 12, CONFIG: 32, FRAME: 40, CURSOR_IMAGE: 40,
         CURSOR: 32, SNAPSHOT: 88, PONG: 12, SIZE_SET: 12, INPUT_DONE: 16}

F_ADD_SEALS, F_GET_SEALS = 1033, 1034
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW, SEAL_WRITE, SEAL_FUTURE_WRITE = 1, 2, 4, 8, 16


class Refused(AssertionError):
    """The server answered with ERROR."""

    def __init__(self, token, code, text):
        super().__init__(f"error {code} for token {token}: {text}")
        self.token = token
        self.code = code
        self.text = text


class Closed(AssertionError):
    """The server closed the connection."""


class Snapshot:
    """One exact picture: B G R X, X = 255, and the cursor that lies over it."""

    def __init__(self, fields, data):
        (self.token, self.scanout, self.buffer, self.flags, self.size, self.stride, self.fourcc,
         self.width, self.height, self.sequence, self.cursor_x, self.cursor_y, self.hot_x,
         self.hot_y, self.cursor_serial, self.cursor_offset) = fields
        if self.fourcc != 0x34325258 or self.stride != self.width * 4:
            raise AssertionError(f"snapshot of format {self.fourcc:#x}, stride {self.stride}")
        self.pixels = data[:self.stride * self.height]
        self.cursor = None
        if self.flags & 1:
            self.cursor = data[self.cursor_offset:self.cursor_offset + 64 * 64 * 4]


class Buffer:
    def __init__(self, fields, fd):
        (self.id, self.flags, self.size, self.stride, self.fourcc, self.width, self.height,
         self.modifier, self.offset) = fields
        self.dmabuf = None
        if self.flags & BUFFER_DMABUF:
            self.dmabuf = DmaBuf(fd, self.width, self.height, self.stride, self.fourcc,
                                 self.modifier, offset=self.offset)
            self.map = self.dmabuf
            return
        self.seals = fcntl.fcntl(fd, F_GET_SEALS)
        self.writable = can_map_writable(fd, self.size)
        if os.fstat(fd).st_size < self.size:
            raise AssertionError(f"buffer of {self.size} bytes in a file of {os.fstat(fd).st_size}")
        self.map = mmap.mmap(fd, self.size, mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)

    def crop(self, rect):
        rows = []
        for y in range(rect.y, rect.y + rect.height):
            at = self.offset + y * self.stride + rect.x * 4
            rows.append(self.map[at:at + rect.width * 4])
        return b"".join(rows)


def can_map_writable(fd, size):
    try:
        mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE).close()
        return True
    except PermissionError:
        return False


class Viewer:
    """Connects and says HELLO. Events that nobody waits for are kept in `events`."""

    def __init__(self, daemon, hello=True):
        self.daemon = daemon
        self.sock = daemon.connect_to(daemon.display_path)
        self.data = b""
        self.fds = []
        self.events = []
        self.buffers = {}
        self.configs = {}
        self.token = 0
        if hello:
            self.hello()

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []
        for buffer in self.buffers.values():
            buffer.map.close()
        self.buffers = {}

    def send(self, type_, body=b"", flags=0):
        self.sock.sendall(struct.pack("<IHBB", 8 + len(body), type_, flags, 0) + body)

    def hello(self, version=1, features=0):
        self.send(HELLO, struct.pack("<IIQ", MAGIC, version, features))
        (magic, self.version, self.features, self.n_scanouts, self.max_message,
         self.max_held, self.max_snapshots, _) = self.expect(WELCOME)
        if magic != MAGIC:
            raise AssertionError(f"WELCOME's magic is {magic:#x}")

    # Receiving.
    def read_message(self, seconds=None):
        """The next message as (type, body, descriptor or None)."""
        while True:
            if len(self.data) >= 8:
                size, type_, flags, n_fds = struct.unpack_from("<IHBB", self.data)
                if not 8 <= size <= 65536 or n_fds > 1:
                    raise AssertionError(f"message {type_:#x} of {size} bytes, {n_fds} descriptors")
                if len(self.data) >= size:
                    body, self.data = self.data[8:size], self.data[size:]
                    return type_, body, self.fds.pop(0) if n_fds else None
            self.receive(seconds)

    def receive(self, seconds):
        wait.wait_fd(self.sock.fileno(), "a message on the display socket", self.daemon,
                     seconds=seconds)
        try:
            data, ancillary, flags, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(16 * 4),
                                                          socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            data, ancillary = b"", []
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(payload[:len(payload) // 4 * 4])
                self.fds.extend(fds)
        if not data:
            raise Closed("the daemon closed the display socket")
        self.data += data

    def next_event(self, seconds=None):
        """Read one message and act on it; returns (type, fields)."""
        type_, body, fd = self.read_message(seconds)
        if type_ not in SIZES or len(body) + 8 < SIZES[type_]:
            raise AssertionError(f"message {type_:#x} of {len(body) + 8} bytes")
        return self.decode(type_, body, fd)

    def decode(self, type_, body, fd):
        if type_ == ERROR:
            token, code, size = struct.unpack_from("<III", body)
            raise Refused(token, code, body[12:12 + size].decode())
        if type_ == SNAPSHOT:
            return type_, self.take_snapshot(body, fd)
        if type_ == BUFFER:
            buffer = Buffer(struct.unpack_from("<IIQIIIIQQ", body), fd)
            if buffer.id == 0 or buffer.id in self.buffers:
                raise AssertionError(f"buffer {buffer.id} is announced again")
            self.buffers[buffer.id] = buffer
            return type_, buffer
        if type_ == CONFIG:
            return type_, self.take_config(*struct.unpack_from("<6I", body))
        if type_ == FRAME:
            scanout, _, sequence, *rect = struct.unpack_from("<IIQ4I", body)
            return type_, self.check_frame(scanout, sequence, Rect(*rect))
        if type_ == CURSOR_IMAGE:
            scanout, width, height, hot_x, hot_y, _, serial = struct.unpack_from("<6IQ", body)
            return type_, (scanout, width, height, hot_x, hot_y, serial, body[32:])
        forms = {WELCOME: "<IIQIIQII", GONE: "<I", CURSOR: "<IIiiQ", PONG: "<I", SIZE_SET: "<I",
                 INPUT_DONE: "<II"}
        return type_, struct.unpack_from(forms[type_], body)

    def take_snapshot(self, body, fd):
        fields = struct.unpack_from("<4IQ4IQii2IQQ", body)
        seals = fcntl.fcntl(fd, F_GET_SEALS)
        if not seals & SEAL_WRITE or not seals & SEAL_SHRINK:
            raise AssertionError(f"the snapshot's seals are {seals:#x}")
        with mmap.mmap(fd, fields[4], mmap.MAP_SHARED, mmap.PROT_READ) as view:
            data = view[:]
        os.close(fd)
        return Snapshot(fields, data)

    def take_config(self, scanout, buffer, x, y, width, height):
        if buffer == 0:
            self.configs.pop(scanout, None)
            return scanout, None, Rect(0, 0, 0, 0)
        if buffer not in self.buffers:
            raise AssertionError(f"CONFIG names buffer {buffer}, which was not announced")
        held = self.buffers[buffer]
        if x + width > held.width or y + height > held.height or not width or not height:
            raise AssertionError(f"CONFIG {x},{y} {width}x{height} of a buffer "
                                 f"{held.width}x{held.height}")
        self.configs[scanout] = (held, Rect(x, y, width, height))
        return scanout, held, Rect(x, y, width, height)

    def check_frame(self, scanout, sequence, damage):
        if scanout not in self.configs:
            raise AssertionError(f"FRAME of scanout {scanout}, which is off")
        shown = self.configs[scanout][1]
        if (not damage.width or not damage.height or damage.x + damage.width > shown.width or
                damage.y + damage.height > shown.height):
            raise AssertionError(f"damage {damage} of a scanout {shown}")
        return scanout, sequence, damage

    def expect(self, type_, match=lambda fields: True):
        """Wait for a message; others before it go to `events`."""
        for i, (kept, fields) in enumerate(self.events):
            if kept == type_ and match(fields):
                return self.events.pop(i)[1]
        while True:
            got, fields = self.next_event()
            if got == type_ and match(fields):
                return fields
            self.events.append((got, fields))

    def is_closed(self):
        """Wait until the daemon closes; returns the error that it gave, or None."""
        error = None
        while True:
            try:
                self.next_event()
            except Refused as refused:
                error = refused
            except Closed:
                return error

    # Asking.
    def subscribe(self, frames=1, cursors=0):
        self.send(SUBSCRIBE, struct.pack("<II", frames, cursors))

    def taken(self, scanout, sequence):
        self.send(TAKEN, struct.pack("<IIQ", scanout, 0, sequence))

    def released(self, buffer):
        held = self.buffers.pop(buffer, None)
        if held is not None:
            held.map.close()
        self.send(RELEASED, struct.pack("<I", buffer))

    def ask_snapshot(self, scanout=0):
        self.token += 1
        self.send(GET_SNAPSHOT, struct.pack("<II", self.token, scanout))
        return self.token

    def snapshot(self, scanout=0, release=True):
        token = self.ask_snapshot(scanout)
        shot = self.expect(SNAPSHOT, lambda fields: fields.token == token)
        if shot.scanout != scanout:
            raise AssertionError(f"snapshot of scanout {shot.scanout}, not {scanout}")
        if release:
            self.released(shot.buffer)
        return shot

    def is_off(self, scanout=0):
        """Whether the scanout is off, as a snapshot tells."""
        try:
            self.snapshot(scanout)
        except Refused as refused:
            if refused.code != SCANOUT_OFF:
                raise
            return True
        return False

    def set_size(self, width, height, scanout=0, refresh=0):
        """Ask for a size; it is taken, or Refused is raised."""
        self.token += 1
        token = self.token
        self.send(SET_SIZE, struct.pack("<6I", token, scanout, width, height, refresh, 0))
        self.expect(SIZE_SET, lambda fields: fields[0] == token)

    # Input.
    def key(self, code, *states):
        """Press and release a key, or what states say."""
        for state in states or (1, 0):
            self.send(KEY, struct.pack("<II", code, state))

    def pointer(self, x, y, scanout=0):
        self.send(POINTER, struct.pack("<III", scanout, x, y))

    def button(self, code, *states, scanout=0):
        for state in states or (1, 0):
            self.send(BUTTON, struct.pack("<III", scanout, code, state))

    def wheel(self, vertical, horizontal=0, scanout=0):
        self.send(WHEEL, struct.pack("<Iii", scanout, vertical, horizontal))

    def ask_sync(self):
        self.token += 1
        self.send(INPUT_SYNC, struct.pack("<I", self.token))
        return self.token

    def sync(self):
        """Wait until the guest has all input or will not get it; returns how much was dropped."""
        token = self.ask_sync()
        got, dropped = self.expect(INPUT_DONE)
        if got != token:
            raise AssertionError(f"INPUT_DONE of {got}, not {token}")
        return dropped

    def ping(self):
        self.token += 1
        self.send(PING, struct.pack("<I", self.token))
        token = self.token
        self.expect(PONG, lambda fields: fields[0] == token)

    def frame(self, scanout=0, take=True):
        """Wait for the next frame of a scanout; returns (sequence, damage)."""
        _, sequence, damage = self.expect(FRAME, lambda fields: fields[0] == scanout)
        if take:
            self.taken(scanout, sequence)
        return sequence, damage
