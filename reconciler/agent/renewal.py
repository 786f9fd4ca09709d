"""Renewal: which passport to show now, what is wrong with it in words, and how a new one comes in time.

A new passport is tried with the next connection, and takes the place of the former when it has worked; until then
the former stays in use. What goes wrong is told once, and tried again.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from reconciler.agent import paths
from reconciler.agent.enrolment import sealing_keys, task_keys
from reconciler.agent.http import client, post
from reconciler.agent.place import AgentPlace, Enrolment
from reconciler.controller.troubles import Troubles
from reconciler.errors import AccessRefused, ReconcilerError, TemporaryError
from reconciler.tls.certificates import fingerprint, read_pem
from reconciler.tls.contexts import client_context
from reconciler.tls.passport import Passport
from reconciler.tls.passport_folder import PassportFolder
from reconciler.tls.pinning import fetch_roots
from reconciler.tls.standing import Standing, clock_difference, problems, refused_by, standing

LOOK_S: Final = 30.0
RENEWAL: Final = "the certificate could not be renewed; the one that is there stays in use"


class Passports:
    """``renewed`` is called after a new one has come: connections are to be made anew with it."""

    def __init__(self, place: AgentPlace, enrolment: Enrolment, renewed: Callable[[], None]) -> None:
        self._place = place
        self._enrolment = enrolment
        self._renewed = renewed
        self._folder = PassportFolder(place.passport, enrolment.member)
        self._troubles = Troubles()

    def current(self) -> Passport:
        """The one to connect with. Raises AccessRefused, saying what is wrong and what to do."""
        papers = self._folder.read()
        found = self._standing()
        if found.passport is not None:
            return found.passport
        newest = max(papers.to_try, key=lambda item: item.ends, default=None)
        told = problems(newest, now=datetime.now(UTC)) if newest else papers.problems
        raise AccessRefused(
            "; ".join(told) or "this host has no certificate: enroll it again with a new join token"
        )

    def worked(self, passport: Passport) -> None:
        """A session was begun with it."""
        if self._folder.read().proven != passport:
            self._folder.proven(passport)

    def _failed(self, passport: Passport) -> None:
        papers = self._folder.read()
        if papers.unproven == passport and papers.proven is not None:
            self._folder.give_up()

    async def keep_renewing(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if await asyncio.to_thread(self._due):
                    await self.renew()
                    self._troubles.ends(RENEWAL, told="the certificate was renewed")
            except ReconcilerError as error:
                self._troubles.begins(RENEWAL, error)

    async def renew(self) -> None:
        """Have a new one. Raises what asking and keeping raise."""
        passport = await asyncio.to_thread(self.current)
        request = await asyncio.to_thread(self._folder.request)
        sealing = await asyncio.to_thread(lambda: sealing_keys(self._place).public())
        asked = {"certificateRequest": request.decode(), "sealingKey": base64.b64encode(sealing).decode()}
        url = self._enrolment.server + paths.renew(self._enrolment.agent)
        async with client(client_context(passport)) as session:
            answer = await post(session, url, asked, answer="api.Certificate")
        chain, roots = answer["certificate"].encode(), answer["authorities"].encode()
        await asyncio.to_thread(self._folder.receive, chain, roots)
        keys = task_keys(answer)
        if keys != self._enrolment.task_keys:
            self._enrolment = replace(self._enrolment, task_keys=keys)
            await asyncio.to_thread(self._place.enrolled, self._enrolment)
        self._renewed()

    async def explained(self, passport: Passport, error: Exception) -> str:
        """What is known of why no session came about with this passport: TLS says little. Where the orchestrator
        is there, and the passport is a new one, the former is tried next.
        """
        try:
            bundle, told = await fetch_roots(self._enrolment.server + paths.ROOTS)
        except ReconcilerError:
            return str(error)
        await asyncio.to_thread(self._failed, passport)
        now = datetime.now(UTC)
        try:
            roots = tuple(map(fingerprint, read_pem(bundle)))
        except ValueError:
            roots = passport.trusted
        return refused_by(roots, passport) or clock_difference(now, told) or str(error)

    def _standing(self) -> Standing:
        papers, now = self._folder.read(), datetime.now(UTC)
        newest = papers.to_try[:1]
        chance = int(fingerprint(newest[0].certificate)[:8], 16) / 0xFFFFFFFF if newest else 0.0
        return standing(papers, now=now, chance=chance)

    def _due(self) -> bool:
        found = self._standing()
        return found.state == "due"


def trouble_of(error: Exception, words: str) -> ReconcilerError:
    """An error that says ``words``, and is as lasting as ``error``."""
    return AccessRefused(words) if isinstance(error, AccessRefused) else TemporaryError(words)
