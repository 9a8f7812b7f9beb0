# SPDX-License-Identifier: MIT
"""Viewers that others made: gvnccapture, and TigerVNC's in an X server that nobody sees."""

import os
import shutil
import struct
import subprocess
import tempfile
import zlib

from rig import wait


def read_png(path):
    """Width, height and B G R X pixels of a PNG of 8 bits, RGB or RGBA, not interlaced."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    n = {2: 3, 6: 4}[colours]
    if depth != 8 or interlaced:
        raise AssertionError("a PNG of another kind")
    return width, height, to_screen(unfilter(zlib.decompress(packed), width * n, n), n)


def unfilter(data, stride, n):
    """PNG's filters undone (PNG, 9.2)."""
    rows, above = [], bytearray(stride)
    for at in range(0, len(data), stride + 1):
        kind, row = data[at], bytearray(data[at + 1:at + 1 + stride])
        for i in range(stride):
            left = row[i - n] if i >= n else 0
            corner = above[i - n] if i >= n else 0
            row[i] = row[i] + (0, left, above[i], (left + above[i]) // 2,
                               paeth(left, above[i], corner))[kind] & 255
        rows.append(bytes(row))
        above = row
    return b"".join(rows)


def paeth(left, above, corner):
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))


def to_screen(pixels, n):
    out = bytearray(b"\xff" * (len(pixels) // n * 4))
    for i, channel in enumerate((2, 1, 0)):
        out[i::4] = pixels[channel::n]
    return bytes(out)


def capture(where, path):
    """gvnccapture: a picture of what is at ADDRESS:PORT."""
    host, _, port = where.rpartition(":")
    subprocess.run(["gvnccapture", "-q", f"{host}:{int(port) - 5900}", path], check=True, timeout=60,
                   stdin=subprocess.DEVNULL)
    return read_png(path)


class Desktop:
    """An X server without a screen, and programs in it."""

    def __init__(self, width=1200, height=900):
        self.folder = tempfile.mkdtemp(prefix="oriel-x-")
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{width}x{height}x24", "-fbdir",
             self.folder, "-nolisten", "tcp",
             "-noreset"],  # or it begins anew, without whoever comes just then, when its last goes
            pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as file:
            self.display = ":" + file.readline().strip()
        self.programs = []

    def environment(self):
        return {**os.environ, "DISPLAY": self.display, "HOME": self.folder, "LC_ALL": "C.UTF-8"}

    def start(self, *command):
        program = subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.programs.append(program)
        return program

    def run(self, *command):
        return subprocess.run(command, env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False)

    def window(self, name):
        """Wait for a window with this name; returns its number."""
        def find():
            return self.run("xdotool", "search", "--onlyvisible", "--name", name).stdout.split()
        return wait.wait_until(find, f"a window named {name}", seconds=60)[0].decode()

    def pixels(self, x, y, width, height):
        """What is on the X screen there, B G R X: it lies in a file, as xwd would write it."""
        with open(f"{self.folder}/Xvfb_screen0", "rb") as file:
            dump = file.read()
        header = struct.unpack_from(">25I", dump)
        start, stride = header[0] + header[19] * 12, header[12]
        rows = []
        for row in range(y, y + height):
            at = start + row * stride + x * 4
            rows.append(dump[at:at + width * 4])
        out = bytearray(b"".join(rows))
        out[3::4] = b"\xff" * (width * height)
        return bytes(out)

    def close(self):
        for program in self.programs:
            program.kill()
            program.wait()
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
