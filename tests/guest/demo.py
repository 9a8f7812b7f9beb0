#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot a Linux guest whose GPU is oriel-gpu, let it draw, and keep pictures of its screen.

What scripts/demo shows first: the guest's text console, and a picture that a program in the guest
draws, with a hardware cursor over it. oriel shot takes both; they are judged like a test's, by each
pixel. desktop.py goes on.
"""

import argparse
import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile

import machine
import picture
from cases import HEIGHT, WIDTH, open_console, show_new
from lab import Lab
from process import Failure
from run import find_image

# What the guest tells of itself. The last lines of a long output are left out.
COMMANDS = [
    "sed -n 's/^PRETTY_NAME=//p' /etc/os-release",
    "uname -srm",
    "dmesg | grep drm | head -n 8",
    "cat /proc/fb",
    "cat /sys/class/drm/card*-*/status",
    "head -n 4 /sys/class/drm/card*-*/modes",
    "head -n 3 /proc/meminfo",
]
COLUMNS, ROWS = 158, 44
CURSOR_X, CURSOR_Y = 600, 350


def say(text):
    print(text, flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the program of the guest, built statically")
    parser.add_argument("--oriel-gpu", required=True, help="the daemon")
    parser.add_argument("--oriel", required=True, help="the program that takes screenshots")
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the pictures")
    options = parser.parse_args()
    options.device, options.image, options.keep_pictures = "oriel", None, False
    options.add = []
    return options


def keep_shot(lab, name, expected, *more):
    """Have oriel shot write the screen, once it is what the guest drew; the file's path."""
    lab.expect(name, lambda: lab.shot(*more), expected)
    status, png, text = lab.run_shot(*more)
    if status != 0:
        raise Failure(f"oriel shot: exit status {status}: {text.strip()}")
    if picture.read_png(png) != expected:
        raise Failure(f"{name}: oriel shot was right once, and then it was not")
    lab.options.out.mkdir(parents=True, exist_ok=True)
    path = lab.options.out.resolve() / f"{name}.png"
    path.write_bytes(png)
    return path


def console_lines(agent):
    """What stands on the console: commands, and what the guest answered, in plain ASCII."""
    lines = ["This is a text console of a Linux guest. Its GPU is oriel-gpu.", ""]
    for command in COMMANDS:
        output = agent.shell(command).encode("ascii", "replace").decode()
        lines += [f"# {command}", *output.expandtabs().splitlines(), ""]
    return ["".join(c for c in line if c.isprintable())[:COLUMNS] for line in lines[:ROWS]]


def draw_console(lab):
    agent = lab.guest()
    lines = console_lines(agent)
    console = open_console(agent)
    for row, line in enumerate(lines):
        agent.write("/dev/tty1", line + "\r\n")
        console.put(0, row, line)
    return keep_shot(lab, "console", console.picture)


def draw_picture(lab):
    agent = lab.guest()
    agent.ask("open")
    screen = show_new(agent, 1)
    agent.ask("cursor", 2, 0, 0)
    agent.ask("move", CURSOR_X, CURSOR_Y)
    shown = picture.with_cursor(screen, picture.cursor(2), CURSOR_X, CURSOR_Y)
    return keep_shot(lab, "picture", shown, "--cursor")


def qemu_version(qemu):
    text = subprocess.run([qemu, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return text.partition("version ")[2].split()[0]


def show(lab):
    say("the guest starts")
    agent = lab.guest()
    kernel = agent.shell("uname -r").strip()
    system = agent.shell(". /etc/os-release && echo $PRETTY_NAME").strip()
    say("the guest writes to its console")
    console = draw_console(lab)
    say("a program in the guest draws")
    drawn = draw_picture(lab)
    how = "under KVM" if lab.accel == "kvm" else "without KVM, in emulation"
    say(f"""
{system} (Linux {kernel}) ran in QEMU {qemu_version(lab.options.qemu)}, {how}.
Its only GPU was oriel-gpu, and oriel shot took these pictures of its screen. Each of their pixels
was compared with what the guest drew, and is the same.

The guest's text console, {WIDTH}x{HEIGHT}:
  {console}
What a program in the guest drew through the kernel's driver, with a hardware cursor:
  {drawn}""")


def run_lab(options, image, accel, action):
    """Do something with a lab of its own, of which nothing stays."""
    with tempfile.TemporaryDirectory(prefix="oriel-demo-") as folder:
        lab = Lab(options, image, accel, folder)
        with contextlib.ExitStack() as stack:
            stack.callback(lab.discard)
            try:
                action(lab)
            except Failure as failure:
                sys.exit(f"{failure}\n{lab.tails()}")


def main():
    # Ended from outside we leave through the same doors: no folder and no child stays.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    options = parse()
    image, reason = find_image(options)
    if image is None:
        sys.exit(reason)
    accel = "kvm" if machine.kvm_works(options.qemu, image) else "tcg"
    run_lab(options, image, accel, show)


if __name__ == "__main__":
    main()
