#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the control socket says of 3D: the renderer, contexts, and what became of them."""

import os
import signal

from rig import case, case3d, gpu, gpu3d, wait
from rig.case3d import FEATURES_3D, Guest3D
from rig.control import Control, count
from rig.gpu import Rect
from rig.gpu3d import on_ring


class Status(case3d.Test3D):
    def begin_controlled(self):
        daemon = self.daemon(case3d.RENDERER, by_path=True, control=True)
        machine = self.machine(daemon=daemon, features=FEATURES_3D)
        machine.guest = Guest3D(machine.vm)
        client = Control(daemon)
        self.addCleanup(client.close)
        return machine.guest, client

    def test_contexts_and_commands(self):
        """Contexts, memory, command buffers and rings, as the guest used them."""
        guest, client = self.begin_controlled()
        for ctx in (1, 2, 3):
            guest.ctx_create(ctx)
        guest.ctx_destroy(2)
        guest.create_3d(10, 64, 32)
        guest.create_3d(11, 1000, 1, format_=gpu3d.R8, target=gpu3d.BUFFER,
                        bind=gpu3d.BIND_VERTEX)
        guest.submit(1, gpu3d.nop() * 25)
        for fence in range(5):
            guest.submit(3, gpu3d.nop(), header=on_ring(3, 9, fence))
        guest.submit(7, gpu3d.nop(), expect=gpu.ERR_INVALID_CONTEXT_ID)
        status = client.status()
        limits = status["limits"]
        self.assertEqual(limits["contexts"], {"used": 2, "peak": 3, "limit": 256})
        self.assertEqual(limits["memory_3d_bytes"]["used"], 64 * 32 * 4 + 1000)
        self.assertEqual(limits["submit_bytes"]["largest"], len(gpu3d.nop() * 25))
        self.assertEqual(limits["context_rings"]["largest"], 10)
        self.assertEqual(limits["dimension_px"]["largest"], 64)
        self.assertEqual(count(status, "SUBMIT_3D"), (7, 1))
        self.assertEqual(status["errors"]["ERR_INVALID_CONTEXT_ID"], 1)
        self.assertEqual(status["fences"]["latency_ns"]["count"], 5)
        features = {f["name"]: f["reason"] for f in status["features"]}
        self.assertEqual(features["VIRTIO_GPU_F_VIRGL"], "on")
        self.assertEqual(features["VIRTIO_GPU_F_CONTEXT_INIT"], "on")

    def test_frames(self):
        """What is read back counts as a frame when it was shown, and is timed until then."""
        guest, client = self.begin_controlled()
        guest.show_3d(0, 1, 64, 48)
        before = client.status()["frames"]["count"]
        for _ in range(6):
            guest.flush(1, Rect(8, 8, 16, 16))
        frames = client.status()["frames"]
        self.assertEqual(frames["count"] - before, 6)
        self.assertEqual(frames["latency_ns"]["count"], 7)

    def test_renderer(self):
        """Its process; when it is lost, why; and the one that comes after."""
        guest, client = self.begin_controlled()
        guest.ctx_create(1)
        renderer = client.status()["renderer"]
        self.assertTrue(renderer["running"] and not renderer["refused"])
        self.assertEqual((renderer["gpu"], renderer["program"]), ("software", "oriel-render"))
        self.assertEqual((renderer["starts"], renderer["losses"]), (1, 0))
        self.assertEqual(renderer["last_loss"], None)
        self.assertGreater(renderer["memory_bytes"], 1 << 20)
        self.assertGreater(renderer["capsets"], 0)
        os.kill(renderer["pid"], signal.SIGKILL)

        def is_back():
            now = client.status()["renderer"]
            return now["running"] and now["pid"] not in (None, renderer["pid"]) and now
        again = wait.wait_until(is_back, "another renderer", client.daemon, 30)
        self.assertEqual((again["starts"], again["losses"]), (2, 1))
        self.assertIn("SIGKILL", again["last_loss"])


if __name__ == "__main__":
    case.main()
