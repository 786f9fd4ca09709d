"""A database that is damaged where SQLite's own check cannot see it is told as damage, with what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.errors import StateDamaged
from reconciler.orchestrator.store import agents
from tests.orchestrator.furnished import furnished


def test_a_value_that_is_no_json_is_told_as_damage(tmp_path: Path) -> None:
    with furnished(tmp_path, 1) as stage:
        with closing(sqlite3.connect(stage.database.path)) as by_hand, by_hand:
            by_hand.execute("UPDATE agents SET documents = '[{'")
        with (
            pytest.raises(StateDamaged, match=r"is damaged: a value is no JSON.*") as told,
            stage.database.read() as on,
        ):
            agents.every(on)
    assert "put back a backup" in str(told.value.hint)
