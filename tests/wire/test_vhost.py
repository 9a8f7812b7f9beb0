#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vhost-user: what QEMU sends in its order, configuration space, and what nobody should send."""

import os
import struct

from rig import case, gpu, vhost
from rig.case import proves
from rig.memory import MIB
from rig.vhost import Msg, Proto
from rig.vm import FEATURES, new_eventfd

WANTED = (Proto.MQ, Proto.REPLY_ACK, Proto.BACKEND_REQ, Proto.CONFIG, Proto.BACKEND_SEND_FD,
          Proto.RESET_DEVICE, Proto.CONFIGURE_MEM_SLOTS, Proto.STATUS)


class Negotiation(case.WireTest):
    @proves("SPEC-007", "SPEC-009", "SPEC-012")
    def test_features(self):
        """What is offered is what is there: no 3D, nothing that nobody defined."""
        machine = self.machine(started=False)
        for bit in (gpu.F_EDID, gpu.F_RESOURCE_UUID, gpu.F_RESOURCE_BLOB, gpu.F_INDIRECT_DESC,
                    gpu.F_EVENT_IDX, gpu.F_VHOST_PROTOCOL, gpu.F_VERSION_1):
            self.assertTrue(machine.vm.offered >> bit & 1, f"bit {bit} is not offered")
        allowed = (FEATURES | 1 << gpu.F_RESOURCE_BLOB | 1 << gpu.F_VHOST_PROTOCOL | 1 << 33 |
                   1 << 34)
        self.assertEqual(machine.vm.offered & ~allowed, 0, hex(machine.vm.offered))

    def test_protocol_features(self):
        """All that QEMU needs, and neither the dirty log nor what QEMU cannot mean."""
        machine = self.machine(started=False)
        offered = machine.vm.offered_protocol
        for bit in WANTED:
            self.assertTrue(offered >> bit & 1, f"{bit.name} is not offered")
        for bit in (Proto.LOG_SHMFD, Proto.INBAND, Proto.XEN_MMAP, 2, 4, 6, 7, 8, 11, 19):
            self.assertFalse(offered >> bit & 1, f"protocol bit {bit} is offered")
        self.assertEqual(machine.vm.n_queues, 2)
        self.assertGreaterEqual(machine.vm.max_slots, 32)

    @proves("H-052", "SPEC-008", "SPEC-010")
    def test_any_features(self):
        """SET_FEATURES never fails: QEMU forwards what its guest took, offered or not."""
        for extra in (0, 1 << 4, 1 << 5, 1 << 40, 1 << 24 | 1 << 27, (1 << 64) - 1 & ~(1 << 34)):
            machine = self.machine(features=FEATURES | extra)
            machine.guest.show(0, 1, 8, 8)
            machine.check_alive()

    def test_every_subset_of_features(self):
        """Each subset of what a driver may take or leave works."""
        base = 1 << gpu.F_VERSION_1
        bits = (gpu.F_EDID, gpu.F_RESOURCE_UUID, gpu.F_INDIRECT_DESC, gpu.F_EVENT_IDX)
        for i in range(16):
            features = base | sum(1 << bit for k, bit in enumerate(bits) if i >> k & 1)
            machine = self.machine(features=features)
            machine.check_alive()
        machine = self.machine(features=0)
        machine.check_alive()

    def test_without_protocol_features(self):
        """A VMM that does not know bit 30: rings run without SET_VRING_ENABLE."""
        daemon = self.daemon()
        machine = self.machine(daemon=daemon, connected=False)
        vm, conn = machine.vm, machine.vm.conn
        conn.get_features()
        conn.send(Msg.SET_OWNER)
        conn.send(Msg.SET_FEATURES, vhost.u64(FEATURES))
        conn.send(Msg.SET_MEM_TABLE, vhost.mem_table(vm.memory.regions),
                  [r.fd for r in vm.memory.regions])
        for queue in vm.queues:
            vm.set_up(queue, 0)
            vm.tell_call_fd(queue.index)
        machine.check_alive()

    @proves("A-3")
    def test_qemus_order(self):
        """Message by message as QEMU 11.1 sends them, acknowledgements where it asks for them."""
        machine = self.machine(connected=False, display=None)
        vm, conn = machine.vm, machine.vm.conn
        ack = vhost.VERSION | vhost.NEED_REPLY

        def acked(request, payload=b"", fds=()):
            conn.send(request, payload, fds, ack)
            self.assertEqual(conn.reply(request), vhost.u64(0), request.name)

        conn.get_features()
        offered = conn.get_protocol_features()
        conn.set_protocol_features(offered)
        conn.ask_u64(Msg.GET_QUEUE_NUM)
        conn.ask_u64(Msg.GET_MAX_MEM_SLOTS)
        r, w = os.pipe()
        os.close(w)
        acked(Msg.SET_BACKEND_REQ_FD, fds=[r])
        os.close(r)
        conn.send(Msg.SET_OWNER)
        conn.get_features()
        for i, queue in enumerate(vm.queues):
            acked(Msg.SET_VRING_CALL, vhost.u64(i), [queue.call_fd])
            acked(Msg.SET_VRING_ERR, vhost.u64(i), [queue.err_fd])
        conn.send(Msg.RESET_DEVICE)
        for size in (16, 20):
            conn.get_config(0, size)
        display = case.QemuDisplay()
        self.addCleanup(self.finish_display, display)
        theirs = display.new_socket()
        conn.send(Msg.GPU_SET_SOCKET, fds=[theirs.fileno()])
        theirs.close()
        for i, queue in enumerate(vm.queues):
            conn.send(Msg.SET_VRING_CALL, vhost.u64(i), [queue.call_fd])
        conn.send(Msg.SET_FEATURES, vhost.u64(FEATURES | 1 << 30))
        conn.ask_u64(Msg.GET_STATUS)
        conn.send(Msg.SET_STATUS, vhost.u64(8))
        for region in vm.memory.regions:
            acked(Msg.ADD_MEM_REG, vhost.one_region(region), [region.fd])
        for i, queue in enumerate(vm.queues):
            conn.send(Msg.SET_VRING_NUM, struct.pack("<II", i, queue.ring.size))
            conn.send(Msg.SET_VRING_BASE, struct.pack("<II", i, 0))
            desc, avail, used = (vm.memory.user(a) for a in queue.ring.addresses())
            conn.send(Msg.SET_VRING_ADDR, vhost.vring_addr(i, desc, used, avail))
            acked(Msg.SET_VRING_KICK, vhost.u64(i), [queue.kick_fd])
        for i in range(2):
            acked(Msg.SET_VRING_ENABLE, struct.pack("<II", i, 1))
        for i, queue in enumerate(vm.queues):
            conn.send(Msg.SET_VRING_CALL, vhost.u64(i), [queue.call_fd])
        machine.check_alive()

    def test_queues_in_any_way(self):
        """OVMF leaves the cursor queue alone; another driver has only that one; or none."""
        machine = self.machine(queue_sizes=(64, None))
        machine.guest.show(0, 1, 8, 8)
        machine.vm.reboot()
        machine.guest.show(0, 1, 8, 8)
        machine = self.machine(queue_sizes=(None, 16))
        machine.guest.move_cursor(0, 1, 1)
        machine.vm.stop()
        machine = self.machine(queue_sizes=(None, None))
        machine.vm.stop()
        machine.vm.start()
        machine.vm.conn.barrier()


