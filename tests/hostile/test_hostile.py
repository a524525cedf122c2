#!/usr/bin/env python3
"""Runs the real program on every case of cases.py, with little address space.

   test_hostile.py STACK [CASE...]

Each must end with status 1 and a diagnostic that names file, line and column (or be accepted where the
case says so), using at most 64 MiB. The processor time is printed; only a hang is a failure.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time

from cases import CASES

MAX_RSS_KIB = 64 * 1024
ADDRESS_SPACE = 512 << 20
HANG_SECONDS = 60
PLACED = re.compile(r"^(compose\.yaml|\.env):\d+:\d+: error: (.*)$", re.MULTILINE)


def write(path, pieces):
    with open(path, "wb") as file:
        for piece in pieces:
            file.write(piece.encode() if isinstance(piece, str) else piece)


def run(stack, folder, env):
    """Exit status, standard error, kilobytes, milliseconds of processor time."""
    output = os.path.join(folder, "stderr")
    with open(output, "wb") as stderr:
        start = time.monotonic()
        process = subprocess.Popen(
            [stack, "-f", "compose.yaml", "-p", "hostile", "config", "-q"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": folder, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE,) * 2),
        )
        status = None
        while status is None:
            pid, code, usage = os.wait4(process.pid, os.WNOHANG)
            if pid != 0:
                status = os.waitstatus_to_exitcode(code)
            elif time.monotonic() - start > HANG_SECONDS:
                process.kill()
            else:
                time.sleep(0.001)
        process.returncode = status
    milliseconds = (usage.ru_utime + usage.ru_stime) * 1000
    with open(output, errors="replace") as stderr:
        return status, stderr.read(1 << 20), usage.ru_maxrss, milliseconds


def check(stack, name):
    """What is wrong, or nothing; and a line to show."""
    function, message, env, dotenv, accepted = CASES[name]
    with tempfile.TemporaryDirectory(prefix="stack-hostile.") as folder:
        if dotenv:
            write(os.path.join(folder, "compose.yaml"), ["services: {web: {image: host}}\n"])
            write(os.path.join(folder, ".env"), function())
        else:
            write(os.path.join(folder, "compose.yaml"), function())
        status, stderr, kilobytes, milliseconds = run(stack, folder, env)
    found = PLACED.search(stderr)
    shown = f"{found.group(0)[:90]}" if found else "accepted" if status == 0 else stderr[:200]
    line = f"{name:40} {kilobytes / 1024:6.1f} MiB {milliseconds:8.1f} ms  {shown}"
    if kilobytes > MAX_RSS_KIB:
        return "took more than 64 MiB", line
    if status != (0 if accepted else 1):
        return f"exit status {status}", line
    if accepted:
        return None, line
    if not found:
        return "no diagnostic with file:line:col", line
    if not re.search(message, found.group(2)):
        return f"does not say '{message}'", line
    if len(stderr) > 200_000:
        return f"printed {len(stderr)} bytes and more", line
    return None, line


def main():
    stack, names = sys.argv[1], sys.argv[2:] or list(CASES)
    failures = []
    for name in names:
        problem, line = check(stack, name)
        print(line, flush=True)
        if problem:
            failures.append(f"{name}: {problem}")
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{len(names) - len(failures)} of {len(names)} hostile files answered")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
