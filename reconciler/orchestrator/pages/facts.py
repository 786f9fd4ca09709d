"""What the pages of a fleet are made from. Times are seconds since the epoch, 0.0 for one that is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.core.rollout import Standing
from reconciler.orchestrator.store.tasks import Kept as KeptTask

PRESENCES: Final = ("stale", "offline", "degraded", "online", "revoked")
"""Whether an agent is there, worst first; nobody waits for one that is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an agent told of a document. ``version``: the one that it holds; ``refused``: why it takes none;
    ``reason``: why it is not there as it should be.
    """

    document: str
    condition: str
    phase: str = ""
    health: str = ""
    sync: str = ""
    release: str = ""
    generation: int | None = None
    version: str = ""
    refused: str = ""
    reason: str = ""

    @property
    def why(self) -> str:
        """Why it is not as it should be; "" where nothing is to be said."""
        return self.refused or self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """``carrier``: what its session comes over ("" for none here). Equal also where only time has passed."""

    name: str
    presence: str
    drained: bool
    carrier: str
    version: str
    labels: tuple[tuple[str, str], ...]
    reports: tuple[Report, ...]
    seen: float = field(default=0.0, compare=False)
    certificate_ends: float = field(default=0.0, compare=False)

    @property
    def worst(self) -> Report | None:
        """The first of its documents, which stand worst first."""
        return self.reports[0] if self.reports else None

    @property
    def drifted(self) -> int:
        """How many of its documents are not as they are wished for."""
        return sum(item.sync == "OutOfSync" for item in self.reports)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """All agents, worst first. ``tasks`` by state; ``rollouts``: their states, by document. ``troubles``: what is
    wrong with the orchestrator itself, ``problems`` what is wrong in files. Two are equal where nothing else than
    time has passed.
    """

    now: float = field(compare=False)
    agents: tuple[AgentFacts, ...]
    tasks: Mapping[str, int]
    rollouts: Mapping[str, str]
    troubles: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFacts:
    """A document on a host. ``generation``: the one that is wished for, and ``taken`` that which the host took.
    ``why``: what keeps it from being there.
    """

    document: str
    target: str
    standing: Standing
    condition: str
    generation: int | None
    report: Report | None
    why: str = ""

    @property
    def taken(self) -> int | None:
        """None where the host told of none."""
        return self.report.generation if self.report else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFacts:
    """Where a rollout is; the counts are of hosts."""

    document: str
    state: str
    strategy: str
    hosts: int
    good: int
    going: int
    failed: int
    queued: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """``targets``: for whom it is, in words. ``parts``: on the hosts that it is assigned to, worst first."""

    name: str
    source: str
    targets: str
    parts: tuple[PartFacts, ...]
    rollout: RolloutFacts | None = None
    problems: tuple[str, ...] = ()

    def number(self, standing: Standing) -> int:
        """On how many hosts it stands like that."""
        return sum(item.standing == standing for item in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPortrait:
    """One document. ``view``: as the API tells of it."""

    facts: DocumentFacts
    view: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPortrait:
    """One agent. ``tasks``: its last ones, newest first."""

    facts: AgentFacts
    parts: tuple[PartFacts, ...]
    tasks: tuple[KeptTask, ...]
    enrolled: float = 0.0
    clock_offset_ms: int | None = None