class Config(case.WireTest):
    @proves("SPEC-019", "SPEC-021", "H-054", "FE0-3", "SPEC-204")
    def test_any_length(self):
        """Every length and offset is answered; beyond the end there are zeros."""
        machine = self.machine("--heads=5", started=False)
        whole = machine.vm.conn.get_config(0, 64)
        self.assertEqual(struct.unpack_from("<5I", whole), (0, 0, 5, 0, 4096))
        self.assertFalse(any(whole[20:]))
        for size in range(1, 65):
            self.assertEqual(machine.vm.conn.get_config(0, size), whole[:size])
        for offset in range(64):
            self.assertEqual(machine.vm.conn.get_config(offset, 8), (whole + bytes(8))
                             [offset:offset + 8])
        self.assertEqual(machine.vm.conn.get_config(0, 256), whole.ljust(256, b"\0"))
        self.assertEqual(machine.vm.conn.get_config(200, 56), bytes(56))

    @proves("H-054")
    def test_absurd_ranges(self):
        """Offsets and sizes that do not fit: zeros, or a message without payload as the error."""
        machine = self.machine(started=False)
        conn = machine.vm.conn
        for offset, size in ((4096, 4), (0xFFFF_FFFF, 1), (0xFFFF_FFF8, 16), (0, 0)):
            conn.send(Msg.GET_CONFIG, struct.pack("<III", offset, size, 0) + bytes(size))
            payload = conn.reply(Msg.GET_CONFIG)
            if payload:
                self.assertFalse(any(payload[12:]))
        machine.vm.start()
        machine.check_alive()

    @proves("H-053", "SPEC-200", "SPEC-201", "A-1")
    def test_writes(self):
        """Writes never fail, and change nothing that a driver may not write."""
        machine = self.machine("--heads=2")
        conn = machine.vm.conn
        before = conn.get_config(0, 20)
        for offset, data in ((0, b"\xFF" * 16), (4, b"\1\0\0\0"), (0, b"\xFF" * 4),
                             (8, b"\xFF" * 4), (12, b"\xFF" * 4), (16, b"\xFF" * 4),
                             (6, b"\xFF" * 3), (4, b"\xFF"), (0, b""), (19, b"\xFF" * 9),
                             (4096, b"\xFF"), (0xFFFF_FFFF, b"\xFF" * 2)):
            conn.set_config(offset, data)
            self.assertEqual(conn.get_config(0, 20), before, f"{len(data)} bytes at {offset}")
        self.assertEqual(conn.set_config(0, struct.pack("<4I", 0, 1, 2, 0)), 0)
        machine.check_alive()


