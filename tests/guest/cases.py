# SPDX-License-Identifier: MIT
"""The cases. Each takes a Lab and raises Failure; its first line says what it proves."""

import socket
import struct

import picture
from lab import HEIGHT, WIDTH
from machine import ANSWER_S, QmpError
from process import Failure, Skip, wait_for

CASES = {}
OLD_KERNEL = "-old"
CLEAR_CONSOLE = "\033[?25l\033[2J\033[H"  # no cursor, nothing on the screen, at its beginning


def case(function):
    CASES[function.__name__] = function
    return function


def need_oriel(lab, what):
    if not lab.is_oriel:
        raise Skip(f"QEMU's own device has no {what}")


# Helpers.

def draw(agent, slot, width, height, seed, rect=()):
    """Have a buffer drawn; its picture, after the guest's CRC of it was compared with ours."""
    expected = picture.pattern(width, height, seed)
    crc, = agent.ask("draw", slot, seed, *rect)
    if not rect and int(crc, 16) != expected.crc():
        raise Failure(f"the guest drew CRC {crc}, the host {expected.crc():08x}")
    return expected


def show_new(agent, seed, width=WIDTH, height=HEIGHT, slot=0):
    """Make a buffer, draw it and show it in a mode of its size; its picture."""
    agent.ask("buffer", slot, width, height)
    expected = draw(agent, slot, width, height, seed)
    agent.ask("show", slot, width, height)
    return expected


def open_console(agent):
    """A cleared text console: the agent's side of it and ours."""
    agent.ask("close")
    agent.write("/proc/sys/kernel/printk", "1 4 1 7\n")
    agent.write("/dev/tty1", CLEAR_CONSOLE)
    width, height, glyphs = agent.ask("font")
    return picture.Console(WIDTH, HEIGHT, int(width), int(height), bytes.fromhex(glyphs))


def check_console(lab, agent, name):
    """Write to a cleared console and compare it letter by letter."""
    console = open_console(agent)
    agent.write("/dev/tty1", f"\033[3;5Horiel: {name}")
    console.put(4, 2, f"oriel: {name}")
    lab.expect_screen(name, console.picture)


def check_scrolling(lab, agent):
    console = open_console(agent)
    lines = [f"line {i}: " + "=" * i for i in range(60)]
    for some in (lines[:30], lines[30:]):
        agent.write("/dev/tty1", "\r\n".join(some) + "\r\n")
    for row, line in enumerate(lines[-49:]):
        console.put(0, row, line)
    lab.expect_screen("scrolled", console.picture)


# Cases.

@case
def console_text(lab):
    """Text on the console: black when cleared, then exactly the cells that were written."""
    agent = lab.guest()
    console = open_console(agent)
    lab.expect_screen("cleared", picture.Picture(WIDTH, HEIGHT))
    agent.write("/dev/tty1", "The quick brown fox jumps over the lazy dog. 0123456789")
    console.put(0, 0, "The quick brown fox jumps over the lazy dog. 0123456789")
    # The last cell of the screen, and one in the middle.
    agent.write("/dev/tty1", "\033[25;80H@\033[50;160H#")
    console.put(79, 24, "@")
    console.put(159, 49, "#")
    lab.expect_screen("text", console.picture)


@case
def console_scroll(lab):
    """A console that scrolls: 60 lines on 50 leave the last 49 and an empty one."""
    check_scrolling(lab, lab.guest())


@case
def pictures(lab):
    """Pictures in modes of several sizes, odd ones too."""
    agent = lab.guest()
    agent.ask("open")
    sizes = [(WIDTH, HEIGHT), (640, 480), (801, 601), (1366, 768), (1920, 1080), (WIDTH, HEIGHT)]
    for seed, (width, height) in enumerate(sizes):
        expected = show_new(agent, seed, width, height, slot=seed % 2)
        lab.expect_screen(f"{width}x{height}", expected)


