"""Check-up: what is in the way of working well on this host, each finding with a way to mend it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from reconciler.core import names
from reconciler.core.interfaces import Engine
from reconciler.core.itself import own_container
from reconciler.core.policy import Policy
from reconciler.errors import ReconcilerError
from reconciler.history import History
from reconciler.sources.files import Loaded

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``fix`` is what to do about it, "" when all is well."""

    level: Level
    subject: str
    detail: str
    fix: str = ""


def check_up(
    engine: Engine, loaded: Loaded, history: History, *, own: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Look at the engine, the folder, the history and at who else claims containers here. Changes nothing. ``own``
    may be ids of the container that we run in.
    """
    return (*_engine(engine, history.owner, own), *_folder(loaded), *_history(history))


def _engine(engine: Engine, owner: str, own: Collection[str]) -> Iterator[Finding]:
    try:
        facts = engine.facts()
        rows = engine.list_containers()
    except ReconcilerError as error:
        yield Finding(
            "error", "engine", error.message, error.hint or "start the Docker engine, or name it with --engine"
        )
        return
    yield Finding(
        "ok", "engine", f"Docker {facts.version}, API {facts.api_version}, {facts.os}/{facts.architecture}"
    )
    if not facts.live_restore:
        yield Finding(
            "warning",
            "live-restore",
            "off: containers stop when the engine restarts, and `unless-stopped` does not bring them back",
            'set "live-restore": true in /etc/docker/daemon.json; until then the controller starts them again',
        )
    if not facts.swap_limit:
        yield Finding(
            "warning",
            "swap",
            "the kernel cannot limit swap: a memory limit does not bound it",
            "boot with swapaccount=1, or use cgroup v2",
        )
    itself = own_container(rows, own)
    if itself is not None:
        yield Finding("ok", "itself", f"runs in {itself.name} ({itself.id[:12]}); no document may be about it")
    others = {row.labels[names.OWNER] for row in rows if row.labels.get(names.OWNER, owner) != owner}
    for other in sorted(others):
        yield Finding(
            "warning",
            "ownership",
            f"another controller ({other}) has containers on this engine",
            "let one controller per engine have its state directory; `adopt: true` takes a container over",
        )


def _folder(loaded: Loaded) -> Iterator[Finding]:
    errors = [problem for problem in loaded.problems if problem.level == "error"]
    fix = "mend it; what was last good stays in force"
    if not loaded.documents and not loaded.complete:
        fix = "name the folder with --desired, or write a first document into it (`reconciler init IMAGE`)"
    for problem in errors:
        yield Finding("error", "documents", str(problem), fix)
    if not loaded.complete and not errors:
        yield Finding("error", "documents", "the folder is empty", fix)
    elif not errors:
        yield Finding("ok", "documents", f"{len(loaded.documents)} valid")


def policy_findings(policy: Policy, refused: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """What the host's policy refuses of the documents in force; what was deployed before goes on running."""
    for told in (line for lines in refused.values() for line in lines):
        yield Finding(
            "warning",
            "policy",
            f"the host's policy refuses: {told}",
            "change the document or the policy; what is deployed goes on, nothing like it is deployed anew",
        )
    if not any(refused.values()):
        yield Finding("ok", "policy", f"{policy.source} refuses nothing")


def audit_finding(fault: str) -> Finding:
    """Whether the audit log is as it was written; ``fault`` says what is wrong, "" for nothing."""
    if fault:
        return Finding("error", "audit", fault, "keep a copy of the log, then see docs/how-to/audit.md")
    return Finding("ok", "audit", "the log is as it was written")


def _history(history: History) -> Iterator[Finding]:
    stuck = [name for name, record in history.records().items() if record.quarantined or record.held]
    for name in sorted(stuck):
        yield Finding(
            "warning",
            "history",
            f"{name} is quarantined or held",
            f"see `reconciler why {name}`, then edit or clear it",
        )
    known = sum(bool(record.operations) for record in history.records().values())
    if not stuck:
        yield Finding("ok", "history", f"documents known: {known}, held: 0")
