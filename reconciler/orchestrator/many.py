"""What many connections at once need of the process: open files, and little memory for each.

Called once, when the program starts, before anything listens.
"""

from __future__ import annotations

import resource
from asyncio.sslproto import SSLProtocol
from typing import Final

import structlog

READ_BYTES: Final = 16 << 10
"""Of the buffer that a TLS connection reads into, for as long as it lives: one record. It is 256 KiB otherwise,
most of what a connection takes.
"""

log = structlog.get_logger("reconciler.orchestrator")


def prepare() -> None:
    """Let this process have as many open files as it may, and small buffers."""
    SSLProtocol.max_size = READ_BYTES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log.warning("the limit of open files could not be raised", soft=soft, hard=hard, error=str(error))
