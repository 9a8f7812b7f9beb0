#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest with OpenGL and a desktop, by `oriel run`, that a person can use in a browser.

What scripts/demo ends with: Weston, with a terminal, in which something is typed, a panel that is
clicked on, and a triangle that turns. On a terminal, unless CI=true, the address is printed last,
and the guest stays until Ctrl-C; else it was only proved that it could.
"""

import os
import pathlib
import signal
import sys
import tempfile

import picture
from cases_3d import must
from oriel_run import Run, check_page, make_parser
from process import Failure, wait_for
from run import find_image

SCREEN_S = 120
WESTON_INI = """[core]
idle-time=0
[shell]
background-color=0xff204060
locking=false
animation=none
[terminal]
font=DejaVu Sans Mono
font-size=16
"""
# udev tells Weston which devices there are.
START = """
set -e
export XDG_RUNTIME_DIR=/tmp/weston LIBSEAT_BACKEND=noop HOME=/root SHELL=/bin/bash
mkdir -p -m 700 /tmp/weston
cp /run/oriel/weston.ini /tmp/weston.ini
modprobe virtio_input
modprobe evdev
/lib/systemd/systemd-udevd --daemon
udevadm trigger
udevadm settle
weston --backend=drm --renderer=gl --config=/tmp/weston.ini --log=/tmp/log </dev/null >/tmp/log-out 2>&1 &
for i in $(seq 120); do [ ! -S /tmp/weston/wayland-1 ] || break; sleep 1; done
sh /run/oriel/button
"""
CLIENT = ("XDG_RUNTIME_DIR=/tmp/weston WAYLAND_DISPLAY=wayland-1 HOME=/root SHELL=/bin/bash "
          "{0} </dev/null >/tmp/log-{0} 2>&1 &")
TERMINALS = "grep -lx weston-terminal /proc/[0-9]*/comm | cut -d / -f 3 | sort -n"
# Where Weston's panel has the button that starts a terminal.
BUTTON_X, BUTTON_Y = 22, 16
TYPED = "echo Typed at the keyboard. | tee /tmp/typed\n"
# The terminal's cursor: a block in the colour of its text while the terminal has the keyboard's
# focus, else only its outline. No letter has so much in one piece.
CURSOR_ROW = b"\xa8\xa8\xa8\xff" * 8
CURSOR_ROWS = 12


def parse():
    parser = make_parser(__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the picture")
    return parser.parse_args()


def say(text):
    print(text, flush=True)


def wait_for_screen(run, name, differs_from):
    """Until a function that judges a picture of the screen returns None."""
    def differs():
        seen = run.shot()
        return differs_from(seen) if isinstance(seen, picture.Picture) else seen

    wait_for(name, SCREEN_S, differs, [run.child])


def wait_for_pixels(run, name, *wanted):
    """Until each of these functions is true of some pixels of the screen: red, green, blue."""
    def differs(seen):
        pixels = bytes(seen.pixels)
        colours = {(pixels[i + 2], pixels[i + 1], pixels[i]) for i in range(0, len(pixels), 4)}
        missing = [i for i, is_one in enumerate(wanted) if not any(is_one(*c) for c in colours)]
        return f"{len(colours)} colours, number {missing[0]} is missing" if missing else None

    wait_for_screen(run, name, differs)


def lacks_cursor(seen):
    """Whether no terminal waits for keys, and has them: None, or that."""
    n_rows = 0
    for y in range(seen.height):
        n_rows = n_rows + 1 if CURSOR_ROW in seen.pixels[seen.row(0, y, seen.width)] else 0
        if n_rows == CURSOR_ROWS:
            return None
    return "there is no terminal's cursor, or its terminal has not got the keyboard"


def is_background(red, green, blue):
    return (red, green, blue) == (0x20, 0x40, 0x60)


# The corners of the triangle.
CORNERS = (lambda red, green, blue: red > 180 and green < 60 and blue < 60,
           lambda red, green, blue: green > 180 and red < 60 and blue < 60,
           lambda red, green, blue: blue > 180 and red < 60 and green < 60)


def start(options, image, folder):
    (folder / "start").write_text(START)
    (folder / "weston.ini").write_text(WESTON_INI)
    programs = {"init": options.agent, "start": folder / "start",
                "weston.ini": folder / "weston.ini"}
    return Run(options.oriel, image, folder, programs, [f"--qemu={options.qemu}"])


def start_desktop(run):
    """Weston on our device, by virgl, with a terminal."""
    must(run.agent, "sh -x /run/oriel/start >/tmp/log-start 2>&1 || { cat /tmp/log-start; false; }")
    wait_for_pixels(run, "a desktop", is_background)
    if "GL renderer: virgl" not in must(run.agent, "cat /tmp/log"):
        raise Failure(must(run.agent, "cat /tmp/log"))
    must(run.agent, CLIENT.format("weston-terminal"))
    wait_for_screen(run, "a terminal", lacks_cursor)


def check_typing(run):
    """What is typed arrives in the terminal, which has a shell."""
    run.run("type", TYPED)

    def differs():
        status = run.agent.ask("sh", "grep -qx 'Typed at the keyboard.' /tmp/typed 2>&1")[0]
        return None if status == "0" else "the guest has not got what was typed"

    wait_for("typing", SCREEN_S, differs, [run.child])


def look_at_button(run):
    """The panel's button, with the pointer if it is there: Weston may have drawn it itself."""
    return picture.read_png(run.run("shot", "--cursor", "-")).crop(BUTTON_X, BUTTON_Y, 8, 8)


