"""Selector: which targets something is for: one by its name, or all whose labels fit. Pure.

All conditions must hold. A selector without any condition fits no target, so that what was forgotten goes nowhere
rather than everywhere. ``NotIn`` and ``DoesNotExist`` hold for a target without the label, as they do elsewhere
(Kubernetes' label selectors, whose words these are).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
WITH_VALUES: Final = frozenset({"In", "NotIn"})
KEYS: Final = ("target", "matchLabels", "matchExpressions")


@dataclass(frozen=True, slots=True)
class LabelCondition:
    """A condition on one label; ``values`` are for ``In`` and ``NotIn``."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a target with these labels fits."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels


@dataclass(frozen=True, slots=True)
class Selector:
    """``target`` "": any name."""

    target: str = ""
    conditions: tuple[LabelCondition, ...] = ()

    def fits(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether the target of this name and these labels is meant."""
        if not self.target and not self.conditions:
            return False
        return self.target in {"", name} and all(item.holds(labels) for item in self.conditions)


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What is known of a target. One that is drained keeps what it has."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


def selected(targets: Iterable[TargetFacts], selector: Selector) -> tuple[str, ...]:
    """Names of the targets that are meant, in order."""
    return tuple(sorted(item.name for item in targets if selector.fits(item.name, item.labels)))


def assigned(name: str, labels: Mapping[str, str], wishes: Mapping[str, Selector]) -> tuple[str, ...]:
    """Names of the documents that are for this target, of all that there are with their selectors; in order."""
    return tuple(sorted(document for document, selector in wishes.items() if selector.fits(name, labels)))


def read_selector(value: Any) -> Selector:
    """From ``target``, ``matchLabels`` and ``matchExpressions``. Raises ValueError: what is wrong, and where."""
    given = _mapping(value, "a selector", KEYS)
    exact = _mapping(given.get("matchLabels", {}), "matchLabels")
    listed = given.get("matchExpressions", [])
    if not isinstance(listed, list):
        raise ValueError("matchExpressions must be a list")  # noqa: TRY004  (one kind of error for all)
    conditions = [
        LabelCondition(key, "In", frozenset({_text(item, f"matchLabels.{key}")})) for key, item in exact.items()
    ]
    conditions += [_condition(item, f"matchExpressions[{index}]") for index, item in enumerate(listed)]
    target = _text(given["target"], "target") if "target" in given else ""
    if not target and not conditions:
        raise ValueError("a selector names a target or at least one label")
    return Selector(target, tuple(conditions))


def _condition(value: Any, where: str) -> LabelCondition:
    given = _mapping(value, where, ("key", "operator", "values"))
    key = _text(given.get("key"), f"{where}.key")
    operator = next((item for item in OPERATORS if item == given.get("operator")), None)
    if operator is None:
        raise ValueError(f"{where}.operator must be one of {', '.join(OPERATORS)}")
    values = given.get("values", [])
    if not isinstance(values, list) or bool(values) != (operator in WITH_VALUES):
        needed = "at least one value" if operator in WITH_VALUES else "no values"
        raise ValueError(f"{where}.values: {operator} has {needed}")
    return LabelCondition(key, operator, frozenset(_text(item, f"{where}.values") for item in values))


def _mapping(value: Any, where: str, keys: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a mapping")  # noqa: TRY004  (one kind of error for all)
    unknown = sorted(str(key) for key in value if keys and key not in keys)
    if unknown:
        raise ValueError(f"{where} has unknown keys ({', '.join(unknown)}); allowed: {', '.join(keys)}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where} must be a text that is not empty")
    return value
