"""A private image registry on the loopback interface: Debian's ``docker-registry`` (Distribution).

Engines allow plain HTTP for loopback registries. Invariants: the address stays the same over ``kill`` and
``start``; deletion by digest is enabled; nothing is left after ``remove``.
"""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.parts import host
from tests.parts.folder import PrivateFolder

_READY_S = 15.0
_LISTENING = re.compile(r"listening on [\d.]+:(\d+)")
_SETTINGS = """\
version: 0.1
log: {{accesslog: {{disabled: true}}, level: info}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "{host}:{port}"}}
"""
_LOGINS = """\
auth:
  htpasswd: {{realm: private, path: {path}}}
"""


class PrivateRegistry:
    """One registry. ``address`` is ``<listen>:<port>``, known after the first start.

    ``users`` (name to bcrypt hash) are let in, and nobody else; none: everybody is. ``storage`` may be another
    registry's, which then serves to everybody what this one serves to its users. Engines take one that does not
    listen on the loopback interface only where they are told to (``--insecure-registry``).
    """

    def __init__(
        self, *, users: Mapping[str, str] | None = None, storage: Path | None = None, listen: str = "127.0.0.1"
    ) -> None:
        self._listen = listen
        self._users = users or {}
        self._storage = storage
        self._private = PrivateFolder()
        self.folder = self._private.path
        self.log = self.folder / "log"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port, as written in image references."""
        if self._port == 0:
            raise host.PartFailed("the registry was never started")
        return f"{self._listen}:{self._port}"

    @property
    def storage(self) -> Path:
        """Where blobs and links lie (Distribution's layout)."""
        return self._storage or self.folder / "storage"

    def start(self) -> None:
        """Start and wait until it answers. Raises PartFailed with the end of its log."""
        settings = self.folder / "config.yml"
        settings.write_text(
            _SETTINGS.format(storage=self.storage, host=self._listen, port=self._port) + self._logins()
        )
        binary = host.program("docker-registry", package="docker-registry")
        self.log.unlink(missing_ok=True)
        self._process = host.start_daemon([binary, "serve", str(settings)], log=self.log, cwd=self.folder)
        if not host.wait_until(self._ready_or_ended, seconds=_READY_S) or self._process.poll() is not None:
            raise host.PartFailed(f"docker-registry did not come up:\n{host.tail(self.log)}")

    def stop(self) -> None:
        """SIGTERM."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """End it and remove its files."""
        self.kill()
        self._private.remove()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _logins(self) -> str:
        """The settings that ask for a login."""
        if not self._users:
            return ""
        path = self.folder / "htpasswd"
        path.write_text("".join(f"{name}:{value}\n" for name, value in self._users.items()))
        return _LOGINS.format(path=path)

    def _ready_or_ended(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return True
        # the port is the kernel's choice on the first start: free for sure, and told in the log
        found = _LISTENING.search(self.log.read_text(errors="replace"))
        if found is None:
            return False
        self._port = int(found.group(1))
        return self._answers()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.address, timeout=2)
        try:
            connection.request("GET", "/v2/")
            wanted = http.HTTPStatus.UNAUTHORIZED if self._users else http.HTTPStatus.OK
            return connection.getresponse().status == wanted
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            host.end(self._process, how, seconds=5)
            self._process = None
