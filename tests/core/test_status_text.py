"""Statuses, generations and events in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.past_text import because, result_words
from reconciler.core.record import Event, Operation, Record
from reconciler.core.status import DocumentStatus
from reconciler.core.status_text import drift_word, reason_words, release_word, tally, worst_count
from reconciler.core.words import age, count, spent

FINE = DocumentStatus(name="web", kind="Container", target="", sync="Synced", health="Healthy", phase="Converged")


def test_words_are_counted_in_their_order_without_those_that_are_not_there() -> None:
    assert tally(["b", "a", "b"], ("a", "b", "c")) == (("a", 1), ("b", 2))


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([], "no documents"),
        ([FINE], "all Synced"),
        ([FINE, replace(FINE, health="Progressing")], "all Synced"),
        ([FINE, replace(FINE, sync="OutOfSync", health="Missing")], "1 OutOfSync, 1 Missing"),
        ([replace(FINE, sync="Unknown", health="Unknown")] * 2, "2 Unknown"),
        ([replace(FINE, health="Degraded"), replace(FINE, sync="OutOfSync")], "1 OutOfSync, 1 Degraded"),
    ],
)
def test_the_worst_is_counted(statuses: list[DocumentStatus], words: str) -> None:
    assert worst_count(statuses) == words
    assert worst_count(statuses, problems=2) == f"2 problems in files, {words}"


def test_a_document_that_is_well_needs_no_words() -> None:
    assert (release_word(FINE), drift_word(FINE), reason_words(FINE)) == ("none", "-", "")
    assert reason_words(replace(FINE, running_release="1")) == "not wanted any more"


def test_what_came_of_a_generation_is_told() -> None:
    done = Operation(generation=1, kind="deploy", fingerprint="f", state="committed")
    newer = replace(done, generation=2)
    record = Record(document="web", owner="o", operations=(done, newer))
    assert result_words(record, newer) == "running"
    assert result_words(record, done) == "was good"
    assert result_words(record, replace(done, state="intent")) == "under way"
    assert result_words(record, replace(done, state="intent", failure="x")) == "failed, not taken back yet: x"
    assert result_words(record, replace(done, state="undone")) == "interrupted"
    assert result_words(record, replace(done, state="undone", failure="x")) == "x"


def test_an_event_is_told_with_its_cause_and_what_more_there_is() -> None:
    event = Event(at=1.0, document="web", action="pull", target="t", cause="it is new", outcome="done")
    assert because(event) == "it is new"
    assert because(replace(event, detail="3 MiB")) == "it is new: 3 MiB"


def test_times_and_counts_are_short() -> None:
    assert [age(1000 - past, 1000) for past in (0.5, 59, 60, 3600, -5)] == ["0s", "59s", "1m", "1h", "0s"]
    assert age(0.0, 1000) == "-"
    assert [spent(ms) for ms in (40, 2800, 200_000)] == ["40ms", "2.8s", "3m20s"]
    assert (count(1, "document"), count(2, "document")) == ("1 document", "2 documents")
