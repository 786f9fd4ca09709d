"""Which login a registry is told by way of the engine: one that is lent, this host's own, else that of docker's
configuration.

Docker's is read anew each time, so that a ``docker login`` counts at once; it knows one login for each registry,
by ``config.json``, ``credHelpers`` or ``credsStore``. A login goes into one request header and nowhere else.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from reconciler.core.login import Login
from reconciler.core.repository import HUB, full_name
from reconciler.core.secret import Secret
from reconciler.engine.failures import printable
from reconciler.errors import RegistryDenied

_NONE_KNOWN: Final = (
    "no login is known for it: put one into the file of registry-credentials, or use `docker login`; a repository "
    "that does not exist is refused in the same words"
)
_HUB_NAME: Final = "docker.io"
_HUB_SERVER: Final = "https://index.docker.io/v1/"
"""Docker Hub in docker's configuration, and in the engine's header."""

FindLogin = Callable[[str], Login | None]
"""The login for a repository, or None. Raises RegistryDenied, RegistryUnavailable."""


class RegistryLogins:
    """What is lent is asked first, then ``own``."""

    def __init__(self, own: FindLogin | None) -> None:
        self._own = own
        self._lent: tuple[FindLogin, ...] = ()
        self._lock = threading.Lock()

    def find(self, repository: str) -> Login | None:
        """Raises RegistryDenied when a file or a credential helper cannot be used, RegistryUnavailable when one
        does not answer.
        """
        for lent in self._lent:
            if login := lent(repository):
                return login
        return (self._own and self._own(repository)) or _of_docker(repository)

    @contextmanager
    def lending(self, lent: FindLogin) -> Iterator[None]:
        """These logins come before all others, for as long."""
        with self._lock:
            self._lent = (lent, *self._lent)
        try:
            yield
        finally:
            with self._lock:
                self._lent = tuple(item for item in self._lent if item is not lent)

    @contextmanager
    def told(self, repository: str) -> Iterator[Mapping[str, str]]:
        """Headers for a request about the repository; none is fine. A registry that refuses it is told with the
        login's origin.
        """
        login = self.find(repository)
        try:
            yield {} if login is None else {"X-Registry-Auth": header(login, repository)}
        except RegistryDenied as error:
            error.hint = (
                _NONE_KNOWN
                if login is None
                else f"the login for {login.origin} was refused: {login.after_refusal}"
            )
            raise


def header(login: Login, repository: str) -> str:
    """The engine's header (Docker Engine API, section "Authentication")."""
    registry = _registry(repository)
    content = {"serveraddress": _HUB_SERVER if registry == _HUB_NAME else registry}
    if login.identity_token is not None:
        content["identitytoken"] = login.identity_token.text()
    elif login.password is not None:
        content |= {"username": login.username, "password": login.password.text()}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode("ascii")


def _registry(repository: str) -> str:
    """As docker's configuration calls it. Found out as the engine does it: the SDK takes ``HOST/app`` for one of
    Docker Hub, and the engine would tell that host the Hub's login.
    """
    return _HUB_NAME if full_name(repository)[0] == HUB else repository.partition("/")[0]


def _of_docker(repository: str) -> Login | None:
    if not _docker_is_set_up():
        return None
    from docker import auth  # noqa: PLC0415  (10 MB and 0.1 s; only hosts with a configuration of docker's pay)
    from docker.errors import DockerException  # noqa: PLC0415  (the same)

    registry = _registry(repository)
    try:
        found = auth.resolve_authconfig(auth.load_config(), registry)
    except DockerException as error:
        raise RegistryDenied(
            f"reading docker's credentials for {repository}: {printable(str(error))}",
            hint="check credHelpers and credsStore in docker's config.json",
        ) from error
    return _login(found or {}, registry)


def _docker_is_set_up() -> bool:
    """Whether there is any of the files in which the SDK looks for logins."""
    home, folder = Path("~").expanduser(), os.environ.get("DOCKER_CONFIG")
    places = [
        home / ".docker" / "config.json",
        home / ".dockercfg",
        *([Path(folder, "config.json")] if folder else []),
    ]
    return any(place.exists() for place in places)


def _login(found: Mapping[str, Any], registry: str) -> Login | None:
    """Docker's names are written small or large, by where they come from."""
    origin, remedy = f"{registry} in docker's configuration", f"renew it with `docker login {registry}`"
    values = {key.lower(): str(value) for key, value in found.items() if value}
    token, username = values.get("identitytoken", ""), values.get("username", "")
    if token:
        return Login(identity_token=Secret(token.encode()), origin=origin, remedy=remedy)
    if not username:
        return None
    return Login(
        username=username, password=Secret(values.get("password", "").encode()), origin=origin, remedy=remedy
    )
