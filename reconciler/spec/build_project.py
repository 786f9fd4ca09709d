"""What only a ComposeProject has of a DesiredState: its files, its lock file, its digests. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from reconciler.core.desired import short_digest
from reconciler.core.project import Project, Service
from reconciler.spec import notation
from reconciler.spec.artifacts import CONFIG, beside, check_content, kept_artifacts, named_files
from reconciler.spec.build_deliveries import SECRETS, secret_names
from reconciler.spec.findings import Finding, Findings
from reconciler.spec.lock_project import read_project
from reconciler.spec.problem import Path, Problem, Wrong, choices

PROJECT = "ComposeProject"
EXPECTED: Path = (*CONFIG, "expectedDigests")


def build_project(
    document: Mapping[str, Any], findings: Findings, *, file: str
) -> tuple[Project | None, tuple[Problem, ...]]:
    """The project of a ComposeProject (None of another kind), with what is wrong noted in ``findings``, or told of
    the lock file itself. ``file`` is the document's own, "" for one from history.
    """
    outline = _outline(document, findings) if document["kind"] == PROJECT else None
    if outline is None:
        return None, ()
    config = document["spec"]["config"]
    names = secret_names(config)
    reading = read_project(
        outline, file=beside(file, outline.lock.source), document=document["metadata"]["name"], secrets=names
    )
    if reading.project is not None:
        for path, message in (
            *_digests(config["expectedDigests"], reading.project),
            *_without_use(names, reading.project),
        ):
            findings.note(path, message)
    return reading.project, reading.problems


def _outline(document: Mapping[str, Any], findings: Findings) -> Project | None:
    name, config = document["metadata"]["name"], document["spec"]["config"]
    kept = kept_artifacts(document)
    _verify(document, findings)
    default = f"/var/stella/{name}/deployment"
    path = (*CONFIG, "deploymentDirectory")
    directory = findings.read_value(config.get("deploymentDirectory", default), path, _directory)
    if directory is None or findings.items:
        return None
    lock, *files = kept
    return Project(
        name=config.get("projectName", name),
        directory=directory,
        lock=lock,
        services=(),
        files=tuple(sorted(files, key=lambda item: item.name)),
        force_recreate=config.get("forceRecreate", False),
    )


def _verify(document: Mapping[str, Any], findings: Findings) -> None:
    """What was kept is what is named: said again here, where a stored document comes in."""
    named, kept = named_files(document), kept_artifacts(document)
    if [item.name for item in named] != [item.name for item in kept]:
        findings.note((*CONFIG, "composeLock"), "the contents of the files are not at hand")
        return
    for item, content in zip(named, kept, strict=True):
        findings.read_value(content.content, item.path, partial(check_content, item, path=content.source))


def _directory(value: str) -> str:
    path = notation.absolute_path(value, "the deployment directory")
    if path.count("/") < 2:
        raise Wrong(f'"{path}" is not a folder of its own; allowed: at least two levels deep, such as /srv/shop')
    return path


def _digests(expected: Mapping[str, str], project: Project) -> Iterator[Finding]:
    """Services and digests are equal sets, and each digest is that of the lock file."""
    services = {item.name: item for item in project.services}
    for name in sorted(expected.keys() - services.keys()):
        yield (*EXPECTED, name), f"the lock file has no such service{choices(name, tuple(services))}"
    for name, service in services.items():
        if name not in expected:
            yield EXPECTED, f'the service "{name}" of the lock file is missing here ({service.image.digest})'
        elif expected[name] != service.image.digest:
            yield (*EXPECTED, name), _other(service, expected[name])


def _without_use(secrets: Sequence[str], project: Project) -> Iterator[Finding]:
    """A secret that no lock file takes from the document would be on the host for nothing."""
    for index, name in enumerate(secrets):
        if name not in project.secrets:
            yield (
                (*SECRETS, index, "name"),
                f'the lock file has no secret "{name}" with external: true{choices(name, project.secrets)}',
            )


def _other(service: Service, expected: str) -> str:
    found = short_digest(service.image.digest)
    return (
        f"is {short_digest(expected)}, and the lock file has {found}; "
        'run "reconciler lock" with --document to take what the lock file has'
    )
