"""From a Compose model, resolved by Compose itself, to the model of a lock file: what goes in, what not. Pure.

Decides what is left out because it has no meaning once an image is named by digest and everything is resolved
(``build``, ``profiles``, names that follow from the project's), what is refused, and which files of the author
become artifacts. Which keys a lock may have is decided by the reading side alone.

``written`` is the same model with paths and names as the author wrote them: only there can a relative path be told
from an absolute one, and a name that was chosen from one that Compose made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.spec.lock_write_files import (
    Finding,
    HostFile,
    Made,
    Place,
    arranged,
    host_files,
    made_files,
)
from reconciler.spec.lock_write_images import Reference, read_reference
from reconciler.spec.problem import Wrong

COMPONENT: Final = "stella.component.id"
DIGEST: Final = "stella.digest"
GENERATOR: Final = "reconciler"
EXTENSION: Final = "x-stella"

_AUTHOR_TIME: Final = frozenset(
    {"build", "develop", "profiles", "pull_policy", "attach", "image", "extends", "env_file"}
)
_CLUSTER_ONLY: Final = ("endpoint_mode", "labels", "mode", "placement", "rollback_config", "update_config")
"""Keys of ``deploy`` that a single host has no use for: Compose itself passes over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What ``docker compose config`` says. ``directory`` is the project directory, absolute."""

    model: Mapping[str, Any]
    written: Mapping[str, Any]
    directory: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A lock file but for the digests. ``images`` are by service; ``notes`` tell what was left out, ``refused``
    what cannot be locked (then there is no use in going on).
    """

    model: Mapping[str, Any]
    images: Mapping[str, Reference]
    files: tuple[HostFile, ...] = ()
    made: tuple[Made, ...] = ()
    notes: tuple[str, ...] = ()
    refused: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Notes:
    notes: list[str] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)


def draft(resolved: Resolved) -> Draft:
    """What the lock file will say, before anybody was asked for a digest."""
    said = _Notes()
    services = resolved.model.get("services", {})
    images = dict(_images(services, said))
    files, places = arranged(host_files(resolved.model, resolved.written, resolved.directory), resolved.directory)
    made = made_files(resolved.model)
    model: dict[str, Any] = {
        "services": {name: _service(name, services, places, said) for name in sorted(services)}
    }
    if not services:
        said.refused.append(Finding(("services",), "there is no service; is a profile needed? (--profile)"))
    for kind in ("configs", "secrets"):
        model[kind] = {
            key: _file_of(kind, key, value, places=places, made=made)
            for key, value in resolved.model.get(kind, {}).items()
        }
    for kind in ("networks", "volumes"):
        model[kind] = dict(_shared(kind, resolved))
    return Draft(
        model={key: value for key, value in model.items() if value},
        images=images,
        files=files,
        made=made,
        notes=tuple(said.notes),
        refused=tuple(said.refused),
    )


def completed(drafted: Draft, digests: Mapping[str, str], sources: Mapping[str, str]) -> Mapping[str, Any]:
    """The whole model of the lock file: with ``digests`` by service and the SHA-256 of each of the ``sources``."""
    services = {
        name: _pinned(name, service, drafted.images[name], digests[name])
        for name, service in drafted.model["services"].items()
    }
    extension = {
        "generator": GENERATOR,
        "sources": [{"file": file, "sha256": digest} for file, digest in sorted(sources.items())],
        "images": {name: reference.written for name, reference in sorted(drafted.images.items())},
    }
    return {**drafted.model, "services": services, EXTENSION: extension}


def _pinned(name: str, service: Mapping[str, Any], reference: Reference, digest: str) -> Mapping[str, Any]:
    labels = {**service.get("labels", {}), COMPONENT: name, DIGEST: digest}
    return {"image": f"{reference.repository}@{digest}", **service, "labels": labels}


