"""The way to engines that are not behind a unix socket: addresses, TCP with TLS and SSH are the SDK's.

One SDK client for each thread. The SDK's own failures become those that ``transport`` names.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from weakref import WeakSet

import docker
import requests
import urllib3
from docker.errors import DockerException
from docker.utils import kwargs_from_env

from reconciler.engine.failures import printable
from reconciler.engine.versions import OLDEST_API, text
from reconciler.errors import InvalidSettings

SILENT_S = 30
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)


class SdkTransport:
    """See ``transport.Transport``. The TLS files are those of ``DOCKER_CERT_PATH`` and ``DOCKER_TLS_VERIFY`` in
    ``environment``, the address is its ``DOCKER_HOST``.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._local = threading.local()
        self._clients: WeakSet[docker.APIClient] = WeakSet()
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeouts: tuple[float, float | None],
    ) -> SdkResponse:
        client = self.client()
        with _translated():
            return SdkResponse(
                client.request(
                    method,
                    f"{client.base_url}{target}",
                    data=body,
                    headers=dict(headers),
                    timeout=timeouts,
                    stream=True,
                    allow_redirects=False,
                )
            )

    def client(self) -> docker.APIClient:
        """The client of the calling thread. Raises InvalidSettings for an address that is none."""
        client: docker.APIClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect()
            with self._lock:
                self._clients.add(client)
        return client

    def drop(self) -> None:
        client = getattr(self._local, "client", None)
        self._local.client = None
        if client is not None:
            client.close()

    def close(self) -> None:
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.close()

    def _connect(self) -> docker.APIClient:
        try:
            options = kwargs_from_env(environment=self._environment)
            return docker.APIClient(**options, version=text(OLDEST_API), timeout=SILENT_S)
        except (DockerException, ValueError) as error:
            raise InvalidSettings(
                f"engine address {printable(self._environment['DOCKER_HOST'])}: {printable(str(error))}",
                hint="use unix:///path/to/docker.sock or tcp://host:2376",
            ) from error


class SdkResponse:
    """See ``transport.Response``."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    def read(self, size: int | None = None) -> bytes:
        with _translated():
            return bytes(self._response.content if size is None else self._response.raw.read(size))

    def chunks(self, size: int) -> Iterator[bytes]:
        with _translated():
            yield from self._response.iter_content(size)

    def shutdown(self) -> None:
        self._response.raw.shutdown()

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise TimeoutError(str(error)) from error
    except _FAILURES as error:
        raise OSError(str(error)) from error
