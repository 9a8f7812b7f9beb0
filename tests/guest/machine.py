# SPDX-License-Identifier: MIT
"""A virtual machine: QEMU, what one can ask it (QMP), and the agent in its guest."""

import io
import json
import os
import pathlib
import select
import socket
import subprocess
import tarfile
import time

import picture
from process import Child, Failure

BOOT_S = 240     # TCG on a machine that has other work
ANSWER_S = 120
MEMORY = "1024M"


class Lines:
    """A stream socket that carries lines."""

    def __init__(self, name, sock):
        self.name, self.sock, self.data = name, sock, b""

    def send(self, line):
        try:
            self.sock.sendall(line.encode() + b"\n")
        except OSError as error:
            raise Failure(f"{self.name}: {error}") from error

    def receive(self, deadline_s):
        end = time.monotonic() + deadline_s
        while b"\n" not in self.data:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise Failure(f"{self.name}: no answer within {deadline_s} s")
            try:
                data = self.sock.recv(65536)
            except OSError as error:
                raise Failure(f"{self.name}: {error}") from error
            if data == b"":
                raise Failure(f"{self.name}: the connection was closed")
            self.data += data
        line, _, self.data = self.data.partition(b"\n")
        return line.decode(errors="replace")


class QmpError(Exception):
    pass


class Qmp:
    def __init__(self, sock):
        self.lines = Lines("QMP", sock)
        self.n_asked = 0

    def start(self):
        self.lines.receive(ANSWER_S)
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.n_asked += 1
        self.lines.send(json.dumps({"execute": command, "arguments": arguments,
                                    "id": self.n_asked}))
        while True:
            answer = json.loads(self.lines.receive(ANSWER_S))
            if answer.get("id") != self.n_asked:
                continue  # an event
            if "error" in answer:
                raise QmpError(answer["error"]["desc"])
            return answer["return"]


class Agent:
    """The program in the guest: see agent.c."""

    def __init__(self, sock):
        self.lines = Lines("the guest's agent", sock)
        self.n_asked = 0

    def wait_ready(self):
        """The guest is up: after a start, or again after a reboot."""
        end = time.monotonic() + BOOT_S
        # UEFI writes to every serial port that it finds, without ending its line.
        while not self.lines.receive(max(1, end - time.monotonic())).strip().endswith("ready"):
            pass

    def send(self, *words):
        self.n_asked += 1
        self.lines.send(" ".join(str(word) for word in (self.n_asked, *words)))

    def ask(self, *words, deadline_s=ANSWER_S):
        """Have something done: the words of the answer."""
        self.send(*words)
        while True:
            line = self.lines.receive(deadline_s)
            if line.strip() == "ready":
                raise Failure(f"the guest rebooted by itself during: {words}")
            token, _, rest = line.partition(" ")
            if token == str(self.n_asked):
                break
        verdict, _, rest = rest.partition(" ")
        if verdict != "ok":
            raise Failure(f"the guest cannot do {words}: {rest}")
        return rest.split()

    def shell(self, command):
        """Run a command that must succeed: what it printed."""
        status, *output = self.ask("sh", command + " 2>&1")
        text = bytes.fromhex("".join(output)).decode(errors="replace")
        if status != "0":
            raise Failure(f"in the guest, {command!r} ends with status {status}: {text}")
        return text

    def write(self, path, text):
        """Write a text to a file of the guest."""
        self.ask("write", path, text.encode().hex())


def kvm_works(qemu, image):
    """Whether the guest's kernel really runs under KVM here: /dev/kvm may be there and not work.

    Without a disk our initramfs switches the machine off.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    command = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
               "-accel", "kvm", "-cpu", "max", "-m", "512M", "-machine", "q35",
               "-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initramfs.img"),
               "-append", "console=ttyS0 panic=-1", "-serial", "stdio"]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0 and b"Power down" in result.stdout


def pack_programs(path, programs):
    """The guest's second disk: a tar archive of programs, one of them init."""
    with tarfile.open(path, "w") as archive:
        for name, source in programs.items():
            data = pathlib.Path(source).read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))


class Machine:
    """A booted guest. device is QEMU's -device for the GPU, its id is "gpu".

    kernel is "" or "-old": see scripts/guest-image. programs are files for /run/oriel of the guest,
    by name, one of them init. firmware: QEMU's, or a list of options. env: what its window needs.
    """

    def __init__(self, qemu, accel, image, kernel, programs, folder, device, firmware=(),
                 display="none", env=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        pack_programs(self.folder / "programs.tar", programs)
        qmp, qmp_theirs = socket.socketpair()
        port, port_theirs = socket.socketpair()
        self.qmp, self.agent = Qmp(qmp), Agent(port)
        self.console = self.folder / "console.log"
        command = [
            qemu, "-nodefaults", "-no-user-config", "-display", display, "-vga", "none",
            "-accel", accel, "-cpu", "max", "-smp", "2", "-m", MEMORY,
            "-object", f"memory-backend-memfd,id=ram,size={MEMORY},share=on",
            "-machine", "q35,memory-backend=ram",
            "-kernel", f"{image}/vmlinuz{kernel}", "-initrd", f"{image}/initramfs{kernel}.img",
            "-append", "console=ttyS0 quiet panic=-1 printk.time=0 iomem=relaxed",
            "-drive", f"file={image}/root.img,format=raw,if=virtio,index=0,snapshot=on",
            "-drive", f"file={self.folder}/programs.tar,format=raw,if=virtio,index=1,readonly=on",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=agent,fd={port_theirs.fileno()}", "-serial", "chardev:agent",
            "-chardev", f"socket,id=qmp,fd={qmp_theirs.fileno()}",
            "-mon", "chardev=qmp,mode=control",
        ] + device + list(firmware)
        # The snapshot's temporary file goes where ours are.
        env = dict(os.environ, TMPDIR=str(self.folder), **dict(env))
        self.child = Child("QEMU", command, self.folder / "qemu.log",
                           pass_fds=[qmp_theirs.fileno(), port_theirs.fileno()], env=env)
        qmp_theirs.close()
        port_theirs.close()

    def boot(self):
        self.qmp.start()
        self.agent.wait_ready()

    def screendump(self, head=0):
        """What QEMU's own display has: a Picture, without the cursor."""
        path = self.folder / "screendump.ppm"
        self.qmp.ask("screendump", filename=str(path), device="gpu", head=head)
        return picture.read_ppm(path.read_bytes())

    def tail(self):
        lines = []
        if self.console.exists():
            lines = self.console.read_text(errors="replace").splitlines()[-25:]
        return "\n".join(["--- the guest's console, last lines:"] + lines + [self.child.tail()])

    def kill(self):
        self.child.kill()
        self.qmp.lines.sock.close()
        self.agent.lines.sock.close()
