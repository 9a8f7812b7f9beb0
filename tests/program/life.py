#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How oriel-gpu lives and ends: VMMs that come and go, signals, and what it starts with.

usage: life.py PROGRAM [TEST]...
"""

import os
import resource
import signal
import socket
import struct

import daemon

# A vhost-user header that claims 4 GiB behind it.
NONSENSE = struct.pack("<III", 1, 1, 0xffffffff)


class Vmms(daemon.Case):
    def test_one_after_another(self):
        with daemon.Daemon("--socket-path", self.path()) as gpu:
            for _ in range(3):
                with daemon.Vmm(self.path()) as vmm:
                    vmm.speak()
                gpu.wait_for("waiting for a VMM at")
            self.assertEqual(gpu.stop(), 0)

    def test_the_second_waits_for_the_first(self):
        with daemon.Daemon("--socket-path", self.path()) as gpu:
            with daemon.Vmm(self.path()) as first:
                first.speak()
                second = daemon.Vmm(self.path())
                self.addCleanup(second.close)
                second.ask()
                first.speak()  # the loop came round
                first.speak()
                second.socket.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    second.socket.recv(1)
                second.socket.settimeout(daemon.DEADLINE_S)
            second.receive()
            self.assertEqual(gpu.stop(), 0)

    def test_once(self):
        with daemon.Daemon("--socket-path", self.path(), "--once") as gpu:
            with daemon.Vmm(self.path()) as vmm:
                vmm.speak()
            self.assertEqual(gpu.wait_for_exit(), 0, gpu.log)
            self.assertFalse(os.path.exists(self.path()))

    def test_who_says_nothing_is_no_vmm(self):
        with daemon.Daemon("--socket-path", self.path(), "--once", "--log-level=debug") as gpu:
            daemon.Vmm(self.path()).close()
            gpu.wait_for("a connection went without a word")
            with daemon.Vmm(self.path()) as vmm:
                vmm.speak()
            self.assertEqual(gpu.wait_for_exit(), 0, gpu.log)

    def test_nonsense_is_cut_off(self):
        with daemon.Daemon("--socket-path", self.path()) as gpu:
            with daemon.Vmm(self.path()) as vmm:
                vmm.socket.sendall(NONSENSE)
                self.assertTrue(vmm.is_closed())
            gpu.wait_for("oriel-gpu: warn: vhost-user: ")
            gpu.wait_for("waiting for a VMM at")
            with daemon.Vmm(self.path()) as vmm:
                vmm.speak()
            self.assertEqual(gpu.stop(), 0)

    def test_nonsense_is_a_failure_if_nobody_comes_after(self):
        with daemon.Daemon("--socket-path", self.path(), "--once") as gpu:
            with daemon.Vmm(self.path()) as vmm:
                vmm.socket.sendall(NONSENSE)
                self.assertTrue(vmm.is_closed())
            self.assertEqual(gpu.wait_for_exit(), 1, gpu.log)

    def test_descriptor(self):
        ours, theirs = socket.socketpair()
        with theirs:
            gpu = daemon.Daemon(f"--fd={theirs.fileno()}", pass_fds=[theirs.fileno()],
                                ready="serving the VMM on descriptor")
        with gpu, daemon.Vmm(ours) as vmm:
            vmm.speak()
            vmm.close()
            self.assertEqual(gpu.wait_for_exit(), 0, gpu.log)


class Process(daemon.Case):
    def test_signals_end_it_in_an_orderly_way(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for connected in (False, True):
                with self.subTest(f"{number.name}, connected: {connected}"), \
                        daemon.Daemon("-s", self.path(), "--display-socket",
                                      self.path("screen.sock")) as gpu:
                    if connected:
                        vmm = daemon.Vmm(self.path())
                        self.addCleanup(vmm.close)
                        vmm.speak()
                    self.assertEqual(gpu.stop(number), 0, gpu.log)
                    self.assertEqual(os.listdir(self.folder), [])

    def test_a_bus_error_that_is_not_of_guest_memory_kills(self):
        with daemon.Daemon("-s", self.path()) as gpu:
            self.assertEqual(gpu.stop(signal.SIGBUS), -signal.SIGBUS)

    def test_descriptors_are_as_many_as_may_be(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with daemon.Daemon("-s", self.path(), preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (64, hard))) as gpu:
            self.assertEqual(resource.prlimit(gpu.process.pid, resource.RLIMIT_NOFILE),
                             (hard, hard))

    def test_standard_descriptors_are_never_its_own(self):
        """Without this the log could be written into a socket."""
        with daemon.Daemon("-s", self.path(), preexec_fn=lambda: os.closerange(0, 2)) as gpu:
            for fd in (0, 1):
                self.assertEqual(os.readlink(f"/proc/{gpu.process.pid}/fd/{fd}"), "/dev/null")

    def test_who_started_it_is_told_when_it_serves(self):
        """NOTIFY_SOCKET, as systemd has it: a path, or a name that is no file's."""
        path = self.path("notify")
        for address, name in ((path, path), (f"\0{path}", f"@{path}")):
            with self.subTest(name), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(address)
                manager.settimeout(daemon.DEADLINE_S)
                with daemon.Daemon("-s", self.path(), ready=None,
                                   env={**os.environ, "NOTIFY_SOCKET": name}) as gpu:
                    self.assertEqual(manager.recv(64), b"READY=1")
                    with daemon.Vmm(self.path()) as vmm:
                        vmm.speak()
                    self.assertEqual(gpu.stop(), 0, gpu.log)

    def test_who_started_it_has_gone(self):
        for name in (self.path("nobody"), "x" * 200, ""):
            with self.subTest(name), \
                    daemon.Daemon("-s", self.path(),
                                  env={**os.environ, "NOTIFY_SOCKET": name}) as gpu:
                if name != "":
                    gpu.wait_for("oriel-gpu: warn: NOTIFY_SOCKET: ")
                self.assertEqual(gpu.stop(), 0, gpu.log)

    def test_log_level(self):
        """A VMM that talks nonsense makes a line of life and a warning."""
        for level, expected in (("debug", {"info", "warn"}), ("info", {"info", "warn"}),
                                ("warn", {"warn"}), ("error", set())):
            ours, theirs = socket.socketpair()
            with self.subTest(level), ours, theirs:
                ours.sendall(NONSENSE)
                with daemon.Daemon(f"--fd={theirs.fileno()}", f"--log-level={level}", ready=None,
                                   pass_fds=[theirs.fileno()]) as gpu:
                    gpu.wait_for_exit()
                    levels = {line.split(": ")[1] for line in gpu.log.splitlines()}
                    self.assertEqual(levels - {"debug"}, expected, gpu.log)


if __name__ == "__main__":
    daemon.main()
