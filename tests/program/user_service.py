#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The systemd user unit, started, killed and stopped by a systemd.

usage: user_service.py PROGRAM UNIT ORIEL RENDERER [TEST]...
       ORIEL, RENDERER: the programs, or "none"

systemd runs as the manager of a user, in namespaces that end with the test: /run, processes and
control groups are its own. That takes root. Exit status 77, and one line: it cannot be had here.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import daemon

SKIPPED = 77
DEADLINE_S = 60
CGROUPS = pathlib.Path("/sys/fs/cgroup")
SOCKETS = {"gpu.sock", "display.sock", "keyboard.sock", "tablet-0.sock"}
# What a log is not kept of here: there is no journal.
DROP_IN = """[Service]
StandardError=append:%h/log
"""
UNIT, ORIEL, RENDERER = None, None, None


class Manager:
    """A user's systemd, with the unit in that user's own folder."""

    def __init__(self, home):
        self.home = home
        self.runtime = pathlib.Path("/run/user/0")
        self.runtime.mkdir(parents=True, mode=0o700)
        units = home / ".config/systemd/user"
        (units / "oriel-gpu@.service.d").mkdir(parents=True)
        (units / "oriel-gpu@.service.d/log.conf").write_text(DROP_IN)
        text = re.sub(r"^ExecStart=\S*/oriel-gpu", f"ExecStart={daemon.PROGRAM}",
                      UNIT.read_text(), flags=re.MULTILINE)
        (units / "oriel-gpu@.service").write_text(text)
        self.environment = {
            "HOME": str(home), "XDG_RUNTIME_DIR": str(self.runtime), "LANG": "C.UTF-8",
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
        self.log = home / "systemd.log"
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [find_systemd(), "--user", "--log-target=console", "--unit=basic.target"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment)
        wait_for("systemd", self.find_fault)

    def find_fault(self):
        if self.process.poll() is not None:
            return f"it has ended: {self.log.read_text(errors='replace')}"
        status, said = self.ctl("is-system-running")
        return None if said.strip() in ("running", "degraded") else f"{status}: {said}"

    def ctl(self, *words):
        """Run systemctl: its exit status, and what it says."""
        result = subprocess.run(["systemctl", "--user", *words], env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S,
                                check=False)
        return result.returncode, result.stdout

    def get(self, name, what):
        """A property of a machine's service."""
        return self.ctl("show", "--value", f"--property={what}", f"oriel-gpu@{name}")[1].strip()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


MANAGER = None


def wait_for(what, find_fault):
    end = time.monotonic() + DEADLINE_S
    while (fault := find_fault()) is not None:
        if time.monotonic() > end:
            raise AssertionError(f"{what}: {fault}")
        time.sleep(0.02)


def find_systemd():
    return next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
                 if os.path.exists(path)), None)


