# SPDX-License-Identifier: MIT
"""What the scripts share that make a bootable Linux guest of Debian's packages.

A guest is a folder: vmlinuz, initramfs.img and root.img, as scripts/guest-image says, and packages.
"""

import gzip
import lzma
import os
import pathlib
import shutil
import subprocess

import debian

PROGRAMS = ("mmdebstrap", "mke2fs", "tar")
SUITE = "trixie"
# What every guest has: what boots it, and what its initramfs is made of.
PACKAGES = ["linux-image-amd64", "tiny-initramfs", "kmod", "busybox-static", "udev"]
# Drivers of hardware that QEMU does not have are a third of the kernel's package.
EXCLUDED_MODULES = ["drivers/net", "drivers/media", "drivers/infiniband", "drivers/iio",
                    "drivers/staging", "drivers/gpu/drm/amd", "drivers/gpu/drm/i915",
                    "drivers/gpu/drm/nouveau", "drivers/gpu/drm/radeon", "drivers/gpu/drm/xe",
                    "sound"]
# What the initramfs loads; ext4 asks for crc32c by name.
BOOT_MODULES = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "virtio_gpu"]

INIT = """#!/bin/busybox sh
# The kernel's first process: mount the root file system, give it the programs, go on there.
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
for module in $(busybox cat /modules/order); do
    busybox insmod /modules/$module || echo "initramfs: $module cannot be loaded"
done
busybox mount -t ext4 -o noatime /dev/vda /root || exec busybox poweroff -f
busybox mount -t tmpfs run /root/run
busybox mkdir /root/run/oriel
busybox tar -x -f /dev/vdb -C /root/run/oriel || exec busybox poweroff -f
busybox mount --move /dev /root/dev
busybox umount /proc /sys
exec busybox switch_root /root /run/oriel/init
"""


def make_root(mirror, work, packages, excluded=(), first_hooks=(), other_suites=()):
    """Install Debian; leave vmlinuz, root.img, packages, kernel.tar and busybox in work.

    first_hooks see the whole system, before the parts are taken out. The image is made inside
    mmdebstrap's own namespace, where files have their right owners also when a user calls.
    """
    unwanted = " ".join(f'"$1"/lib/modules/*/kernel/{name}' for name in EXCLUDED_MODULES)
    size = '$(( $(du -s -m -x "$1" | cut -f1) * 5 / 4 + 96 ))M'
    hooks = list(first_hooks) + [
        f'rm -rf {unwanted} "$1"/boot/initrd.img*; chroot "$1" depmod "$(ls "$1/lib/modules")"',
        'cp "$1"/boot/vmlinuz-* "$1/vmlinuz.out"; tar -C "$1/usr" -cf "$1/kernel.out" lib/modules',
        'chroot "$1" dpkg-query -W > "$1/packages.out"',
        "download /vmlinuz.out vmlinuz",
        "download /kernel.out kernel.tar",
        "download /packages.out packages",
        "download /usr/bin/busybox busybox",
        'rm "$1"/*.out "$1"/boot/vmlinuz-*',
        # A bind mount shows the tree without /proc and the like, which are mounted on it.
        f'mkdir "$1.tree" && unshare --mount sh -c \'mount --bind "$1" "$1.tree" && '
        f'mke2fs -q -F -t ext4 -L oriel -d "$1.tree" "$1.img" {size}\' sh "$1" && '
        'rmdir "$1.tree" && mv "$1.img" "$1/root.out"',
        "download /root.out root.img",
    ]
    command = debian.bootstrap_command(mirror, SUITE, PACKAGES + packages, hooks, excluded=excluded)
    command += [f"deb {mirror} {suite} main" for suite in other_suites]
    # The guest is started by our own initramfs.
    debian.run_logged(f"installing Debian {SUITE} from {mirror}", command, work / "log", cwd=work,
                      env=dict(os.environ, INITRD="No"))
    subprocess.run(["fallocate", "--dig-holes", "root.img"], cwd=work, check=False)


def boot_modules(folder):
    """The files of BOOT_MODULES and of what they need, in the order in which they load."""
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, _, needed = line.partition(":")
        needs[name] = needed.split()
    by_name = {pathlib.Path(path).name.partition(".")[0].replace("-", "_"): path for path in needs}
    built_in = {pathlib.Path(line).stem.replace("-", "_")
                for line in (folder / "modules.builtin").read_text().splitlines()}
    order = []
    for name in BOOT_MODULES:
        if name not in built_in:
            # A line of modules.dep has all that is needed, the first needed last.
            order += list(reversed(needs[by_name[name]])) + [by_name[name]]
    return list(dict.fromkeys(order))


class Cpio:
    """An archive in the form that the kernel unpacks ("newc")."""

    def __init__(self):
        self.data = bytearray()
        self.n_files = 0

    def add(self, name, mode, content=b""):
        self.n_files += 1
        fields = [self.n_files, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        self.data += b"070701" + b"".join(b"%08X" % field for field in fields)
        self.data += name.encode() + b"\0"
        self.data += bytes(-len(self.data) % 4)
        self.data += content
        self.data += bytes(-len(self.data) % 4)

    def end(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def make_initramfs(work, modules, name):
    """An initramfs of busybox, our init and a kernel's modules, which come as a tar archive."""
    subprocess.run(["tar", "-xf", modules], cwd=work, check=True)
    folder = next((work / "lib/modules").iterdir())
    archive = Cpio()
    for path in ("bin", "dev", "modules", "proc", "root", "sys"):
        archive.add(path, 0o040755)
    archive.add("init", 0o100755, INIT.encode())
    archive.add("bin/busybox", 0o100755, (work / "busybox").read_bytes())
    order = []
    for path in boot_modules(folder):
        content = (folder / path).read_bytes()
        module = pathlib.Path(path).name
        if module.endswith(".xz"):
            module, content = module[:-3], lzma.decompress(content)
        archive.add(f"modules/{module}", 0o100644, content)
        order.append(module)
    archive.add("modules/order", 0o100644, "\n".join(order).encode())
    (work / name).write_bytes(gzip.compress(archive.end(), 6))
    shutil.rmtree(work / "lib")
    (work / modules).unlink()