def check_clicking(run):
    """A click on the panel's button starts another terminal; it does not stay."""
    # Weston's programs hear of a pointer when one is moved for the first time: a click at that very
    # moment is nobody's. The panel gives it a look when it has heard.
    before = look_at_button(run)
    run.run("pointer", str(BUTTON_X), str(BUTTON_Y))
    wait_for("a pointer", SCREEN_S, lambda: None if look_at_button(run) != before else
             "no pointer is over the panel", [run.child])
    run.run("pointer", str(BUTTON_X), str(BUTTON_Y), "click")

    def differs():
        n = len(must(run.agent, TERMINALS).split())
        return None if n > 1 else "the click has started no terminal"

    wait_for("clicking", SCREEN_S, differs, [run.child])
    must(run.agent, f"kill $({TERMINALS} | tail -n +2)")


def is_watched():
    """Whether a person is there who could use the desktop, and end it."""
    return os.environ.get("CI") != "true" and sys.stdin.isatty()


def summary(path, url):
    """What was shown; and where it is to be seen, if it stays: an URL, or None."""
    text = f"""
A guest with OpenGL, and its desktop, Weston. What oriel type typed is in the terminal:
  {path}
"""
    if url is None:
        return text + """
It was started by oriel run, which served it to a browser until now. This run was only to prove
that, and the guest has ended: nobody is here to use it. Started on a terminal, without CI=true,
scripts/demo prints its address and leaves it running until Ctrl-C.
"""
    return text + f"""
It was started by oriel run, and can be used with keyboard and mouse in a browser at

  {url}

Ctrl-C ends it."""


def stay(run):
    """Until the person or the guest ends it. A terminal's Ctrl-C is for oriel run as well."""
    while True:
        try:
            return run.child.process.wait()
        except KeyboardInterrupt:
            continue


def finish(run, path):
    """Leave the desktop to whoever is there, or end it; oriel run's exit status."""
    if is_watched():
        say(summary(path, run.url()))
        return stay(run)
    run.child.process.send_signal(signal.SIGINT)
    status = run.child.process.wait(60)
    if status == 0:
        say(summary(path, None))
    return status


def show(options, image, folder):
    say("a guest with OpenGL starts")
    run = start(options, image, folder)
    say("its desktop starts")
    start_desktop(run)
    say("something is typed, and clicked on")
    check_typing(run)
    check_clicking(run)
    must(run.agent, CLIENT.format("weston-simple-egl"))
    wait_for_pixels(run, "a window with OpenGL", *CORNERS)
    check_page(run)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out.resolve() / "desktop.png"
    path.write_bytes(run.run("shot", "--cursor", "-"))
    return finish(run, path)


def main():
    options = parse()
    image, reason = find_image(options, "guest-image-3d")
    if image is None:
        sys.exit(reason)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="oriel-demo-") as folder:
        try:
            status = show(options, image, pathlib.Path(folder))
        except Failure as failure:
            sys.exit(f"failed: {failure}")
    if status != 0:
        sys.exit(f"oriel run ended with status {status}")


if __name__ == "__main__":
    main()
