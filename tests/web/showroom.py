"""What browsers and clients of these tests are shown: facts that a test sets, served over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.action import ContainerRef, UpdateLimits, WriteSticker
from reconciler.core.comparison import Field
from reconciler.core.difference import Drift
from reconciler.core.plan import Plan
from reconciler.core.record import Event, Operation, Record, Revision
from reconciler.core.secret import Secret
from reconciler.core.status import DocumentStatus
from reconciler.core.status_text import worst_first
from reconciler.spec.build import build
from reconciler.web.access import Access, Patience
from reconciler.web.assets import load_assets
from reconciler.web.endpoints import make_app
from reconciler.web.facts import Numbered, Overview, Part, Portrait
from reconciler.web.layout import Layout
from reconciler.web.live import Live
from reconciler.web.pages import host_routes
from reconciler.web.server import Server
from reconciler.web.site import Site

NOW = 1_795_000_000.0
WITHIN_S = 10.0


def a_status(name: str, **fields: Any) -> DocumentStatus:
    """A document that is as it should be, but for these fields."""
    usual: dict[str, Any] = {
        "kind": "Container",
        "target": "host-a",
        "sync": "Synced",
        "health": "Healthy",
        "phase": "Converged",
        "desired_release": "1.4.2",
        "desired_digest": f"sha256:{'b' * 64}",
        "running_release": "1.4.2",
        "running_digest": f"sha256:{'b' * 64}",
        "since": NOW - 7200,
        "sticker": "current",
    }
    return DocumentStatus(name=name, **{**usual, **fields})


MEMORY = Drift("limits", "config.memoryLimit", "64Mi", "128Mi")
DRIFTED = a_status(
    "web",
    sync="OutOfSync",
    phase="Reconciling",
    drift=(MEMORY,),
    since=NOW - 200,
    last_action="deploy generation 6 committed",
)
ROLLED_BACK = a_status(
    "shop",
    kind="ComposeProject",
    sync="OutOfSync",
    phase="RolledBack",
    desired_release="2.0.0",
    reason="release 2.0.0 is quarantined: web did not become healthy within 60s: exited with 1",
    drift=(
        Drift("release", "release.id", "2.0.0", "1.4.2"),
        Drift("image", "digest", "shop/web@bbbb", "shop/web@aaaa"),
    ),
)
MISSING = a_status("api", sync="OutOfSync", health="Missing", phase="Reconciling", running_release="")
"""Documents that are not as they should be."""


@dataclass(slots=True)
class Showroom:
    """Facts in memory. ``reading`` is called whenever one is asked for, in the thread that asks."""

    statuses: list[DocumentStatus] = field(default_factory=list)
    portraits: dict[str, Portrait] = field(default_factory=dict)
    history: dict[str, list[Event]] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    reading: Callable[[], None] = lambda: None

    def overview(self) -> Overview:
        self.reading()
        return Overview(
            host="host-a",
            now=NOW,
            looked_at=NOW - 12,
            statuses=tuple(worst_first(self.statuses)),
            troubles=self.troubles,
            problems=self.problems,
        )

    def portrait(self, name: str) -> Portrait | None:
        status = next((item for item in self.statuses if item.name == name), None)
        if status is None:
            return None
        return self.portraits.get(name) or Portrait(
            status=status, record=self.record(name), plan=Plan(document=name)
        )

    def record(self, name: str) -> Record:
        found = self.portraits.get(name)
        return found.record if found else Record(document=name, owner="o")

    def events(self, name: str, *, before: int, limit: int) -> tuple[Numbered, ...]:
        numbered = [*enumerate(self.history.get(name, []), 1)]
        return tuple(reversed([item for item in numbered if not before or item[0] < before]))[:limit]


def revision(release: str, **config: Any) -> Revision:
    """A revision of the document ``web``, built as from a file."""
    desired = build(
        {
            "apiVersion": "stella/v1",
            "kind": "Container",
            "metadata": {"name": "web"},
            "spec": {
                "release": {"id": release, "name": f"Web {release}"},
                "image": "registry.example.com/shop/web",
                "digest": f"sha256:{hashlib.sha256(release.encode()).hexdigest()}",
                "config": config,
            },
        }
    )
    return Revision(fingerprint=desired.fingerprint, desired=desired)


OLD = revision("1.4.1", memoryLimit="32Mi", environment={"LEVEL": "info", "DB_PASSWORD": "hunter1"})
NEW = revision(
    "1.4.2", memoryLimit="64Mi", environment={"LEVEL": "info", "DB_PASSWORD": "hunter2"}, command=["--key=hunter2"]
)
RECORD = Record(
    document="web",
    owner="o",
    generation=6,
    revisions=(OLD, NEW),
    operations=(
        Operation(
            generation=5,
            kind="deploy",
            fingerprint=OLD.fingerprint,
            state="committed",
            actor="file:web.yaml",
            cause="it was never deployed",
            started_at=NOW - 90_000,
            ended_at=NOW - 89_990,
        ),
        Operation(
            generation=6,
            kind="deploy",
            fingerprint=NEW.fingerprint,
            state="committed",
            actor="file:web.yaml",
            cause="release 1.4.2 replaces 1.4.1",
            started_at=NOW - 7200,
            ended_at=NOW - 7190,
        ),
    ),
)
WHY = "config.memoryLimit is 128Mi, wanted 64Mi"
HEAL = Plan(
    document="web",
    purpose="heal",
    drift=(MEMORY,),
    actions=(
        UpdateLimits(document="web", cause=WHY, container=ContainerRef("web", "0" * 64), memory_bytes=64 << 20),
        WriteSticker(document="web", cause="the sticker is stale", desired=NEW.desired),
    ),
    notes=("the engine says of swap limits that it cannot set them",),
)
PART = Part(
    name="web",
    id="0123456789ab",
    state="running, healthy",
    fields=(
        Field("config.memoryLimit", "64Mi", "128Mi", "differs"),
        Field("config.environment.BUILD_ID", "7", "8", "ignored"),
        Field("config.environment.DB_PASSWORD", "***", "***", "same"),
        Field("config.ports", "[127.0.0.1:8080:80/tcp]", "[127.0.0.1:8080:80/tcp]", "same"),
    ),
    health_log=("connected to db", "200 OK"),
)
PORTRAIT = Portrait(
    status=DRIFTED,
    record=RECORD,
    plan=HEAL,
    parts=(PART,),
    advice="web: look at `docker logs web`, then edit the document",
    sticker_place="/var/stella/web/version.json",
)
"""Everything that a document's page can have."""


