"""Every example application, deployed: locked as its author does, up in one pass, and without drift ever after."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config import load_settings
from reconciler.controller.app import open_service
from tests.cli.test_lock_applications import APPLICATIONS, HOST_FOLDERS, NAMES, PROFILES, references
from tests.e2e.compose.project_stage import LOCK, ProjectStage
from tests.e2e.documents import as_yaml, merged
from tests.e2e.stage import unheard
from tests.parts.anything import ANYTHING
from tests.parts.images import publish
from tests.parts.ports import free_port
from tests.parts.process_starts import recorded
from tests.parts.registry import PrivateRegistry
from tests.parts.socket_proxy import SocketProxy

ALLOWED = {
    "hostPaths": ["/etc/localtime:ro", "/etc/timezone:ro", "/usr/share/zoneinfo:ro"],
    "ports": ["1-65535"],
}


def _author(application: str, project: ProjectStage) -> Path:
    """The application in the author's folder; of the host only what is ours."""
    shutil.copytree(APPLICATIONS / application, project.author)
    host = project.stage.folder / "host"
    host.mkdir()
    for file in project.author.rglob("*.yaml"):
        text = file.read_text()
        for place in HOST_FOLDERS:
            text = text.replace(f"{place}:", f"{host}:").replace(f"{place},", f"{host},")
        file.write_text(text)
    project.stage.permit(**{**ALLOWED, "hostPaths": [*ALLOWED["hostPaths"], str(host)]})
    return project.author / "compose.yaml"


def _fit(lock: Path) -> None:
    """What this machine can do now: host ports that nobody has, quick health checks, and no more open files than
    whoever runs the tests may allow.
    """
    model = yaml.safe_load(lock.read_text())
    for service in model["services"].values():
        for port in service.get("ports", ()):
            if "published" in port:
                port["published"] = str(free_port())
        if "healthcheck" in service:
            service["healthcheck"].update(interval="300ms", test=_well(service["healthcheck"]["test"]))
        if "nofile" in service.get("ulimits", ()):
            service["ulimits"]["nofile"] = {"soft": 256, "hard": 512}
    lock.write_text(yaml.safe_dump(model, sort_keys=False))


def _well(test: str | list[str]) -> str | list[str]:
    """A shell has its own ideas of the usual tools: what it is to run stays, behind an end that is well."""
    if isinstance(test, str):
        return f"exit 0; {test}"
    return [test[0], f"exit 0; {test[1]}"] if test[0] == "CMD-SHELL" else test


def _write_document(project: ProjectStage, begun: str) -> None:
    """The document that ``lock`` begins, with what only this stage can know."""
    lock = project.lock_file.read_bytes()
    ours: dict[str, Any] = {
        "metadata": {"name": project.name},
        "spec": {
            "config": {
                "projectName": project.name,
                "deploymentDirectory": str(project.directory),
                "composeLock": {"sha256": hashlib.sha256(lock).hexdigest(), "size": len(lock)},
                "healthCheck": {"timeout": "30s"},
            },
            "strategy": {"minHealthy": "200ms"},
            "sticker": {"path": str(project.stage.sticker(project.name))},
        },
    }
    project.document_file.write_text(as_yaml(merged(yaml.safe_load(begun), ours)))


@pytest.mark.every_run(*NAMES[:2])
@pytest.mark.parametrize("application", NAMES)
def test_an_example_application_comes_up_and_stays_in_sync(
    application: str, project: ProjectStage, registry: PrivateRegistry, proxy: SocketProxy
) -> None:
    project.word = application
    digest = ""
    for repository, tag in references(application):
        digest = publish(registry.address, repository, tag, ANYTHING).digest
    compose = _author(application, project)
    profiles = [word for profile in PROFILES.get(application, ()) for word in ("--profile", profile)]
    project.stage.settings |= {"REGISTRY": registry.address, "VAULT_DIGEST": digest.removeprefix("sha256:")}
    begun = project.stage.reconciler(
        *("lock", str(compose), "-o", str(compose.parent / LOCK), "--document", str(project.document_file)),
        *profiles,
    )
    assert begun.returncode == 0, begun.stderr
    _fit(project.lock_file)
    _write_document(project, begun.stdout)
    project.apply()
    status = project.told("status")
    assert status["drift"] == []
    assert (status["sync"], status["health"]) == ("Synced", "Healthy")
    assert _further_passes(project, proxy) == []
    rows = project.containers()
    assert rows
    assert {told["State"]["ExitCode"] for told in rows.values()} == {0}


def _further_passes(project: ProjectStage, proxy: SocketProxy) -> list[str]:
    """What two further passes do: mutating calls and starts of programs."""
    stage = project.stage
    settings = load_settings(
        {}, environment=stage.environment(proxy.url), folder=stage.folder, file=None, root=True
    )
    with open_service(settings, exclusive=True) as service:
        proxy.forget()
        with recorded() as started:
            for _ in range(2):
                (applied,) = service.apply((project.name,), progress=unheard)
                assert applied.outcome == "converged", applied
        return [*started, *(f"{item.method} {item.path}" for item in proxy.mutating())]
