"""Which API version is spoken."""

from __future__ import annotations

import pytest

from reconciler.engine.versions import common_version, text
from reconciler.errors import EngineRefused, EngineTooOld


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [("1.41", "1.12", "1.41"), ("1.45", "1.24", "1.45"), ("1.52", "1.44", "1.45"), ("1.43", "", "1.43")],
)
def test_the_newest_version_that_both_know_is_spoken(newest: str, oldest: str, spoken: str) -> None:
    told = {"Version": "x", "ApiVersion": newest, "MinAPIVersion": oldest}
    assert text(common_version(told)) == spoken


@pytest.mark.parametrize("told", [{"ApiVersion": "1.40", "Version": "19.03"}, {"ApiVersion": "new"}, {}])
def test_an_engine_that_is_too_old_is_refused_with_a_reason(told: dict[str, str]) -> None:
    with pytest.raises(EngineTooOld, match=r"1\.41 is needed"):
        common_version(told)


def test_an_engine_that_only_speaks_newer_versions_is_refused_with_a_reason() -> None:
    with pytest.raises(EngineRefused, match=r"speaks API 1\.60 at least"):
        common_version({"Version": "40", "ApiVersion": "1.70", "MinAPIVersion": "1.60"})
