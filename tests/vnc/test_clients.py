#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several viewers of oriel-vnc, passwords, and viewers that behave badly."""

import ctypes
import ctypes.util
import os
import random
import signal
import struct
import time

import lab
from lab import rfb
from rig import picture, wait
from rig.gpu import Rect

VERSION = b"RFB 003.008\n"


def encrypt_with(password):
    """The answer to a challenge, made by LibVNCServer's own function: DES is not in Python."""
    library = ctypes.CDLL("libvncserver.so.1")

    def encrypt(challenge):
        block = ctypes.create_string_buffer(challenge, 16)
        library.rfbEncryptBytes(block, password.encode())
        return block.raw
    return encrypt


class Several(lab.VncTest):
    def test_two(self):
        """Two viewers, each with its own encoding, and one that comes later."""
        machine = self.machine()
        guest = machine.guest
        backing = guest.show(0, 1, 100, 80, picture.noise(100, 80, 1))
        vnc = self.vnc(machine)
        clients = [self.connect(vnc, (rfb.RAW, rfb.DESKTOP_SIZE)),
                   self.connect(vnc, (rfb.ZRLE, rfb.DESKTOP_SIZE))]
        for i in range(5):
            pixels = picture.noise(100, 80, 10 + i)
            guest.memory.write(backing, pixels)
            guest.transfer(1, Rect(0, 0, 100, 80))
            guest.flush(1, Rect(0, 0, 100, 80))
            for client in clients:
                self.check_pixels(client, 100, 80, pixels)
        self.check_pixels(self.connect(vnc), 100, 80, pixels)

    def test_one_never_reads(self):
        """A viewer that asks for everything and reads nothing: the other one, and the guest, do not
        wait for it."""
        machine = self.machine()
        guest = machine.guest
        backing = guest.show(0, 1, 800, 600, picture.noise(800, 600, 0))
        vnc = self.vnc(machine)
        stuck, client = self.connect(vnc), self.connect(vnc)
        for _ in range(200):
            stuck.request(incremental=False)
        for i in range(30):
            guest.memory.write(backing, picture.noise(800, 2, 1 + i))
            guest.transfer(1, Rect(0, 0, 800, 2))
            guest.flush(1, Rect(0, 0, 800, 600))
            wanted = picture.opaque(picture.noise(800, 2, 1 + i))
            client.wait_for(lambda: client.pixels[:len(wanted)] == wanted, f"frame {i}")
        # It is stuck indeed: its process waits for it, and is not gone.
        self.assertEqual(len(vnc.children()), 2)

    def test_too_many(self):
        """One too many is told so, and there is room again when one goes."""
        machine = self.machine()
        vnc = self.vnc(machine, "--listen=127.0.0.1:0", "--max-viewers=2")
        clients = [self.connect(vnc), self.connect(vnc)]
        for client in clients:
            client.request(incremental=False)
            client.update()
        wait.wait_until(lambda: vnc.log().count("connected") == 2, "two viewers")
        with self.assertRaises(rfb.Refused) as refused:
            self.connect(vnc)
        self.assertIn("too many viewers", str(refused.exception))
        clients[0].close()
        wait.wait_until(lambda: "gone" in vnc.log(), "one viewer less")
        client = self.connect(vnc)
        client.request(incremental=False)
        client.update()

    def test_process_of_viewer_dies(self):
        """A viewer's process that dies ends that viewer only, and the log says so."""
        machine = self.machine()
        machine.guest.show(0, 1, 64, 48, picture.noise(64, 48, 1))
        vnc = self.vnc(machine)
        client = self.connect(vnc)
        self.check_pixels(client, 64, 48, picture.noise(64, 48, 1))
        first = vnc.children()
        other = self.connect(vnc)
        self.check_pixels(other, 64, 48, picture.noise(64, 48, 1))
        os.kill(first[0], signal.SIGKILL)
        self.assertTrue(client.stream.is_closed())
        machine.guest.show(0, 2, 64, 48, picture.noise(64, 48, 2))
        self.check_pixels(other, 64, 48, picture.noise(64, 48, 2))

    def test_no_process_outlives(self):
        """Viewers' processes end with the program, also if that is killed."""
        machine = self.machine()
        vnc = lab.Vnc(machine.daemon.display_path, "--listen=127.0.0.1:0")
        self.connect(vnc)
        pidfd = os.pidfd_open(vnc.children()[0])
        vnc.process.kill()
        wait.wait_fd(pidfd, "the end of the viewer's process")
        os.close(pidfd)
        vnc.process.wait()
        vnc.finish()


