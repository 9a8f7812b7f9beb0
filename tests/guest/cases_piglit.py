# SPDX-License-Identifier: MIT
"""Piglit's tests of OpenGL, held against what they say on QEMU's own device (tests/golden)."""

import pathlib
import re
import time

from cases_3d import case, guest, must
from process import Failure

HERE = pathlib.Path(__file__).resolve().parent
PIGLIT = "/usr/lib/x86_64-linux-gnu/piglit"
ENV = f"PIGLIT_PLATFORM=gbm PIGLIT_SOURCE_DIR={PIGLIT} PIGLIT_NO_WINDOW=1"
# "lost": oriel-render did not survive it, whatever the test itself says.
BETTER = ["lost", "crash", "timeout", "fail", "warn", "skip", "pass"]


def read_list(path):
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def read_results(path):
    """Results by test, of a file that may not be there."""
    if not path.exists():
        return {}
    return {test: result for result, test in
            (line.split(": ", 1) for line in read_list(path))}


def run_test(agent, test):
    """Run one test in the guest: pass, warn, skip, fail, crash or timeout."""
    command = f"{ENV} timeout -k 5 120 bin/{test} -auto -fbo; echo status $?"
    said = must(agent, f"cd {PIGLIT}; ({command}) 2>&1 | tail -n 40")
    found = re.findall(r'^PIGLIT: .*"result": "(\w+)"', said, re.M)
    if found:
        return found[-1]
    return "timeout" if re.search("^status (124|137)$", said, re.M) else "crash"


def judge(lab, test):
    """Run one test, in a guest that is up; a guest that does not survive it is replaced."""
    agent = guest(lab)
    losses = lab.count_losses()
    try:
        result = run_test(agent, test)
    except Failure as failure:
        print(f"  {test}: {failure}\n{lab.tails()}", flush=True)
        lab.discard()
        return "crash"
    return result if lab.count_losses() == losses else "lost"


def run_missing(lab, tests, path):
    """Run what has no result in the file yet, and write it there, as long as there is time."""
    done = read_results(path)
    end = time.monotonic() + 60 * lab.options.minutes
    with open(path, "a", encoding="ascii") as file:
        for test in tests:
            if test not in done and time.monotonic() < end:
                print(f"{judge(lab, test)}: {test}", file=file, flush=True)


def find_worse(results, golden):
    """What does worse than it should, a line each."""
    return [f"{test}: {result} instead of {golden.get(test, 'a result in tests/golden')}"
            for test, result in results.items()
            if test not in golden or BETTER.index(result) < BETTER.index(golden[test])]


def run_list(lab, name):
    """Run a checked-in list of tests, and hold it against its results in tests/golden."""
    tests = read_list(HERE / f"{name}.txt")
    path = lab.options.out / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not lab.options.resume:
        path.unlink(missing_ok=True)
    run_missing(lab, tests, path)
    results = read_results(path)
    verdicts = list(results.values())
    counted = [f"{verdicts.count(word)} {word}" for word in BETTER if word in verdicts]
    print(f"  {len(results)} of {len(tests)}: " + ", ".join(counted))
    worse = find_worse(results, read_results(HERE.parent / f"golden/{name}.txt"))
    if worse and lab.is_oriel:
        raise Failure("\n".join(worse))
    if len(results) < len(tests) and lab.is_oriel:
        raise Failure(f"{len(tests) - len(results)} tests were not run")


@case
def piglit(lab):
    """About a hundred of piglit's tests: none does worse than on QEMU's own device."""
    run_list(lab, "piglit")


@case
def piglit_long(lab):
    """About a thousand of piglit's tests, for scripts/check-long."""
    run_list(lab, "piglit-long")
