# SPDX-License-Identifier: MIT
"""An X server without a screen, for the comparison with QEMU's own 3D device.

That device draws with the OpenGL of QEMU's window, and QEMU's screendump does not see it: so the
window is looked at. The server keeps what it shows in a file, in the form of xwd.
"""

import os
import pathlib
import select
import struct

import picture
from process import Child, Failure

START_S = 60
# QEMU's first window, in the middle of the screen. When the guest's screen is known it gets that
# size, and its corner stays.
FIRST_WIDTH, FIRST_HEIGHT = 640, 480


class XScreen:
    """A screen on which QEMU's window of this size is in the lower right corner."""

    def __init__(self, folder, width, height):
        self.folder = pathlib.Path(folder)
        self.width, self.height = width, height
        size = f"{2 * width - FIRST_WIDTH}x{2 * height - FIRST_HEIGHT}x24"
        self.folder.mkdir()
        ours, theirs = os.pipe()
        self.child = Child("Xvfb", ["Xvfb", "-displayfd", str(theirs), "-fbdir", str(self.folder),
                                    "-screen", "0", size, "-noreset", "-nolisten", "tcp"],
                           self.folder / "xvfb.log", pass_fds=[theirs])
        os.close(theirs)
        with os.fdopen(ours) as pipe:
            # It writes the number of its display when it is ready.
            if not select.select([pipe], [], [], START_S)[0]:
                raise Failure(f"Xvfb does not start\n{self.child.tail()}")
            self.display = ":" + pipe.readline().strip()
        if self.display == ":":
            raise Failure(f"Xvfb does not start\n{self.child.tail()}")

    def env(self):
        """What QEMU needs to use it, and nothing but software for OpenGL."""
        return {"DISPLAY": self.display, "SDL_VIDEODRIVER": "x11", "LIBGL_ALWAYS_SOFTWARE": "1"}

    def picture(self):
        """What is in the window: a Picture."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack_from(">25I", data)
        header_size, bits, stride, n_colours = header[0], header[11], header[12], header[19]
        if bits != 32 or header[7] != 0:
            raise Failure("Xvfb keeps pixels in a form that is not expected")
        left, top = self.width - FIRST_WIDTH, self.height - FIRST_HEIGHT
        start = header_size + 12 * n_colours + top * stride + 4 * left
        rows = (data[start + y * stride:start + y * stride + 4 * self.width]
                for y in range(self.height))
        result = picture.Picture(self.width, self.height, b"".join(rows))
        result.pixels[3::4] = b"\xff" * (self.width * self.height)
        return result

    def kill(self):
        self.child.kill()
