#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the static library that is installed: one object, with the exported names global only.

usage: archive.py OUTPUT EXPORTS OBJCOPY AR ARCHIVE... -- LINK...

Hidden names are hidden between shared objects, but not in an archive: there they could meet names
of whoever links it, or of another library of ours. So all is linked into one object by LINK (a
compiler with arguments), and every name that is not in the file EXPORTS is made local. An ARCHIVE
may be thin.
"""

import os
import subprocess
import sys
import tempfile


def make(output, exports, objcopy, ar, archives, link):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(output) or ".") as folder:
        name = os.path.basename(output).removeprefix("lib").removesuffix(".a")
        whole, sealed = os.path.join(folder, "whole.o"), os.path.join(folder, name + ".o")
        subprocess.run([*link, "-r", "-nostdlib", "-o", whole, "-Wl,--whole-archive", *archives,
                        "-Wl,--no-whole-archive"], check=True)
        subprocess.run([objcopy, f"--keep-global-symbols={exports}", whole, sealed], check=True)
        if os.path.exists(output):
            os.remove(output)
        subprocess.run([ar, "crsD", output, sealed], check=True)


if __name__ == "__main__":
    if "--" not in sys.argv[5:]:
        sys.exit(__doc__)
    i_link = sys.argv.index("--", 5)
    make(*sys.argv[1:5], sys.argv[5:i_link], sys.argv[i_link + 1:])
