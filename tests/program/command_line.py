#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What oriel-gpu makes of its command line.

usage: command_line.py PROGRAM [TEST]...
"""

import os
import pathlib
import socket
import subprocess

import daemon

MORE = "; 'oriel-gpu --help' says more"
COUNT = "a number from 0 to 18446744073709551613, or off"
MEMORY = "a size with its unit, as 512MiB or 1GiB, or off"
SECONDS = "a number of seconds from 1 to 86400"
SIZE = "WIDTHxHEIGHT in pixels, each from 1 to 16384"
GPU = "none, auto, software, node:PATH, pci:ADDRESS or egl:N"
LEVEL = "error, warn, info or debug"

# Each with the one line that it gets, less "oriel-gpu: " and MORE.
BAD = [
    ([], "--socket-path or --fd is needed"),
    (["--once"], "--socket-path or --fd is needed"),
    (["--socket-path=a", "--fd=3"], "--socket-path and --fd exclude each other"),
    (["-s", "a", "-f", "3"], "--socket-path and --fd exclude each other"),
    (["-s", "a", "--display-socket=a"],
     "--socket-path and --display-socket need different paths"),
    (["-s", "a", "b"], "b: not an option"),
    (["-s", "a", "--", "--once"], "--once: not an option"),
    (["--nonsense"], "--nonsense: no such option"),
    (["--nonsense=1"], "--nonsense=1: no such option"),
    (["--max=1"], "--max=1: no such option"),  # of what?
    (["-x"], "-x: no such option"),
    (["-sa", "-xyz"], "-x: no such option"),
    (["--once=1"], "--once=1: takes no value"),
    (["--fd"], "--fd: needs a value"),
    (["-s"], "-s: needs a value"),
    (["--socket-path="], "--socket-path: '' is not a path"),
    (["--display-socket="], "--display-socket: '' is not a path"),
    (["--fd=-1"], "--fd: '-1' is not the number of a file descriptor"),
    (["--fd=x"], "--fd: 'x' is not the number of a file descriptor"),
    (["--fd=3x"], "--fd: '3x' is not the number of a file descriptor"),
    (["--fd=2147483648"], "--fd: '2147483648' is not the number of a file descriptor"),
    (["--heads=0"], "--heads: '0' is not a number from 1 to 16"),
    (["--heads=17"], "--heads: '17' is not a number from 1 to 16"),
    (["--heads=off"], "--heads: 'off' is not a number from 1 to 16"),
    (["--heads= 1"], "--heads: ' 1' is not a number from 1 to 16"),
    (["--head=800"], "--head: '800' is not WIDTHxHEIGHT[@HERTZ] in pixels, each from 1 to 16384, "
     "at 10 to 1000"),
    (["--head=800x600,dpi=0"],
     "--head: '800x600,dpi=0' is not dpi=N, dots per inch from 1 to 10000"),
    (["--head=800x600", "--heads=2"],
     "--head stands for --heads and --size; give only one of them"),
    (17 * ["--head=800x600"], "--head: at most 16 of them"),
    (["--size=1280"], f"--size: '1280' is not {SIZE}"),
    (["--size=0x800"], f"--size: '0x800' is not {SIZE}"),
    (["--size=1280x800x"], f"--size: '1280x800x' is not {SIZE}"),
    (["--keyboard-socket="], "--keyboard-socket: '' is not a path"),
    (["-s", "a", "--keyboard-socket=x", "--tablet-socket=y", "--tablet-socket=x"],
     "--keyboard-socket and --tablet-socket need different paths"),
    ([f"--tablet-socket={i}" for i in range(17)], "--tablet-socket: at most 16 of them"),
    (["--size=16385x1"], f"--size: '16385x1' is not {SIZE}"),
    (["--qemu-display=dmabufs"],
     "--qemu-display: 'dmabufs' is not pixels, dmabuf or off"),
    (["--max-resources=-1"], f"--max-resources: '-1' is not {COUNT}"),
    (["--max-resources=18446744073709551614"],
     f"--max-resources: '18446744073709551614' is not {COUNT}"),
    (["--max-resources=18446744073709551616"],
     f"--max-resources: '18446744073709551616' is not {COUNT}"),
    (["--max-host-memory=5"], f"--max-host-memory: '5' is not {MEMORY}"),
    (["--max-host-memory=1G"], f"--max-host-memory: '1G' is not {MEMORY}"),
    (["--max-host-memory=16777216TiB"], f"--max-host-memory: '16777216TiB' is not {MEMORY}"),
    (["--max-backing-entries=x"], f"--max-backing-entries: 'x' is not {COUNT}"),
    (["--max-backing-memory=OFF"], f"--max-backing-memory: 'OFF' is not {MEMORY}"),
    (["--max-dimension="], f"--max-dimension: '' is not {COUNT}"),
    (["--poll-max-ns=1000001"],
     "--poll-max-ns: '1000001' is not a number of nanoseconds from 0 to 1000000"),
    (["--poll-max-ns=off"],
     "--poll-max-ns: 'off' is not a number of nanoseconds from 0 to 1000000"),
    (["--max-viewers=65"], "--max-viewers: '65' is not a number from 0 to 64, or off"),
    (["--log-level=all"], f"--log-level: 'all' is not {LEVEL}"),
    (["--log-level=3"], f"--log-level: '3' is not {LEVEL}"),
    (["--renderer=gpu"], f"--renderer: 'gpu' is not {GPU}"),
    (["--renderer=node:"], f"--renderer: 'node:' is not {GPU}"),
    (["--renderer=Software"], f"--renderer: 'Software' is not {GPU}"),
    (["--render-node="], "--render-node: '' is not a path"),
    (["--max-contexts=x"], f"--max-contexts: 'x' is not {COUNT}"),
    (["--max-3d-memory=1"], f"--max-3d-memory: '1' is not {MEMORY}"),
    (["--max-render-memory=4"], f"--max-render-memory: '4' is not {MEMORY}"),
    (["--render-timeout=0"], f"--render-timeout: '0' is not {SECONDS}"),
    (["--fence-timeout=86401"], f"--fence-timeout: '86401' is not {SECONDS}"),
    (["--fence-timeout=5s"], f"--fence-timeout: '5s' is not {SECONDS}"),
    (["--max-submit-size=-1"], f"--max-submit-size: '-1' is not {MEMORY}"),
    (["-s", "a", "--help", "--nonsense"], "--nonsense: no such option"),
    (["--heads", "-c"], "--heads: '-c' is not a number from 1 to 16"),  # a value, no question
]

# Each is served: each value at its edges.
GOOD = [
    ["--once"],
    ["--heads=1", "--size=1x1"],
    ["--heads=16", "--size=16384x16384"],
    ["--head=800x600@59.94,dpi=110,name=Left", "--head=600x800,mm=200x300,serial=2"],
    ["--qemu-display=off"],
    ["--qemu-display=pixels"],
    ["--qemu-display=dmabuf"],
    ["--renderer=none"],
    ["--virgl", "--renderer=none", "--max-contexts=0", "--max-3d-memory=off",
     "--max-submit-size=1MiB", "--max-render-memory=1GiB", "--render-timeout=1",
     "--fence-timeout=86400"],
    ["--max-resources=0", "--max-host-memory=0", "--max-backing-entries=0",
     "--max-backing-memory=0", "--max-dimension=0", "--max-viewers=0", "--poll-max-ns=0"],
    ["--max-resources=off", "--max-host-memory=off", "--max-backing-entries=off",
     "--max-backing-memory=off", "--max-dimension=off", "--max-viewers=off"],
    ["--max-resources=1", "--max-host-memory=1B", "--max-backing-entries=1",
     "--max-backing-memory=1KiB", "--max-dimension=1", "--max-viewers=64",
     "--poll-max-ns=1000000"],
    ["--log-level=info"],
    ["--log-level=debug"],
]

# Without oriel-render beside it, and with it; libvirt needs a node where there are said to be some.
HAS_NODE = any(pathlib.Path("/dev").glob("dri/renderD*"))
CAPABILITIES = ('{"type":"gpu","features":[]}\n',
                '{"type":"gpu","features":["render-node","virgl"]}\n' if HAS_NODE else
                '{"type":"gpu","features":["virgl"]}\n')


class CommandLine(daemon.Case):
    def test_bad_ones_get_one_line_and_status_2(self):
        for args, line in BAD:
            with self.subTest(" ".join(args)):
                self.assert_refused(args, line + MORE, cwd=self.folder)
        self.assertEqual(os.listdir(self.folder), [])

    def test_good_ones_are_served(self):
        for args in GOOD:
            with self.subTest(" ".join(args)), \
                    daemon.Daemon("-s", self.path(), "--display-socket", self.path("screen.sock"),
                                  *args) as gpu:
                self.assertEqual(gpu.stop(), 0, gpu.log)

    def test_capabilities_whatever_else_there_is(self):
        for args in (["--print-capabilities"], ["-c"], ["--print-cap"], ["-c", "--nonsense"],
                     ["--nonsense", "-c"], ["--heads=99", "-c"], ["--fd", "99", "-c"],
                     ["-vc"], ["--virgl", "--render-node=x", "-c"], ["-c", "--help"],
                     ["x", "-c", "-s"]):
            with self.subTest(" ".join(args)):
                status, out, err = self.run_program(*args)
                self.assertEqual((status, err), (0, ""))
                self.assertIn(out, CAPABILITIES)

    def test_version_and_help(self):
        status, out, err = self.run_program("--version")
        self.assertRegex(out, r"^oriel-gpu \d+\.\d+\.\d+\n$")
        self.assertEqual((status, err), (0, ""))
        for option in ("--help", "-h"):
            status, out, err = self.run_program(option)
            self.assertEqual((status, err), (0, ""))
            lines = out.splitlines()
            self.assertEqual(lines[0], "usage: oriel-gpu --socket-path=PATH [OPTION]...")
            self.assertLessEqual(len(lines), 24)
            self.assertLessEqual(max(len(line) for line in lines), 80)

    def test_an_answer_that_cannot_be_printed_is_a_failure(self):
        for option in ("--print-capabilities", "--version", "--help"):
            with self.subTest(option), open("/dev/full", "wb") as full:
                result = subprocess.run([daemon.PROGRAM, option], stdout=full, check=False,
                                        stderr=subprocess.PIPE, timeout=daemon.DEADLINE_S)
                self.assertEqual(result.returncode, 1)


class Descriptor(daemon.Case):
    """--fd takes a connected Unix stream socket; of anything else it says what it is."""

    def check(self, thing, fault):
        number = thing.fileno()
        self.assert_refused([f"--fd={number}"], f"--fd={number}: {fault}", pass_fds=[number])

    def test_not_open(self):
        self.assert_refused(["--fd=99"], "--fd=99: not open")

    def test_file(self):
        with open(self.path("file"), "w+b") as file:
            self.check(file, "not a socket")

    def test_network_socket(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            self.check(s, "not a Unix socket, so a VMM cannot hand over its memory")

    def test_datagram_socket(self):
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with a, b:
            self.check(a, "not a stream socket")

    def test_listening_socket(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.bind(self.path())
            s.listen()
            self.check(s, "a socket that listens, not a connected one")

    def test_unconnected_socket(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            self.check(s, "not connected to a VMM")


if __name__ == "__main__":
    daemon.main()
