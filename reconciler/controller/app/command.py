"""What one command needs of the controller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from reconciler.config import Settings
from reconciler.controller.app.actors import local_user
from reconciler.controller.app.opening import open_parts
from reconciler.controller.decisions import Decisions
from reconciler.controller.loop import Reconciler
from reconciler.controller.readings import Readings
from reconciler.controller.service import Service
from reconciler.controller.stop_flag import StopFlag
from reconciler.core.audit import actor_of


@contextmanager
def open_service(settings: Settings, *, exclusive: bool) -> Iterator[Service]:
    """What one command needs. ``exclusive`` for commands that act: only one of them at a time."""
    user = local_user()
    with open_parts(settings, exclusive=exclusive, actor=lambda _: user) as parts:
        readings, stop_flag = Readings(meters=parts.meters), StopFlag()

        @cache
        def reconciler() -> Reconciler:
            return parts.reconciler(
                sleep=stop_flag.sleep,
                linger=stop_flag.linger,
                stopping=lambda: stop_flag.stopping,
                readings=readings,
            )

        yield Service(
            assessor=parts.assessor,
            reconciler=reconciler,
            history=parts.history,
            engine=parts.engine,
            workers=settings.workers,
            prune_cap_percent=settings.prune_cap_percent,
            stickers=parts.stickers,
            records=parts.record_executor,
            compose=parts.compose,
            decisions=Decisions(audit=parts.audit, actor=actor_of(user)),
            audit_fault=lambda: _audit_fault(settings),
            stop_flag=stop_flag,
        )


def _audit_fault(settings: Settings) -> str:
    """What is wrong with the audit log, all of which is read; "" for nothing."""
    from reconciler.controller.app.audit import verified  # noqa: PLC0415  (doctor alone asks)
    from reconciler.controller.audit_watch import fault_of  # noqa: PLC0415  (the same)

    return fault_of(verified(settings.state_dir))
