# SPDX-License-Identifier: MIT
"""The program under test: started with wanted arguments, watched, and ended.

ORIEL_GPU in the environment is its path. Standard error goes to a memfd, so that a daemon which
says too much is never held up by us, and so that it can be read at any time.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

from . import wait

PROGRAM = os.environ.get("ORIEL_GPU", "oriel-gpu")

# AddressSanitizer keeps freed memory for long. That would look like a leak to those who count.
SANITIZER = "quarantine_size_mb=2:malloc_context_size=8"

REPORTS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer")


class Daemon:
    """One running oriel-gpu. `main` is our end of --fd's socket, or None with --socket-path."""

    def __init__(self, *options, by_path=False, viewers=True, control=False):
        self.folder = tempfile.mkdtemp(prefix="oriel-")
        self.socket_path = os.path.join(self.folder, "gpu.sock") if by_path else None
        self.display_path = os.path.join(self.folder, "screen.sock") if viewers else None
        self.control_path = os.path.join(self.folder, "control.sock") if control else None
        self.main = None
        self.judged = False
        self.stderr = os.memfd_create("stderr", os.MFD_CLOEXEC)
        try:
            self.process = self.start(list(options))
        except OSError:
            shutil.rmtree(self.folder)
            raise
        self.pidfd = os.pidfd_open(self.process.pid)

    def start(self, options):
        command = [PROGRAM]
        theirs = None
        if self.socket_path is not None:
            command.append(f"--socket-path={self.socket_path}")
        else:
            self.main, theirs = socket.socketpair()
            command.append(f"--fd={theirs.fileno()}")
        if self.display_path is not None:
            command.append(f"--display-socket={self.display_path}")
        if self.control_path is not None:
            command.append(f"--control-socket={self.control_path}")
        passed = [theirs.fileno()] if theirs is not None else []
        try:
            return subprocess.Popen(command + options, pass_fds=passed, stderr=self.stderr,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    env=environment())
        finally:
            if theirs is not None:
                theirs.close()

    def connect(self):
        """Connect to --socket-path as a VMM does; waits until the socket is there."""
        return self.connect_to(self.socket_path)

    def path(self, name):
        """A path for another socket of its own."""
        return os.path.join(self.folder, name)

    def connect_to(self, path):
        def attempt():
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(path)
                return sock
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
                sock.close()
                return None
        return wait.wait_until(attempt, f"connecting to {os.path.basename(path)}", self)

    def stderr_text(self):
        size = os.fstat(self.stderr).st_size
        return os.pread(self.stderr, size, 0).decode(errors="replace")

    def stderr_lines(self):
        return self.stderr_text().splitlines()

    def stderr_tail(self):
        return "\n".join(self.stderr_lines()[-60:])

    def status_field(self, name):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        raise AssertionError(f"no {name} in /proc/PID/status")

    def resident_kib(self):
        """Memory of the daemon alone: guest memory, which it shares, is not counted."""
        return self.status_field("RssAnon")

    def shared_kib(self):
        """Resident memory of files that are memfds or shared, guest memory included."""
        return self.status_field("RssShmem")

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def fd_targets(self):
        folder = f"/proc/{self.process.pid}/fd"
        return sorted(os.readlink(os.path.join(folder, name)) for name in os.listdir(folder))

    def watches(self, target):
        """Whether its loop waits for the file that /proc shows as target, such as pipe:[5]."""
        folder = f"/proc/{self.process.pid}"
        for fd in os.listdir(f"{folder}/fd"):
            if os.readlink(f"{folder}/fd/{fd}") != "anon_inode:[eventpoll]":
                continue
            with open(f"{folder}/fdinfo/{fd}") as info:
                watched = [line.split()[1] for line in info if line.startswith("tfd:")]
            if any(os.readlink(f"{folder}/fd/{fd}") == target for fd in watched):
                return True
        return False

    def is_sanitized(self):
        with open(f"/proc/{self.process.pid}/maps") as maps:
            return any("libasan" in line for line in maps)

    def n_mappings(self, of=""):
        """Mappings, or those of files with this in their name."""
        with open(f"/proc/{self.process.pid}/maps") as maps:
            return sum(of in line for line in maps)

    def is_alive(self):
        return self.process.poll() is None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_exit(self):
        """Wait for the end; returns the exit status."""
        self.judged = True
        try:
            return self.process.wait(wait.DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise wait.TimedOut(f"the daemon does not end{wait.said(self)}") from None

    def finish(self):
        """End it, if it runs, and say what was wrong with its end, or None."""
        wrong = None
        if self.main is not None:
            self.main.close()
        if self.is_alive() and (self.socket_path is not None or self.judged):
            self.terminate()
        try:
            status = self.process.wait(wait.DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status, wrong = None, "the daemon did not end when its VMM went"
        text = self.stderr_text()
        if any(report in text for report in REPORTS):
            wrong = "a sanitizer reported something"
        elif wrong is None and status != 0 and not self.judged:
            wrong = f"the daemon's exit status is {status}"
        os.close(self.pidfd)
        self.last_words = self.stderr_tail()
        os.close(self.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)
        return wrong


def environment():
    env = dict(os.environ)
    theirs = env.get("ASAN_OPTIONS")
    env["ASAN_OPTIONS"] = f"{theirs}:{SANITIZER}" if theirs else SANITIZER
    return env
