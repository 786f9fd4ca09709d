"""The orchestrator's composition root: from a folder to a program that runs until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from reconciler.core.member import Member, Role
from reconciler.core.secret import Secret
from reconciler.errors import TerminalError
from reconciler.orchestrator import many
from reconciler.orchestrator.home import MONITOR_ADDRESS, Home, Reached
from reconciler.service_manager import ServiceManager
from reconciler.state_dir import StateDir

if TYPE_CHECKING:
    from reconciler.orchestrator.pages.opening import PageSettings
    from reconciler.orchestrator.store.database import Database

LIBRARIES: Final = ("sqlalchemy", "alembic")

log = structlog.get_logger("reconciler.orchestrator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is said when the program starts; None leaves an address as ``init`` was told. ``web_…``: who may see
    the status page, which is served on ``monitor``.
    """

    home: Path
    desired: Path | None = None
    listen: str | None = None
    enroll: str | None = None
    monitor: str = MONITOR_ADDRESS
    web_token_file: Path | None = None
    web_certificate: Path | None = None
    web_key: Path | None = None
    web_names: tuple[str, ...] = ()
    interval_s: int = 30


def need_store() -> None:
    """Raises TerminalError where the libraries of the store are not installed."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise TerminalError(
            f"the orchestrator needs libraries that are not installed: {', '.join(missing)}",
            hint="install the extra: pip install '.[orchestrator]' in a checkout",
        )


def create(path: Path, reached: Reached, admin: str) -> Home:
    """A new orchestrator's folder. Raises InputError, StateUnwritable."""
    home = Home(path)
    home.create(reached, Member(Role.ADMIN, admin), now=datetime.now(UTC))
    with open_database(home):
        return home


@contextmanager
def open_database(home: Home) -> Iterator[Database]:
    """The store of an orchestrator that is there, also while it runs. Raises InputError, StateError."""
    need_store()
    from reconciler.orchestrator.store.database import Database  # noqa: PLC0415

    home.reached()
    database = Database(home.database)
    try:
        yield database
    finally:
        database.close()


def invite(home: Home, target: str, *, life: timedelta, actor: str) -> tuple[Secret, datetime]:
    """A join token, told once, and until when it counts. Raises InputError, StateError."""
    with open_database(home) as database:
        from reconciler.orchestrator.decisions import Decisions  # noqa: PLC0415
        from reconciler.orchestrator.invite import make_invitation  # noqa: PLC0415

        made = make_invitation(home, target, labels={}, life=life, actor=actor)
        with Decisions(home, database).deciding(made.decision) as on:
            made.keep(on)
    return made.token.text(), made.token.expires


def back_up(path: Path, file: Path) -> None:
    """Write a backup, also while the orchestrator runs. Raises InputError, StateError."""
    home = Home(path)
    with open_database(home) as database:
        from reconciler.orchestrator import backup  # noqa: PLC0415

        backup.back_up(home, database, file)


def restore(file: Path, path: Path) -> None:
    """Make a folder of a backup, and look whether it can be used. Raises InputError, StateError."""
    need_store()
    from reconciler.orchestrator import backup  # noqa: PLC0415

    with open_database(backup.restore(file, path)):
        pass


def serve(run: Run) -> None:
    """Be the orchestrator until SIGTERM or SIGINT. Raises InputError, StateError, InvalidSettings."""
    home = Home(run.home)
    said = home.reached()
    reached = Reached(names=said.names, listen=run.listen or said.listen, enroll=run.enroll or said.enroll)
    with StateDir(home.path).lock(), open_database(home) as database:
        home.authority.tidy()
        many.prepare()
        asyncio.run(_serve(run, home, reached, database))


def _page(run: Run) -> PageSettings:
    from reconciler.orchestrator.pages.opening import PageSettings  # noqa: PLC0415

    return PageSettings(
        token_file=run.web_token_file, certificate=run.web_certificate, key=run.web_key, names=run.web_names
    )


async def _serve(run: Run, home: Home, reached: Reached, database: Database) -> None:
    from reconciler.orchestrator.program import Options, Orchestrator  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, _, port = run.monitor.rpartition(":")
    options = Options(
        interval_s=run.interval_s,
        documents=run.desired,
        monitor=(host.strip("[]"), int(port)),
        page=_page(run),
    )
    server = Orchestrator(home, reached, database, options)
    manager = ServiceManager.of(os.environ)
    async with server.running(), manager.informed(server.upkeep.healthy, server.upkeep.ready, stop):
        log.info("the orchestrator runs", members=server.members.port, enrolment=server.enrolment.port)
        await stop.wait()
    log.info("the orchestrator has stopped")
