#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot a Linux guest and judge by exact pixels what its GPU makes of it.

The screen is looked at with oriel shot and with QEMU's screendump. With --device=qemu the guest has
QEMU's own GPU instead of oriel-gpu: a second opinion on the tests themselves.
Exit status 77, and one line: there is no QEMU, or no guest (scripts/guest-image makes one).
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

import machine
from cases import CASES, Skip
from lab import Lab
from process import Failure

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the program of the guest, built statically")
    parser.add_argument("--oriel-gpu", help="the daemon")
    parser.add_argument("--oriel", help="the program that takes screenshots")
    parser.add_argument("--device", choices=["oriel", "qemu"], default="oriel")
    parser.add_argument("--image", type=pathlib.Path,
                        help="folder of the guest; default: what scripts/guest-image has made")
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    parser.add_argument("--accel", choices=["auto", "kvm", "tcg"], default="auto")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("guest-pictures"),
                        help="folder for pictures that differ")
    parser.add_argument("--keep-pictures", action="store_true", help="save those that do not, too")
    parser.add_argument("--list", action="store_true", help="name the cases and exit")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all of them")
    options = parser.parse_args()
    for name in options.cases:
        if name not in CASES:
            parser.error(f"there is no case {name!r}; --list names them")
    if options.device == "oriel" and None in (options.oriel_gpu, options.oriel):
        parser.error("--device=oriel needs --oriel-gpu and --oriel")
    return options


def find_image(options):
    """The guest's folder, or why there is none."""
    if options.image is not None:
        return options.image, None
    result = subprocess.run([ROOT / "scripts/guest-image", "--if-cached"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        return None, result.stderr.strip()
    return pathlib.Path(result.stdout.strip()), None


def run_case(lab, name):
    """Run a case and say how it went: "passed", "failed" or "skipped"."""
    lab.case = name
    started = time.monotonic()
    try:
        CASES[name](lab)
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


def main():
    options = parse()
    if options.list:
        for name, function in CASES.items():
            print(f"{name}: {function.__doc__.splitlines()[0]}")
        return 0
    if shutil.which(options.qemu) is None:
        print(f"SKIP: {options.qemu} is not installed")
        return SKIPPED
    image, reason = find_image(options)
    if image is None:
        print(f"SKIP: {reason}")
        return SKIPPED
    accel = options.accel
    if accel == "auto":
        accel = "kvm" if machine.kvm_works(options.qemu, image) else "tcg"
    print(f"guest {image.name}, {accel}, device: {options.device}", flush=True)

    # Ended from outside, as meson does it, we still end our children and remove their files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="oriel-guest-") as folder:
        lab = Lab(options, image, accel, folder)
        try:
            verdicts = [run_case(lab, name) for name in options.cases or CASES]
        finally:
            lab.discard()
    text = f"{verdicts.count('passed')} passed, {verdicts.count('failed')} failed"
    if "skipped" in verdicts:
        text += f", {verdicts.count('skipped')} skipped"
    print(text)
    return 1 if "failed" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
