# SPDX-License-Identifier: MIT
"""oriel-render dies, hangs, or has no memory left while the guest draws with OpenGL.

What has to be so then: 2D goes on, nothing in the guest waits for ever, the next program with
OpenGL works, and the log says what was lost and what was running.
"""

import os
import re
import resource
import signal

import cases
import picture
from cases_3d import (GL, GLMARK2, LONG_S, case, colours, must, running, shell, shown_by_gl,
                      wait_for_picture)
from lab import HEIGHT, WIDTH
from machine import ANSWER_S
from process import Failure, Skip, wait_for

# It compiles shaders and makes textures all the time, and does not end by itself.
ENDLESS = (GLMARK2 + " --size 640x480 --run-forever -b build:duration=2 -b texture:duration=2 "
           "-b shading:duration=2:shading=phong -b bump:duration=2")
LOST = re.compile(r"3D is lost: (oriel-render .*)")


def guest(lab, hardware="3d, impatient"):
    if not lab.is_oriel:
        raise Skip("QEMU's own device renders in QEMU itself")
    return lab.guest(hardware=hardware)


def wait_for_renderer(lab):
    """The pid of a renderer that has said hello."""
    def is_missing():
        text = lab.daemon.text()
        if text.count("renderer: started again") < text.count("3D is lost"):
            return "none was started again"
        return None if lab.find_renderer() is not None else "none runs"

    wait_for("oriel-render", ANSWER_S, is_missing, lab.children())
    return lab.find_renderer()


def wait_for_loss(lab, n_before):
    """Wait until one more renderer is lost; what the log says of it."""
    wait_for("the loss in the log", LONG_S,
             lambda: None if lab.count_losses() > n_before else "not there", lab.children())
    said = LOST.findall(lab.daemon.text())
    if len(said) != n_before + 1:
        raise Failure(f"lost more than once: {said}")
    print(f"  {said[-1]}")
    return said[-1]


def check_nothing_waits(agent):
    """No process and no thread of the kernel stays in uninterruptible sleep."""
    def waiting():
        # One that ends while we look is not our business, and neither is grep's exit status.
        said = shell(agent, "cd /proc && grep -l '^State:.D' [0-9]*/status; true")[1]
        pids = re.findall(r"^(\d+)/status$", said, re.M)
        return None if not pids else shell(
            agent, "; ".join(f"cat /proc/{pid}/comm /proc/{pid}/stack" for pid in pids))[1]

    wait_for("the end of uninterruptible sleep", ANSWER_S, waiting)


def check_picture_stays(lab, name):
    """What was on the screen last is still there, and moves no more, though its program goes on."""
    seen = lab.shot()
    if isinstance(seen, str) or len(colours(seen)) <= 300:
        raise Failure(f"{name}: no picture is left: {seen}")
    lab.expect_screen(f"{name}-stays", seen)


def check_2d(lab, agent, name, seed):
    """A picture of the kernel's mode setting, and a cursor on it that moves."""
    agent.ask("open")
    screen = cases.show_new(agent, seed)
    image = picture.cursor(seed)
    agent.ask("cursor", seed, 0, 0)
    for x, y in ((200, 100), (WIDTH - 20, HEIGHT - 20)):
        agent.ask("move", x, y)
        lab.expect_screen(f"{name}-2d-{x}", screen, picture.with_cursor(screen, image, x, y))
    agent.ask("close")


def check_3d(lab, agent, name, seed):
    """A program with OpenGL: its picture is exact."""
    wait_for_renderer(lab)
    with shown_by_gl(agent, "flip", 3, seed):
        lab.expect_screen(f"{name}-3d", picture.tile_picture(WIDTH, HEIGHT, seed + 2))


def lose_in_glmark2(lab, name, seed, end_renderer, expected):
    """Lose the renderer in the middle of glmark2 by end_renderer(pid); all that must be so then."""
    agent = guest(lab)
    pid = wait_for_renderer(lab)
    n_losses = lab.count_losses()
    with running(agent, ENDLESS, "/tmp/log") as glmark2:
        wait_for_picture(lab, agent, f"{name}-before", "/tmp/log", glmark2,
                         lambda seen: None if len(colours(seen)) > 300 else "not drawn")
        end_renderer(pid)
        said = wait_for_loss(lab, n_losses)
        if not re.fullmatch(f"oriel-render {expected}", said):
            raise Failure(f"the log says: {said}")
        check_nothing_waits(agent)
        check_picture_stays(lab, name)
    check_nothing_waits(agent)
    cases.check_console(lab, agent, f"{name} console")
    check_2d(lab, agent, name, seed)
    check_3d(lab, agent, name, seed)
    if lab.count_losses() != n_losses + 1:
        raise Failure("lost once more")


