"""Log lines of commands: the way out is made when the first line comes, since most commands have none to tell."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.config import LogLevel


class LateHandler(logging.Handler):
    """Makes the real way out at the first record, and sends this one along. Replaces itself by doing so."""

    def __init__(self, *, level: LogLevel, color: bool) -> None:
        super().__init__()
        self._least: LogLevel = level
        self._color = color

    def emit(self, record: logging.LogRecord) -> None:
        from reconciler.cli.logs import set_up_logs

        set_up_logs(format="text", level=self._least, color=self._color)
        for handler in logging.getLogger().handlers:  # not its logger: who else listens there has heard it
            handler.handle(record)


def set_up_logs_when_needed(*, level: LogLevel, color: bool) -> None:
    """As ``set_up_logs`` for a person's eyes; nothing is loaded before there is a line of this level."""
    logging.basicConfig(handlers=[LateHandler(level=level, color=color)], level=level.upper(), force=True)
