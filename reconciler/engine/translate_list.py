"""From the engine's JSON of lists, images and itself to core values. Pure.

Rows of the container list are what a quiet pass lives on, so everything they tell is kept: health is only in
the human text of ``Status`` (``Up 3 minutes (healthy)``), where it is read from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from reconciler.core.container import PortBinding, Protocol
from reconciler.core.observation import ContainerRow, EngineFacts, Health, ImageFacts
from reconciler.engine.translate_common import (
    NO_PROBE,
    environment,
    health_of,
    probe,
    published_address,
    status_of,
    texts,
)

Json = Mapping[str, Any]
_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)$")


def container_row(told: Json) -> ContainerRow:
    """One element of ``GET /containers/json``."""
    return ContainerRow(
        id=told["Id"],
        name=_name(told.get("Names") or ()),
        image_id=told.get("ImageID") or "",
        status=status_of(told.get("State")),
        health=_health(told),
        labels=dict(told.get("Labels") or {}),
        ports=_ports(told.get("Ports") or ()),
        networks=tuple(sorted((told.get("NetworkSettings") or {}).get("Networks") or ())),
        created=told.get("Created") or 0,
    )


def image_facts(told: Json) -> ImageFacts:
    """``GET /images/{name}/json``."""
    config = told.get("Config") or {}
    health = probe(config.get("Healthcheck"))
    return ImageFacts(
        id=told["Id"],
        repo_digests=tuple(sorted(texts(told.get("RepoDigests")))),
        os=told.get("Os") or "linux",
        architecture=told.get("Architecture") or "",
        variant=told.get("Variant") or "",
        command=texts(config.get("Cmd")),
        entrypoint=texts(config.get("Entrypoint")),
        user=config.get("User") or "",
        working_dir=config.get("WorkingDir") or "",
        environment=environment(config.get("Env")),
        labels=dict(config.get("Labels") or {}),
        stop_signal=config.get("StopSignal") or "",
        health=None if health == NO_PROBE else health,
        volumes=tuple(sorted(config.get("Volumes") or {})),
    )


def engine_facts(version: Json, info: Json, *, api_version: str) -> EngineFacts:
    """``GET /version`` and ``GET /info``; the architecture in the words of images (``amd64``)."""
    return EngineFacts(
        version=version.get("Version") or "",
        api_version=api_version,
        os=version.get("Os") or "linux",
        architecture=version.get("Arch") or "",
        log_driver=info.get("LoggingDriver") or "json-file",
        swap_limit=bool(info.get("SwapLimit")),
        live_restore=bool(info.get("LiveRestoreEnabled")),
    )


def _name(names: Sequence[str]) -> str:
    """The container's own: aliases by links have another container's name before them (``/web/db``)."""
    own = [name.removeprefix("/") for name in names if "/" not in name.removeprefix("/")]
    return own[0] if own else ""


def _health(told: Json) -> Health:
    """Engines from API 1.52 on tell it as a field, too."""
    found = _HEALTH.search(told.get("Status") or "")
    return cast("Health", found[1]) if found else health_of((told.get("Health") or {}).get("Status"))


def _ports(items: Sequence[Json]) -> tuple[PortBinding, ...]:
    """The published ones, once for IPv4 and IPv6 alike."""
    return tuple(
        sorted(
            {
                PortBinding(
                    item["PrivatePort"],
                    cast("Protocol", item.get("Type") or "tcp"),
                    published_address(item.get("IP")),
                    item["PublicPort"],
                )
                for item in items
                if item.get("PublicPort")
            }
        )
    )