class Passwords(lab.VncTest):
    def start(self, text="sesame"):
        machine = self.machine()
        machine.guest.show(0, 1, 64, 48, picture.noise(64, 48, 1))
        path = f"{machine.daemon.folder}/password"
        with open(path, "w") as file:
            file.write(text + "\n")
        return self.vnc(machine, "--listen=127.0.0.1:0", f"--password-file={path}")

    def test_right_and_wrong(self):
        """The right one is let in; a wrong one, and none, are not."""
        vnc = self.start()
        client = self.connect(vnc, encrypt=encrypt_with("sesame"))
        self.check_pixels(client, 64, 48, picture.noise(64, 48, 1))
        self.assertEqual(client.kinds, bytes([rfb.VNC_AUTH]))
        for wrong in ("Sesame", "sesam", ""):
            with self.assertRaises(rfb.Refused):
                self.connect(vnc, encrypt=encrypt_with(wrong))
        vnc.wait_log("a wrong password")

    def challenged(self, vnc, source=None):
        """A connection that was asked for the password."""
        stream = self.stream(vnc, source)
        stream.take(12)
        stream.send(VERSION)
        stream.take(2)
        stream.send(b"\2")
        stream.take(16)
        return stream

    def test_many_guesses(self):
        """Wrong passwords on several connections at once: each is logged, once, and nobody comes in
        from that machine during the second after them; then the right one does."""
        vnc = self.start()
        streams = [self.challenged(vnc) for _ in range(2)]
        begin = time.monotonic()
        for stream in streams:
            stream.send(bytes(16))
        wait.wait_until(lambda: vnc.log().count("a wrong password") == 2, "both lines")
        client = self.connect(vnc, encrypt=encrypt_with("sesame"))
        self.assertGreaterEqual(time.monotonic() - begin, 0.99)  # it may be later, never sooner
        self.check_pixels(client, 64, 48, picture.noise(64, 48, 1))
        wait.wait_until(lambda: len(vnc.children()) == 1, "the end of those denied")
        self.assertEqual(vnc.log().count("a wrong password"), 2)

    def guess_and_come(self, vnc, n):
        """After the n-th guess: is another machine's viewer in while the guesser's next one waits?
        None if it took too long to tell."""
        guesser = self.challenged(vnc)
        begin = time.monotonic()
        guesser.send(bytes(16))
        wait.wait_until(lambda: vnc.log().count("a wrong password") == n, "a line")
        following = self.stream(vnc)
        client = rfb.Client(self.stream(vnc, "127.0.0.2"), encrypt=encrypt_with("sesame"))
        is_waiting = not lab.has_input(following)
        is_late = time.monotonic() - begin >= 1
        self.check_pixels(client, 64, 48, picture.noise(64, 48, 1))
        following.take(12)  # in the end
        for each in (guesser, following, client):
            each.close()
        return None if is_late else is_waiting

    def test_guesses_keep_nobody_else(self):
        """Whoever comes from another machine than a wrong password does not wait for it."""
        vnc = self.start()
        said = None
        for n in range(1, 6):  # a busy machine may be too slow to tell
            said = self.guess_and_come(vnc, n) if said is None else said
        self.assertTrue(said)

    def test_without(self):
        """Choosing "no password", or talking on as if let in, is of no use."""
        vnc = self.start()
        for said in (b"\1" + b"\1", b"\2" + bytes(16) + b"\1" + b"\3\0" + struct.pack(">4H", 0, 0, 9, 9)):
            stream = self.stream(vnc)
            stream.take(12)
            stream.send(VERSION + said)
            stream.is_closed()
            self.assertLess(len(stream.data), 64)

    def test_long_one(self):
        """Only 8 bytes count, and it says so."""
        vnc = self.start("12345678abc")
        vnc.wait_log("first 8 bytes")
        client = self.connect(vnc, encrypt=encrypt_with("12345678"))
        self.check_pixels(client, 64, 48, picture.noise(64, 48, 1))

    def test_challenges_differ(self):
        """No challenge comes twice."""
        vnc = self.start()
        seen = set()
        for _ in range(5):
            stream = self.stream(vnc)
            stream.take(12)
            stream.send(VERSION)
            stream.take(2)
            stream.send(b"\2")
            seen.add(stream.take(16))
            stream.close()
        self.assertEqual(len(seen), 5)