class Case(unittest.TestCase):
    """A test with a machine of its own."""

    def setUp(self):
        self.name = self.id().rpartition(".")[2].removeprefix("test_")[:32]
        self.folder = MANAGER.runtime / "oriel" / self.name
        self.addCleanup(MANAGER.ctl, "stop", f"oriel-gpu@{self.name}")

    def log(self):
        path = MANAGER.home / "log"
        return path.read_text() if path.exists() else ""

    def configure(self, options):
        folder = MANAGER.home / ".config/oriel"
        folder.mkdir(exist_ok=True)
        (folder / f"{self.name}.conf").write_text(f"OPTIONS={options}\n")

    def start(self):
        status, said = MANAGER.ctl("start", f"oriel-gpu@{self.name}")
        self.assertEqual(status, 0, said + self.log())

    def stop(self):
        status, said = MANAGER.ctl("stop", f"oriel-gpu@{self.name}")
        self.assertEqual((status, said), (0, ""))

    def serves(self):
        """A VMM finds it at once: who waited for the start needs not wait for anything else."""
        with daemon.Vmm(str(self.folder / "gpu.sock")) as vmm:
            vmm.speak()

    def ask(self, what):
        """A request on the control socket."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE_S)
            sock.connect(str(self.folder / "control.sock"))
            sock.sendall(json.dumps({"do": what}).encode() + b"\n")
            return json.loads(sock.makefile().readline())["ok"]


class Service(Case):
    def test_start_and_stop(self):
        """Started, all its sockets serve, for this user alone; stopped, nothing is left."""
        before = count_processes()
        self.start()
        self.serves()
        modes = {path.name: path.stat().st_mode & 0o777 for path in self.folder.iterdir()}
        self.assertEqual(set(modes) - {"control.sock"}, SOCKETS)
        self.assertEqual(set(modes.values()), {0o600})
        for folder in (self.folder, self.folder.parent):
            self.assertEqual(folder.stat().st_mode & 0o777, 0o700, folder)
        self.stop()
        self.assertFalse(self.folder.exists())
        self.assertEqual(count_processes(), before)
        self.assertEqual(MANAGER.get(self.name, "Result"), "success")

    def test_again(self):
        for _ in range(3):
            self.start()
            self.serves()
            self.stop()

    def test_killed(self):
        """It comes back, and its sockets with it, though nobody has removed the old ones."""
        self.start()
        killed = MANAGER.get(self.name, "MainPID")
        os.kill(int(killed), signal.SIGKILL)

        def find_fault():
            state = (MANAGER.get(self.name, "SubState"), MANAGER.get(self.name, "MainPID"))
            return None if state[0] == "running" and state[1] not in ("0", killed) else state

        wait_for("another oriel-gpu", find_fault)
        self.serves()
        self.assertEqual(MANAGER.get(self.name, "NRestarts"), "1")
        self.stop()
        self.assertFalse(self.folder.exists())

    def test_options(self):
        """More options come from a file; those that make no sense are tried once, and said."""
        self.configure("--size=1920x1080 --heads=2")
        self.start()
        if (self.folder / "control.sock").exists():
            heads = self.ask("display")["heads"]
            self.assertEqual([(head["width"], head["height"]) for head in heads],
                             [(1920, 1080)] * 2)
        self.stop()
        self.configure("--nonsense")
        self.assertNotEqual(MANAGER.ctl("start", f"oriel-gpu@{self.name}")[0], 0)
        wait_for("the end", lambda: None if MANAGER.get(self.name, "SubState") == "failed" else "")
        self.assertIn("nonsense", self.log())
        self.assertEqual(MANAGER.get(self.name, "NRestarts"), "0")
        self.assertFalse(self.folder.exists())

    def test_beside_a_machine_of_that_name(self):
        """Where another has its sockets the start fails, and those stay."""
        self.folder.mkdir(parents=True, mode=0o700)
        path = self.folder / "gpu.sock"
        with daemon.Daemon(f"--socket-path={path}"):
            self.assertNotEqual(MANAGER.ctl("start", f"oriel-gpu@{self.name}")[0], 0)
            self.serves()

    def test_renderer(self):
        """What the unit forbids does not keep oriel-render from drawing."""
        if RENDERER is None:
            self.skipTest("there is no oriel-render")
        self.configure(f"--renderer=software --render-program={RENDERER}")
        self.start()
        if (self.folder / "control.sock").exists():
            renderer = self.ask("status")["renderer"]
            self.assertTrue(renderer["running"], renderer)
            self.assertTrue(renderer["capsets"], renderer)

    def test_status_by_name(self):
        """oriel status finds it by its name, as a machine of oriel run."""
        self.start()
        if ORIEL is None or not (self.folder / "control.sock").exists():
            self.skipTest("there is no oriel status")
        result = subprocess.run([ORIEL, "status", f"--name={self.name}"],
                                env=MANAGER.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S,
                                check=False)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("oriel-gpu", result.stdout)


def count_processes():
    """Processes that are no systemctl's: those of the service, its manager and us."""
    names = [path.read_text().strip() for path in pathlib.Path("/proc").glob("[0-9]*/comm")]
    return sorted(name for name in names if name.startswith("oriel"))


# In the namespaces.

def mount(kind, where):
    subprocess.run(["mount", "-t", kind, "none", where], check=True)


def remove_cgroups(folder):
    for path in sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if path.is_dir():
            path.rmdir()
    folder.rmdir()


def run_inside():
    """Have a manager, run the tests, and leave no control group behind."""
    global MANAGER  # pylint: disable=global-statement
    mount("proc", "/proc")
    mount("tmpfs", "/run")
    subprocess.run(["umount", "--recursive", "--quiet", CGROUPS], check=False)
    mount("cgroup2", CGROUPS)
    os.makedirs("/run/systemd/system")  # by this, systemd takes the machine for one of its own
    group = CGROUPS / f"oriel-test-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    (group / "cgroup.procs").write_text("0")
    with tempfile.TemporaryDirectory() as home:
        MANAGER = Manager(pathlib.Path(home))
        try:
            return unittest.main(argv=sys.argv, verbosity=2, exit=False).result.wasSuccessful()
        finally:
            MANAGER.end()
            (CGROUPS / "cgroup.procs").write_text("0")
            remove_cgroups(group)


NAMESPACES = ["unshare", "--mount", "--pid", "--cgroup", "--fork", "--kill-child"]
TRY = f"mount -t cgroup2 none {CGROUPS} && mkdir {CGROUPS}/oriel-$$ && rmdir {CGROUPS}/oriel-$$"


def why_not():
    """Why there can be no such manager here, or None."""
    if find_systemd() is None or shutil.which("systemctl") is None:
        return "there is no systemd"
    result = subprocess.run([*NAMESPACES, "sh", "-c", TRY], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=DEADLINE_S, check=False)
    return None if result.returncode == 0 else f"no control groups of our own: {result.stdout}"


def main():
    global UNIT, ORIEL, RENDERER  # pylint: disable=global-statement
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    if os.environ.get("USER_SERVICE_INSIDE") is None:
        reason = why_not()
        if reason is not None:
            print(f"SKIP: {reason.strip()}")
            return SKIPPED
        return subprocess.run([*NAMESPACES, sys.executable, *sys.argv], check=False,
                              env={**os.environ, "USER_SERVICE_INSIDE": "1"}).returncode
    daemon.PROGRAM = os.path.abspath(sys.argv.pop(1))
    UNIT = pathlib.Path(sys.argv.pop(1)).resolve()
    ORIEL, RENDERER = (None if word == "none" else os.path.abspath(word)
                       for word in (sys.argv.pop(1), sys.argv.pop(1)))
    return 0 if run_inside() else 1


if __name__ == "__main__":
    sys.exit(main())
