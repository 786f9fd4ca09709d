"""``spec.config.secrets`` and ``spec.config.files`` of a validated document as what is delivered. Pure.

Decides where each goes and refuses what cannot be there at once. Of a ciphertext only the form is looked at:
whether this host can open it is found out where it is opened. No value is quoted in what is said of one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from reconciler.core.container import ContainerConfig
from reconciler.core.delivery import (
    FILE_MODE,
    SECRET_MODE,
    Delivery,
    SealedVariable,
    delivered_file,
    delivered_secret,
    sealed_variable,
)
from reconciler.core.display import as_bytes
from reconciler.spec import notation
from reconciler.spec.findings import Findings
from reconciler.spec.problem import Path, Wrong

CONFIG: Path = ("spec", "config")
SECRETS: Path = (*CONFIG, "secrets")
FILES: Path = (*CONFIG, "files")
SECRETS_FOLDER: Final = "/run/secrets"
LARGEST_BYTES: Final = 512 * 1024
LONGEST_NAME_BYTES: Final = 255

BEGIN: Final = "-----BEGIN AGE ENCRYPTED FILE-----"
END: Final = "-----END AGE ENCRYPTED FILE-----"
_MAGIC: Final = b"age-encryption.org/v1\n"
EXAMPLE: Final = f"{BEGIN}\n{base64.b64encode(_MAGIC).decode()}\n{END}\n"
"""Has the form of a ciphertext, where one is still to come."""
_MAKE_ONE: Final = '"reconciler secret encrypt" makes one'


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What is brought into the containers of one document, each sorted by name."""

    deliveries: tuple[Delivery, ...] = ()
    variables: tuple[SealedVariable, ...] = ()

    def of_secret(self, name: str) -> tuple[Delivery | SealedVariable, ...]:
        """The secret of this name, one or none."""
        secrets: tuple[Delivery | SealedVariable, ...] = (
            *(item for item in self.deliveries if item.secret),
            *self.variables,
        )
        return tuple(item for item in secrets if item.name == name)


NOTHING: Final = Delivered()


def build_deliveries(config: Mapping[str, Any], container: ContainerConfig, findings: Findings) -> Delivered:
    """The secrets and files of a Container, whose other mounts and variables ``container`` has. What is wrong is
    noted in ``findings``.
    """
    secrets = _secrets(config, findings, project=False)
    sealed = tuple(item for item in secrets if isinstance(item, Delivery))
    variables = tuple(item for item in secrets if isinstance(item, SealedVariable))
    files = _files(config, findings)
    _places((*files, *sealed), container, findings)
    _variables(variables, container, findings)
    return Delivered(deliveries=_sorted((*files, *sealed)), variables=_sorted(variables))


def build_project_secrets(config: Mapping[str, Any], findings: Findings) -> Delivered:
    """The secrets of a project, whose places its lock file names."""
    secrets = _secrets(config, findings, project=True)
    return Delivered(deliveries=_sorted(item for item in secrets if isinstance(item, Delivery)))