class Hostile(lab.VncTest):
    """A second, well-behaved viewer must not notice any of it."""

    def setUp(self):
        super().setUp()
        self.host = self.machine()
        self.host.guest.show(0, 1, 64, 48, picture.noise(64, 48, 1))
        self.program = self.vnc(self.host)
        self.n_checked = 0

    def check_others(self):
        self.n_checked += 1
        pixels = picture.noise(64, 48, 100 + self.n_checked)
        self.host.guest.show(0, 1 + self.n_checked, 64, 48, pixels)
        client = self.connect(self.program)
        self.check_pixels(client, 64, 48, pixels)
        client.close()

    def test_bad_beginnings(self):
        """What is no RFB at all, cut anywhere."""
        for said in (b"", b"RFB", b"RFB 003.00", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(99),
                     b"\x80" + bytes(99), bytes(4096), b"RFB 999.999\n", VERSION + b"\xff",
                     VERSION + b"\1", random.Random(1).randbytes(100000)):
            stream = self.stream(self.program)
            try:
                stream.send(said)
            except OSError:
                pass
            stream.close()
        self.check_others()

    def test_bad_messages(self):
        """Unknown, cut, huge: the viewer is closed at most."""
        huge = 0x7FFFFFFF
        for said in (bytes([99]), bytes([255, 9]) + bytes(10), bytes([6, 0, 0, 0]) + b"\xff" * 4,
                     struct.pack(">BxxxI", 6, huge), struct.pack(">BxxxI", 6, 0x80000000),
                     struct.pack(">BxH", 2, 65535) + bytes(65535 * 4),
                     struct.pack(">BBHHHH", 3, 0, 65535, 65535, 65535, 65535),
                     b"\0\0\0\0" + bytes(16), b"\0\0\0\0" + bytes([32, 24, 0, 1] + [255] * 12),
                     b"\0\0\0\0" + bytes([8, 8, 0, 0] + [0] * 12),
                     struct.pack(">BBHHBB", 251, 0, 1, 1, 255, 0) + bytes(255 * 16),
                     struct.pack(">BBHHBB", 251, 0, 0, 0, 0, 0),
                     bytes([7, 1, 0, 0]) + struct.pack(">II", huge, huge),
                     bytes([8, 0, 0, 0]), bytes([8, 200, 0, 0]), bytes([15, 0, 0, 0]),
                     struct.pack(">BxxxI", 11, huge), bytes([250, 0, 1, 2]),
                     bytes([10, 0]) + bytes(6), bytes([9]) + b"\xff" * 4):
            client = self.connect(self.program)
            client.stream.send(said)
            try:
                client.request(incremental=False)
                client.stream.send(bytes([5, 255]) + b"\xff" * 4)
            except OSError:
                pass  # closed already
            client.close()
        self.check_others()

    def test_half_messages(self):
        """A viewer that stops in the middle of a message holds up nobody."""
        held = []
        for said in (b"\3", b"\4\1", struct.pack(">BxH", 2, 9), struct.pack(">BxxxI", 6, 1000)):
            client = self.connect(self.program)
            client.stream.send(said)
            held.append(client)
        self.check_others()

    def test_noise(self):
        """Random messages behind a good beginning."""
        for seed in range(30):
            client = self.connect(self.program)
            try:
                client.stream.send(random.Random(seed).randbytes(3000))
            except OSError:
                pass
            client.close()
        self.check_others()

    def test_many_connects(self):
        """10,000 connects: the program is as before, and has not said 10,000 things."""
        before = len(os.listdir(f"/proc/{self.program.process.pid}/fd"))
        address = self.program.doors["vnc"]
        for i in range(500):
            streams = [rfb.connect(address) for _ in range(20)]
            if i % 10 == 0:
                streams[-1].send(VERSION)
            for stream in streams:
                stream.close()
        self.check_others()
        wait.wait_until(lambda: not self.program.children(), "the end of all processes", seconds=60)
        self.assertEqual(len(os.listdir(f"/proc/{self.program.process.pid}/fd")), before)
        self.assertLess(self.program.log().count("\n"), 200)

    def test_half_open(self):
        """Connections that say nothing do not keep others out; the oldest make room."""
        held = [self.stream(self.program) for _ in range(100)]
        self.check_others()
        self.assertTrue(held[0].is_closed())
        self.assertLess(len(self.program.children()), 20)

    def test_flood_from_elsewhere(self):
        """Connections without end from one machine push out their own, and not another machine's
        that takes its time to begin."""
        slow = self.stream(self.program, "127.0.0.2")
        slow.take(12)
        held = [self.stream(self.program) for _ in range(100)]
        self.assertTrue(held[0].is_closed())
        slow.data[:0] = VERSION  # what it was greeted with
        client = rfb.Client(slow)
        self.check_pixels(client, 64, 48, picture.noise(64, 48, 1))


if __name__ == "__main__":
    lab.main()
