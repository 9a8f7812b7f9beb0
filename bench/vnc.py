#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What oriel-vnc costs: until a change is in a browser's canvas, when idle, with a stuck viewer.

usage: ORIEL_GPU=PATH ORIEL_VNC=PATH bench/vnc.py [changes] [idle] [stuck]

Not a test: it prints figures, and they are those of the machine at that moment. It needs what
tests/vnc needs: noVNC, Chromium, python3-selenium.
"""

import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/wire"), str(ROOT / "tests/vnc")]

# pylint: disable=wrong-import-position
import browser  # noqa: E402
import lab      # noqa: E402
import rfb      # noqa: E402
from rig.gpu import Rect  # noqa: E402

WIDTH, HEIGHT = 1920, 1080
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
N_CHANGES = 30
IDLE_S = 20
ROUNDS, ROUND_S = 7, 2

# Looks at one pixel until it has a colour, and says when that was, in ms since 1970.
WATCH = """
    const [x, y, wanted, done] = arguments;
    const context = document.querySelector('#screen canvas').getContext('2d');
    const look = () => {
        const [r, g, b] = context.getImageData(x, y, 1, 1).data;
        if (Math.abs(r - wanted[0]) + Math.abs(g - wanted[1]) + Math.abs(b - wanted[2]) < 40)
            done(performance.timeOrigin + performance.now());
        else
            setTimeout(look, 2);
    };
    document.body.dataset.watching = 'yes';
    look();
