#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the project tests can fail: each is shown a small tree with one thing wrong.

usage: selftest.py CC...
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import descriptor
import headers
import layers
import links
import needed
import options
import sources
import symbols

import archive  # of scripts/build, where symbols.py looks too

CC = sys.argv[1:] or ["cc"]
SPDX = "// SPDX-License-Identifier: MIT\n/* For a test. */\n"

TABLE = """
```layers
base:            # nothing
mem: base oriel
render: base mem
render/pixman: base render
programs: base oriel
examples: oriel
<pixman.h>: render/pixman
<GL>: render/pixman
```
"""


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)


class Layers(Tree):
    def judge(self, name, include):
        self.write("ARCHITECTURE.md", TABLE)
        self.write(name, f"#include {include}\n")
        return layers.check(self.root)[0]

    def test_allowed(self):
        for name, include in [
                ("src/mem/a.c", '"base/x.h"'), ("src/mem/a.c", '"mem/x.h"'),
                ("src/mem/a.c", "<oriel/memory.h>"), ("src/mem/a_test.c", '"fixture/check.h"'),
                ("src/render/pixman/a.c", "<pixman.h>"), ("src/base/a.c", "<stdio.h>"),
                ("programs/p/a.c", '"common/x.h"'), ("programs/p/a.c", "<oriel/gpu.h>"),
                ("examples/a.c", "<oriel/gpu.h>"), ("examples/a.c", '"b.h"'),
                ("tests/wire/a.c", '"mem/x.h"')]:
            with self.subTest(name=name, include=include):
                self.assertEqual(self.judge(name, include), [])

    def test_refused(self):
        for name, include in [
                ("src/base/a.c", '"mem/x.h"'), ("src/base/a.h", "<oriel/memory.h>"),
                ("src/base/a.c", '"oriel/memory.h"'), ("src/mem/a.c", '"x.h"'),
                ("src/mem/a.c", '"fixture/check.h"'), ("src/render/a.c", "<pixman.h>"),
                ("src/render/a.c", '"render/pixman/x.h"'), ("src/mem/a_test.c", '"render/x.h"'),
                ("src/render/pixman/a.c", '"mem/x.h"'), ("programs/p/a.c", '"mem/x.h"'),
                ("src/mem/a.c", "<GL/gl.h>"), ("src/new/a.c", "<stdio.h>"),
                ("examples/a.c", '"base/x.h"'),
                ("src/mem/a.c", '"render/pixman/x.h"')]:
            with self.subTest(name=name, include=include):
                self.assertEqual(len(self.judge(name, include)), 1)
                (self.root / name).unlink()

    def test_layer_without_a_line(self):
        with self.assertRaises(SystemExit):
            layers.read_table("```layers\nbase: other\n```\n")
        with self.assertRaises(SystemExit):
            layers.read_table("no table")


class Headers(Tree):
    def judge(self, name, text):
        self.write(name, text)
        return headers.check(self.root, CC, [], [])[0]

    def test_needs_another(self):
        self.assertEqual(self.judge("include/oriel/a.h", "int oriel_f(void);\n"), [])
        self.assertEqual(len(self.judge("include/oriel/a.h", "uint8_t oriel_f(void);\n")), 1)
        self.assertEqual(len(self.judge("include/oriel/a.h", "typeof(1) oriel_f(void);\n")), 1)

    def test_private(self):
        self.assertEqual(self.judge("src/base/a.h", "static inline int f(void) { return 0; }"), [])
        self.assertEqual(len(self.judge("src/base/a.h", "size_t f(void);\n")), 1)


class Symbols(Tree):
    def judge(self, header, source):
        header = self.write("a.h", header)
        self.write("a.c", source)
        library = str(self.root / "a.so")
        subprocess.run(CC + ["-shared", "-fPIC", "-nostdlib", str(self.root / "a.c"), "-o",
                             library], check=True)
        return symbols.check(library, [header])[0]

    def test_both_ways(self):
        header = ('#define ORIEL_API\nextern "C" {\nstruct s { int (*f)(void); };\n'
                  "typedef void (*fn)(int);\n/* int oriel_x(void); */\n"
                  "ORIEL_API_CHECKED\nint oriel_f(struct s *s);\nORIEL_API\nint *oriel_g(void);\n}")
        f, g = "int oriel_f(void *s) { return s != 0; }\n", "int *oriel_g(void) { return 0; }\n"
        self.assertEqual(self.judge(header, f + g), [])
        self.assertEqual(len(self.judge(header, f)), 1)
        self.assertEqual(len(self.judge(header, f + g + "int oriel_h(void) { return 1; }\n")), 1)
        self.assertEqual(len(self.judge(header.replace("ORIEL_API\nint *", "int *"), f + g)), 1)
        # A mark whose function is not understood: the export list would lack it.
        self.assertEqual(len(self.judge(header[:-1] + "ORIEL_API\nint oriel_h;\n}", f + g)), 1)

    def test_archive(self):
        header = self.write("a.h", "ORIEL_API\nint oriel_f(void);\n")
        self.write("a.c", "int oriel_f(void) { return 0; }\n"
                   'int __attribute__((visibility("hidden"))) oriel_g(void) { return 0; }\n')
        parts, library, names = (str(self.root / n) for n in ("parts.a", "liba.a", "names"))
        subprocess.run(CC + ["-c", "a.c"], check=True, cwd=self.root)
        subprocess.run(["ar", "crs", "parts.a", "a.o"], check=True, cwd=self.root)
        self.write("names", "oriel_f\n")
        archive.make(library, names, "objcopy", "ar", [parts], CC)
        self.assertEqual(symbols.check(library, [header])[0], [])
        self.assertEqual(len(symbols.check(parts, [header])[0]), 1)


