"""The filter: what an address lets pass, and which address says it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.status_text import HEALTHS, SYNCS
from reconciler.web.choosing import LONGEST
from reconciler.web.filter import PAGE, Filter
from tests.web.showroom import DRIFTED, MISSING, ROLLED_BACK, a_status

ALL = (ROLLED_BACK, MISSING, DRIFTED, a_status("worker"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["shop", "api", "web", "worker"]),
        ({"q": "wEb"}, ["shop", "web"]),
        ({"q": "limits memory"}, ["web"]),
        ({"q": "1.4.2 container"}, ["api", "web", "worker"]),
        ({"q": "quarantined"}, ["shop"]),
        ({"sync": "Synced"}, ["worker"]),
        ({"sync": "OutOfSync", "health": "Missing"}, ["api"]),
        ({"sync": "nonsense", "health": "<b>"}, ["shop", "api", "web", "worker"]),
        ({"q": "nothing is like that"}, []),
    ],
)
def test_what_passes(query: dict[str, str], names: list[str]) -> None:
    assert [item.name for item in Filter.of(query).chosen(ALL)] == names


@given(TEXT, st.sampled_from(["", *SYNCS]), st.sampled_from(["", *HEALTHS]), st.integers(1, 9999))
def test_an_address_says_the_filter(text: str, sync: str, health: str, page: int) -> None:
    wanted = Filter(text=text, sync=sync, health=health, page=page)
    address = wanted.address()
    assert Filter.of(dict(parse_qsl(urlsplit(address).query))) == wanted
    assert wanted.filters == bool(text or sync or health)


def test_nothing_to_filter_is_the_plain_address() -> None:
    assert Filter().address() == "/"
    assert Filter(text="a b", sync="Synced").address(sync="", page=2) == "/?q=a+b&page=2"


@pytest.mark.parametrize("page", ["0", "-1", "x", "999999", "²", ""])
def test_a_page_that_cannot_be_is_the_first_or_one_that_can(page: str) -> None:
    assert Filter.of({"page": page}).page == 1


def test_a_long_text_is_cut_and_documents_are_shown_page_by_page() -> None:
    assert len(Filter.of({"q": "x" * 1000}).text) == LONGEST
    many = tuple(a_status(f"d{number}") for number in range(PAGE + 1))
    assert len(Filter().shown(many)) == PAGE
    assert Filter(page=2).shown(many) == many[PAGE:]
    assert Filter(page=3).shown(many) == ()
