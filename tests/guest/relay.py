# SPDX-License-Identifier: MIT
"""A relay between a VMM and a vhost-user device, which keeps features from the VMM.

QEMU's generic device offers its guest whatever the device offers: its own properties, packed=off
among them, decide nothing there. So what the guest must not have is hidden from QEMU.
"""

import contextlib
import socket
import struct
import threading

HEADER = struct.Struct("<III")  # request, flags, bytes that follow
GET_FEATURES = 1
REPLY = 4
MAX_FDS = 8


def receive_message(sock):
    """A message and its descriptors, or None at the end of the stream.

    One at a time: descriptors must leave with the message with which they came.
    """
    fds = []
    data = b""
    size = HEADER.size
    while len(data) < size:
        more, new_fds, _, _ = socket.recv_fds(sock, size - len(data), MAX_FDS)
        fds += new_fds
        if not more:
            close_all(fds)
            return None
        data += more
        if len(data) == HEADER.size:
            size += HEADER.unpack(data)[2]
    return data, fds


def close_all(fds):
    for fd in fds:
        socket.close(fd)


class Relay:
    def __init__(self, path, device_path, hidden):
        """Listen at a path for one VMM; hidden: the features that it does not get to see."""
        self.device_path, self.hidden = str(device_path), hidden
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(1)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with self.listener:
            vmm, _ = self.listener.accept()
        device = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        device.connect(self.device_path)
        back = threading.Thread(target=self.carry, args=(device, vmm), daemon=True)
        back.start()
        self.carry(vmm, device)
        back.join()
        vmm.close()
        device.close()

    def carry(self, source, sink):
        """Pass messages on until an end is gone, which the other one then sees."""
        with contextlib.suppress(OSError):
            while (message := receive_message(source)) is not None:
                data, fds = message
                try:
                    socket.send_fds(sink, [self.censor(data)], fds)
                finally:
                    close_all(fds)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def censor(self, data):
        request, flags, _ = HEADER.unpack_from(data)
        if request != GET_FEATURES or not flags & REPLY:
            return data
        features, = struct.unpack_from("<Q", data, HEADER.size)
        return data[:HEADER.size] + struct.pack("<Q", features & ~self.hidden)