@case
def part_of_a_buffer(lab):
    """A screen that shows a part of a larger buffer, at its corners and in between."""
    agent = lab.guest()
    agent.ask("open")
    agent.ask("buffer", 0, 1500, 1000)
    whole = draw(agent, 0, 1500, 1000, 77)
    for x, y in ((0, 0), (700, 400), (333, 111)):
        agent.ask("show", 0, 800, 600, x, y)
        lab.expect_screen(f"at-{x}-{y}", whole.crop(x, y, 800, 600))


@case
def page_flips(lab):
    """Three buffers shown in turn; the last flip is what stays on the screen."""
    agent = lab.guest()
    agent.ask("open")
    pages = [show_new(agent, 20)]
    for slot in (1, 2):
        agent.ask("buffer", slot, WIDTH, HEIGHT)
        pages.append(draw(agent, slot, WIDTH, HEIGHT, 20 + slot))
    for slot in (1, 2, 0):
        agent.ask("flip", slot)
        lab.expect_screen(f"page-{slot}", pages[slot])
    for i in range(40):
        agent.ask("flip", i % 3)
    lab.expect_screen("last", pages[39 % 3])
    # The buffer in the background changes, the one in front does not.
    draw(agent, 1, WIDTH, HEIGHT, 29)
    lab.expect_screen("front", pages[0])
    agent.ask("flip", 1)
    lab.expect_screen("back", picture.pattern(WIDTH, HEIGHT, 29))


@case
def cursor(lab):
    """The hardware cursor: over all edges, outside, changed, hidden; never in the frame buffer."""
    agent = lab.guest()
    agent.ask("open")
    screen = show_new(agent, 30)
    image = picture.cursor(31)
    agent.ask("cursor", 31, 5, 7)
    places = [(300, 200), (-20, 100), (-63, -63), (400, -63), (WIDTH - 30, 300),
              (WIDTH - 1, HEIGHT - 1), (-10, HEIGHT - 5), (WIDTH - 64, HEIGHT - 64), (0, 0),
              (-64, 50), (WIDTH, 50), (50, HEIGHT)]
    for x, y in places:
        agent.ask("move", x, y)
        lab.expect_screen(f"at-{x}-{y}", screen, picture.with_cursor(screen, image, x, y))
    agent.ask("move", 500, 400)
    agent.ask("cursor", 32, 0, 0)
    image = picture.cursor(32)
    lab.expect_screen("changed", screen, picture.with_cursor(screen, image, 500, 400))
    agent.ask("hide")
    lab.expect_screen("hidden", screen, screen)
    agent.ask("move", 510, 410)
    lab.expect_screen("moved-hidden", screen, screen)
    agent.ask("cursor", 33, 1, 1)
    image = picture.cursor(33)
    lab.expect_screen("back", screen, picture.with_cursor(screen, image, 510, 410))


@case
def screen_off(lab):
    """While the guest's screen is off, oriel shot says so; after that it goes on."""
    need_oriel(lab, "display socket")
    agent = lab.guest()
    agent.ask("open")
    lab.expect_screen("on", show_new(agent, 40))
    agent.ask("off")
    lab.expect_off("off")
    agent.ask("show", 0, WIDTH, HEIGHT)
    lab.expect_screen("on-again", picture.pattern(WIDTH, HEIGHT, 40))


@case
def unbind(lab):
    """The driver is unbound and bound again, twice: a clean device, console and pictures work."""
    agent = lab.guest()
    driver = "/sys/bus/virtio/drivers/virtio_gpu"
    name = agent.shell(f"cd {driver} && echo virtio*").strip()
    for i in range(2):
        agent.ask("open")
        lab.expect_screen(f"before-{i}", show_new(agent, 50 + i))
        agent.ask("close")
        agent.write(f"{driver}/unbind", name)
        if lab.is_oriel:
            lab.expect_off(f"unbound-{i}")
        agent.write(f"{driver}/bind", name)
        check_console(lab, agent, f"bound {i}")
    agent.ask("open")
    lab.expect_screen("after", show_new(agent, 59))


