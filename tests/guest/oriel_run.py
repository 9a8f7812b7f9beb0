#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real guest by `oriel run`: it boots, its screen is right, Ctrl-C powers it down, nothing stays.

Its GPU is vhost-user-vga, which nothing else here has: the firmware is a BIOS. The guest is that of
run.py. Exit status 77, and one line: there is no QEMU, or no guest.
"""

import argparse
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import machine
import picture
from cases import show_new
from process import Child, Failure, wait_for
from run import SKIPPED, find_image

SCREEN_S = 60
# The guest's init knows no power button, so a script waits for it.
BUTTON = """
modprobe button && modprobe evdev || exit 1
for i in 1 2 3 4 5 6 7 8 9 10; do
	file=$(grep -l "Power Button" /sys/class/input/event*/device/name 2>/dev/null | head -n 1)
	[ -z "$file" ] || break
	sleep 1 # of the guest's time: the kernel tells nobody here
done
device=/dev/input/$(basename "$(dirname "$(dirname "$file")")")
exec 3<"$device" || exit 1 # it is open now: whatever comes from here on is seen
(dd bs=24 count=1 <&3 >/dev/null && echo o >/proc/sysrq-trigger) </dev/null >/dev/null 2>&1 &
"""


def make_parser(text):
    """What tests with `oriel run` are told; text is the module's."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the program of the guest, built statically")
    parser.add_argument("--oriel", required=True, help="the program, with the others near it")
    parser.add_argument("--image", type=pathlib.Path, help="folder of the guest")
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    return parser


def parse(text):
    """The same for a guest whose screen a viewer shows, or none."""
    parser = make_parser(text)
    parser.add_argument("--display", choices=["web", "none"], default="none")
    return parser.parse_args()


def run_check(options, check, script="guest-image"):
    """A test from its beginning to its end: check(options, image, folder), with the guest that a
    script makes and a folder that does not stay. The exit status."""
    if shutil.which(options.qemu) is None:
        print(f"SKIP: {options.qemu} is not installed")
        return SKIPPED
    image, reason = find_image(options, script)
    if image is None:
        print(f"SKIP: {reason}")
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="oriel-") as folder:
        try:
            check(options, image, pathlib.Path(folder))
        except Failure as failure:
            print(f"failed: {failure}")
            return 1
    print("passed")
    return 0


class Run:
    """`oriel run` with the guest of an image, and the agent in it.

    words are options of it, programs files for /run/oriel of the guest, by name, init among them.
    """

    RUNTIME = "x"

    def __init__(self, oriel, image, folder, programs, words):
        self.folder, self.oriel = folder, oriel
        (folder / "button").write_text(BUTTON)
        machine.pack_programs(folder / "programs.tar",
                              {**programs, "button": folder / "button"})
        self.runtime = folder / self.RUNTIME
        self.runtime.mkdir(0o700)
        self.socket = self.runtime / "oriel/test/display.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "agent.sock"))
        listener.listen()
        command = [
            oriel, "run", "--mem=1GiB", "--name=test", "--verbose", *words,
            f"--kernel={image}/vmlinuz", f"--initrd={image}/initramfs.img",
            "--append=console=ttyS0 quiet panic=-1 printk.time=0",
            f"--disk={image}/root.img", f"--disk={folder}/programs.tar",
            "--", "-snapshot", "-serial", f"unix:{folder}/agent.sock"]
        env = dict(os.environ, XDG_RUNTIME_DIR=str(self.runtime), TMPDIR=str(folder))
        self.child = None
        try:
            with listener:
                self.start(command, env)
                self.agent = machine.Agent(self.accept(listener))
            self.agent.wait_ready()
        except (TimeoutError, Failure) as failure:
            raise Failure(f"{failure}\n{self.tail()}") from failure

    def start(self, command, env):
        """Start it: child is what the guest lives and dies with."""
        self.child = Child("oriel run", command, self.folder / "run.log", env=env)

    def tail(self):
        return self.child.tail()

    def accept(self, listener):
        """The agent's connection; oriel run may end without there being one."""
        listener.settimeout(0.2)
        end = time.monotonic() + machine.BOOT_S
        while True:
            self.child.check()
            try:
                return listener.accept()[0]
            except TimeoutError:
                if time.monotonic() > end:
                    raise

    def run(self, command, *words):
        """Run oriel with a command for this machine: the result, which must be a success."""
        return subprocess.run([self.oriel, command, f"--socket={self.socket}", *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60,
                              check=True).stdout

    def shot(self):
        result = subprocess.run(
            [self.oriel, "shot", f"--socket={self.socket}", "-"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        if result.returncode != 0:
            return result.stderr.decode(errors="replace")
        return picture.read_png(result.stdout)

    def url(self):
        return next((line[5:] for line in self.child.text().splitlines()
                     if line.startswith("open ")), None)


def check_screen(run):
    run.agent.ask("open")
    expected = show_new(run.agent, 1)

    def differs():
        seen = run.shot()
        if not isinstance(seen, picture.Picture):
            return seen
        return None if seen == expected else seen.differences(expected)

    wait_for("the screen", SCREEN_S, differs, [run.child])


def check_page(run):
    """The address that was printed serves a page."""
    url = run.url()
    if url is None:
        raise Failure(f"no address was printed\n{run.child.tail()}")
    with urllib.request.urlopen(url.partition("#")[0], timeout=60) as answer:
        if answer.status != 200 or b"<html" not in answer.read().lower():
            raise Failure(f"{url} serves no page")


def check_end(run):
    """Ctrl-C: the guest sees its button pressed, and powers off."""
    run.agent.shell("sh /run/oriel/button")
    run.child.process.send_signal(signal.SIGINT)
    status = run.child.process.wait(180)
    if status != 0 or "in time" in run.child.text():
        raise Failure(f"oriel run ended with status {status}\n{run.child.tail()}")
    left = sorted(path.name for path in run.runtime.rglob("*"))
    if left:
        raise Failure(f"{left} are left")


def check(options, image, folder):
    run = Run(options.oriel, image, folder, {"init": options.agent}, [
        f"--display={options.display}", f"--qemu={options.qemu}", "--firmware=bios", "--grace=60"])
    check_screen(run)
    if options.display == "web":
        check_page(run)
    check_end(run)


if __name__ == "__main__":
    sys.exit(run_check(parse(__doc__), check))
