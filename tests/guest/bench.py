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
    """What each process of a device and its guest has used of the processors, by its name."""
    pids = [child.process.pid for child in lab.children()]
    if lab.is_oriel:
        pids.append(lab.find_renderer())
    used = {}
    for pid in pids:
        start, _, rest = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        name = start.partition("(")[2]
        fields = rest.split()
        used[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def measure(lab, scene, duration_s):
    """Frames per second of a scene, and each process's milliseconds of CPU of a frame."""
    began_s = read_cpu_s(lab)
    said = cases_3d.must(cases_3d.guest(lab),
                         f"{cases_3d.GLMARK2} --size 640x480 -b {scene}:duration={duration_s}",
                         cases_3d.LONG_S + 10 * duration_s)
    rate = re.search(r"FPS: (\d+)", said)
    if rate is None or cases_3d.NOT_SHOWN in said:
        raise Failure(said)
    n_frames = int(rate[1]) * duration_s
    return int(rate[1]), {name: 1000 * (end_s - began_s.get(name, 0)) / n_frames
                          for name, end_s in read_cpu_s(lab).items()}


def print_row(name, values):
    """A row of the table of docs/performance.md: medians, and of each turn the ratio."""
    ours, theirs = (values[device] for device in DEVICES)
    ratios = [a / b for a, b in zip(ours, theirs)]
    cells = [f"{statistics.median(row):.3g} ({min(row):.3g} to {max(row):.3g})"
             for row in (ours, theirs)]
    print(f"| {name} | {cells[0]} | {cells[1]} | {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f}) |", flush=True)


def print_table(results):
    print("| scene | oriel-gpu | QEMU's virtio-gpu-gl | ours / QEMU's |")
    print("| --- | --- | --- | --- |")
    rates = [{device: [turn[i][0] for turn in results[device]] for device in DEVICES}
             for i in range(len(SCENES))]
    for name, values in zip(SCENES, rates):
        print_row(name, values)
    # What glmark2 calls its score.
    print_row("all scenes' mean", {device: [statistics.mean(turn) for turn in zip(
        *(values[device] for values in rates))] for device in DEVICES})
    print_row("CPU of a frame, ms", {device: [statistics.mean(
        sum(cpu_ms.values()) for _, cpu_ms in turn) for turn in results[device]]
        for device in DEVICES})
    for device in DEVICES:
        shares = {name: statistics.median(statistics.mean(cpu_ms[name] for _, cpu_ms in turn)
                                          for turn in results[device])
                  for name in results[device][0][0][1]}
        print(f"CPU of a frame, {device}: "
              + ", ".join(f"{name} {ms:.3g} ms" for name, ms in shares.items()), flush=True)


def bench(labs, options):
    """Scene by scene by turns: a machine that others use is never the same for long."""
    results = {device: [] for device in DEVICES}
    for lab in labs.values():
        cases_3d.guest(lab)
    for turn in range(options.turns):
        for device in DEVICES:
            results[device].append([])
        for i, scene in enumerate(SCENES):
            # Who begins, changes.
            for device in DEVICES if (turn + i) % 2 == 0 else reversed(DEVICES):
                results[device][-1].append(measure(labs[device], scene, options.duration))
        load = pathlib.Path("/proc/loadavg").read_text().split()[0]
        said = ", ".join(f"{device} {[rate for rate, _ in results[device][-1]]}"
                         for device in DEVICES)
        print(f"turn {turn + 1}: {said}, load {load}", flush=True)
    print_table(results)


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
