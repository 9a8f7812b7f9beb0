# SPDX-License-Identifier: MIT
"""The cases with OpenGL in the guest; as cases.py, which see.

Where a program draws what only it knows, the picture must be one that it could have drawn: colours,
edges, movement. What our own program draws (gl/main.c) is compared pixel by pixel.
"""

import contextlib
import re

import picture
from lab import HEIGHT, WIDTH
from machine import ANSWER_S
from process import Failure, wait_for

CASES = {}
LONG_S = 300
GL = "/run/oriel/guest_gl"


def case(function):
    CASES[function.__name__] = function
    return function


# Helpers.

def guest(lab):
    """The agent of a guest with a 3D device."""
    return lab.guest(hardware="3d")


def shell(agent, command, deadline_s=LONG_S):
    """Run a command in the guest: its exit status, and what it printed."""
    status, *output = agent.ask("sh", command + " 2>&1", deadline_s=deadline_s)
    return int(status), bytes.fromhex("".join(output)).decode(errors="replace")


def must(agent, command, deadline_s=LONG_S):
    status, said = shell(agent, command, deadline_s)
    if status != 0:
        raise Failure(f"in the guest, {command!r} ends with status {status}: {said}")
    return said


@contextlib.contextmanager
def shown_by_gl(agent, *words):
    """What gl/main.c shows and keeps, for as long as it is looked at."""
    said = must(agent, " ".join([GL, *(str(word) for word in words)]))
    found = re.search(r"^shown (\d+)$", said, re.M)
    if found is None:
        raise Failure(f"gl {words}: {said}")
    try:
        yield
    finally:
        end(agent, found[1])


@contextlib.contextmanager
def running(agent, command, log):
    """A program that goes on while we look. Its input never has anything, nor an end."""
    must(agent, "[ -p /tmp/silence ] || mkfifo /tmp/silence")
    pid = must(agent, f"{command} >{log} 2>&1 <>/tmp/silence & echo $!").strip()
    try:
        yield pid
    finally:
        end(agent, pid)


def end(agent, pid):
    """End a process and wait until it is gone: its picture goes with it."""
    must(agent, f"kill {pid} || true")
    wait_for(f"the end of process {pid}", ANSWER_S,
             lambda: "still there" if shell(agent, f"[ -d /proc/{pid} ]")[0] == 0 else None)


def look(lab):
    return lab.shot() if lab.is_oriel else lab.screendump()


def wait_for_picture(lab, agent, name, log, pid, find_fault):
    """Look until find_fault(picture) is None; save and return the picture."""
    seen = None

    def differs():
        nonlocal seen
        seen = look(lab)
        if isinstance(seen, str):
            return seen
        fault = find_fault(seen)
        if fault is not None and shell(agent, f"kill -0 {pid}")[0] != 0:
            raise Failure(f"{name}: the program has ended: {shell(agent, f'tail -n 30 {log}')[1]}")
        return fault

    try:
        wait_for(name, ANSWER_S, differs, lab.children())
    except Failure as failure:
        if isinstance(seen, picture.Picture):
            raise Failure(f"{failure}\n  seen: {lab.save(name + '-seen', seen)}\n"
                          f"{shell(agent, f'tail -n 30 {log}')[1]}") from failure
        raise
    if lab.options.keep_pictures:
        lab.save(name, seen)
    return seen


def colours(pixels):
    data = bytes(pixels.pixels)
    return {data[i:i + 4] for i in range(0, len(data), 4)}


def corners(pixels):
    last_x, last_y = pixels.width - 1, pixels.height - 1
    return {pixels.pixel(x, y)[:3] for x in (0, last_x) for y in (0, last_y)}


# Cases.

@case
def renderer(lab):
    """The guest's OpenGL is ours: every way to it says virgl, and none llvmpipe of the guest."""
    said = must(guest(lab), "EGL_PLATFORM=gbm eglinfo -B -p gbm")
    names = set(re.findall(r"renderer: (.*)", said))
    print(f"  {', '.join(sorted(names))}")
    if len(names) != 1 or not names.pop().startswith("virgl ("):
        raise Failure(said)


