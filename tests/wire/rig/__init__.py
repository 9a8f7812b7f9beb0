# SPDX-License-Identifier: MIT
"""The rig: a VMM, a guest and a display in Python, to be used against the real daemon.

What each module plays:

    daemon          the program under test: started, watched, ended
    memory          the guest's memory: regions that are memfds
    ring            virtio rings from the driver's side, with raw access
    queue           a ring with its eventfds: send a request, wait for its answer
    vhost           the VMM's end of vhost-user
    vm              the three above put together, started and stopped as QEMU does it
    gpu             bytes of virtio-gpu commands and answers
    gpu3d           the same of 3D, and command buffers of virgl
    input           a driver of an input device, on a machine of its own
    guest           a driver: one method for each command
    driver          drivers of certain systems: their chains, and what they demand of answers
    qemu_display    the VMM's end of the display protocol of vhost-user-gpu
    viewer          a client of Oriel's display socket
    picture         pixels in software: what ought to be seen
    case            unittest with all of it, and with an eye on the daemon
    render          the process that renders, and its end
    case_input      the same with a keyboard and tablets
    case3d          the same with a renderer, and a driver that has 3D

The numbers and layouts are written from the standards, not from Oriel's sources.
"""
