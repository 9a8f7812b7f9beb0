#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the libraries can be used as they are installed: found by pkg-config, linked, run.

usage: installed.py MESON PKG_CONFIG BUILD SOURCE SANITIZERS CC... [-- CXX...]

The build is installed into a folder of its own. examples/embed.c is built against that, once with
the shared and once with the static library, and the picture that it makes is compared pixel by
pixel. What the build was made without (default_library) is left out, and said.
"""

import json
import os
import pathlib
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

C11 = ["-std=c11", "-pedantic-errors", "-Wall", "-Wextra", "-Werror"]
WIDTH, HEIGHT = 320, 240


class Installed:
    """The build, installed under a temporary root, and the tools that it is used with."""

    def __init__(self, argv):
        self.meson, self.pkg_config, self.build, source, sanitizers = argv[:5]
        self.source = pathlib.Path(source)
        tools = argv[5:]
        i_cxx = tools.index("--") if "--" in tools else len(tools)
        self.cc, self.cxx = tools[:i_cxx], tools[i_cxx + 1:]
        names = [n for n in re.findall(r"\w+", sanitizers) if n != "none"]
        self.sanitize = [f"-fsanitize={','.join(names)}"] if names else []
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def install(self):
        root = self.folder / "root"
        run(self.meson, "install", "-C", self.build, "--no-rebuild", "--quiet", "--destdir", root)
        options = json.loads(run(self.meson, "introspect", self.build, "--buildoptions"))
        values = {o["name"]: o["value"] for o in options}
        prefix = pathlib.Path(values["prefix"])
        self.prefix = root / prefix.relative_to("/")
        self.libdir = self.prefix / values["libdir"]
        self.version = json.loads(run(self.meson, "introspect", self.build, "--projectinfo"))[
            "version"]

    def ask(self, *args):
        """What pkg-config says, as if the temporary prefix had been configured."""
        return shlex.split(run(self.pkg_config, f"--define-variable=prefix={self.prefix}", *args,
                               PKG_CONFIG_PATH=self.libdir / "pkgconfig"))

    def compile(self, name, compiler, sources, flags, libraries):
        program = self.folder / name
        run(*compiler, *self.sanitize, "-o", program, *sources, *flags, *libraries)
        return program


def run(*command, **env):
    """Run a command that must succeed, and return what it printed."""
    environment = dict(os.environ, **{k: str(v) for k, v in env.items()})
    result = subprocess.run([str(c) for c in command], text=True, env=environment, timeout=100,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{command}: status {result.returncode}\n{result.stdout}"
                             f"{result.stderr}")
    return result.stdout


def needed(program):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", program))


def read_png(path):
    """The size of an RGB picture without filters, and its rows; all sums are checked."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, offset = [], 8
    while offset < len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        body = data[offset + 8:offset + 8 + size]
        crc, = struct.unpack_from(">I", data, offset + 8 + size)
        assert crc == zlib.crc32(kind + body), kind
        chunks.append((kind, body))
        offset += 12 + size
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert rest == [8, 2, 0, 0, 0]
    pixels = zlib.decompress(chunks[1][1])
    stride = 1 + 3 * width
    assert len(pixels) == height * stride
    rows = [pixels[y * stride:(y + 1) * stride] for y in range(height)]
    assert all(row[0] == 0 for row in rows)
    return width, height, [row[1:] for row in rows]


