#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recordings of 3D work: --render-dump, and oriel-render --play."""

import itertools
import os
import re
import subprocess
import tempfile

from rig import case, case3d, gpu3d, picture, render, wait

PIXELS = picture.noise(32, 16, 7)


def play(path, *options):
    """Play a recording: the exit status, and what was said."""
    # Drivers are unloaded at the end, and then what they keep looks like leaks.
    asan = os.environ.get("ASAN_OPTIONS")
    env = dict(os.environ, ASAN_OPTIONS=f"{asan}:detect_leaks=0" if asan else "detect_leaks=0")
    done = subprocess.run([render.RENDERER, f"--play={path}", "--renderer=software",
                           "--log-level=error", *options], capture_output=True, text=True,
                          timeout=60, check=False, env=env)
    return done.returncode, done.stdout + done.stderr


class Record(case3d.Test3D):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="oriel-record-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "work.dump")

    def begin_recording(self, path=None):
        machine, guest = self.begin(f"--render-dump={path or self.path}")
        return machine, guest

    def draw(self, machine, guest, resource=5):
        """Show a picture that is the renderer's, and look at it."""
        guest.show_3d(0, resource, 32, 16, PIXELS, bind=gpu3d.PICTURE | gpu3d.BIND_SCANOUT)
        machine.check_screen(0, 32, 16, picture.opaque(PIXELS))

    def test_play(self):
        """What a guest's driver did is played: the same is read back, and the picture is its."""
        machine, guest = self.begin_recording()
        self.draw(machine, guest)
        guest.ctx_create(3)
        guest.submit(3, gpu3d.nop())
        self.check_contents(guest, 5, 32, 16, PIXELS)
        render.end_renderer(machine.daemon)
        out = self.path + ".ppm"
        status, said = play(self.path, f"--picture={out}")
        self.assertEqual(status, 0, said)
        self.assertIn("was cut off", said)  # it was killed
        same = int(re.search(r"read back: (\d+) the same", said)[1])
        self.assertGreaterEqual(same, 2, said)
        self.assertIn(" 0 different", said)
        with open(out, "rb") as file:
            kind, size, depth, rgb = file.read().split(b"\n", 3)
        self.assertEqual((kind, size, depth), (b"P6", b"32 16", b"255"))
        wanted = b"".join(bytes((PIXELS[i + 2], PIXELS[i + 1], PIXELS[i]))
                          for i in range(0, len(PIXELS), 4))
        self.assertEqual(rgb, wanted)

    def test_a_difference_is_seen(self):
        """With another byte of guest memory, another picture comes back."""
        machine, guest = self.begin_recording()
        self.draw(machine, guest)
        render.end_renderer(machine.daemon)
        with open(self.path, "rb") as file:
            recorded = file.read()
        at = recorded.index(PIXELS)
        changed = bytearray(recorded)
        changed[at + 100] ^= 0x80
        with open(self.path, "wb") as file:
            file.write(changed)
        status, said = play(self.path)
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r" [1-9]\d* different")
        # One pixel of 512: edges may be so.
        status, said = play(self.path, "--tolerance=2")
        self.assertEqual(status, 0, said)

    def test_each_renderer_its_own(self):
        """The next renderer's recording is FILE.2, for its owner only, and can be played too."""
        machine, guest = self.begin_recording()
        self.draw(machine, guest)
        render.end_renderer(machine.daemon)
        self.draw(machine, guest, 6)
        render.end_renderer(machine.daemon)
        for path in (self.path, self.path + ".2"):
            status, said = play(path)
            self.assertEqual(status, 0, said)
            self.assertRegex(said, r"read back: [1-9]")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertTrue(os.path.exists(self.path + ".3"))

    def test_a_full_disk(self):
        """It is said once, and rendering goes on."""
        machine, guest = self.begin_recording("/dev/full")
        resources = itertools.count(5)

        def is_said():
            # That its writer has ended is seen when more is to be written.
            self.draw(machine, guest, next(resources))
            return "No space left" in machine.daemon.stderr_text()

        wait.wait_until(is_said, "the reason", machine.daemon)
        self.draw(machine, guest, next(resources))
        self.assertEqual(machine.daemon.stderr_text().count("the recording ends"), 1)
        self.assertNotIn("3D is lost", machine.daemon.stderr_text())

    def test_no_such_folder(self):
        """A file that cannot be made is an error at start, which names it."""
        daemon = self.daemon(case3d.RENDERER, "--render-dump=/none/x.dump")
        self.expect_exit(daemon, 2)
        self.assertIn("/none/x.dump", daemon.stderr_text())

    def test_what_is_none(self):
        """Other files are refused, in one line that says why."""
        with open(self.path, "wb") as file:
            file.write(b"no recording at all")
        status, said = play(self.path)
        self.assertEqual(status, 1)
        self.assertIn("it is no recording", said)
        status, said = play("/none/x.dump")
        self.assertEqual(status, 1)
        self.assertIn("/none/x.dump", said)


if __name__ == "__main__":
    case.main()
