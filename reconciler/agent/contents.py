"""Contents of files that documents and tasks name by digest: fetched over this agent's own session, and checked.

Whatever else comes than what was named is not used: its size and its digest decide, not who sent it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

import aiohttp

from reconciler.agent import paths
from reconciler.agent.http import asking, client
from reconciler.agent.place import Enrolment
from reconciler.agent.renewal import Passports
from reconciler.errors import VerificationFailed
from reconciler.folders import translated
from reconciler.tls.contexts import client_context

PIECE: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Named:
    """One content. ``name`` is for people."""

    name: str
    sha256: str
    size_bytes: int


class Connected:
    """One connection, for several contents."""

    def __init__(self, session: aiohttp.ClientSession, enrolment: Enrolment) -> None:
        self._session = session
        self._enrolment = enrolment

    async def fetch(self, wanted: Named, into: BinaryIO) -> None:
        """Raises AccessRefused, TemporaryError, VerificationFailed, StateUnwritable; then ``into`` holds nothing
        that counts.
        """
        url = self._enrolment.server + paths.artifact(self._enrolment.agent, wanted.sha256)
        size, digest = 0, hashlib.sha256()
        async with asking(self._session, "GET", url) as response:
            async for piece in response.content.iter_chunked(PIECE):
                size += len(piece)
                if size > wanted.size_bytes:
                    break
                digest.update(piece)
                await asyncio.to_thread(_write, into, piece)
        if size != wanted.size_bytes or f"sha256:{digest.hexdigest()}" != wanted.sha256:
            raise VerificationFailed(
                f"what came as {wanted.name} is not the {wanted.size_bytes} bytes with the digest "
                f"{wanted.sha256[:19]}",
                hint="it is not used",
            )


def _write(into: BinaryIO, piece: bytes) -> None:
    with translated("keeping what was fetched"):
        into.write(piece)


class Contents:
    """Where they come from."""

    def __init__(self, enrolment: Enrolment, passports: Passports) -> None:
        self._enrolment = enrolment
        self._passports = passports

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connected]:
        """Raises AccessRefused where this host has no certificate that counts."""
        passport = await asyncio.to_thread(self._passports.current)
        async with client(client_context(passport)) as session:
            yield Connected(session, self._enrolment)
