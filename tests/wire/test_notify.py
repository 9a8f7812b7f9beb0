#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interrupts and kicks: when they must be, when they should not be, and how many."""

import os
import random

from rig import case, gpu, wait
from rig.case import proves
from rig.vhost import Msg
from rig.vm import FEATURES

NO_EVENT_IDX = FEATURES & ~(1 << gpu.F_EVENT_IDX)


class NotifyTest(case.WireTest):
    def machine_at(self, base, **kinds):
        """A machine whose control ring starts at an index of choice."""
        machine = self.machine(started=False, **kinds)
        machine.vm.control.restart(base)
        machine.vm.start()
        return machine

    def send(self, machine, n):
        """n commands in one batch with one kick, without waiting."""
        queue = machine.vm.control
        pending = [queue.add(gpu.get_display_info(), 408) for _ in range(n)]
        queue.publish(kick=True)
        return pending

    def finish(self, machine):
        """Wait, without interrupts, until all is used; returns how many interrupts came."""
        queue = machine.vm.control
        queue.wait_used(queue.ring.added)
        # The interrupt belongs to the turn that moved used.idx: a message comes behind it.
        machine.vm.conn.barrier()
        n = queue.n_calls()
        for answer in queue.collect():
            self.assertEqual(answer.type, gpu.OK_DISPLAY_INFO)
        return n


class EventIdx(NotifyTest):
    @proves("SPEC-053", "C3")
    def test_used_event(self):
        """One interrupt if the batch passes used_event, else none: all places, and the wrap."""
        for base in (0, 65530, 65535, 32767):
            machine = self.machine_at(base)
            queue = machine.vm.control
            queue.n_calls()
            for n in (1, 2, 7):
                for k in range(-3, n + 3):
                    old = queue.ring.seen
                    queue.ring.used_event = old + k
                    self.send(machine, n)
                    self.assertEqual(self.finish(machine), int(0 <= k < n),
                                     f"index {old}, batch of {n}, used_event {k:+d}")

    @proves("SPEC-053", "H-036")
    def test_far_used_event(self):
        machine = self.machine_at(10)
        queue = machine.vm.control
        queue.n_calls()
        for far in (0x4000, 0x7FFF, 0x8000, 0xFF00):
            queue.ring.used_event = queue.ring.seen + far
            queue.ring.avail_flags = 0
            self.send(machine, 3)
            self.assertEqual(self.finish(machine), 0)

    @proves("SPEC-053")
    def test_flags_are_ignored(self):
        """With EVENT_IDX bit 0 of avail.flags says nothing."""
        machine = self.machine_at(0)
        queue = machine.vm.control
        queue.n_calls()
        queue.ring.avail_flags = 1
        queue.ring.used_event = queue.ring.seen
        self.send(machine, 1)
        self.assertEqual(self.finish(machine), 1)

    @proves("SPEC-059", "SPEC-061")
    def test_driver_that_kicks_when_told(self):
        """Batches of any size, kicked only if avail_event says so: never a stall, over the wrap."""
        machine = self.machine_at(65000)
        queue, rng = machine.vm.control, random.Random(6)
        n_kicks = 0
        for _ in range(1500):
            pending = []
            for _ in range(rng.randint(1, 4)):
                for _ in range(rng.randint(1, 5)):
                    pending.append(queue.add(gpu.get_display_info(), 408))
                if queue.ring.publish():
                    n_kicks += 1
                    queue.kick()
                for _ in range(rng.choice((0, 0, 200))):
                    pass
            queue.wait(*pending)
        self.assertEqual(queue.ring.used_flags, 0)
        self.assertGreater(n_kicks, 0)

    @proves("SPEC-053", "C3")
    def test_one_interrupt_for_a_full_ring(self):
        """A ring full of commands with one kick: one interrupt, also with a table for each."""
        machine = self.machine_at(0, queue_sizes=(64, 16))
        queue = machine.vm.control
        queue.n_calls()
        for _ in range(5):
            queue.ring.used_event = queue.ring.seen
            self.send(machine, 64)
            self.assertEqual(self.finish(machine), 1)

    @proves("SPEC-053", "C3")
    def test_cursor_queue(self):
        machine = self.machine_at(0)
        queue = machine.vm.cursor
        queue.n_calls()
        queue.ring.used_event = queue.ring.seen
        for i in range(16):
            queue.add(gpu.move_cursor(0, i, i), room=0)
        queue.publish(kick=True)
        queue.wait_used(16)
        machine.vm.conn.barrier()
        self.assertEqual(queue.n_calls(), 1)


