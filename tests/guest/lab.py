# SPDX-License-Identifier: MIT
"""What the cases work with: a device, a guest that uses it, and two ways to see its screen.

The device is oriel-gpu, or for comparison QEMU's own (device "qemu", with 3D "qemu-gl"), which has
no oriel shot. Both are started when first needed and stay for the next case, unless one fails.
"""

import pathlib
import re
import subprocess

import machine
import picture
from process import Child, Failure, Skip, wait_for
from relay import Relay
from x_screen import XScreen

ROOT = pathlib.Path(__file__).resolve().parents[2]

SCREEN_S = 60

# Machines that differ from the ordinary one: options of oriel-gpu, properties of QEMU's device,
# and whether UEFI starts them.
HARDWARE = {
    "": ([], "", False),
    "packed": ([], ",packed=on", False),
    "two heads": (["--heads=2"], ",max_outputs=2", False),
    "uefi": ([], "", True),
    # Without QEMU's display the monitors are ours.
    "4k": (["--qemu-display=off", "--head=3840x2160@75,name=Large,serial=75"], "", False),
    # QEMU's generic device, beside which QEMU knows nothing of what ours offers. Packed rings are
    # ours to offer there, whatever QEMU is told: to have split ones, that offer is hidden from it.
    "generic": ([], ",packed=on", False),
    "generic, split": ([], ",packed=off", False),
    "8k": (["--qemu-display=off", "--head=7680x4320,dpi=200"], "", False),
    # A keyboard and a tablet, on sockets of their own.
    "input": ([], "", False),
    # A renderer that needs no GPU.
    "3d": (["--renderer=software"], "", False),
    # One that is not waited for as long as otherwise, and one that is waited for longer.
    "3d, impatient": (["--renderer=software", "--render-timeout=5"], "", False),
    "3d, patient": (["--renderer=software", "--render-timeout=600", "--fence-timeout=600"], "",
                    False),
}

# The preferred mode of a guest whose monitors nobody has described.
WIDTH, HEIGHT = 1280, 800

# Where Debian has UEFI firmware that starts a kernel given to QEMU.
FIRMWARE = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"]
RING_PACKED = 1 << 34
LISTENING = "00010000"  # /proc/net/unix: __SO_ACCEPTCON


