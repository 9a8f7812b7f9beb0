# SPDX-License-Identifier: MIT
"""A headless Chromium that Python drives, and what the page in it shows."""

import base64
import os
import shutil
import sys
import tempfile

from rig import wait

# Debian's package, also where another Python comes first.
sys.path.append("/usr/lib/python3/dist-packages")
try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

DEADLINE_S = 60


def missing():
    """What is not there, or None."""
    if webdriver is None:
        return "python3-selenium"
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return program
    return None


class Browser:
    def __init__(self, width=1000, height=800):
        self.folder = tempfile.mkdtemp(prefix="oriel-browser-")
        options = Options()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--disable-gpu", "--no-first-run",
                         "--disable-dev-shm-usage", "--force-device-scale-factor=1",
                         f"--window-size={width},{height}", f"--user-data-dir={self.folder}"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium has none for root
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")),
                                       options=options)
        self.driver.set_script_timeout(DEADLINE_S)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, url):
        self.driver.get("about:blank")  # or a URL with another fragment only would be no new page
        self.driver.get(url)

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def wait_until(self, condition, what):
        """Look again and again; asking a browser costs much of what it has to work with."""
        deadline = wait.Deadline(DEADLINE_S)
        while not condition():
            if deadline.passed():
                raise wait.TimedOut(f"{what}: not within {DEADLINE_S} s")
            self.driver.execute_async_script(
                "const done = arguments[0]; setTimeout(() => done(), 50);")

    def state(self):
        return self.run("return document.body.dataset.state")

    def wait_state(self, wanted):
        try:
            self.wait_until(lambda: self.state() == wanted, f"the page's state '{wanted}'")
        except wait.TimedOut as error:
            raise AssertionError(f"{error}; it is '{self.state()}'; {self.complaints()}") from None

    def complaints(self):
        """What the page and the browser had to say."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def size(self):
        return tuple(self.run("const c = document.querySelector('#screen canvas');"
                              "return [c.width, c.height]"))

    def pixels(self):
        """The canvas: bytes of B G R X with X = 255."""
        text = self.run("""
            const canvas = document.querySelector('#screen canvas');
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            let text = '';
            for (let i = 0; i < data.length; i += 8192)
                text += String.fromCharCode.apply(null, data.subarray(i, i + 8192));
            return btoa(text);""")
        rgba = base64.b64decode(text)
        out = bytearray(rgba)
        out[0::4], out[2::4] = rgba[2::4], rgba[0::4]
        return bytes(out)
