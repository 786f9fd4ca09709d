"""Endpoints that change documents of the API: put one, delete one.

A document is taken whole or not at all: it is right by itself and in the company of all others, it has no name of
the folder's, and who changes or deletes one says which revision was looked at. What is decided stands in the audit
log before it is done.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from reconciler.errors import InputError, RequestConflict, StateError
from reconciler.orchestrator.admin_endpoints import decision, who
from reconciler.orchestrator.bringing import scenery_of
from reconciler.orchestrator.decisions import Decisions
from reconciler.orchestrator.document_views import Scene, document_view
from reconciler.orchestrator.handing_out import HandingOut
from reconciler.orchestrator.requests import answer, read_request
from reconciler.orchestrator.routing import Handlers, status_of
from reconciler.orchestrator.store import documents
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.wishes import LARGEST, Wishes
from reconciler.spec.artifacts import named_files
from reconciler.spec.document import Document, read_documents
from reconciler.spec.problem import Problem, is_error

MATCH: Final = "If-Match"
TOLD: Final = 20
"""Problems that are told at most; the rest is counted."""

_TAG: Final = re.compile(r'"(?P<revision>[0-9]{1,15})"')
WITH_FILES: Final = "comes with files, which the API does not take"
ELSEWHERE: Final = "put it with its files into the orchestrator's folder of documents"


class DocumentChanges:
    """``handing_out`` reads what is wished for, and looks again after a change."""

    def __init__(self, database: Database, decisions: Decisions, handing_out: HandingOut) -> None:
        self._database = database
        self._decisions = decisions
        self._handing_out = handing_out

    @property
    def handlers(self) -> Handlers:
        """By the name of their route."""
        return {"put-document": self.put, "delete-document": self.delete}

    async def put(self, request: web.Request) -> web.Response:
        """Make or change a document."""
        text = read_request(await request.read(), "DocumentRequest")["text"]
        kept = await asyncio.to_thread(self._put, request, text)
        with done_before(f"the document {kept.name} is kept as revision {kept.revision}"):
            await self._handing_out.changed()
            view = await asyncio.to_thread(self._view, kept)
        told = answer(view, status=status_of("put-document"))
        told.headers["ETag"] = tag_of(kept.revision)
        return told

    async def delete(self, request: web.Request) -> web.Response:
        """A document is not wished for any more."""
        await asyncio.to_thread(self._delete, request)
        with done_before(f"the document {request.match_info['name']} is deleted"):
            await self._handing_out.changed()
        return web.Response(status=status_of("delete-document"))

    def _put(self, request: web.Request, text: str) -> documents.Kept:
        name, expected, now = request.match_info["name"], expected_of(request), datetime.now(UTC)
        wished = documents.Kept(name=name, revision=0, text=text, actor=who(request), changed_at=now)
        with self._database.read() as on:
            there = documents.look_up(on, name) is not None
        refuse(wished, self._handing_out.read_with(wished), there=there)
        change = f"in place of revision {expected}" if expected is not None else "new"
        decided = decision(request, "document-put", name, change, document=name)
        with self._decisions.deciding(decided) as on:
            return documents.put(on, name, text, expected=expected, actor=wished.actor, now=now)

    def _delete(self, request: web.Request) -> None:
        name, expected, now = request.match_info["name"], expected_of(request), datetime.now(UTC)
        decided = decision(request, "document-deleted", name, f"revision {expected}", document=name)
        with self._decisions.deciding(decided) as on:
            documents.remove(on, name, expected=expected, actor=who(request), now=now)

    def _view(self, kept: documents.Kept) -> dict[str, object]:
        with self._database.read() as on:
            fleet = scenery_of(on, datetime.now(UTC))
        return {**document_view(Scene(self._handing_out.wishes, fleet), kept.name), "text": kept.text}


@contextmanager
def done_before(change: str) -> Iterator[None]:
    """What fails in the block is told with what was done before it, which stays so."""
    try:
        yield
    except StateError as error:
        raise StateError(
            f"{change}, but nobody can tell where it stands: {error.message}",
            hint="it is handed out as soon as all can be read again; do not send it once more",
        ) from error


def tag_of(revision: int) -> str:
    """As ``ETag`` tells it."""
    return f'"{revision}"'


def expected_of(request: web.Request) -> int | None:
    """The revision that is to be changed; None where none is said. Raises InputError."""
    said = request.headers.get(MATCH)
    if said is None:
        return None
    if said.strip() == "*":
        return documents.ANY
    found = _TAG.fullmatch(said.strip())
    if found is None:
        raise InputError(f"{MATCH}: {said[:40]!r} is no revision", hint="use what ETag told, or *")
    return int(found["revision"])


def refuse(wished: documents.Kept, wishes: Wishes, *, there: bool) -> None:
    """Raises InputError for a document that is wrong, RequestConflict for the name of one in the folder.
    ``there``: one of its name came over the API before; it keeps the name.
    """
    found, wrong = read_documents(wished.text.encode(), wished.file)
    if not any(map(is_error, wrong)):
        _refuse_other(wished, found)
    problems = [*wrong, *(item for item in wishes.problems if item.file == wished.file)]
    holder = next((item for item in wishes.problems if _is_about(item, wished)), None)
    if holder is not None and not there:
        raise RequestConflict(
            f"the document {wished.name} stands in the orchestrator's folder ({holder.where})",
            hint="change it there, or take it out of the folder first",
        )
    if any(map(is_error, problems)):
        raise InputError(f"the document {wished.name} is refused", hint=_all(problems))


def _refuse_other(wished: documents.Kept, found: Sequence[Document]) -> None:
    """What is not one document of this name that stands alone."""
    if len(found) != 1 or found[0].kind == "Defaults":
        raise InputError("one document is put at a time, and no Defaults", hint="Defaults lie in the folder")
    (document,) = found
    if document.name != wished.name:
        raise InputError(f"the document names itself {document.name}, and is put as {wished.name[:80]}")
    if len(document.content) > LARGEST:
        raise InputError(f"the document {wished.name} has more than {LARGEST} bytes")
    if named_files(document.value):
        raise InputError(f"{wished.name} {WITH_FILES}", hint=ELSEWHERE)


def _is_about(problem: Problem, wished: documents.Kept) -> bool:
    """Whether it tells of a document of the folder with this name; also of one that is broken."""
    return problem.document == wished.name and problem.file != wished.file


def _all(problems: list[Problem]) -> str:
    shown = [str(item) for item in dict.fromkeys(problems)]
    more = [f"and {len(shown) - TOLD} more"] if len(shown) > TOLD else []
    return "\n".join([*shown[:TOLD], *more])
