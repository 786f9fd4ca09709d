"""The rows of one list after another: what is as it was is the very same object."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.desired import StickerPlace
from reconciler.core.observation import ContainerRow, Subject
from reconciler.core.row_index import RowIndex

WEB = ContainerRow(id="1", name="web", image_id="sha256:a", status="running", labels={"tier": "web"})
API = ContainerRow(id="2", name="api", image_id="sha256:b", status="running")
STICKER = StickerPlace(location="host", path="/stickers/web.json")
SUBJECT = Subject(name="web", container_names=("web",), images=(), sticker=STICKER)


def _copied(*rows: ContainerRow) -> list[ContainerRow]:
    return [replace(row, labels=dict(row.labels)) for row in rows]


def test_an_equal_list_is_the_same_index() -> None:
    index = RowIndex((WEB, API))
    assert index.renewed(_copied(WEB, API)) is index
    assert index.of(SUBJECT) is index.of(SUBJECT)


def test_of_another_list_the_rows_that_are_as_they_were_are_the_same_objects() -> None:
    index = RowIndex((WEB, API))
    exited = replace(WEB, status="exited")
    renewed = index.renewed(_copied(exited, API))
    assert renewed.rows == (exited, API)
    assert renewed.rows[1] is API
    assert renewed.of(SUBJECT) == (exited,)
    assert index.renewed(_copied(API)).of(SUBJECT) == ()
    assert index.renewed(_copied(API, WEB)).rows == (API, WEB)


def test_a_document_of_the_same_name_is_looked_up_anew_when_it_wants_something_else() -> None:
    index = RowIndex((WEB, API))
    assert index.of(SUBJECT) == (WEB,)
    assert index.of(replace(SUBJECT, container_names=("api",))) == (API,)
