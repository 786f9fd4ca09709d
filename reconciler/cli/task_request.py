"""What ``task submit`` asks for: the request of the API, with credentials sealed by who asks."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from reconciler.cli.files import read_bounded
from reconciler.cli.fleet_client import FleetClient
from reconciler.cli.task_files import upload_payload
from reconciler.core.secret import Secret
from reconciler.credentials.login_file import read_entries
from reconciler.errors import InputError, InvalidDocuments, InvalidSettings
from reconciler.sealing.binding import Binding
from reconciler.sealing.boxes import seal
from reconciler.spec.artifacts import named_files
from reconciler.spec.document import Document, read_documents
from reconciler.spec.fleet import OWN_KEYS
from reconciler.spec.problem import Wrong

FILE_LIMIT: Final = 1 << 20
WAITS_S: Final = 3600
NEEDY: Final = {
    "deploy": "--file or --payload",
    "execute-command": "--command or --payload",
    "upload-files": "--from and --into, or --payload",
}
FENCED: Final = frozenset({"deploy", "rollback"})
_OWN: Final = ("image", "digest", "config", "hooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was typed; "" and None for what was not."""

    kind: str
    target: str = ""
    labels: tuple[str, ...] = ()
    document: str = ""
    file: Path | None = None
    payload: Path | None = None
    source: Path | None = None
    into: str = ""
    command: str = ""
    arguments: tuple[str, ...] = ()
    service: str = ""
    credentials: Path | None = None
    key: str = ""
    timeout: int | None = None
    expires: int | None = None
    priority: str | None = None


def request_of(wanted: Wanted, client: FleetClient) -> dict[str, Any]:
    """The request. Raises InvalidSettings for what does not go together, InputError for a wrong file."""
    document, payload = wanted.document, _payload(wanted)
    if wanted.file is not None:
        found = _document(wanted.file)
        document, payload = document or found.name, deploy_payload(found)
    if wanted.source is not None:
        payload = upload_payload(wanted.source, wanted.into, client)
    optional = {
        "document": document,
        "timeoutSeconds": wanted.timeout,
        "expiresInSeconds": wanted.expires,
        "priority": wanted.priority,
        "credentials": _sealed(wanted, document, client) if wanted.credentials else None,
    }
    return {
        "type": wanted.kind,
        "targets": _selector(wanted),
        "payload": payload,
        "idempotencyKey": wanted.key or str(uuid4()),
        **{key: value for key, value in optional.items() if value},
    }


def deploy_payload(document: Document) -> dict[str, Any]:
    """What a deploy task says of a document. Raises InputError for one with files beside it."""
    if named_files(document.value):
        raise InputError(
            f"{document.name} comes with files, which a task from here does not carry",
            hint="put it into the orchestrator's folder of documents",
        )
    spec = dict(document.value["spec"])
    if theirs := [f"spec.{key}" for key in OWN_KEYS if key in spec]:
        raise InputError(
            f"{document.name} says {' and '.join(theirs)}, which a document of an orchestrator's says",
            hint="a task names its hosts with --target or --label: leave it out, or use 'reconciler fleet put'",
        )
    labels = document.value["metadata"].get("labels")
    said = {key: spec.pop(key) for key in _OWN if key in spec}
    return {
        "documentKind": document.kind,
        "release": spec.pop("release"),
        **said,
        **({"labels": labels} if labels else {}),
        **({"spec": spec} if spec else {}),
    }


def _payload(wanted: Wanted) -> Any:
    if wanted.file is not None:
        if wanted.kind != "deploy" or wanted.payload is not None:
            raise InvalidSettings("--file is for deploy, and stands in place of --payload")
        return {}
    if wanted.source is not None or wanted.into:
        if wanted.kind != "upload-files" or wanted.payload is not None or not (wanted.source and wanted.into):
            raise InvalidSettings("--from and --into go together, for upload-files, in place of --payload")
        return {}
    if wanted.command or wanted.arguments or wanted.service:
        if wanted.kind != "execute-command" or wanted.payload is not None or not wanted.command:
            raise InvalidSettings("--command is for execute-command, in place of --payload; the others go with it")
        return _command(wanted)
    if wanted.payload is None:
        if wanted.kind in NEEDY:
            raise InvalidSettings(f"{wanted.kind} needs {NEEDY[wanted.kind]}")
        return {}
    return _object(wanted.payload)


