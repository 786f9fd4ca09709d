"""Reads of registries: manifests by tag or digest, blobs by digest. Implements ``core.interfaces.ImageRegistry``.

Decides what an answer means and who is told a login: the registry itself, or the token server that it names, and
these only over HTTPS or on this machine. What was asked for by digest is checked against it before anybody
sees it.

Source: OCI distribution specification 1.1, "Pull"; for tokens see ``challenge``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.core.image import ImageReference, short_digest
from reconciler.core.interfaces import Manifest
from reconciler.core.login import Login
from reconciler.errors import ImageNotFound, RegistryDenied, RegistryUnavailable, VerificationFailed
from reconciler.registry.challenge import Challenge, basic, read_challenges
from reconciler.registry.names import Place, place_of
from reconciler.registry.transport import Answer, Transport

MANIFEST_LIMIT: Final = 4 << 20
"""Bytes; what the distribution specification asks registries to take."""

TOKEN_LIMIT: Final = 1 << 20
TOKEN_S: Final = 60.0
"""How long a token is good where nobody says otherwise (token authentication specification)."""

KINDS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
LoginFor = Callable[[str], Login | None]


def nobody(_repository: str) -> Login | None:
    """Ask without a login."""
    return None


class RegistryClient:
    """``login_for`` a repository is asked only when the registry wants to know who asks. Safe for use from many
    threads; a token is used again while it is good.
    """

    def __init__(
        self,
        login_for: LoginFor = nobody,
        *,
        transport: Transport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._login_for = login_for
        self._transport = transport or Transport()
        self._monotonic = monotonic
        self._tokens: dict[str, tuple[str, float]] = {}

    def manifest(self, repository: str, reference: str) -> Manifest:
        """By tag or digest. See ``core.interfaces.ImageRegistry``."""
        accept = {"Accept": ", ".join(KINDS)}
        answer = self._get(repository, f"manifests/{reference}", headers=accept, limit=MANIFEST_LIMIT)
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if ":" in reference and reference != digest:
            raise _other_content(repository, reference, digest)
        return Manifest(digest=digest, content=answer.body)

    def blob(self, repository: str, digest: str, *, limit: int) -> bytes:
        """By digest. See ``core.interfaces.ImageRegistry``."""
        body = self._get(repository, f"blobs/{digest}", headers={}, limit=limit).body
        found = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if found != digest:
            raise _other_content(repository, digest, found)
        return body

    def _get(self, repository: str, what: str, *, headers: Mapping[str, str], limit: int) -> Answer:
        place = place_of(repository)
        url, about = f"{place.base}/{what}", f"asking {place.host} for {place.name} {what}"
        answer = self._transport.send(url, headers=headers, limit=limit, secret=self._known_token(repository))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            secret = self._authorization(repository, place, answer, about)
            answer = self._transport.send(url, headers=headers, limit=limit, secret=secret)
        _look(answer, about)
        return answer

    def _known_token(self, repository: str) -> str:
        token, until = self._tokens.get(repository, ("", 0.0))
        return token if self._monotonic() < until else ""

    def _authorization(self, repository: str, place: Place, answer: Answer, about: str) -> str:
        challenges = read_challenges(answer.headers.get_all("WWW-Authenticate") or ())
        login = self._login_for(repository)
        bearer = next((item for item in challenges if item.scheme == "bearer" and item.realm), None)
        if bearer is not None:
            return self._token(repository, place, bearer, login, about=about)
        if not any(item.scheme == "basic" for item in challenges) or login is None or login.password is None:
            raise _denied(about, login)
        return basic(login)

    def _token(
        self, repository: str, place: Place, challenge: Challenge, login: Login | None, *, about: str
    ) -> str:
        if not challenge.private(place.host):
            raise RegistryDenied(
                f"{about}: it names a token server that is not asked over HTTPS: {challenge.realm}"
            )
        scope = f"repository:{place.name}:pull"
        answer = self._ask_for_token(challenge, login, scope)
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST}:
            raise _denied(about, login)
        _look(answer, f"{about}, at its token server {challenge.realm}")
        told = _json(answer.body)
        token = told.get("token") or told.get("access_token")
        if not isinstance(token, str) or not token:
            raise RegistryUnavailable(f"{about}: its token server {challenge.realm} gives no token")
        lasts = told.get("expires_in")
        self._tokens[repository] = (
            f"Bearer {token}",
            self._monotonic() + (lasts if isinstance(lasts, int | float) else TOKEN_S) / 2,
        )
        return f"Bearer {token}"

    def _ask_for_token(self, challenge: Challenge, login: Login | None, scope: str) -> Answer:
        if login is not None and login.identity_token is not None:
            form = {
                **challenge.query(scope),
                "grant_type": "refresh_token",
                "client_id": "reconciler",
                "refresh_token": login.identity_token.text(),
            }
            return self._transport.send(
                challenge.realm, headers={}, limit=TOKEN_LIMIT, form=urlencode(form).encode()
            )
        secret = basic(login) if login is not None and login.password is not None else ""
        return self._transport.send(challenge.url(scope), headers={}, limit=TOKEN_LIMIT, secret=secret)


def _look(answer: Answer, about: str) -> None:
    """Raise what the status means; nothing where it means success."""
    if answer.status == HTTPStatus.OK:
        return
    said = _complaint(answer.body)
    message = f"{about}: it answers {answer.status}{f', {said}' if said else ''}"
    if answer.status == HTTPStatus.NOT_FOUND:
        raise ImageNotFound(message)
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise RegistryDenied(message, hint="give this host a login for it that may pull")
    raise RegistryUnavailable(message, retry_after=_retry_after(answer))


def _retry_after(answer: Answer) -> float | None:
    told = answer.headers.get("Retry-After") or ""
    return float(told) if told.isdecimal() else None


def _denied(about: str, login: Login | None) -> RegistryDenied:
    if login is None:
        return RegistryDenied(f"{about}: it wants to know who asks", hint="give this host a login for it")
    origin = f" of {login.origin}" if login.origin else ""
    return RegistryDenied(f"{about}: it does not accept the login{origin}", hint=login.after_refusal)


def _other_content(repository: str, wanted: str, found: str) -> VerificationFailed:
    return VerificationFailed(
        f"the registry gives other bytes for {ImageReference(repository, wanted)}: "
        f"their digest is {short_digest(found)}"
    )


def _complaint(body: bytes) -> str:
    """The registry's own first error, in one line and short."""
    errors = _json(body).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    said = first.get("message") or first.get("code") if isinstance(first, Mapping) else ""
    return " ".join(str(said or "").split())[:200]


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}
