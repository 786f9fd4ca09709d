"""What a registry asks for when it says 401: reading its challenge. Pure.

Source: "Token Authentication Specification", distribution.github.io/distribution/spec/auth/token; RFC 7617.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from reconciler.core.login import Login
from reconciler.registry.names import is_loopback


@dataclass(frozen=True, slots=True)
class Challenge:
    """``scheme`` in lower case; ``parameters`` as they stand in the header."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        return self.parameters.get("realm", "")

    @property
    def private(self) -> bool:
        """Whether credentials may go to the realm: nobody on the way can read them."""
        realm = urlsplit(self.realm)
        return realm.scheme == "https" or (realm.scheme == "http" and is_loopback(realm.netloc))

    def query(self, scope: str) -> dict[str, str]:
        """What a token is asked for with; the registry's own scope goes before ours."""
        service = {"service": self.parameters["service"]} if "service" in self.parameters else {}
        return {**service, "scope": self.parameters.get("scope") or scope}

    def url(self, scope: str) -> str:
        """Where a token is asked for."""
        joint = "&" if "?" in self.realm else "?"
        return f"{self.realm}{joint}{urlencode(self.query(scope))}"


def read_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges of ``WWW-Authenticate`` headers; what cannot be read is left out."""
    found = []
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        pairs = [item for item in parse_http_list(rest) if "=" in item]
        parameters = {key.strip().lower(): value for key, value in parse_keqv_list(pairs).items()}
        found.append(Challenge(scheme.lower(), parameters))
    return tuple(found)


def basic(login: Login) -> str:
    """The Authorization of a name and a password."""
    password = login.password.reveal() if login.password else b""
    return f"Basic {base64.b64encode(login.username.encode() + b':' + password).decode()}"
