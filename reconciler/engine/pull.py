"""Pulling an image by digest: the whole stream is read, and every message in it looked at.

Decides when it took too long; what the messages mean is ``failures``'. The engine verifies manifest, config and
layers against the digest, and reports a failed verification as one message among many, after status 200: a
reader that does not look takes a failure for success.

Whoever calls knows the login: it comes as the headers of one request (``registry_logins``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Progress
from reconciler.engine.connection import Answer, Connection, Request, route
from reconciler.engine.failures import registry_failure, unreachable
from reconciler.engine.progress import PullProgress
from reconciler.engine.stream import LineStream
from reconciler.engine.transport import BROKEN, Response
from reconciler.errors import EngineUnavailable, RegistryUnavailable

REGISTRY_S = 120.0
"""How long the engine may ask a registry for a tag."""


def pull(
    connection: Connection,
    image: ImageReference,
    *,
    headers: Mapping[str, str],
    deadline_s: float,
    progress: Progress,
) -> None:
    """Pull, and return only when the engine says that it has the image. See ``core.interfaces.Engine.pull``."""
    end = time.monotonic() + deadline_s
    with _opened(connection, image, headers, deadline_s) as response:
        if response.status >= 400:
            raise registry_failure(f"pulling {image}", Answer(response.status, response.read()).message)
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


def resolve_tag(connection: Connection, repository: str, tag: str, *, headers: Mapping[str, str]) -> str:
    """The digest that the registry has for a tag now, asked through the engine. Raises as ``pull`` does."""
    name = f"{repository}:{tag}"
    request = Request(
        method="GET", path=route("/distribution/{}/json", name), headers=headers, timeout_s=REGISTRY_S
    )
    doing = f"looking up {name}"
    answer = connection.send(doing, request)
    if not answer.accepted:
        raise registry_failure(doing, answer.message)
    return str(answer.json["Descriptor"]["digest"])


def _opened(
    connection: Connection, image: ImageReference, headers: Mapping[str, str], deadline_s: float
) -> Response:
    """The engine answers only when the registry has: waiting for that counts as pulling."""
    request = Request(
        method="POST",
        path="/images/create",
        params={"fromImage": image.repository, "tag": image.digest},
        headers=headers,
        timeout_s=deadline_s,
    )
    try:
        return connection.open(f"pulling {image}", request)
    except EngineUnavailable as error:
        if isinstance(error.__cause__, TimeoutError):
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
            raise registry_failure(f"pulling {image}", complaint)
        shown.tell(message)
    shown.end()


def _complaint(message: Mapping[str, Any]) -> str:
    detail = message.get("errorDetail")
    return str((detail.get("message") if isinstance(detail, Mapping) else "") or message.get("error") or "")
