"""Join tokens: made, read, and what they are worth."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.errors import InputError
from reconciler.tls.join_token import (
    PATTERN,
    JoinToken,
    expired,
    invitation,
    make_token,
    read_token,
    refusal,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = "ab" * 32
TOKEN = make_token("host-a", ROOT, Secret(bytes(range(32))), expires=NOW + HOUR)
TEXT = TOKEN.text().text()
TARGETS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_a_token_is_one_word_that_scanners_know_and_people_can_read() -> None:
    assert TEXT.startswith("stella_join_1_host-a_1795957200_abab")
    assert re.fullmatch(PATTERN, TEXT)
    assert re.search(PATTERN, f"token = {TEXT!r}")


@given(TARGETS, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), MOMENTS)
def test_every_token_comes_back_as_it_was_made(target: str, root: bytes, secret: bytes, ends: datetime) -> None:
    made = make_token(target, root.hex(), Secret(secret), expires=ends)
    assert read_token(made.text()) == made
    assert read_token(Secret(b" " + made.text().reveal() + b"\n")) == made


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("abz019_-A \n="))
def test_every_slip_of_the_hand_is_seen(place: int, letter: str) -> None:
    changed = TEXT[:place] + letter + TEXT[place + 1 :]
    swapped = TEXT[:place] + TEXT[place : place + 2][::-1] + TEXT[place + 2 :]
    for text in {changed, swapped, TEXT[:place], TEXT[:place] + TEXT[place + 1 :]} - {TEXT}:
        with pytest.raises(InputError) as caught:
            read_token(Secret(text.encode()))
        assert TOKEN.text().text()[90:140] not in str(caught.value)


@given(st.binary(max_size=300))
def test_anything_else_is_no_token(content: bytes) -> None:
    with pytest.raises(InputError, match="no join token"):
        read_token(Secret(content))


def test_a_secret_that_is_written_in_another_way_is_no_token() -> None:
    """The last letter of base32 has bits to spare; a checksum that fits does not help."""
    begin, _, _ = TEXT.rpartition("_")
    odd = begin[:-1] + chr(ord(begin[-1]) + 1) + "_"
    with pytest.raises(InputError, match="not written as tokens are"):
        read_token(Secret(f"{odd}{zlib.crc32(odd.encode()):08x}".encode()))


def test_neither_a_token_nor_what_is_kept_of_it_shows_the_secret() -> None:
    secret = TEXT.split("_")[6]
    for shown in (repr(TOKEN), str(TOKEN.text()), repr(invitation(TOKEN)), TOKEN.digest):
        assert secret not in shown
        assert TOKEN.secret.reveal().hex() not in shown
    assert invitation(TOKEN).target == "host-a"


def why(
    token: JoinToken = TOKEN, *, used_by: str = "", at: datetime = NOW, key: str = "k1", root: str = ROOT
) -> str:
    kept = replace(invitation(TOKEN), used_by=used_by)
    return refusal(token, kept, key=key, roots=[root, "other"], now=at) or ""


@pytest.mark.fault("X7")
def test_a_token_counts_once_in_its_time_for_its_authority() -> None:
    """What the token says of itself does not change what was kept of it."""
    assert why() == ""
    assert why(used_by="k1") == ""
    assert why(used_by="k2") == "the token was used before, for another key"
    assert why(at=NOW + HOUR) == "the token expired at 2026-11-29T13:00:00Z"
    assert why(replace(TOKEN, expires=NOW + 99 * HOUR), at=NOW + HOUR).startswith("the token expired")
    assert why(root="cd" * 32) == "the token carries another authority's fingerprint"
    assert why(replace(TOKEN, target="host-b")) == "the token was made for host-a"
    assert why(replace(TOKEN, secret=Secret(bytes(32)))).startswith("no such token was made here")
    assert str(refusal(TOKEN, None, key="k1", roots=[ROOT], now=NOW)).startswith("no such token")


def test_an_agent_sees_for_itself_that_its_token_is_too_old() -> None:
    assert not expired(TOKEN, NOW)
    assert expired(TOKEN, NOW + HOUR)


def test_a_token_is_made_for_a_name_with_a_full_secret() -> None:
    with pytest.raises(InputError, match="cannot be the name of a target"):
        make_token("Host A", ROOT, Secret(bytes(32)), expires=NOW)
    with pytest.raises(ValueError, match="32 secret bytes"):
        make_token("host-a", ROOT, Secret(bytes(31)), expires=NOW)
    with pytest.raises(ValueError, match="a fingerprint of SHA-256"):
        make_token("host-a", "ab", Secret(bytes(32)), expires=NOW)
