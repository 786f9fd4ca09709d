"""Drift: one difference between what is wanted and what is found.

Decides what differs, never what to do about it. Compares the live container, not labels or stickers. Values
of variables that look like secrets are masked. Equal sides cost a comparison of values only; deepdiff is
asked to describe what is already known to differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from reconciler.core import names
from reconciler.core.container import ContainerConfig, HealthProbe
from reconciler.core.delivery_drift import besides, mounted_drift, state_on_host, variable_drift
from reconciler.core.difference import Drift as Drift  # noqa: PLC0414  (part of what is spoken of here)
from reconciler.core.difference import DriftKind as DriftKind  # noqa: PLC0414  (the same)
from reconciler.core.display import masked, shown
from reconciler.core.effective import effective_config
from reconciler.core.observation import ContainerDetail, ContainerRow
from reconciler.core.ownership import Claims
from reconciler.core.situation import Situation, completed

FIELDS: tuple[tuple[str, DriftKind, str], ...] = (
    ("command", "command", "config.command"),
    ("entrypoint", "command", "config.entrypoint"),
    ("working_dir", "command", "config.workingDir"),
    ("init", "command", "config.init"),
    ("stop_signal", "command", "config.stopSignal"),
    ("stop_timeout_s", "command", "config.stopTimeout"),
    ("environment", "environment", "config.environment"),
    ("user", "user", "config.user"),
    ("memory_bytes", "limits", "config.memoryLimit"),
    ("memory_swap_bytes", "limits", "config.memoryLimit.swap"),
    ("nano_cpus", "limits", "config.cpuLimit"),
    ("pids_limit", "limits", "config.pidsLimit"),
    ("ulimits", "limits", "config.ulimits"),
    ("shm_bytes", "limits", "config.shmSize"),
    ("restart_policy", "restart-policy", "config.restartPolicy"),
    ("ports", "ports", "config.ports"),
    ("mounts", "mounts", "config.volumes"),
    ("tmpfs", "mounts", "config.tmpfs"),
    ("networks", "networks", "config.networks"),
    ("hostname", "networks", "config.hostname"),
    ("extra_hosts", "networks", "config.extraHosts"),
    ("dns", "networks", "config.dns"),
    ("labels", "labels", "config.labels"),
    ("health", "healthcheck", "config.healthCheck"),
    ("cap_add", "security", "config.capAdd"),
    ("cap_drop", "security", "config.capDrop"),
    ("read_only_root", "security", "config.readOnlyRootFilesystem"),
    ("no_new_privileges", "security", "config.noNewPrivileges"),
    ("privileged", "security", "config.privileged"),
    ("sysctls", "security", "config.sysctls"),
    ("devices", "security", "config.devices"),
    ("logging", "logging", "config.logging"),
)


DECLARED_ONLY = frozenset({"ulimits", "logging"})
"""Fields of which the engine shows more than was asked for: only what is declared is compared."""

OF_THE_IMAGE = frozenset({"environment", "labels", "health"})
"""Fields to which the image adds: the same holds for them as long as the wanted image is not known here."""

UNITS = {"interval": "interval_ms", "probeTimeout": "timeout_ms", "startPeriod": "start_period_ms"}


def find_drift(situation: Situation, claims: Claims) -> tuple[Drift, ...]:
    """Every difference between the document and the host, without those it says to ignore.

    ``drift.mode: off`` leaves only what keeps the document from being deployed.
    """
    found = [*_foreign(claims), *_presence(situation, claims), *release_drift(situation)]
    if situation.desired.drift.mode != "off":
        found += [*_state(situation, claims), *_container(situation, claims), *sticker_drift(situation)]
    return without_ignored(situation, found)


def without_ignored(situation: Situation, found: Iterable[Drift]) -> tuple[Drift, ...]:
    """What the document does not say to ignore."""
    ignored = situation.desired.drift.ignore
    return tuple(item for item in found if not any(_covers(prefix, item.path) for prefix in ignored))


def _covers(prefix: str, path: str) -> bool:
    return path == prefix or path.startswith(prefix + ".")


def _foreign(claims: Claims) -> Iterator[Drift]:
    if claims.holder is not None:
        yield Drift("foreign", "containerName", "ours", f"held by {stranger(claims.holder)}")
    for row in claims.spoofs:
        if row != claims.holder:
            yield Drift("foreign", "labels", "no copies", f"our labels on {stranger(row)}")


def stranger(row: ContainerRow) -> str:
    """A container that is not ours, for people."""
    owner = row.labels.get(names.OWNER)
    return f"{row.name} ({row.id[:12]}{f', of controller {owner}' if owner else ''})"


def _presence(situation: Situation, claims: Claims) -> Iterator[Drift]:
    if claims.current is None and claims.holder is None:
        yield Drift("missing", "container", situation.desired.container_name, "no container")
    elif claims.current is not None and claims.current.name != situation.desired.container_name:
        yield Drift("name", "config.containerName", situation.desired.container_name, claims.current.name)


def release_drift(situation: Situation) -> Iterator[Drift]:
    """The committed release is another than the wanted one."""
    committed = situation.record.committed_revision
    if committed is not None and committed.release != situation.desired.release:
        yield Drift("release", "release.id", situation.desired.release.id, committed.release.id)


def _state(situation: Situation, claims: Claims) -> Iterator[Drift]:
    row = claims.current
    if row is None:
        return
    detail = situation.observation.details.get(row.id)
    yield from state_drift(row, detail, done=detail is not None and completed(situation.desired, detail))


def state_drift(row: ContainerRow, detail: ContainerDetail | None, *, done: bool) -> Iterator[Drift]:
    """How a container's state differs from running. ``done``: it is a job that ended well."""
    if row.status in {"exited", "created", "dead", "removing"} and not done:
        code = f", exit code {detail.exit_code}" if detail and row.status == "exited" else ""
        yield Drift("stopped", "state", "running", f"{row.status}{code}")
    elif row.status == "paused":
        yield Drift("paused", "state", "running", "paused")
    elif row.status == "restarting":
        yield Drift("restarting", "state", "running", "restarting")
    elif row.health == "unhealthy":
        yield Drift("unhealthy", "health", "healthy", "unhealthy")


