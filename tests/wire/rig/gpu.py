# SPDX-License-Identifier: MIT
"""Bytes of virtio-gpu: commands are built, answers taken apart (virtio 1.4, 5.7.6)."""

import struct
from typing import NamedTuple

# Device features.
F_VIRGL, F_EDID, F_RESOURCE_UUID, F_RESOURCE_BLOB, F_CONTEXT_INIT, F_BLOB_ALIGNMENT = range(6)
# Features of any virtio device.
F_INDIRECT_DESC, F_EVENT_IDX, F_VHOST_PROTOCOL, F_VERSION_1 = 28, 29, 30, 32
F_RING_PACKED = 34

# Commands.
GET_DISPLAY_INFO = 0x0100
RESOURCE_CREATE_2D = 0x0101
RESOURCE_UNREF = 0x0102
SET_SCANOUT = 0x0103
RESOURCE_FLUSH = 0x0104
TRANSFER_TO_HOST_2D = 0x0105
RESOURCE_ATTACH_BACKING = 0x0106
RESOURCE_DETACH_BACKING = 0x0107
GET_CAPSET_INFO = 0x0108
GET_CAPSET = 0x0109
GET_EDID = 0x010A
RESOURCE_ASSIGN_UUID = 0x010B
RESOURCE_CREATE_BLOB = 0x010C
SET_SCANOUT_BLOB = 0x010D
CTX_CREATE = 0x0200
CTX_DESTROY = 0x0201
CTX_ATTACH_RESOURCE = 0x0202
CTX_DETACH_RESOURCE = 0x0203
RESOURCE_CREATE_3D = 0x0204
TRANSFER_TO_HOST_3D = 0x0205
TRANSFER_FROM_HOST_3D = 0x0206
SUBMIT_3D = 0x0207
RESOURCE_MAP_BLOB = 0x0208
RESOURCE_UNMAP_BLOB = 0x0209
UPDATE_CURSOR = 0x0300
MOVE_CURSOR = 0x0301

# Answers.
OK_NODATA = 0x1100
OK_DISPLAY_INFO = 0x1101
OK_CAPSET_INFO = 0x1102
OK_CAPSET = 0x1103
OK_EDID = 0x1104
OK_RESOURCE_UUID = 0x1105
OK_MAP_INFO = 0x1106
ERR_UNSPEC = 0x1200
ERR_OUT_OF_MEMORY = 0x1201
ERR_INVALID_SCANOUT_ID = 0x1202
ERR_INVALID_RESOURCE_ID = 0x1203
ERR_INVALID_CONTEXT_ID = 0x1204
ERR_INVALID_PARAMETER = 0x1205

ANSWERS = {value: name for name, value in list(globals().items())
           if name.startswith(("OK_", "ERR_"))}

FLAG_FENCE, FLAG_INFO_RING_IDX = 1, 2

# Size of the fixed part of each command.
SIZES = {
    GET_DISPLAY_INFO: 24, RESOURCE_CREATE_2D: 40, RESOURCE_UNREF: 32, SET_SCANOUT: 48,
    RESOURCE_FLUSH: 48, TRANSFER_TO_HOST_2D: 56, RESOURCE_ATTACH_BACKING: 32,
    RESOURCE_DETACH_BACKING: 32, GET_CAPSET_INFO: 32, GET_CAPSET: 32, GET_EDID: 32,
    RESOURCE_ASSIGN_UUID: 32, RESOURCE_CREATE_BLOB: 56, SET_SCANOUT_BLOB: 96, CTX_CREATE: 96,
    CTX_DESTROY: 24, CTX_ATTACH_RESOURCE: 32, CTX_DETACH_RESOURCE: 32, RESOURCE_CREATE_3D: 72,
    TRANSFER_TO_HOST_3D: 72, TRANSFER_FROM_HOST_3D: 72, SUBMIT_3D: 32, RESOURCE_MAP_BLOB: 40,
    RESOURCE_UNMAP_BLOB: 32, UPDATE_CURSOR: 56, MOVE_CURSOR: 56,
}
CURSOR_COMMANDS = (UPDATE_CURSOR, MOVE_CURSOR)

# Formats, named by their bytes in memory.
B8G8R8A8, B8G8R8X8, A8R8G8B8, X8R8G8B8 = 1, 2, 3, 4
R8G8B8A8, X8B8G8R8, A8B8G8R8, R8G8B8X8 = 67, 68, 121, 134
FORMATS = {B8G8R8A8: "BGRA", B8G8R8X8: "BGRX", A8R8G8B8: "ARGB", X8R8G8B8: "XRGB",
           R8G8B8A8: "RGBA", X8B8G8R8: "XBGR", A8B8G8R8: "ABGR", R8G8B8X8: "RGBX"}

DISPLAY_INFO_SIZE = 408
EDID_SIZE = 1056
UUID_SIZE = 40
MAX_SCANOUTS = 16
CURSOR_SIZE = 64


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int


