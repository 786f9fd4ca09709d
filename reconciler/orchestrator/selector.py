"""Which agents a request is for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.selector import read_selector
from reconciler.errors import InputError
from reconciler.orchestrator.store.agents import Agent


def selected(selector: Mapping[str, Any], agents: Iterable[Agent]) -> tuple[Agent, ...]:
    """Those that fit and are not revoked, in order of names. Raises InputError where nobody does."""
    try:
        wanted = read_selector(selector)
    except ValueError as error:
        raise InputError(f"targets: {error}") from error
    found = sorted((item for item in agents if wanted.fits(item.name, item.labels)), key=lambda item: item.name)
    left = tuple(item for item in found if item.revoked_at is None)
    if left:
        return left
    if found:
        names = ", ".join(item.name for item in found)
        raise InputError(f"{names} is revoked", hint="enroll it anew with a join token first")
    raise InputError("no agent fits the targets", hint="'reconciler fleet status' names all, with their labels")
