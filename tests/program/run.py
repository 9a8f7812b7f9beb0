#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `oriel run` starts, says, and leaves behind: nothing.

usage: run.py PROGRAM [TEST]...

PROGRAM is copied into a folder of its own, with fakes of what it starts beside it: fake_part.py.
"""

import json
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from processes import is_there, wait_until

DEADLINE_S = 60
HERE = pathlib.Path(__file__).parent
MORE = "; 'oriel run --help' says more"
READY = "oriel run: Ctrl-C powers it down"

# Command lines that make no sense: what is said, less "oriel run: " and MORE.
BAD = [
    ([], "nothing to boot: --disk, --cdrom or --kernel is needed"),
    (["disk"], "disk: not an option; a disk is --disk=IMAGE"),
    (["--disk=a", "b", "--", "-x"], "b: not an option; a disk is --disk=IMAGE"),
    (["--nonsense"], "--nonsense: no such option"),
    (["--mem=2G"], "--mem: '2G' is not a size with its unit, as 512MiB or 2GiB; 16MiB at least"),
    (["--mem=15MiB"],
     "--mem: '15MiB' is not a size with its unit, as 512MiB or 2GiB; 16MiB at least"),
    (["--cpus=0"], "--cpus: '0' is not a number from 1 to 255"),
    (["--gpu=3d"], "--gpu: '3d' is not auto, 2d or off"),
    (["--display=gtk"], "--display: 'gtk' is not web, vnc or none"),
    (["--port=65536"], "--port: '65536' is not a port, from 1 to 65535"),
    (["--heads=17"], "--heads: '17' is not a number from 1 to 16"),
    (["--size=1x"], "--size: '1x' is not WIDTHxHEIGHT in pixels, each from 1 to 16384"),
    (["--name=a/b"], "--name: 'a/b' is not a name: up to 32 letters, digits, '.', '_', '-'"),
    (["--name=.."], "--name: '..' is not a name: up to 32 letters, digits, '.', '_', '-'"),
    (["--grace=x"], "--grace: 'x' is not a number of seconds up to 3600"),
    (["--initrd=a", "--disk=a"], "--initrd and --append need --kernel"),
    (["--gpu=off", "--display=web", "--disk=a"],
     "--gpu=off has no screen that a viewer could show; --display=none"),
    (["--display=none", "--port=1", "--disk=a"], "--port needs --display=web or vnc"),
]


class Run:
    """A running `oriel run`, whose two outputs are read line by line."""

    def __init__(self, case, *args, **environment):
        self.process = subprocess.Popen(
            [case.program, "run", f"--qemu={case.qemu}", f"--disk={case.disk}", *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**case.environment, **environment}, cwd=case.root)
        case.addCleanup(self.process.communicate)
        case.addCleanup(self.process.kill)
        self.out, self.err = "", ""
        self.closed = set()

    def _read(self, deadline):
        """Take what comes. False when both have ended."""
        if len(self.closed) == 2:
            return False
        pipes = {self.process.stdout.fileno(): "out", self.process.stderr.fileno(): "err"}
        ready, _, _ = select.select([fd for fd in pipes if fd not in self.closed], [], [],
                                    max(0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more came in time after:\n{self.out}{self.err}")
        for fd in ready:
            data = os.read(fd, 4096).decode()
            if data == "":
                self.closed.add(fd)
            setattr(self, pipes[fd], getattr(self, pipes[fd]) + data)
        return len(self.closed) < 2

    def wait_for(self, text):
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.err:
            if not self._read(deadline):
                raise AssertionError(f"{text!r} is not in:\n{self.err}")
        return self

    def wait(self):
        """Its exit status."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            pass
        return self.process.wait(DEADLINE_S)

    def interrupt(self, number=signal.SIGINT):
        self.process.send_signal(number)


def without_override():
    """What to begin a command with so that root, too, may only what a file's mode allows."""
    if os.getuid() != 0:
        return []
    words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True, timeout=DEADLINE_S)
    except (OSError, subprocess.CalledProcessError) as error:
        raise unittest.SkipTest(f"files cannot be closed to root: {error}") from error
    return words


