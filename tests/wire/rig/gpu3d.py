# SPDX-License-Identifier: MIT
"""Bytes of virtio-gpu's 3D: its commands, and command buffers of virgl.

The layouts that virtio 1.4 leaves out (boxes, transfers, what SUBMIT_3D carries) are those of
Linux's header and of the virgl protocol.
"""

import struct
from typing import NamedTuple

from . import gpu
from .gpu import Header

# Capsets.
VIRGL, VIRGL2, GFXSTREAM, VENUS = 1, 2, 3, 4
CAPSET_INFO_SIZE = 40

# What a resource is for; gallium's numbers.
BUFFER, TEXTURE_1D, TEXTURE_2D, TEXTURE_3D, TEXTURE_CUBE, TEXTURE_RECT = range(6)
TEXTURE_1D_ARRAY, TEXTURE_2D_ARRAY, TEXTURE_CUBE_ARRAY = 6, 7, 8
BIND_DEPTH, BIND_RENDER, BIND_SAMPLER, BIND_VERTEX = 1, 2, 8, 16
BIND_CURSOR, BIND_SCANOUT = 1 << 16, 1 << 18
PICTURE = BIND_RENDER | BIND_SAMPLER
Y_0_TOP = 1
R8 = 64
MAX_RINGS = 64


class Box(NamedTuple):
    x: int
    y: int
    z: int
    width: int
    height: int
    depth: int


def box_of(rect):
    return Box(rect.x, rect.y, 0, rect.width, rect.height, 1)


def in_context(ctx):
    return Header(ctx=ctx)


def on_ring(ctx, ring, fence):
    """The header of a command whose fence belongs to a ring of its context."""
    return Header(flags=gpu.FLAG_FENCE | gpu.FLAG_INFO_RING_IDX, fence=fence, ctx=ctx,
                  ring_idx=ring)


def get_capset_info(index, header=Header(), padding=0):
    return gpu.command(gpu.GET_CAPSET_INFO, struct.pack("<II", index, padding), header)


def get_capset(capset, version, header=Header()):
    return gpu.command(gpu.GET_CAPSET, struct.pack("<II", capset, version), header)


def ctx_create(ctx, context_init=0, name=b"wire", name_size=None, header=Header()):
    size = len(name) if name_size is None else name_size
    return gpu.command(gpu.CTX_CREATE, struct.pack("<II64s", size, context_init, name),
                       header._replace(ctx=ctx))


def ctx_destroy(ctx, header=Header()):
    return gpu.command(gpu.CTX_DESTROY, b"", header._replace(ctx=ctx))


def ctx_attach(ctx, resource, header=Header()):
    return gpu.one_resource(gpu.CTX_ATTACH_RESOURCE, resource, header._replace(ctx=ctx))


def ctx_detach(ctx, resource, header=Header()):
    return gpu.one_resource(gpu.CTX_DETACH_RESOURCE, resource, header._replace(ctx=ctx))


def create_3d(resource, width, height, format_=gpu.B8G8R8A8, target=TEXTURE_2D, bind=PICTURE,
              depth=1, array_size=1, last_level=0, samples=0, flags=0, header=Header()):
    body = struct.pack("<12I", resource, target, format_, bind, width, height, depth, array_size,
                       last_level, samples, flags, 0)
    return gpu.command(gpu.RESOURCE_CREATE_3D, body, header)


def transfer_3d(type_, resource, box, offset=0, level=0, stride=0, layer_stride=0,
                header=Header()):
    body = struct.pack("<6IQ4I", *box, offset, resource, level, stride, layer_stride)
    return gpu.command(type_, body, header)


def to_host_3d(resource, box, offset=0, **more):
    return transfer_3d(gpu.TRANSFER_TO_HOST_3D, resource, box, offset, **more)


def from_host_3d(resource, box, offset=0, **more):
    return transfer_3d(gpu.TRANSFER_FROM_HOST_3D, resource, box, offset, **more)


def submit_3d(ctx, commands, size=None, header=Header()):
    size = len(commands) if size is None else size
    return gpu.command(gpu.SUBMIT_3D, struct.pack("<II", size, 0) + commands,
                       header._replace(ctx=ctx))


def map_blob(resource, offset=0, header=Header()):
    return gpu.command(gpu.RESOURCE_MAP_BLOB, struct.pack("<IIQ", resource, 0, offset), header)


def unmap_blob(resource, header=Header()):
    return gpu.one_resource(gpu.RESOURCE_UNMAP_BLOB, resource, header)


# virgl's commands: a word of kind, object and number of words that follow; then these.
NOP, CREATE_OBJECT, DESTROY_OBJECT = 0, 1, 3
SET_FRAMEBUFFER, CLEAR, INLINE_WRITE, COPY_REGION = 5, 7, 9, 17
SURFACE = 8
CLEAR_COLOUR_0 = 1 << 2


def words(kind, object_, *following):
    return struct.pack(f"<{len(following) + 1}I", kind | object_ << 8 | len(following) << 16,
                       *following)


def nop():
    return words(NOP, 0)


def create_surface(handle, resource, format_=gpu.B8G8R8A8):
    return words(CREATE_OBJECT, SURFACE, handle, resource, format_, 0, 0)


def set_framebuffer(surface):
    return words(SET_FRAMEBUFFER, 0, 1, 0, surface)


def clear(red, green, blue, alpha=1.0):
    colour = struct.unpack("<4I", struct.pack("<4f", red, green, blue, alpha))
    return words(CLEAR, 0, CLEAR_COLOUR_0, *colour, 0, 0, 0)


def clear_resource(resource, red, green, blue, handle=1, format_=gpu.B8G8R8A8):
    """What a driver sends to fill a picture with a colour; resource is attached to the context."""
    return (create_surface(handle, resource, format_) + set_framebuffer(handle) +
            clear(red, green, blue))


def copy_region(to, x, y, source, rect):
    return words(COPY_REGION, 0, to, 0, x, y, 0, source, 0, *box_of(rect))


def inline_write(resource, rect, pixels):
    data = struct.unpack(f"<{len(pixels) // 4}I", pixels)
    return words(INLINE_WRITE, 0, resource, 0, 0, rect.width * 4, 0, *box_of(rect), *data)


def solid(width, height, red, green, blue):
    """What a screen shows of a picture of one colour."""
    return bytes([blue, green, red, 255]) * (width * height)
