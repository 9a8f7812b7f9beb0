# SPDX-License-Identifier: MIT
"""unittest with a daemon that has a keyboard and tablets, and with viewers that type."""

import os
import tempfile

from . import case
from .input import EV_KEY, KEY_B, InputMachine
from .viewer import FEATURE_INPUT, Viewer


def pressed(code):
    return (EV_KEY, code, 1)


def released(code):
    return (EV_KEY, code, 0)


class InputTest(case.WireTest):
    """A machine with a keyboard and two tablets, none of which is connected yet."""

    def gpu(self, *options, heads=2, **kinds):
        folder = self.folder()
        self.keyboard_path = os.path.join(folder, "keyboard.sock")
        self.tablet_paths = [os.path.join(folder, f"tablet-{i}.sock") for i in range(heads)]
        daemon = self.daemon(f"--heads={heads}", f"--keyboard-socket={self.keyboard_path}",
                             *[f"--tablet-socket={path}" for path in self.tablet_paths],
                             *options, **kinds)
        return daemon

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="oriel-input-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def connect(self, daemon, path, started=True, **kinds):
        machine = InputMachine(daemon, path, **kinds)
        self.addCleanup(machine.close)
        return machine.start() if started else machine

    def keyboard(self, daemon, **kinds):
        return self.connect(daemon, self.keyboard_path, **kinds)

    def tablet(self, daemon, head=0, **kinds):
        return self.connect(daemon, self.tablet_paths[head], **kinds)

    def viewer(self, daemon, features=FEATURE_INPUT):
        viewer = Viewer(daemon, hello=False)
        self.addCleanup(viewer.close)
        viewer.hello(features=features)
        return viewer

    def check_types(self, keyboard, viewer):
        """A key that is typed arrives, and nothing else."""
        viewer.key(KEY_B)
        self.assertEqual(keyboard.read_reports(2), [[pressed(KEY_B)], [released(KEY_B)]])
        self.assertEqual(viewer.sync(), 0)
