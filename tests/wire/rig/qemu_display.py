# SPDX-License-Identifier: MIT
"""The VMM's end of vhost-user-gpu's display protocol, as QEMU plays it, on a thread of its own.

It holds what QEMU would show (a surface and a cursor per scanout) and refuses what makes QEMU
crash. It can also misbehave: read nothing, answer late, wrongly, or never, and hang up.
"""

import os
import select
import socket
import struct
import threading

from . import gpu, picture, wait
from .dmabuf import DmaBuf
from .gpu import Rect

GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES = 1, 2
GET_DISPLAY_INFO, CURSOR_POS, CURSOR_POS_HIDE, CURSOR_UPDATE = 3, 4, 5, 6
SCANOUT, UPDATE, DMABUF_SCANOUT, DMABUF_UPDATE, GET_EDID, DMABUF_SCANOUT2 = 7, 8, 9, 10, 11, 12
REPLY = 4

F_EDID, F_DMABUF2 = 0, 1

SILENCE = object()


class Surface:
    """What QEMU allocates at SCANOUT and shows from the next UPDATE on."""

    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.pixels = bytearray(width * height * 4)
        self.shown = False

    def update(self, rect, data):
        for row in range(rect.height):
            at = ((rect.y + row) * self.width + rect.x) * 4
            source = row * rect.width * 4
            self.pixels[at:at + rect.width * 4] = data[source:source + rect.width * 4]

    def screen(self):
        return picture.opaque(self.pixels)


class Cursor:
    def __init__(self):
        self.x = self.y = self.hot_x = self.hot_y = 0
        self.visible = False
        self.pixels = None


