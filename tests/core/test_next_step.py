"""The next step after a failure: which logs to look at, and which commands are worth naming."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.desired import Suspension
from reconciler.core.next_step import next_step
from reconciler.core.record import Operation, Record, Revision
from tests.cli.parts import ONE, PROJECT, RECORD

FAILED = replace(RECORD.operations[2], container_id="c" * 64)
TRIED = replace(RECORD, operations=(*RECORD.operations[:2], FAILED))

LOOK = "web: look at `docker logs web-failed-g3`, then edit the document"
HELD = replace(TRIED, quarantined={}, held="3 heals in 10m", operations=(replace(FAILED, state="committed"),))


@pytest.mark.parametrize(
    ("record", "outcome", "line"),
    [
        (
            TRIED,
            "rolled-back",
            LOOK + ", `reconciler clear web` or `reconciler rollback web`",
        ),
        (
            replace(TRIED, operations=(FAILED,)),
            "Failed",
            LOOK + " or `reconciler clear web`",
        ),
        (RECORD, "Held", "web: edit the document, `reconciler clear web` or `reconciler rollback web`"),
        (HELD, "held", "web: look at `docker logs web`, then edit the document or `reconciler clear web`"),
        (Record(document="web", owner="o"), "failed", "web: edit the document or `reconciler clear web`"),
    ],
)
def test_the_logs_and_the_commands_that_fit_are_named(record: Record, outcome: str, line: str) -> None:
    assert next_step(record, outcome) == line


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (TRIED, "Converged"),
        (TRIED, "blocked"),
        (replace(TRIED, suspension=Suspension(by="ana", reason="incident")), "Held"),
        (Record(document="web", owner="o"), "Held"),
    ],
)
def test_nothing_is_advised_where_nothing_failed(record: Record, outcome: str) -> None:
    assert next_step(record, outcome) == ""


def of_project(state: str, **fields: Any) -> Record:
    operation = Operation(
        generation=1,
        kind="deploy",
        fingerprint=PROJECT.fingerprint,
        state=state,  # type: ignore[arg-type]
    )
    revision = Revision(fingerprint=PROJECT.fingerprint, desired=PROJECT)
    return Record(document="shop", owner="o", revisions=(revision,), operations=(operation,), **fields)


UNHEALTHY = "service web (shop-web-1) is not healthy: its health check fails"


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (of_project("undone", last_error=UNHEALTHY), "reconciler why shop"),
        (of_project("committed", last_error=UNHEALTHY), "docker logs shop-web-1"),
        (of_project("committed", held="healed 5 times"), "reconciler why shop"),
    ],
)
def test_for_a_project_it_is_the_named_service_or_what_was_done(record: Record, place: str) -> None:
    line = next_step(record, "failed")
    assert line == f"shop: look at `{place}`, then edit the document or `reconciler clear shop`"


@pytest.mark.parametrize("state", ["intent", "committed", "undone"])
def test_a_container_that_was_not_laid_aside_is_not_named(state: str) -> None:
    operation = Operation(
        generation=1,
        kind="deploy",
        fingerprint=ONE.fingerprint,
        state=state,  # type: ignore[arg-type]
        container_id="c" * 64,
    )
    assert "docker logs" not in next_step(replace(RECORD, operations=(operation,)), "failed")
