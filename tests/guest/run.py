#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot a Linux guest and judge by exact pixels what its GPU makes of it.

The screen is looked at with oriel shot and with QEMU's screendump. With --device=qemu the guest has
QEMU's own GPU instead of oriel-gpu, and for --suite=3d with --device=qemu-gl its own with OpenGL,
in a window under Xvfb: second opinions on the tests themselves.
Exit status 77, and one line: there is no QEMU, or no guest (scripts/guest-image makes one, and
scripts/guest-image-3d that of --suite=3d).
"""

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import cases
import cases_3d
import cases_input  # pylint: disable=unused-import # these three add theirs to the cases
import cases_inside
import cases_loss  # pylint: disable=unused-import
import cases_piglit  # pylint: disable=unused-import
import machine
from lab import Lab
from process import Failure, Skip

SKIPPED = 77
# What is tried, and the script that makes its guest.
SUITES = {"2d": (cases.CASES, "guest-image"), "3d": (cases_3d.CASES, "guest-image-3d")}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the program of the guest, built statically")
    parser.add_argument("--oriel-gpu", help="the daemon")
    parser.add_argument("--oriel", help="the program that takes screenshots")
    parser.add_argument("--add", action="append", default=[], type=pathlib.Path, metavar="FILE",
                        help="a file for /run/oriel of the guest; --suite=3d needs guest_gl and "
                        "one_mode.so")
    parser.add_argument("--device", choices=["oriel", "qemu", "qemu-gl"], default="oriel")
    parser.add_argument("--suite", choices=SUITES, default="2d")
    parser.add_argument("--image", type=pathlib.Path,
                        help="folder of the guest; default: what the suite's script has made")
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    parser.add_argument("--accel", choices=["auto", "kvm", "tcg"], default="auto")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("guest-pictures"),
                        help="folder for pictures that differ")
    parser.add_argument("--keep-pictures", action="store_true", help="save those that do not, too")
    parser.add_argument("--resume", action="store_true",
                        help="piglit's results in --out stay: only missing ones are made")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="N",
                        help="begin no test of piglit's after this time")
    parser.add_argument("--list", action="store_true", help="name the cases and exit")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all of them")
    return parser


def parse():
    parser = make_parser()
    options = parser.parse_args()
    for name in options.cases:
        if name not in SUITES[options.suite][0]:
            parser.error(f"there is no case {name!r}; --list names them")
    if options.device == "oriel" and None in (options.oriel_gpu, options.oriel):
        parser.error("--device=oriel needs --oriel-gpu and --oriel")
    if options.suite == "3d" and options.device == "qemu":
        parser.error("--suite=3d needs a device with OpenGL")
    if options.suite == "2d" and options.device == "qemu-gl":
        parser.error("--device=qemu-gl is for --suite=3d")
    return options


def find_image(options, script="guest-image"):
    """The guest's folder, or why there is none."""
    if options.image is not None:
        return options.image, None
    result = subprocess.run([ROOT / "scripts" / script, "--if-cached"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        return None, result.stderr.strip()
    return pathlib.Path(result.stdout.strip()), None


def run_case(lab, name, function):
    """Run a case and say how it went: "passed", "failed" or "skipped"."""
    lab.case = name
    started = time.monotonic()
    try:
        function(lab)
        verdict, reason = "passed", ""
    except Skip as skip:
        verdict, reason = "skipped", f": {skip}"
    except Failure as failure:
        verdict, reason = "failed", f": {failure}\n{lab.tails()}"
    except Exception:  # a defect of the test itself counts as a failure, too
        verdict, reason = "failed", f": {traceback.format_exc()}{lab.tails()}"
    if verdict == "failed":
        lab.discard()
    print(f"{verdict:7} {name} ({time.monotonic() - started:.1f} s){reason}", flush=True)
    return verdict


def choose_accel(options, image):
    if options.accel != "auto":
        return options.accel
    return "kvm" if machine.kvm_works(options.qemu, image) else "tcg"


def missing_program(options):
    needed = [options.qemu] + (["Xvfb"] if options.device == "qemu-gl" else [])
    return next((program for program in needed if shutil.which(program) is None), None)


def main():
    options = parse()
    suite, script = SUITES[options.suite]
    if options.list:
        for name, function in suite.items():
            print(f"{name}: {function.__doc__.splitlines()[0]}")
        return 0
    program = missing_program(options)
    if program is not None:
        print(f"SKIP: {program} is not installed")
        return SKIPPED
    image, reason = find_image(options, script)
    if image is None:
        print(f"SKIP: {reason}")
        return SKIPPED
    accel = choose_accel(options, image)
    print(f"guest {image.name}, {accel}, device: {options.device}", flush=True)

    # Ended from outside, as meson does it, we still end our children and remove their files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="oriel-guest-") as folder:
        options.add.append(cases_inside.pack_tests(folder))
        lab = Lab(options, image, accel, folder)
        try:
            verdicts = [run_case(lab, name, suite[name]) for name in options.cases or suite]
        finally:
            lab.discard()
    text = f"{verdicts.count('passed')} passed, {verdicts.count('failed')} failed"
    if "skipped" in verdicts:
        text += f", {verdicts.count('skipped')} skipped"
    print(text)
    return 1 if "failed" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