def expected_pixel(x, y):
    """What examples/embed.c draws: a gradient, with a white square in the middle."""
    side = HEIGHT // 4
    left, top = (WIDTH - side) // 2, (HEIGHT - side) // 2
    if left <= x < left + side and top <= y < top + side:
        return bytes((255, 255, 255))
    return bytes((x * 255 // WIDTH, y * 255 // HEIGHT, 0x40))


class Test(unittest.TestCase):
    def require(self, name):
        if not (INSTALLED.libdir / name).exists():
            self.skipTest(f"built without {name}")

    def check_example(self, program):
        """Run it: it must draw what it says, and tell each frame once, with its damage."""
        picture = INSTALLED.folder / f"{program.name}.png"
        said = run(program, picture, LD_LIBRARY_PATH=INSTALLED.libdir)
        self.assertEqual(said.splitlines(), [
            "scanout 0: 320x240", "scanout 0: frame, damage 0,0 320x240",
            "scanout 0: frame, damage 130,90 60x60", "queue 0 stopped at 8", "scanout 0 is off",
            "8 interrupts"])
        width, height, rows = read_png(picture)
        self.assertEqual((width, height), (WIDTH, HEIGHT))
        for y, row in enumerate(rows):
            want = b"".join(expected_pixel(x, y) for x in range(WIDTH))
            self.assertEqual(row, want, f"row {y}")

    def build_example(self, name, flags, libraries):
        sources = [INSTALLED.source / "examples" / n for n in ("embed.c", "png.c")]
        return INSTALLED.compile(name, INSTALLED.cc, sources, C11 + flags, libraries)

    def test_layout(self):
        """Every public header is there, and both libraries say which version they are."""
        headers = {p.name for p in (INSTALLED.source / "include/oriel").glob("*.h")}
        self.assertEqual({p.name for p in (INSTALLED.prefix / "include/oriel").iterdir()}, headers)
        for name in ("oriel", "oriel-client"):
            self.assertEqual(INSTALLED.ask("--modversion", name), [INSTALLED.version])
            self.assertIn(f"-I{INSTALLED.prefix}/include", INSTALLED.ask("--cflags", name))
            self.assertEqual(INSTALLED.ask("--libs", name),
                             [f"-L{INSTALLED.libdir}", f"-l{name}"])

    def test_soname(self):
        """The name to load has the minor version, while interfaces may change with it."""
        major, minor, _ = INSTALLED.version.split(".")
        soversion = f"{major}.{minor}" if major == "0" else major
        for name in ("liboriel.so", "liboriel-client.so"):
            self.require(name)
            library = INSTALLED.libdir / name
            soname = re.search(r"\(SONAME\).*\[(.*)\]", run("readelf", "-d", library))[1]
            self.assertEqual(soname, f"{name}.{soversion}")
            self.assertEqual((INSTALLED.libdir / soname).resolve().name,
                             f"{name}.{INSTALLED.version}")

    def test_shared(self):
        self.require("liboriel.so")
        program = self.build_example("shared", INSTALLED.ask("--cflags", "oriel"),
                                     INSTALLED.ask("--libs", "oriel"))
        self.assertIn(".so", " ".join(n for n in needed(program) if n.startswith("liboriel")))
        self.check_example(program)

    def test_static(self):
        """Without a shared liboriel; what it needs, pkg-config must say."""
        self.require("liboriel.a")
        libraries = [f"-l:lib{f[2:]}.a" if f.startswith("-loriel") else f
                     for f in INSTALLED.ask("--static", "--libs", "oriel")]
        program = self.build_example("static", INSTALLED.ask("--static", "--cflags", "oriel"),
                                     libraries)
        self.assertEqual([n for n in needed(program) if n.startswith("liboriel")], [])
        self.check_example(program)

    def test_all_static(self):
        """As before, without any shared library at all."""
        self.require("liboriel.a")
        if INSTALLED.sanitize:
            self.skipTest("sanitizers need a shared C library")
        pixman = run(*INSTALLED.cc, "-print-file-name=libpixman-1.a").strip()
        if not pathlib.PurePath(pixman).is_absolute():
            self.skipTest("there is no static pixman, as on Debian 13")
        program = self.build_example("all_static", ["-static"],
                                     INSTALLED.ask("--static", "--cflags", "--libs", "oriel"))
        self.assertEqual(needed(program), [])
        self.check_example(program)

    def test_both_archives_in_one_program(self):
        """They share code; whoever takes all of both must not meet a name twice."""
        for name in ("liboriel.a", "liboriel-client.a"):
            self.require(name)
        source = INSTALLED.folder / "both.c"
        source.write_text("#include <oriel/client.h>\n#include <oriel/version.h>\n"
                          "int main(void) {\n\tstruct oriel_client *client = 0;\n"
                          "\treturn oriel_client_connect(oriel_get_version(), &client) < 0 ? 0 : 1;"
                          "\n}\n")
        flags = INSTALLED.ask("--static", "--cflags", "--libs", "oriel", "oriel-client")
        archives = ["-Wl,--whole-archive", "-l:liboriel.a", "-l:liboriel-client.a",
                    "-Wl,--no-whole-archive"]
        program = INSTALLED.compile("both", INSTALLED.cc, [source], C11, [
            *(f for f in flags if f.startswith("-L")), *archives,
            *(f for f in flags if not f.startswith("-loriel"))])
        run(program)

    def test_virgl(self):
        """liboriel-virgl beside liboriel, and both archives whole: no name is met twice."""
        if not (INSTALLED.libdir / "pkgconfig/oriel-virgl.pc").exists():
            self.skipTest("built without virglrenderer")
        source = INSTALLED.folder / "virgl.c"
        source.write_text(
            "#include <oriel/virgl.h>\n#include <errno.h>\nint main(void) {\n"
            "\tstruct oriel_loop *loop;\n\tstruct oriel_renderer3d *renderer;\n"
            "\tstruct oriel_virgl_options options = { .size = sizeof(options), .gpu = \"?\" };\n"
            "\tif (oriel_loop_create(&loop) < 0) {\n\t\treturn 1;\n\t}\n"
            "\tint err = oriel_virgl_renderer_create(loop, &options, &renderer);\n"
            "\toriel_loop_destroy(loop);\n\treturn err == -EINVAL ? 0 : 1;\n}\n")
        flags = INSTALLED.ask("--static", "--cflags", "--libs", "oriel-virgl")
        ways = {"liboriel-virgl.so": INSTALLED.ask("--cflags", "--libs", "oriel-virgl"),
                "liboriel-virgl.a": [*(f for f in flags if f.startswith("-L")),
                                     "-Wl,--whole-archive", "-l:liboriel.a",
                                     "-l:liboriel-virgl.a", "-Wl,--no-whole-archive",
                                     *(f for f in flags if not f.startswith("-loriel"))]}
        for library, libraries in ways.items():
            with self.subTest(library):
                self.require(library)
                program = INSTALLED.compile(f"with_{library}", INSTALLED.cc, [source], C11,
                                            libraries)
                run(program, LD_LIBRARY_PATH=INSTALLED.libdir)

    def test_cxx(self):
        if not INSTALLED.cxx:
            self.skipTest("no C++ compiler")
        self.require("liboriel.so")
        source = INSTALLED.folder / "version.cc"
        source.write_text("#include <oriel/embedder.h>\n#include <oriel/gpu.h>\n"
                          "#include <oriel/version.h>\n#include <cstdio>\n"
                          "int main() {\n\toriel_gpu_destroy(nullptr);\n"
                          "\tstd::puts(oriel_get_version());\n}\n")
        program = INSTALLED.compile("version", INSTALLED.cxx, [source], ["-std=c++17", "-Werror"],
                                    INSTALLED.ask("--cflags", "--libs", "oriel"))
        self.assertEqual(run(program, LD_LIBRARY_PATH=INSTALLED.libdir).strip(),
                         INSTALLED.version)


if __name__ == "__main__":
    if len(sys.argv) < 7:
        sys.exit(__doc__)
    INSTALLED = Installed(sys.argv[1:])
    with INSTALLED.temporary:
        INSTALLED.install()
        unittest.main(argv=sys.argv[:1], verbosity=2)
