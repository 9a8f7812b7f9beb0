#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare glmark2 in a guest on oriel-gpu with the same on QEMU's own virtio-gpu-gl.

Two guests are up all the time, of which one works and the other waits: they take turns, so that
what else the machine does meanwhile happens to both. Every picture is shown: on QEMU's device in a
window under Xvfb, on oriel-gpu in QEMU's display that has no window. Takes run.py's options.
"""

import argparse
import os
import pathlib
import re
import statistics
import sys
import tempfile

import cases_3d
import run
from lab import Lab
from process import Failure

SCENES = ["build", "texture", "shading:shading=phong", "bump", "effect2d", "desktop"]
DEVICES = ["oriel", "qemu-gl"]


def read_cpu_s(lab):
    """What all processes of a device and its guest have used of the processors."""
    pids = [child.process.pid for child in lab.children()]
    if lab.is_oriel:
        pids.append(lab.find_renderer())
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(lab, duration_s):
    """Frames per second of each scene, all scenes' score, and milliseconds of CPU of a frame."""
    scenes = " ".join(f"-b {scene}:duration={duration_s}" for scene in SCENES)
    agent = cases_3d.guest(lab)
    began_s = read_cpu_s(lab)
    said = cases_3d.must(agent, f"{cases_3d.GLMARK2} --size 640x480 {scenes}",
                         cases_3d.LONG_S + len(SCENES) * 10 * duration_s)
    rates = [int(rate) for rate in re.findall(r"FPS: (\d+)", said)]
    score = re.search(r"glmark2 Score: (\d+)", said)
    if len(rates) != len(SCENES) or score is None or cases_3d.NOT_SHOWN in said:
        raise Failure(said)
    cpu_ms = 1000 * (read_cpu_s(lab) - began_s) / (sum(rates) * duration_s)
    return rates + [int(score[1]), round(cpu_ms, 1)]


def print_rows(results):
    """A row of the table of docs/performance.md for each scene."""
    print("| scene | oriel-gpu | QEMU's virtio-gpu-gl | ours / QEMU's |")
    print("| --- | --- | --- | --- |")
    for i, name in enumerate(SCENES + ["score", "CPU of a frame, ms"]):
        ours, theirs = ([turn[i] for turn in results[device]] for device in DEVICES)
        ratios = [a / b for a, b in zip(ours, theirs)]
        medians = [statistics.median(values) for values in (ours, theirs)]
        print(f"| {name} | {medians[0]:g} ({min(ours)} to {max(ours)}) "
              f"| {medians[1]:g} ({min(theirs)} to {max(theirs)}) "
              f"| {medians[0] / medians[1]:.2f} (turn by turn {min(ratios):.2f} to "
              f"{max(ratios):.2f}) |", flush=True)


def bench(labs, options):
    results = {device: [] for device in DEVICES}
    for lab in labs.values():
        cases_3d.guest(lab)
    for turn in range(options.turns):
        # Who begins, changes.
        for device in DEVICES if turn % 2 == 0 else reversed(DEVICES):
            results[device].append(measure(labs[device], options.duration))
            load = pathlib.Path("/proc/loadavg").read_text().split()[0]
            print(f"turn {turn + 1}, {device}: {results[device][-1]}, load {load}", flush=True)
    print_rows(results)


def main():
    parser = run.make_parser()
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--duration", type=int, default=4, metavar="SECONDS",
                        help="of a scene")
    options = parser.parse_args(["--suite=3d", *sys.argv[1:]])
    image, reason = run.find_image(options, "guest-image-3d")
    if image is None:
        sys.exit(f"bench.py: {reason}")
    accel = run.choose_accel(options, image)
    labs = {}
    with tempfile.TemporaryDirectory(prefix="oriel-guest-") as folder:
        try:
            for device in DEVICES:
                own = argparse.Namespace(**{**vars(options), "device": device})
                (pathlib.Path(folder) / device).mkdir()
                labs[device] = Lab(own, image, accel, pathlib.Path(folder) / device)
            bench(labs, options)
        finally:
            for lab in labs.values():
                lab.discard()


if __name__ == "__main__":
    main()
