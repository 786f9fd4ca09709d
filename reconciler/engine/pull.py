"""Pulling an image by digest: the whole stream is read, and every message in it looked at.

Decides when it took too long; what the messages mean is ``failures``'. The engine verifies manifest, config and
layers against the digest, and reports a failed verification as one message among many, after status 200: a
reader that does not look takes a failure for success.

Credentials are those that docker's own configuration has for the registry, read anew for each pull, so that a
``docker login`` counts at once. They go into one request header and nowhere else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import requests
from docker import auth
from docker.errors import DockerException

from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Progress
from reconciler.engine.connection import Answer, Connection, Request, route
from reconciler.engine.failures import printable, pull_failure, unreachable
from reconciler.engine.progress import PullProgress
from reconciler.engine.stream import BROKEN, LineStream
from reconciler.errors import EngineUnavailable, RegistryDenied, RegistryUnavailable


def pull(connection: Connection, image: ImageReference, *, deadline_s: float, progress: Progress) -> None:
    """Pull, and return only when the engine says that it has the image. See ``core.interfaces.Engine.pull``."""
    end = time.monotonic() + deadline_s
    with _opened(connection, image, deadline_s) as response:
        if response.status_code >= 400:
            raise pull_failure(image, Answer(response.status_code, response.content).message)
        lines = LineStream(response)
        timer = threading.Timer(max(end - time.monotonic(), 0), lines.close)
        timer.daemon = True
        timer.start()
        try:
            _read(image, lines, progress)
        except BROKEN as error:
            connection.drop()
            raise unreachable(f"pulling {image}", error) from error
        finally:
            timer.cancel()
    if lines.closed:
        raise _too_late(image, deadline_s)


def resolve_tag(connection: Connection, repository: str, tag: str) -> str:
    """The digest that the registry has for a tag now, asked through the engine. Raises as ``pull`` does."""
    name = f"{repository}:{tag}"
    request = Request(
        method="GET", path=route("/distribution/{}/json", name), headers=credentials(connection, repository)
    )
    answer = connection.send(f"looking up {name}", request)
    if not answer.accepted:
        raise pull_failure(name, answer.message)
    return str(answer.json["Descriptor"]["digest"])


def credentials(connection: Connection, repository: str) -> Mapping[str, str]:
    """The header with what docker's configuration has for the repository's registry; none is fine.

    Raises RegistryDenied when a credential helper fails.
    """
    client = connection.client()
    try:
        client.reload_config()
        registry, _ = auth.resolve_repository_name(repository)
        header = auth.get_config_header(client, registry)
    except DockerException as error:
        raise RegistryDenied(
            f"reading docker's credentials for {repository}: {printable(str(error))}",
            hint="check credHelpers and credsStore in docker's config.json",
        ) from error
    return {"X-Registry-Auth": header.decode("ascii")} if header else {}


def _opened(connection: Connection, image: ImageReference, deadline_s: float) -> requests.Response:
    """The engine answers only when the registry has: waiting for that counts as pulling."""
    request = Request(
        method="POST",
        path="/images/create",
        params={"fromImage": image.repository, "tag": image.digest},
        headers=credentials(connection, image.repository),
        timeout_s=deadline_s,
    )
    try:
        return connection.open(f"pulling {image}", request)
    except EngineUnavailable as error:
        if isinstance(error.__cause__, requests.ReadTimeout):
            raise _too_late(image, deadline_s) from error
        raise


def _too_late(image: ImageReference, deadline_s: float) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"pulling {image}: not done after {deadline_s:g} s", hint="the registry or the line to it is slow"
    )


def _read(image: ImageReference, lines: LineStream, progress: Progress) -> None:
    shown = PullProgress(image, progress)
    for message in lines:
        complaint = _complaint(message)
        if complaint:
            raise pull_failure(image, complaint)
        shown.tell(message)


def _complaint(message: Mapping[str, Any]) -> str:
    detail = message.get("errorDetail")
    return str((detail.get("message") if isinstance(detail, Mapping) else "") or message.get("error") or "")
