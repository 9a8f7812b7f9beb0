# SPDX-License-Identifier: MIT
"""Tests with 3D: a machine whose renderer is software, and a guest that draws with virgl."""

import os

from . import case, gpu, gpu3d, picture
from .gpu import Rect
from .guest import Guest
from .qemu_display import QemuDisplay
from .vm import FEATURES

RENDERER = "--renderer=software"
CONTEXTS = 1 << gpu.F_VIRGL | 1 << gpu.F_CONTEXT_INIT
BLOBS = 1 << gpu.F_RESOURCE_BLOB
FEATURES_3D = FEATURES | CONTEXTS


# The build says so; there is no asking the daemon before it runs.
WHY_NOT = "built without virgl" if os.environ.get("ORIEL_WIRE_3D") == "no" else None


class Guest3D(Guest):
    """A driver with 3D: one method for each command."""

    def ctx_create(self, ctx, context_init=0, expect=gpu.OK_NODATA, **more):
        return self.run(gpu3d.ctx_create(ctx, context_init, **more), expect)

    def ctx_destroy(self, ctx, expect=gpu.OK_NODATA):
        return self.run(gpu3d.ctx_destroy(ctx), expect)

    def ctx_attach(self, ctx, resource, expect=gpu.OK_NODATA):
        return self.run(gpu3d.ctx_attach(ctx, resource), expect)

    def ctx_detach(self, ctx, resource, expect=gpu.OK_NODATA):
        return self.run(gpu3d.ctx_detach(ctx, resource), expect)

    def create_3d(self, resource, width, height, expect=gpu.OK_NODATA, **more):
        return self.run(gpu3d.create_3d(resource, width, height, **more), expect)

    def to_host(self, resource, box, offset=0, expect=gpu.OK_NODATA, **more):
        return self.run(gpu3d.to_host_3d(resource, box, offset, **more), expect)

    def from_host(self, resource, box, offset=0, expect=gpu.OK_NODATA, **more):
        return self.run(gpu3d.from_host_3d(resource, box, offset, **more), expect)

    def submit(self, ctx, commands, expect=gpu.OK_NODATA, **more):
        return self.run(gpu3d.submit_3d(ctx, commands, **more), expect)

    # Several at once.
    def texture(self, resource, width, height, pixels=None, backed=True, **more):
        """A picture of the renderer's with contiguous backing. Returns the backing's address."""
        size = width * height * 4
        backing = self.memory.alloc(size, 4096)
        self.create_3d(resource, width, height, **more)
        if backed:
            self.attach(resource, [(backing, size)])
        if pixels is not None:
            self.memory.write(backing, pixels)
            self.to_host(resource, gpu3d.box_of(Rect(0, 0, width, height)))
        return backing

    def show_3d(self, scanout, resource, width, height, pixels=None, **more):
        """A picture on a scanout, flushed. Returns the backing's address."""
        backing = self.texture(resource, width, height, pixels, **more)
        whole = Rect(0, 0, width, height)
        self.set_scanout(scanout, resource, whole)
        self.flush(resource, whole)
        return backing

    def contents(self, resource, width, height, box=None):
        """What the renderer has, read back into fresh pages that become the backing."""
        box = gpu3d.Box(0, 0, 0, width, height, 1) if box is None else box
        size = width * height * 4
        fresh = self.memory.put(b"\x77" * size, 4096)
        self.run(gpu.detach(resource), (gpu.OK_NODATA, gpu.ERR_UNSPEC))
        self.attach(resource, [(fresh, size)])
        self.from_host(resource, box)
        return self.memory.read(fresh, size)


class Test3D(case.WireTest):
    def setUp(self):
        if WHY_NOT is not None:
            self.skipTest(WHY_NOT)
        super().setUp()

    def begin(self, *options, features=FEATURES_3D, heads=1, **kinds):
        """A machine with 3D, with QEMU's display unless another one is given."""
        kinds.setdefault("display", QemuDisplay(heads))
        machine = self.machine(RENDERER, f"--heads={heads}", *options, features=features, **kinds)
        machine.guest = Guest3D(machine.vm)
        return machine, machine.guest

    def check_contents(self, guest, resource, width, height, pixels):
        got = guest.contents(resource, width, height)
        if got != pixels:
            self.fail(f"resource {resource}: " + picture.first_difference(got, pixels, width))

