"""Wish: what the orchestrator wants of one document, whichever way it came. Pure.

A document that is assigned is one; a task to deploy or roll back brings one too. Each has the generation that the
orchestrator counts; the higher one counts, and of equal ones the document, which is the same wish in its lasting
form. A task's wish is on trial until the task is past its point of no return, and then takes the place of what was
before; so a task that is refused, cancelled or late leaves no trace.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.protocol.message.common import Actor, Artifact
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.wire.codec import from_json, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineFile:
    """A file beside a document, by its path; ``content`` is base64."""

    path: str
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``artifacts`` are fetched by digest, ``files`` are here already. ``task``: id of the task that brought it,
    "" for a document.
    """

    document: str
    generation: int
    text: str = field(repr=False)
    actor: Actor
    artifacts: tuple[Artifact, ...] = ()
    files: tuple[InlineFile, ...] = ()
    task: str = ""


def wish_of(document: AssignedDocument) -> Wish:
    """What an assigned document says."""
    return Wish(
        document=document.id,
        generation=document.generation,
        text=document.text,
        actor=document.actor,
        artifacts=document.artifacts,
    )


def in_force(documents: Iterable[Wish], taken: Iterable[Wish], trials: Iterable[Wish]) -> dict[str, Wish]:
    """What counts, by document. ``taken`` came by tasks; ``trials`` are still to be decided, and go before all."""
    found: dict[str, Wish] = {}
    for wish in (*taken, *documents):
        if wish.document not in found or wish.generation >= found[wish.document].generation:
            found[wish.document] = wish
    return {**found, **{wish.document: wish for wish in trials}}


def wish_text(wish: Wish) -> str:
    """As it is stored."""
    return json.dumps(to_json(wish))


def read_wish(text: str) -> Wish:
    """What ``wish_text`` wrote."""
    value: Mapping[str, Any] = json.loads(text)
    return from_json(Wish, value)
