"""Who may see the pages, and by which name they are asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.web.access import (
    ADDRESSES,
    BADGE_S,
    EACH_S,
    TRIES,
    Access,
    Patience,
    Shown,
    is_loopback,
    known_host,
)

TOKEN = "0123456789abcdef0123456789abcdef"
NOTHING = Shown()


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()
OPEN = Access(clock=CLOCK, here_only=True)
GUARDED = replace(OPEN, here_only=False, token=Secret(TOKEN.encode()))
CERTIFIED = replace(OPEN, here_only=False, certificates=True)


def bearer(token: str) -> Shown:
    return Shown(authorization=f"Bearer {token}")


def test_on_the_loopback_address_everybody_sees_it_unless_something_is_asked_for() -> None:
    assert OPEN.possible
    assert OPEN.admits(NOTHING)
    assert not replace(GUARDED, here_only=True).admits(NOTHING)
    assert not replace(CERTIFIED, here_only=True).admits(NOTHING)


def test_elsewhere_nobody_sees_it_where_nothing_is_asked_for() -> None:
    nowhere = replace(OPEN, here_only=False)
    assert not nowhere.possible
    assert not nowhere.admits(NOTHING)
    assert GUARDED.possible
    assert CERTIFIED.possible


def test_the_token_admits_and_no_other_word_does() -> None:
    assert GUARDED.admits(bearer(TOKEN))
    assert GUARDED.admits(Shown(authorization=f"bearer  {TOKEN} "))
    for wrong in ("", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), "\udcff", "ü"):
        assert not GUARDED.admits(bearer(wrong)), wrong
    assert not GUARDED.admits(Shown(authorization=f"Basic {TOKEN}"))
    assert not GUARDED.admits(Shown(authorization=TOKEN))
    assert not OPEN.right("")


def test_a_certificate_admits_only_where_certificates_are_asked_for() -> None:
    assert CERTIFIED.admits(Shown(certificate=True))
    assert not CERTIFIED.admits(NOTHING)
    assert not CERTIFIED.admits(bearer(TOKEN))
    assert not GUARDED.admits(Shown(certificate=True))
    both = replace(GUARDED, certificates=True)
    assert both.admits(Shown(certificate=True))
    assert both.admits(bearer(TOKEN))


def test_a_badge_is_good_for_some_hours_and_for_its_token() -> None:
    made = GUARDED.new_badge()
    shown = Shown(cookie=made)
    assert TOKEN not in made
    assert GUARDED.admits(shown)
    assert not replace(GUARDED, clock=lambda: CLOCK.now + BADGE_S).admits(shown)
    assert not replace(GUARDED, token=Secret(b"x" * 32)).admits(shown)
    assert not CERTIFIED.admits(shown)


@given(st.text(max_size=100))
def test_no_other_text_is_a_badge(text: str) -> None:
    assert not GUARDED.admits(Shown(cookie=text))


def test_a_badge_that_was_made_longer_is_none() -> None:
    until, _, seal = GUARDED.new_badge().partition(".")
    assert not GUARDED.admits(Shown(cookie=f"{int(until) + 1}.{seal}"))


def test_who_guesses_is_made_to_wait_and_others_are_not() -> None:
    clock = Clock()
    patience = Patience(clock)
    for _ in range(TRIES):
        assert patience.wait_s("a") == 0
        patience.wrong("a")
    assert patience.wait_s("a") == pytest.approx(EACH_S)
    assert patience.wait_s("b") == 0
    clock.now += EACH_S
    assert patience.wait_s("a") == 0
    patience.wrong("a")
    assert patience.wait_s("a") > 0
    clock.now += TRIES * EACH_S * 10
    for _ in range(TRIES):
        patience.wrong("a")
    assert patience.wait_s("a") > 0


def test_who_guesses_much_at_once_waits_no_longer_than_who_guesses_once_too_often() -> None:
    patience = Patience(Clock())
    for _ in range(TRIES * 40):
        patience.wrong("a")
    assert patience.wait_s("a") == pytest.approx(EACH_S)


def test_only_so_many_addresses_are_remembered() -> None:
    patience = Patience(Clock())
    for number in range(ADDRESSES + 1):
        for _ in range(TRIES):
            patience.wrong(str(number))
    assert patience.wait_s("0") == 0
    assert patience.wait_s("1") > 0


@pytest.mark.parametrize(
    ("host", "so"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.0.2.1", False),
        ("example.com", False),
    ],
)
def test_which_addresses_only_this_host_gets_to(host: str, so: bool) -> None:
    assert is_loopback(host) is so


@pytest.mark.parametrize(
    ("header", "so"),
    [
        ("127.0.0.1:9464", True),
        ("192.0.2.1", True),
        ("[::1]:9464", True),
        ("[2001:db8::1]", True),
        ("localhost", True),
        ("localhost:9464", True),
        ("LocalHost.:9464", True),
        ("evil.example", False),
        ("evil.example:9464", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("localhost:x", False),
    ],
)
def test_which_names_lead_here(header: str, so: bool) -> None:
    assert known_host(header, frozenset({"localhost"})) is so