@case
def pause(lab):
    """stop and cont: the picture stays, and drawing goes on where it was."""
    agent = lab.guest()
    agent.ask("open")
    screen = show_new(agent, 60)
    image = picture.cursor(61)
    agent.ask("cursor", 61, 0, 0)
    agent.ask("move", 40, 30)
    lab.expect_screen("before", screen, picture.with_cursor(screen, image, 40, 30))
    for i in range(3):
        lab.machine.qmp.ask("stop")
        lab.expect_screen(f"stopped-{i}", screen, picture.with_cursor(screen, image, 40, 30))
        lab.machine.qmp.ask("cont")
        lab.expect_screen(f"going-{i}", screen, picture.with_cursor(screen, image, 40, 30))
        # The same resource, without a new mode: it must have survived.
        screen = draw(agent, 0, WIDTH, HEIGHT, 62 + i)
        agent.ask("damage", 0, 0, WIDTH, HEIGHT)
        lab.expect_screen(f"drawn-{i}", screen, picture.with_cursor(screen, image, 40, 30))


@case
def reboot(lab):
    """The guest reboots by itself, and is reset by the host: the device serves it again."""
    agent = lab.guest()
    agent.ask("open")
    lab.expect_screen("before", show_new(agent, 70))
    agent.send("reboot")
    agent.wait_ready()
    check_console(lab, agent, "rebooted")
    agent.ask("open")
    lab.expect_screen("rebooted-picture", show_new(agent, 71))
    lab.machine.qmp.ask("system_reset")
    agent.wait_ready()
    check_console(lab, agent, "reset")
    agent.ask("open")
    lab.expect_screen("reset-picture", show_new(agent, 72))


@case
def qemu_killed(lab):
    """QEMU is killed: oriel-gpu drops what its guest had and serves the next one."""
    need_oriel(lab, "life of its own")
    agent = lab.guest()
    agent.ask("open")
    lab.expect_screen("before", show_new(agent, 80))
    lab.discard_machine()
    lab.expect_off("killed")
    agent = lab.guest()
    check_console(lab, agent, "again")
    agent.ask("open")
    lab.expect_screen("after", show_new(agent, 81))


def connect_silent_viewer(lab):
    """A client of the display socket that asks for everything and reads nothing."""
    viewer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.connect(str(lab.display_socket))
    hello = struct.pack("<IHBBIIQ", 24, 1, 0, 0, 0x4c49524f, 1, 0)
    subscribe = struct.pack("<IHBBII", 16, 2, 0, 0, 1, 1)
    viewer.sendall(hello + subscribe)
    return viewer


@case
def config_in_flush(lab):
    """The configuration is read while large frames go to displays that do not read meanwhile.

    QEMU's main loop stands still while it waits for the device's configuration, so it cannot read
    frames; a viewer never reads. The device must answer all the same.
    """
    agent = lab.guest()
    agent.ask("open")
    viewer = connect_silent_viewer(lab) if lab.is_oriel else None
    try:
        expected = show_new(agent, 90, 3840, 2160)
        words = agent.ask("config")
        if words[2] not in [str(n) for n in range(1, 17)]:
            raise Failure(f"the configuration says {words[2]} scanouts")
        n_reads, n_frames = agent.ask("flood", 300, 30, deadline_s=3 * ANSWER_S)
        if int(n_reads) < 300 or int(n_frames) < 30:
            raise Failure(f"only {n_reads} reads and {n_frames} frames")
        lab.expect_screen("flooded", expected)
        lab.expect_screen("after", show_new(agent, 91))
    finally:
        if viewer is not None:
            viewer.close()


@case
def migration(lab):
    """Migration is refused, with a reason, and the guest goes on."""
    need_oriel(lab, "reason to refuse")
    agent = lab.guest()
    agent.ask("open")
    lab.expect_screen("before", show_new(agent, 100))
    try:
        lab.machine.qmp.ask("migrate", uri="exec:cat >/dev/null")
    except QmpError as error:
        print(f"  the reason: {error}")
        if "vhost" not in str(error).lower() and "gpu" not in str(error).lower():
            raise Failure(f"the reason does not name the device: {error}") from error
    else:
        raise Failure("migration was not refused")
    lab.expect_screen("after", show_new(agent, 101))


