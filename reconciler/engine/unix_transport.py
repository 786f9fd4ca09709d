"""HTTP over the engine's unix socket, with one pool of connections for all requests of a client.

Stands in for the SDK's own transport, which keeps a pool for every path (so each inspect of another container
connects anew) and leaves a socket open when nobody listens.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

CONNECTIONS = 2


class _Connection(HTTPConnection):
    def __init__(self, host: str, *, unix_path: str, timeout: float | None = None, **_: object) -> None:
        super().__init__(host, timeout=timeout)
        self._unix_path = unix_path

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
            connection.connect(self._unix_path)
        except BaseException:
            connection.close()
            raise
        self.sock = connection


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class UnixAdapter(HTTPAdapter):
    """Sends every request of a session to the socket at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._pool = _Pool("localhost", maxsize=CONNECTIONS, unix_path=path)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,  # noqa: ARG002
        verify: bool | str | None,  # noqa: ARG002, FBT001
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
        cert: object = None,  # noqa: ARG002
    ) -> HTTPConnectionPool:
        """The pool, whatever is asked for (see ``requests.adapters.HTTPAdapter``)."""
        return self._pool

    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:  # noqa: ARG002
        """The path alone: a socket has no host and needs no proxy."""
        return str(request.path_url)

    def close(self) -> None:
        self._pool.close()
        super().close()
