# SPDX-License-Identifier: MIT
"""A guest's driver: one method for each command, each with the answer that it expects."""

from . import gpu
from .gpu import Rect


class Guest:
    def __init__(self, vm):
        self.vm = vm
        self.memory = vm.memory

    def run(self, request, expect=gpu.OK_NODATA, room=24, queue=None, **layout):
        queue = self.vm.control if queue is None else queue
        answer = queue.run(request, room, **layout)
        check(answer, expect)
        return answer

    def run_cursor(self, request, expect=gpu.OK_NODATA, room=24):
        return self.run(request, expect, room, self.vm.cursor)

    def batch(self, requests, expect=gpu.OK_NODATA, room=24):
        """Several commands with one kick. More than the ring holds go in several turns."""
        queue = self.vm.control
        turn = queue.ring.size if queue.indirect else queue.ring.size // 2
        answers = []
        for i in range(0, len(requests), turn):
            pending = [queue.add(request, room) for request in requests[i:i + turn]]
            queue.publish()
            queue.wait(*pending)
            answers += [p.answer for p in pending]
        if expect is not None:
            for answer in answers:
                check(answer, expect)
        return answers

    # Control queue.
    def display_info(self, header=gpu.Header()):
        return self.run(gpu.get_display_info(header), gpu.OK_DISPLAY_INFO, gpu.DISPLAY_INFO_SIZE)

    def edid(self, scanout=0):
        return self.run(gpu.get_edid(scanout), gpu.OK_EDID, gpu.EDID_SIZE)

    def create(self, resource, width, height, format_=gpu.B8G8R8X8, expect=gpu.OK_NODATA):
        return self.run(gpu.create_2d(resource, format_, width, height), expect)

    def unref(self, resource, expect=gpu.OK_NODATA):
        return self.run(gpu.unref(resource), expect)

    def attach(self, resource, entries, expect=gpu.OK_NODATA):
        return self.run(gpu.attach(resource, entries), expect)

    def detach(self, resource, expect=gpu.OK_NODATA):
        return self.run(gpu.detach(resource), expect)

    def transfer(self, resource, rect, offset=0, expect=gpu.OK_NODATA):
        return self.run(gpu.transfer(resource, rect, offset), expect)

    def set_scanout(self, scanout, resource, rect, expect=gpu.OK_NODATA):
        return self.run(gpu.set_scanout(scanout, resource, rect), expect)

    def flush(self, resource, rect, expect=gpu.OK_NODATA):
        return self.run(gpu.flush(resource, rect), expect)

    def uuid(self, resource):
        answer = self.run(gpu.assign_uuid(resource), gpu.OK_RESOURCE_UUID, gpu.UUID_SIZE)
        return answer.body

    # Cursor queue.
    def update_cursor(self, scanout, x, y, resource, hot_x=0, hot_y=0, expect=gpu.OK_NODATA):
        return self.run_cursor(gpu.update_cursor(scanout, x, y, resource, hot_x, hot_y), expect)

    def move_cursor(self, scanout, x, y, resource=0, expect=gpu.OK_NODATA):
        return self.run_cursor(gpu.move_cursor(scanout, x, y, resource), expect)

    # Several at once.
    def image(self, resource, width, height, pixels=None, format_=gpu.B8G8R8X8):
        """A resource with contiguous backing, uploaded. Returns the backing's address."""
        size = width * height * 4
        backing = self.memory.alloc(size, 4096)
        if pixels is not None:
            self.memory.write(backing, pixels)
        self.create(resource, width, height, format_)
        self.attach(resource, [(backing, size)])
        self.transfer(resource, Rect(0, 0, width, height))
        return backing

    def show(self, scanout, resource, width, height, pixels=None, format_=gpu.B8G8R8X8):
        """An image on a scanout, flushed. Returns the backing's address."""
        backing = self.image(resource, width, height, pixels, format_)
        whole = Rect(0, 0, width, height)
        self.set_scanout(scanout, resource, whole)
        self.flush(resource, whole)
        return backing


def check(answer, expect):
    """expect: a type, several, or None for anything."""
    if expect is None:
        return
    wanted = expect if isinstance(expect, tuple) else (expect,)
    if answer.type not in wanted:
        names = " or ".join(gpu.name_of(w) for w in wanted)
        raise AssertionError(f"the answer is {answer}, not {names}")
    if answer.type >= gpu.ERR_UNSPEC or answer.type == gpu.OK_NODATA:
        if answer.size != 24:
            raise AssertionError(f"used length {answer.size} for {answer}")
