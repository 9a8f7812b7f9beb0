#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oriel-vnc's port for browsers: files, tokens, who may come, and requests that are none."""

import os
import random
import shutil
import tempfile
import unittest

import lab
import web
from lab import rfb
from rig import picture, wait
from web import NOVNC


@unittest.skipUnless(os.path.exists(f"{NOVNC}/core/rfb.js"), "noVNC is not there")
class WebTest(lab.VncTest):
    def setUp(self):
        super().setUp()
        self.host = self.machine()
        self.program = self.vnc(self.host, "--web=127.0.0.1:0", *self.options())
        self.site = web.Site(self.program.doors["web"])

    def options(self):
        return ()

    def socket(self, **kinds):
        stream = web.WebSocket(self.site, **kinds)
        self.addCleanup(stream.close)
        return stream


class Files(WebTest):
    def test_page(self):
        """The page, with headers that keep it to itself."""
        answer = self.site.request("/")
        self.assertEqual((answer.version, answer.status), ("HTTP/1.1", 200))
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(int(answer.headers["content-length"]), len(answer.body))
        self.assertEqual(answer.headers["connection"], "close")
        self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
        self.assertIn("frame-ancestors 'none'", answer.headers["content-security-policy"])
        self.assertIn(b"<title>", answer.body)
        self.assertNotIn(self.site.token.encode(), answer.body)

    def test_novnc(self):
        """noVNC's scripts are as they are installed, and typed as scripts."""
        for name in ("core/rfb.js", "core/input/keyboard.js", "vendor/pako/lib/zlib/inflate.js"):
            answer = self.site.request(f"/novnc/{name}")
            self.assertEqual(answer.status, 200, name)
            self.assertEqual(answer.headers["content-type"], "text/javascript; charset=utf-8")
            with open(f"{NOVNC}/{name}", "rb") as file:
                self.assertEqual(answer.body, file.read())

    def test_head(self):
        """HEAD says the same, without the file."""
        answer, whole = self.site.request("/oriel.js", "HEAD"), self.site.request("/oriel.js")
        self.assertEqual(answer.body, b"")
        self.assertEqual(answer.headers, whole.headers)

    def test_query(self):
        """A query is no part of a path."""
        self.assertEqual(self.site.request("/?a=b").status, 200)

    def test_no_such_file(self):
        """Nothing but what is on the list, however it is written."""
        for path in ("/nothing", "/novnc/", "/novnc/core", "/novnc/package.json", "/novnc/vnc.html",
                     "/../etc/passwd", "/novnc/../../../etc/passwd", "//etc/passwd",
                     "/novnc/core/../core/rfb.js", "/novnc/core/%2e%2e/core/rfb.js",
                     "/novnc//core/rfb.js", "/novnc/core/rfb.js/", "/index.html", "/embed.py"):
            self.assertEqual(self.site.request(path).status, 404, path)

    def test_methods(self):
        """Only GET and HEAD."""
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "get"):
            answer = self.site.request("/", method)
            self.assertEqual(answer.status, 405, method)
            self.assertEqual(answer.headers["allow"], "GET, HEAD")


