"""Who takes part in a fleet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.member import Member, Role, is_label, read_member
from reconciler.errors import InputError

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@given(st.sampled_from(Role), NAMES)
def test_every_member_comes_back_from_its_uri(role: Role, name: str) -> None:
    member = Member(role, name)
    assert read_member(member.uri) == member
    assert str(member) == f"{role.value} {name}"


@given(st.text(max_size=40) | st.from_regex(r"stella://(agent|admin|root)/?[A-Za-z0-9%/.?#-]*", fullmatch=True))
def test_no_two_texts_name_the_same_member(text: str) -> None:
    try:
        member = read_member(text)
    except InputError:
        return
    assert member.uri == text


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "host-a",
        "stella://agent",
        "stella://agent/",
        "stella://agent//host-a",
        "stella://agent/host-a/",
        "stella://agent/host-a\n",
        "stella://agent/Host-A",
        "stella://agent/host.a",
        "stella://agent/-a",
        "stella://agent/a-",
        f"stella://agent/{'a' * 64}",
        "stella://AGENT/host-a",
        "stella://root/host-a",
        "STELLA://agent/host-a",
        "spiffe://agent/host-a",
        "stella://stella://agent/host-a",
        "stella://agent/hôst",
        "stella://agent/%68ost",
    ],
)
def test_what_is_no_member_is_refused(uri: str) -> None:
    with pytest.raises(InputError):
        read_member(uri)


def test_a_label_is_of_a_host_name() -> None:
    assert is_label("a" * 63)
    assert not is_label("a.b")
