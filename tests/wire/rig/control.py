# SPDX-License-Identifier: MIT
"""A client of the control socket: docs/control-socket.md."""

import json

from . import wait


class Refused(AssertionError):
    """The daemon answered with an error."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['text']}")
        self.code = error["code"]
        self.text = error["text"]


class Control:
    """Connects to a daemon that was started with control=True."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.sock = daemon.connect_to(daemon.control_path)
        self.data = b""

    def close(self):
        self.sock.close()

    def send(self, data):
        """Raw bytes."""
        self.sock.sendall(data)

    def line(self, seconds=None):
        """The next line without its newline; None at the end."""
        while b"\n" not in self.data:
            wait.wait_fd(self.sock.fileno(), "a line on the control socket", self.daemon,
                         seconds=seconds)
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                if self.data:
                    raise AssertionError(f"half a line: {self.data!r}")
                return None
            self.data += data
        line, _, self.data = self.data.partition(b"\n")
        return line

    def reply(self, seconds=None):
        """The next line, which must be a reply in form."""
        line = self.line(seconds)
        if line is None:
            raise AssertionError("the daemon closed the control socket")
        reply = json.loads(line)
        if set(reply) not in ({"id", "ok"}, {"id", "error"}):
            raise AssertionError(f"a reply has {sorted(reply)}")
        if "error" in reply and set(reply["error"]) != {"code", "text"}:
            raise AssertionError(f"an error has {sorted(reply['error'])}")
        return reply

    def is_closed(self, seconds=None):
        """Wait for the end."""
        while self.line(seconds) is not None:
            pass
        return True

    def ask(self, do, **fields):
        """A request, and what comes under "ok"."""
        self.send(json.dumps({"do": do, "id": 17, **fields}).encode() + b"\n")
        reply = self.reply()
        if reply["id"] != 17:
            raise AssertionError(f"the reply's id is {reply['id']}")
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["ok"]

    def status(self):
        return self.ask("status")


def row(rows, **match):
    """The one row of an array with these fields."""
    found = [r for r in rows if all(r[k] == v for k, v in match.items())]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} rows with {match}")
    return found[0]


def count(status, name):
    """How many commands of this name came, and how many of them with an error."""
    found = [r for r in status["commands"] if r["name"] == name]
    return (found[0]["count"], found[0]["errors"]) if found else (0, 0)