@case
def damage(lab):
    """Only damaged parts appear: what was drawn elsewhere stays unseen until it is damaged too.

    Linux 6.12 makes whole frames of all damage, so this takes the old kernel.
    """
    agent = lab.guest(OLD_KERNEL)
    agent.ask("open")
    expected = show_new(agent, 10)
    lab.expect_screen("before", expected)
    new = draw(agent, 0, WIDTH, HEIGHT, 11)
    rects = [(0, 0, 1, 1), (WIDTH - 1, HEIGHT - 1, 1, 1), (WIDTH - 1, 0, 1, HEIGHT),
             (100, 50, 333, 17), (0, HEIGHT - 3, WIDTH, 2), (641, 300, 64, 64)]
    for rect in rects:
        agent.ask("damage", *rect)
        expected.paste(new, *rect)
    lab.expect_screen("parts", expected)
    agent.ask("damage", 0, 0, WIDTH, HEIGHT)
    lab.expect_screen("whole", new)
    # Drawn and damaged in one small part.
    third = draw(agent, 0, WIDTH, HEIGHT, 12, (200, 200, 99, 101))
    agent.ask("damage", 200, 200, 99, 101)
    new.paste(third, 200, 200, 99, 101)
    lab.expect_screen("small", new)


@case
def old_console(lab):
    """The console of the old kernel, which sends only what it changed: text, and scrolling."""
    agent = lab.guest(OLD_KERNEL)
    check_console(lab, agent, "old kernel")
    check_scrolling(lab, agent)


@case
def daemon_ends(lab):
    """SIGTERM ends oriel-gpu under a running guest: status 0, and its sockets are gone."""
    need_oriel(lab, "daemon")
    lab.guest(lab.kernel or "")
    lab.machine.qmp.ask("stop")
    daemon, lab.daemon = lab.daemon, None
    status = daemon.end()
    lab.discard_machine()
    if status != 0:
        raise Failure(f"exit status {status}\n{daemon.tail()}")
    left = [path.name for path in (lab.device_socket, lab.display_socket) if path.exists()]
    if left:
        raise Failure(f"sockets left behind: {left}")


def check_rings(agent, is_packed):
    bits = agent.shell("cat /sys/bus/virtio/drivers/virtio_gpu/virtio*/features").strip()
    if (bits[34] == "1") != is_packed:
        raise Failure(f"the driver's rings are the other kind; its features: {bits}")


@case
def packed(lab):
    """A driver with packed rings: console, pictures, cursor, stop and cont, reboot."""
    agent = lab.guest(hardware="packed")
    check_console(lab, agent, "packed")
    check_rings(agent, is_packed=True)
    agent.ask("open")
    screen = show_new(agent, 110)
    image = picture.cursor(111)
    agent.ask("cursor", 111, 0, 0)
    agent.ask("move", 500, 300)
    lab.expect_screen("cursor", screen, picture.with_cursor(screen, image, 500, 300))
    lab.machine.qmp.ask("stop")
    lab.machine.qmp.ask("cont")
    screen = draw(agent, 0, WIDTH, HEIGHT, 112)
    agent.ask("damage", 0, 0, WIDTH, HEIGHT)
    lab.expect_screen("going", screen, picture.with_cursor(screen, image, 500, 300))
    agent.send("reboot")
    agent.wait_ready()
    check_console(lab, agent, "packed, rebooted")
    agent.ask("open")
    lab.expect_screen("rebooted", show_new(agent, 113))


