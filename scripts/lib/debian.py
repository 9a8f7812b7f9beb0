# SPDX-License-Identifier: MIT
"""What the scripts share that make something of Debian's packages and keep it in a cache.

It lies in $ORIEL_CACHE, else $XDG_CACHE_HOME/oriel, else ~/.cache/oriel, under a name that is a
hash of the script that makes it and of what it was asked for: a change there makes another one. Concurrent calls wait for each
other. The mirror is the one of the host's apt sources; other hosts name it with --mirror.
"""

import argparse
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What nobody reads there.
UNREAD = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*",
          "/usr/share/lintian/*"]
PROGRAM = pathlib.Path(sys.argv[0]).name


def say(text):
    print(f"{PROGRAM}: {text}", file=sys.stderr, flush=True)


def stop(text):
    sys.exit(f"{PROGRAM}: {text}")


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("ORIEL_CACHE") or os.path.join(base, "oriel"))


def host_mirror():
    """The host's own Debian mirror: the first that apt uses and that calls itself Debian."""
    if shutil.which("apt-get") is None:
        stop("this is no Debian host; name a mirror with --mirror")
    form = "$(ORIGIN)\t$(REPO_URI)\t$(RELEASE)"
    lines = subprocess.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    for line in lines:
        origin, uri, release = line.split("\t")
        if origin == "Debian" and "-" not in release:
            return uri.rstrip("/")
    stop("apt's sources name no Debian mirror; name one with --mirror")


def host_apt_options():
    """What the host's apt was told about how to reach its servers, for the apt of the root."""
    lines = subprocess.run(["apt-config", "dump", "--format", '%F "%v";%n', "Acquire"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    wanted = ("acquire::http", "acquire::https", "acquire::retries", "acquire::check-")
    return [f"--aptopt={line}" for line in lines if line.lower().startswith(wanted)]


def run_logged(what, command, log, **more):
    """Run a command that may take minutes: say that it goes on, and its last lines if it fails."""
    say(what)
    started = said = time.monotonic()
    with open(log, "ab") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, **more)
        try:
            while True:
                try:
                    status = child.wait(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() - said >= 15:
                        said = time.monotonic()
                        say(f"{what} ({said - started:.0f} s so far)")
        except BaseException:
            child.terminate()
            child.wait()
            raise
    if status != 0:
        tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-15:]
        stop("\n".join([f"{command[0]} failed with status {status}; its last words:"] + tail))


def bootstrap_command(mirror, suite, packages, hooks=(), archive=None, excluded=()):
    """mmdebstrap's command line: the root becomes a tar archive, or only the hooks see it.

    excluded are files that are not unpacked, beside those that nobody reads.
    """
    command = ["mmdebstrap", "--variant=minbase", f"--keyring={KEYRING}",
               "--format=" + ("null" if archive is None else "tar"),
               "--include=" + ",".join(packages)]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in (*UNREAD, *excluded)]
    # If the host dies, so does what is being made: nothing needs to reach the disk.
    command += ["--dpkgopt=force-unsafe-io"]
    command += host_apt_options()
    if suite == "sid":
        # Its lists are renewed several times a day, and a mirror may be behind.
        command += ["--aptopt=Acquire::Check-Valid-Until \"false\""]
    command += [f"--customize-hook={hook}" for hook in hooks]
    return command + [suite, str(archive or "/dev/null"), f"deb {mirror} {suite} main"]


def make(programs, fill, mirror, folder):
    """Make the thing beside its place, and move it there when it is complete."""
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            stop(f"{program} is not installed")
    if not os.path.exists(KEYRING):
        stop(f"{KEYRING} is missing: install debian-archive-keyring")
    started = time.monotonic()
    work = pathlib.Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
    # In a user's namespace somebody else, the namespace's root, enters it.
    work.chmod(0o755)
    try:
        fill(mirror, work)
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"made in {time.monotonic() - started:.0f} s")


def argument_parser(script):
    usage = script["__doc__"].splitlines()
    parser = argparse.ArgumentParser(usage=usage[2].partition(": ")[2], description=usage[0])
    parser.add_argument("--rebuild", action="store_true", help="make it anew, with newer packages")
    parser.add_argument("--mirror", help="Debian mirror; default: that of the host's apt sources")
    parser.add_argument("--if-cached", action="store_true",
                        help="make nothing: exit with status 1 if there is none yet")
    return parser


def run(script, options, name, programs, fill, asked_for=(), more_sources=()):
    """The whole of such a script: print the folder name-HASH, which fill(mirror, folder) makes.

    asked_for: words that decide, beside the script and more_sources, what it makes.
    """
    sources = [script["__file__"], __file__, *more_sources]
    content = [pathlib.Path(path).read_bytes() for path in sources] + [word.encode() for word in asked_for]
    key = hashlib.sha256(b"\0".join(content)).hexdigest()[:12]
    cache = cache_folder()
    folder = cache / f"{name}-{key}"
    if not options.rebuild and folder.is_dir():
        print(folder)
        return
    if options.if_cached:
        stop(f"there is none in {cache} yet: run scripts/{PROGRAM}")
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{name}.lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another one that makes it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if options.rebuild or not folder.is_dir():
            make(programs, fill, options.mirror or host_mirror(), folder)
    print(folder)
