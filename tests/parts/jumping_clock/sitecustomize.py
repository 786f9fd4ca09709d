"""Where a program has this folder in its PYTHONPATH its wall clock is set from outside: ``tests/parts/clock.py``.

Python imports this before the program: whoever asks ``time.time`` or ``time.time_ns`` gets the jumped clock, also
by a default argument. Time that only counts on is the true one, and so are the times of files.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_FILE = Path(os.environ["JUMPING_CLOCK"])
_TRUE_NS = time.time_ns


def _jumped_ns() -> int:
    """Nanoseconds since the epoch: the true time, and as many seconds as the file says."""
    return _TRUE_NS() + int(_FILE.read_text()) * 10**9


def _jumped() -> float:
    return _jumped_ns() / 1e9


time.time_ns = _jumped_ns
time.time = _jumped
