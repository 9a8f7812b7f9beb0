#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every program says of values that cannot be right: one line, which names the option.

usage: bad_values.py json|no-json keymaps|no-keymaps PROGRAM...

The programs are oriel, and those of oriel-gpu, oriel-render and oriel-vnc that are built; with
json-c and xkbcommon, or without.
"""

import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import unittest

DEADLINE_S = 60
PROGRAMS = {}  # path by name

# What is wrong with a value, by what the option takes: the value, and the exit status.
NOT_UTF8, TWO_LINES = b"\xff\xfe", b"a\nb"
NUMBER = [(value, 2) for value in (b"", b"x", b"-1", b"99999999999999999999999", b"1 ",
                                   NOT_UTF8, TWO_LINES)]
WORD = [(value, 2) for value in (b"", b"nosuch", b"1", NOT_UTF8, TWO_LINES)]
TEXT = [(b"", 2)]
LINE = [*TEXT, (NOT_UTF8, 2), (TWO_LINES, 2), (b"\x1b[2J", 2)]
MACHINE = [(b"", 2), (b".", 2), (b"a/b", 2), (b"nosuch", 1), (NOT_UTF8, 1), (TWO_LINES, 1),
           (b"x" * 300, 1)]
FILE = [*TEXT, (b".", 1), (b"nosuch", 1), (b"file/x", 1), (NOT_UTF8, 1), (TWO_LINES, 1)]
SOCKET = [*FILE, (b"file", 1), (b"x" * 200, 1)]
LAYOUT = [*TEXT, (b"nosuch", 1), (b"../x", 1), (NOT_UTF8, 1), (TWO_LINES, 1)]

MACHINE_OPTIONS = {"--socket": SOCKET, "--name": MACHINE}
SCREEN_OPTIONS = {**MACHINE_OPTIONS, "--scanout": NUMBER}

# What else is on the command line, and what each option that has a value takes.
COMMANDS = {
    "oriel doctor": ([], {"--timeout": NUMBER}),
    "oriel key": (["a"], MACHINE_OPTIONS),
    "oriel pointer": (["1", "1"], SCREEN_OPTIONS),
    "oriel run": (["--kernel=file", "--display=none", "--dry-run"], {
        "--append": [], "--cdrom": FILE, "--cpus": NUMBER, "--disk": FILE, "--display": WORD,
        "--firmware": WORD, "--gpu": WORD, "--grace": NUMBER, "--heads": NUMBER,
        "--initrd": FILE, "--kernel": FILE, "--mem": NUMBER, "--name": LINE, "--net": WORD,
        "--port": NUMBER, "--qemu": FILE, "--size": NUMBER}),
    "oriel shot": (["out.png"], {**SCREEN_OPTIONS, "--timeout": NUMBER}),
    "oriel size": (["off"], SCREEN_OPTIONS),
    "oriel status": ([], {**MACHINE_OPTIONS, "--watch": NUMBER}),
    "oriel type": (["a"], {
        **MACHINE_OPTIONS, "--delay": NUMBER,
        "--keymap": [(value, 2) for value, _ in LAYOUT]}),
    "oriel-gpu": (["--socket-path=gpu"], {
        "--control-socket": TEXT, "--display-socket": TEXT, "--fd": NUMBER, "--head": NUMBER,
        "--heads": NUMBER, "--keyboard-socket": TEXT, "--log-level": WORD, "--qemu-display": WORD,
        "--render-dump": TEXT, "--render-timeout": NUMBER, "--fence-timeout": NUMBER,
        "--renderer": WORD, "--size": NUMBER, "--socket-path": TEXT, "--tablet-socket": TEXT}),
    "oriel-render": (["--probe"], {
        "--dump": TEXT, "--fd": NUMBER, "--log-level": WORD, "--max-memory": NUMBER,
        "--max-more-memory": NUMBER, "--picture": TEXT, "--play": FILE, "--renderer": WORD,
        "--tolerance": NUMBER}),
    "oriel-vnc": (["--socket=nosuch", "--listen=127.0.0.1:0"], {
        "--head": NUMBER, "--keymap": LAYOUT, "--listen": WORD, "--log-level": WORD,
        "--max-viewers": NUMBER, "--name": LINE, "--novnc": TEXT, "--password-file": FILE,
        "--socket": SOCKET, "--web": WORD}),
}


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "file").write_bytes(bytes(4096))

    def run_command(self, command, *args):
        name, *sub_command = command.split()
        result = subprocess.run([PROGRAMS[name], *sub_command, *args], cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False,
                                env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(self.folder)})
        return result.returncode, result.stdout, result.stderr

    def commands(self):
        return [command for command in COMMANDS if command.split()[0] in PROGRAMS]

    def assert_refused(self, command, args, status, about):
        """One line that begins with the command, and then says what it is about."""
        got, out, err = self.run_command(command, *args)
        lines = err.decode("utf-8", "backslashreplace").splitlines()
        self.assertEqual((got, out, len(lines)), (status, b"", 1), err)
        self.assertRegex(lines[0], f"^{command}: {re.escape(about)}(?![a-z-])", err)


class Values(Case):
    def test_each_option_is_tried(self):
        """What --help has is in the table."""
        for command in self.commands():
            with self.subTest(command):
                _, out, _ = self.run_command(command, "--help")
                helped = set(re.findall(r"(?:^ {6}|^  -\w, |, |; |with )(--[a-z-]+)\[?=[A-Z]",
                                        out.decode(), re.MULTILINE))
                self.assertEqual(helped - set(COMMANDS[command][1]), set())
                self.assertNotEqual(helped, set())

    def test_bad_values(self):
        """Nothing else is wrong with the command line, as far as it comes to that."""
        for command in self.commands():
            words, options = COMMANDS[command]
            for option, values in options.items():
                for value, status in values:
                    arg = option.encode() + b"=" + value
                    with self.subTest(f"{command} {arg}"):
                        self.assert_refused(command, [*words, arg], status, option)

    def test_no_value(self):
        for command in self.commands():
            for option in COMMANDS[command][1]:
                with self.subTest(f"{command} {option}"):
                    if option != "--watch":  # which needs none
                        self.assert_refused(command, [option], 2, option)
                    self.assert_refused(command, ["--help=1"], 2, "--help=1")


class Options(Case):
    def test_unknown_ones(self):
        for command in self.commands():
            for option in ("--nonsense", "--nonsense=1", "-Z"):
                with self.subTest(f"{command} {option}"):
                    self.assert_refused(command, [option], 2, option)

    def test_what_is_typed_stays_one_line(self):
        """Nothing that was typed moves the cursor, and what is no UTF-8 does not come back."""
        for command in self.commands():
            for option, said in ((b"--a\nb", "--a?b"), (b"--\x1b[2J", "--?[2J"),
                                 (b"--\xc2\x9b", "--?"), (b"--\xff\xe4x", "--??x"),
                                 (b"--\xc3\xa4", "--\xe4"), (b"--" + b"x" * 5000, "--" + "x" * 253)):
                with self.subTest(f"{command} {option[:20]}"):
                    status, _, err = self.run_command(command, option)
                    self.assertEqual((status, err.decode()), (
                        2, f"{command}: {said}: no such option; '{command} --help' says more\n"))

    def test_the_last_of_two_counts(self):
        for command in self.commands():
            if "--socket" in COMMANDS[command][1]:
                with self.subTest(command):
                    words = COMMANDS[command][0]
                    self.assert_refused(command, [*words, "--socket=file", "--socket=nosuch"], 1,
                                        "--socket: nosuch: there is no such socket")

    def test_words_that_are_none(self):
        for command in self.commands():
            if command in ("oriel doctor", "oriel status") or " " not in command:
                for word, said in (("", "''"), ("more", "more")):
                    with self.subTest(f"{command} {word}"):
                        self.assert_refused(command, [word], 2, f"{said}: not an option;")


    def test_sub_commands_that_are_none(self):
        for word, said in (("nosuch", "nosuch"), ("", ""), (b"a\nb\xff", "a?b?")):
            status, _, err = self.run_command("oriel", word)
            self.assertEqual((status, err.decode()), (
                2, f"oriel: no sub-command '{said}'; 'oriel --help' lists them\n"))

    def test_a_picture_needs_a_file(self):
        for words in ([], [""], ["a", "b"]):
            self.assert_refused("oriel shot", ["--socket=nosuch", *words], 2,
                                "one file to write to is needed;")


class Sockets(Case):
    def setUp(self):
        super().setUp()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.folder / "dead"))

    def test_what_is_wrong_with_a_path(self):
        for command in self.commands():
            if "--socket" in COMMANDS[command][1]:
                for path, what in ((".", "a folder, not a socket"), ("file", "not a socket"),
                                   ("dead", "nobody listens there any more"),
                                   ("nosuch", "there is no such socket"),
                                   ("x" * 200, "too long for a socket's path")):
                    with self.subTest(f"{command} {path}"):
                        status, _, err = self.run_command(command, *COMMANDS[command][0],
                                                          f"--socket={path}")
                        self.assertEqual((status, err.decode()),
                                         (1, f"{command}: --socket: {path}: {what}\n"))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    if sys.argv[1] == "no-json":
        del COMMANDS["oriel status"]
    if sys.argv[2] == "no-keymaps":
        del COMMANDS["oriel type"]
    PROGRAMS.update((pathlib.Path(path).name, pathlib.Path(path).resolve())
                    for path in sys.argv[3:])
    unittest.main(argv=sys.argv[:1], verbosity=2)