class Case(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.root)
        # As in a build tree, so that the program finds its library.
        folder = self.root / "programs/oriel"
        folder.mkdir(parents=True)
        self.program = folder / "oriel"
        shutil.copy(PROGRAM, self.program)
        (self.root / "src").symlink_to(PROGRAM.parents[2] / "src")
        self.qemu = self.root / "qemu"
        for path in (folder / "oriel-gpu", folder / "oriel-vnc", self.qemu):
            path.write_text(f"#!{sys.executable}\n{(HERE / 'fake_part.py').read_text()}")
            path.chmod(0o755)
        self.disk = self.root / "some disk.img"
        self.disk.write_bytes(bytes(1 << 20))
        self.runtime = self.root / "x"
        self.runtime.mkdir(0o700)
        self.log = self.root / "log"
        self.environment = {k: v for k, v in os.environ.items() if "SAN_OPTIONS" in k}
        self.environment.update({"PATH": "/usr/bin:/bin", "HOME": str(self.root),
                                 "XDG_RUNTIME_DIR": str(self.runtime), "FAKE_LOG": str(self.log)})

    def run_to_end(self, *args, prefix=(), **environment):
        result = subprocess.run([*prefix, self.program, "run", *args], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**self.environment, **environment}, cwd=self.root,
                                timeout=DEADLINE_S, check=False)
        return result.returncode, result.stdout, result.stderr

    def start(self, *args, **environment):
        """One that is up."""
        run = Run(self, *args, **environment)
        return run.wait_for(READY)

    def fail(self, *args, **environment):
        """The last line of one that cannot start, and its whole standard error."""
        run = Run(self, *args, **environment)
        self.assertEqual(run.wait(), 1, run.err)
        return run

    def started(self):
        """What was started, by name: the pid and the words."""
        if not self.log.exists():
            return {}
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return {name: (pid, words) for name, pid, *words in lines}

    def assert_nothing_left(self):
        self.assertEqual(list(self.runtime.iterdir()), [])
        for name, (pid, _) in self.started().items():
            self.assertFalse(is_there(pid), name)


