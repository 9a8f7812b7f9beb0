#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The control socket (docs/control-socket.md): what it says is what happened, and no client of it
holds anything up."""

import json
import os
import select
import socket
import stat
import subprocess

from rig import case, gpu, picture, wait
from rig.control import Control, Refused, count, row
from rig.gpu import Rect, fenced
from rig.vm import ALL_PACKED

ORIEL = os.environ.get("ORIEL", "oriel")
LINE = 65536
HELLO = b'{"do":"hello"}\n'
STATUS = b'{"do":"status"}\n'


class ControlTest(case.WireTest):
    def begin(self, *options, **kinds):
        """A machine with a guest, and a client."""
        daemon = self.daemon(*options, by_path=True, control=True)
        machine = self.machine(daemon=daemon, **kinds)
        return machine, self.client(daemon)

    def client(self, daemon):
        client = Control(daemon)
        self.addCleanup(client.close)
        return client


class Talk(ControlTest):
    def test_hello(self):
        """Who answers, what it can do, and its limits."""
        daemon = self.daemon(by_path=True, control=True)
        hello = self.client(daemon).ask("hello")
        self.assertEqual((hello["protocol"], hello["program"]), (1, "oriel-gpu"))
        self.assertEqual(hello["pid"], daemon.process.pid)
        self.assertEqual(set(hello["requests"]),
                         {"hello", "status", "display", "set-display", "log-level"})
        self.assertEqual((hello["limits"]["line_bytes"], hello["limits"]["clients"]), (LINE, 16))

    def test_mode(self):
        """The socket is for this user, and goes with the daemon."""
        daemon = self.daemon(by_path=True, control=True)
        self.client(daemon)
        self.assertEqual(stat.S_IMODE(os.stat(daemon.control_path).st_mode), 0o600)
        daemon.terminate()
        self.expect_exit(daemon)
        self.assertFalse(os.path.exists(daemon.control_path))

    def test_ids_come_back(self):
        """Whatever the id is."""
        client = self.client(self.daemon(by_path=True, control=True))
        for id_ in (None, 0, -5, 2**63 - 1, 2**64 - 2, 1.5, "", "\u00e9\n\u0000", [1, {"a": []}],
                    True):
            client.send(json.dumps({"do": "log-level", "id": id_}).encode() + b"\n")
            self.assertEqual(client.reply(), {"id": id_, "ok": {"level": "info"}})
        client.send(b'{"do":"log-level","unknown":{"a":1}}\r\n')
        self.assertEqual(client.reply()["id"], None)

    def test_order(self):
        """Many requests in one write are answered one by one, in order."""
        client = self.client(self.daemon(by_path=True, control=True))
        lines = [{"do": do, "id": i}
                 for i, do in enumerate(["status", "hello", "nothing", "display"] * 50)]
        client.send(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        for line in lines:
            reply = client.reply()
            self.assertEqual(reply["id"], line["id"])
            self.assertEqual("error" in reply, line["do"] == "nothing")

    def test_in_pieces(self):
        """A line may come byte by byte; the connection may be half closed behind it."""
        client = self.client(self.daemon(by_path=True, control=True))
        for i in range(len(HELLO)):
            client.send(HELLO[i:i + 1])
        self.assertIn("ok", client.reply())
        client.send(HELLO + STATUS + b'{"do":')
        client.sock.shutdown(socket.SHUT_WR)
        self.assertIn("requests", client.reply()["ok"])
        self.assertIn("features", client.reply()["ok"])
        self.assertEqual(client.line(), None)

    def test_log_level(self):
        """It is changed while the daemon runs."""
        machine, client = self.begin()
        machine.guest.unref(99, gpu.ERR_INVALID_RESOURCE_ID)
        wait.wait_until(lambda: "there is no resource 99" in machine.daemon.stderr_text(),
                        "a warning", machine.daemon)
        self.assertEqual(client.ask("log-level", level="error"), {"level": "error"})
        machine.guest.unref(98, gpu.ERR_INVALID_RESOURCE_ID)
        self.assertEqual(client.ask("log-level", level="warn"), {"level": "warn"})
        machine.guest.unref(97, gpu.ERR_INVALID_RESOURCE_ID)
        wait.wait_until(lambda: "there is no resource 97" in machine.daemon.stderr_text(),
                        "a warning", machine.daemon)
        self.assertNotIn("resource 98", machine.daemon.stderr_text())
        for level in ("loud", 3, [], True):
            with self.assertRaises(Refused) as caught:
                client.ask("log-level", level=level)
            self.assertEqual(caught.exception.code, "invalid")
        self.assertEqual(client.status()["log_level"], "warn")


class Status(ControlTest):
    def test_before_a_guest(self):
        """Nobody is there: nothing is counted, and every feature says why it is off."""
        daemon = self.daemon("--max-resources=off", by_path=True, control=True)
        status = self.client(daemon).status()
        self.assertEqual(status["vmm"]["connected"], False)
        self.assertEqual(status["vmm"]["pid"], None)
        self.assertEqual(status["commands"], [])
        self.assertEqual(status["limits"]["resources"], {"used": 0, "peak": 0, "limit": None})
        reasons = {f["name"]: f["reason"] for f in status["features"]}
        self.assertEqual(reasons["VIRTIO_GPU_F_EDID"], "no-driver")
        self.assertEqual(reasons["VIRTIO_GPU_F_VIRGL"], "no-renderer")
        self.assertEqual(status["renderer"], None)
        self.assertEqual(status["process"]["pid"], daemon.process.pid)
        self.assertEqual(status["process"]["program"], "oriel-gpu")

    def test_vmm(self):
        """Who it is, what it shares, and what its guest took."""
        machine, client = self.begin()
        machine.guest.display_info()
        status = client.status()
        self.assertTrue(status["vmm"]["connected"] and status["vmm"]["driver"])
        self.assertEqual(status["vmm"]["pid"], os.getpid())
        with open("/proc/self/comm") as comm:
            self.assertEqual(status["vmm"]["program"], comm.read().strip())
        regions = machine.vm.memory.regions
        self.assertEqual(status["vmm"]["memory_regions"], len(regions))
        self.assertEqual(status["vmm"]["guest_memory_bytes"], sum(r.size for r in regions))
        features = {f["name"]: (f["offered"], f["on"], f["reason"]) for f in status["features"]}
        self.assertEqual(features["VIRTIO_GPU_F_EDID"], (True, True, "on"))
        self.assertEqual(features["VIRTIO_GPU_F_RESOURCE_BLOB"], (True, False, "declined"))
        self.assertEqual(features["VIRTIO_F_RING_PACKED"][1], ALL_PACKED)
        machine.vm.close()
        wait.wait_until(lambda: not client.status()["vmm"]["connected"], "the VMM's end",
                        machine.daemon)
        status = client.status()
        self.assertEqual((status["vmm"]["memory_regions"], status["vmm"]["driver"]), (0, False))
        self.assertEqual(status["vmm"]["resets"], 1)

    def test_commands(self):
        """Each type and each error is counted as often as it came."""
        machine, client = self.begin()
        guest = machine.guest
        for i in range(7):
            guest.create(1 + i, 8, 8)
        guest.create(1, 8, 8, expect=gpu.ERR_INVALID_RESOURCE_ID)
        guest.create(8, 8, 8, 999, expect=gpu.ERR_INVALID_PARAMETER)
        for i in range(3):
            guest.unref(1 + i)
        guest.set_scanout(16, 4, Rect(0, 0, 8, 8), gpu.ERR_INVALID_SCANOUT_ID)
        guest.run(gpu.command(0x7777), gpu.ERR_UNSPEC)
        guest.move_cursor(0, 1, 1)
        status = client.status()
        self.assertEqual(count(status, "RESOURCE_CREATE_2D"), (9, 2))
        self.assertEqual(count(status, "RESOURCE_UNREF"), (3, 0))
        self.assertEqual(count(status, "SET_SCANOUT"), (1, 1))
        self.assertEqual(count(status, "unknown"), (1, 1))
        self.assertEqual(count(status, "MOVE_CURSOR"), (1, 0))
        self.assertEqual(status["errors"], {
            "ERR_UNSPEC": 1, "ERR_OUT_OF_MEMORY": 0, "ERR_INVALID_SCANOUT_ID": 1,
            "ERR_INVALID_RESOURCE_ID": 1, "ERR_INVALID_CONTEXT_ID": 0,
            "ERR_INVALID_PARAMETER": 1})
        resources = status["limits"]["resources"]
        self.assertEqual((resources["used"], resources["peak"]), (4, 7))
        self.assertEqual(status["limits"]["host_memory_bytes"]["used"], 4 * 8 * 8 * 4)
        self.assertEqual(status["limits"]["dimension_px"], {"largest": 8, "limit": 16384})

    def test_queues(self):
        """Requests, how many waited, and how many were taken in one turn."""
        machine, client = self.begin()
        before = row(client.status()["queues"], name="controlq")
        machine.guest.batch([gpu.get_display_info()] * 20, gpu.OK_DISPLAY_INFO,
                            gpu.DISPLAY_INFO_SIZE)
        machine.guest.move_cursor(0, 2, 2)
        status = client.status()
        control = row(status["queues"], name="controlq")
        self.assertEqual(control["requests"] - before["requests"], 20)
        self.assertTrue(control["running"] and not control["broken"])
        self.assertEqual((control["ring_size"], control["depth"]), (64, 0))
        self.assertGreaterEqual(control["peak_depth"], 1)
        self.assertLessEqual(control["turns"], control["requests"])
        self.assertEqual(row(status["queues"], name="cursorq")["requests"], 1)

    def test_frames_and_fences(self):
        """Only flushes that show something are frames; only fenced requests are fences."""
        machine, client = self.begin()
        guest = machine.guest
        guest.show(0, 1, 100, 80)
        guest.image(2, 10, 10)
        for i in range(9):
            guest.flush(1, Rect(i, i, 10, 5))
            guest.flush(2, Rect(0, 0, 10, 10))
        guest.flush(1, Rect(0, 0, 101, 80), gpu.ERR_INVALID_PARAMETER)
        for i in range(4):
            guest.display_info(fenced(i))
        status = client.status()
        frames, fences = status["frames"], status["fences"]
        self.assertEqual(frames["count"], 10)
        self.assertEqual(frames["damage_bytes"], (100 * 80 + 9 * 10 * 5) * 4)
        self.assertEqual((frames["latency_ns"]["count"], fences["latency_ns"]["count"]), (10, 4))
        for ns in (frames["latency_ns"], fences["latency_ns"]):
            self.assertTrue(0 < ns["p50"] <= ns["p90"] <= ns["p99"] <= ns["max"], ns)
        head = status["heads"][0]
        self.assertEqual((head["shown_width"], head["shown_height"], head["frames"]),
                         (100, 80, 10))

    def test_viewers(self):
        """Who watches, what it was told, and what was merged because it did not look."""
        machine, client = self.begin()
        machine.guest.show(0, 1, 64, 64)
        watcher = machine.viewer
        watcher.subscribe(1)
        start, _ = watcher.frame(0, take=False)
        for i in range(6):
            machine.guest.flush(1, Rect(i, 0, 1, 1))
        viewer = client.status()["viewers"][0]
        self.assertEqual((viewer["frames"], viewer["merged"]), (1, 5))
        self.assertEqual((viewer["heads"], viewer["behind"]), ([0], [0]))
        self.assertEqual(viewer["pid"], os.getpid())
        self.assertEqual((viewer["mapped_bytes"], viewer["held_bytes"]), (65536, 0))
        watcher.taken(0, start)
        watcher.frame(0)
        machine.guest.unref(1)
        status = client.status()
        viewer = status["viewers"][0]
        self.assertEqual((viewer["frames"], viewer["merged"]), (2, 5))
        self.assertEqual(viewer["held_bytes"], 65536)
        self.assertEqual(status["limits"]["viewer_memory_bytes"]["used"], 65536)
        self.assertEqual(status["limits"]["viewers"], {"used": 1, "peak": 1, "limit": 16})
        watcher.close()
        wait.wait_until(lambda: client.status()["viewers"] == [], "the viewer's end",
                        machine.daemon)

    def test_without_viewers(self):
        """Without a display socket there is no list of viewers."""
        daemon = self.daemon(by_path=True, control=True, viewers=False)
        self.assertEqual(self.client(daemon).status()["viewers"], None)

    def test_counts_outlive_the_guest(self):
        """A reset takes what was in use; what was counted stays."""
        machine, client = self.begin()
        machine.guest.show(0, 1, 64, 64)
        machine.vm.reboot()
        machine.guest.create(1, 8, 8)
        status = client.status()
        self.assertEqual(status["vmm"]["resets"], 1)
        self.assertEqual(count(status, "RESOURCE_CREATE_2D"), (2, 0))
        self.assertEqual(status["frames"]["count"], 1)
        self.assertEqual(status["heads"][0]["shown_width"], 0)
        self.assertEqual(status["limits"]["host_memory_bytes"],
                         {"used": 256, "peak": 64 * 64 * 4, "limit": 1 << 30})


class Display(ControlTest):
    def test_sizes(self):
        """The guest is told, and asks; what the device says is what it was told."""
        machine, client = self.begin("--heads=2", "--size=800x600")
        heads = client.ask("display")["heads"]
        self.assertEqual([(h["on"], h["x"], h["width"], h["height"]) for h in heads],
                         [(True, 0, 800, 600), (True, 800, 800, 600)])
        heads = client.ask("set-display", head=0, width=1024, height=768,
                           refresh_mhz=75000)["heads"]
        self.assertEqual((heads[0]["width"], heads[0]["refresh_mhz"]), (1024, 75000))
        told = machine.guest.display_info().heads()
        self.assertEqual((told[0][0], told[1][0]),
                         (Rect(0, 0, 1024, 768), Rect(1024, 0, 800, 600)))
        client.ask("set-display", head=1, on=False)
        self.assertEqual(machine.guest.display_info().heads()[1][1], 0)
        self.assertEqual(client.ask("display")["heads"][1]["on"], False)

    def test_refused(self):
        """What cannot be is said, and changes nothing."""
        machine, client = self.begin()
        before = client.ask("display")
        for fields, code in (
                ({}, "invalid"), ({"head": 0}, "invalid"),
                ({"head": 0, "width": 0, "height": 5}, "invalid"),
                ({"head": 0, "width": 16385, "height": 5}, "invalid"),
                ({"head": 0, "width": 640.0, "height": 480}, "invalid"),
                ({"head": "0", "width": 640, "height": 480}, "invalid"),
                ({"head": -1, "width": 640, "height": 480}, "invalid"),
                ({"head": 0, "width": 640, "height": 480, "on": 1}, "invalid"),
                ({"head": 0, "width": 640, "height": 480, "on": False}, "invalid"),
                ({"head": 0, "width": 640, "height": 480, "refresh_mhz": 0}, "invalid"),
                ({"head": 0, "width": 640, "height": 480, "refresh_mhz": 9999}, "invalid"),
                ({"head": 1, "width": 640, "height": 480}, "no-such-head"),
                ({"head": 2**32 - 1, "width": 640, "height": 480}, "no-such-head"),
                ({"head": 2**63, "width": 640, "height": 480}, "invalid")):
            with self.subTest(fields), self.assertRaises(Refused) as caught:
                client.ask("set-display", **fields)
            self.assertEqual(caught.exception.code, code, fields)
        self.assertEqual(client.ask("display"), before)
        machine.check_alive()

    def test_the_vmm_decides(self):
        """With a display of its own the VMM says how large heads are."""
        machine, client = self.begin(display=True)
        machine.guest.display_info()
        with self.assertRaises(Refused) as caught:
            client.ask("set-display", head=0, width=640, height=480)
        self.assertEqual(caught.exception.code, "not-possible")


class Hostile(ControlTest):
    def test_no_requests(self):
        """Each is answered with an error, and the next request as if nothing had been."""
        daemon = self.daemon(by_path=True, control=True)
        client = self.client(daemon)
        for line in (b"", b" ", b"\r", b"status", b"{", b"}", b"[]", b"17", b"null", b"\x00",
                     b"{}", b'{"do":null}', b'{"do":{}}', b'{"do":"status"}}', b'{"do":"\xff"}',
                     b'{"do":"status"} {"do":"status"}', b"\xff\xfe\x00", b"{'do':'status'}",
                     b"[" * 5000, b'{"a":' * 5000, b'{"do":"a","a":' + b"[" * 8 + b"]" * 8 + b"}",
                     b'{"do":"' + b"a" * 60000 + b'"}', b'{"do":"status","id":"\\ud800"',
                     b"NaN", b'"' + b"\\" * 999 + b'"'):
            client.send(line + b"\n")
            reply = client.reply()
            self.assertIn(reply["error"]["code"], ("malformed", "invalid"), line[:60])
            self.assertIn("ok", (client.send(HELLO), client.reply())[1])

    def test_longest_line(self):
        """65,536 bytes are a line; one more are the end of this client, and of no other."""
        daemon = self.daemon(by_path=True, control=True)
        other = self.client(daemon)
        client = self.client(daemon)
        line = HELLO[:-2] + b',"a":"'
        client.send(line + b"x" * (LINE - len(line) - 3) + b'"}\n')
        self.assertIn("ok", client.reply())
        client.send(b" " * LINE)
        self.assertEqual(client.reply()["error"]["code"], "too-long")
        self.assertTrue(client.is_closed())
        self.assertIn("features", other.status())

    def test_too_many(self):
        """The 17th is told so; when one goes, the next one is served."""
        daemon = self.daemon(by_path=True, control=True)
        clients = [self.client(daemon) for _ in range(16)]
        for client in clients:
            client.ask("hello")
        extra = self.client(daemon)
        self.assertEqual(extra.reply()["error"]["code"], "too-many-clients")
        self.assertTrue(extra.is_closed())
        clients[3].close()

        def is_served():
            new = self.client(daemon)
            try:
                new.send(HELLO)
                return "ok" in new.reply()
            except BrokenPipeError:
                return False
        wait.wait_until(is_served, "a client behind one that went", daemon)
        clients[0].ask("hello")

    def test_ten_thousand_connects(self):
        """They leave nothing behind, and hold nobody up."""
        machine, client = self.begin()
        client.status()
        n_fds = machine.daemon.n_fds()
        for i in range(10000):
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(machine.daemon.control_path)
                if i % 3 == 1:
                    sock.send(STATUS)
                elif i % 3 == 2:
                    sock.send(b'{"do":')
            except (BlockingIOError, BrokenPipeError):
                pass  # more than wait to be let in
            sock.close()
            if i % 1000 == 0:
                machine.guest.display_info()
        wait.wait_until(lambda: machine.daemon.n_fds() == n_fds, "descriptors", machine.daemon)
        self.assertIn("features", client.status())
        machine.check_alive()

    def test_slow_ones(self):
        """Who never reads, and who never ends a line, go in time, and cost nothing until then."""
        machine, client = self.begin()
        client.status()
        kib = machine.daemon.resident_kib()
        half = self.client(machine.daemon)
        half.send(b'{"do":')
        deaf = self.client(machine.daemon)
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sock.setblocking(False)
        n_sent = self.send_all_that_goes(deaf.sock, STATUS * 100)
        self.assertLess(n_sent, 10 << 20)
        # Meanwhile everybody else is served.
        for i in range(20):
            machine.guest.display_info()
            client.ask("hello")
        if not machine.daemon.is_sanitized():  # those keep what was freed
            self.assertLess(machine.daemon.resident_kib() - kib, 2048)
        self.assertEqual(half.reply(20)["error"]["code"], "timeout")
        self.assertTrue(half.is_closed())
        wait.wait_until(lambda: self.is_hung_up(deaf.sock), "the end of who never reads",
                        machine.daemon, 20)
        client.ask("hello")
        machine.check_alive()

    def send_all_that_goes(self, sock, data):
        """Until nothing more is taken; returns how much went. A moment too early does no harm."""
        n_sent = 0
        while select.select([], [sock], [], 0.3)[1]:
            n_sent += sock.send(data)
        return n_sent

    def is_hung_up(self, sock):
        """Without reading: that is what it never does."""
        try:
            sock.send(b"\n")
            return False
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            return True


class Command(ControlTest):
    """`oriel status`."""

    def run_status(self, *args, **environment):
        env = dict(os.environ, **environment)
        return subprocess.run([ORIEL, "status", *args], env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=30, check=False)

    def test_screen(self):
        """One screen, without colours where there is no terminal."""
        machine, _ = self.begin()
        machine.guest.show(0, 1, 100, 80, picture.noise(100, 80, 1))
        result = self.run_status("-s", machine.daemon.control_path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotIn("\033", result.stdout)
        self.assertLessEqual(max(len(line) for line in result.stdout.splitlines()), 100)
        for text in (f"oriel-gpu, pid {machine.daemon.process.pid}", f"pid {os.getpid()}",
                     "shows 100x80; 1 frame", "oriel-gpu was started without --renderer",
                     "EDID", "RESOURCE_FLUSH", "controlq", "flush to displays"):
            self.assertIn(text, result.stdout)

    def test_json(self):
        """The reply itself."""
        machine, client = self.begin()
        machine.guest.display_info()
        result = self.run_status("--json", "-s", machine.daemon.control_path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        printed, status = json.loads(result.stdout), client.status()
        self.assertEqual(set(printed), set(status))
        self.assertEqual(printed["commands"], status["commands"])

    def test_found_by_name(self):
        """The only machine that runs needs no name; of two, one has to be named."""
        machine, _ = self.begin()
        runtime = machine.daemon.path("run")
        for name in ("one", "two", "empty"):
            os.makedirs(os.path.join(runtime, "oriel", name))
        link = os.path.join(runtime, "oriel", "one", "control.sock")
        os.symlink(machine.daemon.control_path, link)
        result = self.run_status(XDG_RUNTIME_DIR=runtime)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        os.symlink(machine.daemon.control_path, link.replace("one", "two"))
        result = self.run_status(XDG_RUNTIME_DIR=runtime)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^oriel status: 2 machines run; --name says which: "
                                        r"(one, two|two, one)\n$")
        for args, status in ((["--name", "two"], 0), (["-n", "empty"], 1), (["-n", "../one"], 2),
                             (["-n", ""], 2), (["-n", "."], 2)):
            result = self.run_status(*args, XDG_RUNTIME_DIR=runtime)
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), min(status, 1))

    def test_nobody(self):
        """One line that says what is wrong."""
        daemon = self.daemon(by_path=True, control=True)
        self.client(daemon)
        dead = daemon.path("dead.sock")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(dead)
        for path, text in ((daemon.path("none.sock"), "there is no such socket"),
                           (dead, "nobody listens there any more")):
            result = self.run_status("-s", path)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertRegex(result.stderr, f"^oriel status: --socket: {path}: {text}\n$")
        result = self.run_status(XDG_RUNTIME_DIR=daemon.folder)
        self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1))
        for args in (["--watch=0"], ["--watch=x"], ["x"], ["--nothing"], ["-s"]):
            result = self.run_status(*args)
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (2, 1))

    def test_a_wrong_peer(self):
        """What answers there may be anything."""
        daemon = self.daemon(by_path=True)
        path = daemon.path("other.sock")
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(path)
        server.listen(8)
        for answer in (b"", b"hello\n", b"{}\n", b'{"id":1}\n', b'{"ok":5}\n', b"[1]\n",
                       b'{"error":{"code":"x"}}\n', b'{"error":5}\n', b"x" * 3000000):
            process = subprocess.Popen([ORIEL, "status", "-s", path], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            peer, _ = server.accept()
            try:
                peer.sendall(answer)
            except (BrokenPipeError, ConnectionResetError):
                pass
            peer.close()
            out, err = process.communicate(timeout=30)
            self.assertEqual((process.returncode, out), (1, ""), answer[:30])
            self.assertEqual(len(err.splitlines()), 1, answer[:30])
        # An answer of another version: what is not known is left out.
        process = subprocess.Popen([ORIEL, "status", "-s", path], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        peer, _ = server.accept()
        peer.sendall(b'{"ok":{"heads":5,"features":[1,null,{"text":7}],"commands":{},"limits":[],'
                     b'"queues":[{"name":[]}],"viewers":[{}],"renderer":"x","errors":[]}}\n')
        out, err = process.communicate(timeout=30)
        peer.close()
        self.assertEqual((process.returncode, err), (0, ""))


if __name__ == "__main__":
    case.main()
