#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `oriel doctor` says on machines where things are missing, lie, crash and hang.

usage: doctor.py PROGRAM json|no-json CC...

PROGRAM is copied into a folder of its own, with fakes of all that it looks for beside it.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

DEADLINE_S = 60
HERE = pathlib.Path(__file__).parent
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
HAS_JSON = sys.argv[2] == "json"
CC = sys.argv[3:]

ROW = re.compile(r"  (\S.{18}) (on|off|degraded) +(.*)")
ESCAPE = re.compile(r"\x1b\[\d*m")

CAPSETS = "echo capset=1 version=1 size=308\necho capset=2 version=2 size=1384\n"
RENDERER = "echo virglrenderer=1.1.0\necho renderer=Fake GPU\necho software=0\n" + CAPSETS
QEMU = """case $1 in
--version) echo 'QEMU emulator version {version} (Fake)';;
*) echo 'name "vhost-user-gpu-pci", bus PCI'; echo 'name "{device}", bus PCI';;
esac
"""


class Row:
    def __init__(self, state, text):
        self.state, self.text, self.remedy = state, text, ""


def parse(text):
    """The rows of a report, by name."""
    rows, row, part = {}, None, ""
    for line in text.splitlines():
        match = ROW.fullmatch(line)
        if match is not None:
            row, part = Row(match[2], match[3]), "text"
            rows[match[1].strip()] = row
        elif line.startswith(" " * 32) and row is not None:
            line = line.strip()
            if line.startswith(("for: ", "do:  ")):
                part = "remedy" if line.startswith("do:") else "matters"
                line = line[5:]
            setattr(row, part, (getattr(row, part, "") + " " + line).strip())
    return rows


