"""Names and labels of throw-away containers: found again by both together, never by a copy of either."""

from __future__ import annotations

import pytest

from reconciler.core import names

TASK = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_a_command_is_found_again_by_its_name_and_its_labels() -> None:
    labels = names.command_labels(TASK, owner="us")
    assert labels == {names.OWNER: "us", names.COMMAND: TASK}
    assert names.is_command(names.command_name("web", TASK), labels, owner="us")


@pytest.mark.parametrize(
    ("row_name", "labels"),
    [
        ("web", {names.OWNER: "us", names.COMMAND: TASK}),
        ("web-command-01890a5d", {names.OWNER: "us"}),
        ("web-command-01890a5d", {names.OWNER: "somebody", names.COMMAND: TASK}),
        ("web-command-01890a5d", {names.COMMAND: TASK}),
        ("web-command-", {names.OWNER: "us", names.COMMAND: ""}),
    ],
)
def test_what_only_looks_like_a_command_of_ours_is_left_alone(row_name: str, labels: dict[str, str]) -> None:
    assert not names.is_command(row_name, labels, owner="us")