class CommandLine(Case):
    def test_bad_ones_get_one_line_and_status_2(self):
        for args, line in BAD:
            with self.subTest(" ".join(args)):
                status, out, err = self.run_to_end(*args)
                self.assertEqual((status, out, err), (2, "", f"oriel run: {line}{MORE}\n"))

    def test_what_is_not_there_gets_one_line_and_status_1(self):
        (self.root / "short").write_bytes(b"x")
        qcow2 = b"QFI\xfb" + (3).to_bytes(4, "big") + (512).to_bytes(8, "big") + bytes(4096)
        (self.root / "overlay").write_bytes(qcow2)
        qemu, disk = f"--qemu={self.qemu}", f"--disk={self.disk}"
        bad = [
            ([qemu, "--disk=nope"], "--disk: nope: No such file or directory"),
            ([qemu, "--disk=short"], f"--disk: {self.root}/short: too short for a disk"),
            ([qemu, "--disk=."], f"--disk: {self.root}: Is a directory"),
            ([qemu, f"{disk},format=vmdk"], f"--disk: {self.disk},format=vmdk: a format is raw or "
             "qcow2"),
            ([qemu, f"{disk},format=qcow2"], f"--disk: {self.disk}: not a qcow2 image"),
            ([qemu, "--disk=overlay"], f"--disk: {self.root}/overlay: rests on another file, which "
             "a guest could have written into it; if it did not, add ,format=qcow2"),
            ([qemu, disk, "--cdrom=cd"], "--cdrom: cd: No such file or directory"),
            ([qemu, "--kernel=k"], "--kernel: k: No such file or directory"),
            ([disk, "--qemu=/nowhere/q"], "--qemu: /nowhere/q: there is no such program"),
            ([disk, "--qemu=qqq"], "--qemu: qqq: there is no such program"),
            ([disk, f"--qemu={self.root}"], f"--qemu: {self.root}: there is no such program"),
            ([qemu, disk, "--cdrom=."], f"--cdrom: {self.root}: neither a file nor a disk"),
            ([qemu, "--kernel=."], "--kernel: .: Is a directory"),
            ([qemu, "--kernel=short", "--initrd=."], "--initrd: .: Is a directory"),
        ]
        for args, line in bad:
            with self.subTest(" ".join(args)):
                status, out, err = self.run_to_end(*args)
                self.assertEqual((status, out, err), (1, "", f"oriel run: {line}\n"))
        self.assert_nothing_left()

    def test_a_disk_that_may_only_be_read(self):
        """It does if nothing is written to it, and else it is said how that would be."""
        prefix = without_override()
        args = ["--dry-run", f"--qemu={self.qemu}", f"--disk={self.disk}"]
        line = f"oriel run: --disk: {self.disk}: "
        way = ("can be read but not written (Permission denied); if it is to stay as it is, end "
               "the command with -- -snapshot\n")
        denied = "Permission denied\n"
        for mode, snapshot, want in ((0o400, [], line + way), (0o400, ["--", "-snapshot"], ""),
                                     (0o400, ["--", "snapshot"], line + way),
                                     (0, [], line + denied),
                                     (0, ["--", "-snapshot"], line + denied)):
            with self.subTest(f"{mode:o} {snapshot}"):
                self.disk.chmod(mode)
                status, _, err = self.run_to_end(*args, *snapshot, prefix=prefix)
                self.assertEqual((status, err), (0 if want == "" else 1, want))

    def test_programs_that_are_missing(self):
        for name, without in (("oriel-gpu", "--gpu=off"), ("oriel-vnc", "--display=none")):
            path = self.program.parent / name
            path.rename(path.with_suffix(".away"))
            with self.subTest(name):
                run = self.fail("--dry-run")
                self.assertEqual(run.err,
                                 f"oriel run: {name} is not installed; {without} does without\n")
            path.with_suffix(".away").rename(path)

    def test_an_old_qemu(self):
        run = self.fail("--dry-run", FAKE_QEMU="old")
        self.assertEqual(run.err, f"oriel run: {self.qemu} is QEMU 7.2, which refuses such GPUs "
                         "without KVM; 10 or later is needed\n")

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for display in ("web", "vnc"):
                run = self.fail(f"--display={display}", f"--port={port}")
                self.assertEqual(run.err, f"oriel run: --port: {port} on 127.0.0.1: "
                                 "Address already in use\n")
        self.assert_nothing_left()

    def test_help(self):
        status, out, err = self.run_to_end("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertLessEqual(len(out.splitlines()), 24)
        self.assertLessEqual(max(len(line) for line in out.splitlines()), 80)


class DryRun(Case):
    def commands(self, *args, **environment):
        """The commands by their program's name, split as a shell does."""
        run = Run(self, "--dry-run", *args, **environment)
        self.assertEqual((run.wait(), run.err), (0, ""))
        self.assert_nothing_left()
        commands = {}
        for paragraph in run.out.split("\n\n"):
            words = shlex.split(paragraph.replace("\\\n", " "), comments=True)
            commands[os.path.basename(words[0])] = words[1:]
        return commands

    def test_what_is_printed_can_be_pasted(self):
        """A shell makes the very words of it that would be started."""
        args = ["--heads=2", "--size=800x600", "--kernel=qemu", "--append=a 'b' $c", "--", "-x",
                "it's"]
        printed = self.commands(*args)
        run = self.start(*args)
        for name in ("oriel-gpu", "oriel-vnc", "qemu"):
            self.assertEqual(printed[name], self.started()[name][1])
        self.assertEqual(printed["qemu"][-2:], ["-x", "it's"])
        self.assertEqual(printed["mkdir"],
                         ["-p", "-m", "700", f"{self.runtime}/oriel",
                          f"{self.runtime}/oriel/some-disk"])
        run.interrupt()
        self.assertEqual(run.wait(), 0)

    def test_sockets_meet(self):
        """What oriel-gpu listens at is what QEMU and the viewer connect to."""
        commands = self.commands("--heads=2")
        folder = f"{self.runtime}/oriel/some-disk"
        gpu = commands["oriel-gpu"]
        for name in ("socket-path=%s/gpu", "display-socket=%s/display", "control-socket=%s/control",
                     "keyboard-socket=%s/keyboard", "tablet-socket=%s/tablet-0",
                     "tablet-socket=%s/tablet-1"):
            self.assertIn("--" + name % folder + ".sock", gpu)
        qemu = commands["qemu"]
        for name in ("gpu", "keyboard", "tablet-0", "tablet-1"):
            self.assertIn(f"socket,id={name},path={folder}/{name}.sock", qemu)
        self.assertIn("vhost-user-vga,chardev=gpu,max_outputs=2", qemu)
        self.assertEqual(qemu.count("vhost-user-input-pci,chardev=tablet-1"), 1)
        self.assertIn(f"--socket={folder}/display.sock", commands["oriel-vnc"])

    def test_a_device_without_input(self):
        commands = self.commands(FAKE_GPU="plain")
        self.assertNotIn("keyboard", " ".join(commands["oriel-gpu"] + commands["qemu"]))

    def test_without_our_gpu(self):
        commands = self.commands("--gpu=off")
        self.assertEqual(sorted(commands), ["mkdir", "qemu"])
        self.assertNotIn("vhost-user", " ".join(commands["qemu"]))

    def test_kvm(self):
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            self.skipTest("there is no /dev/kvm")
        for how, words in (("kvm", ["kvm", "host"]), ("obeys", ["tcg", "max"])):
            qemu = self.commands(FAKE_QEMU=how)["qemu"]
            self.assertEqual([qemu[qemu.index(o) + 1] for o in ("-accel", "-cpu")], words)

    def test_names(self):
        for args, name in ((["--name=x.y_z-0"], "x.y_z-0"), ([], "some-disk")):
            qemu = self.commands(*args)["qemu"]
            self.assertEqual(qemu[qemu.index("-name") + 1], name)

    def test_firmware_of_a_compressed_disk(self):
        """qemu-img looks into it: UEFI, if its partition table has what that starts."""
        if shutil.which("qemu-img") is None or not list(pathlib.Path("/usr/share").glob("OVMF/*")):
            self.skipTest("there is no qemu-img, or no OVMF")
        raw = bytearray(1 << 20)
        raw[510:512], raw[512:520] = b"\x55\xaa", b"EFI PART"
        raw[1024:1040] = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
        for size, is_uefi in ((len(raw), True), (1024, False)):
            with self.subTest(size):
                (self.root / "raw").write_bytes(raw[:size] + bytes(len(raw) - size))
                subprocess.run(["qemu-img", "convert", "-q", "-c", "-O", "qcow2",
                                self.root / "raw", self.disk], timeout=DEADLINE_S, check=True)
                qemu = self.commands()["qemu"]
                self.assertEqual(any("if=pflash" in word for word in qemu), is_uefi)
                self.assertIn(f"if=none,id=disk0,format=qcow2,discard=unmap,file={self.disk}", qemu)

    def test_a_path_with_commas(self):
        disk = self.root / "a,b.img"
        self.disk.rename(disk)
        self.disk = disk
        qemu = self.commands()["qemu"]
        self.assertIn(f"if=none,id=disk0,format=raw,discard=unmap,file={self.root}/a,,b.img", qemu)


class Life(Case):
    def test_the_url_is_all_of_standard_output(self):
        for display, port, line in (("web", 0, r"open http://127\.0\.0\.1:0/#token=abc\n"),
                                    ("vnc", 0, r"open vnc://127\.0\.0\.1:59\d\d\n"),
                                    ("none", 0, "")):
            with self.subTest(display):
                run = self.start(f"--display={display}")
                run.interrupt()
                self.assertEqual(run.wait(), 0, run.err)
                self.assertRegex(run.out, f"^{line}$")
                self.assert_nothing_left()

    def test_the_folder_is_ours_alone(self):
        run = self.start()
        for folder in (self.runtime / "oriel", self.runtime / "oriel/some-disk"):
            self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        run.interrupt()
        self.assertEqual(run.wait(), 0)
        self.assert_nothing_left()

    def test_the_guest_powers_off(self):
        run = self.start(FAKE_QEMU="off")
        self.assertEqual(run.wait(), 0, run.err)
        self.assertTrue(run.err.endswith(READY + "\n"), run.err)
        self.assert_nothing_left()

    def test_signals_power_it_down(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                run = self.start()
                run.interrupt(number)
                self.assertEqual(run.wait(), 0, run.err)
                self.assertIn("the guest is asked to power down, and has 10 s", run.err)
                self.assert_nothing_left()

    def test_the_second_signal_ends_it(self):
        for how in ("ignores", "stubborn"):
            with self.subTest(how):
                run = self.start(FAKE_QEMU=how)
                run.interrupt()
                run.wait_for("asked to power down")
                run.interrupt()
                self.assertEqual(run.wait(), 1, run.err)
                self.assertIn("oriel run: it is ended\n", run.err)
                self.assert_nothing_left()

    def test_a_guest_that_does_not_power_down(self):
        run = self.start("--grace=1", FAKE_QEMU="ignores")
        run.interrupt()
        self.assertEqual(run.wait(), 1, run.err)
        self.assertIn("oriel run: it has not powered down in time, and is ended\n", run.err)
        self.assert_nothing_left()

    def test_killed(self):
        """Not even SIGKILL leaves anything behind."""
        run = self.start()
        parts = self.started()
        self.assertEqual(sorted(parts), ["oriel-gpu", "oriel-vnc", "qemu"])
        run.process.kill()
        for name, (pid, _) in parts.items():
            wait_until(lambda pid=pid: not is_there(pid), f"the end of {name}")
        wait_until(lambda: not list(self.runtime.iterdir()), "an empty folder")

    def test_a_name_in_use(self):
        first = self.start()
        second = self.fail()
        self.assertEqual(second.err, f"oriel run: {self.runtime}/oriel/some-disk: a machine of this "
                         "name is running; --name gives another one\n")
        other = self.start("--name=other")
        for run in (other, first):
            run.interrupt()
            self.assertEqual(run.wait(), 0, run.err)
        self.assert_nothing_left()

    def test_a_name_in_use_without_us(self):
        """By oriel-gpu as a service, say: its sockets are not ours to remove."""
        folder = self.runtime / "oriel/some-disk"
        folder.mkdir(0o700, parents=True)
        folder.parent.chmod(0o700)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(folder / "display.sock"))
            other.listen()
            run = self.fail()
            self.assertIn("a machine of this name is running", run.err)
            self.assertTrue((folder / "display.sock").exists())

    def test_what_a_lost_one_left(self):
        folder = self.runtime / "oriel/some-disk"
        folder.mkdir(0o700, parents=True)
        folder.parent.chmod(0o700)
        (folder / "gpu.sock").write_text("")
        (folder / "qmp.sock").write_text("")
        run = self.start()
        run.interrupt()
        self.assertEqual(run.wait(), 0, run.err)
        self.assert_nothing_left()

    def test_a_folder_of_others(self):
        (self.runtime / "oriel").mkdir(0o755)
        run = self.fail()
        self.assertEqual(run.err,
                         f"oriel run: {self.runtime}/oriel/some-disk: not a folder of yours alone\n")


class Trouble(Case):
    """A part that dies: which, how, and its last words."""

    def check(self, run, *lines):
        self.assertEqual(run.wait(), 1, run.err)
        for line in lines:
            self.assertIn(f"{line}\n", run.err)
        self.assert_nothing_left()

    def test_at_start(self):
        for variable, name, status, last in (
                ("FAKE_GPU", "oriel-gpu", 3, "oriel-gpu: no memory ?[2J"),
                ("FAKE_VNC", "oriel-vnc", 1, "oriel-vnc: no page to serve"),
                ("FAKE_QEMU", "QEMU", 1, "qemu: no such device")):
            with self.subTest(name):
                self.check(self.fail(**{variable: "fails"}),
                           f"oriel run: {name} ended with exit status {status}; the last that it "
                           "said:", f"  | {last}")

    def test_only_the_last_lines(self):
        run = self.fail(FAKE_GPU="fails")
        self.assertEqual(re.findall(r"  \| line (\d+)", run.err), [str(i) for i in range(13, 20)])

    def test_qemu_crashes(self):
        self.check(self.fail(FAKE_QEMU="crashes"), "oriel run: QEMU crashed (SIGSEGV)")

    def test_qemu_is_ended_by_somebody(self):
        self.check(self.fail(FAKE_QEMU="signalled"), "oriel run: somebody ended QEMU by a signal")

    def test_the_gpu_dies(self):
        """The guest is powered down: a GPU cannot be given back to it."""
        run = self.start()
        os.kill(self.started()["oriel-gpu"][0], signal.SIGSEGV)
        self.check(run, "oriel run: oriel-gpu crashed (SIGSEGV); the last that it said:",
                   "oriel run: the guest has no GPU any more")

    def test_the_viewer_dies(self):
        """The guest goes on."""
        run = self.start()
        os.kill(self.started()["oriel-vnc"][0], signal.SIGKILL)
        run.wait_for("oriel run: oriel-vnc crashed (SIGKILL)")
        run.wait_for(f"oriel run: the guest goes on; oriel-vnc --socket={self.runtime}/oriel/some-"
                     "disk/display.sock shows it again\n")
        run.interrupt()
        self.assertEqual(run.wait(), 0, run.err)
        self.assert_nothing_left()

    def test_ended_while_it_starts(self):
        run = Run(self, FAKE_GPU="silent")
        run.wait_for("waiting for oriel-gpu")  # after two seconds
        run.interrupt()
        self.check(run, "oriel run: it is ended before it ran")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