"""


def desktop(seed):
    """Windows of plain colours with lines of something like text in them."""
    rows = []
    ink = bytes((40, 40, 40, 0))
    for y in range(HEIGHT):
        paper = bytes((200 + (y // 120 * 7 + seed * 3) % 50, 220, 235 - seed * 17 % 90, 0))
        row = bytearray(paper * WIDTH)
        if y % 18 < 11:
            for x in range(20, WIDTH - 20, 3):
                if (x * 7919 + y * 104729 + seed * 31) % 11 < 4:
                    row[4 * x:4 * x + 4] = ink
        rows.append(bytes(row))
    return corner(b"".join(rows), seed)


def photograph(seed):
    """Smooth colours with noise."""
    noise = os.urandom(WIDTH * 4)
    rows = []
    for y in range(HEIGHT):
        shift = (y * 37 + seed * 101) % WIDTH * 4
        line = (noise[shift:] + noise[:shift]).translate(bytes(i // 8 + (y * 200) // HEIGHT
                                                               for i in range(256)))
        rows.append(line)
    return corner(b"".join(rows), seed)


def corner(pixels, seed):
    """The last pixels have a colour that says which picture it is."""
    out = bytearray(pixels)
    for y in range(HEIGHT - 64, HEIGHT):
        at = (y * WIDTH + WIDTH - 64) * 4
        out[at:at + 256] = bytes((*colour(seed)[::-1], 0)) * 64
    return bytes(out)


def colour(seed):
    return (250, 10, 10) if seed % 2 else (10, 250, 10)


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(values, unit, digits=0):
    values = sorted(values)
    return (f"median {statistics.median(values):.{digits}f} {unit}, "
            f"{values[0]:.{digits}f} to {values[-1]:.{digits}f}")


class Bench(lab.VncTest):
    def runTest(self):
        for name in sys.argv[1:] or ("changes", "idle", "stuck"):
            getattr(self, "measure_" + name)()

    def in_browser(self):
        machine = self.machine()
        vnc = self.vnc(machine, "--web=127.0.0.1:0")
        page = browser.Browser(1300, 900)
        self.addCleanup(page.close)
        page.open(vnc.doors["web"])
        page.wait_state("connected")
        return machine, vnc, page

    def measure_changes(self):
        machine, vnc, page = self.in_browser()
        guest = machine.guest
        for kind, make in (("desktop", desktop), ("photograph", photograph)):
            pictures = [make(0), make(1)]
            backing = guest.show(0, 1 + (make is photograph), WIDTH, HEIGHT, pictures[0])
            page.wait_until(lambda: page.size() == (WIDTH, HEIGHT), "the screen")
            page.driver.execute_async_script(WATCH, WIDTH - 32, HEIGHT - 32, colour(0))
            taken_ms, cpu = [], cpu_s(vnc.children()[0])
            for i in range(1, N_CHANGES + 1):
                taken_ms.append(self.change(guest, backing, pictures[i % 2], i, page,
                                            1 + (make is photograph)))
            cpu = (cpu_s(vnc.children()[0]) - cpu) / N_CHANGES
            print(f"{kind}, 1920x1080, all of it changed: in the canvas after "
                  f"{spread(taken_ms, 'ms')}; {cpu * 1000:.0f} ms of CPU in oriel-vnc; "
                  f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")

    def change(self, guest, backing, pixels, i, page, resource):
        """Milliseconds from the guest's flush to the canvas."""
        guest.memory.write(backing, pixels)
        guest.transfer(resource, WHOLE)
        page.run("delete document.body.dataset.watching")
        flushed = {}

        def flush():
            page_is_watching = time.time() + 0.2
            time.sleep(max(0, page_is_watching - time.time()))
            flushed["at"] = time.time()
            guest.flush(resource, WHOLE)
        thread = lab.threading.Thread(target=flush)
        thread.start()
        seen_ms = page.driver.execute_async_script(WATCH, WIDTH - 32, HEIGHT - 32, colour(i))
        thread.join()
        return seen_ms - flushed["at"] * 1000

    def measure_idle(self):
        machine, vnc, page = self.in_browser()
        machine.guest.show(0, 1, WIDTH, HEIGHT, desktop(0))
        page.wait_until(lambda: page.size() == (WIDTH, HEIGHT), "the screen")
        time.sleep(2)
        pids = [vnc.process.pid, *vnc.children(), machine.daemon.process.pid]
        before = [cpu_s(pid) for pid in pids]
        time.sleep(IDLE_S)
        used = [(cpu_s(pid) - was) / IDLE_S * 100 for pid, was in zip(pids, before)]
        print(f"idle, a browser connected: oriel-vnc {used[0]:.2f} %, its viewer's process "
              f"{used[1]:.2f} %, oriel-gpu {used[2]:.2f} % of a core, over {IDLE_S} s")
        self.assertTrue(page.state() == "connected")

    def measure_stuck(self):
        machine = self.machine()
        backing = machine.guest.show(0, 1, WIDTH, HEIGHT, desktop(0))
        vnc = self.vnc(machine)
        rates = {"no viewer": [], "a stuck viewer": []}
        for _ in range(ROUNDS):
            rates["no viewer"].append(self.rate(machine.guest, backing))
            stuck = rfb.Client(rfb.connect(vnc.doors["vnc"]))
            for _ in range(50):
                stuck.request(incremental=False)
            time.sleep(1)  # until it is stuck
            rates["a stuck viewer"].append(self.rate(machine.guest, backing))
            stuck.close()
            lab.wait.wait_until(lambda: not vnc.children(), "its end", seconds=60)
        for name, values in rates.items():
            print(f"full-screen flushes of the guest, {name}: {spread(values, 'a second')}")
        without, with_it = (statistics.median(values) for values in rates.values())
        print(f"a viewer that stops reading changes the guest's rate by "
              f"{(with_it - without) / without * 100:+.1f} %")

    def rate(self, guest, backing):
        start, n = time.monotonic(), 0
        while time.monotonic() - start < ROUND_S:
            guest.memory.write(backing + n % 1000 * 4096, b"\x55" * 4096)
            guest.transfer(1, WHOLE)
            guest.flush(1, WHOLE)
            n += 1
        return n / (time.monotonic() - start)


if __name__ == "__main__":
    lab.unittest.TextTestRunner(verbosity=0).run(Bench())
