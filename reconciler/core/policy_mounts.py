"""Host paths: which may be mounted into containers, and where the controller may write for a document. Pure.

A root of the policy allows itself and all below it, but for guarded places (the kernel's files, the host's
settings, the engine's data, the controller's own state), which have to be named themselves. An engine's socket, or
a folder that it lies in, is a question of its own: whoever has it is root on the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.desired import DesiredState, StickerPlace
from reconciler.core.policy_paths import exposed, normal, within
from reconciler.core.policy_request import Denied, Request, both
from reconciler.core.policy_values import HostRoot, Policy

_SOCKET: Final = re.compile(r"unix(?:gram|packet)?://(.*)", re.IGNORECASE)
_FILE_OPTION: Final = re.compile(r".*(?:-capath|-ca-cert|-cert|-key|-path)")


def mounts(request: Request, policy: Policy) -> Iterator[Denied]:
    """Binds that are refused. The document's own files are no host paths."""
    yield from _logs(request, policy)
    for mount in request.config.mounts or ():
        if mount.type != "bind" or mount.source in request.artifacts:
            continue
        for path in request.paths(mount.source):
            shown = path if path == mount.source else f"{mount.source}, which leads to {path},"
            yield from _mount(normal(path), shown, policy, read_only=mount.read_only)


def _logs(request: Request, policy: Policy) -> Iterator[Denied]:
    """Sockets and files of the host that a log driver opens for a container, in the engine and with its rights: as
    good as mounted (moby ``daemon/logger``: syslog, fluentd, splunk).
    """
    logging = request.config.logging
    for key, value in sorted(((logging.options if logging else None) or {}).items()):
        socket = _SOCKET.fullmatch(value)
        if socket is None and not (value.startswith("/") and _FILE_OPTION.fullmatch(key)):
            continue
        path = normal(socket[1] if socket else value)
        yield from _mount(path, f"{path} by the log option {key}", policy, read_only=socket is None)


def _mount(path: str, shown: str, policy: Policy, *, read_only: bool) -> Iterator[Denied]:
    sockets = exposed(path, map(normal, policy.engine_sockets))
    if sockets and not policy.engine_socket:
        yield Denied("engineSocket", f"mounts {shown} with the engine's socket {sockets[0]}", value=True)
    if path in sockets:
        return
    roots = tuple(HostRoot(normal(root.path)) for root in policy.host_paths if read_only or not root.read_only)
    for missing in _not_named(path, roots, policy):
        mode = "read only" if read_only else "to write"
        inside = "" if missing == path else f" with {missing}"
        yield Denied("hostPaths", f"mounts {shown} of the host{inside} {mode}", str(HostRoot(missing, read_only)))


def _not_named(path: str, roots: tuple[HostRoot, ...], policy: Policy) -> Iterator[str]:
    """What the policy would have to name for ``path`` to be mounted; nothing when it may be."""
    named = [root.path for root in roots]
    covering = [root for root in named if within(path, root)]
    if path == "/":
        yield from () if covering else ("/",)
        return
    guarded = tuple(map(normal, policy.guarded))
    above = [place for place in guarded if within(path, place)]
    if not covering or any(not any(within(root, place) for root in covering) for place in above):
        yield path
    yield from (place for place in exposed(path, guarded) if place != path and place not in named)


def directories(desired: DesiredState, policy: Policy, links: Mapping[str, str]) -> Iterator[Denied]:
    """Places on the host that a document names for the controller itself to write to, and that are refused."""
    if desired.project:
        yield from writing("has the deployment directory", desired.project.directory, policy, links)
    yield from sticker_place(desired.sticker, policy, links)


def sticker_place(sticker: StickerPlace, policy: Policy, links: Mapping[str, str]) -> Iterator[Denied]:
    """Why a sticker may not lie there; a volume is no place of the host's."""
    if sticker.location == "host" and sticker.path:
        yield from writing("has its sticker at", sticker.path, policy, links)


def writing(words: str, written: str, policy: Policy, links: Mapping[str, str]) -> Iterator[Denied]:
    """Why the controller itself may not write there for a document."""
    roots = tuple(HostRoot(normal(path)) for path in policy.deployment_paths)
    for path in both(written, links):
        if any(_not_named(normal(path), roots, policy)):
            folder = normal(path).rpartition("/")[0] or "/"
            shown = written if path == written else f"{written}, which leads to {path}"
            yield Denied("deploymentPaths", f"{words} {shown}", folder)
