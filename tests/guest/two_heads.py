#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two screens of a Weston by `oriel run --heads=2`, each with a viewer and a pointer of its own.

The viewers are a VNC client in Python (tests/vnc) and one oriel vnc for each screen. The guest has
the rule of udev that oriel-run(1) names. Exit status 77, and one line: there is no QEMU, or no
guest.
"""

import pathlib
import re
import signal
import sys

# Behind this folder, which has modules of the same names.
sys.path += [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("vnc", "wire")]

import desktop  # noqa: E402
import picture  # noqa: E402
import rfb  # noqa: E402
from cases_3d import must  # noqa: E402
from oriel_run import Run, make_parser, run_check  # noqa: E402
from process import Child, Failure, wait_for  # noqa: E402
from run import ROOT  # noqa: E402

WAIT_S = 120
BACKGROUND = bytes((0x60, 0x40, 0x20, 255))
# A part of both screens where nothing is but the background, and a pointer that is there.
SPOT_X, SPOT_Y, SPOT_SIDE = 100, 740, 40
RULES = """
mkdir -p /run/udev/rules.d
cp /run/oriel/rules /run/udev/rules.d/70-oriel.rules
"""
ENTER = 0xff0d


def parse():
    parser = make_parser(__doc__)
    parser.add_argument("--oriel-vnc", required=True, help="the viewer")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("guest-pictures"),
                        help="folder for pictures that are wrong")
    return parser.parse_args()


def read_rules():
    """The rules that the manual page has for the guest."""
    text = (ROOT / "docs/man/oriel-run.1.scd").read_text()
    rules = re.findall(r"^SUBSYSTEM==.*$", text, re.MULTILINE)
    if len(rules) != 2:
        raise Failure("oriel-run(1) has not two rules")
    return "\n".join(rules) + "\n"


class Screen:
    """One screen with its viewer, which also keeps up with the server's messages."""

    def __init__(self, run, options, head, folder):
        self.run, self.head, self.out = run, head, options.out
        where = folder / f"vnc-{head}.sock"
        self.child = Child(f"viewer {head}", [
            options.oriel_vnc, f"--socket={run.socket}", f"--head={head}",
            f"--listen=unix:{where}"], folder / f"viewer-{head}.log")
        wait_for("a viewer", WAIT_S, lambda: None if "vnc unix:" in self.child.text() else "-",
                 [self.child])
        self.client = rfb.Client(rfb.connect(f"unix:{where}"))

    def see(self):
        """The picture as the viewer has it: all of it is asked for anew."""
        self.client.request(incremental=False)
        self.client.update()
        size = self.client.width, self.client.height
        pixels = bytearray(self.client.pixels)
        pixels[3::4] = b"\xff" * (len(pixels) // 4)
        return picture.Picture(*size, pixels)

    def wait(self, what, is_so, look=None):
        seen = None

        def differs():
            nonlocal seen
            seen = (look or self.see)()
            return None if is_so(seen) else "it is not so"

        try:
            wait_for(f"screen {self.head}: {what}", WAIT_S, differs, [self.run.child, self.child])
        except Failure as failure:
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / f"two-heads-{self.head}.png"
            path.write_bytes(picture.write_png(seen))
            raise Failure(f"{failure}\n  seen: {path}") from failure

    def shot(self):
        """The picture with the cursor, whoever draws it."""
        png = self.run.run("shot", f"--scanout={self.head}", "--cursor", "-")
        return picture.read_png(png)

    def click(self, x, y):
        for buttons in (0, 1, 0):
            self.client.point(x, y, buttons)

    def type(self, text):
        for character in text:
            keysym = ENTER if character == "\n" else ord(character)
            self.client.key(keysym, 1)
            self.client.key(keysym, 0)


def is_desktop(seen):
    return (seen.width, seen.height) == (1280, 800) and seen.pixel(640, 790) == tuple(BACKGROUND)


def has_pointer(seen):
    spot = seen.crop(SPOT_X, SPOT_Y, SPOT_SIDE, SPOT_SIDE)
    return bytes(spot.pixels) != BACKGROUND * (SPOT_SIDE * SPOT_SIDE)


def has_terminal(seen):
    """Black, much of it; a panel has some."""
    return bytes(seen.pixels).count(picture.BLACK) > seen.width * seen.height // 10


def check_pointers(run, screens):
    """Each goes to its own screen, also back to the very place where it was before."""
    for head in (0, 1, 0, 1):
        run.run("pointer", f"--scanout={head}", str(SPOT_X + 10), str(SPOT_Y + 10))
        screens[head].wait("the pointer is here", has_pointer, screens[head].shot)
        screens[1 - head].wait("the pointer is elsewhere", lambda seen: not has_pointer(seen),
                               screens[1 - head].shot)


def check_terminals(run, screens):
    """
    A click on a screen's panel starts a terminal there, and what is typed goes there: few enough
    keys for the guest's kernel to keep (64 events) until Weston takes them.
    """
    for head in (1, 0):
        if has_terminal(screens[head].see()):
            raise Failure(f"screen {head} has a terminal already")
        screens[head].click(desktop.BUTTON_X, desktop.BUTTON_Y)
        # It takes keys as soon as its cursor is a block, and not before.
        screens[head].wait("a terminal", lambda seen: desktop.lacks_cursor(seen) is None)
        screens[head].type(f"touch /tmp/{head}\n")
        wait_for("what was typed", WAIT_S, lambda head=head: None if run.agent.ask(
            "sh", f"[ -e /tmp/{head} ]")[0] == "0" else "it has not arrived")
        must(run.agent, f"kill $({desktop.TERMINALS})")
        screens[head].wait("no terminal", lambda seen: not has_terminal(seen))


def check(options, image, folder):
    (folder / "start").write_text(RULES + desktop.START)
    (folder / "weston.ini").write_text(desktop.WESTON_INI)
    (folder / "rules").write_text(read_rules())
    programs = {"init": options.agent, **{name: folder / name for name in
                                          ("start", "weston.ini", "rules")}}
    run = Run(options.oriel, image, folder, programs,
              ["--heads=2", "--display=none", f"--qemu={options.qemu}"])
    must(run.agent, "sh -x /run/oriel/start >/tmp/log-start 2>&1 || { cat /tmp/log-start; false; }")
    screens = [Screen(run, options, head, folder) for head in (0, 1)]
    for screen in screens:
        screen.wait("a desktop", is_desktop)
    check_pointers(run, screens)
    check_terminals(run, screens)
    run.child.process.send_signal(signal.SIGINT)
    if run.child.process.wait(60) != 0:
        raise Failure(f"oriel run: {run.child.tail()}")


if __name__ == "__main__":
    sys.exit(run_check(parse(), check, "guest-image-3d"))