@case
def flip(lab):
    """Flipped pages that OpenGL draws through EGL images: the last one is exact, right way up."""
    agent = guest(lab)
    for n_frames, seed in ((1, 1), (2, 40), (31, 100)):
        with shown_by_gl(agent, "flip", n_frames, seed):
            expected = picture.tile_picture(WIDTH, HEIGHT, seed + n_frames - 1)
            lab.expect_screen(f"after-{n_frames}", expected)


@case
def eglimage(lab):
    """OpenGL draws into a dumb buffer, which is fetched and shown: exact, right way up."""
    agent = guest(lab)
    expected = picture.tile_picture(WIDTH, HEIGHT, 7)
    if not lab.is_oriel:
        # QEMU's own device keeps dumb buffers upside down, and forgets it where OpenGL draws.
        expected = expected.upside_down()
    with shown_by_gl(agent, "eglimage", 7):
        lab.expect_screen("drawn", expected)


def check_cursor(lab, how, seed):
    agent = guest(lab)
    for x, y in ((300, 200), (-20, 100), (WIDTH - 30, HEIGHT - 9)):
        with shown_by_gl(agent, how, seed, x, y):
            screen = picture.tile_picture(WIDTH, HEIGHT, seed)
            shown = picture.with_cursor(screen, picture.tile_cursor(seed + 1), x, y)
            lab.expect_screen(f"at-{x}-{y}", screen, shown)


@case
def cursor_drawn(lab):
    """A cursor that OpenGL has drawn, right way up; QEMU's own device does not let us see it."""
    check_cursor(lab, "cursor", 50)


@case
def cursor_written(lab):
    """A cursor that a program wrote into a GBM buffer; QEMU's own does not let us see it."""
    check_cursor(lab, "written", 60)


@case
def triangles(lab):
    """A triangle that turns: frames are counted, its three colours are there and move."""
    agent = guest(lab)
    background = (51, 0, 0)  # 0.2 of blue

    def fault(seen):
        if corners(seen) != {background}:
            return f"corners are {corners(seen)}"
        n = len(colours(seen))
        return None if n > 1000 else f"{n} colours"

    with running(agent, f"{GL} triangles", "/tmp/log") as pid:
        first = wait_for_picture(lab, agent, "first", "/tmp/log", pid, fault)
        wait_for_picture(lab, agent, "moved", "/tmp/log", pid,
                         lambda seen: fault(seen) or (None if seen != first else "stands still"))
        frames = re.findall(r"frame (\d+)", must(agent, "cat /tmp/log"))
        if not frames:
            raise Failure("no frame was counted")


def find_cube_fault(seen):
    """What is wrong with a picture of kmscube, or None."""
    greys = {(128, 128, 128), (127, 127, 127)}  # 0.5, which may be rounded either way
    if len(corners(seen)) != 1 or not corners(seen) <= greys:
        return f"corners are {corners(seen)}"
    n = len(colours(seen))
    return None if n > 1000 else f"{n} colours"


@case
def kmscube(lab):
    """kmscube: a cube on grey that turns."""
    agent = guest(lab)
    fault = find_cube_fault
    with running(agent, "kmscube", "/tmp/log") as pid:
        first = wait_for_picture(lab, agent, "first", "/tmp/log", pid, fault)
        wait_for_picture(lab, agent, "moved", "/tmp/log", pid,
                         lambda seen: fault(seen) or (None if seen != first else "stands still"))


