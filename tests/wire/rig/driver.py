# SPDX-License-Identifier: MIT
"""Drivers of certain systems: how they cut their chains, wait, and what they demand of answers.

Every driver has its own habits, and a device may not break one of them. A test of a driver names
its features and queues here, sends what that driver sends, in its descriptors and in its order, and
has each answer judged by the most severe of all drivers: exact used length, exact type, and the
fence of the request or none.
"""

import random
import struct

from . import case, gpu, viewer, wait
from .gpu import Header
from .memory import PAGE
from .queue import POISON, Pending
from .ring import Buffer

SIZES = {gpu.OK_DISPLAY_INFO: gpu.DISPLAY_INFO_SIZE, gpu.OK_EDID: gpu.EDID_SIZE,
         gpu.OK_RESOURCE_UUID: gpu.UUID_SIZE}
VERSION_1 = 1 << gpu.F_VERSION_1
ACCESS_PLATFORM = 1 << 33
GAP = 40


class Chain(Pending):
    """A chain in flight: what it asks, and in which pieces."""

    def __init__(self, parts, buffers):
        super().__init__(b"".join(parts), 0, [b for b in buffers if b.write])
        self.parts = list(zip(buffers, parts))
        self.room = sum(span.size for span in self.spans)


class DriverTest(case.WireTest):
    """WANTS: features that the driver takes if offered. POLLS: it wants no interrupts."""

    WANTS = VERSION_1 | ACCESS_PLATFORM
    QUEUES = (64, 16)
    POLLS = False

    def boot(self, *options, wants=None, queues=None, display=True, memory=None):
        """Reset, features, queues, DRIVER_OK."""
        wants = self.WANTS if wants is None else wants
        queues = self.QUEUES if queues is None else queues
        self.pc = self.machine(*options, started=False, features=wants, queue_sizes=queues,
                               display=display, memory=memory)
        self.pc.vm.features &= self.pc.vm.offered
        self.memory = self.pc.vm.memory
        self.start()
        return self.pc

    def start(self):
        self.in_flight = []
        self.pc.vm.start()
        self.want_calls()

    def want_calls(self):
        for queue in self.pc.vm.set_up_queues():
            queue.n_calls()
            queue.ring.want_calls(not self.POLLS)

    def reset(self):
        """Status 0, and the next driver's DRIVER_OK."""
        self.pc.vm.reset()
        self.start()

    @property
    def control(self):
        return self.pc.vm.control

    @property
    def cursor(self):
        return self.pc.vm.cursor

    # Sending.
    def send(self, *parts, room=24, queue=None):
        """Add a chain. Each part is a descriptor, lying apart from the others; so is each size in
        room, where the answer goes. A part may be a Buffer that the test has filled."""
        queue = self.control if queue is None else queue
        buffers, contents = [], []
        for part in parts:
            given = isinstance(part, Buffer)
            contents.append(self.memory.read(part.gpa, part.size) if given else part)
            buffers.append(part if given else self.place(queue, part))
        for size in room if isinstance(room, tuple) else (room,):
            if size:
                buffers.append(self.place(queue, POISON * size, write=True))
        return self.add(queue, contents, buffers)

    def place(self, queue, data, write=False):
        gpa = queue.scratch(len(data) + GAP)
        self.memory.write(gpa, data)
        return Buffer(gpa, len(data), write)

    def add(self, queue, contents, buffers):
        chain = queue.add_chain(Chain(contents, buffers), buffers, None)
        if queue is self.control:
            self.in_flight.append(chain)
        return chain

    def ask(self, *parts, expect=gpu.OK_NODATA, room=24, queue=None):
        """Send one command, kick, wait, and judge the answer."""
        queue = self.control if queue is None else queue
        chain = self.send(*parts, room=room, queue=queue)
        queue.publish(kick=True)
        return self.finish(chain, expect, queue)

    def tell_cursor(self, request, room=0, expect=gpu.OK_NODATA):
        return self.ask(request, room=room, queue=self.cursor, expect=expect)

    def ask_all(self, *requests, expect=gpu.OK_NODATA):
        """Several commands, and what was sent before them, with one kick.

        They must come back in their order; so must all that was sent and is not judged yet.
        """
        for request in requests:
            self.send(request)
        chains = list(self.in_flight)
        self.control.publish(kick=True)
        self.wait(self.control, *chains)
        self.assertTrue(self.control.order[-len(chains):] == chains, "answers out of order")
        return [self.judge(chain, expect) for chain in chains]

    def finish(self, chain, expect=gpu.OK_NODATA, queue=None):
        self.wait(self.control if queue is None else queue, chain)
        return self.judge(chain, expect)

    def wait(self, queue, *chains):
        """By interrupts, or as one that looks at the ring again and again."""
        if not self.POLLS:
            queue.wait(*chains)
            return

        def all_there():
            queue.collect()
            return all(chain.answer is not None for chain in chains)
        wait.wait_until(all_there, f"an answer on queue {queue.index}", self.pc.daemon)

    # Judging.
    def judge(self, chain, expect):
        answer = chain.answer
        if chain in self.in_flight:
            self.in_flight.remove(chain)
        for buffer, part in chain.parts:
            self.assertEqual(self.memory.read(buffer.gpa, buffer.size), part,
                             "the device wrote to the request")
        if chain.room == 0:
            self.assertEqual(answer.size, 0)
            return answer
        self.assertEqual(gpu.name_of(answer.type), gpu.name_of(expect))
        self.assertEqual(answer.size, SIZES.get(expect, 24), "the used length")
        flags, fence, ctx = struct.unpack_from("<IQI", chain.request, 4)
        wanted = (gpu.FLAG_FENCE, fence, ctx) if flags & gpu.FLAG_FENCE else (0, 0, 0)
        self.assertEqual((answer.flags, answer.fence, answer.ctx), wanted, "the answer's fence")
        self.assertEqual((answer.ring_idx, answer.padding), (0, bytes(3)))
        return answer

    # What most drivers do in some way.
    def display_info(self, header=Header()):
        return self.ask(gpu.get_display_info(header), expect=gpu.OK_DISPLAY_INFO,
                        room=gpu.DISPLAY_INFO_SIZE).heads()

    def wishing_viewer(self):
        """A client of the display socket that may ask for sizes."""
        wishing = viewer.Viewer(self.pc.daemon, hello=False)
        self.addCleanup(wishing.close)
        wishing.hello(features=viewer.FEATURE_SIZES)
        return wishing

    def check_cursor(self, x, y, pixels, hot=(0, 0), scanout=0):
        """Where the cursor is and how it looks; pixels None: hidden."""
        shot = self.pc.viewer.snapshot(scanout)
        if pixels is None:
            self.assertIsNone(shot.cursor, "a cursor is visible")
            return
        self.assertIsNotNone(shot.cursor, "no cursor is visible")
        self.assertEqual((shot.cursor_x, shot.cursor_y, shot.hot_x, shot.hot_y), (x, y, *hot))
        self.assertTrue(shot.cursor == pixels, "another cursor")

    def pages(self, data, seed=1):
        """Put data into pages that lie in no order; returns one readable Buffer for each."""
        chunks = [data[i:i + PAGE] for i in range(0, len(data), PAGE)]
        base = self.memory.alloc(PAGE * len(chunks), PAGE)
        places = [base + PAGE * i for i in range(len(chunks))]
        random.Random(seed).shuffle(places)
        for gpa, chunk in zip(places, chunks):
            self.memory.write(gpa, chunk)
        return [Buffer(gpa, len(chunk)) for gpa, chunk in zip(places, chunks)]


class Backing:
    """Memory behind an image: fragments of one page each that lie in no order."""

    def __init__(self, memory, size, region=None, seed=2):
        self.memory = memory
        base = memory.alloc((size + PAGE - 1) // PAGE * PAGE, PAGE, region)
        self.places = [base + at for at in range(0, size, PAGE)]
        random.Random(seed).shuffle(self.places)
        self.entries = [(gpa, min(PAGE, size - PAGE * i)) for i, gpa in enumerate(self.places)]

    def write(self, offset, data):
        done = 0
        while done < len(data):
            i, at = divmod(offset + done, PAGE)
            n = min(PAGE - at, len(data) - done)
            self.memory.write(self.places[i] + at, data[done:done + n])
            done += n