def _command(wanted: Wanted) -> dict[str, Any]:
    return {
        "command": wanted.command,
        **({"arguments": list(wanted.arguments)} if wanted.arguments else {}),
        **({"service": wanted.service} if wanted.service else {}),
    }


def _selector(wanted: Wanted) -> dict[str, Any]:
    pairs = [item.partition("=") for item in wanted.labels]
    if not wanted.target and not pairs:
        raise InvalidSettings("name an agent with --target, or some with --label KEY=VALUE")
    if any(not name or not equals for name, equals, _ in pairs):
        raise InvalidSettings("--label is KEY=VALUE")
    labels = {name: value for name, _, value in pairs}
    return {**({"target": wanted.target} if wanted.target else {}), **({"matchLabels": labels} if labels else {})}


def _document(path: Path) -> Document:
    documents, problems = read_documents(read_bounded(path, limit=FILE_LIMIT).encode(), str(path))
    if problems:
        raise InvalidDocuments(tuple(map(str, problems)))
    if len(documents) != 1 or documents[0].kind == "Defaults":
        raise InputError(f"{path} is not one document", hint="a task is about one; Defaults are not merged here")
    return documents[0]


def _sealed(wanted: Wanted, document: str, client: FleetClient) -> dict[str, Any]:
    """Credentials for one agent and this task, whose id and end who asks chooses: both are in the seal."""
    if not wanted.target or wanted.labels or wanted.credentials is None:
        raise InvalidSettings("--credentials are sealed for one agent: name it with --target alone")
    if wanted.kind not in FENCED:
        raise InvalidSettings(f"--credentials are for {' and '.join(sorted(FENCED))}; a {wanted.kind} uses none")
    values = sealed_values(_object(wanted.credentials), wanted.credentials)
    agent = client.ask("GET", f"/v1/agents/{quote(wanted.target, safe='')}")
    binding = Binding(
        agent=wanted.target,
        task=str(uuid4()),
        generation=_next_generation(wanted, document, agent, client) if wanted.kind in FENCED else 0,
        expires=int(time.time()) + (wanted.expires or WAITS_S) - 1,
    )
    return {wanted.target: seal(values, binding, base64.b64decode(agent["sealingKey"])).value()}


def sealed_values(given: dict[str, Any], path: Path) -> dict[str, Secret]:
    """What a file of credentials says, by the names under which an agent knows it. Raises InputError, and tells no
    value.
    """
    form = f"{path} has registries (a login by prefix) and secrets (a value by name), and nothing else"
    registries, secrets = given.get("registries", {}), given.get("secrets", {})
    if (
        given.keys() - {"registries", "secrets"}
        or not isinstance(registries, dict)
        or not isinstance(secrets, dict)
    ):
        raise InputError(form)
    if not all(isinstance(value, str) and value for value in secrets.values()):
        raise InputError(form, hint="a secret is a text that is not empty")
    values = {f"secret/{name}": Secret(value.encode()) for name, value in secrets.items()}
    if not registries:
        return values
    logins = Secret(json.dumps({"registries": registries}).encode())
    try:
        read_entries(logins.reveal())
    except Wrong as error:
        raise InputError(f"the logins in {path} are wrong: {error}") from None
    return {**values, "registries": logins}


def _next_generation(wanted: Wanted, document: str, agent: Any, client: FleetClient) -> int:
    """As far as can be told from here; the orchestrator refuses a seal for another one."""
    told = [item.get("generation", 0) for item in agent["documents"] if item["id"] == document]
    query = {"target": wanted.target, "document": document}
    told += [item.get("generation", 0) for item in client.pages("/v1/tasks", query, most=20)]
    for item in client.pages("/v1/documents", {"target": wanted.target}, most=10_000):
        if item["id"] == document:
            told += [part["generation"] for part in item["assigned"] if part["target"] == wanted.target]
    return max(told, default=0) + 1


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_bounded(path, limit=FILE_LIMIT))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InputError(f"{path} is not a JSON object")
    return value