def find_children(parent):
    """The pids of a process's children that have not ended."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has ended meanwhile
        if int(ppid) == parent and state != "Z":
            found.append(int(path.parent.name))
    return found


def in_guest(name):
    """What a file is called there: a library by the name that programs look for."""
    return re.sub(r"(\.so\.\d+\.\d+)\.\d+$", r"\1", name)


class Lab:
    def __init__(self, options, image, accel, folder):
        self.options, self.image, self.accel = options, image, accel
        self.folder = pathlib.Path(folder)
        self.device_socket = self.folder / "gpu.sock"
        self.display_socket = self.folder / "screen.sock"
        self.case = ""
        self.n_started = 0
        self.daemon = None
        self.machine = None
        self.x_screen = None
        self.kernel = None
        self.hardware = ""

    @property
    def is_oriel(self):
        return self.options.device == "oriel"

    @property
    def is_generic(self):
        """Whether QEMU only passes the device through: then it has no display of it."""
        return self.hardware.startswith("generic")

    def find_newer_qemu(self):
        result = subprocess.run([ROOT / "scripts/newer-qemu", "--if-cached"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if result.returncode != 0:
            raise Skip(result.stderr.strip())
        return result.stdout.strip() + "/qemu"

    def children(self):
        if self.daemon is not None:
            yield self.daemon
        if self.machine is not None:
            yield self.machine.child
        if self.x_screen is not None:
            yield self.x_screen.child

    # Starting and ending.

    def start_daemon(self):
        command = [self.options.oriel_gpu, f"--socket-path={self.device_socket}",
                   f"--display-socket={self.display_socket}"] + HARDWARE[self.hardware][0]
        sockets = [self.device_socket, self.display_socket]
        if self.hardware == "input":
            command += [f"--{kind}-socket={path}" for kind, path in self.input_sockets()]
            sockets += [path for _, path in self.input_sockets()]
        self.n_started += 1
        self.daemon = Child("oriel-gpu", command, self.folder / f"oriel-gpu-{self.n_started}.log")

        def listens():
            lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
            for path in sockets:
                if not any(line.endswith(str(path)) and LISTENING in line for line in lines):
                    return f"nobody listens at {path}"
            return None

        wait_for("oriel-gpu", 30, listens, [self.daemon])

    def input_sockets(self):
        return [(kind, self.folder / f"{kind}.sock") for kind in ("keyboard", "tablet")]

    def input_devices(self):
        for kind, path in self.input_sockets():
            yield from ("-chardev", f"socket,id={kind}_socket,path={path}",
                        "-device", f"vhost-user-input-pci,id={kind},chardev={kind}_socket")

    def boot(self, kernel):
        """A new guest that is up, on the device that is there."""
        self.start_machine(kernel)
        self.machine.boot()

    def programs(self):
        """What the guest gets beside its system."""
        return {"init": self.options.agent,
                **{in_guest(path.name): path for path in self.options.add}}

    def window(self):
        """What shows QEMU's display: its option, and environment variables."""
        if self.options.device != "qemu-gl":
            return "none", {}
        if self.x_screen is None:
            self.n_started += 1
            self.x_screen = XScreen(self.folder / f"x-{self.n_started}", WIDTH, HEIGHT)
        return "sdl,gl=on", self.x_screen.env()

    def start_machine(self, kernel):
        """A new guest, on the device that is there."""
        if self.is_oriel and self.daemon is None:
            self.start_daemon()
        _, properties, is_uefi = HARDWARE[self.hardware]
        kind = "virtio-gpu-gl-pci" if self.options.device == "qemu-gl" else "virtio-gpu-pci"
        device = ["-device", f"{kind},id=gpu{properties}"]
        if self.is_oriel:
            device = ["-chardev", f"socket,id=gpu_socket,path={self.device_socket}",
                      "-device", f"vhost-user-gpu-pci,id=gpu,chardev=gpu_socket{properties}"]
        qemu = self.options.qemu
        if self.is_generic:
            qemu = self.find_newer_qemu()
            device = ["-chardev", f"socket,id=gpu_socket,path={self.generic_socket()}",
                      "-device", "vhost-user-test-device-pci,id=gpu,chardev=gpu_socket,"
                      f"virtio-id=16,num_vqs=2,vq_size=256,config_size=20{properties}"]
        if self.hardware == "input":
            device += self.input_devices()
        firmware = []
        if is_uefi:
            code = next((path for path in FIRMWARE if pathlib.Path(path).exists()), None)
            if code is None:
                raise Failure("there is no UEFI firmware (package ovmf)")
            firmware = ["-drive", f"if=pflash,format=raw,readonly=on,file={code}"]
        display, env = self.window()
        self.n_started += 1
        self.machine = machine.Machine(qemu, self.accel, self.image, kernel, self.programs(),
                                       self.folder / f"machine-{self.n_started}", device, firmware,
                                       display, env)
        self.kernel = kernel

    def generic_socket(self):
        """Where QEMU's generic device finds ours."""
        if self.hardware != "generic, split":
            return self.device_socket
        path = self.folder / f"relay-{self.n_started}.sock"
        Relay(path, self.device_socket, RING_PACKED)
        return path

    def guest(self, kernel="", hardware=""):
        """The agent of a guest with this kernel that is up, its GPU in nobody's hands."""
        self.have(hardware)
        if self.kernel != kernel:
            self.discard_machine()
        if self.machine is None:
            self.boot(kernel)
        self.machine.agent.ask("close")
        return self.machine.agent

    def have(self, hardware):
        """Other hardware needs another machine, and with other options another device."""
        if hardware != self.hardware:
            self.discard_machine()
            is_other = HARDWARE[hardware][0] != HARDWARE[self.hardware][0]
            if (is_other or "input" in (hardware, self.hardware)) and self.daemon is not None:
                self.daemon.kill()
                self.daemon = None
            self.hardware = hardware

    def discard_machine(self):
        if self.machine is not None:
            self.machine.kill()
            self.machine = None
        if self.x_screen is not None:
            self.x_screen.kill()
            self.x_screen = None

    def discard(self):
        self.discard_machine()
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon = None

    def count_losses(self):
        """How often oriel-gpu has lost its renderer, as its log says."""
        return self.daemon.text().count("3D is lost") if self.daemon is not None else 0

    def find_renderer(self):
        """The pid of oriel-gpu's oriel-render, which is its grandchild; None: none runs."""
        for supervisor in find_children(self.daemon.process.pid):
            for pid in find_children(supervisor):
                return pid
        return None

    def tails(self):
        texts = [self.machine.tail()] if self.machine is not None else []
        texts += [self.daemon.tail()] if self.daemon is not None else []
        return "\n".join(texts)

    def resize(self, size):
        """Run oriel size, which must succeed."""
        subprocess.run([self.options.oriel, "size", f"--socket={self.display_socket}", size],
                       stdin=subprocess.DEVNULL, timeout=60, check=True)

    # Typing.

    def start_oriel(self, command, *args):
        return subprocess.Popen(
            [self.options.oriel, command, f"--socket={self.display_socket}", *args], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def finish_oriel(self, process, status=0):
        said, _ = process.communicate(timeout=120)
        if process.returncode != status:
            raise Failure(f"{process.args[1:]}: exit status {process.returncode}, not {status}: "
                          f"{said}")

    def oriel(self, command, *args, status=0):
        """Run oriel key, type or pointer."""
        self.finish_oriel(self.start_oriel(command, *args), status)

    # Looking at the screen.

    def run_shot(self, *more):
        """Run oriel shot: exit status, the PNG, and what it says."""
        result = subprocess.run(
            [self.options.oriel, "shot", f"--socket={self.display_socket}", "--timeout=30", *more,
             "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=60, check=False)
        return result.returncode, result.stdout, result.stderr.decode(errors="replace")

    def shot(self, *more):
        """The screen as oriel shot sees it: a Picture, or why there is none."""
        status, png, text = self.run_shot(*more)
        return picture.read_png(png) if status == 0 else f"exit status {status}: {text.strip()}"

    def screendump(self, head=0):
        if self.x_screen is not None:
            return self.x_screen.picture()
        try:
            return self.machine.screendump(head)
        except machine.QmpError as error:
            return f"QMP: {error}"

    def save(self, name, pixels):
        path = self.options.out / f"{self.case}-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.write_png(pixels))
        return path

    def expect(self, name, look, expected):
        """Look until the screen is the expected picture; save both if it never is."""
        seen = None

        def differs():
            nonlocal seen
            seen = look()
            return seen if isinstance(seen, str) else None if seen == expected else "differs"

        try:
            wait_for(name, SCREEN_S, differs, self.children())
        except Failure:
            if isinstance(seen, picture.Picture):
                paths = self.save(f"{name}-seen", seen), self.save(f"{name}-expected", expected)
                raise Failure(f"{name}: {seen.differences(expected)}\n"
                              f"  seen: {paths[0]}\n  expected: {paths[1]}") from None
            raise
        if self.options.keep_pictures:
            self.save(name, seen)

    def expect_screen(self, name, expected, shown=None, head=0):
        """QEMU's display has the picture, oriel shot too, and the cursor (shown) only if asked."""
        if self.is_oriel:
            scanout = f"--scanout={head}"
            self.expect(f"{name}-shot", lambda: self.shot(scanout), expected)
            if shown is not None:
                self.expect(f"{name}-cursor", lambda: self.shot(scanout, "--cursor"), shown)
        if not self.is_generic:
            self.expect(f"{name}-screendump", lambda: self.screendump(head), expected)

    def expect_off(self, name, head=0):
        """oriel shot says in one line, with exit status 1, that the screen is off."""
        def is_on():
            status, png, text = self.run_shot(f"--scanout={head}")
            if status == 0:
                return "oriel shot still makes a picture"
            if status != 1 or png != b"" or len(text.splitlines()) != 1 or "off" not in text:
                raise Failure(f"{name}: oriel shot has exit status {status}, {len(png)} bytes, "
                              f"and says: {text!r}")
            return None

        wait_for(name, SCREEN_S, is_on, self.children())
