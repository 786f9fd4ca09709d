"""A health check over HTTP: at which address of this host, and what came of asking there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import aiohttp

from reconciler.core.observation import ContainerRow
from reconciler.core.project import SERVICE_LABEL
from reconciler.errors import InputError
from reconciler.protocol.message.payload import HttpCheck

EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  (compared, not listened at)


def address_of(name: str, rows: Iterable[ContainerRow], check: HttpCheck) -> str:
    """Where the port is published on this host. Raises InputError where it is not, or more than one service of a
    project publishes it.
    """
    found: dict[str, str] = {}
    for row in rows:
        for port in row.ports:
            if row.running and port.container_port == check.port and port.host_port:
                host = "127.0.0.1" if port.host_ip in EVERYWHERE else port.host_ip
                url = f"http://{f'[{host}]' if ':' in host else host}:{port.host_port}{check.path}"
                found.setdefault(row.labels.get(SERVICE_LABEL, ""), url)
    if len(found) > 1:
        raise InputError(
            f"{', '.join(sorted(found))} of {name} publish a port {check.port}; it is not clear which is meant",
            hint="have one of them listen on another port, or look at the services' own checks",
        )
    if not found:
        raise InputError(
            f"no running container of {name} publishes its port {check.port}",
            hint="an agent asks over published ports; publish it, at 127.0.0.1 for this host alone",
        )
    return next(iter(found.values()))


async def ask(url: str, check: HttpCheck) -> tuple[str, bool]:
    """What came of asking, and whether it is well: a status below 400, once in so many tries."""
    limits = aiohttp.ClientTimeout(total=check.timeout_seconds)
    said = ""
    async with aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar()) as session:
        for attempt in range(check.retries + 1):
            if attempt:
                await asyncio.sleep(check.interval_seconds)
            try:
                async with session.get(url, allow_redirects=False) as answer:
                    said = f"status {answer.status}"
                    if answer.status < 400:
                        return said, True
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                said = f"no answer: {error or type(error).__name__}"
    return said, False
