"""The documents of an orchestrator, checked together: for each host that some of them meet on for certain. Pure.

Documents that came over the API stand alone: no Defaults of the folder are in them, so that what was put is what
goes to hosts. And they keep their names: a document of the folder with the name of one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from reconciler.spec.artifacts import ReadArtifact, no_artifacts
from reconciler.spec.assemble import Examined, built, checked, choose_defaults, parsed
from reconciler.spec.document import Document
from reconciler.spec.fleet import meetings
from reconciler.spec.problem import Problem

NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


def examine_fleet(
    contents: Mapping[str, bytes], *, read: ReadArtifact = no_artifacts, alone: Mapping[str, bytes] = NOTHING
) -> Examined:
    """Read and check whole files, by their name. ``read`` has the files that come with them; ``alone``: documents
    that came over the API, which have none.
    """
    documents, problems = parsed(contents)
    apart, more = parsed(alone)
    problems |= more | set(taken_names(documents, apart))
    names = {document.name for document in apart}
    usable = built([item for item in documents if item.name not in names], problems, read=read, fleet=True)
    usable += built(apart, problems, read=no_artifacts, fleet=True)
    desired = [item for _, item in usable]
    defaults, _ = choose_defaults(documents)
    return checked(usable, problems, kept=desired, groups=meetings(desired), defaults=defaults)


def taken_names(documents: Iterable[Document], apart: Iterable[Document]) -> Iterator[Problem]:
    """Each document whose name is that of one that came over the API."""
    holders = {document.name: document.source.file for document in apart}
    for document in documents:
        if document.name in holders:
            message = f"a document of the API has this name ({holders[document.name]}), and keeps it; remove one"
            yield document.problem(("metadata", "name"), message)
