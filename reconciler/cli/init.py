"""``init``: a first document for an image, with what most of them have, and what else there is as comments."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import yaml

from reconciler.atomic import create_file
from reconciler.cli.folder import read_folder
from reconciler.cli.helping import command
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import HOST, settings_options
from reconciler.cli.pin_text import find_pin, pinned
from reconciler.cli.problems import prefix_of
from reconciler.errors import InputError, InvalidDocuments
from reconciler.spec.assemble import examine
from reconciler.spec.problem import is_error

DRAFT: Final = """\
apiVersion: stella/v1
kind: Container
metadata:
  name: {name}
spec:
  release: {{id: {release}}}  # what people call it; give every change another one
  image: {image}
{config}\
  strategy: {{minHealthy: 5s}}  # how long it must stay healthy until it counts as deployed
"""
CONFIG: Final = """\
  config:
    ports: {ports}
    # environment: {LOG_LEVEL: info}
    # memoryLimit: 256Mi
    # healthCheck:
    #   test: [CMD, wget, -qO-, "http://127.0.0.1/"]
    #   timeout: 60s
"""
FILE_MODE: Final = 0o644
SOME: Final = f"sha256:{'0' * 64}"
"""A digest, to look at the rest before anybody is asked for the right one."""

UNTOLD: Final = "1"
"""Release of an image whose tag says nothing: none, or latest."""

NO_PORTS: Final = CONFIG.replace("    ports: {ports}\n", "").replace("  config:", "  # config:")


@command("init")
@click.argument("image", metavar="IMAGE")
@click.option("--name", default="", metavar="NAME", help="Of document and container [last part of IMAGE].")
@click.option("--port", "ports", multiple=True, metavar="PORT", help="To publish, as 127.0.0.1:8080:80.")
@settings_options(*HOST)
@pass_invocation
def init(invocation: Invocation, *, image: str, name: str, ports: tuple[str, ...]) -> None:
    """Write a first document for an image, to be read and completed.

    IMAGE is REPOSITORY[:TAG] or REPOSITORY@DIGEST. The registry is asked what the tag stands for. The file is
    NAME.yaml in the folder of documents, which is made if it is missing; one that is there stays as it is.
    """
    folder = invocation.settings.desired
    repository, _, digest = image.partition("@")
    name = name or repository.rpartition("/")[2].partition(":")[0]
    path = folder / f"{name}.yaml"
    refuse_present(path)
    refuse_twin(folder, name)
    text = draft(name, repository if digest else with_tag(repository), ports)
    refuse_wrong(with_digest(text, digest) if digest else pinned(text, find_pin(text, str(path)), SOME), str(path))
    text = with_digest(text, digest) if digest else _pinned(invocation, text, str(path))
    folder.mkdir(parents=True, exist_ok=True)
    if not create_file(path, text.encode(), mode=FILE_MODE):
        refuse_present(path)
    invocation.screen.line(f"wrote {path}", "green")
    invocation.screen.note(
        f"next: read it, then `reconciler plan {name}`; fields: `reconciler explain spec.config`"
    )


def with_tag(image: str) -> str:
    """``latest`` where none is said, as engines have it."""
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def draft(name: str, image: str, ports: tuple[str, ...]) -> str:
    """The document without its digest; a tag is still part of the image."""
    tag = image.rpartition("/")[2].partition(":")[2].replace("latest", "")
    listed = ", ".join(scalar(port) for port in ports)
    config = CONFIG.replace("{ports}", f"[{listed}]") if ports else NO_PORTS
    return DRAFT.format(name=scalar(name), release=scalar(tag or UNTOLD), image=scalar(image), config=config)


def scalar(text: str) -> str:
    """A text as YAML, in double quotes where it would be read as something else."""
    plain = yaml.safe_dump(text, default_flow_style=True, width=1 << 16).partition("\n")[0]
    return (
        plain if plain == text and ":" not in text else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def with_digest(text: str, digest: str) -> str:
    """The draft with a digest that was given."""
    return text.replace("  strategy:", f"  digest: {scalar(digest)}\n  strategy:", 1)


def _pinned(invocation: Invocation, text: str, file: str) -> str:
    """With the digest that the registry tells, and the tag beside it."""
    found = find_pin(text, file)
    with invocation.service() as service:
        return pinned(text, found, service.resolve_tag(found.repository, found.tag))


def refuse_present(path: Path) -> None:
    """Raises InputError where there is a file, or anything else."""
    if path.is_symlink() or path.exists():
        raise InputError(f"{path} is there already", hint="choose another document's name with --name")


def refuse_twin(folder: Path, name: str) -> None:
    """Raises InputError where a document of the folder has this name."""
    if not folder.is_dir():
        return
    for document in read_folder(folder, prefix=prefix_of(folder)).examined(every=True).documents:
        if document.name == name:
            place = f" in {document.source}" if document.source else ""
            raise InputError(f"there is a document {name} already{place}", hint="choose another one with --name")


def refuse_wrong(text: str, file: str) -> None:
    """Raises InvalidDocuments where what was asked for makes no document."""
    problems = [item for item in examine({file: text.encode()}, every=True).problems if is_error(item)]
    if problems:
        raise InvalidDocuments(tuple(f"{problem.path}: {problem.message}" for problem in problems))
