"""Enrolment and renewal: how hosts get certificates.

Enrolment has a listener of its own, the only one that asks for no certificate: the roots, which are public, and
one request, which has to bring a join token. Why a token does not count is recorded here and not told.

Invariants: a certificate is signed as of a moment before it was looked whether its member is denied, so that none
is signed past a revocation; a token is used before its certificate is handed out.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from reconciler.core.member import Member, Role
from reconciler.core.secret import Secret
from reconciler.errors import AccessRefused, InputError, MessageRefused
from reconciler.orchestrator.agent_endpoints import own_name
from reconciler.orchestrator.decisions import Decision, Decisions
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.problems import problem_of, told
from reconciler.orchestrator.requests import answer, read_request
from reconciler.orchestrator.routing import Handlers, add_routes, status_of
from reconciler.orchestrator.signing import ALGORITHM
from reconciler.orchestrator.store import agents, events, invitations
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.store.events import FleetEvent
from reconciler.protocol.wire.times import time_text
from reconciler.sealing.boxes import KEY_BYTES
from reconciler.tls.authority import Authority, Issued
from reconciler.tls.certificates import fingerprint, key_digest
from reconciler.tls.guard import CONNECTIONS, PEER
from reconciler.tls.join_token import read_token, refusal
from reconciler.tls.requests import requested_key

LIMIT: Final = 64 * 1024
AT_ONCE: Final = 8
"""How many enrolments are looked at at once: whoever finds the port can ask."""

RENEW_AFTER: Final = 0.6
"""Of a certificate's life; agents choose a point around it by chance."""

_DENIED: Final = "the join token does not count here"
_HINT: Final = "ask for a new one; the orchestrator's events say why"


class Desk:
    """Signs for those who may have a certificate. ``joined`` is called after each enrolment."""

    def __init__(
        self,
        home: Home,
        database: Database,
        decisions: Decisions,
        *,
        life: timedelta,
        joined: Callable[[], None],
    ) -> None:
        self._decisions = decisions
        self._joined = joined
        self._home = home
        self._database = database
        self._life = life
        self._places = asyncio.Semaphore(AT_ONCE)

    def enrolment(self) -> web.Application:
        """What the listener without certificates serves."""
        app = web.Application(middlewares=[_plainly_refused, told], client_max_size=LIMIT)
        add_routes(app.router, {"roots": self.roots, "enroll": self.enroll})
        return app

    @property
    def handlers(self) -> Handlers:
        """For members, by the name of their route."""
        return {"roots": self.roots, "renew": self.renew}

    async def roots(self, _request: web.Request) -> web.Response:
        """The roots that are trusted: public."""
        authority = await asyncio.to_thread(self._home.authority.authority)
        return web.Response(body=authority.bundle, content_type="application/x-pem-file")

    async def enroll(self, request: web.Request) -> web.Response:
        """A host joins."""
        now = datetime.now(UTC)
        value = read_request(await request.read(), "EnrollRequest")
        async with self._places:
            answered = await asyncio.to_thread(self._enroll, value, now)
        self._joined()
        return answered

    async def renew(self, request: web.Request) -> web.Response:
        """A member's next certificate."""
        now = datetime.now(UTC)
        name = own_name(request)
        value = read_request(await request.read(), "RenewRequest")
        if reason := await request[CONNECTIONS].refusal(request[PEER]):
            raise AccessRefused(reason)
        return await asyncio.to_thread(self._renew, name, value, now)

    def _enroll(self, value: Mapping[str, Any], now: datetime) -> web.Response:
        request = value["certificateRequest"].encode()
        key = key_digest(requested_key(request))
        authority = self._home.authority.authority()
        with self._database.read() as on:
            found = _looked_up(on, value, key, authority, now)
        if isinstance(found, str):
            self._note_refusal(value["agent"], found, now)
            raise AccessRefused(_DENIED, hint=_HINT)
        target = found.invitation.target
        member = Member(Role.AGENT, target)
        with self._decisions.deciding(Decision(actor=member.uri, what="enrolled", about=target)) as on:
            if not invitations.use(on, found.invitation.digest, key=key, now=now):
                raise AccessRefused(_DENIED, hint=_HINT)
            issued = authority.sign(request, member, now=now, life=self._life)
            agents.enrolled(on, target, _papers(value, issued), labels=found.labels, now=now)
        return self._certificate(issued)

    def _note_refusal(self, name: str, why: str, now: datetime) -> None:
        """In the events alone: whoever finds the port can cause it."""
        with self._database.write() as on:
            events.add(on, FleetEvent(now, "somebody", "enrolment-refused", name, why))

    def _renew(self, name: str, value: Mapping[str, Any], now: datetime) -> web.Response:
        member = Member(Role.AGENT, name)
        request = value["certificateRequest"].encode()
        issued = self._home.authority.authority().sign(request, member, now=now, life=self._life)
        with self._database.write() as on:
            agents.renewed(on, name, _papers(value, issued))
        return self._certificate(issued)

    def _certificate(self, issued: Issued) -> web.Response:
        key = self._home.key
        told_key = {"keyId": key.id, "algorithm": ALGORITHM, "value": key.public.decode()}
        body = {
            "certificate": issued.chain.decode(),
            "authorities": issued.roots.decode(),
            "taskKeys": [told_key],
            "notAfter": time_text(issued.ends),
            "renewAfter": time_text(issued.begins + (issued.ends - issued.begins) * RENEW_AFTER),
        }
        return answer(body, status=status_of("enroll"))


def _looked_up(
    on: Connection, value: Mapping[str, Any], key: str, authority: Authority, now: datetime
) -> invitations.Kept | str:
    """The invitation; or why there is none that counts."""
    try:
        token = read_token(Secret(value["token"].encode()))
    except InputError as error:
        return error.message
    if value["agent"] != token.target:
        return f"the token is for {token.target}"
    kept = invitations.find(on, token.digest)
    roots = tuple(map(fingerprint, authority.roots))
    refused = refusal(token, kept.invitation if kept else None, key=key, roots=roots, now=now)
    return refused or kept or "there is no such invitation"


def _papers(value: Mapping[str, Any], issued: Issued) -> agents.Papers:
    """Raises MessageRefused where the sealing key is none."""
    text: str = value["sealingKey"]
    try:
        size = len(base64.b64decode(text, validate=True))
    except ValueError:
        size = 0
    if size != KEY_BYTES:
        raise MessageRefused(
            f"the request is refused: sealingKey is not {KEY_BYTES} bytes in base64",
            reason="invalid",
            where="sealingKey",
        )
    return agents.Papers(sealing_key=text, certificate_ends=issued.ends)


@web.middleware
async def _plainly_refused(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Where there is no guard, as nobody has a certificate yet."""
    try:
        return await handler(request)
    except AccessRefused as error:
        return problem_of(error).response()