@case
def loss_killed(lab):
    """SIGKILL of oriel-render in the middle of glmark2: 2D goes on, and then 3D again."""
    lose_in_glmark2(lab, "killed", 200, lambda pid: os.kill(pid, signal.SIGKILL),
                    "was killed by SIGKILL while it .*")


@case
def loss_crashed(lab):
    """SIGSEGV of oriel-render in the middle of glmark2."""
    lose_in_glmark2(lab, "crashed", 210, lambda pid: os.kill(pid, signal.SIGSEGV),
                    "was killed by SIGSEGV while it .*")


@case
def loss_hung(lab):
    """oriel-render hangs (it is stopped) in the middle of glmark2: the watchdog says where."""
    lose_in_glmark2(lab, "hung", 220, lambda pid: os.kill(pid, signal.SIGSTOP),
                    r"made no progress for 5000 ms, while it ran .+ of .+")


@case
def loss_no_memory(lab):
    """oriel-render gets no more memory in the middle of glmark2."""
    def starve(pid):
        resource.prlimit(pid, resource.RLIMIT_DATA, (1 << 20, 1 << 20))

    lose_in_glmark2(lab, "starved", 230, starve, ".* while it .*")


@case
def loss_again(lab):
    """It dies again and again: the next is waited for longer each time; 2D goes on meanwhile."""
    agent = guest(lab)

    def read_delays():
        return [int(text) for text in re.findall("the next one is started in (\\d+) s",
                                                 lab.daemon.text())]

    n_before = len(read_delays())
    delays = []
    while len(delays) < 2:
        pid = wait_for_renderer(lab)
        n_losses = lab.count_losses()
        os.kill(pid, signal.SIGKILL)
        wait_for_loss(lab, n_losses)
        delays = read_delays()[n_before:]
    if delays[1] != min(2 * delays[0], 60):
        raise Failure(f"the next one is started after {delays} s")
    # None runs: programs with OpenGL fail, or find none, and do not wait.
    status, said = shell(agent, "EGL_PLATFORM=gbm timeout 100 eglinfo -B -p gbm")
    if status == 124:
        raise Failure(f"eglinfo does not end: {said}")
    cases.check_console(lab, agent, "none")
    check_2d(lab, agent, "none", 240)
    check_nothing_waits(agent)
    check_3d(lab, agent, "again", 240)


@case
def slow(lab):
    """oriel-render stands still and is not lost: 2D goes on meanwhile, then 3D where it was.

    A new cursor picture is not among that: Linux waits for it with a fence, and its fences of all
    programs are answered in order.
    """
    agent = guest(lab, "3d, patient")
    pid = wait_for_renderer(lab)
    n_losses = lab.count_losses()
    agent.ask("open")  # the screen is ours
    screens = []
    for slot in (0, 1):
        screens.append(cases.show_new(agent, 250 + slot, slot=slot))
    image = picture.cursor(252)
    agent.ask("cursor", 252, 0, 0)

    def count_frames():
        return len(re.findall("frame", must(agent, "cat /tmp/log")))

    def wait_for_frames(n):
        wait_for("frames", LONG_S, lambda: None if count_frames() > n else "too few")

    with running(agent, f"{GL} spin", "/tmp/log"):
        wait_for_frames(1)
        os.kill(pid, signal.SIGSTOP)
        try:
            for i, x in enumerate((30, 400, WIDTH - 10)):
                agent.ask("flip", i % 2)
                agent.ask("move", x, 50)
                shown = screens[i % 2]
                lab.expect_screen(f"stopped-{x}", shown,
                                  picture.with_cursor(shown, image, x, 50))
            screens[1] = cases.draw(agent, 1, WIDTH, HEIGHT, 253)
            agent.ask("flip", 1)
            lab.expect_screen("stopped-drawn", screens[1])
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for_frames(count_frames())
    agent.ask("close")
    check_3d(lab, agent, "going", 254)
    if lab.count_losses() != n_losses or lab.find_renderer() != pid:
        raise Failure("the renderer was lost")
    if "refused" in lab.daemon.text():
        raise Failure("commands were refused")
