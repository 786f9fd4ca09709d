"""Comparison: what is wanted of a container beside what it is, field by field, for people. Pure.

Drift tells what differs; this tells what does not, too. What counts as a difference is not decided here: it is
what the plan's Drift says. Values of variables that look like secrets are masked wherever they occur.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from reconciler.core.container import ContainerConfig
from reconciler.core.counterpart import Counterpart
from reconciler.core.delivery_drift import path_of
from reconciler.core.difference import Drift, DriftKind
from reconciler.core.display import masked, secret_values, shown, without
from reconciler.core.drift import FIELDS, UNITS, comparable, config_sides, declared_part, wanted_image
from reconciler.core.image import short_digest
from reconciler.core.observation import ContainerDetail
from reconciler.core.situation import Situation

Standing = Literal["same", "differs", "ignored"]

UNSAID: Final = frozenset({"none", "false", "0"})
"""How a field is shown that nobody asked for and nobody set."""


OF_THE_DOCUMENT: Final[frozenset[DriftKind]] = frozenset(
    {"release", "sticker", "orphan", "foreign", "missing", "compose-service-missing"}
)
"""Drift that is of no single container."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``path`` is the document's path below ``spec``, or a word for the whole; ``ignored``: it differs,
    and the document says that it may.
    """

    path: str
    wanted: str
    found: str
    standing: Standing


def compare(counterpart: Counterpart, drift: Iterable[Drift]) -> tuple[Field, ...]:
    """Every field that somebody asked for or set, what differs first; ``drift`` is all of the document's."""
    fields = {item.path: item for item in _plain(counterpart)}
    for item in drift:
        path = item.path.removeprefix(counterpart.prefix)
        if item.path.startswith(counterpart.prefix) and item.kind not in OF_THE_DOCUMENT:
            known = fields.get(path)
            if known is None or _is_this(item, known):
                fields[path] = Field(path, item.wanted, item.found, "differs")
    secrets = _secrets(counterpart)
    told = (_discreet(item, secrets) for item in fields.values())
    return tuple(sorted(told, key=lambda item: item.standing != "differs"))


def _is_this(item: Drift, known: Field) -> bool:
    """Whether a difference is this container's, and not one of another container of the same service. What is
    masked on both sides looks the same; a file on the host is that of all of them.
    """
    return known.standing != "same" or item.wanted == item.found or item.kind in {"files", "secret"}


def _plain(counterpart: Counterpart) -> Iterator[Field]:
    """Each field as both sides have it."""
    row, situation, detail = counterpart.row, counterpart.situation, counterpart.detail
    desired = situation.desired
    yield _field("config.containerName", desired.container_name, row.name)
    yield _field("state", row.status if counterpart.done else "running", row.status)
    if row.health != "none" and not counterpart.done:
        yield _field("health", "healthy", row.health)
    if detail is None:
        return
    yield _field("digest", desired.image.short, _image(situation, detail))
    wished, found, declared_only = config_sides(situation, detail)
    for attribute, _, path in FIELDS:
        yield from _leaves((attribute, path), (wished, found), declared_only=attribute in declared_only)
    for item in situation.delivered:
        yield Field(path_of(item), item.short, item.short, "same")
    for variable in desired.variables:
        yield Field(f"config.secrets.{variable.name}", variable.short, variable.short, "same")


def _image(situation: Situation, detail: ContainerDetail) -> str:
    wanted = situation.desired.image
    known = wanted_image(situation)
    same = detail.image_id == known if known else detail.image_reference == str(wanted)
    return wanted.short if same else f"image {short_digest(detail.image_id)}"


def _leaves(
    named: tuple[str, str], sides: tuple[ContainerConfig, ContainerConfig], *, declared_only: bool
) -> Iterator[Field]:
    attribute, path = named
    wanted, found = (comparable(attribute, getattr(side, attribute)) for side in sides)
    if wanted is None:
        return
    if declared_only:
        wanted = declared_part(attribute, wanted, getattr(sides[0], attribute))
        found = {key: value for key, value in (found or {}).items() if key in wanted}
    if not isinstance(wanted, Mapping):
        said = shown(attribute, wanted), shown(attribute, found)
        if not UNSAID.issuperset(said):
            yield _field(path, *said)
        return
    for key in sorted({*wanted, *(found or {})}):
        yield _field(f"{path}.{key}", *(_entry(key, side) for side in (wanted, found or {})))


def _entry(key: str, side: Mapping[str, Any]) -> str:
    return masked(key, shown(UNITS.get(key, key), side[key])) if key in side else "unset"


def _field(path: str, wanted: str, found: str) -> Field:
    return Field(path, wanted, found, "same" if wanted == found else "ignored")


def _secrets(counterpart: Counterpart) -> tuple[str, ...]:
    declared = counterpart.situation.desired.config.environment or {}
    live = (counterpart.detail.config.environment if counterpart.detail else None) or {}
    return (*secret_values(declared), *secret_values(live))


def _discreet(item: Field, secrets: tuple[str, ...]) -> Field:
    return replace(item, wanted=without(item.wanted, secrets), found=without(item.found, secrets))
