#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What oriel-gpu does to the paths of its sockets: never anything to what is not its own.

usage: sockets.py PROGRAM [TEST]...
"""

import os
import socket
import stat

import daemon

def listen_at(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    s.listen()
    return s


def is_socket(path):
    return stat.S_ISSOCK(os.lstat(path).st_mode)


def for_both(test):
    """Run a test for each of the two options, with a path of its own."""
    def run(self):
        for option in ("--socket-path", "--display-socket"):
            with self.subTest(option):
                test(self, option, self.path(f"{option.strip('-')}.sock"))
    return run


class Sockets(daemon.Case):
    def args(self, option, path):
        """A command line with the option under test, and the other socket where it may be."""
        if option == "--socket-path":
            return [f"--socket-path={path}"]
        return [f"--socket-path={self.path('other.sock')}", f"{option}={path}"]

    @for_both
    def test_made_private_and_removed(self, option, path):
        with daemon.Daemon(*self.args(option, path)) as gpu:
            status = os.lstat(path)
            self.assertTrue(stat.S_ISSOCK(status.st_mode))
            self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
            self.assertEqual(gpu.stop(), 0)
            self.assertEqual(os.listdir(self.folder), [])

    @for_both
    def test_in_use(self, option, path):
        with listen_at(path) as owner:
            self.assert_refused(self.args(option, path), f"{path}: in use by another process")
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
                peer.connect(path)
            owner.accept()[0].close()
        self.assertTrue(is_socket(path))

    def test_in_use_by_another_oriel_gpu(self):
        with daemon.Daemon("--socket-path", self.path(), "--once") as first:
            self.assert_refused(["--socket-path", self.path(), "--once"],
                                f"{self.path()}: in use by another process")
            with daemon.Vmm(self.path()) as vmm:
                vmm.speak()  # it is still there
            self.assertEqual(first.wait_for_exit(), 0, first.log)

    @for_both
    def test_stale(self, option, path):
        listen_at(path).close()
        self.assertTrue(is_socket(path))
        with daemon.Daemon(*self.args(option, path)) as gpu:
            self.assertEqual(gpu.stop(), 0)
        self.assertFalse(os.path.exists(path))

    @for_both
    def test_something_else_is_there(self, option, path):
        line = f"{path}: exists and is not a socket; not touched"
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")
        self.assert_refused(self.args(option, path), line)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")
        os.unlink(path)
        os.mkdir(path)
        self.assert_refused(self.args(option, path), line)
        os.rmdir(path)
        target = self.path("target")
        listen_at(target).close()
        os.symlink(target, path)
        self.assert_refused(self.args(option, path), line)
        self.assertTrue(os.path.islink(path) and is_socket(target))
        os.unlink(target)

    @for_both
    def test_no_folder(self, option, _):
        path = self.path("nowhere/x.sock")
        self.assert_refused(self.args(option, path),
                            f"{path}: cannot listen there: No such file or directory")

    @for_both
    def test_too_long(self, option, _):
        path = "/tmp/" + 103 * "x"
        self.assert_refused(self.args(option, path),
                            f"{path}: longer than the 107 bytes a socket's path may have")

    def as_nobody(self):
        """Arguments for subprocess by which a child may not write to our folder."""
        if os.geteuid() != 0:
            os.chmod(self.folder, 0o555)
            self.addCleanup(os.chmod, self.folder, 0o755)
            return {}
        who = {"user": daemon.NOBODY, "group": daemon.NOBODY, "extra_groups": []}
        try:
            if self.run_program("--version", **who)[0] == 0:
                return who
        except PermissionError:
            pass
        self.skipTest("other users cannot run the program where it lies")
        return None

    @for_both
    def test_not_permitted(self, option, path):
        who = self.as_nobody()
        self.assert_refused(self.args(option, path),
                            f"{path}: cannot listen there: Permission denied", **who)

    def test_another_users_socket_is_left(self):
        """Whether it is in use cannot be told, or it cannot be removed."""
        for mode, line in ((0o700, "exists, and may be in use: Permission denied; not touched"),
                           (0o777, "nobody listens there, but it cannot be removed: "
                                   "Permission denied")):
            with self.subTest(f"mode {mode:o}"):
                listen_at(self.path()).close()
                os.chmod(self.path(), mode)
                if os.geteuid() != 0 and mode == 0o700:
                    os.chmod(self.path(), 0)
                try:
                    self.assert_refused(["--socket-path", self.path()], f"{self.path()}: {line}",
                                        **self.as_nobody())
                    self.assertTrue(is_socket(self.path()))
                finally:  # also if this is skipped
                    os.chmod(self.folder, 0o755)
                    os.unlink(self.path())

    def test_nothing_is_left_when_the_other_socket_fails(self):
        with listen_at(self.path("taken.sock")):
            self.assert_refused(
                ["--socket-path", self.path("taken.sock"), "--display-socket", self.path("mine")],
                f"{self.path('taken.sock')}: in use by another process")
            self.assertEqual(os.listdir(self.folder), ["taken.sock"])

    def test_a_path_that_somebody_else_took_over_is_left(self):
        with daemon.Daemon("--socket-path", self.path()) as gpu:
            os.unlink(self.path())
            with listen_at(self.path()):
                self.assertEqual(gpu.stop(), 0)
                self.assertTrue(is_socket(self.path()))

    @for_both
    def test_other_users_are_turned_away(self, option, path):
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody else")
        with daemon.Daemon(*self.args(option, path)) as gpu:
            os.chmod(path, 0o666)  # somebody is careless
            os.seteuid(daemon.NOBODY)
            try:
                peer = daemon.Vmm(path)
            finally:
                os.seteuid(0)
            with peer:
                self.assertTrue(peer.is_closed())
            self.assertEqual(gpu.wait_for("turned"),
                             f"oriel-gpu: warn: {path}: turned another user away")
            self.assertEqual(gpu.stop(), 0)


if __name__ == "__main__":
    daemon.main()
