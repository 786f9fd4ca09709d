"""Which programs this process starts, for tests that promise that none is.

Python tells its audit hooks before it starts a program, by whatever function (PEP 578). A hook can't be taken
away again, so that there is one for the whole process, deaf outside of ``recorded``. Only for tests that coverage
does not measure: while such a hook runs, CPython before 3.12 refuses the trace function a new thread is given.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

_STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.exec", "os.system", "os.fork", "os.forkpty"})
_ears: list[list[str]] = []
_installed: list[object] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event in _STARTS:
        for heard in _ears:
            heard.append(f"{event} {' '.join(map(str, arguments[:2]))}")


@contextlib.contextmanager
def recorded() -> Iterator[list[str]]:
    """The list fills with what any thread of this process starts until the block ends."""
    if _hear not in _installed:
        sys.addaudithook(_hear)
        _installed.append(_hear)
    heard: list[str] = []
    _ears.append(heard)
    try:
        yield heard
    finally:
        _ears.remove(heard)
