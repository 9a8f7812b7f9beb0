# SPDX-License-Identifier: MIT
"""A browser's requests, one by one, and a WebSocket (RFC 6455) that RFB can be spoken through."""

import base64
import hashlib
import os
import struct
import urllib.parse

import rfb

NOVNC = os.environ.get("ORIEL_NOVNC", "/usr/share/novnc")

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Answer:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.version, status, self.reason = lines[0].split(" ", 2)
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value


class Site:
    """The URL that oriel-vnc printed, taken apart."""

    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)
        self.token = urllib.parse.parse_qs(self.url.fragment)["token"][0]
        self.host = self.url.netloc

    def connect(self, source=None):
        return rfb.connect(self.host, source)

    def talk(self, data):
        """Send bytes and read until the other side closes. None: it said nothing."""
        stream = self.connect()
        try:
            try:
                stream.send(data)
            except OSError:
                pass  # it has heard enough
            stream.is_closed()
            return Answer(bytes(stream.data)) if stream.data else None
        finally:
            stream.close()

    def request(self, path, method="GET", host=None, headers=()):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or self.host}", *headers]
        return self.talk("".join(line + "\r\n" for line in lines + [""]).encode())

    def websocket_lines(self, **changes):
        """The lines of a good request; a change of None leaves one out."""
        lines = {"Host": self.host, "Origin": f"http://{self.host}", "Upgrade": "websocket",
                 "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
                 "Sec-WebSocket-Protocol": f"binary, oriel.{self.token}"}
        lines.update({name.replace("_", "-"): value for name, value in changes.items()})
        return [f"{name}: {value}" for name, value in lines.items() if value is not None]

    def websocket_request(self, path="/websocket", **changes):
        lines = [f"GET {path} HTTP/1.1", *self.websocket_lines(**changes)]
        return "".join(line + "\r\n" for line in lines + [""]).encode()

    def refused(self, **changes):
        """The status with which a WebSocket is refused."""
        return self.talk(self.websocket_request(**changes)).status


class WebSocket(rfb.Stream):
    def __init__(self, site, pieces=1):
        super().__init__(site.connect().sock)
        self.frames = bytearray()
        key = base64.b64encode(os.urandom(16))
        request = site.websocket_request(**{"Sec-WebSocket-Key": key.decode()})
        step = len(request) // pieces + 1
        for i in range(0, len(request), step):
            self.sock.sendall(request[i:i + step])
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            head += super().take(1)
        self.frames, self.data = self.data, bytearray()
        self.answer = Answer(bytes(head))
        wanted = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        if self.answer.status != 101 or self.answer.headers["sec-websocket-accept"] != wanted:
            raise AssertionError(f"status {self.answer.status}, {self.answer.headers}")

    def receive(self):
        """One more frame, or what there is of it."""
        if not hasattr(self, "answer"):
            super().receive()
            return
        kept, self.data = self.data, self.frames
        try:
            while not self.has_frame():
                super().receive()
            payload = self.take_frame()
        finally:
            self.frames, self.data = self.data, kept
        self.data += payload

    def header_size(self):
        return 2 + {126: 2, 127: 8}.get(self.data[1] & 127, 0)

    def payload_size(self):
        size = self.data[1] & 127
        if size == 126:
            return struct.unpack_from(">H", self.data, 2)[0]
        return struct.unpack_from(">Q", self.data, 2)[0] if size == 127 else size

    def has_frame(self):
        return (len(self.data) >= 2 and len(self.data) >= self.header_size() and
                len(self.data) >= self.header_size() + self.payload_size())

    def take_frame(self):
        start, size = self.header_size(), self.payload_size()
        kind = self.data[0] & 15
        payload = self.data[start:start + size]
        del self.data[:start + size]
        if kind == 8:
            raise rfb.Closed("oriel-vnc closed the WebSocket")
        return payload

    def send(self, data):
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x82, 0x80 | size]) if size < 126 else b"\x82\xfe" + struct.pack(">H", size)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        self.sock.sendall(head + mask + masked)
