"""``spec.hooks`` of a validated document as Hooks. Pure.

Decides whose image a hook runs in, and refuses what no policy could allow: the host's network and paths, volumes
that the document itself does not mount, variables that the reconciler sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, get_args

from reconciler.core.container import Mount
from reconciler.core.delivery import Delivery, SealedVariable
from reconciler.core.hook import NETWORK_OF_CONTAINER, VARIABLES, Hook, HookName
from reconciler.core.image import ImageReference
from reconciler.core.project import Project, Service
from reconciler.spec import notation, quantities
from reconciler.spec.build_deliveries import NOTHING, Delivered, for_hook
from reconciler.spec.findings import Findings
from reconciler.spec.problem import Path, Wrong, choices

HOOKS: Path = ("spec", "hooks")
LONGEST_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What the hooks of one document rest on: its image (None where it is wrong, or of a project), its mounts, its
    project, its secrets, and the names of all of these (also of such that are wrong).
    """

    image: ImageReference | None = None
    mounts: tuple[Mount, ...] = ()
    project: Project | None = None
    delivered: Delivered = NOTHING
    secrets: tuple[str, ...] = ()


def build_hooks(spec: Mapping[str, Any], release: Release, findings: Findings) -> tuple[Hook, ...]:
    """The hooks in the order in which they run. What is wrong is noted in ``findings``."""
    hooks = spec.get("hooks", {})
    built = (_hook(hooks[name], name, release, findings) for name in get_args(HookName) if name in hooks)
    return tuple(hook for hook in built if hook is not None)


def _hook(value: Mapping[str, Any], name: HookName, release: Release, findings: Findings) -> Hook | None:
    path, before = (*HOOKS, name), len(findings.items)
    service = _service(value, path, release, findings)
    image = _image(value, path, service.image if service else release.image, findings)
    findings.read(value, (*path, "network"), partial(_network, name=name))
    if value.get("network") == NETWORK_OF_CONTAINER and release.project and service is None:
        findings.note((*path, "network"), _which(release.project, "container"))
    findings.read(value, (*path, "environment"), _environment)
    read: dict[str, Any] = {
        "timeout_ms": findings.read(value, (*path, "timeout"), _timeout),
        "memory_bytes": findings.read(value, (*path, "memoryLimit"), quantities.memory),
        "nano_cpus": findings.read(value, (*path, "cpuLimit"), quantities.nano_cpus),
        "mounts": findings.read_list(value, (*path, "mounts"), partial(_mount, release=release)),
        "network": value.get("network"),
        "environment": value.get("environment"),
        "user": value.get("user"),
        "failure_policy": value.get("failurePolicy"),
        "idempotent": value.get("idempotent"),
        "pids_limit": value.get("pidsLimit"),
        **_secrets(value, path, release, findings),
    }
    targets = [item.target for key in ("mounts", "deliveries") for item in read[key] or ()]
    findings.refuse_twins(targets, (*path, "mounts"), "the path")
    if image is None or len(findings.items) > before:
        return None
    return Hook(
        name=name,
        command=tuple(value["command"]),
        image=image,
        service=service.name if service else "",
        **{key: item for key, item in read.items() if item is not None},
    )


def _secrets(
    value: Mapping[str, Any], path: Path, release: Release, findings: Findings
) -> dict[str, tuple[Any, ...]]:
    """The secrets that the hook is given, as files and as variables."""
    where = (*path, "secrets")
    names = findings.read_list(value, where, partial(_known_secret, release=release)) or ()
    findings.refuse_twins(names, where, "the secret")
    given = [for_hook(secret) for name in sorted(set(names)) for secret in release.delivered.of_secret(name)]
    variables = tuple(item for item in given if isinstance(item, SealedVariable))
    for item in variables:
        if item.variable in value.get("environment", {}):
            findings.note(
                where, f"the variable {item.variable} of the secret {item.name} is set in environment, too"
            )
        if item.variable.startswith(VARIABLES):
            findings.note(where, f'variables that begin with "{VARIABLES}" are set by the reconciler')
    return {"deliveries": tuple(item for item in given if isinstance(item, Delivery)), "variables": variables}


def _known_secret(name: str, *, release: Release) -> str:
    if name not in release.secrets:
        raise Wrong(f'config.secrets has no secret "{name}"{choices(name, release.secrets)}')
    return name


def _service(value: Mapping[str, Any], path: Path, release: Release, findings: Findings) -> Service | None:
    """The service that a project's hook is about: the one that is named, else the only one."""
    project = release.project
    if project is None:
        if "service" in value:
            findings.note((*path, "service"), "is of a ComposeProject; a Container is one service; remove it")
        return None
    if "service" not in value:
        return project.services[0] if len(project.services) == 1 else None
    named = {item.name: item for item in project.services}
    if value["service"] not in named:
        findings.note(
            (*path, "service"), f"the lock file has no such service{choices(value['service'], tuple(named))}"
        )
    return named.get(value["service"])


def _image(
    value: Mapping[str, Any], path: Path, own: ImageReference | None, findings: Findings
) -> ImageReference | None:
    """The hook's own image, else that of the release."""
    if ("image" in value) != ("digest" in value):
        here, missing = ("image", "digest") if "image" in value else ("digest", "image")
        findings.note((*path, here), f"needs {missing} beside it; leave both out for the image of the release")
        return None
    if "image" in value:
        repository = findings.read(value, (*path, "image"), notation.repository)
        return ImageReference(repository or "", value["digest"])
    if own is None and "service" not in value:
        findings.note(path, "needs service: whose image it runs in, or an image and digest of its own")
    return own


def _which(project: Project, what: str) -> str:
    names = ", ".join(item.name for item in project.services)
    return f"needs service: whose {what} is meant; allowed: {names}"


def _timeout(value: str) -> int:
    milliseconds = quantities.positive_duration(value)
    if milliseconds > LONGEST_MS:
        raise Wrong(f'"{value}" is too long for a hook; allowed: up to 1h')
    return milliseconds


def _network(value: str, *, name: HookName) -> str:
    if value == "host":
        raise Wrong("the host's network is not for hooks; allowed: none, container, the name of a network")
    if value == NETWORK_OF_CONTAINER and name != "postDeploy":
        raise Wrong("is only for postDeploy: before that the new container does not run; name a network")
    return value


def _environment(value: Mapping[str, str]) -> Mapping[str, str]:
    for name in value:
        if name.startswith(VARIABLES):
            raise Wrong(f'variables that begin with "{VARIABLES}" are set by the reconciler; rename {name}')
    return value


def _mount(value: str, *, release: Release) -> Mount:
    """``NAME:/PATH[:ro|rw]``, read only unless it says otherwise."""
    mount = notation.volume(value if value.endswith((":ro", ":rw")) else f"{value}:ro")
    if mount.type != "volume":
        raise Wrong(f'"{value}" is a path of the host; a hook mounts named volumes of its document only')
    own = [item for item in release.mounts if (item.type, item.source) == ("volume", mount.source)]
    if not own:
        raise Wrong(f'the document does not mount the volume "{mount.source}", so its hooks cannot')
    if not mount.read_only and all(item.read_only for item in own):
        raise Wrong(f'the document mounts the volume "{mount.source}" read only, and so must its hooks')
    return mount