def _container(situation: Situation, claims: Claims) -> Iterator[Drift]:
    row = claims.current or (claims.holder if situation.desired.adopt else None)
    detail = situation.observation.details.get(row.id) if row else None
    if detail is not None:
        yield from _image(situation, detail)
        yield from config_drift(situation, detail)
        yield from state_on_host(situation, detail)


def _image(situation: Situation, detail: ContainerDetail) -> Iterator[Drift]:
    wanted = situation.desired.image
    revision = situation.record.revision(situation.desired.fingerprint)
    image_id = situation.observation.references.get(str(wanted)) or (revision.image_id if revision else "")
    if image_id:
        if detail.image_id != image_id:
            yield Drift("image", "digest", wanted.short, _running_image(situation, detail))
    elif detail.image_reference != str(wanted):
        yield Drift("image", "digest", wanted.short, _running_image(situation, detail))


def _running_image(situation: Situation, detail: ContainerDetail) -> str:
    committed = situation.record.committed_revision
    if committed is not None and committed.image_id == detail.image_id:
        return committed.image.short
    return f"image {detail.image_id.removeprefix('sha256:')[:12]}"


def config_sides(
    situation: Situation, detail: ContainerDetail
) -> tuple[ContainerConfig, ContainerConfig, frozenset[str]]:
    """The effective wanted configuration and the live one, without what is delivered; and of which fields only
    what is declared can be compared.
    """
    image = wanted_image(situation)
    facts = situation.observation.images.get(image) if image else None
    wanted = effective_config(situation.desired.config, facts, situation.observation.engine)
    declared_only = DECLARED_ONLY | (frozenset() if facts else OF_THE_IMAGE)
    return besides(wanted, situation, detail), besides(detail.config, situation, detail), declared_only


