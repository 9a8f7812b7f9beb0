#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command line: what cannot be served is said in one line, with exit status 2."""

import json
import os
import socket
import stat
import subprocess
import tempfile

from rig import case, wait
from rig.daemon import PROGRAM, environment


def run(*args, fds=()):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=10,
                          stdin=subprocess.DEVNULL, pass_fds=fds, env=environment())


class CommandLine(case.WireTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="oriel-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def check_refused(self, *args, fds=()):
        result = run(*args, fds=fds)
        lines = result.stderr.splitlines()
        self.assertEqual((result.returncode, len(lines), result.stdout), (2, 1, ""),
                         f"{args}: {result}")
        return lines[0]

    def test_bad_options(self):
        """Unknown, contradictory, missing, or with values that are none."""
        s = f"--socket-path={self.path('s')}"
        for args in (("--no-such-option",), (s, "--no-such-option"), (), (s, "extra"),
                     (s, "--fd=3"), ("--fd=3", "--fd=x"), ("--fd=",), ("--fd=-1",), ("--fd=99",),
                     ("--fd=99999999999999999999",), ("--socket-path=",), ("--socket-path",),
                     (s, "--heads=0"), (s, "--heads=17"), (s, "--heads=1x"), (s, "--heads=-1"),
                     (s, "--heads="), (s, "--size=100"), (s, "--size=0x5"), (s, "--size=99999x5"),
                     (s, "--size=1280x800x3"), (s, "--qemu-display=maybe"),
                     (s, "--max-resources=many"), (s, "--max-resources=-5"),
                     (s, "--max-resources=1KiB5"), (s, "--max-host-memory=12XiB"),
                     (s, "--max-host-memory=99999999999GiB"), (s, "--max-dimension=1e3"),
                     (s, "--max-viewers=x"), (s, "--log-level=loud"), (s, "--renderer=gpu"), (s, "--render-node=")):
            with self.subTest(args=args):
                self.check_refused(*args)
                self.assertFalse(os.path.exists(self.path("s")))

    def test_fd_that_is_no_socket(self):
        r, w = os.pipe()
        self.addCleanup(os.close, r)
        self.addCleanup(os.close, w)
        self.check_refused(f"--fd={r}", fds=(r,))

    def test_bad_paths(self):
        """No folder, no permission, too long, a file, a socket in use: said, and left alone."""
        taken = self.path("taken")
        with open(taken, "w") as file:
            file.write("precious")
        used = socket.socket(socket.AF_UNIX)
        self.addCleanup(used.close)
        used.bind(self.path("used"))
        used.listen()
        for name, path in (("no folder", self.path("none/s")), ("a folder", self.folder),
                           ("a file", taken), ("in use", self.path("used")),
                           ("too long", self.path("x" * 120))):
            for args in ((f"--socket-path={path}",),
                         (f"--socket-path={self.path('ok')}", f"--display-socket={path}")):
                with self.subTest(name, args=args):
                    line = self.check_refused(*args)
                    self.assertIn(os.path.basename(path)[:20], line)
                    self.assertFalse(os.path.exists(self.path("ok")), "its socket is left")
        with open(taken) as file:
            self.assertEqual(file.read(), "precious")
        socket.socket(socket.AF_UNIX).connect(self.path("used"))

    def test_stale_socket_is_replaced(self):
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(self.path("stale"))
        stale.close()
        process = subprocess.Popen([PROGRAM, f"--socket-path={self.path('stale')}"],
                                   stderr=subprocess.DEVNULL, env=environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def connect():
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(self.path("stale"))
                return True
            except (ConnectionRefusedError, FileNotFoundError):  # between the two
                return False
            finally:
                sock.close()
        wait.wait_until(connect, "connecting to the new socket")

    def test_modes(self):
        """Sockets are for their owner alone."""
        daemon = self.daemon(by_path=True)
        daemon.connect().close()
        for path in (daemon.socket_path, daemon.display_path):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_information(self):
        """--print-capabilities (whatever else is there), --version, --help: 0, on stdout."""
        for args in (("--print-capabilities",), ("-c", "--no-such-option"),
                     ("--socket-path=/none/s", "--print-capabilities"), ("--virgl", "-c")):
            result = run(*args)
            self.assertEqual((result.returncode, result.stderr), (0, ""), args)
            said = json.loads(result.stdout)
            self.assertEqual(said["type"], "gpu")
            self.assertIn(sorted(said["features"]), ([], ["virgl"], ["render-node", "virgl"]))
        result = run("--version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^oriel-gpu \d+\.\d+\.\d+\n$")
        for option in ("--help", "-h"):
            result = run(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("--socket-path", result.stdout)


if __name__ == "__main__":
    case.main()
