# SPDX-License-Identifier: MIT
"""A VNC viewer in software (RFC 6143): what it was sent is in `pixels`, B G R X with X = 255."""

import socket
import struct
import zlib

from rig import wait

RAW, ZRLE, TIGHT = 0, 16, 7
CURSOR, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, LAST_RECT = -239, -223, -308, -224
KEY_CODES, ALPHA_CURSOR, VMWARE_CURSOR, POINTER_POSITION = -258, -314, 0x574D5664, -232

NONE, VNC_AUTH = 1, 2
DEADLINE_S = 20


class Closed(AssertionError):
    """The server closed the connection."""


class Refused(AssertionError):
    """The server said why it takes nobody."""


class Stream:
    """A socket that is read in whole pieces, with a deadline."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()

    def fileno(self):
        return self.sock.fileno()

    def receive(self):
        wait.wait_fd(self.sock.fileno(), "something from oriel-vnc", seconds=DEADLINE_S)
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed("oriel-vnc closed the connection")
        self.data += data

    def take(self, n):
        while len(self.data) < n:
            self.receive()
        taken = bytes(self.data[:n])
        del self.data[:n]
        return taken

    def unpack(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))

    def send(self, data):
        self.sock.sendall(data)

    def is_closed(self):
        """Wait until the other side has closed."""
        try:
            while True:
                self.receive()
        except Closed:
            return True

    def close(self):
        self.sock.close()


def connect(where, source=None):
    """"unix:PATH" or "ADDRESS:PORT", as oriel-vnc prints it; from an address of this machine."""
    if where.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(where[5:])
        return Stream(sock)
    host, _, port = where.rpartition(":")
    return Stream(socket.create_connection((host, int(port)),
                                           source_address=(source, 0) if source else None))


class Client:
    """encrypt: makes the answer to a password's challenge."""

    def __init__(self, stream, encodings=(RAW, DESKTOP_SIZE), encrypt=None, version=b"003.008"):
        self.stream = stream
        self.zrle = zlib.decompressobj()
        self.cursor = None      # (hot x, hot y, width, height, what it is made of, encoding)
        self.pointer = None     # where the server says it is
        self.desktop = None     # (reason, status) of the last ExtendedDesktopSize
        self.has_key_codes = False
        self.rects = []         # of the last update
        self.shake_hands(encrypt, version)
        if encodings is not None:
            self.set_format()
            self.set_encodings(encodings)

    def close(self):
        self.stream.close()

    # The beginning.
    def shake_hands(self, encrypt, version):
        self.server_version = self.stream.take(12)
        self.stream.send(b"RFB " + version + b"\n")
        if self.server_version == b"RFB 003.003\n":
            self.agree_old(encrypt)
        else:
            self.agree(encrypt)
        self.stream.send(b"\1")
        width, height = self.stream.unpack("HH")
        self.stream.take(16)
        self.name = self.stream.take(self.stream.unpack("I")[0]).decode()
        self.resize(width, height)

    def agree_old(self, encrypt):
        kind, = self.stream.unpack("I")
        if kind == 0:
            raise Refused(self.stream.take(self.stream.unpack("I")[0]).decode())
        if kind == VNC_AUTH:
            self.answer_challenge(encrypt)

    def agree(self, encrypt):
        n = self.stream.take(1)[0]
        if n == 0:
            raise Refused(self.stream.take(self.stream.unpack("I")[0]).decode())
        self.kinds = self.stream.take(n)
        kind = VNC_AUTH if encrypt is not None else self.kinds[0]
        self.stream.send(bytes([kind]))
        if kind == VNC_AUTH:
            self.answer_challenge(encrypt)
        else:
            self.check_result()

    def answer_challenge(self, encrypt):
        self.challenge = self.stream.take(16)
        self.stream.send(encrypt(self.challenge))
        self.check_result()

    def check_result(self):
        if self.stream.unpack("I")[0] != 0:
            raise Refused(self.stream.take(self.stream.unpack("I")[0]).decode())

    # What a viewer says.
    def set_format(self):
        form = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
        self.stream.send(b"\0\0\0\0" + form)

    def set_encodings(self, encodings):
        self.stream.send(struct.pack(f">BBH{len(encodings)}i", 2, 0, len(encodings), *encodings))

    def request(self, incremental=True, rect=None):
        x, y, width, height = rect or (0, 0, self.width, self.height)
        self.stream.send(struct.pack(">BBHHHH", 3, incremental, x, y, width, height))

    def key(self, keysym, is_down):
        self.stream.send(struct.pack(">BBHI", 4, is_down, 0, keysym))

    def key_code(self, number, is_down, keysym=0):
        self.stream.send(struct.pack(">BBHII", 255, 0, is_down, keysym, number))

    def point(self, x, y, buttons=0):
        self.stream.send(struct.pack(">BBHH", 5, buttons, x, y))

    def set_size(self, width, height):
        self.stream.send(struct.pack(">BBHHBBIHHHHI", 251, 0, width, height, 1, 0, 0, 0, 0, width,
                                     height, 0))

    # What the server says.
    def resize(self, width, height):
        self.width, self.height = width, height
        self.pixels = bytearray(width * height * 4)

    def update(self):
        """Read one FramebufferUpdate; other messages before it are skipped."""
        while True:
            kind = self.stream.take(1)[0]
            if kind == 0:
                break
            if kind == 3:
                self.stream.take(self.stream.unpack("3xI")[0])
            elif kind != 2:
                raise AssertionError(f"message {kind}")
        n, = self.stream.unpack("xH")
        self.rects = []
        for _ in range(n):
            *rect, encoding = self.stream.unpack("HHHHi")
            if encoding == LAST_RECT:
                break
            self.rects.append((*rect, encoding))
            self.take_rect(*rect, encoding)
        return self.rects

    def take_rect(self, x, y, width, height, encoding):
        if encoding == RAW:
            self.put(x, y, width, height, self.stream.take(width * height * 4))
        elif encoding == ZRLE:
            self.take_zrle(x, y, width, height)
        elif encoding == DESKTOP_SIZE:
            self.resize(width, height)
        elif encoding == EXTENDED_DESKTOP_SIZE:
            n = self.stream.unpack("B3x")[0]
            self.stream.take(16 * n)
            self.desktop = (x, y)
            if (width, height) != (self.width, self.height):
                self.resize(width, height)
        elif encoding == POINTER_POSITION:
            self.pointer = (x, y)
        elif encoding == KEY_CODES:
            self.has_key_codes = True
        else:
            self.take_cursor(x, y, width, height, encoding)

    def take_cursor(self, x, y, width, height, encoding):
        if encoding == CURSOR:
            data = self.stream.take(width * height * 4 + (width + 7) // 8 * height)
        elif encoding == ALPHA_CURSOR:
            if self.stream.unpack("i")[0] != RAW:
                raise AssertionError("a cursor that is not Raw")
            data = self.stream.take(width * height * 4)
        elif encoding == VMWARE_CURSOR:
            if self.stream.unpack("Bx")[0] != 1:
                raise AssertionError("a cursor without alpha")
            data = self.stream.take(width * height * 4)
        else:
            raise AssertionError(f"encoding {encoding}")
        self.cursor = (x, y, width, height, data, encoding)

    def put(self, x, y, width, height, data):
        if x + width > self.width or y + height > self.height:
            raise AssertionError(f"{width}x{height} at {x},{y} of {self.width}x{self.height}")
        rows = bytearray(data)
        rows[3::4] = b"\xff" * (width * height)
        for row in range(height):
            at = ((y + row) * self.width + x) * 4
            self.pixels[at:at + width * 4] = rows[row * width * 4:(row + 1) * width * 4]

    def wait_for(self, condition, what, incremental=True):
        """Ask for updates, the first of all, and read them until it is so."""
        deadline = wait.Deadline(DEADLINE_S)
        while not condition():
            if deadline.passed():
                raise AssertionError(f"{what}: not in time")
            self.request(incremental)
            incremental = True
            self.update()

    # ZRLE (RFC 6143, 7.7.6).
    def take_zrle(self, x, y, width, height):
        data = self.zrle.decompress(self.stream.take(self.stream.unpack("I")[0]))
        at = 0
        for top in range(0, height, 64):
            for left in range(0, width, 64):
                w, h = min(64, width - left), min(64, height - top)
                pixels, at = zrle_tile(data, at, w * h, w)
                self.put(x + left, y + top, w, h, pixels)
        if at != len(data):
            raise AssertionError(f"{len(data) - at} bytes too much in ZRLE")


def zrle_tile(data, at, n, width):
    """Returns a tile's n pixels and where the next one begins."""
    kind = data[at]
    at += 1
    n_palette = kind & 127
    palette = [data[at + 3 * i:at + 3 * i + 3] + b"\0" for i in range(n_palette)]
    if kind == 0:
        return b"".join(data[at + 3 * i:at + 3 * i + 3] + b"\0" for i in range(n)), at + 3 * n
    if kind == 1:
        return palette[0] * n, at + 3
    if kind < 128:
        return packed_tile(data, at + 3 * n_palette, n, width, palette)
    if kind == 128:
        return plain_rle(data, at, n)
    return palette_rle(data, at + 3 * n_palette, n, palette)


def packed_tile(data, at, n, width, palette):
    bits = 1 if len(palette) == 2 else 2 if len(palette) <= 4 else 4
    row_bytes = (width * bits + 7) // 8
    out = []
    for row in range(n // width):
        value = int.from_bytes(data[at + row * row_bytes:at + (row + 1) * row_bytes], "big")
        for x in range(width):
            out.append(palette[value >> (row_bytes * 8 - bits * (x + 1)) & ((1 << bits) - 1)])
    return b"".join(out), at + row_bytes * (n // width)


def run_length(data, at):
    length = 1
    while data[at] == 255:
        length += 255
        at += 1
    return length + data[at], at + 1


def plain_rle(data, at, n):
    out = bytearray()
    while len(out) < 4 * n:
        pixel = data[at:at + 3] + b"\0"
        length, at = run_length(data, at + 3)
        out += pixel * length
    return bytes(out), at


def palette_rle(data, at, n, palette):
    out = bytearray()
    while len(out) < 4 * n:
        index, length = data[at], 1
        at += 1
        if index & 128:
            length, at = run_length(data, at)
        out += palette[index & 127] * length
    return bytes(out), at
