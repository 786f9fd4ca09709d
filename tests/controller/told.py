"""What the controller told in its log, whichever way a line was made."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from structlog.testing import capture_logs


@contextmanager
def told_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines that are told meanwhile, in their order, each with its ``event``."""
    with capture_logs() as lines:
        keeper = _Keeper(lines)
        logger = logging.getLogger("reconciler")
        level = logger.level
        logger.addHandler(keeper)
        logger.setLevel(logging.INFO)
        try:
            yield lines
        finally:
            logger.setLevel(level)
            logger.removeHandler(keeper)


class _Keeper(logging.Handler):
    def __init__(self, lines: list[MutableMapping[str, Any]]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        line = {"event": record.getMessage(), "log_level": record.levelname.lower(), "exc_info": error}
        self._lines.append(line)
