"""The floor: the engine's API by bare HTTP on its socket, as little Python around it as there can be.

As a module it is a client for measuring in this process; as a program (``python bench/raw.py SOCKET WORD...``) the
floor of whole processes. Imports nothing but the standard library, so that the program is as small as it can be.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

VERSION = "/v1.41"
LABEL = "stella.owner"


class Raw:
    """One kept connection. Raises RuntimeError for a refusal."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = http.client.HTTPConnection("localhost")
        self._connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.sock.connect(path)

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        """The answer's body."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, VERSION + path, body=content, headers=headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {answer[:300]!r}")
        return answer

    def json(self, path: str) -> Any:
        """What a GET answers."""
        return json.loads(self.call("GET", path))

    def containers(self, label: str = LABEL) -> list[dict[str, Any]]:
        """All with a label, running or not."""
        filters = f"&filters={quote(json.dumps({'label': [label]}))}" if label else ""
        found: list[dict[str, Any]] = self.json(f"/containers/json?all=1{filters}")
        return found

    def inspect(self, name: str) -> dict[str, Any]:
        """All the engine tells of a container."""
        found: dict[str, Any] = self.json(f"/containers/{name}/json")
        return found

    def create(self, name: str, image: str, *, host: dict[str, Any] | None = None, **config: Any) -> str:
        """The id of a new container."""
        body = {"Image": image, "HostConfig": host or {}, **config}
        return str(json.loads(self.call("POST", f"/containers/create?name={name}", body))["Id"])

    def start(self, name: str) -> None:
        self.call("POST", f"/containers/{name}/start")

    def stop(self, name: str) -> None:
        self.call("POST", f"/containers/{name}/stop?t=3")

    def kill(self, name: str) -> None:
        self.call("POST", f"/containers/{name}/kill")

    def rename(self, name: str, to: str) -> None:
        self.call("POST", f"/containers/{name}/rename?name={to}")

    def remove(self, name: str) -> None:
        self.call("DELETE", f"/containers/{name}?force=1&v=1")

    def pull(self, repository: str, digest: str) -> None:
        """Raises RuntimeError also for an error in the stream."""
        answer = self.call("POST", f"/images/create?fromImage={quote(repository, safe='')}&tag={digest}")
        if b'"error"' in answer:
            raise RuntimeError(answer.decode()[-300:])

    def remove_image(self, reference: str) -> None:
        self.call("DELETE", f"/images/{quote(reference, safe='/:@')}")

    def events(self) -> Iterator[dict[str, Any]]:
        """The containers' events from now on, until ``close``."""
        filters = quote(json.dumps({"type": ["container"]}))
        self._connection.request("GET", f"{VERSION}/events?filters={filters}")
        response = self._connection.getresponse()
        while line := response.readline():
            yield json.loads(line)

    def close(self) -> None:
        """Also from another thread: whoever reads events is woken."""
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def main(arguments: list[str]) -> None:
    """``list``: all of ours. ``inspects``: these, and each on its own. ``deploy NAME IMAGE``: create and start."""
    path, word, *rest = arguments
    raw = Raw(path)
    if word == "deploy":
        raw.start(raw.create(rest[0], rest[1]))
        return
    found = raw.containers()
    for row in found if word == "inspects" else ():
        raw.inspect(row["Id"])


if __name__ == "__main__":
    main(sys.argv[1:])