class QemuDisplay:
    """n_heads: QEMU's max_outputs. sizes: (width, height) of each enabled head.

    answers: request -> a function of its payload that returns the reply's payload, or SILENCE.
    """

    def __init__(self, n_heads=1, sizes=((1280, 800),), edid=None):
        self.n_heads = n_heads
        self.sizes = sizes
        self.edid_bytes = make_edid() if edid is None else edid
        self.changed = threading.Condition()
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.sock = None
        self.thread = None
        self.reading = True
        self.messages = []
        self.requests = []
        self.held = None
        self.surfaces = {}
        self.cursors = {}
        self.violations = []
        self.largest = 0
        self.fds = []
        self.holds_updates = False
        self.eof = False
        self.unshown = None
        self.answers = {
            GET_PROTOCOL_FEATURES: lambda payload: struct.pack("<Q", 1 << F_EDID | 1 << F_DMABUF2),
            GET_DISPLAY_INFO: lambda payload: self.display_info(),
            GET_EDID: self.edid,
        }

    # What QEMU answers.
    def display_info(self):
        reply = struct.pack("<IIQIB3s", gpu.OK_DISPLAY_INFO, 0, 0, 0, 0, bytes(3))
        for i in range(gpu.MAX_SCANOUTS):
            if i < len(self.sizes) and self.sizes[i] is not None:
                reply += struct.pack("<6I", 0, 0, *self.sizes[i], 1, 0)
            else:
                reply += bytes(24)
        return reply

    def edid(self, payload):
        scanout = struct.unpack("<I", payload)[0]
        if scanout >= self.n_heads:
            return SILENCE
        head = struct.pack("<IIQIB3sII", gpu.OK_EDID, 0, 0, 0, 0, bytes(3), 1024, 0)
        return head + self.edid_bytes.ljust(1024, b"\0")

    # Life.
    def new_socket(self, buffer=None):
        """Make a socketpair, serve our end, and return the other one."""
        self.close_socket()
        with self.changed:
            self.surfaces = {}
            self.cursors = {}
            self.eof = False
            self.unshown = None
        self.sock, theirs = socket.socketpair()
        if buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.thread = threading.Thread(target=self.serve, args=(self.sock,), daemon=True)
        self.thread.start()
        return theirs

    def close_socket(self):
        if self.sock is None:
            return
        sock, self.sock = self.sock, None
        os.eventfd_write(self.wake, 1)
        self.thread.join()
        sock.close()
        os.eventfd_read(self.wake)

    def close(self):
        self.close_socket()
        os.close(self.wake)
        for surface in self.surfaces.values():
            close_surface(surface)
        for fd in self.fds:
            os.close(fd)

    def pause(self):
        """Stop reading, as QEMU does while its main loop is busy."""
        with self.changed:
            self.reading = False
        self.poke()

    def resume(self):
        with self.changed:
            self.reading = True
        self.poke()

    def poke(self):
        os.eventfd_write(self.wake, 1)

    def hold_replies(self):
        """Keep replies back until release_replies."""
        with self.changed:
            self.held = []

    def release_replies(self):
        with self.changed:
            held, self.held = self.held, None
        for message in held:
            self.send(message)

    def send(self, data):
        """Send any bytes to the daemon."""
        self.sock.sendall(data)

    def reply_message(self, request, payload):
        return struct.pack("<III", request, REPLY, len(payload)) + payload

    # The thread.
    def serve(self, sock):
        data = bytearray()
        while self.sock is sock:
            poller = select.poll()
            poller.register(self.wake, select.POLLIN)
            if self.reading:
                poller.register(sock, select.POLLIN)
            ready = dict(poller.poll())
            if self.wake in ready:
                if self.sock is not sock:
                    return
                os.eventfd_read(self.wake)
                continue
            try:
                more, fds, _, _ = socket.recv_fds(sock, 1 << 20, 4)
            except ConnectionResetError:
                more, fds = b"", []
            self.fds += fds
            if not more:
                with self.changed:
                    self.eof = True
                    self.changed.notify_all()
                return
            data += more
            try:
                self.take(data)
            except Exception as error:  # Reported when the test ends.
                self.violate(f"{type(error).__name__}: {error}")
                return

    def take(self, data):
        while len(data) >= 12:
            request, flags, size = struct.unpack_from("<III", data)
            if size > 20 + (64 << 20):
                raise AssertionError(f"message {request} of {size} bytes")
            if len(data) < 12 + size:
                return
            payload = bytes(data[12:12 + size])
            del data[:12 + size]
            if flags & REPLY:
                self.violate(f"message {request} has the reply flag")
            with self.changed:
                self.largest = max(self.largest, size)
                self.handle(request, payload)
                self.changed.notify_all()

    def violate(self, what):
        with self.changed:
            self.violations.append(what)
            self.changed.notify_all()

    def handle(self, request, payload):
        if request in (GET_PROTOCOL_FEATURES, GET_DISPLAY_INFO, GET_EDID):
            self.requests.append((request, payload))
            reply = self.answers[request](payload)
            if reply is not SILENCE:
                self.answer(self.reply_message(request, reply))
        elif request == SET_PROTOCOL_FEATURES:
            self.requests.append((request, payload))
        elif request in (CURSOR_POS, CURSOR_POS_HIDE, CURSOR_UPDATE):
            self.handle_cursor(request, payload)
        elif request == SCANOUT:
            self.handle_scanout(*struct.unpack("<III", payload))
        elif request == UPDATE:
            self.handle_update(payload)
        elif request in (DMABUF_SCANOUT, DMABUF_SCANOUT2):
            self.handle_dmabuf(request, payload)
        elif request == DMABUF_UPDATE:
            self.handle_dmabuf_update(payload)
        else:
            raise AssertionError(f"message {request} is not expected")

    def answer(self, message):
        sock = self.sock
        if self.held is not None:
            self.held.append(message)
        elif sock is not None:
            try:
                sock.sendall(message)
            except (BrokenPipeError, ConnectionResetError):
                pass  # The daemon has gone: its business, or the test's.

    def handle_cursor(self, request, payload):
        scanout, x, y = struct.unpack_from("<Iii", payload)
        if scanout >= gpu.MAX_SCANOUTS:
            raise AssertionError(f"cursor of scanout {scanout}")
        cursor = self.cursors.setdefault(scanout, Cursor())
        cursor.x, cursor.y = x, y
        if request == CURSOR_UPDATE:
            if len(payload) != 20 + 64 * 64 * 4:
                raise AssertionError(f"CURSOR_UPDATE of {len(payload)} bytes")
            cursor.hot_x, cursor.hot_y = struct.unpack_from("<II", payload, 12)
            cursor.pixels = payload[20:]
        elif len(payload) != 12:
            raise AssertionError(f"cursor position of {len(payload)} bytes")
        cursor.visible = request != CURSOR_POS_HIDE
        self.messages.append((request, scanout, x, y))

    def handle_scanout(self, scanout, width, height):
        self.messages.append((SCANOUT, scanout, width, height))
        if scanout >= gpu.MAX_SCANOUTS or width > 16384 or height > 16384:
            raise AssertionError(f"SCANOUT {scanout} {width}x{height}")
        # QEMU leaks a surface that no UPDATE shows before the next SCANOUT.
        old = self.surfaces.get(scanout)
        if old is not None and not old.shown and width != 0:
            raise AssertionError(f"two SCANOUTs of {scanout} without an UPDATE between them")
        close_surface(old)
        self.surfaces[scanout] = Surface(width, height) if width and height else None

    def handle_update(self, payload):
        scanout, x, y, width, height = struct.unpack_from("<5I", payload)
        self.messages.append((UPDATE, scanout, x, y, width, height))
        surface = self.surfaces.get(scanout)
        if not isinstance(surface, Surface):
            raise AssertionError(f"UPDATE of scanout {scanout}, which has no surface")
        if x + width > surface.width or y + height > surface.height:
            raise AssertionError(f"UPDATE {x},{y} {width}x{height} of a surface "
                                 f"{surface.width}x{surface.height}")
        if len(payload) != 20 + width * height * 4:
            raise AssertionError(f"UPDATE of {width}x{height} has {len(payload)} bytes")
        surface.update(Rect(x, y, width, height), payload[20:])
        surface.shown = True

    def handle_dmabuf(self, request, payload):
        if len(payload) != (48 if request == DMABUF_SCANOUT2 else 40):
            raise AssertionError(f"message {request} of {len(payload)} bytes")
        scanout, x, y, width, height, full_width, full_height, stride, flags, fourcc = \
            struct.unpack_from("<10I", payload)
        modifier = struct.unpack_from("<Q", payload, 40)[0] if request == DMABUF_SCANOUT2 else None
        self.messages.append((request, scanout, x, y, width, height))
        close_surface(self.surfaces.get(scanout))
        self.surfaces[scanout] = None
        if width == 0:
            return
        if not self.fds:
            raise AssertionError(f"a dma-buf for scanout {scanout} without a descriptor")
        if x + width > full_width or y + height > full_height:
            raise AssertionError(f"{width}x{height} of a dma-buf {full_width}x{full_height}")
        self.surfaces[scanout] = DmaBuf(self.fds.pop(0), width, height, stride, fourcc, modifier,
                                        flags)

    def handle_dmabuf_update(self, payload):
        scanout, x, y, width, height = struct.unpack("<5I", payload)
        self.messages.append((DMABUF_UPDATE, scanout, x, y, width, height))
        surface = self.surfaces.get(scanout)
        if not isinstance(surface, DmaBuf):
            raise AssertionError(f"DMABUF_UPDATE of scanout {scanout}, which has no dma-buf")
        if x + width > surface.width or y + height > surface.height or 0 in (width, height):
            raise AssertionError(f"DMABUF_UPDATE {x},{y} {width}x{height}")
        surface.shown = True
        if not self.holds_updates:
            self.answer(self.reply_message(DMABUF_UPDATE, b""))

    # What tests ask.
    def count(self, *requests):
        """How many messages of these kinds came."""
        with self.changed:
            return sum(message[0] in requests for message in self.messages)

    def wait_for(self, condition, what, seconds=None):
        deadline = wait.Deadline(seconds)
        with self.changed:
            while not condition():
                if self.violations:
                    raise AssertionError(f"QEMU's display: {self.violations[0]}")
                if not self.changed.wait(deadline.left_ms() / 1000) and not condition():
                    raise wait.TimedOut(f"QEMU's display: {what}")

    def wait_picture(self, scanout, width, height, pixels):
        """Wait until the surface shows these pixels (B G R X, X = 255)."""
        def shows():
            surface = self.surfaces.get(scanout)
            return (surface is not None and surface.shown and
                    (surface.width, surface.height) == (width, height) and
                    surface.screen() == pixels)
        try:
            self.wait_for(shows, "picture")
        except wait.TimedOut:
            raise wait.TimedOut(f"QEMU's display: {self.difference(scanout, width, height, pixels)}"
                                ) from None

    def difference(self, scanout, width, height, pixels):
        surface = self.surfaces.get(scanout)
        if surface is None:
            return f"scanout {scanout} is off"
        if (surface.width, surface.height) != (width, height):
            return f"scanout {scanout} is {surface.width}x{surface.height}, not {width}x{height}"
        return picture.first_difference(surface.screen(), pixels, width)

    def wait_off(self, scanout):
        self.wait_for(lambda: scanout in self.surfaces and self.surfaces[scanout] is None,
                      f"scanout {scanout} is not switched off")

    def wait_cursor(self, scanout, condition, what):
        self.wait_for(lambda: scanout in self.cursors and condition(self.cursors[scanout]), what)

    def wait_request(self, request, n=1):
        """Wait until the daemon has asked this n times."""
        self.wait_for(lambda: sum(r == request for r, _ in self.requests) >= n,
                      f"request {request} did not come {n} times")

    def wait_eof(self):
        self.wait_for(lambda: self.eof, "the daemon does not close its end")


def close_surface(surface):
    if isinstance(surface, DmaBuf):
        surface.close()


def make_edid(name=b"WIRE RIG"):
    """A valid EDID 1.4 base block: 1280x800, and a name to be known by."""
    block = bytearray(128)
    block[0:8] = bytes.fromhex("00ffffffffffff00")
    block[8:18] = bytes.fromhex("4a8b010001000000" "0124")
    block[18:25] = bytes([1, 4, 0xA5, 34, 21, 120, 0x06])
    block[25:35] = bytes.fromhex("ee91a3544c99260f5054")
    block[38:54] = b"\x01" * 16
    block[54:72] = bytes.fromhex("f21a 00a0 5020 3430 3020 3600 54d2 1000 0018".replace(" ", ""))
    block[72:90] = bytes([0, 0, 0, 0xFC, 0]) + name.ljust(13, b"\n")[:13]
    block[90:108] = bytes([0, 0, 0, 0x10]) + bytes(14)
    block[108:126] = bytes([0, 0, 0, 0x10]) + bytes(14)
    block[127] = -sum(block[:127]) & 0xFF
    return bytes(block)