def _images(services: Mapping[str, Any], said: _Notes) -> Iterator[tuple[str, Reference]]:
    for name, service in sorted(services.items()):
        path = ("services", name, "image")
        if not service.get("image"):
            said.refused.append(
                Finding(path, "is built here; push its image to a registry and name it with `image:`")
            )
            continue
        if "build" in service:
            said.notes.append(f"services.{name}: `build` is left out; {service['image']} must be in its registry")
        try:
            yield name, read_reference(service["image"])
        except Wrong as wrong:
            said.refused.append(Finding(path, str(wrong)))


def _service(name: str, services: Mapping[str, Any], places: Mapping[Place, str], said: _Notes) -> Any:
    service = services[name]
    kept = {key: value for key, value in service.items() if key not in _AUTHOR_TIME and not key.startswith("x-")}
    kept["volumes"] = [
        _mount(mount, places.get(("services", name, "volumes", index)))
        for index, mount in enumerate(service.get("volumes") or ())
    ]
    kept["devices"] = [_device(device) for device in service.get("devices") or ()]
    kept["depends_on"] = {
        need: {key: value for key, value in options.items() if key != "required"}
        for need, options in (service.get("depends_on") or {}).items()
        if need in services
    }
    deploy = dict(service.get("deploy") or {})
    dropped = [key for key in _CLUSTER_ONLY if deploy.pop(key, None)]
    if dropped:
        keys = ", ".join(f"deploy.{key}" for key in dropped)
        said.notes.append(f"services.{name}: {keys} left out; they concern clusters, and Compose passes over them")
    environment = service.get("environment") or {}
    unset = sorted(key for key, value in environment.items() if value is None)
    if unset:
        said.notes.append(f"services.{name}: {', '.join(unset)} not set in this environment, and left out")
    networks = {network: _solid(options or {}) for network, options in (service.get("networks") or {}).items()}
    kept |= {"deploy": deploy, "networks": networks or None}
    return _solid(
        {key: value for key, value in kept.items() if value != []} | _explicit(service), keep=("networks",)
    )


def _explicit(service: Mapping[str, Any]) -> dict[str, Any]:
    """An empty command is one that takes the image's away; everywhere else an empty list says nothing."""
    return {key: [] for key in ("command", "entrypoint") if service.get(key) == []}


def _device(device: Any) -> str:
    """As one text: Compose 2.26 prints a mapping, and does not read what it prints."""
    if isinstance(device, Mapping):
        return f"{device['source']}:{device['target']}:{device.get('permissions', 'rwm')}"
    return str(device)


def _mount(mount: Mapping[str, Any], artifact: str | None) -> Mapping[str, Any]:
    if artifact is None:
        return mount
    bind = {key: value for key, value in mount.get("bind", {}).items() if key != "create_host_path"}
    return {**mount, "source": f"./{artifact}", "bind": bind}


def _file_of(
    kind: str,
    key: str,
    value: Mapping[str, Any],
    *,
    places: Mapping[Place, str],
    made: tuple[Made, ...],
) -> Mapping[str, Any]:
    name = places.get((kind, key, "file")) or next(
        (item.name for item in made if (item.kind, item.key) == (kind, key)), None
    )
    if name is not None:
        return {"file": f"./{name}"}
    if kind == "secrets" and value.get("external"):
        return {"external": True}
    kept: Mapping[str, Any] = {
        part: item for part, item in value.items() if part != "name" or value.get("external")
    }
    return kept


def _shared(kind: str, resolved: Resolved) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Networks or volumes, with the names that the author chose and without those that Compose made up."""
    written = resolved.written.get(kind) or {}
    for key, value in resolved.model.get(kind, {}).items():
        chosen = "name" in (written.get(key) or {}) or (value or {}).get("external")
        yield key, _solid({part: item for part, item in (value or {}).items() if part != "name" or chosen})


def _solid(value: Any, *, keep: tuple[str, ...] = ()) -> Any:
    """Without what says nothing: null and empty mappings. ``keep`` names keys whose value is taken as it is."""
    if isinstance(value, Mapping):
        inner = {key: item if key in keep else _solid(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item is not None and item != {}}
    if isinstance(value, list):
        return [_solid(item) for item in value]
    return value
