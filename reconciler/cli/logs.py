"""Log lines: readable on a terminal, JSON elsewhere, always on standard error, never with a secret.

Our own lines (structlog) and those of libraries (logging) take the same way out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Final

from reconciler.cli.plain_structlog import structlog
from reconciler.config import LogFormat, LogLevel
from reconciler.core.display import MASK, looks_secret, without_credentials

_SECONDS: Final = "%Y-%m-%dT%H:%M:%SZ"
_EVENT_WIDTH: Final = 20

_NOISY: Final = ("alembic", "asyncio", "urllib3", "docker", "watchfiles")


def set_up_logs(*, format: LogFormat, level: LogLevel, color: bool) -> None:  # noqa: A002 - the setting's name
    """Send all log lines of at least ``level`` to standard error. May be called again."""
    readable = sys.stderr.isatty() if format == "auto" else format == "text"
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt=_SECONDS if readable else "iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(_for_eyes(color=color) if readable else [structlog.processors.JSONRenderer()]),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _for_eyes(*, color: bool) -> list[Any]:
    return [brief, structlog.dev.ConsoleRenderer(colors=color, pad_event_to=_EVENT_WIDTH)]


def brief(_: Any, __: str, event: Any) -> Any:
    """A structlog processor: leaves out empty values and all but the first line of texts, save of a traceback."""
    return {key: _first_line(key, value) for key, value in event.items() if value not in ("", None)}


def _first_line(key: str, value: Any) -> Any:
    if key == "exception" or not isinstance(value, str):
        return value
    first, *more = value.strip().splitlines() or [""]
    return f"{first} …" if more else first


def redact(_: Any, __: str, event: Any) -> Any:
    """A structlog processor: masks values whose name looks like a secret's, and credentials in URLs."""
    return {key: MASK if looks_secret(str(key)) else _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, Mapping):
        return redact(None, "", value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