def malformed(vm):
    """name, request, payload, number of descriptors."""
    region = vhost.region_of(vm.memory.regions[0])
    yield "unknown request", 999, b"", 0
    yield "unknown request with payload", 77, bytes(100), 0
    yield "request 0", 0, b"", 0
    for request in (Msg.SET_LOG_BASE, Msg.SEND_RARP, Msg.NET_SET_MTU, Msg.IOTLB_MSG,
                    Msg.POSTCOPY_ADVISE, Msg.SET_INFLIGHT_FD, Msg.VRING_KICK):
        yield request.name, request, bytes(40), 0
    for request in (Msg.SET_FEATURES, Msg.SET_VRING_NUM, Msg.SET_VRING_ADDR, Msg.SET_VRING_BASE,
                    Msg.SET_VRING_KICK, Msg.SET_VRING_CALL, Msg.SET_VRING_ERR,
                    Msg.SET_VRING_ENABLE, Msg.SET_MEM_TABLE, Msg.ADD_MEM_REG, Msg.REM_MEM_REG,
                    Msg.SET_CONFIG, Msg.SET_STATUS):
        yield f"{request.name} without payload", request, b"", 0
        yield f"{request.name} of 3 bytes", request, b"\1\2\3", 0
        yield f"{request.name} of 4000 bytes", request, bytes(4000), 0
    for request in (Msg.SET_VRING_NUM, Msg.SET_VRING_BASE, Msg.SET_VRING_ENABLE):
        for index in (2, 255, 0x8000_0000, 0xFFFF_FFFF):
            yield f"{request.name} of queue {index}", request, struct.pack("<II", index, 1), 0
    for request in (Msg.SET_VRING_KICK, Msg.SET_VRING_CALL, Msg.SET_VRING_ERR):
        yield f"{request.name} of queue 7", request, vhost.u64(7), 1
        yield f"{request.name} without descriptor", request, vhost.u64(0), 0
        yield f"{request.name} with 3 descriptors", request, vhost.u64(0), 3
    yield "SET_VRING_ADDR of queue 9", Msg.SET_VRING_ADDR, vhost.vring_addr(9, 0, 0, 0), 0
    yield "GET_VRING_BASE of queue 9", Msg.GET_VRING_BASE, struct.pack("<II", 9, 0), 0
    yield "ENABLE with 2", Msg.SET_VRING_ENABLE, struct.pack("<II", 0, 2), 0
    yield "table of 9 regions", Msg.SET_MEM_TABLE, struct.pack("<II", 9, 0) + region * 9, 8
    yield "table of 0xffffffff", Msg.SET_MEM_TABLE, struct.pack("<II", 0xFFFF_FFFF, 0) + region, 1
    yield "table with a region too few", Msg.SET_MEM_TABLE, struct.pack("<II", 2, 0) + region, 2
    yield "table without descriptors", Msg.SET_MEM_TABLE, struct.pack("<II", 1, 0) + region, 0
    yield "region without descriptor", Msg.ADD_MEM_REG, vhost.u64(0) + region, 0
    yield "region with a pipe", Msg.ADD_MEM_REG, vhost.u64(0) + region, -1
    for name, gpa, size, user, offset in (
            ("of size 0", 1 << 40, 0, 1 << 45, 0), ("wrapping", (1 << 64) - 4096, 8192, 1 << 45, 0),
            ("user wrapping", 1 << 40, 8192, (1 << 64) - 4096, 0),
            ("larger than its file", 1 << 40, 1 << 30, 1 << 45, 0),
            ("behind its file", 1 << 40, 4096, 1 << 45, 1 << 40),
            ("of 2^63", 1 << 40, 1 << 63, 1 << 45, 0),
            ("offset wrapping", 1 << 40, 4096, 1 << 45, (1 << 64) - 4096)):
        yield (f"region {name}", Msg.ADD_MEM_REG,
               vhost.u64(0) + struct.pack("<QQQQ", gpa, size, user, offset), 1)
    yield "removing what is not there", Msg.REM_MEM_REG, (
        vhost.u64(0) + struct.pack("<QQQQ", 1 << 40, 4096, 1 << 45, 0)), 0
    yield "GPU_SET_SOCKET without socket", Msg.GPU_SET_SOCKET, b"", 0
    yield "GPU_SET_SOCKET with a file", Msg.GPU_SET_SOCKET, b"", 1
    yield "GPU_SET_SOCKET with a pipe", Msg.GPU_SET_SOCKET, b"", -1
    yield "GET_CONFIG of 4 GiB", Msg.GET_CONFIG, struct.pack("<III", 0, 0xFFFF_FFFF, 0), 0
    yield "SET_CONFIG of 4 GiB", Msg.SET_CONFIG, struct.pack("<III", 0, 0xFFFF_FFFF, 0), 0
    yield "SET_BACKEND_REQ_FD without", Msg.SET_BACKEND_REQ_FD, b"", 0