class Flags(NotifyTest):
    @proves("SPEC-052")
    def test_no_interrupt_flag(self):
        """Flag 1: the ring moves without interrupt. Flag 0: an interrupt. used_event is nothing."""
        machine = self.machine_at(0, features=NO_EVENT_IDX)
        queue = machine.vm.control
        queue.n_calls()
        for used_event in (0, 1, 2, 0xFFFF):
            queue.ring.used_event = used_event
            queue.ring.avail_flags = 1
            self.send(machine, 3)
            self.assertEqual(self.finish(machine), 0)
            queue.ring.avail_flags = 0
            self.send(machine, 3)
            self.assertEqual(self.finish(machine), 1)

    @proves("SPEC-058")
    def test_used_flags(self):
        """A driver that honours NO_NOTIFY never stalls, and the flags are 0 or 1."""
        machine = self.machine_at(65500, features=NO_EVENT_IDX)
        queue, rng = machine.vm.control, random.Random(8)
        for _ in range(500):
            pending = [queue.add(gpu.get_display_info(), 408) for _ in range(rng.randint(1, 8))]
            queue.publish()
            self.assertIn(queue.ring.used_flags, (0, 1))
            queue.wait(*pending)


class OddDescriptors(NotifyTest):
    """Descriptors of the VMM's that would block or busy whoever uses them as eventfds."""

    def blocking_and_full(self):
        fd = os.eventfd(0, os.EFD_CLOEXEC)
        self.addCleanup(os.close, fd)
        os.eventfd_write(fd, 0xFFFFFFFFFFFFFFFE)
        return fd

    def test_interrupts(self):
        """The device goes on serving when an interrupt cannot be counted any more."""
        machine = self.machine_at(0, features=NO_EVENT_IDX)
        machine.vm.conn.vring_fd(Msg.SET_VRING_CALL, 0, self.blocking_and_full())
        for _ in range(3):
            self.send(machine, 1)
            self.finish(machine)

    def test_errors(self):
        """So it does when the eventfd of SET_VRING_ERR is full."""
        machine = self.machine_at(0)
        machine.vm.conn.vring_fd(Msg.SET_VRING_ERR, 0, self.blocking_and_full())
        machine.vm.control.ring.set_avail_idx(0x8000)
        machine.vm.control.kick()
        machine.vm.conn.barrier()
        self.assertEqual(machine.vm.cursor.run(gpu.move_cursor(0, 1, 1)).type, gpu.OK_NODATA)

    def test_kick_that_hung_up(self):
        """A pipe whose writer is gone is not looked at any more: it would be ready for ever."""
        machine = self.machine_at(0)
        reader, writer = os.pipe()
        pipe = os.readlink(f"/proc/self/fd/{reader}")
        machine.vm.conn.vring_fd(Msg.SET_VRING_KICK, 1, reader)
        os.close(reader)
        machine.vm.conn.barrier()
        self.assertTrue(machine.daemon.watches(pipe))
        os.close(writer)
        wait.wait_until(lambda: not machine.daemon.watches(pipe), "the pipe is let go of",
                        machine.daemon)
        self.send(machine, 1)
        self.finish(machine)


class Order(NotifyTest):
    @proves("SPEC-054", "SPEC-055")
    def test_entry_before_index(self):
        """Polled without pause: whatever used.idx shows is there, with its answer."""
        machine = self.machine_at(0)
        queue = machine.vm.control
        for i in range(5000):
            pending = queue.add(gpu.create_2d(0, 0, 0, 0, gpu.fenced(i)))
            queue.publish()
            while not queue.ring.has_used():
                if not machine.daemon.is_alive():
                    self.fail("the daemon died")
            queue.collect()
            self.assertEqual((pending.answer.type, pending.answer.fence),
                             (gpu.ERR_INVALID_RESOURCE_ID, i))

    @proves("SPEC-002", "SPEC-024", "A-3")
    def test_kick_before_the_start(self):
        """Buffers and kicks from before the queue is enabled are served when it is."""
        machine = self.machine(started=False)
        vm = machine.vm
        pending = vm.control.add(gpu.get_display_info(), 408)
        vm.control.publish(kick=True)
        moved = vm.cursor.add(gpu.move_cursor(0, 1, 1))
        vm.cursor.publish(kick=True)
        vm.conn.barrier()
        self.assertEqual((vm.control.ring.used_idx, vm.cursor.ring.used_idx), (0, 0))
        vm.start()
        self.assertEqual(vm.control.wait(pending).type, gpu.OK_DISPLAY_INFO)
        self.assertEqual(vm.cursor.wait(moved).type, gpu.OK_NODATA)


if __name__ == "__main__":
    case.main()
