#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What edid-decode thinks of our EDIDs: no failure, and the wanted mode is the preferred one.

usage: check_edid.py EDID_WRITE

Skipped (77) where edid-decode is not installed.
"""

import re
import shutil
import subprocess
import sys

# Width, height, refresh in millihertz.
MODES = [
    (640, 480, 60000),
    (800, 600, 60000),
    (801, 601, 60000),
    (1024, 768, 75000),
    (1080, 1920, 60000),
    (1280, 800, 60000),
    (1366, 768, 60000),
    (1367, 769, 59940),
    (1920, 1080, 23976),
    (1920, 1080, 60000),
    (1920, 1080, 144000),
    (1920, 1080, 360000),
    (1920, 1200, 60000),
    (2560, 1440, 165000),
    (3440, 1440, 100000),
    (3840, 2160, 60000),
    (3840, 2160, 120000),
    (4095, 2160, 60000),
    (4096, 2160, 60000),
    (5001, 3333, 60000),
    (5120, 2880, 60000),
    (7680, 4320, 60000),
    (8192, 8192, 30000),
    (16384, 16384, 60000),
]

# edid-decode of 2022 reads the three letters of a DisplayID 1.3 product as an IEEE number.
KNOWN_WARNINGS = [re.compile(r"Unknown OUI 4F-52-4C \(possible PNP ORL\)")]

TIMING = re.compile(r"DTD[ 0-9]*: *(\d+)x(\d+) +([\d.]+) Hz")


def warnings_of(text):
    """Lines of the section that begins with "Warnings:", but for those we know."""
    section = text.partition("\nWarnings:\n")[2].partition("\nFailures:\n")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("  ")]
    return [line for line in lines if not any(k.search(line) for k in KNOWN_WARNINGS)]


def judge(edid_write, mode):
    """What is wrong with the EDID of one mode: a list of sentences."""
    width, height, refresh_mhz = mode
    edid = subprocess.run([edid_write, *map(str, mode)], stdout=subprocess.PIPE, check=True).stdout
    result = subprocess.run(["edid-decode", "--check", "--preferred-timings"], input=edid,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = result.stdout.decode(errors="replace")
    wrong = []
    if result.returncode != 0:
        wrong.append(f"edid-decode exits with {result.returncode}")
    if "EDID conformity: PASS" not in text or "\nFailures:" in text:
        wrong.append("does not conform:\n" + text)
    wrong += [f"warning: {w}" for w in warnings_of(text)]

    preferred = TIMING.search(text.partition("Preferred Video Timing")[2])
    if preferred is None:
        wrong.append("has no preferred timing")
    else:
        if (int(preferred[1]), int(preferred[2])) != (width, height):
            wrong.append(f"prefers {preferred[1]}x{preferred[2]}")
        if abs(float(preferred[3]) * 1000 / refresh_mhz - 1) > 0.0005:
            wrong.append(f"prefers {preferred[3]} Hz")
    return wrong


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if shutil.which("edid-decode") is None:
        print("SKIP: edid-decode is not installed")
        return 77
    n_wrong = 0
    for mode in MODES:
        for sentence in judge(sys.argv[1], mode):
            print(f"{mode[0]}x{mode[1]}@{mode[2] / 1000:g}: {sentence}")
            n_wrong += 1
    print(f"{len(MODES)} modes, {n_wrong} complaints")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
