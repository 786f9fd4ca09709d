"""Connection: has a link wherever one can be had, and says once why there is none.

A WebSocket is preferred. Where none comes about, or it ends before a session has begun, requests are used for a
while, and then the WebSocket is tried again. Between two tries lies the wait that the session asks for, drawn by
chance, so that a fleet does not come back at once.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from reconciler.agent.links import polling, websocket
from reconciler.agent.place import Enrolment
from reconciler.agent.renewal import Passports, trouble_of
from reconciler.agent.talk import Talk
from reconciler.controller.troubles import Troubles
from reconciler.errors import ReconcilerError, StateError, TemporaryError
from reconciler.tls.passport import Passport

AWAY: Final = "there is no session with the orchestrator; this host goes on alone"
SOCKETS_AGAIN_S: Final = 300.0
"""For so long requests are used after a WebSocket did not work."""

UNUSABLE_S: Final = 10.0
"""Between two looks at a certificate that does not count."""

log = structlog.get_logger("reconciler")


class Connection:
    """``sockets``: whether WebSockets are tried at all."""

    def __init__(self, enrolment: Enrolment, passports: Passports, talk: Talk, *, sockets: bool = True) -> None:
        self._enrolment = enrolment
        self._passports = passports
        self._talk = talk
        self._sockets = sockets
        self._sockets_from = 0.0
        self._troubles = Troubles()

    async def keep(self) -> None:
        """For ever."""
        while True:
            try:
                passport = await asyncio.to_thread(self._passports.current)
            except ReconcilerError as error:
                self._troubles.begins(AWAY, error)
                await asyncio.sleep(UNUSABLE_S)
                continue
            await self._session(passport)
            await asyncio.sleep(self._talk.delay())

    async def _session(self, passport: Passport) -> None:
        """One link, until it is lost."""
        sockets = self._sockets and time.monotonic() >= self._sockets_from
        self._talk.opened.clear()
        greeting = asyncio.create_task(self._welcomed(passport, sockets=sockets))
        made = False
        try:
            async with (websocket if sockets else polling)(self._enrolment, passport) as link:
                made = True
                await self._talk.over(link)
            self._ended()
        except StateError:
            return  # the talk has told it
        except ReconcilerError as error:
            if not made:
                await self._talk.failed()
            if not self._talk.opened.is_set():
                await self._unreachable(passport, error, sockets=sockets)
        finally:
            greeting.cancel()
            await asyncio.gather(greeting, return_exceptions=True)

    def _ended(self) -> None:
        """The orchestrator, or we, have said the end of it."""
        if self._talk.opened.is_set():
            log.info("the session with the orchestrator has ended", reason=self._talk.why)
        else:
            self._troubles.begins(AWAY, TemporaryError(f"the orchestrator begins no session: {self._talk.why}"))

    async def _welcomed(self, passport: Passport, *, sockets: bool) -> None:
        """When a session has begun, this passport has worked. One by requests ends when a WebSocket is due."""
        await self._talk.opened.wait()
        name = "WebSocket" if sockets else "polling"
        self._troubles.ends(AWAY, told="there is a session with the orchestrator again")
        log.info("a session with the orchestrator has begun", by=name, server=self._enrolment.server)
        await asyncio.to_thread(self._passports.worked, passport)
        if self._sockets and not sockets:
            await asyncio.sleep(max(0.0, self._sockets_from - time.monotonic()))
            self._talk.end("a WebSocket is tried again")

    async def _unreachable(self, passport: Passport, error: ReconcilerError, *, sockets: bool) -> None:
        """A WebSocket that brought no session is not tried for a while."""
        if sockets:
            self._sockets_from = time.monotonic() + SOCKETS_AGAIN_S
        words = await self._passports.explained(passport, error)
        self._troubles.begins(AWAY, trouble_of(error, words))
