from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.core.desired import DesiredState, Suspension
from reconciler.history import History
from reconciler.history.standing import KEPT_HEALS
from tests.history.conftest import Clock

Begin = Callable[..., DesiredState]
Reopen = Callable[[], History]


def test_heals_are_counted_with_their_times_and_bounded(history: History, clock: Clock, reopen: Reopen) -> None:
    start = clock.now
    for _ in range(KEPT_HEALS + 5):
        clock.now += 1
        history.healed("web", cause="it died")
    wanted = tuple(start + number for number in range(6, KEPT_HEALS + 6))
    assert history.record("web").heals == wanted
    assert reopen().record("web").heals == wanted


def test_releasing_ends_the_hold_and_forgets_heals(history: History) -> None:
    history.healed("web", cause="it died")
    history.hold("web", reason="healed 5 times")
    assert history.record("web").held == "healed 5 times"
    history.release("web")
    assert (history.record("web").held, history.record("web").heals) == ("", ())


def test_clearing_tells_whether_there_was_something_to_end(history: History, begin: Begin) -> None:
    assert not history.clear("web")
    begin(1)
    history.failed("web", 1, reason="bad", quarantine=True)
    history.undone("web", 1)
    assert history.clear("web")
    assert history.record("web").quarantined == {}
    history.hold("web", reason="x")
    assert history.clear("web")
    history.retry_later("web", error="no", retry_at=9.0)
    assert history.clear("web")
    assert not history.clear("web")


def test_heals_alone_are_nothing_to_end_and_are_forgotten(history: History) -> None:
    history.healed("web", cause="died")
    assert not history.clear("web")
    assert history.record("web").heals == ()


@pytest.mark.parametrize("until", [None, 1_800_000_000.5])
def test_a_suspension_is_kept_until_resumed(history: History, reopen: Reopen, until: float | None) -> None:
    suspension = Suspension("ana", "incident 42", until)
    history.suspend("web", suspension)
    assert reopen().record("web").suspension == suspension
    assert history.records()["web"].suspension == suspension
    assert history.resume("web")
    assert not history.resume("web")
    assert history.record("web").suspension is None


def test_a_later_suspension_replaces_the_earlier(history: History) -> None:
    history.suspend("web", Suspension("ana", "lunch", 5.0))
    history.suspend("web", Suspension("ana", "lunch", None))
    assert history.record("web").suspension == Suspension("ana", "lunch", None)


def test_failed_passes_are_counted_until_one_goes_well(history: History, reopen: Reopen) -> None:
    history.retry_later("web", error="no answer", retry_at=10.0)
    history.retry_later("web", error="no answer still", retry_at=30.0)
    record = reopen().record("web")
    assert (record.failures, record.last_error, record.retry_at) == (2, "no answer still", 30.0)
    history.passed("web")
    record = history.record("web")
    assert (record.failures, record.last_error, record.retry_at) == (0, "", 0.0)


def test_passes_that_go_well_write_nothing(history: History, begin: Begin, reopen: Reopen) -> None:
    begin(1)
    history.commit("web", 1)
    observer = reopen()
    before = observer.data_version()
    for _ in range(100):
        history.passed("web")
        history.passed("never seen")
    assert observer.data_version() == before
