#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/libvirt/domain.xml, run by libvirt's qemu:///session: a guest draws, and its screen is right.

libvirt finds oriel-gpu by a descriptor and starts it; the screen is looked at with virsh and with
oriel shot. The sample is taken as it is, but for how it boots: the kernel and the modules of the
guest of run.py, and no disk. Root has no session with libvirt, so for root another user runs it.
Exit status 77, and one line: there is no libvirt, no QEMU, or no guest.
"""

import argparse
import gzip
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import machine
import picture
from cases import show_new
from process import Failure, wait_for
from run import ROOT, SKIPPED, find_image

sys.path.insert(0, str(ROOT / "scripts/lib"))
import guest  # noqa: E402

NOBODY = 65534
SCREEN_S = 60
# The agent is all of this guest.
INIT = """#!/bin/busybox sh
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
for module in $(busybox cat /modules/order); do busybox insmod /modules/$module; done
exec /agent
"""


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the program of the guest, built statically")
    parser.add_argument("--oriel-gpu", required=True, type=pathlib.Path)
    parser.add_argument("--oriel", required=True)
    parser.add_argument("--image", type=pathlib.Path, help="folder of the guest")
    parser.add_argument("--qemu", default="/usr/bin/qemu-system-x86_64")
    return parser.parse_args()


class Session:
    """A user's libvirt, of which all files are in a folder."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("run", "home/.config/qemu/vhost-user"):
            (folder / name).mkdir(parents=True)
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "HOME": f"{folder}/home", "XDG_RUNTIME_DIR": f"{folder}/run", "LC_ALL": "C"}
        self.daemon = None

    def give_away(self):
        """Have all files, in a folder that root made, be those of the user who runs it."""
        (self.folder / "run").chmod(0o700)
        if os.getuid() == 0:
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)

    def command(self, *words):
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        return {"args": words, "env": self.env, "cwd": self.folder, "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **user}

    def virsh(self, *words):
        result = subprocess.run(**self.command("virsh", "-q", "-c", "qemu:///session", *words),
                                timeout=120, check=False)
        if result.returncode != 0:
            raise Failure(f"virsh {words[0]}: {result.stdout.strip()}\n{self.tail()}")
        return result.stdout

    def tail(self):
        logs = sorted(self.folder.glob("home/.cache/libvirt/qemu/log/*.log"))
        return logs[-1].read_text(errors="replace")[-3000:] if logs else ""

    def end(self):
        """End the domain, and then libvirt's daemons, which would otherwise wait for more."""
        subprocess.run(**self.command("virsh", "-c", "qemu:///session", "destroy", "oriel"),
                       timeout=120, check=False)
        for path in (self.folder / "run/libvirt").glob("*.pid"):
            try:
                os.kill(int(path.read_text()), signal.SIGTERM)
            except (OSError, ValueError):
                pass  # it has ended by itself


def make_domain(folder, options):
    """The sample, with a kernel instead of a disk, and a serial port for the agent."""
    tree = xml.etree.ElementTree.parse(ROOT / "docs/libvirt/domain.xml")
    domain = tree.getroot()
    domain.set("type", "qemu")
    domain.find("memory").text = "1"
    boot, devices = domain.find("os"), domain.find("devices")
    devices.remove(devices.find("disk"))
    for name, text in (("kernel", f"{folder}/vmlinuz"), ("initrd", f"{folder}/initramfs.img"),
                       ("cmdline", "console=ttyS0 quiet panic=-1 printk.time=0")):
        xml.etree.ElementTree.SubElement(boot, name).text = text
    xml.etree.ElementTree.SubElement(devices, "emulator").text = options.qemu
    for port, source in enumerate(({"path": f"{folder}/console.log"},
                                   {"mode": "connect", "path": f"{folder}/agent.sock"})):
        serial = xml.etree.ElementTree.SubElement(devices, "serial",
                                                  type="file" if port == 0 else "unix")
        xml.etree.ElementTree.SubElement(serial, "source", **source)
        xml.etree.ElementTree.SubElement(serial, "target", port=str(port))
    tree.write(folder / "domain.xml")


def make_guest(folder, options, image):
    archive = guest.Cpio()
    archive.add("init", 0o100755, INIT.encode())
    archive.add("agent", 0o100755, pathlib.Path(options.agent).read_bytes())
    # The kernel unpacks one archive over the other.
    data = (image / "initramfs.img").read_bytes() + gzip.compress(archive.end(), 1)
    (folder / "initramfs.img").write_bytes(data)
    shutil.copy(image / "vmlinuz", folder / "vmlinuz")


def copy_program(folder, options):
    """oriel-gpu where that other user can read it, with what it needs, as it lies in a build."""
    build = options.oriel_gpu.resolve().parents[2]
    for pattern in ("programs/oriel-gpu/oriel-gpu", "programs/oriel-render/oriel-render",
                    "src/library/*.so*"):
        for path in build.glob(pattern):
            copy = folder / path.relative_to(build)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                shutil.copy(path, copy)
    return folder / options.oriel_gpu.resolve().relative_to(build)


def make_descriptor(folder, options):
    """As docs/libvirt.md has it for who wants viewers too: a script that adds the display socket."""
    program = folder / "gpu"
    program.write_text(f'#!/bin/sh\nexec {copy_program(folder, options)} '
                       f'--display-socket={folder}/display.sock "$@"\n')
    program.chmod(0o755)
    descriptor = {"description": "Oriel", "type": "gpu", "binary": str(program)}
    (folder / "home/.config/qemu/vhost-user/50-oriel-gpu.json").write_text(json.dumps(descriptor))


def screenshot(session):
    path = session.folder / "screenshot"
    session.virsh("screenshot", "oriel", str(path))
    data = path.read_bytes()
    return picture.read_png(data) if data.startswith(b"\x89PNG") else picture.read_ppm(data)


def shot(session, options):
    result = subprocess.run([options.oriel, "shot", f"--socket={session.folder}/display.sock", "-"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=60, check=False)
    return picture.read_png(result.stdout) if result.returncode == 0 else result.stderr.decode()


def check(session, options, image):
    folder = session.folder
    make_guest(folder, options, image)
    make_descriptor(folder, options)
    make_domain(folder, options)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/agent.sock")
        listener.listen()
        listener.settimeout(machine.BOOT_S)
        session.give_away()
        session.virsh("create", f"{folder}/domain.xml")
        agent = machine.Agent(listener.accept()[0])
    try:
        agent.wait_ready()
    except Failure as failure:
        raise Failure(f"{failure}\n{session.tail()}") from failure
    agent.ask("open")
    expected = show_new(agent, 1)
    for name, look in (("oriel shot", lambda: shot(session, options)),
                       ("virsh screenshot", lambda: screenshot(session))):
        def differs(look=look):
            seen = look()
            if not isinstance(seen, picture.Picture):
                return seen
            return None if seen == expected else seen.differences(expected)

        wait_for(name, SCREEN_S, differs)
    session.virsh("destroy", "oriel")

    def lives():
        return "oriel-gpu is there" if (folder / "display.sock").exists() else None

    wait_for("the end of oriel-gpu", SCREEN_S, lives)


def main():
    options = parse()
    for program in ("virsh", "libvirtd", options.qemu):
        if shutil.which(program, path="/usr/sbin:" + os.environ["PATH"]) is None:
            print(f"SKIP: {program} is not installed")
            return SKIPPED
    image, reason = find_image(options)
    if image is None:
        print(f"SKIP: {reason}")
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="oriel-lv-", ignore_cleanup_errors=True) as folder:
        session = Session(pathlib.Path(folder))
        try:
            check(session, options, image)
        except (Failure, TimeoutError) as failure:
            print(f"failed: {failure}\n{session.tail()}")
            return 1
        finally:
            session.end()
    print("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