def an_event(number: int, **fields: Any) -> Event:
    """One thing that was done to ``web``."""
    usual: dict[str, Any] = {"action": "update-limits", "target": "web", "cause": WHY, "outcome": "done"}
    return Event(at=NOW - 1000 + number, document="web", **{**usual, **fields})


def furnished() -> Showroom:
    """A room with a bit of everything."""
    healthy = [a_status(f"worker-{number}") for number in range(1, 6)]
    return Showroom(
        statuses=[DRIFTED, ROLLED_BACK, MISSING, *healthy],
        portraits={"web": PORTRAIT},
        history={"web": [an_event(number) for number in range(1, 131)]},
    )


class Serving:
    """A site that is being served. ``announce`` tells who watches."""

    def __init__(self, url: str, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.site = site
        self.loop = loop

    def announce(self) -> None:
        self.site.live.announce()


@contextmanager
def serving(
    room: Showroom,
    *,
    token: str = "",
    here_only: bool = True,
    certificates: bool = False,
    encryption: ssl.SSLContext | None = None,
    port: int = 0,
    **live: Any,
) -> Iterator[Serving]:
    """Serve the room in a thread of its own, as long as the block."""

    def site() -> Site:
        return Site(
            routes=host_routes(room),
            layout=Layout(load_assets(), "host-a", "1.2.3"),
            access=Access(
                clock=lambda: NOW,
                here_only=here_only,
                token=Secret(token.encode()) if token else None,
                certificates=certificates,
            ),
            patience=Patience(asyncio.get_running_loop().time),
            live=Live(**live),
            names=frozenset({"localhost"}),
            secure=encryption is not None,
        )

    with serving_site(site, encryption=encryption, port=port) as served:
        yield served


@contextmanager
def serving_site(
    make: Callable[[], Site], *, encryption: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[Serving]:
    """Serve a site, which is made in the loop of a thread of its own, as long as the block."""
    ready: threading.Event = threading.Event()
    served: list[Serving] = []
    failed: list[BaseException] = []

    async def main() -> None:
        site = make()
        app = make_app(lambda: b"", lambda: (True, ""), lambda: (True, ""), site=site)
        server = Server(app, ("127.0.0.1", port), encryption=encryption)
        await server.start()
        end = asyncio.Event()
        served.append(Serving(server.url, site, asyncio.get_running_loop()))
        ends.append(end)
        ready.set()
        await end.wait()
        await server.stop()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001  (told to the test)
            failed.append(error)
            ready.set()

    ends: list[asyncio.Event] = []
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(WITHIN_S)
    assert not failed, failed
    try:
        yield served[0]
    finally:
        served[0].loop.call_soon_threadsafe(ends[0].set)
        thread.join(WITHIN_S)
        assert not thread.is_alive()
        assert not failed, failed
