#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The parts of scripts/ that decide something: what was counted, and where packages come from.

usage: scripts.py ROOT
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv[1])
COUNT = ROOT / "scripts/lib/count_tests.py"
APT_SOURCES = ROOT / "scripts/lib/apt-sources.awk"

CMOCKA = ("[==========] Running 4 test(s).\n[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n"
          "[  FAILED  ] b\n[ RUN      ] c\n[  SKIPPED ] c\n[ RUN      ] d\n[  FAILED  ] d\n")
CRASH = "[==========] Running 2 test(s).\n[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n"
TAP = "1..4\nok 1 a\nnot ok 2 b\nok 3 c # SKIP none here\nnot ok 4 d # TO" "DO later\n"
UNITTEST = "....\n-----\nRan 9 tests in 0.1s\n\n"


class Count(unittest.TestCase):
    def count(self, result, stdout, stderr=""):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder, "testlog.json")
            test = {"name": "t", "result": result, "stdout": stdout, "stderr": stderr}
            log.write_text(json.dumps(test) + "\n")
            run = subprocess.run([sys.executable, COUNT, log], stdout=subprocess.PIPE, text=True,
                                 check=True)
        return run.stdout.splitlines()[-1]

    def test_results(self):
        for name, result, stdout, stderr, counts in [
                ("one case", "OK", "3 inputs\n", "", "1 0 0"),
                ("failed without cases", "FAIL", "oh\n", "", "0 1 0"),
                ("timeout after a case", "TIMEOUT", "ok 1 a\n", "", "1 1 0"),
                ("skipped as a whole", "SKIP", "no QEMU\n", "", "0 0 1"),
                ("skipped case by case", "SKIP", "ok 1 # SKIP\nok 2 # SKIP\n", "", "0 0 2"),
                ("cmocka", "FAIL", CMOCKA, "", "1 2 1"),
                ("cmocka that crashed", "FAIL", CRASH, "", "1 1 0"),
                ("TAP", "FAIL", TAP, "", "2 1 1"),
                ("unittest", "OK", "", UNITTEST + "OK\n", "9 0 0"),
                ("unittest with skips", "OK", "", UNITTEST + "OK (skipped=2)\n", "7 0 2"),
                ("unittest that failed", "FAIL", "",
                 UNITTEST + "FAILED (failures=2, errors=1, skipped=1)\n", "5 3 1"),
                ("summary", "OK", "passed a\n12 passed, 0 failed\n", "", "12 0 0"),
                ("summary with skips", "FAIL", "1 passed, 2 failed, 3 skipped\n", "", "1 2 3"),
                ("all is well but the end", "FAIL", "ok 1 a\n", "", "1 1 0")]:
            with self.subTest(name):
                self.assertEqual(self.count(result, stdout, stderr), counts)


class AptSources(unittest.TestCase):
    def entries(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, name)
            path.write_text(text)
            run = subprocess.run(["awk", "-f", APT_SOURCES, os.devnull, path],
                                 stdout=subprocess.PIPE, text=True, check=True)
        return [tuple(line.split("\t")) for line in run.stdout.splitlines()]

    def test_one_line_files(self):
        for line, entries in [
                ("deb http://m/debian bookworm main", [("bookworm", "http://m/debian", "")]),
                ("deb [arch=amd64 signed-by=/k.gpg] http://m/d bookworm main contrib",
                 [("bookworm", "http://m/d", "/k.gpg")]),
                ("deb [signed-by=/k.gpg,arch=amd64]\thttp://m/d\tbookworm\tmain",
                 [("bookworm", "http://m/d", "/k.gpg")]),
                ("# deb http://m/debian bookworm main", []),
                ("deb-src http://m/debian bookworm main", []),
                ("", [])]:
            with self.subTest(line):
                self.assertEqual(self.entries("sources.list", line + "\n"), entries)

    def test_stanzas(self):
        text = ("# ours\nTypes: deb deb-src\n# a note\nURIs: http://m/debian\n"
                "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n"
                "\n\nTypes: deb\nURIs: http://n/x\nSuites: other\nEnabled: no\n"
                "\ntypes: deb-src\nuris: http://n/x\nsuites: source\n"
                "\ntypes: deb\nuris: http://n/y\n# or: that\n http://n/z\nsuites: more\nsigned-by:\n -BEGIN\n .\n")
        self.assertEqual(self.entries("a.sources", text), [
            ("bookworm", "http://m/debian", "/k.gpg"),
            ("bookworm-updates", "http://m/debian", "/k.gpg"),
            ("more", "http://n/y", "\1 -BEGIN\1 ."), ("more", "http://n/z", "\1 -BEGIN\1 .")])


class Packages(unittest.TestCase):
    def test_sets(self):
        """A set has its packages and no other's; a wrong name is told."""
        needs = ROOT / "scripts/needs"
        listed = subprocess.run([needs, "--list", "build"], stdout=subprocess.PIPE, text=True,
                                check=True).stdout.splitlines()
        self.assertTrue(any(line.split()[1] == "meson" for line in listed))
        self.assertEqual({line.split()[0] for line in listed}, {"build"})
        everything = subprocess.run([needs, "--list"], stdout=subprocess.PIPE, text=True,
                                    check=True).stdout.splitlines()
        self.assertEqual({line.split()[0] for line in everything},
                         {"build", "guest", "test", "check", "golden"})
        wrong = subprocess.run([needs, "guests"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               check=False)
        self.assertEqual(wrong.returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