class Needed(Tree):
    def test_only_and_never(self):
        source = self.write("a.c", "#include <math.h>\n"
                            "int main(int n, char **v) { (void)v; return (int)sqrt(n + 0.5); }\n")
        program = str(self.root / "a")
        subprocess.run(CC + ["-Wl,--no-as-needed", source, "-o", program, "-lm", "-lz"],
                       check=False, stderr=subprocess.DEVNULL)
        if not pathlib.Path(program).exists():
            self.skipTest("no zlib to link with")
        self.assertEqual(needed.check(program, "--only", ["libz.so"])[0], [])
        self.assertEqual(len(needed.check(program, "--only", ["libother.so"])[0]), 1)
        self.assertEqual(len(needed.check(program, "--never", ["libz."])[0]), 1)
        self.assertEqual(needed.check(program, "--never", ["libGL"])[0], [])


class Sources(Tree):
    def judge(self, name, text):
        self.write(name, text)
        return sources.check(self.root)[0]

    def test_licence(self):
        self.assertEqual(self.judge("a.c", SPDX), [])
        self.assertEqual(self.judge("b.py", "#!/bin/x\n# SPDX-License-Identifier: MIT\n"), [])
        self.assertEqual(len(self.judge("c.c", "int x;\n" + SPDX)), 1)
        self.assertEqual(len(self.judge("c.c", "// SPDX-License-Identifier: GPL-2.0\n/* */")), 1)
        self.assertEqual(len(self.judge("c.c", "// SPDX-License-Identifier: MIT\nint x;\n")), 1)
        self.assertEqual(self.judge("c.c", SPDX), [])
        self.assertEqual(len(self.judge("meson.build", "")), 1)
        self.assertEqual(len(self.judge("script", "#!/bin/sh\n")), 2)

    def test_notes(self):
        word = "TO" + "DO"
        self.assertEqual(self.judge("a.c", SPDX + f"// {word}(#12): later\n"), [])
        self.assertEqual(len(self.judge("a.c", SPDX + f"// {word}: later\n")), 1)
        self.assertEqual(len(self.judge("a.c", SPDX + f"// {word}(#x): later\n")), 1)
        self.assertEqual(len(self.judge("a.c", SPDX + f"// {word}(#1): x\n" * 21)), 1)
        self.assertEqual(self.judge("a.c", SPDX), [])
        self.assertEqual(len(self.judge("include/a.h", SPDX + f"// {word}(#1): x\n")), 1)


class Links(Tree):
    def judge(self, text):
        self.write("scripts/check", "")
        self.write("docs/a.md", "# A heading: `x`, y\n")
        self.write("README.md", text)
        return links.check(self.root)[0]

    def test_links(self):
        for text in ["[a](docs/a.md)", "[a](docs/a.md#a-heading-x-y)", "[a](https://x.invalid)",
                     "`scripts/check`.", "# Here\n[a](#here)", "```\n[a](none)\n```\n"]:
            with self.subTest(text):
                self.assertEqual(self.judge(text), [])
        for text in ["[a](docs/b.md)", "![a](b.png)", "[a](docs/a.md#other)", "[a](#here)",
                     "Run scripts/none.", "```\nscripts/none\n```\n"]:
            with self.subTest(text):
                self.assertEqual(len(self.judge(text)), 1)


class Descriptor(Tree):
    def judge(self, text, name="50-x.json"):
        return descriptor.check(self.write(name, text))[0]

    def test_descriptor(self):
        right = '{"description": "d", "type": "gpu", "binary": "/usr/bin/oriel-gpu"}'
        self.assertEqual(self.judge(right), [])
        self.assertEqual(len(self.judge(right, "x.json")), 1)
        for old, new in [('"/usr', '"usr'), ("/usr/bin/", "/usr/../bin/"), ('-gpu"', '"'),
                         ("gpu", "net"), ('"d"', "1"), ("}", ""), ('"type"', '"kind"')]:
            with self.subTest(new=new):
                self.assertNotEqual(self.judge(right.replace(old, new, 1)), [])


class Options(Tree):
    def test_help_and_page(self):
        program = self.write("p", "#!/bin/sh\nif [ \"$1\" = --help ]; then\n"
                             "  echo '  -a, --all   like --other'; exit 0\nfi\n"
                             "if [ \"$1\" = --old ]; then echo 'not any more'; exit 2; fi\n"
                             "echo no such option; exit 2\n")
        pathlib.Path(program).chmod(0o755)
        for page, n in [("*-a*, *--all*\n\tAs --more.\n*--old*\n", 0), ("*--old*\n", 1),
                        ("*--all*\n*--new*\n", 1)]:
            with self.subTest(page=page):
                self.assertEqual(len(options.check(program, self.write("p.scd", page))[0]), n)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
