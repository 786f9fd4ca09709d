from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.core.desired import SourceLocation
from reconciler.errors import StateDamaged
from reconciler.history import History
from tests.history.wishes import wish

Reopen = Callable[[], History]


def test_accepted_documents_are_kept_over_restarts_with_their_places(history: History, reopen: Reopen) -> None:
    documents = (wish("web", line=1), wish("db", line=12))
    history.accept({"shop.yaml": documents, "empty.yaml": ()})
    kept = reopen().accepted()
    assert kept == {"shop.yaml": documents}
    assert kept["shop.yaml"][1].source == SourceLocation("shop.yaml", 12)
    assert kept["shop.yaml"][1].document == documents[1].document


def test_accepting_the_same_again_writes_nothing(history: History, reopen: Reopen) -> None:
    history.accept({"shop.yaml": (wish(line=1),)})
    observer = reopen()
    before = observer.data_version()
    same = {"shop.yaml": (wish(line=1),)}
    history.accept(same)
    history.accept(same)
    assert observer.data_version() == before
    later = reopen()
    later.accept(same)
    assert observer.data_version() == before


def test_a_change_that_the_fingerprint_does_not_see_is_written(history: History, reopen: Reopen) -> None:
    history.accept({"shop.yaml": (wish(line=1),)})
    history.accept({"shop.yaml": (wish(line=1, order="start-first"),)})
    assert reopen().accepted()["shop.yaml"][0].strategy.order == "start-first"


def test_a_file_that_is_not_accepted_any_more_is_let_go(history: History, reopen: Reopen) -> None:
    history.accept({"a.yaml": (wish("web", line=1),), "b.yaml": (wish("db", line=1),)})
    history.accept({"b.yaml": (wish("db", line=1),)})
    assert set(reopen().accepted()) == {"b.yaml"}


def test_a_file_that_became_empty_is_let_go(history: History) -> None:
    history.accept({"a.yaml": (wish("web", line=1),)})
    history.accept({"a.yaml": ()})
    assert history.accepted() == {}


def test_a_document_that_no_longer_builds_is_told(history: History) -> None:
    history.accept({"a.yaml": (wish("web", line=1),)})
    with history._database.write() as connection:
        connection.execute("""UPDATE accepted SET body = '{"kind": "Unheard"}'""")
    with pytest.raises(StateDamaged, match=r"keeps of a\.yaml can no longer be read"):
        history.accepted()


def test_the_time_of_the_last_change_of_sync_is_kept(history: History, reopen: Reopen) -> None:
    assert history.drift_since("web") == 0.0
    history.note_sync("web", "Synced", 10.0)
    history.note_sync("web", "Synced", 20.0)
    assert reopen().drift_since("web") == 10.0
    observer = reopen()
    before = observer.data_version()
    history.note_sync("web", "Synced", 30.0)
    assert observer.data_version() == before
    history.note_sync("web", "OutOfSync", 40.0)
    assert (history.drift_since("web"), observer.data_version() != before) == (40.0, True)


def test_a_forgotten_document_has_no_time_of_change(history: History, reopen: Reopen) -> None:
    history.note_sync("web", "OutOfSync", 10.0)
    history.forget("web")
    history.forget("never noted")
    assert (history.drift_since("web"), reopen().drift_since("web")) == (0.0, 0.0)
    history.note_sync("web", "OutOfSync", 20.0)
    assert history.drift_since("web") == 20.0
