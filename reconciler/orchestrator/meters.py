"""Meters: the orchestrator's metrics. State is taken from the store at each scrape; how long tasks took is counted
as their ends come.

Labels hold names of agents, and words from closed lists. Revoked agents have no series: nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from reconciler.core.rollout import State
from reconciler.orchestrator.store import agents, rollouts, tasks
from reconciler.orchestrator.store.agents import Agent
from reconciler.orchestrator.store.database import Database
from reconciler.protocol.message.common import TaskState
from reconciler.protocol.presence import presence

BUCKETS: Final = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
CONNECTED: Final = "online"
OwnCertificate = Literal["server", "issuing", "root"]
DURATION: Final = (
    "reconciler_task_duration_seconds",
    "From when a task was last handed out to its end.",
    ("type", "state"),
)


@dataclass(frozen=True, slots=True)
class OwnEnd:
    """Until when a certificate of the orchestrator's own counts."""

    what: OwnCertificate
    ends: datetime


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """The fleet at one moment. ``rollouts``: the state of each."""

    agents: tuple[Agent, ...]
    tasks: dict[tuple[str, TaskState], int]
    own: tuple[OwnEnd, ...]
    rollouts: tuple[str, ...] = ()


class Meters:
    """``own``: the orchestrator's own certificates; asked at each scrape, in the scrape's thread."""

    def __init__(self, database: Database, own: Callable[[], tuple[OwnEnd, ...]]) -> None:
        self._database = database
        self._own = own
        self.registry = CollectorRegistry(auto_describe=False)
        self._durations = Histogram(
            *DURATION,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.registry.register(FleetCollector(self.figures))

    def ended(self, kept: tasks.Kept, now: datetime) -> None:
        """A task is over. ``kept`` is as it stands now."""
        began = kept.assigned_at or kept.created_at
        self._durations.labels(kept.task.type, kept.record.state).observe(max(0.0, (now - began).total_seconds()))

    def figures(self) -> FleetFigures:
        """From the store. Raises StateError."""
        with self._database.read() as on:
            members = tuple(item for item in agents.every(on) if item.revoked_at is None)
            rolled = tuple(kept.course.state for kept in rollouts.every(on).values())
            return FleetFigures(members, tasks.counts(on), self._own(), rolled)

    def render(self) -> bytes:
        """The page in Prometheus' text format, version 0.0.4."""
        return generate_latest(self.registry)


class FleetCollector(Collector):
    """How the fleet stands."""

    def __init__(self, figures: Callable[[], FleetFigures]) -> None:
        self._figures = figures

    def describe(self) -> list[Metric]:
        """Nothing is asked of the store when it is made known."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All gauges, from one look at the store."""
        found, now = self._figures(), datetime.now(UTC)
        yield from _of_agents(found.agents, now)
        counted = GaugeMetricFamily("reconciler_tasks", "Tasks that are kept.", labels=("type", "state"))
        for labels, count in sorted(found.tasks.items()):
            counted.add_metric(labels, count)
        yield counted
        rolled = GaugeMetricFamily(
            "reconciler_rollouts", "Rollouts, each in its state; paused ones wait for somebody.", labels=("state",)
        )
        for state in get_args(State):
            rolled.add_metric((state,), found.rollouts.count(state))
        yield rolled
        ends = GaugeMetricFamily(
            "reconciler_certificate_expiry_timestamp_seconds",
            "When a certificate ends: an agent's, or one of the orchestrator's own.",
            labels=("of", "name"),
        )
        for agent in found.agents:
            if agent.certificate_ends is not None:
                ends.add_metric(("agent", agent.name), agent.certificate_ends.timestamp())
        for item in found.own:
            ends.add_metric(("orchestrator", item.what), item.ends.timestamp())
        yield ends


def _of_agents(members: tuple[Agent, ...], now: datetime) -> Iterator[Metric]:
    label = ("agent",)
    connected = GaugeMetricFamily(
        "reconciler_agent_connected", "Whether an agent was heard of within 2 minutes.", labels=label
    )
    seen = GaugeMetricFamily(
        "reconciler_agent_last_seen_timestamp_seconds",
        "When an agent was last heard of; when it enrolled, where it never was.",
        labels=label,
    )
    for agent in members:
        connected.add_metric((agent.name,), presence(agent.last_seen, now) == CONNECTED)
        seen.add_metric((agent.name,), (agent.last_seen or agent.enrolled_at).timestamp())
    yield connected
    yield seen
