"""What of a document is for an orchestrator: on which hosts of a fleet it is to run, and in which order. Pure.

Decides how it is read, what refuses it, and which documents meet on one host for certain. An orchestrator takes it
out before a document goes to a host (``for_hosts``), so that a host never sees it there. In a host's own folder it
is refused: a host knows its name but no labels, and passing over the key would run the document on every host that
reads the folder.

Invariant: a document that says its targets has a name of its own in its folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from reconciler.core.desired import DesiredState
from reconciler.core.rollout import Amount, Pace
from reconciler.core.selector import read_selector
from reconciler.spec import quantities
from reconciler.spec.check import for_target
from reconciler.spec.findings import Findings
from reconciler.spec.problem import Path

TARGETS: Final[Path] = ("spec", "targets")
OWN_KEYS: Final = ("targets", "rollout")
"""Keys of ``spec`` that only an orchestrator reads."""

ROLLOUT: Final[Path] = ("spec", "rollout")
_BOTH: Final = frozenset({"strategy", "failureBudget", "onBreach"})
TAKES: Final[Mapping[str, frozenset[str]]] = {
    "all-at-once": _BOTH,
    "rolling": _BOTH | {"maxParallel"},
    "canary": _BOTH | {"maxParallel", "canaries", "soak"},
}
_ONE_HOST: Final = "is for a document of several hosts, and metadata.target names one; remove it"
NOT_HERE: Final = (
    "is for documents of an orchestrator, and this is a host's own folder: name the host in metadata.target, or "
    "leave it out; 'reconciler validate --fleet' checks the folder of an orchestrator"
)
_TWO_PLACES: Final = "the document says its host in metadata.target already; leave one of the two out"


def refuse_on_a_host(document: Mapping[str, Any], findings: Findings) -> None:
    """Each key that only an orchestrator reads."""
    for key in OWN_KEYS:
        if key in document["spec"]:
            findings.note(("spec", key), NOT_HERE)


def check_targets(document: Mapping[str, Any], findings: Findings) -> None:
    """What the schema cannot say of them."""
    _check_rollout(document, findings)
    given = document["spec"].get("targets")
    if given is None:
        return
    if "target" in document["metadata"]:
        findings.note(TARGETS, _TWO_PLACES)
    parts = [{"matchExpressions": [item]} for item in given.get("matchExpressions", ())]
    before = len(findings.items)
    for index, part in enumerate(parts):
        _try(part, (*TARGETS, "matchExpressions", index), findings)
    if len(findings.items) == before:
        _try(given, TARGETS, findings)


def _check_rollout(document: Mapping[str, Any], findings: Findings) -> None:
    """Keys that the strategy would pass over are refused."""
    given: Mapping[str, Any] = document["spec"].get("rollout", {})
    if given and "target" in document["metadata"]:
        findings.note(ROLLOUT, _ONE_HOST)
    for key in given:
        if key not in TAKES.get(given.get("strategy", ""), given):
            findings.note((*ROLLOUT, key), f'is not for the strategy "{given["strategy"]}"; remove it')
    findings.read(given, (*ROLLOUT, "soak"), quantities.duration)


def pace_of(document: Mapping[str, Any]) -> Pace | None:
    """In which order hosts get it; None: all at once, without a rollout."""
    given = document["spec"].get("rollout")
    if given is None:
        return None
    usual = Pace(strategy=given["strategy"], most=Amount(1) if given["strategy"] == "rolling" else None)
    said = {
        "most": _amount(given, "maxParallel"),
        "canaries": _amount(given, "canaries"),
        "budget": _amount(given, "failureBudget"),
        "soak_s": quantities.duration(given["soak"]) / 1000 if "soak" in given else None,
        "on_breach": given.get("onBreach"),
    }
    return replace(usual, **{key: value for key, value in said.items() if value is not None})


def _amount(given: Mapping[str, Any], key: str) -> Amount | None:
    """``3`` or ``25%``."""
    if key not in given:
        return None
    value = given[key]
    return Amount(value) if isinstance(value, int) else Amount(int(value.removesuffix("%")), percent=True)


def _try(given: Mapping[str, Any], path: Path, findings: Findings) -> None:
    try:
        read_selector(given)
    except ValueError as error:
        findings.note(path, str(error).removeprefix("matchExpressions[0]").lstrip(".:").strip())


def targets_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whom a valid document is for, as a selector is written; {} is everybody."""
    given: Mapping[str, Any] = document["spec"].get("targets", {})
    target = document["metadata"].get("target")
    return given if target is None else {"target": target}


def for_hosts(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """As a host gets it. What it says to the orchestrator alone is no part of its version."""
    spec = {key: value for key, value in document["spec"].items() if key not in OWN_KEYS}
    return {**document, "spec": spec}


def meetings(documents: Sequence[DesiredState]) -> Iterator[tuple[Sequence[DesiredState], frozenset[str]]]:
    """Documents that meet on one host for certain, with the names of others that may be there too.

    Those that are chosen by labels meet whom they meet: which, the hosts find out, and refuse the newer ones.
    """
    chosen = [item for item in documents if "targets" in item.document.get("spec", {})]
    plain = [item for item in documents if item not in chosen]
    by_name = {id(item): _names(item) for item in chosen}
    everybody = frozenset(item.name for item in chosen if not by_name[id(item)])
    for name in {None, *(item.target for item in plain), *(name for names in by_name.values() for name in names)}:
        yield [*for_target(plain, name), *(item for item in chosen if name in by_name[id(item)])], everybody
    names = frozenset(item.name for item in documents)
    for item in chosen:
        own = [other for other in documents if other.name == item.name]
        yield [*own, *(other for other in for_target(plain, None) if other.name != item.name)], names


def _names(document: DesiredState) -> frozenset[str]:
    """Of the hosts that it is for, whatever their labels; none where these decide."""
    selector = read_selector(document.document["spec"]["targets"])
    return frozenset() if selector.conditions else selector.names
