"""SIGKILL meets writers of the log, again and again: the chain goes on, and what was told as written is there."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.audit.logs import a_log, done, looked_at, records

WRITER = """
import sys
from pathlib import Path
from tests.audit.logs import a_log, deed
log = a_log(Path(sys.argv[1]), size=20_000)
while True:
    what = deed(cause="x" * 200)
    number = log.intent(what)
    print(number, flush=True)
    log.outcome(number, what, outcome="done")
"""
ROUNDS = 6
SEED = 20260601


def writer(state: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(state)], stdout=subprocess.PIPE)


def killed(process: subprocess.Popen[bytes]) -> list[int]:
    """The numbers of the intents that it was told are written."""
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate()
    return [int(word) for word in said[: said.rfind(b"\n") + 1].split()]


def test_two_writers_that_are_killed_again_and_again_leave_one_whole_chain(tmp_path: Path) -> None:
    chance, told = random.Random(SEED), set[int]()  # noqa: S311  (the same in every run)
    for _ in range(ROUNDS):
        first, second = writer(tmp_path), writer(tmp_path)
        for process in (first, second):
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.05))
        told.update(killed(first), killed(second))
    log = a_log(tmp_path)
    log.take_over()
    done(log)
    found = looked_at(tmp_path)
    assert (found.faults, found.told, found.unfinished) == ((), (), False)
    written = records(tmp_path)
    intents = {record["sequence"] for record in written if record["kind"] == "intent"}
    assert told <= intents
    ended = {record["intent"] for record in written if record["kind"] == "outcome"}
    assert ended == intents
