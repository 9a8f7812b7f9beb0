#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oriel-vnc as who starts it sees it: its lines, its errors, its ends."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile

import lab
import stage
from rig import wait

ORIEL = os.environ.get("ORIEL", "oriel")
DEAD = "nobody listens there any more"


def run(*options, program=(lab.PROGRAM,), env=None):
    """Run it to its end: exit status, standard output, standard error."""
    result = subprocess.run([*program, *options], capture_output=True, text=True, timeout=60,
                            stdin=subprocess.DEVNULL, check=False, env=env)
    return result.returncode, result.stdout, result.stderr


class Errors(lab.VncTest):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory(prefix="oriel-")
        self.addCleanup(self.folder.cleanup)
        self.stage = stage.Stage()
        self.addCleanup(self.stage.close)

    def check(self, status, text, *options, socket=None):
        """One line that has this text, and nothing on standard output."""
        got, out, err = run(f"--socket={socket or self.stage.path}", *options)
        self.assertEqual((got, out), (status, ""), err)
        lines = [line for line in err.splitlines() if ": info: " not in line]
        self.assertEqual(len(lines), 1, err)
        self.assertTrue(lines[0].startswith("oriel-vnc: "), err)
        self.assertIn(text, lines[0])

    def path(self, name, text=None):
        path = os.path.join(self.folder.name, name)
        if text is not None:
            with open(path, "w") as file:
                file.write(text)
        return path

    def test_usage(self):
        """What makes no sense: status 2."""
        self.check(2, "--listen or --web is needed")
        for options, text in ((["--listen=5900"], "--listen needs"),
                              (["--listen=example.org:5900"], "--listen needs"),
                              (["--listen=127.0.0.1:65536"], "--listen needs"),
                              (["--listen=[::1:5900"], "--listen needs"),
                              (["--listen=unix:"], "--listen needs"),
                              (["--web=unix:x"], "--web needs"),
                              (["--listen=0.0.0.0:0"], "needs --password-file"),
                              (["--listen=[::]:0"], "needs --password-file"),
                              (["--web=0.0.0.0:0"], "needs --password-file"),
                              (["--listen=127.0.0.1:0", "--head=16"], "--head needs"),
                              (["--listen=127.0.0.1:0", "--max-viewers=0"], "--max-viewers needs"),
                              (["--listen=127.0.0.1:0", "--max-viewers=16"], "--max-viewers needs"),
                              (["--listen=127.0.0.1:0", "--log-level=x"], "--log-level needs"),
                              (["--listen=127.0.0.1:0", "more"], "more: not an option"),
                              (["--what"], "no such option")):
            self.check(2, text, *options)
        self.assertIn("--socket is needed", run("--listen=127.0.0.1:0")[2])

    def test_help_and_version(self):
        self.assertEqual(run("--help")[0], 0)
        self.assertLessEqual(len(run("--help")[1].splitlines()), 25)
        self.assertRegex(run("--version")[1], r"^oriel-vnc \d")

    def test_no_display(self):
        """No socket, one that nobody serves, a file, something else that answers."""
        self.check(1, "there is no such socket", "--listen=127.0.0.1:0", socket=self.path("none"))
        self.check(1, "not a socket", "--listen=127.0.0.1:0", socket=self.path("file", "text"))
        other = socket.socket(socket.AF_UNIX)
        other.bind(self.path("other.sock"))
        other.listen()
        process = subprocess.Popen([lab.PROGRAM, f"--socket={self.path('other.sock')}",
                                    "--listen=127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
        connection, _ = other.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(len(err.splitlines()), 1, err)
        connection.close()
        other.close()

    def test_occupied(self):
        """A port and a path that are taken."""
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        self.check(1, f"{where}: cannot listen there: Address already in use", f"--listen={where}")
        self.check(1, f"{where}: cannot listen there: Address already in use", f"--web={where}")
        self.check(1, "in use by another process", f"--listen=unix:{self.stage.path}")
        self.check(1, "exists", f"--listen=unix:{self.path('file', 'text')}")

    def test_no_novnc(self):
        """No noVNC: where it was looked for, and what to do."""
        for folder in (self.path("none"), self.folder.name):
            self.check(1, "--web needs noVNC", "--web=127.0.0.1:0", f"--novnc={folder}")

    def test_passwords(self):
        """A password file that has none."""
        for name, text, said in (("none", None, "No such file"), ("empty", "", "is empty"),
                                 ("line", "\nx\n", "is empty")):
            self.check(1, said, "--listen=127.0.0.1:0", f"--password-file={self.path(name, text)}")
        self.check(1, "Is a directory", "--listen=127.0.0.1:0",
                   f"--password-file={self.folder.name}")

    def test_keymap(self):
        for layout in ("nosuch", "us:nosuch", "../../etc", "a" * 100):
            self.check(1, "there is no such layout", "--listen=127.0.0.1:0", f"--keymap={layout}")

    def test_not_encrypted(self):
        """Beyond this machine: with a password, and a warning."""
        path = self.path("password", "secret\n")
        vnc = lab.Vnc(self.stage.path, "--listen=0.0.0.0:0", f"--password-file={path}")
        self.assertIn("not encrypted", vnc.log())
        self.assertIsNone(vnc.finish())

    def test_oriel_vnc(self):
        """`oriel vnc` is the same program."""
        status, _, err = run("vnc", "--socket=x", program=(ORIEL,))
        self.assertEqual(status, 2)
        self.assertIn("oriel-vnc: --listen or --web is needed", err)

    def test_oriel_vnc_of_a_machine(self):
        """Of several machines, --name says which; nothing else does."""
        folder = pathlib.Path(self.folder.name)
        sockets = []
        for name in ("one", "two"):
            (folder / "oriel" / name).mkdir(parents=True)
            sockets.append(socket.socket(socket.AF_UNIX))
            sockets[-1].bind(str(folder / "oriel" / name / "display.sock"))
            self.addCleanup(sockets[-1].close)
        env = dict(os.environ, XDG_RUNTIME_DIR=str(folder))
        for words, said in (([], "2 machines run; --name says which"),
                            (["--name=two"], f"--socket: {folder}/oriel/two/display.sock: {DEAD}"),
                            (["--nam", "one"], f"--socket: {folder}/oriel/one/display.sock: {DEAD}"),
                            (["--name=three"], f"--name: no machine 'three' runs in {folder}/oriel")):
            status, _, err = run("vnc", "--listen=127.0.0.1:0", *words, program=(ORIEL,), env=env)
            self.assertEqual(status, 1)
            self.assertIn(said, err)
        status, _, err = run("vnc", "--listen=127.0.0.1:0", "--name=", program=(ORIEL,), env=env)
        self.assertEqual(status, 2, err)
        self.assertIn("oriel vnc: --name: '' is not the name of a machine", err)


class Ends(lab.VncTest):
    def test_signals(self):
        """SIGTERM and SIGINT end it, with status 0, and its socket goes."""
        machine = self.machine()
        for number in (signal.SIGTERM, signal.SIGINT):
            path = f"{machine.daemon.folder}/vnc.sock"
            vnc = lab.Vnc(machine.daemon.display_path, f"--listen=unix:{path}")
            self.connect(vnc)
            vnc.process.send_signal(number)
            self.assertEqual(vnc.process.wait(20), 0)
            self.assertFalse(os.path.exists(path))
            vnc.finish()

    def test_display_goes(self):
        """The display socket's end is the program's, with one clear line and status 1."""
        machine = self.machine()
        vnc = lab.Vnc(machine.daemon.display_path, "--listen=127.0.0.1:0")
        client = self.connect(vnc)
        pids = vnc.children()
        machine.vm.close()
        self.expect_exit(machine.daemon)
        self.assertEqual(vnc.process.wait(20), 1)
        self.assertTrue(client.stream.is_closed())
        self.assertIn(f"{machine.daemon.display_path}: closed by the other side", vnc.log())
        for pid in pids:
            wait.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the viewer's end")
        vnc.finish()

    def test_idle(self):
        """With a viewer that waits, nothing wakes up."""
        machine = self.machine()
        machine.guest.show(0, 1, 64, 48)
        vnc = self.vnc(machine)
        client = self.connect(vnc)
        client.request(incremental=False)
        client.update()
        client.request()
        pids = [vnc.process.pid, *vnc.children()]
        wait.wait_until(lambda: all(is_waiting(pid) for pid in pids), "quiet")
        before = [switches(pid) for pid in pids]
        machine.viewer.ping()
        lab.select.select([client.stream], [], [], 2)
        self.assertEqual([switches(pid) for pid in pids], before)


def is_waiting(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def switches(pid):
    with open(f"/proc/{pid}/status") as file:
        return [int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt")]


if __name__ == "__main__":
    lab.main()
