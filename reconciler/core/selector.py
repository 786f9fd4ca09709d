"""Selector: which targets something is for: some by their names, or all whose labels fit. Pure.

All conditions must hold. A selector without any condition fits no target, so that what was forgotten goes nowhere
rather than everywhere. ``NotIn`` and ``DoesNotExist`` hold for a target without the label, as they do elsewhere
(Kubernetes' label selectors, whose words these are). Of a target whose labels are not known yet no condition on
labels holds, these two neither: what it is not to have may turn out a moment later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
WITH_VALUES: Final = frozenset({"In", "NotIn"})
KEYS: Final = ("target", "names", "matchLabels", "matchExpressions")


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
    """``names`` none: any name."""

    names: frozenset[str] = frozenset()
    conditions: tuple[LabelCondition, ...] = ()

    def fits(self, name: str, labels: Mapping[str, str] | None) -> bool:
        """Whether the target of this name and these labels is meant. ``labels``: None where they are not known."""
        if not self.names and not self.conditions:
            return False
        if self.names and name not in self.names:
            return False
        return not self.conditions or (labels is not None and all(item.holds(labels) for item in self.conditions))


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What is known of a target; ``labels`` None: nothing of them yet. One that is drained keeps what it has."""

    name: str
    labels: Mapping[str, str] | None = field(default_factory=dict)


def selected(targets: Iterable[TargetFacts], selector: Selector) -> tuple[str, ...]:
    """Names of the targets that are meant, in order."""
    return tuple(sorted(item.name for item in targets if selector.fits(item.name, item.labels)))


def assigned(name: str, labels: Mapping[str, str] | None, wishes: Mapping[str, Selector]) -> tuple[str, ...]:
    """Names of the documents that are for this target, of all that there are with their selectors; in order."""
    return tuple(sorted(document for document, selector in wishes.items() if selector.fits(name, labels)))


def read_selector(value: Any) -> Selector:
    """From ``target``, ``names``, ``matchLabels`` and ``matchExpressions``. Raises ValueError: what is wrong, and
    where.
    """
    given = _mapping(value, "a selector", KEYS)
    exact = _mapping(given.get("matchLabels", {}), "matchLabels")
    conditions = [
        LabelCondition(key, "In", frozenset({_text(item, f"matchLabels.{key}")})) for key, item in exact.items()
    ]
    listed = _list(given.get("matchExpressions", []), "matchExpressions")
    conditions += [_condition(item, f"matchExpressions[{index}]") for index, item in enumerate(listed)]
    names = _names(given)
    if not names and not conditions:
        raise ValueError("a selector names a target or at least one label")
    return Selector(names, tuple(conditions))


def _names(given: Mapping[str, Any]) -> frozenset[str]:
    if "target" in given and "names" in given:
        raise ValueError("a selector has either target or names")
    if "target" in given:
        return frozenset({_text(given["target"], "target")})
    listed = _list(given.get("names", []), "names")
    return frozenset(_text(item, f"names[{index}]") for index, item in enumerate(listed))


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


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list")  # noqa: TRY004  (one kind of error for all)
    return value


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
