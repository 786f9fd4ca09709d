"""Discretion: opens secrets for those who make containers, and keeps them out of what is told of containers.

What a container says is not ours to trust: an app that fails likes to print its configuration. So before anything
of it goes into an error or the history, every value that its document was given is masked, line by line, and also
as base64, as part of a URL and as JSON.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote

from reconciler.core.container import ContainerConfig
from reconciler.core.delivery import SealedVariable
from reconciler.core.display import SHORTEST_SECRET, without
from reconciler.core.interfaces import Deliveries, Journal
from reconciler.core.secret import PLACEHOLDER, Secret
from reconciler.errors import ReconcilerError, SecretSealed


class Discretion(Protocol):
    """Knows the secrets of documents."""

    def opened(self, config: ContainerConfig, variables: Sequence[SealedVariable]) -> ContainerConfig:
        """For the one call that makes a container: the config with these values in its environment. Raises
        SecretSealed.
        """

    def words(self, document: str) -> tuple[str, ...]:
        """Spellings of every opened secret of the document. Raises StateUnwritable."""


class NoSecrets:
    """Where nothing is delivered."""

    def opened(self, config: ContainerConfig, variables: Sequence[SealedVariable]) -> ContainerConfig:
        """As it is. Raises SecretSealed for what is sealed."""
        if variables:
            raise SecretSealed(f"secret {variables[0].name}: nothing is opened here")
        return config

    def words(self, document: str) -> tuple[str, ...]:  # noqa: ARG002  (of no document)
        """Nothing."""
        return ()


class DeliveredSecrets:
    """Reads the values from where they were delivered, and opens variables again: only when something failed, or a
    hook has spoken.
    """

    def __init__(self, deliveries: Deliveries, journal: Journal) -> None:
        self._deliveries = deliveries
        self._journal = journal

    def opened(self, config: ContainerConfig, variables: Sequence[SealedVariable]) -> ContainerConfig:
        if not variables:
            return config
        values = {name: value.text() for name, value in self._deliveries.open(variables).items()}
        return replace(config, environment={**(config.environment or {}), **values})

    def words(self, document: str) -> tuple[str, ...]:
        """Of all revisions that the history knows, since an older container may be the one that speaks."""
        values = [*self._deliveries.values(document), *self._variables(document)]
        return tuple(dict.fromkeys(word for value in values for word in spellings(value)))

    def _variables(self, document: str) -> Iterator[Secret]:
        known: dict[str, SealedVariable] = {}
        for revision in self._journal.record(document).revisions:
            desired = revision.desired
            for sealed in (desired.variables, *(hook.variables for hook in desired.hooks)):
                known |= {item.version: item for item in sealed}
        for item in known.values():
            with suppress(SecretSealed):  # its key is gone since: nobody here knows the value any more
                yield from self._deliveries.open((item,)).values()


def missing_variables(variables: Sequence[SealedVariable], environment: Mapping[str, str] | None) -> Iterator[str]:
    """What a container does not have of them, in words; their values are not looked at."""
    return (f"variable {item.variable}" for item in variables if item.variable not in (environment or {}))


def hide(error: ReconcilerError, discretion: Discretion, document: str) -> None:
    """Mask the document's secrets in an error that tells what a container said: those have more than one line."""
    head, line_break, _ = error.message.partition("\n")
    if not line_break:
        return
    try:
        error.message = without(error.message, discretion.words(document), mask=PLACEHOLDER)
    except ReconcilerError as trouble:
        error.message = f"{head}\n  what it said is not shown: {trouble.message}"


def spellings(value: Secret) -> Iterator[str]:
    """The texts by which a value could be known again, but for those too short to tell of anything."""
    whole = value.reveal()
    lines = (line.strip() for line in whole.decode(errors="replace").splitlines())
    texts = (*(text for line in lines for text in _of_line(line)), *_in_base64(whole), *_in_base64(whole.strip()))
    yield from (text for text in dict.fromkeys(texts) if len(text) >= SHORTEST_SECRET)


def _of_line(line: str) -> Iterator[str]:
    """As it is, as part of a URL, and as logs in JSON have it."""
    yield line
    yield from (quote(line, safe=""), quote(line))
    yield from (json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1])


def _in_base64(value: bytes) -> Iterator[str]:
    """In both alphabets (RFC 4648, sections 4 and 5); not all writers pad it."""
    yield from (code(value).decode().rstrip("=") for code in (base64.b64encode, base64.urlsafe_b64encode))
