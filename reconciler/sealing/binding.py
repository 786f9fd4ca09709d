"""Binding: what sealed credentials are for; one agent, one task, one generation, until one moment. Pure.

It goes into the encryption itself (HPKE's ``info``), with the id of the key that opens, so that a ciphertext that
is lifted into another task, or sent to another agent, opens nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reconciler import strict_json

PURPOSE: Final = "stella task credentials 1"
_FIELDS: Final = {"agent": str, "task": str, "generation": int, "expires": int}


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """All of it an agent knows by itself, or from the signed task. ``expires``: seconds since the epoch."""

    agent: str
    task: str
    generation: int
    expires: int

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in _FIELDS}

    def info(self, key: str) -> bytes:
        """As it goes into the encryption to the key of this id. Raises ValueError for what JSON does not have."""
        return strict_json.canonical({"purpose": PURPOSE, "key": key, **self.value()})


def read_binding(value: Any) -> Binding:
    """From JSON. Raises ValueError for anything else than exactly its fields."""
    if not isinstance(value, dict) or value.keys() != _FIELDS.keys():
        raise ValueError("does not say what it is bound to")
    if any(type(value[name]) is not kind for name, kind in _FIELDS.items()):
        raise ValueError("says what it is bound to in another form")
    return Binding(**value)


def difference(found: Binding, wanted: Binding) -> str:
    """The fields in which two differ, as words; "" where they are equal."""
    return ", ".join(name for name in _FIELDS if getattr(found, name) != getattr(wanted, name))
