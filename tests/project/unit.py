#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the systemd user unit is one, and oriel-gpu serves what it starts.

usage: unit.py UNIT PROGRAM

systemd judges the unit, where it is installed. The command line is then run as systemd would, in a
folder of our own.
"""

import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

NAME = "test"


def command_of(text, program, folder):
    """ExecStart's words, with what systemd puts in for its specifiers."""
    line = re.search(r"^ExecStart=(\S*)/oriel-gpu (.*)$", text, re.MULTILINE)[2]
    words = line.replace("%t", str(folder)).replace("%i", NAME).replace("$OPTIONS", "")
    if "%" in words or "$" in words:
        sys.exit(f"what systemd would put into {line!r} is not known here")
    return [str(program), *words.split()]


def verify(unit, folder):
    """Have systemd judge it, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        print("there is no systemd-analyze")
        return
    copy = folder / "oriel-gpu@.service"
    copy.write_text(re.sub(r"^ExecStart=\S*/oriel-gpu", "ExecStart=/bin/true", unit.read_text(),
                           flags=re.MULTILINE))
    result = subprocess.run(["systemd-analyze", "verify", "--user", "--man=no", copy],
                            env={"XDG_RUNTIME_DIR": str(folder), "PATH": "/usr/bin:/bin"},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=60, check=False)
    if result.returncode != 0 or copy.name in result.stdout:
        sys.exit(f"systemd-analyze verify: {result.stdout.strip()}")


def serve(unit, program, folder):
    sockets = folder / "oriel" / NAME
    sockets.mkdir(parents=True)
    command = command_of(unit.read_text(), program, folder)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as process:
        said = ""
        for line in process.stderr:
            said += line
            if f"waiting for a VMM at {sockets}/gpu.sock" in line:
                break
        there = {path.name for path in sockets.iterdir()}
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    if process.returncode != 0:
        sys.exit(f"oriel-gpu ends with status {process.returncode}: {said}")
    wanted = {word.rpartition("/")[2] for word in command if word.endswith(".sock")}
    if not {"gpu.sock", "display.sock", "keyboard.sock"} <= wanted or wanted != there:
        sys.exit(f"{sorted(wanted)} are wanted, {sorted(there)} are there")


def main():
    unit, program = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        verify(unit, folder)
        serve(unit, program, folder)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