def config_drift(situation: Situation, detail: ContainerDetail) -> Iterator[Drift]:
    """Field by field: the effective wanted configuration against the live one; then what is delivered."""
    wanted, found, declared_only = config_sides(situation, detail)
    for attribute, kind, path in FIELDS:
        yield from _field(attribute, kind, path, (wanted, found), declared_only=attribute in declared_only)
    live = detail.status == "running" and bool(wanted.ports) and detail.config.ports == wanted.ports
    if live and len({port.container_port for port in detail.published}) < len(
        {port.container_port for port in wanted.ports or ()}
    ):
        yield Drift(
            "ports", "config.ports", shown("ports", wanted.ports), f"published: {shown('ports', detail.published)}"
        )
    yield from mounted_drift(situation, detail)
    yield from variable_drift(situation, detail)


def wanted_image(situation: Situation) -> str:
    """Id of the wanted image on this host, "" while it is not known."""
    revision = situation.record.revision(situation.desired.fingerprint)
    found = situation.observation.references.get(str(situation.desired.image))
    return found or (revision.image_id if revision else "")


def _field(
    attribute: str,
    kind: DriftKind,
    path: str,
    sides: tuple[ContainerConfig, ContainerConfig],
    *,
    declared_only: bool,
) -> Iterator[Drift]:
    wanted, found = (comparable(attribute, getattr(side, attribute)) for side in sides)
    if wanted is None or wanted == found:
        return
    if declared_only:
        wanted = declared_part(attribute, wanted, getattr(sides[0], attribute))
        found = {key: value for key, value in (found or {}).items() if key in wanted}
    if isinstance(wanted, Mapping):
        yield from _mapping(kind, path, wanted, found or {})
    else:
        yield Drift(kind, path, shown(attribute, wanted), shown(attribute, found))


def declared_part(attribute: str, wanted: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Of a mapping what the document itself says; of a health check that is not turned off, what it sets."""
    if attribute != "health" or value.disabled:
        return wanted
    return {key: said for key, said in _probe(value).items() if said}


def _mapping(kind: DriftKind, path: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Drift]:
    for key in _differing_keys(wanted, found) if wanted != found else ():
        unit = UNITS.get(key, key)
        old, new = (masked(key, shown(unit, side[key])) if key in side else "unset" for side in (wanted, found))
        yield Drift(kind, f"{path}.{key}", old, new)


def _differing_keys(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    from deepdiff import DeepDiff  # noqa: PLC0415  (0.3 s to import; only what differs pays for it)

    difference = DeepDiff(dict(found), dict(wanted), view="tree", threshold_to_diff_deeper=0)
    leaves = (leaf.path(output_format="list")[0] for group in difference.values() for leaf in group)
    return sorted({str(leaf) for leaf in leaves})


def comparable(attribute: str, value: Any) -> Any:
    """The form in which two sides of a field are compared: ours and the engine's ways of saying nothing alike."""
    if value is None:
        return None
    if attribute == "labels":
        return {key: text for key, text in value.items() if not key.startswith(names.OF_TOOLS)}
    if attribute == "health":
        return {"test": ("NONE",)} if value.disabled or not value.test else _probe(value)
    if attribute == "logging":
        return {**({"driver": value.driver} if value.driver else {}), **(value.options or {})}
    if attribute == "stop_signal":
        return "" if value in {"", "SIGTERM", "15"} else value
    return value


def _probe(probe: HealthProbe) -> dict[str, Any]:
    words = {unit: word for word, unit in UNITS.items()}
    return {words.get(key, key): value for key, value in asdict(probe).items()}


def sticker_drift(situation: Situation) -> Iterator[Drift]:
    """The sticker does not tell what is committed."""
    if situation.record.committed and situation.sticker in {"absent", "stale", "corrupt", "forged"}:
        yield Drift("sticker", "sticker", "current", situation.sticker)