# It takes the largest mode, so it is shown no other than 800x600. Asked for just that size it
# forgets to make a window. But it validates in that size only, so there one column is added,
# which not all scenes bear. Without "alpha=0" it draws in a format that the kernel's virtio_gpu does
# not show, goes on all the same, and nothing is seen on the screen.
GLMARK2 = "LD_PRELOAD=/run/oriel/one_mode.so glmark2-es2-drm --visual-config alpha=0"
NOT_SHOWN = "Failed to set crtc"
SCENES = ["build", "build:use-vbo=false", "shading:shading=phong", "bump", "desktop", "buffer",
          "effect2d"]
UNKNOWN = {"effect2d"}  # it has no pixels to compare with


@case
def glmark2_validate(lab):
    """glmark2 compares pixels of its scenes with what they should be."""
    agent = guest(lab)
    scenes = " ".join(f"-b {scene}" for scene in SCENES)
    said = must(agent, f"MODE_WIDTH=801 {GLMARK2} --validate {scenes}", 2 * LONG_S)
    verdicts = re.findall(r"\[(\w+)\].*?Validation: (\w+)", said)
    print("  " + ", ".join(f"{name}: {verdict}" for name, verdict in verdicts))
    if (len(verdicts) != len(SCENES) or "virgl" not in said or "801x600" not in said
            or NOT_SHOWN in said):
        raise Failure(said)
    for name, verdict in verdicts:
        if verdict != "Success" and not (verdict == "Unknown" and name in UNKNOWN):
            raise Failure(f"{name}: {verdict}\n{said}")


@case
def glmark2_score(lab):
    """glmark2's score of a few scenes: there is one; how high it is, benchmarks say."""
    agent = guest(lab)
    said = must(agent, f"{GLMARK2} --size 640x480 -b build:duration=5 -b texture:duration=5 "
                       "-b shading:duration=5", 2 * LONG_S)
    rates = re.findall(r"\[(\w+)\].*?FPS: (\d+)", said)
    score = re.search(r"glmark2 Score: (\d+)", said)
    if (score is None or int(score[1]) == 0 or len(rates) != 3 or "800x600" not in said
            or NOT_SHOWN in said):
        raise Failure(said)
    print(f"  score {score[1]}: " + ", ".join(f"{name} {rate}" for name, rate in rates))


WESTON_INI = """[core]
backend=drm
renderer=gl
idle-time=0
require-input=false
[shell]
background-color=0xff204060
panel-position=none
locking=false
animation=none
"""


@case
def weston(lab):
    """Weston with OpenGL, and a client with OpenGL in a window on its plain background."""
    agent = guest(lab)
    background = (0x60, 0x40, 0x20)
    must(agent, "mkdir -p -m 700 /tmp/weston && : > /tmp/weston.ini && : > /tmp/log")
    agent.write("/tmp/weston.ini", WESTON_INI)
    env = "XDG_RUNTIME_DIR=/tmp/weston"

    def empty_fault(seen):
        n = seen.width * seen.height - bytes(seen.pixels).count(bytes((*background, 255)))
        return f"{n} pixels are no background" if n > 100 * 100 else None

    def fault(seen):
        if corners(seen) != {background}:
            return f"corners are {corners(seen)}"
        n = len(colours(seen))
        return None if n > 300 else f"{n} colours"

    with running(agent, f"{env} LIBSEAT_BACKEND=noop weston --config=/tmp/weston.ini "
                        "--continue-without-input --log=/tmp/log", "/tmp/log-out") as pid:
        wait_for_picture(lab, agent, "empty", "/tmp/log", pid, empty_fault)
        if "GL renderer: virgl" not in must(agent, "cat /tmp/log"):
            raise Failure(must(agent, "cat /tmp/log"))
        client = f"{env} WAYLAND_DISPLAY=wayland-1 weston-simple-egl"
        with running(agent, client, "/tmp/log-client") as client_pid:
            first = wait_for_picture(lab, agent, "client", "/tmp/log-client", client_pid, fault)
            wait_for_picture(
                lab, agent, "moved", "/tmp/log-client", client_pid,
                lambda seen: fault(seen) or (None if seen != first else "stands still"))
