"""A message in words and as JSON (``schemas/notification.v1.schema.json``). Pure.

Invariants: values of drift are those of the status, secrets masked; URLs lose their credentials; a long reason is
cut, so that no receiver refuses a message for its size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.display import without_credentials
from reconciler.core.notice import Notice
from reconciler.core.status_json import timestamp
from reconciler.core.telling import Message

VERSION: Final = 1
LONGEST: Final = 2000
MOST_DRIFT: Final = 20
TEST: Final = "test"

_TITLES: Final = {
    "rolled-back": "{subject} was rolled back: release {wanted} failed, {running} runs",
    "quarantined": "{subject}: release {wanted} failed and is not tried again",
    "failed": "{subject} fails, and is tried again",
    "held": "{subject} is held: it failed too often, and is healed no more",
    "blocked": "{subject} is blocked",
    "unhealthy": "{subject} is not healthy",
    "drift": "{subject} differs from its document",
    "invalid": "{subject} is wrong, and not in force as it is written",
    "engine-down": "the Docker engine does not answer",
    "state-unwritable": "nothing can be recorded, so nothing is changed",
    "look-failed": "the documents cannot be looked at",
    "audit-broken": "the audit log is not as it was written",
    TEST: "a test, nothing is the matter",
}
_WELL: Final = {
    "document": "{subject} is as wanted again",
    "file": "{subject} is no longer wrong",
    "engine": "the Docker engine answers again",
    "state": "what is done can be recorded again",
    "look": "the documents can be looked at again",
    "audit": "the audit log is as it was written",
}
_GONE: Final = "{subject} is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as it goes out. ``title`` is one line; ``text`` is what there is to say below it."""

    id: str
    status: str
    title: str
    text: str
    body: bytes


def letter(message: Message, *, host: str, at: float) -> Letter:
    """The message from this host, sent at ``at`` (seconds since the epoch)."""
    notice = message.notice
    condition = notice.condition if notice else message.told.condition
    title = f"{host}: {_title(message)}"
    reason = _cut(notice.reason) if notice else ""
    content: dict[str, Any] = {
        "version": VERSION,
        "id": message.id,
        "status": message.status,
        "repeated": message.repeated,
        "condition": condition,
        "subject": {"kind": message.subject.kind, "name": message.subject.name},
        "host": host,
        "title": title,
        "reason": reason,
        "release": _release(notice),
        "drift": _drift(notice),
        "since": timestamp(message.since),
        "at": timestamp(at),
    }
    return _letter(content, _text(content))


def trial(message_id: str, *, host: str, at: float) -> Letter:
    """A message that only shows that messages arrive."""
    content = {
        "version": VERSION,
        "id": message_id,
        "status": "firing",
        "repeated": False,
        "condition": TEST,
        "subject": {"kind": TEST, "name": ""},
        "host": host,
        "title": f"{host}: {_TITLES[TEST]}",
        "reason": "sent by `reconciler notify test`",
        "release": None,
        "drift": [],
        "since": timestamp(at),
        "at": timestamp(at),
    }
    return _letter(content, _text(content))


def _letter(content: dict[str, Any], text: str) -> Letter:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Letter(id=content["id"], status=content["status"], title=content["title"], text=text, body=body)


def _title(message: Message) -> str:
    notice, subject = message.notice, message.subject
    if notice is None:
        over = _GONE if message.gone and subject.kind == "document" else _WELL[subject.kind]
        return over.format(subject=subject)
    wanted, running = (notice.status.desired_release, notice.status.running_release) if notice.status else ("", "")
    title = _TITLES[notice.condition].format(subject=subject, wanted=wanted, running=running or "nothing")
    return f"{title} (still)" if message.repeated else title


def _release(notice: Notice | None) -> dict[str, str] | None:
    if notice is None or notice.status is None:
        return None
    return {"desired": notice.status.desired_release, "running": notice.status.running_release}


def _drift(notice: Notice | None) -> list[dict[str, str]]:
    return [
        {
            "kind": item.kind,
            "path": item.path,
            "wanted": _cut(item.wanted),
            "found": _cut(item.found),
        }
        for item in (notice.drift if notice else ())[:MOST_DRIFT]
    ]


def _text(content: dict[str, Any]) -> str:
    lines = [content["reason"]]
    lines += [f"{item['path']}: wanted {item['wanted']}, found {item['found']}" for item in content["drift"]]
    if content["since"]:
        lines.append(f"since {content['since']}")
    return "\n".join(line for line in lines if line)


def _cut(text: str) -> str:
    shown = without_credentials(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} …"
