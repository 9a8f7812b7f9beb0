#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page in a real browser: headless Chromium, driven by selenium."""

import os
import unittest

import browser
import lab
import stage
import web
from rig import picture, wait
from rig.gpu import Rect

NOVNC = os.environ.get("ORIEL_NOVNC", "/usr/share/novnc")
MISSING = browser.missing() or (None if os.path.exists(f"{NOVNC}/core/rfb.js") else "noVNC")

# What each photograph's pixel may be off by: it comes as JPEG.
JPEG_TOLERANCE = 40


def blocks(width, height, seed):
    """A picture of a few colours, which the encoding Tight sends exactly."""
    colours = picture.noise(8, 1, seed)
    rows = []
    for y in range(height):
        row = b"".join(colours[(y // 40 * 3 + x // 40) % 8 * 4:][:4] for x in range(width))
        rows.append(row)
    return b"".join(rows)


@unittest.skipIf(MISSING, f"{MISSING} is not there")
class BrowserTest(lab.VncTest):
    @classmethod
    def setUpClass(cls):
        cls.browser = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def finish_vnc(self, vnc):
        if self.has_failed() and "ORIEL_SCREENSHOTS" in os.environ:
            self.browser.driver.save_screenshot(f"{os.environ['ORIEL_SCREENSHOTS']}/{self.id()}.png")
        super().finish_vnc(vnc)

    def open(self, vnc):
        self.browser.open(vnc.doors["web"])
        self.browser.wait_state("connected")

    def check_canvas(self, width, height, pixels):
        wanted = picture.opaque(pixels)
        try:
            self.browser.wait_until(lambda: self.browser.size() == (width, height) and
                                    self.browser.pixels() == wanted, "the picture")
        except wait.TimedOut as error:
            got = self.browser.pixels()
            self.fail(f"{error}: {self.browser.size()}: "
                      f"{picture.first_difference(got, wanted, width)}")


class Page(BrowserTest):
    def start(self, *options, machine=None):
        self.host = machine or self.machine()
        vnc = self.vnc(self.host, "--web=127.0.0.1:0", *options)
        self.browser.complaints()  # those of tests before
        self.open(vnc)
        return vnc

    def test_picture(self):
        """The canvas is the guest's screen, pixel by pixel, as it changes, and of any size."""
        self.start()
        guest = self.host.guest
        backing = guest.show(0, 1, 640, 480, blocks(640, 480, 1))
        self.check_canvas(640, 480, blocks(640, 480, 1))
        guest.memory.write(backing, blocks(640, 480, 2))
        guest.transfer(1, Rect(0, 0, 640, 480))
        guest.flush(1, Rect(0, 0, 640, 480))
        self.check_canvas(640, 480, blocks(640, 480, 2))
        guest.show(0, 2, 801, 333, blocks(801, 333, 3))
        self.check_canvas(801, 333, blocks(801, 333, 3))
        self.assertEqual([c for c in self.browser.complaints() if "getImageData" not in c], [])

    def test_photograph(self):
        """What is no drawing comes as JPEG, and close."""
        self.start()
        width, height = 320, 240
        smooth = bytes(c for y in range(height) for x in range(width)
                       for c in ((x * 255) // width, (y * 255) // height, (x + y) % 256, 0))
        self.host.guest.show(0, 1, width, height, smooth)

        def is_close():
            if self.browser.size() != (width, height):
                return False
            pairs = zip(self.browser.pixels(), picture.opaque(smooth))
            off = sorted(abs(got - wanted) for got, wanted in pairs)
            return off[len(off) * 99 // 100] <= JPEG_TOLERANCE
        self.browser.wait_until(is_close, "the photograph")

    def test_fits(self):
        """A screen that is larger than the window is shown smaller, all of it."""
        self.start()
        self.host.guest.show(0, 1, 1920, 1080, blocks(1920, 1080, 1))
        self.browser.wait_until(lambda: self.browser.size() == (1920, 1080), "the screen")
        shown = self.browser.run("const r = document.querySelector('#screen canvas')"
                                 ".getBoundingClientRect(); return [r.width, r.height, r.right,"
                                 "r.bottom, innerWidth, innerHeight]")
        self.assertLessEqual(shown[2], shown[4])
        self.assertLessEqual(shown[3], shown[5])
        self.assertAlmostEqual(shown[0] / shown[1], 1920 / 1080, places=1)

    def test_reload(self):
        """Reload works, with the token that the address has."""
        vnc = self.start()
        self.host.guest.show(0, 1, 320, 200, blocks(320, 200, 1))
        self.check_canvas(320, 200, blocks(320, 200, 1))
        self.browser.driver.refresh()
        self.browser.wait_state("connected")
        self.check_canvas(320, 200, blocks(320, 200, 1))
        wait.wait_until(lambda: vnc.log().count("gone") == 1, "the first one's end")

    def test_wrong_token(self):
        """A wrong token, and none, are refused, and the page says so."""
        vnc = self.vnc(self.machine(), "--web=127.0.0.1:0")
        url = vnc.doors["web"]
        for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.partition("#")[0]):
            self.browser.open(wrong)
            self.browser.wait_state("wrong token")
            self.assertIn("token", self.browser.run("return document.getElementById('text').textContent"))
        self.assertEqual(vnc.children(), [])

    def test_token_of_last_time(self):
        """Right, then wrong in the same tab: the page does not go on with the old one."""
        vnc = self.start()
        self.browser.run("location.hash = 'token=0'")
        self.browser.wait_state("wrong token")
        wait.wait_until(lambda: "gone" in vnc.log(), "the end of the connection")

    def test_password(self):
        """The page asks for it; a wrong one is told so."""
        machine = self.machine()
        path = f"{machine.daemon.folder}/password"
        with open(path, "w") as file:
            file.write("sesame\n")
        vnc = self.vnc(machine, "--web=127.0.0.1:0", f"--password-file={path}")
        for word, state in (("wrong", "wrong password"), ("sesame", "connected")):
            self.browser.open(vnc.doors["web"])
            self.browser.wait_state("password")
            field = self.browser.driver.find_element("id", "password")
            field.send_keys(word + "\n")
            self.browser.wait_state(state)

    def test_ends(self):
        """When the machine ends, the page says so."""
        machine = self.machine()
        vnc = lab.Vnc(machine.daemon.display_path, "--web=127.0.0.1:0")
        self.open(vnc)
        machine.vm.close()
        self.expect_exit(machine.daemon)
        self.browser.wait_state("disconnected")
        vnc.process.wait(20)
        vnc.finish()

    def test_asks_for_size(self):
        """"fit guest to window": the guest is told the window's size."""
        self.start()
        self.host.guest.show(0, 1, 320, 200, blocks(320, 200, 1))
        self.check_canvas(320, 200, blocks(320, 200, 1))
        width, height = self.browser.run("const r = document.getElementById('screen')"
                                         ".getBoundingClientRect(); return [r.width, r.height]")
        self.browser.driver.find_element("id", "fit").click()
        wanted = lab.struct.pack("<II", int(width), int(height))
        wait.wait_until(lambda: self.host.guest.display_info().body[8:16] == wanted,
                        "the guest's size", seconds=30)


@unittest.skipIf(MISSING, f"{MISSING} is not there")
class Typing(BrowserTest):
    def setUp(self):
        super().setUp()
        self.stage = stage.Stage()
        self.addCleanup(self.stage.close)
        self.program = lab.Vnc(self.stage.path, "--web=127.0.0.1:0")
        self.addCleanup(self.finish_vnc, self.program)
        self.open(self.program)

    def test_word(self):
        """A word that is typed into the page arrives as keys: H, e, l, l, o, !"""
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.browser.driver).send_keys("Hello!").perform()
        pressed = [35, 18, 38, 38, 24, 2]  # KEY_H, E, L, L, O, 1

        def keys():
            return [event[1] for event in list(self.stage.events)
                    if event[0] == "key" and event[2] == 1 and event[1] != 42]
        wait.wait_until(lambda: keys() == pressed, "the word's keys", seconds=30)
        wait.wait_until(lambda: held(self.stage.events) == set(), "no key held", seconds=30)

    def test_pointer(self):
        """A click arrives where it was made."""
        from selenium.webdriver.common.action_chains import ActionChains
        canvas = self.browser.driver.find_element("css selector", "#screen canvas")
        ActionChains(self.browser.driver).move_to_element(canvas).click().perform()
        wait.wait_until(lambda: ("button", 0, 0x110, 0) in self.stage.events, "a click", seconds=30)
        pointers = [event for event in self.stage.events if event[0] == "pointer"]
        self.assertLessEqual(abs(pointers[-1][2] - 640), 3)
        self.assertLessEqual(abs(pointers[-1][3] - 400), 3)
        buttons = [event for event in self.stage.events if event[0] == "button"]
        self.assertEqual(buttons, [("button", 0, 0x110, 1), ("button", 0, 0x110, 0)])

    def test_button(self):
        """The button Ctrl+Alt+Del, which no browser lets people type."""
        self.browser.driver.find_element("id", "cad").click()
        wait.wait_until(lambda: len(self.stage.events) >= 6, "keys", seconds=30)
        keys = [event[1] for event in self.stage.events if event[0] == "key" and event[2] == 1]
        self.assertEqual(keys, [29, 56, 111])


def held(events):
    down = set()
    for event in list(events):
        if event[0] == "key":
            (down.add if event[2] else down.discard)(event[1])
    return down


class OtherSites(BrowserTest):
    def test_page_of_others(self):
        """A page of somebody else's, in the same browser, gets nothing, even with the token."""
        vnc = self.vnc(self.machine(), "--web=127.0.0.1:0")
        site = web.Site(vnc.doors["web"])
        other = self.vnc(self.machine(), "--web=127.0.0.1:0")
        self.browser.open(other.doors["web"].partition("#")[0] + "novnc/core/rfb.js")
        result = self.browser.driver.execute_async_script(f"""
            const done = arguments[arguments.length - 1];
            const socket = new WebSocket('ws://{site.host}/websocket',
                                         ['binary', 'oriel.{site.token}']);
            socket.onopen = () => done('open');
            socket.onerror = () => done('error');""")
        self.assertEqual(result, "error")
        self.assertEqual(vnc.children(), [])


if __name__ == "__main__":
    lab.main()
