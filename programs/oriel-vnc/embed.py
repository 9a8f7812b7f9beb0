#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes C of the web page's files: embed.py OUTPUT FILE...

What a browser asks for "/" is index.html, and "/NAME" any other file.
"""

import pathlib
import sys

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def array(name, data):
    rows = [", ".join(str(byte) for byte in data[i:i + 24]) for i in range(0, len(data), 24)]
    return f"static const uint8_t {name}[] = {{\n" + ",\n".join(rows) + "\n};\n"


def main(output, *names):
    files = [pathlib.Path(name) for name in names]
    parts = ["/* Made by embed.py. */\n#include \"oriel-vnc/files.h\"\n\n"]
    entries = []
    for i, file in enumerate(files):
        data = file.read_bytes()
        parts.append(array(f"file_{i}", data))
        path = "/" if file.name == "index.html" else "/" + file.name
        entries.append(f'\t{{ "{path}", "{TYPES[file.suffix]}", file_{i}, {len(data)} }},\n')
    parts.append("const struct file page_files[] = {\n" + "".join(entries) + "\t{ 0 },\n};\n")
    pathlib.Path(output).write_text("".join(parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