class Requests(WebTest):
    def test_bad_ones(self):
        """What is not HTTP/1.1 is refused, not guessed at."""
        host = f"Host: {self.site.host}\r\n"
        for data in ("GET / HTTP/1.0\r\n" + host, "GET / HTTP/2.0\r\n" + host, "GET /\r\n" + host,
                     "GET  / HTTP/1.1\r\n" + host, "GET / HTTP/1.1 \r\n" + host,
                     "GET x HTTP/1.1\r\n" + host, "GET http://a/ HTTP/1.1\r\n" + host,
                     "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n" + host + host,
                     "GET / HTTP/1.1\r\nHost:\r\n", "GET / HTTP/1.1\r\n" + host + " folded: 1\r\n",
                     "GET / HTTP/1.1\r\n" + host + "no colon\r\n",
                     "GET / HTTP/1.1\r\n" + host + "a b: c\r\n", "GET / HTTP/1.1\n" + host,
                     "GET / HTTP/1.1\r\n" + host + "a: b\nc: d\r\n",
                     "GET / HTTP/1.1\r\n" + host + "a: b\rc\r\n",
                     "GET / HTTP/1.1\r\n" + host + "a: 1\r\n" * 100, "\r\nGET / HTTP/1.1\r\n" + host,
                     " GET / HTTP/1.1\r\n" + host, "G(T / HTTP/1.1\r\n" + host):
            answer = self.site.talk(data.encode() + b"\r\n")
            self.assertEqual(answer.status, 400, data)

    def test_bytes(self):
        """Bytes that are no text end it at once."""
        for data in (b"\0", b"GET /\0 HTTP/1.1", b"\x16\x03\x01\x02\0", b"GET / HTTP/1.1\r\n\x7f"):
            self.assertEqual(self.site.talk(data).status, 400, data)
        self.assertIn(self.site.talk(random.Random(1).randbytes(5000)).status, (400, 431))

    def test_too_long(self):
        """Requests, lines and paths have limits."""
        for data in (b"GET /" + b"a" * 8000, b"A" * 100000,
                     self.site.websocket_request(Cookie="a" * 4000)):
            self.assertEqual(self.site.talk(data).status, 431)
        self.assertEqual(self.site.request("/" + "a" * 200).status, 431)
        self.assertEqual(self.site.request("/", host="a" * 300).status, 431)

    def test_in_pieces(self):
        """A request may come byte by byte."""
        stream = self.site.connect()
        self.addCleanup(stream.close)
        for byte in f"GET /oriel.css HTTP/1.1\r\nHost: {self.site.host}\r\n\r\n".encode():
            stream.send(bytes([byte]))
        stream.is_closed()
        self.assertEqual(web.Answer(bytes(stream.data)).status, 200)

    def test_unfinished(self):
        """One that does not come to its end is closed in time, and costs nobody anything."""
        streams = [self.site.connect() for _ in range(3)]
        for stream, data in zip(streams, (b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\n")):
            self.addCleanup(stream.close)
            stream.send(data)
        self.assertEqual(self.site.request("/").status, 200)
        for stream in streams:
            self.assertTrue(stream.is_closed())

    def test_many(self):
        """More connections than there are places: the oldest make room."""
        held = [self.site.connect() for _ in range(100)]
        self.assertEqual(self.site.request("/").status, 200)
        self.assertTrue(held[0].is_closed())
        self.assertLess(len(os.listdir(f"/proc/{self.program.process.pid}/fd")), 32 + 16)
        for stream in held:
            stream.close()

    def test_flood_from_elsewhere(self):
        """Connections without end from one machine push out their own, and not another's."""
        slow = self.site.connect("127.0.0.2")
        self.addCleanup(slow.close)
        slow.send(b"GET / HTTP/1.1\r\n")
        held = [self.site.connect() for _ in range(100)]
        for stream in held:
            self.addCleanup(stream.close)
        self.assertTrue(held[0].is_closed())
        slow.send(f"Host: {self.site.host}\r\n\r\n".encode())
        slow.is_closed()
        self.assertEqual(web.Answer(bytes(slow.data)).status, 200)

    def test_never_reads(self):
        """Browsers that ask and do not read."""
        held = [self.site.connect() for _ in range(20)]
        for stream in held:
            self.addCleanup(stream.close)
            stream.send(f"GET /novnc/core/rfb.js HTTP/1.1\r\nHost: {self.site.host}\r\n\r\n".encode())
        self.assertEqual(self.site.request("/").status, 200)

    def test_hosts(self):
        """Only names of this machine, at loopback: no page elsewhere is taken for ours."""
        port = self.site.url.port
        for host in (f"localhost:{port}", "localhost", f"LOCALHOST:{port}", f"127.0.0.1:{port}",
                     f"127.1.2.3:{port}", f"[::1]:{port}", "127.0.0.1:1"):
            self.assertEqual(self.site.request("/", host=host).status, 200, host)
        for host in (f"evil.example:{port}", "localhost.evil.example", f"192.168.0.1:{port}",
                     "127.0.0.1.evil.example", "127.1", "[::2]", "[::1", "[]", ":80", "0x7f.1"):
            self.assertEqual(self.site.request("/", host=host).status, 403, host)


class Tokens(WebTest):
    def test_check(self):
        """The page can ask whether its token is right."""
        for token, status in ((self.site.token, 200), (self.site.token[:-1] + "g", 403),
                              (self.site.token[:-1], 403), (self.site.token + "0", 403), ("", 403),
                              (self.site.token.upper() + "A", 403)):
            answer = self.site.request("/check", headers=[f"Authorization: Bearer {token}"])
            self.assertEqual(answer.status, status, token)
        self.assertEqual(self.site.request("/check").status, 403)

    def test_kept(self):
        """128 bits, others at each start, and in no log."""
        self.assertRegex(self.site.token, "^[0-9a-f]{32}$")
        other = self.vnc(self.host, "--web=127.0.0.1:0", "--log-level=debug")
        site = web.Site(other.doors["web"])
        self.assertNotEqual(site.token, self.site.token)
        client = rfb.Client(web.WebSocket(site))
        client.request(incremental=False)
        client.update()
        client.close()
        other.wait_log("LibVNCServer")
        self.assertNotIn(site.token, other.log())


    def test_no_viewer_has_it(self):
        """The process of a viewer at the other door does not have the token in its memory, although
        it began as a copy of one that has just read it."""
        other = self.vnc(self.host, "--web=127.0.0.1:0", "--listen=127.0.0.1:0", n_doors=2)
        site = web.Site(other.doors["web"])
        site.request("/check", headers=[f"Authorization: Bearer {site.token}"])
        self.assertEqual(site.refused(Sec_WebSocket_Protocol=f"x, oriel.{site.token}"), 403)
        client = self.connect(other)
        client.request(incremental=False)
        client.update()
        self.assertIn(site.token.encode(), memory_of(other.process.pid))
        pid, = other.children()
        self.assertNotIn(site.token.encode(), memory_of(pid))


def memory_of(pid):
    """All that a process can write to, but for what sanitizers reserve."""
    parts = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - start < 1 << 28:
                memory.seek(start)
                parts.append(memory.read(end - start))
    return b"".join(parts)


class WebSockets(WebTest):
    def options(self):
        return ("--max-viewers=2",)

    def test_picture(self):
        """RFB through a WebSocket, byte by byte; also if the request comes in pieces."""
        self.host.guest.show(0, 1, 100, 80, picture.noise(100, 80, 1))
        for pieces in (1, 50):
            stream = self.socket(pieces=pieces)
            self.assertEqual(stream.answer.headers["sec-websocket-protocol"], "binary")
            client = rfb.Client(stream, (rfb.ZRLE, rfb.DESKTOP_SIZE))
            self.check_pixels(client, 100, 80, picture.noise(100, 80, 1))

    def test_large_picture(self):
        """More than fits into a frame."""
        self.host.guest.show(0, 1, 700, 500, picture.noise(700, 500, 2))
        self.check_pixels(rfb.Client(self.socket()), 700, 500, picture.noise(700, 500, 2))

    def test_token(self):
        """Without the right token there is no connection."""
        for protocols in (None, "binary", "binary, oriel.", f"oriel.{self.site.token}",
                          f"binary, oriel.{self.site.token[:-1]}", f"binary, {self.site.token}",
                          f"binary, oriel.{'0' * 32}", f"binary, xoriel.{self.site.token}"):
            self.assertEqual(self.site.refused(Sec_WebSocket_Protocol=protocols), 403, protocols)

    def test_origin(self):
        """Pages of others cannot connect, even with the token."""
        for origin in (None, "null", "http://evil.example", f"https://{self.site.host}",
                       f"http://{self.site.host}.evil.example", "http://localhost:1", "file://"):
            self.assertEqual(self.site.refused(Origin=origin), 403, origin)
        for host in (f"evil.example:{self.site.url.port}", "evil.example"):
            self.assertEqual(self.site.refused(Host=host, Origin=f"http://{host}"), 403, host)

    def test_no_websocket(self):
        """What says that it is one, and is not."""
        for changes in ({"Upgrade": None}, {"Upgrade": "h2c"}, {"Connection": "close"},
                        {"Sec_WebSocket_Version": "8"}, {"Sec_WebSocket_Version": None},
                        {"Sec_WebSocket_Key": None}):
            self.assertEqual(self.site.refused(**changes), 400, changes)
        self.assertEqual(self.site.request("/websocket").status, 400)

    def test_bad_frames(self):
        """Frames that no browser sends end that viewer only."""
        self.host.guest.show(0, 1, 64, 48, picture.noise(64, 48, 1))
        for data in (b"\xff" * 64, b"\x82\xff" + b"\xff" * 8 + bytes(100), b"\x02\x05hello",
                     b"\x82\x7f" + bytes(8), b"\x88\x80\0\0\0\0", b"\x89\x80\0\0\0\0",
                     b"\x80\x81\0\0\0\0a", b"\x82", bytes(1000)):
            stream = self.socket()
            stream.sock.sendall(data)
            stream.close()
        wait.wait_until(lambda: not self.program.children(), "the end of them", seconds=30)
        self.check_pixels(rfb.Client(self.socket()), 64, 48, picture.noise(64, 48, 1))

    def test_too_many(self):
        """One too many hears it as HTTP says it."""
        for _ in range(2):
            client = rfb.Client(self.socket())
            client.request(incremental=False)
            client.update()
        wait.wait_until(lambda: self.program.log().count("connected") == 2, "two viewers")
        self.assertEqual(self.site.talk(self.site.websocket_request()).status, 503)

    def test_door_of_viewers(self):
        """A WebSocket at the door of VNC viewers gets nothing: any page could open one."""
        other = self.vnc(self.host)
        site = web.Site(f"http://{other.doors['vnc']}/#token={self.site.token}")
        stream = site.connect()
        self.addCleanup(stream.close)
        stream.send(site.websocket_request())
        self.assertTrue(stream.is_closed())
        other.wait_log("a WebSocket that is not of our page")
        self.assertLess(len(stream.data), 400)

    def test_no_websocket_at_web_door(self):
        """RFB at the door of browsers gets nothing."""
        stream = self.site.connect()
        self.addCleanup(stream.close)
        stream.send(b"RFB 003.008\n")
        self.assertTrue(stream.is_closed())
        self.assertNotIn(b"RFB", stream.data)


class Folders(lab.VncTest):
    @unittest.skipUnless(os.path.exists(f"{NOVNC}/core/rfb.js"), "noVNC is not there")
    def test_another_novnc(self):
        """--novnc: what is in that folder, and nothing that only its links lead to by name."""
        folder = tempfile.mkdtemp(prefix="oriel-novnc-")
        self.addCleanup(shutil.rmtree, folder)
        for name in ("core", "vendor", "app"):
            os.mkdir(f"{folder}/{name}")
        for name in ("core/rfb.js", "core/secret.txt", "core/.hidden.js", "app/ui.js", "x.js"):
            with open(f"{folder}/{name}", "w") as file:
                file.write(name)
        vnc = self.vnc(self.machine(), "--web=127.0.0.1:0", f"--novnc={folder}")
        site = web.Site(vnc.doors["web"])
        self.assertEqual(site.request("/novnc/core/rfb.js").body, b"core/rfb.js")
        for name in ("core/secret.txt", "core/.hidden.js", "app/ui.js", "x.js"):
            self.assertEqual(site.request(f"/novnc/{name}").status, 404, name)


if __name__ == "__main__":
    lab.main()
