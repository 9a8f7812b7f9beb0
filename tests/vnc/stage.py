# SPDX-License-Identifier: MIT
"""A display socket's server in Python (docs/display-protocol.md) that takes input and shows nothing."""

import os
import socket
import struct
import tempfile
import threading

from rig import wait

MAGIC = 0x4C49524F
HELLO, PING = 0x1, 0x6
WELCOME, PONG = 0x101, 0x10A
KEY, POINTER, BUTTON, WHEEL, SET_SIZE, SIZE_SET = 0x40, 0x41, 0x42, 0x43, 0x50, 0x150
FEATURE_INPUT, FEATURE_SIZES = 1 << 1, 1 << 2

NAMES = {KEY: ("key", "<II"), POINTER: ("pointer", "<III"), BUTTON: ("button", "<III"),
         WHEEL: ("wheel", "<Iii"), SET_SIZE: ("size", "<4xIII")}


class Stage:
    """`events` is all that clients sent for the guest, as tuples that begin with a name."""

    def __init__(self, features=FEATURE_INPUT | FEATURE_SIZES):
        self.folder = tempfile.TemporaryDirectory(prefix="oriel-")
        self.path = os.path.join(self.folder.name, "screen.sock")
        self.features = features
        self.events = []
        self.n_gone = 0
        self.connections = []
        self.is_reading = threading.Event()
        self.is_reading.set()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(self.path)
        self.sock.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.sock.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.folder.cleanup()

    def accept(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        file = connection.makefile("rb")
        try:
            while True:
                header = file.read(8)
                if len(header) < 8:
                    break
                size, kind = struct.unpack("<IHxx", header)
                self.handle(connection, kind, file.read(size - 8))
                self.is_reading.wait()
        except OSError:
            pass
        self.n_gone += 1

    def handle(self, connection, kind, body):
        if kind == HELLO:
            wanted, = struct.unpack_from("<8xQ", body)
            connection.sendall(struct.pack("<IHBBIIQIIQII", 48, WELCOME, 0, 0, MAGIC, 1,
                                           wanted & self.features, 1, 65536, 1 << 28, 4, 0))
        elif kind == PING:
            connection.sendall(struct.pack("<IHBB", 12, PONG, 0, 0) + body[:4])
        elif kind in NAMES:
            name, form = NAMES[kind]
            self.events.append((name, *struct.unpack_from(form, body)))
            if kind == SET_SIZE:
                connection.sendall(struct.pack("<IHBB", 12, SIZE_SET, 0, 0) + body[:4])

    def wait_for(self, n):
        """The first n events, and that there are no more."""
        wait.wait_until(lambda: len(self.events) >= n, f"{n} events, have {self.events}")
        return self.events[:]
