"""The orchestrator's API as its operators use it: settings from a file, a certificate, and answers or words.

``fleet.json`` says where the orchestrator is and where the passport lies, beside it where the path is relative.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import click

from reconciler.errors import (
    AccessRefused,
    InputError,
    InvalidSettings,
    NotKnown,
    RequestStale,
    TemporaryError,
    TerminalError,
)
from reconciler.host_file import ANYTHING, Untrusted, read_trusted
from reconciler.tls.connector import Connector
from reconciler.tls.contexts import client_context
from reconciler.tls.passport import LIMIT, Passport, read_passport
from reconciler.tls.standing import problems

WITHIN_S: Final = 30.0
ANSWER_BYTES: Final = 32 << 20

KINDS: Final[Mapping[int, type[InputError | AccessRefused | TemporaryError]]] = {
    403: AccessRefused,
    404: NotKnown,
    412: RequestStale,
    503: TemporaryError,
}

VERSION: Final = 1
PAGE: Final = 100

json_option = click.option("--json", "as_json", is_flag=True, help="JSON for programs.")


def fleet_option(command: Any) -> Any:
    """``--fleet FILE``, as the parameter ``fleet``."""
    return click.option(
        "--fleet",
        type=click.Path(path_type=Path, dir_okay=False),
        default=_default,
        envvar="RECONCILER_FLEET",
        show_default="~/.config/reconciler/fleet.json",
        help="Settings of who operates a fleet.",
    )(command)


def _default() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(home) / "reconciler" / "fleet.json"


@dataclass(frozen=True, slots=True)
class FleetClient:
    """``server`` is the orchestrator's URL."""

    server: str
    passport: Passport

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str | int] | None = None,
        match: int | None = None,
    ) -> Any:
        """The answer, None where there is nothing in it. ``match``: the revision that is to be changed. Raises
        InputError, AccessRefused, TemporaryError.
        """
        headers = {} if match is None else {"If-Match": f'"{match}"'}
        content = None if body is None else json.dumps(body).encode()
        return asyncio.run(self._ask(method, path, data=content, params={**(query or {})}, headers=headers))

    def keep(self, digest: str, content: bytes) -> None:
        """Have the orchestrator keep this content. Raises as ``ask`` does."""
        asyncio.run(self._ask("PUT", f"/v1/artifacts/{digest}", data=content))

    def pages(self, path: str, query: Mapping[str, str], *, most: int) -> Iterator[Any]:
        """Items of all pages, so many at most."""
        cursor = ""
        while most > 0:
            asked: dict[str, str | int] = {**query, "limit": min(most, PAGE)}
            asked |= {"cursor": cursor} if cursor else {}
            found = self.ask("GET", path, query=asked)
            yield from found["items"]
            most -= len(found["items"])
            cursor = found.get("next", "")
            if not cursor:
                return

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        timeout = aiohttp.ClientTimeout(total=WITHIN_S)
        connector = Connector(ssl=client_context(self.passport))
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
                session.request(method, self.server + path, **request) as answer,
            ):
                return _read(answer.status, await _bounded(answer))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(
                f"could not ask the orchestrator {self.server}: {error or 'no answer'}", hint=self._hint()
            ) from error

    def _hint(self) -> str:
        told = problems(self.passport, now=datetime.now(UTC))
        return "; ".join(told) or "is it running, and is the certificate of its authority?"


def open_fleet(path: Path) -> FleetClient:
    """Raises InvalidSettings where the settings or the passport cannot be used."""
    try:
        value = json.loads(path.read_bytes())
        server, file = str(value["server"]).rstrip("/"), path.parent / str(value["passport"])
        passport = read_passport(read_trusted(file, forbidden=ANYTHING, limit=LIMIT, uid=os.geteuid()))
    except FileNotFoundError as error:
        raise InvalidSettings(
            f"{error.filename or path} is not there",
            hint="'orchestrator init' makes fleet.json and passport.pem; name the first with --fleet",
        ) from None
    except Untrusted as error:
        raise InvalidSettings(str(error), hint=error.hint) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidSettings(f"{path} cannot be used: {error}") from error
    return FleetClient(server, passport)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for part in answer.content.iter_chunked(64 << 10):
        content += part
        if len(content) > ANSWER_BYTES:
            raise TerminalError(f"the orchestrator answered more than {ANSWER_BYTES} bytes")
    return bytes(content)


def _read(status: int, content: bytes) -> Any:
    value: Any = None
    if content:
        try:
            value = json.loads(content)
        except ValueError as error:
            raise TerminalError(f"the orchestrator answered something else than JSON (status {status})") from error
    if status // 100 == 2:
        return value
    told = value if isinstance(value, dict) else {}
    title, detail = str(told.get("title", f"status {status}")), str(told.get("detail", ""))
    if status in KINDS:
        raise KINDS[status](title, hint=detail)
    raise InputError(title, hint=detail) if status // 100 == 4 else TerminalError(title, hint=detail)