@case
def two_heads(lab):
    """Two heads: pictures of their own, one buffer on both, parts of it, off and on, cursors."""
    agent = lab.guest(hardware="two heads")
    status = agent.shell("cat /sys/class/drm/card0-*/status").split()
    if status != ["connected", "connected"]:
        raise Failure(f"the guest's connectors are {status}")
    agent.ask("open")
    sizes = [(WIDTH, HEIGHT), (800, 600)]
    screens = []
    for head, (width, height) in enumerate(sizes):
        agent.ask("head", head)
        screens.append(show_new(agent, 120 + head, width, height, slot=head))
    for head in range(2):
        lab.expect_screen(f"own-{head}", screens[head], head=head)
    # A cursor on each.
    for head in range(2):
        agent.ask("head", head)
        agent.ask("cursor", 122 + head, 0, 0)
        agent.ask("move", 100 + head, -5)
    for head in range(2):
        shown = picture.with_cursor(screens[head], picture.cursor(122 + head), 100 + head, -5)
        lab.expect_screen(f"cursor-{head}", screens[head], shown, head=head)
    # One buffer: mirrored, then overlapping parts of it.
    agent.ask("buffer", 2, 1500, 1000)
    whole = draw(agent, 2, 1500, 1000, 125)
    for parts in (((0, 0), (0, 0)), ((0, 0), (700, 400))):
        for head, (x, y) in enumerate(parts):
            agent.ask("head", head)
            agent.ask("show", 2, 800, 600, x, y)
        for head, (x, y) in enumerate(parts):
            lab.expect_screen(f"part-{head}-{x}", whole.crop(x, y, 800, 600), head=head)
    # One off, the other stays; and on again.
    agent.ask("head", 1)
    agent.ask("off")
    if lab.is_oriel:
        lab.expect_off("off", head=1)
    lab.expect_screen("stays", whole.crop(0, 0, 800, 600))
    agent.ask("show", 1, 800, 600)
    lab.expect_screen("on", screens[1], head=1)


