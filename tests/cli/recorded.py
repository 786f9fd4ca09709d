"""A service whose answers are written down beforehand, and which remembers what it was asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from reconciler.cli.failures import guarded
from reconciler.cli.invocation import Invocation
from reconciler.cli.root import cli
from reconciler.config import Settings
from reconciler.controller.applied import Applied
from reconciler.controller.checkup import Finding
from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.plan import Plan
from reconciler.core.record import Allowance, Event, Record
from reconciler.core.status import DocumentStatus, StickerState
from reconciler.errors import ReconcilerError, UnknownDocument
from reconciler.sources.files import Loaded
from reconciler.spec.problem import Problem

NOW = 1_795_000_000.0
"""2026-11-18T11:06:40Z: the moment at which every recorded command runs."""


@dataclass(kw_only=True)
class RecordedService:
    """Answers like ``controller.service.Service``; ``failing`` is raised by every method."""

    documents: tuple[DesiredState, ...] = ()
    complete: bool = True
    problems: tuple[Problem, ...] = ()
    planned: tuple[Plan, ...] = ()
    orphans: tuple[Plan, ...] = ()
    results: tuple[Applied, ...] = ()
    reports: tuple[tuple[str, str], ...] = ()
    statuses: tuple[DocumentStatus, ...] = ()
    happened: tuple[Event, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    audit: str = ""
    sticker_found: tuple[StickerState, bytes] = ("absent", b"")
    digests: Mapping[str, str] = field(default_factory=dict)
    answer: bool = True
    failing: BaseException | None = None
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def loaded(self) -> Loaded:
        return Loaded(documents=self.documents, problems=self.problems, unknown_files=(), complete=self.complete)

    def plans(self, names: Sequence[str] = ()) -> tuple[Plan, ...]:
        self._called("plans", tuple(names))
        return self.planned

    def apply(
        self,
        names: Sequence[str] = (),
        *,
        expected: Mapping[str, Any] | None = None,
        progress: Callable[[str, str], None],
        prune: bool = False,
    ) -> tuple[Applied, ...]:
        for document, line in self.reports:
            progress(document, line)
        self._called("apply", tuple(names), expected, prune)
        return self.results

    def status(self, names: Sequence[str] = ()) -> tuple[DocumentStatus, ...]:
        self._called("status", tuple(names))
        return tuple(item for item in self.statuses if not names or item.name in names)

    def channel_problems(self) -> Mapping[str, str]:
        return {}

    def audit_problem(self) -> str:
        return self.audit

    def events(self, name: str, *, limit: int = 50) -> tuple[Event, ...]:
        self._called("events", name, limit)
        return self.happened

    def events_after(self, number: int, names: Sequence[str] = (), *, limit: int) -> tuple[tuple[int, Event], ...]:
        self._called("events_after", number, tuple(names), limit)
        numbered = list(enumerate(self.happened, start=1))
        return tuple(item for item in numbered if item[0] > number)[-limit:]

    def record(self, name: str) -> Record:
        self._called("record", name)
        if name not in self.records and name in {item.name for item in self.statuses} | {
            item.name for item in self.results
        }:
            return Record(document=name, owner="o")
        if name not in self.records:
            raise UnknownDocument(f"no document is named {name}", hint="known: web")
        return self.records[name]

    def suspend(self, name: str, suspension: Suspension) -> None:
        self._called("suspend", name, suspension)

    def resume(self, name: str) -> bool:
        self._called("resume", name)
        return self.answer

    def clear(self, name: str) -> bool:
        self._called("clear", name)
        return self.answer

    @contextmanager
    def editing_back(self, name: str, now: DesiredState, then: DesiredState) -> Iterator[None]:
        self._called("editing_back", name, now.release.id, then.release.id)
        yield

    def allow_unsigned(self, name: str, *, actor: str, reason: str) -> tuple[Allowance, ...]:
        self._called("allow_unsigned", name, actor, reason)
        return (Allowance(image="shop/web@sha256:a", actor=actor, reason=reason),) if self.answer else ()

    def revoke_unsigned(self, name: str, *, actor: str) -> bool:
        self._called("revoke_unsigned", name, actor)
        return self.answer

    def prunable(self, names: Sequence[str] = ()) -> tuple[Plan, ...]:
        self._called("prunable", tuple(names))
        return self.orphans

    def prune(self, names: Sequence[str] = (), *, progress: Callable[[str, str], None]) -> tuple[Applied, ...]:
        for document, line in self.reports:
            progress(document, line)
        self._called("prune", tuple(names))
        return self.results

    def sticker(self, name: str) -> tuple[StickerState, bytes]:
        self._called("sticker", name)
        return self.sticker_found

    def write_sticker(self, name: str) -> None:
        self._called("write_sticker", name)

    def resolve_tag(self, repository: str, tag: str) -> str:
        self._called("resolve_tag", repository, tag)
        return self.digests[f"{repository}:{tag}"]

    def engine_version(self) -> str:
        return ""

    def doctor(self) -> tuple[Finding, ...]:
        self._called("doctor")
        return self.findings

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        if self.failing is not None:
            raise self.failing


@dataclass(kw_only=True)
class Ran:
    """What one command left behind."""

    status: int
    out: str
    err: str
    exclusive: list[bool]


def run(
    service: RecordedService,
    *arguments: str,
    folder: Path,
    terminal: int | None = None,
    environment: Mapping[str, str] | None = None,
    opening: ReconcilerError | None = None,
    **invocation: Any,
) -> Ran:
    """Run one command line in ``folder`` as the process would, on a pipe or on a ``terminal`` so wide."""
    locks: list[bool] = []

    @contextmanager
    def open_service(settings: Settings, *, exclusive: bool) -> Iterator[Any]:
        locks.append(exclusive)
        if opening is not None:
            raise opening
        yield service

    run_with = Invocation(
        open_service=open_service,
        environment={"USER": "ana", "TERM": "xterm-256color", **(environment or {})},
        folder=folder,
        terminal=terminal,
        **{"clock": lambda: NOW, "look_at_host": lambda _settings, **_facts: (), **invocation},
    )
    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        status = guarded(
            lambda: cli.main(list(arguments), prog_name="reconciler", obj=run_with, standalone_mode=False),
            run_with,
        )
        sys.stdout.flush()
        return Ran(status=status, out=out.getvalue().decode(), err=err.getvalue().decode(), exclusive=locks)
