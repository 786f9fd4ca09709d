"""A validated document, with the Defaults merged under it, as a DesiredState.

Pure, and repeatable: the document kept in a DesiredState builds the same one again, with the same fingerprint.
What only the schema can express is not checked here again; what it cannot is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from reconciler.core.desired import (
    Dependency,
    DesiredState,
    DriftPolicy,
    ImageReference,
    Release,
    SourceLocation,
    StickerPlace,
    Strategy,
    Suspension,
)
from reconciler.core.project import Project
from reconciler.errors import InvalidDocuments
from reconciler.spec import notation, quantities
from reconciler.spec.build_config import CONFIG, build_config, refuse_reserved
from reconciler.spec.build_deliveries import Delivered, build_deliveries, build_project_secrets, secret_names
from reconciler.spec.build_hooks import Release as HookRelease
from reconciler.spec.build_hooks import build_hooks
from reconciler.spec.build_project import PROJECT, build_project
from reconciler.spec.findings import Finding, Findings
from reconciler.spec.fleet import check_targets, refuse_on_a_host
from reconciler.spec.ignored import ignored, ignored_of_project
from reconciler.spec.problem import Path, Problem, Wrong, dotted

OWN_SUFFIXES = (
    "-next-g",
    "-previous-g",
    "-failed-g",
    "-hook-predeploy-g",
    "-hook-postdeploy-g",
    "-hook-prerollback-g",
)
STICKERS, STICKER_FILE = "/var/stella/", "version.json"
HEALTH_TIMEOUT_MS = 60_000


def build(document: Mapping[str, Any], *, source: SourceLocation | None = None) -> DesiredState:
    """The DesiredState of a merged, validated document.

    Raises InvalidDocuments when its values cannot be used (also by a stricter version than wrote it).
    """
    desired, findings = build_checked(document, source=source)
    if desired is None:
        where = str(source or "stored document")
        raise InvalidDocuments(tuple(_told(finding, where) for finding in findings))
    return desired


def _told(finding: Finding | Problem, where: str) -> str:
    if isinstance(finding, Problem):
        return str(finding)
    path, message = finding
    return f"{where}: {dotted(path)}: {message}"


def build_checked(
    document: Mapping[str, Any], *, source: SourceLocation | None = None, fleet: bool = False
) -> tuple[DesiredState | None, tuple[Finding | Problem, ...]]:
    """The DesiredState, or None and everything that is wrong: in the document, or as a Problem in a lock file.
    ``fleet``: an orchestrator reads it, not a host.
    """
    findings = Findings()
    metadata, spec = document["metadata"], document["spec"]
    refuse_reserved(metadata.get("labels"), ("metadata", "labels"), findings)
    (check_targets if fleet else refuse_on_a_host)(document, findings)
    parts = (_project_parts if document["kind"] == PROJECT else _container_parts)(document, findings)
    project, problems = build_project(document, findings, file=source.file if source else "")
    own = _hook_release(document, parts, project)
    hooks = () if own is None else build_hooks(spec, own, findings)
    if findings.items or problems:
        return None, (*findings.items, *problems)
    release = spec["release"]
    return (
        DesiredState(
            name=metadata["name"],
            target=metadata.get("target"),
            labels=metadata.get("labels", {}),
            release=Release(release["id"], release.get("name", release["id"])),
            kind=document["kind"],
            project=project,
            hooks=hooks,
            depends_on=tuple(
                Dependency(item["name"], item.get("condition", "started")) for item in spec.get("dependsOn", ())
            ),
            source=source,
            document=document,
            **parts,
        ),
        (),
    )


def _hook_release(
    document: Mapping[str, Any], parts: Mapping[str, Any], project: Project | None
) -> HookRelease | None:
    """None for a project whose lock file is wrong: nothing can be said of its hooks then."""
    if project is None and "image" not in parts:
        return None
    delivered = Delivered(deliveries=parts.get("deliveries", ()), variables=parts.get("variables", ()))
    names = secret_names(document["spec"].get("config", {}))
    if project is None:
        mounts = parts["config"].mounts or ()
        return HookRelease(image=parts["image"], mounts=mounts, delivered=delivered, secrets=names)
    mounts = tuple(mount for service in project.services for mount in service.config.mounts or ())
    return HookRelease(mounts=mounts, project=project, delivered=delivered, secrets=names)


def check_defaults(document: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What is wrong with the values of a Defaults document by themselves."""
    findings = Findings()
    refuse_reserved(document.get("metadata", {}).get("labels"), ("metadata", "labels"), findings)
    _deployment(document.get("spec", {}), "", findings)
    return tuple(findings.items)


