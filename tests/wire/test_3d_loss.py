#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""3D: the renderer ends in the middle of something, and the device goes on."""

import pathlib
import re

from rig import case, case3d, gpu, gpu3d, picture, render, wait
from rig.gpu import Rect

PIXELS = picture.noise(32, 16, 3)
# More contexts than fit 32 MiB, whatever draws: each has some 3 MiB.
N_CONTEXTS = 60
ROOM_KIB = 32 << 10


class Memory(case3d.Test3D):
    def data_kib(self):
        """What a renderer takes for itself, as the kernel counts it."""
        daemon = self.daemon(case3d.RENDERER)
        wait.wait_until(lambda: "serving the VMM" in daemon.stderr_text(), "its start", daemon)
        status = pathlib.Path(f"/proc/{render.renderer_of(daemon)}/status").read_text()
        return int(re.search(r"VmData:\s+(\d+) kB", status)[1])

    def test_exhausted(self):
        """A guest takes all of the renderer's memory: 3D is lost, and comes again; 2D stays."""
        data = self.data_kib()
        machine, guest = self.begin(f"--max-render-memory={data + ROOM_KIB}KiB")
        if machine.daemon.is_sanitized():
            self.skipTest("sanitizers end a process without memory in their own way")
        guest.image(1, 32, 16, PIXELS)
        guest.set_scanout(0, 1, Rect(0, 0, 32, 16))
        guest.flush(1, Rect(0, 0, 32, 16))
        n_lost = 0
        for ctx in range(1, N_CONTEXTS + 1):
            guest.run(gpu3d.ctx_create(ctx), (gpu.OK_NODATA, gpu.ERR_UNSPEC,
                                              gpu.ERR_OUT_OF_MEMORY))
            n_lost = machine.daemon.stderr_text().count("3D is lost")
            if n_lost > 0:
                break
        self.assertEqual(n_lost, 1)
        machine.check_screen(0, 32, 16, picture.opaque(PIXELS))
        wait.wait_until(lambda: "started again" in machine.daemon.stderr_text(),
                        "another renderer", machine.daemon)
        guest.ctx_create(N_CONTEXTS + 1)
        guest.submit(N_CONTEXTS + 1, gpu3d.nop())
        machine.check_alive()


if __name__ == "__main__":
    case.main()
