"""Member: who takes part in a fleet, a role and a name. Pure.

A certificate says it as one URI, ``stella://agent/host-a``. Decides which roles there are and what a name may be;
what a role may do is for those who are asked.

Invariant: a Member that exists is well formed, and ``read_member(member.uri) == member``; no two texts are the
same Member.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from reconciler.errors import InputError

SCHEME: Final = "stella://"
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""RFC 1123, 2.1."""


class Role(Enum):
    """What somebody is in a fleet. The value is as it stands in the URI."""

    AGENT = "agent"
    ADMIN = "admin"
    VIEWER = "viewer"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Member:
    """Raises InputError where the name is none."""

    role: Role
    name: str

    def __post_init__(self) -> None:
        if not is_label(self.name):
            raise InputError(
                f"{self.name[:80]!r} cannot be the name of a member",
                hint="1 to 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
            )

    @property
    def uri(self) -> str:
        """As it stands in a certificate."""
        return f"{SCHEME}{self.role.value}/{self.name}"

    def __str__(self) -> str:
        return f"{self.role.value} {self.name}"


def is_label(text: str) -> bool:
    """Whether it is one label of a host name, in lower case."""
    return _LABEL.fullmatch(text) is not None


def read_member(uri: str) -> Member:
    """The Member that a URI names. Raises InputError where it names none."""
    role, slash, name = uri.removeprefix(SCHEME).partition("/")
    known = {item.value: item for item in Role}
    if not uri.startswith(SCHEME) or not slash or role not in known:
        raise InputError(
            f"{uri[:120]!r} names no member of a fleet", hint=f"as {SCHEME}agent/NAME; roles: {', '.join(known)}"
        )
    return Member(known[role], name)