def _container_parts(document: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    spec = document["spec"]
    parts = _deployment(spec, document["metadata"]["name"], findings)
    image = findings.read(spec, ("spec", "image"), notation.repository)
    return {**parts, "image": ImageReference(image or "", spec["digest"])}


def _project_parts(document: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    services = tuple(document["spec"]["config"]["expectedDigests"])
    paths = partial(ignored_of_project, services=services)
    delivered = build_project_secrets(document["spec"]["config"], findings)
    how = _how(document["spec"], document["metadata"]["name"], findings, paths=paths)
    return {**how, "deliveries": delivered.deliveries}


def _deployment(spec: Mapping[str, Any], name: str, findings: Findings) -> dict[str, Any]:
    """What Defaults may give, too: configuration and how to deploy. ``name`` is "" for Defaults."""
    config = spec.get("config", {})
    container = build_config(config, findings)
    delivered = build_deliveries(config, container, findings)
    return {
        "container_name": _container_name(config, name, findings),
        "config": container,
        "deliveries": delivered.deliveries,
        "variables": delivered.variables,
        "cleanup_previous": config.get("cleanupPrevious", True),
        "adopt": spec.get("adopt", False),
        **_how(spec, name, findings, paths=ignored),
    }


def _how(spec: Mapping[str, Any], name: str, findings: Findings, *, paths: Callable[[str], str]) -> dict[str, Any]:
    """How to deploy: the same for a container and a project. ``paths`` reads those of ``drift.ignore``."""
    check = spec.get("config", {}).get("healthCheck", {})
    timeout = findings.read(check, (*CONFIG, "healthCheck", "timeout"), quantities.positive_duration)
    drift = spec.get("drift", {})
    ignore = findings.read_list(drift, ("spec", "drift", "ignore"), paths)
    return {
        "health_timeout_ms": timeout or HEALTH_TIMEOUT_MS,
        "strategy": _strategy(spec.get("strategy", {}), findings),
        "sticker": _sticker(spec.get("sticker", {}), name, findings),
        "drift": DriftPolicy(mode=drift.get("mode", "correct"), ignore=ignore or ()),
        "suspend": _suspension(spec, findings),
        "deletion_policy": spec.get("deletionPolicy", "orphan"),
    }


def _container_name(config: Mapping[str, Any], name: str, findings: Findings) -> str:
    chosen: str = config.get("containerName", name)
    path = (*CONFIG, "containerName") if "containerName" in config else ("metadata", "name")
    if len(chosen) == 1:
        findings.note(path, "the engine wants container names of at least 2 characters; set config.containerName")
    for suffix in OWN_SUFFIXES:
        head, mark, number = chosen.rpartition(suffix)
        if head and mark and number.isdigit():
            findings.note(path, f'container names that end with "{suffix}" and a number are reserved')
    return chosen


def _strategy(spec: Mapping[str, Any], findings: Findings) -> Strategy:
    min_healthy = findings.read(spec, ("spec", "strategy", "minHealthy"), quantities.duration)
    return Strategy(
        order=spec.get("order", "stop-first"),
        min_healthy_ms=Strategy().min_healthy_ms if min_healthy is None else min_healthy,
        retries=spec.get("retries", 0),
    )


def _sticker(spec: Mapping[str, Any], name: str, findings: Findings) -> StickerPlace:
    """On the host an absolute path, one per document; in a volume a path from its root. One that ends with ``/``
    is a folder in which each document has its own place, so that Defaults can say it for all.
    """
    path: Path = ("spec", "sticker")
    location, volume = spec.get("location", "host"), spec.get("volume", "")
    if location == "volume" and not volume and name:
        findings.note(path, 'location "volume" needs the name of the volume in sticker.volume')
    if location == "host" and volume and name:
        findings.note((*path, "volume"), 'is only for location "volume"; remove it, or set the location')
    reader = _path_on_host if location == "host" else _path_in_volume
    default = f"{STICKERS}{name}/{STICKER_FILE}" if location == "host" else STICKER_FILE
    chosen = findings.read(spec, (*path, "path"), reader) or default
    return StickerPlace(
        location=location,
        path=f"{chosen}{name}/{STICKER_FILE}" if chosen.endswith("/") else chosen,
        volume=volume,
    )


def _path_on_host(value: str) -> str:
    """With the ``/`` at its end, if it has one."""
    path = notation.absolute_path(value, "a path on the host")
    if path == "/":
        raise Wrong(f'must name a file, or a folder other than the root: "{value}"')
    return f"{path}/" if value.endswith("/") else path


def _path_in_volume(value: str) -> str:
    if value.startswith("/"):
        raise Wrong(f'a path in a volume begins at the volume\'s root; did you mean "{value.lstrip("/")}"?')
    return _path_on_host(f"/{value}").lstrip("/")


def _suspension(spec: Mapping[str, Any], findings: Findings) -> Suspension | None:
    if "suspend" not in spec:
        return None
    suspend = spec["suspend"]
    until = findings.read(suspend, ("spec", "suspend", "until"), quantities.timestamp)
    return Suspension(suspend["by"], suspend["reason"], until)
