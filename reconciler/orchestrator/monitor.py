"""Monitor: the address where metrics, health and the status page of the fleet are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from reconciler.errors import InvalidSettings
from reconciler.orchestrator.meters import Meters
from reconciler.orchestrator.pages.opening import PageSettings, end_old, keep_live, make_site, page_context
from reconciler.orchestrator.pages.reading import Reading, Sources
from reconciler.orchestrator.upkeep import Upkeep
from reconciler.tls.certificates import Certificate
from reconciler.tls.connections import Connections
from reconciler.web.endpoints import make_app
from reconciler.web.server import Server

log = structlog.get_logger("reconciler.orchestrator")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """``address``: host and port. ``names``: under which it is reached, as the fleet is called first. ``roots``:
    whose people may see the page.
    """

    address: tuple[str, int]
    names: tuple[str, ...]
    roots: tuple[Certificate, ...]
    page: PageSettings = field(default_factory=PageSettings)


class Monitor:
    """Listens between ``start`` and ``stop``. ``connections`` know who is denied, and cut off whoever is."""

    def __init__(
        self, settings: MonitorSettings, sources: Sources, meters: Meters, upkeep: Upkeep, connections: Connections
    ) -> None:
        """Raises InvalidSettings."""
        self._settings = settings
        self._reading = Reading(sources)
        self._meters, self._upkeep, self._connections = meters, upkeep, connections
        self._context = page_context(settings.page, settings.roots)
        self._trusted = settings.roots
        self._trouble = ""
        self._server: Server | None = None
        self._telling: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens; "" while it does not."""
        return self._server.url if self._server else ""

    async def start(self) -> None:
        """Raises InvalidSettings when the address cannot be had, or the page's settings are wrong."""
        settings = self._settings
        site = make_site(settings.page, settings.address[0], settings.names, self._reading, self._connections)
        app = make_app(self._meters.render, self._upkeep.ready, self._upkeep.healthy, site=site)
        app.on_response_prepare.append(end_old)
        self._server = Server(app, settings.address, encryption=self._context.context if self._context else None)
        await self._server.start()
        self._telling = asyncio.create_task(keep_live(site.live, self._reading))
        self._telling.add_done_callback(_told_no_more)

    async def stop(self) -> None:
        """Close the socket and all connections."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        if self._server is not None:
            await self._server.stop()

    def trust(self, roots: tuple[Certificate, ...]) -> None:
        """Let people in whose certificates these have signed, from the next connection on. Where the page's own
        certificate cannot be read just now, the former roots count until this is asked again.
        """
        if self._context is None or roots == self._trusted:
            return
        try:
            self._context.trust(roots)
        except InvalidSettings as error:
            if str(error) != self._trouble:
                log.warning("the status page still trusts the former roots", error=str(error))
            self._trouble = str(error)
            return
        self._trusted, self._trouble = roots, ""


def _told_no_more(task: asyncio.Task[None]) -> None:
    """A page that is no longer live is no reason to call the orchestrator unwell."""
    if not task.cancelled():
        log.error("browsers are not told of changes any more", exc_info=task.exception())
