"""A wall clock that is set under a running program. Time that only counts on, as deadlines are measured, goes on
as it does when a real clock is set; so do the times of files.

In Python, not by libfaketime: its ``clock_nanosleep`` does not understand Python's sleep (to a monotonic moment).
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

_CUSTOMIZE = Path(__file__).parent / "jumping_clock"


class WallClock:
    """What a program sees that is started with ``variables``; right until it is set."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.ahead(0)

    def variables(self, path: str) -> dict[str, str]:
        """For the environment of a program whose PYTHONPATH is ``path`` otherwise."""
        return {"JUMPING_CLOCK": str(self._file), "PYTHONPATH": os.pathsep.join((str(_CUSTOMIZE), path))}

    def ahead(self, seconds: int) -> None:
        """So far ahead of the true time (behind: negative), from now on."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(str(seconds))
        draft.replace(self._file)

    def now(self, moment: datetime) -> None:
        """It is this moment now."""
        self.ahead(int(moment.timestamp() - time.time()))
