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

    def private(self, registry: str) -> bool:
        """Whether credentials for this registry (its host) may go to the realm: nobody on the way can read them.
        Only a registry on this machine may name a realm in clear text on it: others would have us ask, and be
        told, what listens here.
        """
        try:
            realm = urlsplit(self.realm)
        except ValueError:
            return False
        if realm.scheme == "http":
            return is_loopback(realm.netloc) and is_loopback(registry)
        return realm.scheme == "https"

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
        pairs = [item for item in parse_http_list(rest) if item.partition("=")[2]]
        parameters = {key.strip().lower(): value for key, value in parse_keqv_list(pairs).items()}
        found.append(Challenge(scheme.lower(), parameters))
    return tuple(found)


def basic(login: Login) -> str:
    """The Authorization of a name and a password."""
    password = login.password.reveal() if login.password else b""
    return f"Basic {base64.b64encode(login.username.encode() + b':' + password).decode()}"
