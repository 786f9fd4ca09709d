"""Programs and processes of this machine: find, start, wait, end.

Leaves to others what the processes are for. Invariant: only processes which the caller can name (by id, or by a
private text on their command line) are ever signalled.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where Debian puts the programs we start; an ordinary user's PATH lacks the ``sbin`` folders."""

_POLL_S = 0.02
KILLED_WITHIN_S = 60.0
"""A process ends when the machine lets it run; on a busy one that takes a while."""


class PartFailed(RuntimeError):
    """A real part could not be had or did not come up. The message says what to install or which log to read."""


def program(name: str, *, package: str) -> str:
    """Full path of a program. Raises PartFailed naming the Debian package that has it."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    if path is None:
        raise PartFailed(f"{name} is not installed: run `tools/setup` as root, or `apt-get install {package}`")
    return path


def environment(path: str = SYSTEM_PATH) -> dict[str, str]:
    """A small environment for daemons: no proxies, no credentials, nothing of the caller's but the time zone.

    GOGC has programs in Go, and all that they start, look for garbage less often: the start of a container costs a
    sixth less processor time.
    """
    return {"PATH": path, "HOME": "/root", "TZ": os.environ.get("TZ", "UTC"), "GOGC": "400"}


def run(*argv: str) -> str:
    """Run a short command; returns its standard output. Raises PartFailed with its standard error."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, env=environment())
    if done.returncode != 0:
        raise PartFailed(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def start_daemon(argv: Sequence[str], *, log: Path, cwd: Path, path: str = SYSTEM_PATH) -> subprocess.Popen[bytes]:
    """Start a daemon in a session of its own (so that Ctrl-C does not reach it); output is appended to ``log``.
    ``path``: where it looks for programs.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
            env=environment(path),
        )


def wait_until(ready: Callable[[], bool], *, seconds: float) -> bool:
    """Ask until ``ready`` says yes; False when it did not in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def end(process: subprocess.Popen[bytes], how: signal.Signals, *, seconds: float) -> None:
    """Signal a daemon of ours and wait for its end; killed when it takes longer than ``seconds``."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)


def tail(log: Path, *, lines: int = 15) -> str:
    """The last lines of a log, for error messages."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def processes_with(*texts: str) -> Iterator[int]:
    """Ids of processes which have one of the texts in their command line or cgroup path. Ended ones that nobody
    has waited for (zombies) are left out, and so is the caller.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            facts = _read(entry / "cmdline").replace("\0", " ") + "\n" + _read(entry / "cgroup")
            if any(text in facts for text in texts) and ") Z " not in _read(entry / "stat"):
                yield int(entry.name)


def kill_all(*texts: str) -> None:
    """SIGKILL every process which names one of the (private!) texts, until none is left."""

    def none_left() -> bool:
        left = list(processes_with(*texts))
        for pid in left:
            _kill(pid)
        return not left

    if not wait_until(none_left, seconds=KILLED_WITHIN_S):
        raise PartFailed(f"processes of {texts} survive SIGKILL: {list(processes_with(*texts))}")


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process ended between listing and reading
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
