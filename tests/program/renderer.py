#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oriel-gpu and its oriel-render: who starts whom, what of it is left, and what is said.

usage: renderer.py PROGRAM RENDERER [TEST]...
"""

import os
import pathlib
import resource
import signal
import sys

import daemon
from processes import children_of, is_there, wait_until

RENDERER = sys.argv.pop(2)


class Renderer(daemon.Case):
    def start(self, *options):
        """A daemon with 3D; it, its supervisor's pid, and its renderer's."""
        gpu = daemon.Daemon("--socket-path", self.path(), "--renderer=software",
                            f"--render-program={RENDERER}", *options)
        self.addCleanup(gpu.__exit__)
        [supervisor] = children_of(gpu.process.pid)
        [renderer] = children_of(supervisor)
        return gpu, supervisor, renderer

    def test_nothing_is_left(self):
        """However oriel-gpu ends, the other two end too."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV):
            with self.subTest(number.name):
                gpu, supervisor, renderer = self.start()
                gpu.stop(number)
                wait_until(lambda: not is_there(supervisor), "the supervisor's end")
                wait_until(lambda: not is_there(renderer), "the renderer's end")

    def test_another_one_is_started(self):
        """A renderer that ends, in whatever way, is said and replaced."""
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(number.name):
                gpu, supervisor, renderer = self.start()
                os.kill(renderer, number)
                gpu.wait_for("killed by SIG")  # sanitizers make SIGABRT of SIGSEGV
                gpu.wait_for("started again")
                [other] = children_of(supervisor)
                self.assertNotEqual(other, renderer)
                with daemon.Vmm(self.path()) as vmm:
                    vmm.speak()
                self.assertEqual(gpu.stop(), 0)

    def test_memory_is_limited(self):
        """--max-render-memory is the renderer's limit of its own memory, not the device's."""
        unlimited = resource.RLIM_INFINITY
        # Sanitizers map much more than they use.
        for option, limit in ((["--max-3d-memory=off"], unlimited),
                              (["--max-render-memory=off"], unlimited),
                              (["--max-render-memory=200TiB"], 200 << 40)):
            with self.subTest(option):
                gpu, _, renderer = self.start(*option)
                self.assertEqual(resource.prlimit(renderer, resource.RLIMIT_DATA), (limit, limit))
                self.assertEqual(resource.prlimit(gpu.process.pid, resource.RLIMIT_DATA)[0],
                                 unlimited)
                self.assertEqual(gpu.stop(), 0)
        status, out, err = self.run_program(
            "--socket-path", self.path(), "--renderer=software", f"--render-program={RENDERER}",
            "--max-render-memory=0")
        self.assertEqual((status, out), (2, ""), err)
        self.assertIn("--renderer=software: it cannot render", err)

    def test_memory_follows_images(self):
        """Without an option of its own, it is what the guest's images and contexts may take, and
        1 GiB, beside what the renderer takes for itself."""
        contexts = 256 * 32 << 20
        for options, more in (([], (5 << 30) + contexts),
                              (["--max-3d-memory=1GiB"], (2 << 30) + contexts),
                              (["--max-3d-memory=0"], (1 << 30) + contexts),
                              (["--max-contexts=0"], 5 << 30),
                              (["--max-contexts=512"], (5 << 30) + 2 * contexts),
                              (["--max-contexts=off"], (5 << 30) + contexts)):
            with self.subTest(options):
                gpu, _, renderer = self.start(*options)
                limit = resource.prlimit(renderer, resource.RLIMIT_DATA)[0]
                status = pathlib.Path(f"/proc/{renderer}/status").read_text()
                data = int(status.partition("VmData:")[2].split()[0]) << 10
                # It goes on growing a little, and statm counts stacks.
                self.assertLess(abs(limit - more - data), 256 << 20, (limit, more, data))
                self.assertEqual(gpu.stop(), 0)

    def test_the_supervisor_goes(self):
        """Without it there is no 3D, and oriel-gpu goes on."""
        gpu, supervisor, renderer = self.start()
        os.kill(supervisor, signal.SIGKILL)
        gpu.wait_for("3D is lost")
        wait_until(lambda: not is_there(renderer), "the renderer's end")
        with daemon.Vmm(self.path()) as vmm:
            vmm.speak()
        self.assertEqual(gpu.stop(), 0)

    def test_the_supervisor_goes_first(self):
        """A renderer that does not end with its supervisor is ended, and only then counts as lost:
        as long as it is there, it can write to the guest's memory."""
        wrapper = pathlib.Path(self.path()).with_name("wrapper")
        wrapper.write_text(f"""#!{sys.executable}
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG: none
os.execv({os.path.abspath(RENDERER)!r}, sys.argv)
""")
        wrapper.chmod(0o755)
        gpu = daemon.Daemon("--socket-path", self.path(), "--renderer=software",
                            f"--render-program={wrapper}")
        self.addCleanup(gpu.__exit__)
        [supervisor] = children_of(gpu.process.pid)
        [renderer] = children_of(supervisor)
        os.kill(renderer, signal.SIGSTOP)  # it does not see its link end
        os.kill(supervisor, signal.SIGKILL)
        gpu.wait_for("3D is lost")
        self.assertFalse(is_there(renderer))
        with daemon.Vmm(self.path()) as vmm:
            vmm.speak()
        self.assertEqual(gpu.stop(), 0)

    def test_nothing_is_inherited(self):
        """Neither of the two has a socket of the VMM's or of viewers."""
        gpu, supervisor, renderer = self.start()
        with daemon.Vmm(self.path()) as vmm:
            vmm.speak()
            ours = {os.readlink(f"/proc/{gpu.process.pid}/fd/{n}")
                    for n in os.listdir(f"/proc/{gpu.process.pid}/fd")}
            for pid in (supervisor, renderer):
                theirs = {os.readlink(f"/proc/{pid}/fd/{n}")
                          for n in os.listdir(f"/proc/{pid}/fd")}
                shared = {name for name in ours & theirs if name.startswith("socket:")}
                self.assertEqual(shared, set())

    def test_what_cannot_be_had_is_said(self):
        """A GPU or program that is not there is an error at start, never replaced by another."""
        for args, words in (
                (["--renderer=egl:99"], ["egl:99", "EGL has"]),
                (["--renderer=node:/none"], ["node:/none"]),
                (["--renderer=pci:0000:ff:1f.7"], ["pci:0000:ff:1f.7"]),
                (["--render-node=/none"], ["node:/none"]),
                (["--renderer=software", "--render-program=/none"], ["/none"]),
                (["--renderer=software", "--render-program=/bin/false"], ["software"])):
            with self.subTest(args):
                if "--render-program" not in args[-1]:
                    args = args + [f"--render-program={RENDERER}"]
                status, out, err = self.run_program("--socket-path", self.path(), *args)
                self.assertEqual((status, out), (2, ""), err)
                for word in words:
                    self.assertIn(word, err)
                self.assertIn("oriel doctor", err)
                self.assertFalse(os.path.exists(self.path()))


if __name__ == "__main__":
    daemon.main()