class Malformed(case.WireTest):
    """An error reply and the session goes on, or a clean close: and the next VMM is served."""

    def fds(self, n):
        if n < 0:
            r, w = os.pipe()
            self.addCleanup(os.close, r)
            self.addCleanup(os.close, w)
            return [r]
        made = []
        for _ in range(n):
            fd = os.memfd_create("malformed")
            os.ftruncate(fd, MIB)
            self.addCleanup(os.close, fd)
            made.append(fd)
        return made

    def survives(self, conn):
        """Whether the session is still there; either is fine, a hang is not."""
        try:
            conn.barrier()
            return True
        except (vhost.Closed, BrokenPipeError, ConnectionResetError):
            return False

    @proves("FE4-29", "H-034")
    def test_messages(self):
        daemon = self.daemon(by_path=True)
        model = self.machine(daemon=daemon, started=False)
        table = list(malformed(model.vm))
        model.vm.conn.close()
        for name, request, payload, n_fds in table:
            with self.subTest(name):
                before = len(daemon.stderr_lines())
                machine = self.machine(daemon=daemon)
                quiet = len(daemon.stderr_lines()) - before
                conn = machine.vm.conn
                try:
                    conn.send(request, payload, self.fds(n_fds),
                              vhost.VERSION | vhost.NEED_REPLY)
                    got, flags, size = struct.unpack("<III", conn.read(12))
                    self.assertEqual((got, flags & vhost.REPLY), (int(request), vhost.REPLY))
                    conn.read(size)
                except vhost.Closed:
                    pass
                if self.survives(conn):
                    machine.check_alive()
                lines = len(daemon.stderr_lines()) - before - quiet
                self.assertLessEqual(lines, 6, "\n".join(daemon.stderr_lines()[-lines:]))
                machine.vm.close()
        self.machine(daemon=daemon).check_alive()

    def test_headers(self):
        """Wrong versions, sizes that never come, and noise."""
        daemon = self.daemon(by_path=True)
        for data in (struct.pack("<III", 1, 0, 0), struct.pack("<III", 1, 3, 0),
                     struct.pack("<III", 1, 1, 0xFFFF_FFFF), struct.pack("<III", 1, 5, 0),
                     struct.pack("<III", 5, 1, 1 << 20) + bytes(5000), b"\xFF" * 4096,
                     b"GET / HTTP/1.1\r\n\r\n"):
            machine = self.machine(daemon=daemon, connected=False)
            machine.vm.conn.send_raw(data)
            machine.vm.conn.sock.shutdown(1)
            self.assertTrue(machine.vm.conn.is_closed())
            machine.vm.close()
        self.machine(daemon=daemon).check_alive()

    def test_cut_messages(self):
        """A message in single bytes is a message; one that ends early is the end."""
        daemon = self.daemon(by_path=True)
        machine = self.machine(daemon=daemon, connected=False)
        for byte in struct.pack("<III", Msg.GET_FEATURES, 1, 0):
            machine.vm.conn.send_raw(bytes([byte]))
        machine.vm.conn.reply(Msg.GET_FEATURES)
        for n in range(1, 20):
            machine.vm.conn.send_raw((struct.pack("<III", Msg.SET_FEATURES, 1, 8) +
                                      bytes(8))[:n])
            machine.vm.conn.close()
            machine.vm.close()
            machine = self.machine(daemon=daemon, connected=False)
        machine.vm.connect().start()
        machine.check_alive()

    def test_surplus_descriptors_are_closed(self):
        """Descriptors with messages that take none do not pile up."""
        machine = self.machine()
        fd = new_eventfd()
        self.addCleanup(os.close, fd)
        machine.vm.conn.barrier()
        before = machine.daemon.n_fds()
        for _ in range(300):
            machine.vm.conn.send(Msg.GET_FEATURES, fds=[fd] * 3)
            try:
                machine.vm.conn.reply(Msg.GET_FEATURES)
            except vhost.Closed:
                machine.daemon.wait_exit()
                return
        self.assertLessEqual(machine.daemon.n_fds(), before + 2)

    def test_eventfds_are_replaced(self):
        """New call, kick and error eventfds over and over: the old ones are closed."""
        machine = self.machine()
        machine.vm.conn.barrier()
        before = machine.daemon.n_fds()
        for _ in range(200):
            for i in range(2):
                machine.vm.tell_call_fd(i)
                machine.vm.tell_err_fd(i)
                machine.vm.conn.vring_fd(Msg.SET_VRING_KICK, i, machine.vm.queues[i].kick_fd)
        self.assertEqual(machine.daemon.n_fds(), before)
        machine.check_alive()


if __name__ == "__main__":
    case.main()
