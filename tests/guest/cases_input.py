# SPDX-License-Identifier: MIT
"""Cases of the input devices, which join those of cases.py."""

from cases import case, need_oriel, open_console
from lab import HEIGHT, WIDTH
from machine import ANSWER_S
from process import Failure, wait_for

EV_KEY, EV_REL, EV_ABS = 1, 2, 3
REL_WHEEL, REL_WHEEL_HI_RES, BTN_RIGHT = 8, 11, 0x111


def events_of(agent, device, n):
    """The next n reports of an input device: each a list of (type, code, value)."""
    return [[tuple(map(int, event.split(":"))) for event in report.split(",")]
            for report in agent.ask("events", device, n)]


def expect_events(agent, device, *reports):
    seen = events_of(agent, device, len(reports))
    if seen != list(reports):
        raise Failure(f"the guest got {seen}, not {reports}")


def strokes(*keys):
    return [[(EV_KEY, key, state)] for key in keys for state in (1, 0)]


def find_input(lab, agent):
    """Load the drivers; keyboard and tablet as the guest's programs see them."""
    agent.shell("modprobe virtio_input && modprobe evdev && udevadm settle")
    devices = []
    for name in ("Oriel keyboard", "Oriel tablet"):
        number, = agent.ask("input", name)
        devices.append(int(number))
    return devices


def check_input(lab, agent):
    """What is typed and pointed at arrives as events, and on the console as text."""
    keyboard, tablet = find_input(lab, agent)
    # Keys that make no characters, which the console would keep for its next reader.
    lab.oriel("key", "ctrl+leftshift", "altgr")
    expect_events(agent, keyboard, [(EV_KEY, 29, 1)], [(EV_KEY, 42, 1)], [(EV_KEY, 42, 0)],
                  [(EV_KEY, 29, 0)], *strokes(100))
    # At the edges, in the middle, and there a click and a turn of the wheel.
    lab.oriel("pointer", "0", "0", str(WIDTH - 1), str(HEIGHT - 1))
    lab.oriel("pointer", str(WIDTH // 2), str(HEIGHT // 2), "right-click", "scroll", "-1")
    corner, middle = (32767, 32767), (16397, 16405)
    # The kernel leaves out what did not change: the pointer was at 0, 0 from the beginning.
    seen = events_of(agent, tablet, 5)
    wanted = [[(EV_ABS, 0, corner[0]), (EV_ABS, 1, corner[1])],
              [(EV_ABS, 0, middle[0]), (EV_ABS, 1, middle[1])],
              *strokes(BTN_RIGHT), [(EV_REL, REL_WHEEL, -1), (EV_REL, REL_WHEEL_HI_RES, -120)]]
    if seen != wanted:
        raise Failure(f"the guest got {seen}, not {wanted}")
    check_typing(lab, agent)


def read_lines(agent, n):
    """Begin to read lines from the console, which is deaf while nobody has it open."""
    agent.shell(f"rm -f /tmp/lines; (head -n {n} < /dev/tty1 > /tmp/lines) > /dev/null 2>&1 &")


def check_typing(lab, agent):
    """Lines are typed: the console shows them, and whoever reads from it gets them."""
    lines = ["Typed on Oriel's keyboard: 1 + 1 = 2 (@~|_)", "still here"]
    console = open_console(agent)
    read_lines(agent, len(lines))
    wait_for("a reader", ANSWER_S, lambda: None if agent.shell("pidof head; true") else "none",
             lab.children())
    lab.oriel("type", lines[0])
    console.put(0, 0, lines[0])
    lab.expect_screen("typed", console.picture)
    # LEDs go the other way: Caps Lock twice leaves the keyboard as it was.
    lab.oriel("key", "enter", "capslock", "capslock")
    lab.oriel("type", lines[1])
    console.put(0, 1, lines[1])
    lab.expect_screen("after-leds", console.picture)
    lab.oriel("key", "enter")

    def differs():
        said = agent.shell("cat /tmp/lines").splitlines()
        return None if said == lines else f"it got {said}"

    wait_for("the console's reader", ANSWER_S, differs, lab.children())


@case
def input_devices(lab):
    """QEMU's vhost-user-input: keys, pointer and a typed line, also when stopped and rebound."""
    need_oriel(lab, "such input devices")
    agent = lab.guest(hardware="input")
    check_input(lab, agent)
    keyboard, _ = find_input(lab, agent)
    # What is typed while the machine is stopped comes when it goes on.
    lab.machine.qmp.ask("stop")
    typing = lab.start_oriel("key", "altgr")
    lab.machine.qmp.ask("cont")
    lab.finish_oriel(typing)
    expect_events(agent, keyboard, *strokes(100))
    # The driver goes: nobody takes it. It comes again, with a device that begins anew.
    agent.shell("rmmod virtio_input")
    lab.oriel("key", "altgr", status=1)
    check_input(lab, agent)
    agent.send("reboot")
    agent.wait_ready()
    check_input(lab, agent)
