"""Which agents a request is for: one by name, or all whose labels fit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.errors import InputError
from reconciler.orchestrator.store.agents import Agent


def selected(selector: Mapping[str, Any], agents: Iterable[Agent]) -> tuple[Agent, ...]:
    """Those that fit and are not revoked, in order of names. Raises InputError where nobody does."""
    found = sorted((item for item in agents if fits(selector, item)), key=lambda item: item.name)
    left = tuple(item for item in found if item.revoked_at is None)
    if left:
        return left
    if found:
        raise InputError(
            f"{', '.join(item.name for item in found)} is revoked", hint="enroll it anew with a join token first"
        )
    raise InputError(f"no agent is {_told(selector)}", hint="'reconciler fleet status' names all, with their labels")


def fits(selector: Mapping[str, Any], agent: Agent) -> bool:
    """All conditions hold; one without any fits nothing."""
    if not selector:
        return False
    named = selector.get("target", agent.name) == agent.name
    labels = selector.get("matchLabels", {}).items() <= agent.labels.items()
    return named and labels and all(_holds(item, agent.labels) for item in selector.get("matchExpressions", ()))


def _holds(condition: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = condition["key"], condition.get("values", ())
    match condition["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _told(selector: Mapping[str, Any]) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in selector.get("matchLabels", {}).items())
    parts = [selector.get("target", ""), f"labelled {labels}" if labels else ""]
    return " and ".join(part for part in parts if part) or "selected by nothing"