@case
def uefi(lab):
    """UEFI's driver draws, and hands the same device over to Linux."""
    need_oriel(lab, "way to see what UEFI drew")
    lab.have("uefi")
    lab.discard_machine()
    if lab.daemon is None:
        lab.start_daemon()
    lab.start_machine("")

    def lacks_picture():
        seen = lab.shot()
        # Only Linux starts the cursor's queue, so before that a picture is UEFI's.
        if "queue 1: started" in lab.daemon.text():
            raise Failure("Linux has started, and UEFI has drawn nothing")
        if isinstance(seen, str):
            return seen
        pixels = bytes(seen.pixels)
        return "of one colour" if pixels == pixels[:4] * (len(pixels) // 4) else None

    wait_for("UEFI's picture", ANSWER_S, lacks_picture, lab.children())
    lab.machine.boot()
    agent = lab.machine.agent
    check_console(lab, agent, "after UEFI")
    agent.ask("open")
    lab.expect_screen("after", show_new(agent, 130))
    said = [line for line in lab.daemon.text().splitlines() if ": warn:" in line]
    if said:
        raise Failure("oriel-gpu warns: " + "; ".join(said))


def check_monitor(lab, hardware, width, height, seed, words):
    """Linux prefers the monitor's mode, finds no fault with its EDID, and draws a picture in it."""
    agent = lab.guest(hardware=hardware)
    first = agent.shell("head -n 1 /sys/class/drm/card0-*/modes").strip()
    if first != f"{width}x{height}":
        raise Failure(f"the guest prefers {first}")
    said = agent.shell("edid-decode --check < $(echo /sys/class/drm/card0-*/edid)")
    for word in (*words, "EDID conformity: PASS"):
        if word not in said:
            raise Failure(f"edid-decode does not say {word!r}:\n{said}")
    agent.ask("open")
    expected = show_new(agent, seed, width, height)
    lab.expect(f"{width}x{height}", lab.shot, expected)


@case
def monitor_4k(lab):
    """A monitor of ours, 4K at 75 Hz, with a name and a serial number."""
    need_oriel(lab, "such monitor")
    check_monitor(lab, "4k", 3840, 2160, 140,
                  ("Display Product Name: 'Large'", "Display Product Serial Number: '75'", "75.0"))


@case
def monitor_8k(lab):
    """A monitor of ours, 8K, which only DisplayID can say."""
    need_oriel(lab, "such monitor")
    check_monitor(lab, "8k", 7680, 4320, 141, ("DisplayID", "7680x4320"))


def check_generic(lab, hardware, seed, is_packed):
    """On QEMU's generic device Linux draws in guest blobs: everything that a screen does."""
    need_oriel(lab, "generic device")
    agent = lab.guest(hardware=hardware)
    said = agent.shell("dmesg | grep 'drm. features'")
    if "+resource_blob" not in said:
        raise Failure(f"the guest does not use blobs: {said}")
    check_rings(agent, is_packed)
    check_console(lab, agent, hardware)
    agent.ask("open")
    screen = show_new(agent, seed)
    image = picture.cursor(seed + 1)
    agent.ask("cursor", seed + 1, 3, 4)
    agent.ask("move", -10, 700)
    lab.expect_screen("cursor", screen, picture.with_cursor(screen, image, -10, 700))
    for slot in (1, 2):
        agent.ask("buffer", slot, WIDTH, HEIGHT)
    pages = [screen] + [draw(agent, slot, WIDTH, HEIGHT, seed + slot) for slot in (1, 2)]
    for i in range(20):
        agent.ask("flip", i % 3)
    shown = picture.with_cursor(pages[19 % 3], image, -10, 700)
    lab.expect_screen("flipped", pages[19 % 3], shown)
    for i in range(2):
        lab.machine.qmp.ask("stop")
        lab.expect_screen(f"stopped-{i}", pages[19 % 3], shown)
        lab.machine.qmp.ask("cont")
    # The same blob, without a new mode: it must have survived.
    screen = draw(agent, 19 % 3, WIDTH, HEIGHT, seed + 5)
    agent.ask("damage", 0, 0, WIDTH, HEIGHT)
    lab.expect_screen("going", screen)
    # This device negotiates RESET_DEVICE and never sends it: the rings alone tell.
    agent.send("reboot")
    agent.wait_ready()
    check_console(lab, agent, f"{hardware}, rebooted")
    agent.ask("open")
    lab.expect_screen("rebooted", show_new(agent, seed + 6, 801, 601))
    lab.machine.qmp.ask("system_reset")
    agent.wait_ready()
    agent.ask("open")
    lab.expect_screen("reset", show_new(agent, seed + 7))


@case
def generic_blobs(lab):
    """QEMU's generic device passes all features: Linux draws in guest blobs, on packed rings."""
    check_generic(lab, "generic", 150, is_packed=True)


@case
def generic_live_resize(lab):
    """oriel size while the guest runs: Linux prefers the new mode; unplugged, and back again."""
    need_oriel(lab, "such command")
    agent = lab.guest(hardware="generic")
    for size in ("1920x1080", "1000x700@75", "off", "1280x800"):
        lab.resize(size)
        mode = size.partition("@")[0]

        def differs():
            # What the driver has asked for by itself, when it was told.
            status, *said = agent.shell("cd $(echo /sys/class/drm/card0-*); cat status; "
                                        "edid-decode < edid | sed -n '/DTD 1:/p'").split()
            if size == "off":
                return None if status == "disconnected" else "still connected"
            return None if status == "connected" and mode in said else f"{status}, {said}"

        wait_for(f"a monitor of {size}", ANSWER_S, differs, lab.children())
        if size != "off":  # and what programs get
            first = agent.shell("modetest -M virtio_gpu -c | grep '#0'").split()[1]
            if first != mode:
                raise Failure(f"programs prefer {first}, not {mode}")
    agent.ask("open")
    lab.expect_screen("after", show_new(agent, 160))


@case
def generic_split(lab):
    """Guest blobs on split rings, which QEMU's generic device has only if ours offers no others."""
    check_generic(lab, "generic, split", 170, is_packed=False)
