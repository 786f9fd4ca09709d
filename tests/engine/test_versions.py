"""Which API version is spoken."""

from __future__ import annotations

import re

import pytest

from reconciler.engine.versions import common_version, text
from reconciler.errors import EngineUnsupported

AT = "the engine at unix:///run/docker.sock"


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [("1.41", "1.12", "1.41"), ("1.45", "1.24", "1.45"), ("1.52", "1.44", "1.45"), ("1.43", "", "1.43")],
)
def test_the_newest_version_that_both_know_is_spoken(newest: str, oldest: str, spoken: str) -> None:
    told = {"Version": "x", "ApiVersion": newest, "MinAPIVersion": oldest}
    assert text(common_version(told, at=AT)) == spoken


def test_an_engine_that_is_too_old_is_refused_with_both_versions_and_what_to_do() -> None:
    with pytest.raises(EngineUnsupported, match=re.escape(f"{AT} (Docker 19.03.1) speaks API 1.40;")) as caught:
        common_version({"ApiVersion": "1.40", "Version": "19.03.1"}, at=AT)
    assert "needs 1.41 or newer" in caught.value.message
    assert caught.value.hint == "install Docker Engine 20.10 or newer"


def test_an_engine_that_only_speaks_newer_versions_is_refused_with_both_versions_and_what_to_do() -> None:
    with pytest.raises(EngineUnsupported, match=re.escape("(Docker 40) speaks API 1.60 or newer only;")) as caught:
        common_version({"Version": "40", "ApiVersion": "1.70", "MinAPIVersion": "1.60"}, at=AT)
    assert "this reconciler speaks 1.41 to 1.45" in caught.value.message
    assert "install a newer reconciler" in caught.value.hint


@pytest.mark.parametrize(
    "told",
    [{}, {"ApiVersion": "new"}, {"ApiVersion": None}, {"ApiVersion": "1"}, {"ApiVersion": f"1.{'9' * 5000}"}],
    ids=lambda told: str(told)[:30],
)
def test_what_tells_no_version_is_told_as_such(told: dict[str, str]) -> None:
    with pytest.raises(EngineUnsupported, match="does not tell which version") as caught:
        common_version(told, at=AT)
    assert "Docker engine, 20.10 or newer" in caught.value.hint


@pytest.mark.parametrize("told", [None, [], "1.41", 1.41])
def test_a_version_in_another_form_is_told_as_such(told: object) -> None:
    with pytest.raises(EngineUnsupported, match="in a form that no engine has"):
        common_version(told, at=AT)


def test_what_an_engine_calls_itself_cannot_steer_a_terminal() -> None:
    with pytest.raises(EngineUnsupported) as caught:
        common_version({"ApiVersion": "1.40", "Version": "19\x1b[2J\n" + "x" * 9000}, at=AT)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000
