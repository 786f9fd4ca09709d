"""What a member can tell of its passport before it connects."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.tls.certificates import LEAF_LIFE
from reconciler.tls.passport_folder import Papers
from reconciler.tls.standing import TOLERATED, clock_difference, problems, refused_by, renewal_point, standing
from tests.tls.fleet import AGENT, HOUR, moment, new_authority

NOW = moment()
AUTHORITY = new_authority(NOW)
PASSPORT = AUTHORITY.passport(AGENT, now=NOW)
NEW = AUTHORITY.passport(AGENT, now=NOW + 12 * HOUR)
MINUTE = timedelta(minutes=1)


@given(st.floats(0, 1))
def test_a_certificate_is_renewed_between_half_and_seven_tenths_of_its_life(chance: float) -> None:
    life, point = PASSPORT.ends - PASSPORT.begins, renewal_point(PASSPORT, chance)
    assert 0.5 * life <= point - PASSPORT.begins <= 0.7 * life + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("papers", "hours", "state", "which"),
    [
        (Papers(), 0, "none", None),
        (Papers(asking=True), 0, "asking", None),
        (Papers(proven=PASSPORT), 1, "valid", PASSPORT),
        (Papers(proven=PASSPORT), 15, "due", PASSPORT),
        (Papers(proven=PASSPORT, asking=True), 15, "due", PASSPORT),
        (Papers(proven=PASSPORT), 24, "expired", None),
        (Papers(proven=PASSPORT), -2, "early", None),
        (Papers(proven=PASSPORT, unproven=NEW), 13, "unproven", NEW),
        (Papers(proven=PASSPORT, unproven=NEW), 1, "valid", PASSPORT),
        (Papers(proven=NEW, unproven=PASSPORT), 25, "valid", NEW),
        (Papers(proven=PASSPORT, unproven=NEW), 99, "expired", None),
        (Papers(unproven=NEW), 0, "early", None),
    ],
)
def test_a_member_stands_as_its_papers_say(papers: Papers, hours: int, state: str, which: object) -> None:
    found = standing(papers, now=NOW + hours * HOUR, chance=0.5)
    assert (found.state, found.passport) == (state, which)


@pytest.mark.fault("T2")
def test_a_clock_that_is_behind_is_told_as_such_before_anything_is_sent() -> None:
    """In words, with how far behind it is at least, where TLS would only end the connection."""
    (told,) = problems(PASSPORT, now=NOW - timedelta(days=2, hours=3))
    assert told.startswith("the certificate of agent host-a does not count yet: it was made at ")
    assert "The clock is at least 2 d 3 h behind: set it ('timedatectl' shows" in told
    early, clock = problems(PASSPORT, now=NOW - 2 * HOUR, server_says=NOW)
    assert "at least 2 h behind" in early
    assert clock.startswith("this host's clock is 2 h behind the server's (")
    assert problems(PASSPORT, now=NOW - HOUR) == (), "a certificate bears an hour"


def test_a_certificate_that_has_ended_is_told_with_the_way_back() -> None:
    (told,) = problems(PASSPORT, now=NOW + LEAF_LIFE + 90 * MINUTE)
    assert "1 h 30 min ago by this host's clock" in told
    assert "enroll again with a new join token; the name and all that runs here stay" in told
    assert "0 s ago" in problems(PASSPORT, now=NOW + LEAF_LIFE)[0]


def test_nothing_is_told_where_nothing_is_wrong() -> None:
    assert problems(PASSPORT, now=NOW, server_says=NOW + TOLERATED) == ()
    assert clock_difference(NOW, None) == ""


def test_clocks_that_differ_are_told_either_way() -> None:
    assert "is 6 min ahead of the server's" in clock_difference(NOW, NOW - 6 * MINUTE)
    assert "is 5 min 1 s behind the server's" in clock_difference(NOW, NOW + 5 * MINUTE + timedelta(seconds=1))


def test_a_server_of_another_authority_is_told_with_both_roots() -> None:
    other = new_authority(NOW)
    assert refused_by((other.fingerprint, AUTHORITY.fingerprint), PASSPORT) == ""
    told = refused_by((other.fingerprint,), PASSPORT)
    assert f"its root is {other.fingerprint[:16]}, and the certificate of agent host-a is of" in told
    assert AUTHORITY.fingerprint[:16] in told
    assert "its root is unknown" in refused_by((), PASSPORT)
