"""How errors read."""

from __future__ import annotations

from reconciler.errors import EngineRefused, Unhealthy


def test_a_hint_stands_behind_the_first_line_and_never_behind_what_a_container_said() -> None:
    error = Unhealthy("web is not healthy: it ended\n  last log lines:\n    bye", reason="exited", hint="mend it")
    assert str(error) == "web is not healthy: it ended (mend it)\n  last log lines:\n    bye"
    assert str(EngineRefused("no", hint="why")) == "no (why)"
    assert str(EngineRefused("no")) == "no"


def test_an_error_can_be_told_what_it_is_about() -> None:
    error = EngineRefused("starting container 4302733dae77: no such command", hint="look")
    error.about("service web (shop-web-1)")
    assert str(error) == "service web (shop-web-1): starting container 4302733dae77: no such command (look)"
