"""A gate in front of a registry, as the large ones have it: who wants in shows a token of its token server.

Protocol: https://distribution.github.io/distribution/spec/auth/token/. Each user owns one prefix of repositories,
and is given tokens for no other. Tokens live as long as the test says; one that is used later is refused, as an
expired login is. Everything that is let through is answered by the real registry.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from tests.parts.http_stream import Request
from tests.parts.registry_proxy import Answer, RegistryProxy

_SCOPE = re.compile(r"repository:(?P<repository>[^:]+):")
_PATH = re.compile(r"^/v2/(?P<repository>.+)/(manifests|blobs)/")


class RegistryGate(RegistryProxy):
    """``passwords`` by user; ``owners``: which user owns a prefix of repositories (``team-a``)."""

    def __init__(self, upstream: str, *, passwords: Mapping[str, str], owners: Mapping[str, str]) -> None:
        super().__init__(upstream)
        self.life_s = 60.0
        self.let_in: list[tuple[str, str]] = []
        """User and repository of every read that was let through."""
        self._passwords = passwords
        self._owners = owners
        self._tokens: dict[str, tuple[str, str, float]] = {}

    @property
    def attempts(self) -> int:
        """How often somebody wanted in: every pull begins by asking who is let in."""
        return sum(item.path == "/v2/" for item in self.requests)

    def answer(self, request: Request, truth: Callable[[], Answer]) -> Answer:
        """As the gate decides; what is let through may still be lied about."""
        return super().answer(request, lambda: self._decided(request, truth))

    def _decided(self, request: Request, truth: Callable[[], Answer]) -> Answer:
        if request.path.startswith("/token"):
            return self._issued(request)
        asked = _PATH.match(request.path)
        user = self._bearer(request, asked["repository"] if asked else "")
        if user is None:
            return self._challenge(asked["repository"] if asked else "")
        if asked:
            self.let_in.append((user, asked["repository"]))
        return truth()

    def _issued(self, request: Request) -> Answer:
        scope = parse_qs(urlsplit(request.path).query).get("scope", [""])[0]
        found = _SCOPE.match(scope)
        repository = found["repository"] if found else ""
        user = self._user(request.header("authorization"))
        if user is None:
            return _refusal(401, "incorrect username or password")
        allowed = repository if self._owners.get(repository.partition("/")[0]) == user else ""
        token = secrets.token_hex(16)
        self._tokens[token] = (user, allowed, time.monotonic() + self.life_s)
        return Answer(200, (("Content-Type", "application/json"),), json.dumps({"token": token}).encode())

    def _user(self, header: str) -> str | None:
        kind, _, value = header.partition(" ")
        if kind.lower() != "basic":
            return "" if not header else None
        name, _, password = base64.b64decode(value).decode().partition(":")
        return name if self._passwords.get(name) == password else None

    def _bearer(self, request: Request, repository: str) -> str | None:
        user, allowed, until = self._tokens.get(request.header("authorization").partition(" ")[2], ("", "", 0.0))
        good = time.monotonic() < until and (not repository or allowed == repository)
        return user if good else None

    def _challenge(self, repository: str) -> Answer:
        scope = f',scope="repository:{repository}:pull"' if repository else ""
        challenge = f'Bearer realm="http://{self.address}/token",service="gate"{scope}'
        return _refusal(401, "authentication required", ("WWW-Authenticate", challenge))


def _refusal(status: int, message: str, *headers: tuple[str, str]) -> Answer:
    body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": message}]}).encode()
    return Answer(status, (("Content-Type", "application/json"), *headers), body)