class Header(NamedTuple):
    """What a command may say beside its type."""
    flags: int = 0
    fence: int = 0
    ctx: int = 0
    ring_idx: int = 0
    padding: bytes = bytes(3)


def fenced(fence, ctx=0):
    return Header(flags=FLAG_FENCE, fence=fence, ctx=ctx)


def u32(value):
    return value & 0xFFFF_FFFF


def command(type_, body=b"", header=Header()):
    return struct.pack("<IIQIB3s", type_, u32(header.flags), header.fence, header.ctx,
                       header.ring_idx, header.padding) + body


def get_display_info(header=Header()):
    return command(GET_DISPLAY_INFO, b"", header)


def get_edid(scanout, header=Header(), padding=0):
    return command(GET_EDID, struct.pack("<II", scanout, padding), header)


def create_2d(resource, format_, width, height, header=Header()):
    return command(RESOURCE_CREATE_2D, struct.pack("<4I", resource, format_, width, height), header)


def one_resource(type_, resource, header=Header(), padding=0):
    return command(type_, struct.pack("<II", resource, padding), header)


def unref(resource, header=Header()):
    return one_resource(RESOURCE_UNREF, resource, header)


def detach(resource, header=Header()):
    return one_resource(RESOURCE_DETACH_BACKING, resource, header)


def assign_uuid(resource, header=Header()):
    return one_resource(RESOURCE_ASSIGN_UUID, resource, header)


def set_scanout(scanout, resource, rect, header=Header()):
    return command(SET_SCANOUT, struct.pack("<6I", *rect, scanout, resource), header)


def flush(resource, rect, header=Header(), padding=0):
    return command(RESOURCE_FLUSH, struct.pack("<6I", *rect, resource, padding), header)


def transfer(resource, rect, offset, header=Header(), padding=0):
    return command(TRANSFER_TO_HOST_2D, struct.pack("<4IQII", *rect, offset, resource, padding),
                   header)


def entries_of(entries):
    return b"".join(struct.pack("<QII", gpa, size, 0) for gpa, size in entries)


def attach(resource, entries, header=Header(), n_entries=None):
    n = len(entries) if n_entries is None else n_entries
    return command(RESOURCE_ATTACH_BACKING, struct.pack("<II", resource, n) + entries_of(entries),
                   header)


def create_blob(resource, size, entries, mem=1, flags=2, blob_id=0, header=Header(),
                n_entries=None):
    n = len(entries) if n_entries is None else n_entries
    fixed = struct.pack("<4IQQ", resource, mem, flags, n, blob_id, size)
    return command(RESOURCE_CREATE_BLOB, fixed + entries_of(entries), header)


def set_scanout_blob(scanout, resource, rect, width, height, format_, stride, offset=0,
                     header=Header()):
    planes = (9, 9, 9)  # of which the formats have none
    return command(SET_SCANOUT_BLOB, struct.pack("<18I", *rect, scanout, resource, width, height,
                                                 format_, 0, stride, *planes, offset, *planes),
                   header)


def cursor(type_, scanout, x, y, resource=0, hot_x=0, hot_y=0, header=Header(), padding=(0, 0)):
    return command(type_, struct.pack("<8I", scanout, u32(x), u32(y), padding[0], resource,
                                      u32(hot_x), u32(hot_y), padding[1]), header)


def update_cursor(scanout, x, y, resource, hot_x=0, hot_y=0, header=Header()):
    return cursor(UPDATE_CURSOR, scanout, x, y, resource, hot_x, hot_y, header)


def move_cursor(scanout, x, y, resource=0, hot_x=0, hot_y=0, header=Header()):
    return cursor(MOVE_CURSOR, scanout, x, y, resource, hot_x, hot_y, header)


class Answer:
    """The bytes that the device wrote, and the length that it reported."""

    def __init__(self, raw, size):
        self.raw = raw
        self.size = size
        padded = raw + bytes(max(0, 24 - len(raw)))
        (self.type, self.flags, self.fence, self.ctx, self.ring_idx,
         self.padding) = struct.unpack_from("<IIQIB3s", padded)

    def __repr__(self):
        name = ANSWERS.get(self.type, hex(self.type)) if self.size >= 4 else "nothing"
        return f"<{name}, {self.size} bytes, flags {self.flags:#x}, fence {self.fence:#x}>"

    @property
    def body(self):
        return self.raw[24:]

    def heads(self):
        """Of GET_DISPLAY_INFO: 16 times (Rect, enabled, flags)."""
        heads = []
        for i in range(MAX_SCANOUTS):
            x, y, w, h, enabled, flags = struct.unpack_from("<6I", self.raw, 24 + 24 * i)
            heads.append((Rect(x, y, w, h), enabled, flags))
        return heads

    def edid(self):
        size = struct.unpack_from("<I", self.raw, 24)[0]
        return self.raw[32:32 + size]


def name_of(answer_type):
    return ANSWERS.get(answer_type, hex(answer_type))
