# SPDX-License-Identifier: MIT
"""What `oriel run` starts, as fakes: oriel-gpu, oriel-vnc or QEMU, by the name it is started with.

The environment says how it behaves: FAKE_GPU, FAKE_VNC and FAKE_QEMU, each a word. What it was
started with is added to the file FAKE_LOG, one JSON list a line.
"""

import json
import os
import signal
import socket
import sys

NAME = os.path.basename(sys.argv[0])
WORDS = sys.argv[1:]


def value_of(prefix):
    return next((word[len(prefix):] for word in WORDS if word.startswith(prefix)), None)


def note():
    with open(os.environ["FAKE_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps([NAME, os.getpid(), *WORDS]) + "\n")


def crash():
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def complain(text):
    print(text, file=sys.stderr, flush=True)


def gpu(how):
    if "--help" in WORDS:
        print("--keyboard-socket --tablet-socket --control-socket" if how != "plain" else "")
        return 0
    note()
    if how == "fails":
        for i in range(20):
            complain(f"line {i}")
        complain("oriel-gpu: no memory \x1b[2J")
        return 3
    path = value_of("--socket-path=")
    if how == "silent":
        signal.pause()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        complain(f"oriel-gpu: info: waiting for a VMM at {path}")
        vmm, _ = listener.accept()
        vmm.recv(1)  # until it goes
    return 0


def vnc(how):
    note()
    if how == "fails":
        complain("oriel-vnc: no page to serve")
        return 1
    web, plain = value_of("--web="), value_of("--listen=")
    print(f"web http://{web}/#token=abc" if web else f"vnc {plain}", flush=True)
    signal.pause()
    return 0


class Monitor:
    """QEMU's end of QMP, as far as oriel run knows it."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.file = self.listener.accept()[0].makefile("rw")
        self.say({"QMP": {"version": {}}})

    def say(self, what):
        self.file.write(json.dumps(what) + "\n")
        self.file.flush()

    def commands(self):
        for line in self.file:
            yield json.loads(line)["execute"]
            self.say({"return": {}})

    def shut_down(self, reason):
        self.say({"event": "SHUTDOWN", "data": {"guest": True, "reason": reason}})


def qemu(how):
    if "--version" in WORDS:
        print("QEMU emulator version", "7.2.0" if how == "old" else "10.0.2")
        return 0
    if any("isa-debug-exit" in word for word in WORDS):
        return 0x55 if how == "kvm" else 1
    note()
    if how == "fails":
        complain("qemu: no such device")
        return 1
    if how == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    device = None
    path = next((word for word in WORDS if word.startswith("socket,id=gpu,")), None)
    if path is not None:
        device = socket.socket(socket.AF_UNIX)
        device.connect(path.partition("path=")[2].replace(",,", ","))
    monitor = Monitor(next(w for w in WORDS if w.startswith("unix:") and "qmp" in w)[5:]
                      .partition(",server")[0].replace(",,", ","))
    for command in monitor.commands():
        if command == "qmp_capabilities" and how == "crashes":
            crash()
        if command == "qmp_capabilities" and how in ("off", "signalled"):
            monitor.say({"return": {}})
            monitor.shut_down("guest-shutdown" if how == "off" else "host-signal")
            return 0
        if command == "system_powerdown" and how == "obeys":
            monitor.shut_down("guest-shutdown")
            return 0
    return 0


def main():
    kind, variable = {"oriel-gpu": (gpu, "FAKE_GPU"), "oriel-vnc": (vnc, "FAKE_VNC"),
                      "qemu": (qemu, "FAKE_QEMU")}[NAME]
    return kind(os.environ.get(variable, "obeys"))


if __name__ == "__main__":
    sys.exit(main())
