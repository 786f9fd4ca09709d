from __future__ import annotations

from collections.abc import Callable

from reconciler.core.record import Event
from reconciler.history import History
from reconciler.history.events import KEPT_EVENTS


def _event(at: float, document: str = "web") -> Event:
    return Event(
        at=at,
        document=document,
        action="start-container",
        target="web",
        cause="it is stopped",
        outcome="done",
        detail="a 'quoted'\nline \N{WHALE}",
        actor="ana",
        generation=2,
    )


def test_events_come_back_whole_and_oldest_first(history: History, reopen: Callable[[], History]) -> None:
    for at in (1.5, 2.5, 3.5):
        history.add_event(_event(at))
    history.add_event(_event(9.0, "db"))
    assert reopen().events("web", 2) == (_event(2.5), _event(3.5))
    assert history.events("nobody") == ()


def test_only_the_newest_events_of_a_document_are_kept(history: History) -> None:
    history.add_event(_event(0.0, "db"))
    for at in range(KEPT_EVENTS + 3):
        history.add_event(_event(float(at)))
    kept = history.events("web", KEPT_EVENTS * 2)
    assert (len(kept), kept[0].at) == (KEPT_EVENTS, 3.0)
    assert len(history.events("db")) == 1


def test_events_outlive_a_pruned_document(history: History) -> None:
    history.add_event(_event(1.0))
    history.forget("web")
    assert history.events("web") == (_event(1.0),)


def test_events_after_a_number_are_those_of_all_documents_in_their_order(history: History) -> None:
    for at, document in enumerate(["web", "db", "web", "job"]):
        history.add_event(_event(float(at), document))
    everything = history.events_after(0, limit=10)
    assert [event.document for _, event in everything] == ["web", "db", "web", "job"]
    assert [number for number, _ in everything] == sorted({number for number, _ in everything})
    assert history.events_after(everything[1][0], limit=10) == everything[2:]
    assert history.events_after(everything[-1][0], limit=10) == ()
    assert history.events_after(0, limit=2) == everything[-2:]
    assert history.events_after(0, documents=["web", "job"], limit=2) == everything[-2:]
    assert history.events_after(0, documents=["nobody"], limit=2) == ()


def test_events_before_a_number_are_read_backwards_page_by_page(history: History) -> None:
    for at, document in enumerate(["web", "db", "web", "web"]):
        history.add_event(_event(float(at), document))
    newest = history.events_before(0, "web", limit=2)
    assert [event.at for _, event in newest] == [3.0, 2.0]
    assert [event.at for _, event in history.events_before(newest[-1][0], "web", limit=2)] == [0.0]
    assert history.events_before(1, "web", limit=2) == ()
    assert history.events_before(0, "nobody", limit=2) == ()
