"""The real Docker host behind ``core.interfaces.Engine``.

Puts together what the other files of this room do; may be used from any number of threads.

Invariants: containers are named by full id, never found by a name filter (the engine's is an unanchored regular
expression); a list of all containers is one request; only errors of ``reconciler.errors`` come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Progress
from reconciler.core.login import Login
from reconciler.engine import pull
from reconciler.engine.changes import EngineChanges
from reconciler.engine.commands import EngineCommands
from reconciler.engine.connection import CHANGE_S, Connection
from reconciler.engine.registry_logins import FindLogin, RegistryLogins
from reconciler.engine.volume_files import VolumeFiles


class DockerEngine(EngineCommands, EngineChanges):
    """``url`` as in ``DOCKER_HOST``; connects at the first request.

    ``clock`` gives seconds since the epoch, for the times of files. ``environment`` is where the TLS files of a
    ``tcp://`` engine are named (default: the process's own). ``logins`` knows the logins of registries that come
    before those of docker's own configuration. ``change_s``: how many seconds the engine may be silent when
    it is to change something.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float],
        environment: Mapping[str, str] | None = None,
        logins: FindLogin | None = None,
        change_s: float = CHANGE_S,
    ) -> None:
        connection = Connection(url, environment=environment, change_s=change_s)
        super().__init__(connection)
        self._logins = RegistryLogins(logins)
        self._files = VolumeFiles(connection, clock=clock)

    def pull(self, image: ImageReference, *, deadline_s: float, progress: Progress) -> None:
        with self._logins.told(image.repository) as headers:
            pull.pull(self._connection, image, headers=headers, deadline_s=deadline_s, progress=progress)

    def resolve_tag(self, repository: str, tag: str) -> str:
        """The digest that a registry has for a tag now, asked through the engine, with the login for it.

        Raises ImageNotFound, RegistryDenied, RegistryUnavailable, EngineUnavailable.
        """
        with self._logins.told(repository) as headers:
            return pull.resolve_tag(self._connection, repository, tag, headers=headers)

    def login_for(self, repository: str) -> Login | None:
        """The login that a pull from this repository takes; None: it asks as nobody. Raises RegistryDenied,
        RegistryUnavailable.
        """
        return self._logins.find(repository)

    def lending(self, logins: FindLogin) -> AbstractContextManager[None]:
        """These logins come before all others, for as long."""
        return self._logins.lending(logins)

    def read_volume(self, volume: str, path: str, *, helper: str, limit: int) -> bytes | None:
        return self._files.read(volume, path, helper=helper, limit=limit)

    def write_volume(self, volume: str, path: str, content: bytes, *, helper: str) -> None:
        self._files.write(volume, path, content, helper=helper)

    def close(self) -> None:
        """Give back every connection."""
        self._connection.close()