class Doctor(unittest.TestCase):
    """Where nothing is but the program, until a test puts it there."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.root)
        # As in a build tree, so that the program finds its library.
        self.folder = self.root / "programs/oriel"
        for folder in (self.folder, self.root / "bin", self.root / "lib"):
            folder.mkdir(parents=True)
        shutil.copy(PROGRAM, self.folder / "oriel")
        (self.root / "src").symlink_to(PROGRAM.parents[2] / "src")
        self.environment = {k: v for k, v in os.environ.items() if "SAN_OPTIONS" in k}
        self.environment.update({"PATH": str(self.root / "bin"), "HOME": str(self.root),
                                 "LD_LIBRARY_PATH": str(self.root / "lib")})

    def write(self, path, text, mode=0o755):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def program(self, name, script):
        self.write(f"programs/oriel/{name}", "#!/bin/sh\n" + script)

    def device(self):
        """An oriel-gpu of the right version."""
        version = self.run_doctor("--version", command=None)[1].split()[1]
        self.program("oriel-gpu", f"echo oriel-gpu {version}\n")

    def qemu(self, version, device="other"):
        self.write(f"bin/qemu-system-{os.uname().machine}",
                   "#!/bin/sh\n" + QEMU.format(version=version, device=device))

    def library(self, name, source):
        subprocess.run([*CC, "-w", "-shared", "-fPIC", "-x", "c", "-", "-o",
                        self.root / "lib" / name], input=source, text=True, check=True)

    def run_doctor(self, *args, command="doctor", **kwargs):
        """Status, standard output, standard error."""
        line = [self.folder / "oriel", *([command] if command else []), *args]
        kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
        result = subprocess.run(line, stdin=subprocess.DEVNULL, env=self.environment, text=True,
                                timeout=DEADLINE_S, check=False, **kwargs)
        return result.returncode, result.stdout, result.stderr

    def rows(self, *args):
        status, out, err = self.run_doctor(*args)
        self.assertEqual(err, "")
        self.assertIn(status, (0, 1))
        return parse(out)

    def assert_row(self, row, state, text, remedy=""):
        self.assertEqual(row.state, state, row.text)
        self.assertIn(text, row.text)
        self.assertIn(remedy, row.remedy)


class Missing(Doctor):
    def test_without_the_device_nothing_runs(self):
        status, out, _ = self.run_doctor()
        rows = parse(out)
        if rows["oriel-gpu"].state != "off":
            self.skipTest("one is installed")
        self.assert_row(rows["oriel-gpu"], "off", "not installed", "install")
        self.assert_row(rows["2D"], "off", "no oriel-gpu", "see oriel-gpu")
        self.assertTrue(out.endswith("\nOriel cannot run here.\n"))
        self.assertEqual(status, 1)

    def test_with_the_device_2d_works(self):
        self.device()
        status, out, _ = self.run_doctor()
        rows = parse(out)
        self.assert_row(rows["oriel-gpu"], "on", str(self.folder / "oriel-gpu"))
        self.assert_row(rows["2D"], "on", "no GPU is needed")
        self.assertEqual(status, 0)

    def test_a_device_of_a_build_tree_is_found(self):
        self.device()
        (self.root / "programs/oriel-gpu").mkdir()
        (self.folder / "oriel-gpu").rename(self.root / "programs/oriel-gpu/oriel-gpu")
        self.assert_row(self.rows()["oriel-gpu"], "on", "programs/oriel-gpu/oriel-gpu")

    def test_a_device_of_another_version(self):
        self.program("oriel-gpu", "echo oriel-gpu 99.0\n")
        self.assert_row(self.rows()["oriel-gpu"], "degraded", "version 99.0", "same release")

    def test_no_qemu(self):
        rows = self.rows()
        self.assert_row(rows["QEMU"], "off", "not in PATH")
        self.assert_row(rows["guests under QEMU"], "off", "no QEMU")
        del self.environment["PATH"]
        self.assert_row(self.rows()["QEMU"], "off", "not in PATH")

    def test_qemu_versions(self):
        self.qemu("7.2.9")
        self.assertIn("QEMU 10 or later", self.rows()["QEMU"].remedy)
        self.qemu("10.0.2")
        rows = self.rows()
        self.assert_row(rows["QEMU"], "on", "QEMU 10.0.2, " + str(self.root / "bin"))
        self.assert_row(rows["guest blobs, resize"], "off", "passes neither", "11.1")
        self.qemu("11.1.3", "vhost-user-test-device-pci")
        self.assert_row(self.rows()["guest blobs, resize"], "on", "vhost-user-test-device-pci")

    def test_libvirt_descriptor(self):
        self.write(".config/qemu/vhost-user/50-oriel-gpu.json",
                   '{"type": "gpu", "binary" : "/nonexistent/oriel-gpu"}')
        self.assert_row(self.rows()["libvirt descriptor"], "off",
                        "names /nonexistent/oriel-gpu: No such file")
        self.write(".config/qemu/vhost-user/50-oriel-gpu.json", '{"binary": "/bin/sh"}')
        self.assert_row(self.rows()["libvirt descriptor"], "on", "50-oriel-gpu.json")
        self.write(".config/qemu/vhost-user/50-oriel-gpu.json", "nonsense")
        self.assert_row(self.rows()["libvirt descriptor"], "off", "names no program")


class Renderer(Doctor):
    """Fake renderers. Whatever they do, the report is complete, and 2D is on."""

    def check(self, script, state, text, *args):
        self.device()
        self.program("oriel-render", script)
        status, out, err = self.run_doctor(*args)
        rows = parse(out)
        self.assertEqual((status, err), (0, ""))
        self.assert_row(rows["oriel-render"], state, text)
        self.assertEqual(rows["3D (virgl)"].state, state)
        self.assert_row(rows["2D"], "on", "")
        self.assertIn("\nOriel can run here", out)
        return rows

    def test_one_that_draws(self):
        self.check('[ "$1" = --probe ] || exit 9\n' + RENDERER, "on",
                   "Fake GPU; virglrenderer 1.1.0; capsets VIRGL 1, VIRGL2 2")

    def test_software(self):
        self.check("echo 'renderer=llvmpipe (LLVM 15)'\n" + CAPSETS, "degraded",
                   "llvmpipe (LLVM 15), in software")

    def test_dmabuf_export(self):
        rows = self.check(RENDERER + "echo dmabuf_export=1\n", "on", "Fake GPU")
        self.assertEqual(rows["dma-buf scanouts"].state, "on")
        rows = self.check(RENDERER + "echo dmabuf_export=0\n", "on", "Fake GPU")
        self.assert_row(rows["dma-buf scanouts"], "off", "exports none")

    def test_one_that_says_why_not(self):
        self.check("echo 'error=no EGL device works'; exit 1\n", "off", "no EGL device works")
        self.check("echo 'oriel-render: out of luck' >&2; exit 1\n", "off",
                   "it ended with exit status 1: oriel-render: out of luck")

    def test_crash(self):
        self.check(RENDERER + "kill -SEGV $$\n", "off", "it crashed (SIGSEGV)")
        self.check("echo step=virgl_renderer_init\nkill -ABRT $$\n", "off",
                   "it crashed (SIGABRT) in virgl_renderer_init")

    def test_hang(self):
        self.check(RENDERER + "exec /bin/sleep 1000\n", "off", "it did not answer within 5 s",
                   "--timeout=5")

    def test_lies(self):
        for name, script in [
                ("silence", ""), ("no capset", "echo renderer=x\n"),
                ("empty capset", "echo capset=1 version=1 size=0\n"),
                ("huge capset", "echo capset=1 version=1 size=999999999\n"),
                ("unknown capset", "echo capset=999 version=1 size=308\n"),
                ("no number", "echo capset=one version=1 size=308\n")]:
            with self.subTest(name):
                self.check(script, "off", "no virgl capset")

    def test_flood(self):
        self.check("i=0; while [ $i -lt 20000 ]; do echo capset=1 version=1 size=308; "
                   "echo garbage $i; i=$((i + 1)); done\n", "on", "VIRGL 1")

    def test_terminals_are_spared(self):
        rows = self.check(r"printf 'renderer=\033[31mred\007\n'" + "\n" + CAPSETS, "on",
                          "?[31mred?")
        self.assertIn("?[31mred?", rows["3D (virgl)"].text)

    def test_not_a_program(self):
        self.device()
        self.write("programs/oriel/oriel-render", "\x7fELF no more")
        self.assert_row(self.rows()["oriel-render"], "off", "exit status 127: Exec format error")


class Libraries(Doctor):
    def test_each_egl_device_for_itself(self):
        """A driver that crashes or hangs hides no other one."""
        self.library("libEGL.so.1", (HERE / "fake_egl.c").read_text())
        rows = self.rows("--timeout=5")
        self.assertEqual(sum(name.startswith("egl:") for name in rows), 5)
        self.assert_row(rows["egl:0"], "on", "Fake GPU; OpenGL 4.6 of fakes; /dev/dri/renderD200; "
                        "exports dma-bufs")
        self.assert_row(rows["egl:1"], "off", "crashed (SIGSEGV) in eglInitialize", "--renderer")
        self.assert_row(rows["egl:2"], "off", "did not answer within 5 s in eglInitialize")
        self.assert_row(rows["egl:3"], "off", "eglInitialize fails (0x3001): fake driver: may not "
                        "open ?[7mthe node")
        self.assert_row(rows["egl:4"], "on", "?]0;mine?; OpenGL")

    def test_damaged_ones(self):
        for name in ("libEGL.so.1", "libvulkan.so.1", "libvirglrenderer.so.1"):
            self.write(f"lib/{name}", "no library")
        rows = self.rows()
        for name in ("EGL", "Vulkan", "virglrenderer"):
            self.assert_row(rows[name], "off", "cannot be loaded")

    def test_empty_ones(self):
        for name in ("libEGL.so.1", "libvulkan.so.1", "libvirglrenderer.so.1"):
            self.library(name, "int nothing;\n")
        rows = self.rows()
        self.assert_row(rows["EGL"], "off", "lacks eglGetProcAddress")
        self.assert_row(rows["Vulkan"], "off", "lacks vkGetInstanceProcAddr")
        self.assert_row(rows["virglrenderer"], "off", "lacks virgl_renderer_init")

    def test_ones_that_crash_at_once(self):
        for name in ("libEGL.so.1", "libvulkan.so.1", "libvirglrenderer.so.1"):
            self.library(name, "__attribute__((constructor)) static void f(void) "
                         "{ __builtin_trap(); }\n")
        rows = self.rows()
        for name in ("EGL", "Vulkan", "virglrenderer"):
            self.assertRegex(rows[name].text, r"crashed \(SIG(ILL|TRAP)\) in dlopen")
            self.assertEqual(rows[name].state, "off")


class Output(Doctor):
    def test_json_says_the_same(self):
        self.device()
        self.qemu("10.0.2")
        status, out, err = self.run_doctor("--json")
        if not HAS_JSON:
            self.assertEqual((status, out), (2, ""))
            self.assertEqual(err, "oriel doctor: --json: built without json-c, so it cannot write "
                             "JSON\n")
            return
        self.assertEqual((status, err), (0, ""))
        report = json.loads(out)
        self.assertIs(report["can_run"], True)
        self.assertRegex(report["version"], r"^\d+\.\d+\.\d+$")
        rows = self.rows()
        both = report["checks"] + report["features"]
        self.assertEqual([r["name"] for r in both], list(rows))
        for row in both:
            text = rows[row["name"]]
            self.assertEqual((row["state"], row["found"]), (text.state, text.text))
            self.assertEqual(row["remedy"] or "", text.remedy)
        self.assertTrue(all(row["matters"] for row in report["checks"]))
        self.assertEqual(report["features"][0]["name"], "2D")

    def test_usage(self):
        for args, what in [
                (["--nonsense"], "--nonsense: no such option"), (["x"], "x: not an option"),
                (["--timeout"], "--timeout: needs a value"),
                (["--timeout=0"], "--timeout needs a number of seconds from 1 to 3600"),
                (["--timeout=3601"], "--timeout needs a number of seconds from 1 to 3600"),
                (["--timeout=1s"], "--timeout needs a number of seconds from 1 to 3600")]:
            with self.subTest(what):
                self.assertEqual(self.run_doctor(*args), (
                    2, "", f"oriel doctor: {what}; 'oriel doctor --help' says more\n"))

    def test_help_fits_a_screen(self):
        status, out, err = self.run_doctor("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertLessEqual(len(out.splitlines()), 24)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_a_report_that_cannot_be_printed_is_a_failure(self):
        self.device()
        for args in [[]] + [["--json"]] * HAS_JSON:
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                status, _, err = self.run_doctor(*args, stdout=full)
                self.assertEqual(status, 1)
                self.assertIn("oriel doctor: standard output: ", err)

    def on_terminal(self, columns):
        """What it prints to a terminal of this width."""
        ours, theirs = pty.openpty()
        try:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            with subprocess.Popen([self.folder / "oriel", "doctor"], env=self.environment,
                                  stdin=subprocess.DEVNULL, stdout=theirs) as process:
                os.close(theirs)
                theirs = -1
                data = b""
                try:
                    more = os.read(ours, 4096)
                    while more:
                        data += more
                        more = os.read(ours, 4096)
                except OSError:  # how the end of a terminal is told
                    pass
                process.wait(DEADLINE_S)
        finally:
            os.close(ours)
            if theirs >= 0:
                os.close(theirs)
        return data.decode().replace("\r\n", "\n")

    def test_colour_and_width(self):
        self.environment["TERM"] = "xterm"
        text = self.on_terminal(70)
        self.assertIn(" \33[32mon\33[0m        ", text)
        plain = ESCAPE.sub("", text)
        self.assertLessEqual(max(len(line) for line in plain.splitlines()
                                 if len(line.split()) > 2), 70)
        self.assertEqual(list(parse(plain)), list(self.rows()))
        for variable, value in [("NO_COLOR", "1"), ("TERM", "dumb")]:
            with self.subTest(variable):
                self.environment[variable] = value
                self.assertNotIn("\33", self.on_terminal(200))
                self.environment.update({"NO_COLOR": "", "TERM": "xterm"})
        self.assertIn("\33", self.on_terminal(200))  # an empty NO_COLOR says nothing
        self.assertNotIn("\33", self.run_doctor()[1])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
