"""Endpoint for rollouts: a person stops one, goes on with it, or takes it back.

What is decided stands in the audit log before it is done, and changes what is remembered of the rollout alone;
what hosts get by that follows with the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from reconciler.core.rollout import Course, HostFacts, paused, resumed, taken_back
from reconciler.errors import NotKnown, RequestConflict
from reconciler.orchestrator.admin_endpoints import decision, who
from reconciler.orchestrator.bringing import scenery_of
from reconciler.orchestrator.decisions import Decisions
from reconciler.orchestrator.document_views import rollout_view
from reconciler.orchestrator.handing_out import HandingOut
from reconciler.orchestrator.requests import answer, read_request
from reconciler.orchestrator.routing import Handlers
from reconciler.orchestrator.store import rollouts
from reconciler.orchestrator.wishes import Wish

Act = Callable[[Course, Iterable[HostFacts], str], Course]

ACTIONS: Final[Mapping[str, Act]] = {
    "pause": lambda course, _hosts, by: paused(course, f"paused by {by}"),
    "resume": lambda course, hosts, _by: resumed(course, hosts),
    "rollback": lambda course, _hosts, by: taken_back(course, f"taken back by {by}"),
}


class RolloutEndpoints:
    """``handing_out`` looks again after a change."""

    def __init__(self, decisions: Decisions, handing_out: HandingOut) -> None:
        self._decisions = decisions
        self._handing_out = handing_out

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {"change-rollout": self.change}

    async def change(self, request: web.Request) -> web.Response:
        """Stop, go on, or take back."""
        action = read_request(await request.read(), "RolloutRequest")["action"]
        told = await asyncio.to_thread(self._change, request, action)
        self._handing_out.ask()
        return answer(told)

    def _change(self, request: web.Request, action: str) -> dict[str, object]:
        wish, now = self._wish(request.match_info["name"]), datetime.now(UTC)
        decided = decision(request, f"rollout-{action}", wish.name, wish.version, document=wish.name)
        with self._decisions.deciding(decided) as on:
            scenery = scenery_of(on, now)
            course = ACTIONS[action](scenery.course(wish), scenery.hosts(wish), who(request))
            rollouts.keep(on, wish.name, course, now=now)
            return rollout_view(scenery_of(on, now), wish)

    def _wish(self, name: str) -> Wish:
        """Raises NotKnown, RequestConflict."""
        found = [item for item in self._handing_out.wishes.wishes if item.name == name]
        if not found:
            raise NotKnown(f"there is no document {name[:80]!r}", hint="'reconciler fleet documents' names all")
        if found[0].pace is None:
            raise RequestConflict(f"the document {name} does not go out in waves", hint="spec.rollout says how")
        return found[0]
