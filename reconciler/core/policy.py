"""The host's policy: what documents may ask of this host. Deny by default; pure.

It is the host's own, out of reach of documents, and is applied to what a document resolves to, never to its text:
a Container, each service of a ComposeProject and each hook become a ``Request``, and every rule looks at requests
alone. What the policy says of registries, ports and limits bounds what is ordinary (nothing set: no bound);
everything else names exceptions from what is refused (nothing set: refused). Monotone: permitting more never
refuses more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.desired import DesiredState
from reconciler.core.hook import sandbox
from reconciler.core.policy_bounds import bounds
from reconciler.core.policy_hooks import hook_networks
from reconciler.core.policy_mounts import directories, mounts
from reconciler.core.policy_powers import powers
from reconciler.core.policy_request import Request
from reconciler.core.policy_values import BUILT_IN as BUILT_IN  # noqa: PLC0414  (part of what is spoken of here)
from reconciler.core.policy_values import Policy as Policy  # noqa: PLC0414  (the same)
from reconciler.core.policy_values import Refusal as Refusal  # noqa: PLC0414  (the same)
from reconciler.core.policy_values import on_host as on_host  # noqa: PLC0414  (the same)

RULES: Final = (powers, mounts, bounds, hook_networks)
NO_LINKS: Final[Mapping[str, str]] = {}


def refusals(desired: DesiredState, policy: Policy, *, links: Mapping[str, str] = NO_LINKS) -> tuple[str, ...]:
    """What of ``desired`` the policy refuses, each with place, rule and how to allow it; () for nothing."""
    return tuple(map(str, find_refusals(desired, policy, links=links)))


def find_refusals(
    desired: DesiredState, policy: Policy, *, links: Mapping[str, str] = NO_LINKS
) -> tuple[Refusal, ...]:
    """The same as values. ``links`` says where host paths really lead, for those that lead elsewhere: both the
    path that is written and the one it leads to must be allowed.
    """
    asked = [
        (request.service, request.hook, denied)
        for request in _requests(desired, links)
        for rule in RULES
        for denied in rule(request, policy)
    ]
    asked += [("", "", denied) for denied in directories(desired, policy, links)]
    found = (
        Refusal(
            rule=denied.rule,
            asked=denied.words,
            allow=denied.allow(policy),
            document=desired.name,
            service=service,
            hook=hook,
            where=str(desired.source or ""),
        )
        for service, hook, denied in asked
    )
    return tuple(dict.fromkeys(found))


def host_paths(desired: DesiredState) -> tuple[str, ...]:
    """Every path of the host that a document names and that could be a link."""
    project = desired.project
    own = (project.directory,) if project else ()
    sticker = (desired.sticker.path,) if desired.sticker.location == "host" and desired.sticker.path else ()
    mounted = (
        mount.source
        for request in _requests(desired, NO_LINKS)
        for mount in request.config.mounts or ()
        if mount.type == "bind"
    )
    return tuple(dict.fromkeys((*mounted, *own, *sticker)))


def _requests(desired: DesiredState, links: Mapping[str, str]) -> Iterator[Request]:
    for hook in desired.hooks:
        yield Request(hook=hook.name, image=hook.image, config=sandbox(hook, {}), links=links)
    project = desired.project
    if project is None:
        yield Request(image=desired.image, config=desired.config, links=links)
        return
    artifacts = frozenset(project.artifact_path(item) for item in project.files)
    for service in project.services:
        yield Request(
            service=service.name,
            image=service.image,
            config=service.config,
            namespaces=service.namespaces,
            security=service.security,
            keys=service.extras,
            artifacts=artifacts,
            links=links,
        )
