# SPDX-License-Identifier: MIT
"""A virtqueue as a driver uses it: a ring, its eventfds, requests and their answers."""

import os
import select

from . import gpu, ring, wait
from .packed_ring import PackedRing

POISON = b"\xA5"


class Pending:
    """A request in flight, and its answer once it has come."""

    def __init__(self, request, request_gpa, spans):
        self.request = request
        self.request_gpa = request_gpa
        self.spans = spans
        self.answer = None


class Queue:
    """kick and call are its eventfds; err is that of SET_VRING_ERR."""

    def __init__(self, index, memory, size, event_idx=True, indirect=True, region=None,
                 packed=False):
        self.index = index
        self.memory = memory
        kind = PackedRing if packed else ring.SplitRing
        self.ring = kind(memory, size, event_idx, region)
        self.indirect = indirect
        self.kick_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.call_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.err_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.daemon = None
        self.pending = {}
        self.order = []
        self.arena_size = 512 * 1024
        self.arena = memory.alloc(self.arena_size, 4096, region)
        self.arena_used = 0

    def close(self):
        for fd in (self.kick_fd, self.call_fd, self.err_fd):
            os.close(fd)

    def restart(self, *at):
        """A driver that starts anew: empty rings, fresh or at an index."""
        self.ring.start(*at)
        self.pending = {}
        self.order = []
        self.arena_used = 0
        for fd in (self.kick_fd, self.call_fd, self.err_fd):
            drain(fd)

    # Sending.
    def scratch(self, size, align=8):
        """Memory for one request; it is used again when nothing is in flight any more."""
        if not self.pending and self.arena_used > self.arena_size // 2:
            self.arena_used = 0
        at = (self.arena_used + align - 1) // align * align
        if at + size > self.arena_size:
            return self.memory.alloc(size, align)
        self.arena_used = at + size
        return self.arena + at

    def place(self, request, room):
        """Put a request and poisoned room for its answer into memory."""
        request_gpa = self.scratch(max(len(request), 1))
        self.memory.write(request_gpa, request)
        room_gpa = self.scratch(max(room, 1))
        self.memory.write(room_gpa, POISON * room)
        return request_gpa, room_gpa

    def add(self, request, room=24, cut=None, cut_room=None, indirect=None):
        """Add a request to the ring, unpublished.

        cut and cut_room are the sizes of the descriptors; by default one each.
        """
        request_gpa, room_gpa = self.place(request, room)
        readable = pieces(request_gpa, len(request), cut, False)
        writable = pieces(room_gpa, room, cut_room, True)
        pending = Pending(request, request_gpa, writable)
        return self.add_chain(pending, readable + writable, indirect)

    def add_buffers(self, buffers, indirect=None, request=None, request_gpa=0):
        """Add a chain that the test has laid out itself."""
        pending = Pending(request, request_gpa, [b for b in buffers if b.write])
        return self.add_chain(pending, buffers, indirect)

    def add_chain(self, pending, buffers, indirect):
        indirect = self.indirect if indirect is None else indirect
        head = self.ring.add(buffers, indirect)
        return self.track(head, pending)

    def add_entries(self, entries, request=None, request_gpa=0, spans=()):
        """Add raw descriptors (address, length, flags)."""
        head = self.ring.add_entries(entries)
        return self.track(head, Pending(request, request_gpa, list(spans)))

    def track(self, head, pending):
        self.pending[head] = pending
        return pending

    def publish(self, kick=None):
        """kick: True or False to override what the device wants."""
        wanted = self.ring.publish()
        if wanted if kick is None else kick:
            self.kick()

    def kick(self):
        os.eventfd_write(self.kick_fd, 1)

    # Receiving.
    def collect(self):
        """Take what is used; returns the answers in the order in which they came."""
        answers = []
        for used in self.ring.reap():
            pending = self.pending.pop(used.id)
            pending.answer = self.answer_of(pending, used.size)
            answers.append(pending.answer)
            self.order.append(pending)
        return answers

    def answer_of(self, pending, size):
        room = b"".join(self.memory.read(span.gpa, span.size) for span in pending.spans)
        if size > len(room):
            raise AssertionError(f"used length {size} of {len(room)} writable bytes")
        if room[size:].strip(POISON):
            raise AssertionError(f"bytes behind the used length {size} were written")
        if pending.request is not None and pending.request_gpa:
            now = self.memory.read(pending.request_gpa, len(pending.request))
            if now != pending.request:
                raise AssertionError("the device wrote to the request")
        return gpu.Answer(room[:size], size)

    def wait(self, *pending):
        """Wait until all these are answered; returns the answers (or the one)."""
        while True:
            self.collect()
            if all(p.answer is not None for p in pending):
                break
            # Asked for from the entry on that is next, so look again before waiting.
            self.ring.want_calls(True)
            if self.ring.has_used():
                continue
            wait.wait_fd(self.call_fd, f"an answer on queue {self.index}", self.daemon)
            drain(self.call_fd)
        return pending[0].answer if len(pending) == 1 else [p.answer for p in pending]

    def run(self, request, room=24, **layout):
        """Send one request and wait for its answer."""
        pending = self.add(request, room, **layout)
        self.publish()
        return self.wait(pending)

    def n_calls(self):
        """Interrupts since the last look."""
        return drain(self.call_fd)

    def wait_call(self, seconds=None):
        wait.wait_fd(self.call_fd, f"an interrupt of queue {self.index}", self.daemon,
                     seconds=seconds)
        return drain(self.call_fd)

    def wait_used(self, index):
        """Wait for used.idx where no interrupt can be expected."""
        wait.wait_until(lambda: self.ring.used_idx == index & 0xFFFF,
                        f"used.idx {index} on queue {self.index}", self.daemon)

    def is_broken(self):
        return bool(select.select([self.err_fd], [], [], 0)[0])

    def wait_broken(self):
        wait.wait_fd(self.err_fd, f"the error eventfd of queue {self.index}", self.daemon)


def drain(fd):
    try:
        return os.eventfd_read(fd)
    except BlockingIOError:
        return 0


def pieces(gpa, size, cut, write):
    """Cut a range into descriptors: by default one, none for nothing."""
    if cut is None:
        cut = [size] if size else []
    if sum(cut) != size:
        raise AssertionError(f"the pieces {cut} are not {size} bytes")
    buffers, at = [], gpa
    for n in cut:
        buffers.append(ring.Buffer(at, n, write))
        at += n
    return buffers