def secret_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of all secrets, whatever is wrong with these."""
    return tuple(item["name"] for item in config.get("secrets", ()))


def for_hook(secret: Delivery | SealedVariable) -> Delivery | SealedVariable:
    """The secret as a hook is given it: where the container has it, or where Compose would put it."""
    if isinstance(secret, SealedVariable) or secret.target:
        return secret
    return replace(secret, target=f"{SECRETS_FOLDER}/{secret.name}")


def _sorted(items: Any) -> Any:
    return tuple(sorted(items, key=lambda item: item.name))


def _secrets(
    config: Mapping[str, Any], findings: Findings, *, project: bool
) -> tuple[Delivery | SealedVariable, ...]:
    findings.refuse_twins(secret_names(config), SECRETS, "the secret")
    items: Sequence[Mapping[str, Any]] = config.get("secrets", ())
    read = (_secret(item, (*SECRETS, index), findings, project=project) for index, item in enumerate(items))
    return tuple(item for item in read if item is not None)


def _secret(
    value: Mapping[str, Any], path: Path, findings: Findings, *, project: bool
) -> Delivery | SealedVariable | None:
    sealed = findings.read(value, (*path, "encrypted"), _ciphertext)
    target = findings.read(value, (*path, "mountPath"), _target)
    as_variable = "envName" in value
    if as_variable:
        _refuse_of_files(value, path, findings)
    name = value["name"]
    if sealed is None or (target is None and "mountPath" in value):
        return None
    if as_variable:
        return sealed_variable(name, sealed, value["envName"])
    place = "" if project else target or f"{SECRETS_FOLDER}/{name}"
    return delivered_secret(name, sealed, place, **_rights(value, SECRET_MODE))


def _refuse_of_files(value: Mapping[str, Any], path: Path, findings: Findings) -> None:
    if "mountPath" in value:
        findings.note(
            (*path, "envName"), "a secret has either mountPath or envName; a file is what fewer can read"
        )
    for key in ("mode", "uid", "gid"):
        if key in value:
            findings.note((*path, key), "is of a file; a secret with envName is none; remove it")


def _files(config: Mapping[str, Any], findings: Findings) -> tuple[Delivery, ...]:
    items: Sequence[Mapping[str, Any]] = config.get("files", ())
    read = (_file(item, (*FILES, index), findings) for index, item in enumerate(items))
    files = tuple(item for item in read if item is not None)
    findings.refuse_twins((item.target for item in files), FILES, "the file")
    return files


def _file(value: Mapping[str, Any], path: Path, findings: Findings) -> Delivery | None:
    target = findings.read(value, (*path, "path"), _target)
    content = findings.read(value, (*path, "content"), _content)
    if target is None or content is None:
        return None
    return delivered_file(target, content, **_rights(value, FILE_MODE))


def _rights(value: Mapping[str, Any], mode: int) -> dict[str, int]:
    return {
        "mode": int(value["mode"], 8) if "mode" in value else mode,
        "uid": value.get("uid", 0),
        "gid": value.get("gid", 0),
    }


def _content(value: str) -> bytes:
    content = value.encode()
    if len(content) > LARGEST_BYTES:
        raise Wrong(f"is larger than {as_bytes(LARGEST_BYTES)}; bring it with the image, or in a volume")
    return content


def _target(value: str) -> str:
    path = notation.absolute_path(value, "the path in the container")
    if path == "/" or value.endswith("/"):
        raise Wrong(f'must name a file, not a folder: "{value}"')
    if len(path.rpartition("/")[2].encode()) > LONGEST_NAME_BYTES:
        raise Wrong(f"the file's name is longer than {LONGEST_NAME_BYTES} bytes")
    return path


def _ciphertext(value: str) -> str:
    """By its form: armored (age's specification, "ASCII armor"), of version 1."""
    lines = [line.strip() for line in value.strip().splitlines()]
    if lines[:1] != [BEGIN] or lines[-1:] != [END]:
        if value.strip().startswith(BEGIN):
            raise Wrong("is cut off, or its lines are joined; write it as a block, beginning with encrypted: |")
        raise Wrong(f"is not encrypted with age: it begins with {BEGIN}; {_MAKE_ONE}")
    try:
        content = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content.startswith(_MAGIC):
        raise Wrong(
            f"is damaged: what is between its first and last line is nothing that age has made; {_MAKE_ONE}"
        )
    return value


def _places(deliveries: Sequence[Delivery], container: ContainerConfig, findings: Findings) -> None:
    """No two things at one place, and nothing below a file."""
    taken = {mount.target: "a volume" for mount in container.mounts or ()}
    taken |= dict.fromkeys(container.tmpfs or {}, "a tmpfs")
    for item in deliveries:
        me = f"the secret {item.name} at {item.target}" if item.secret else f"the file {item.target}"
        other = taken.setdefault(item.target, me)
        if other != me:
            findings.note(SECRETS if item.secret else FILES, f"{me} is at the place of {other}")
    for item in deliveries:
        for below in _below(item.target, taken):
            where = SECRETS if item.secret else FILES
            findings.note(where, f"{item.target} is a file, and {taken[below]} would lie below it, at {below}")


def _below(target: str, taken: Mapping[str, str]) -> Iterator[str]:
    return (place for place in taken if place.startswith(f"{target}/"))


def _variables(variables: Sequence[SealedVariable], container: ContainerConfig, findings: Findings) -> None:
    findings.refuse_twins((item.variable for item in variables), SECRETS, "the variable")
    for item in variables:
        if item.variable in (container.environment or {}):
            findings.note(
                SECRETS,
                f"the variable {item.variable} of the secret {item.name} is set in config.environment, too",
            )
