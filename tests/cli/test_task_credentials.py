"""What a file of a task's credentials may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.task_request import sealed_values
from reconciler.core.secret import Secret
from reconciler.credentials.login_file import read_entries
from reconciler.errors import InputError

FILE = Path("given.json")
LOGIN = {"registry.example.com/team": {"username": "ci", "password": "canary"}}


def test_logins_and_secrets_are_named_as_an_agent_knows_them() -> None:
    values = sealed_values({"registries": LOGIN, "secrets": {"db": "x"}}, FILE)
    assert values["secret/db"] == Secret(b"x")
    (entry,) = read_entries(values["registries"].reveal())
    assert (entry.prefix, entry.login.username) == ("registry.example.com/team", "ci")
    assert sealed_values({}, FILE) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"db": "canary"}, "and nothing else"),
        ({"secrets": ["canary"]}, "and nothing else"),
        ({"secrets": {"db": ""}}, "and nothing else"),
        ({"secrets": {"db": 7}}, "and nothing else"),
        ({"registries": {"registry.example.com": {"user": "canary"}}}, "the logins in given.json are wrong"),
    ],
)
def test_what_has_another_form_is_refused_without_telling_a_value(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        sealed_values(given, FILE)
    assert "canary" not in f"{refused.value}{refused.value.hint}"
