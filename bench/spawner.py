"""Starts programs for the bench, one for each line of JSON on standard input, and tells what each took.

A program of its own, and a small one: the kernel counts towards a process's peak memory what its parent had when
it was started. Imports nothing but the standard library, and no more of it than it takes.
"""

import json
import os
import sys
import time


def run(argv: list[str], environment: dict[str, str], folder: str, log: str) -> dict[str, float]:
    """Wall time, processor time and peak memory of one program and of those it waited for; its exit status."""
    os.chdir(folder)
    output = [
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=output)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }


for line in sys.stdin:
    print(json.dumps(run(*json.loads(line))), flush=True)
