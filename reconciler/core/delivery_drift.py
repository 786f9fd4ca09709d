"""Drift of what is delivered into a container: which versions it has, and what became of them on the host. Pure.

A delivered mount is compared by its version, never as a mount; a secret in a variable by the version that the
container's label tells, never by its value. What is compared here is left out everywhere else (``besides``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from reconciler.core import names
from reconciler.core.container import ContainerConfig, Mount
from reconciler.core.delivery import Delivery, brought
from reconciler.core.difference import Drift, DriftKind
from reconciler.core.observation import ContainerDetail
from reconciler.core.situation import Situation

ABSENT: Final = "absent"
ALTERED: Final = "altered"
NONE: Final = "none"


def besides(config: ContainerConfig, situation: Situation, detail: ContainerDetail) -> ContainerConfig:
    """The wanted or live configuration without what is delivered: neither its mounts nor its variables."""
    targets = {item.target for item in situation.desired.deliveries}
    hidden = _variables(situation, detail)
    mounts, environment = config.mounts, config.environment
    return replace(
        config,
        mounts=mounts
        and tuple(item for item in mounts if item.target not in targets and not _ours(item, situation)),
        environment=environment and {key: value for key, value in environment.items() if key not in hidden},
    )


def mounted_drift(situation: Situation, detail: ContainerDetail) -> Iterator[Drift]:
    """Files and secrets that the container has in another version, lacks, or should not have."""
    found = {mount.target: mount for mount in detail.config.mounts or ()}
    for item in situation.delivered:
        mount = found.pop(item.target, None)
        if mount != item.mount(situation.places, situation.desired.name):
            yield Drift(kind_of(item), path_of(item), item.short, _shown(mount, situation))
    for mount in found.values():
        extra = brought(mount, situation.places, situation.desired.name)
        if extra is not None:
            path = f"config.secrets.{extra.file_name}" if extra.secret else f"config.files.{mount.target}"
            yield Drift("secret" if extra.secret else "files", path, NONE, _shown(mount, situation))


def variable_drift(situation: Situation, detail: ContainerDetail) -> Iterator[Drift]:
    """Secrets in variables: by their labels, and whether the variable is there at all."""
    labels, environment = detail.config.labels or {}, detail.config.environment or {}
    found = {
        key.removeprefix(names.SECRET): value for key, value in labels.items() if key.startswith(names.SECRET)
    }
    for item in situation.desired.variables:
        has = found.pop(item.name, NONE) if item.variable in environment else NONE
        found.pop(item.name, None)
        if has != item.short:
            yield Drift("secret", f"config.secrets.{item.name}", item.short, has)
    for name, version in sorted(found.items()):
        yield Drift("secret", f"config.secrets.{name}", NONE, version)


def state_on_host(situation: Situation, detail: ContainerDetail) -> Iterator[Drift]:
    """Of what the container has mounted as it should: what is gone from the host, or was changed there."""
    reading = situation.observation.deliveries.get(situation.desired.name)
    mounts = detail.config.mounts or ()
    for item in situation.delivered if reading else ():
        state = reading.states.get(item.version, "current") if reading else "current"
        if state != "current" and item.mount(situation.places, situation.desired.name) in mounts:
            yield Drift(kind_of(item), path_of(item), f"version {item.short}", state)


def kind_of(item: Delivery) -> DriftKind:
    """What a difference of it is called."""
    return "secret" if item.secret else "files"


def path_of(item: Delivery) -> str:
    """Where it is in the document."""
    return f"config.secrets.{item.name}" if item.secret else f"config.files.{item.target}"


def _ours(mount: Mount, situation: Situation) -> bool:
    return brought(mount, situation.places, situation.desired.name) is not None


def _shown(mount: Mount | None, situation: Situation) -> str:
    if mount is None:
        return NONE
    found = brought(mount, situation.places, situation.desired.name)
    return found.version[:12] if found else str(mount)


def _variables(situation: Situation, detail: ContainerDetail) -> frozenset[str]:
    """Variables that hold a secret: of what is wanted, and of the revision that the container was made from."""
    made_from = situation.record.revision((detail.config.labels or {}).get(names.FINGERPRINT, ""))
    made = made_from.desired.variables if made_from else ()
    return frozenset(item.variable for item in (*situation.desired.variables, *made))
