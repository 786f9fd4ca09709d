"""Audit logs of tests: made of a few deeds, read as lists of lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reconciler.audit import AuditLog
from reconciler.audit.files import LogFiles
from reconciler.audit.signing import public_key
from reconciler.audit.verify import Verified, verify
from reconciler.core.audit import Account, Actor, Deed

KEY = b"k" * 32
PUBLIC = public_key(KEY)


def deed(action: str = "stop-container", document: str = "web", **told: Any) -> Deed:
    account = told.pop("account", Account(actor=Actor("user", "ana"), generation=3))
    return Deed(document=document, action=action, account=account, **told)


def a_log(state: Path, **options: Any) -> AuditLog:
    return AuditLog(state, lambda: KEY, **options)


def done(log: AuditLog, times: int = 1, **told: Any) -> None:
    """An intent with its outcome, so many times."""
    for _ in range(times):
        what = deed(**told)
        log.outcome(log.intent(what), what, outcome="done")


def lines(state: Path) -> list[bytes]:
    """All lines, over all files, without line ends."""
    files = LogFiles(state)
    return [line for name in files.names() for line in files.content(name).split(b"\n") if line]


def records(state: Path) -> list[dict[str, Any]]:
    """The same, of those that can be read."""
    found = []
    for line in lines(state):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def newest(state: Path) -> Path:
    files = LogFiles(state)
    return files.folder / files.names()[-1]


def looked_at(state: Path, **options: Any) -> Verified:
    return verify(LogFiles(state), key=PUBLIC, **options)
