"""What is told after an operator's exception was ended."""

from __future__ import annotations

import pytest

from reconciler.core.record import Event
from reconciler.core.signing_steps import revoked_note


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        ((), False),
        (("commit",), False),
        (("allow-unsigned",), False),
        (("allow-unsigned", "commit", "revoke-unsigned", "stop-container"), True),
        (("revoke-unsigned", "allow-unsigned"), False),
        (("revoke-unsigned", "verify-signature"), False),
    ],
)
def test_it_is_told_from_the_end_of_it_to_the_next_check(actions: tuple[str, ...], *, told: bool) -> None:
    events = [
        Event(at=1.0, document="web", action=action, target="web", cause="x", outcome="done", actor="user:bob")
        for action in actions
    ]
    assert ("says user:bob" in revoked_note(events)) is told
