#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `oriel run --dry-run` prints, pasted into shells: the guest boots, and its screen is right.

All paths have a space and a quote in them, that of the sockets a comma, too. The guest is that of
run.py. Exit status 77, and one line: there is no QEMU, or no guest.
"""

import subprocess
import sys

import oriel_run
from process import Child, Failure, wait_for

ODD = "it's odd"
END_S = 60


class Pasted(oriel_run.Run):
    """A machine whose commands were pasted, each into a shell of its own, in their order."""

    RUNTIME = "x, y"

    def start(self, command, env):
        result = subprocess.run([*command[:2], "--dry-run", *command[2:]], env=env, check=False,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=60)
        if result.returncode != 0:
            raise Failure(f"--dry-run: exit status {result.returncode}: {result.stderr}")
        # A shell on a terminal has another environment than the one that printed it.
        env = {key: env[key] for key in ("PATH", "HOME", "TMPDIR") if key in env}
        make, *texts = result.stdout.split("\n\n")
        subprocess.run(["bash", "-c", make], cwd="/", env=env, check=True, timeout=60)
        self.shells = []
        for text in texts:
            name = text.partition(";")[0].partition("\n")[0].removeprefix("# The ")
            # A shell that has one command becomes that, so it ends with us.
            self.child = Child(name, ["bash", "-c", text],
                               self.folder / f"{name}.log", env=env)
            self.shells.append(self.child)
            self.wait_ready(name)

    def wait_ready(self, name):
        """A person sees that it is there before the next one is pasted."""
        says = {"GPU": "waiting for a VMM at", "viewer": "http://"}.get(name, "")
        wait_for(name, END_S, lambda: None if says in self.child.text() else "it says nothing",
                 [self.child])

    def url(self):
        _, viewer, _ = self.shells
        return next((line[4:] for line in viewer.text().splitlines() if line.startswith("web ")),
                    None)

    def tail(self):
        return "\n".join(shell.tail() for shell in self.shells)


def check_end(run):
    """The guest powers off: all that was pasted ends, and only the folder is left."""
    run.agent.send("sh", "echo o >/proc/sysrq-trigger")
    for shell in run.shells:
        wait_for(f"the end of the {shell.name}", END_S,
                 lambda shell=shell: "it runs" if shell.is_alive() else None)
    statuses = {shell.name: shell.process.returncode for shell in run.shells}
    left = sorted(path.name for path in run.runtime.rglob("*.sock"))
    if any(statuses[name] != 0 for name in ("GPU", "machine")) or left:
        raise Failure(f"exit statuses {statuses}, left: {left}\n{run.tail()}")


def check(options, image, parent):
    folder = parent / ODD
    folder.mkdir()
    # The guest's parts by odd names: the paths of the cache have none.
    for name in ("vmlinuz", "initramfs.img", "root.img"):
        (folder / name).symlink_to(image / name)
    run = Pasted(options.oriel, folder, folder, {"init": options.agent}, [
        f"--display={options.display}", f"--qemu={options.qemu}", "--firmware=bios"])
    oriel_run.check_screen(run)
    if options.display == "web":
        oriel_run.check_page(run)
    check_end(run)


if __name__ == "__main__":
    sys.exit(oriel_run.run_check(oriel_run.parse(__doc__), check))
