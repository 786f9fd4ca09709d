"""Assess: observe, compare and plan for any number of documents. Reads only.

One list of the containers serves all documents. What only a deploy needs to know (image references, networks)
is looked up for those documents alone that differ. A bug in planning one document blocks that document alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.controller.catalogue import Catalogue
from reconciler.controller.look import Look, Memory, needed_by
from reconciler.controller.settled import Settled, grounds
from reconciler.controller.troubles import Troubles
from reconciler.core.delivery import NOWHERE, Places
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Journal
from reconciler.core.judge import judge, unseen
from reconciler.core.observation import Observation, Subject
from reconciler.core.plan import Plan
from reconciler.core.planning import make_plan, orphan_plan
from reconciler.core.policy import Policy, host_paths, refusals
from reconciler.core.pruning import prune_plan
from reconciler.core.record import Record
from reconciler.core.row_index import RowIndex
from reconciler.core.situation import Situation, unmet_dependencies
from reconciler.core.status import DocumentStatus
from reconciler.core.sticker import judge as judge_sticker
from reconciler.core.subject import subject
from reconciler.engine.observe import Observer
from reconciler.errors import ReconcilerError, UnknownDocument
from reconciler.policy_file import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One document: what the decision rested on, and the decision."""

    situation: Situation
    plan: Plan
    settled: Settled = field(default_factory=Settled, compare=False, repr=False)
    """What is known already of documents that are as they should be."""

    def status(self, since: float) -> DocumentStatus:
        """The document's status; ``since`` is when its sync last changed, 0.0 where nobody has noted that."""
        known = self.settled.status(self.plan)
        if known is None:
            known = judge(self.situation, self.plan)
            self.settled.judged(self.plan, known)
        return replace(known, since=since or known.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessor:
    """Assesses documents of one host. ``key`` authenticates stickers."""

    catalogue: Catalogue
    observer: Observer
    journal: Journal
    key: bytes
    clock: Callable[[], float]
    busy: Callable[[], str] = lambda: ""
    """Who else is at work on this host; "" where nobody is, or we are."""
    troubles: Troubles = field(default_factory=Troubles)
    places: Places = NOWHERE
    """Where files and secrets are delivered."""
    policy: Callable[[], Policy] = Policy
    """What documents may ask of this host, as it is in force now."""
    own: frozenset[str] = frozenset()
    """Ids, or beginnings of ids, of what may be the container that we run in."""
    settled: Settled = field(default_factory=Settled)
    memory: Memory = field(default_factory=Memory)

    def assess(self, names: Sequence[str] = (), *, full: bool = False) -> tuple[Assessment, ...]:
        """Plans for the named documents and orphans, or for all. Raises EngineUnavailable, UnknownDocument."""
        records = self.journal.records()
        chosen = self.catalogue.choose(names, records)
        involved = self._with_dependencies(chosen)
        subjects = {name: self._subject(desired, records) for name, desired in involved.items()}
        observation = self.observer.observe(tuple(subjects.values()), full=full)
        look = self._look(records, observation, subjects)
        first = self._plans(chosen, look)
        if not names:
            self._forget_others(chosen)
        differing = [item.situation for item in first.values() if item.plan.drift or item.plan.actions]
        if not differing:
            return tuple(first.values())
        wanted = tuple(item for situation in differing for item in _to_complete(situation))
        completed = replace(look, observation=self.observer.complete(observation, wanted))
        again = {situation.desired.name: situation.desired for situation in differing}
        return tuple({**first, **self._plans(again, completed)}.values())

    def _forget_others(self, chosen: Collection[str]) -> None:
        self.settled.keep(chosen)
        self.memory.keep(chosen)

    def prunable(self, names: Sequence[str] = ()) -> tuple[Assessment, ...]:
        """Removal plans for orphans: the named ones, else those whose last document said ``delete``.

        None while any file of the folder cannot be read or is wrong: what is unknown is never removed. Raises
        UnknownDocument for a name that is no orphan, or cannot be known to be one.
        """
        orphans = self.catalogue.orphans(self.journal.records())
        obstacle = self.catalogue.pruning_obstacle()
        wrong = [name for name in names if obstacle or name not in orphans]
        if wrong:
            raise UnknownDocument(f"{', '.join(wrong)} cannot be pruned", hint=obstacle or _only(orphans))
        if obstacle:
            return ()
        by_policy = (name for name, item in orphans.items() if item.deletion_policy == "delete")
        wanted = tuple(names or by_policy)
        found = self.assess(wanted) if wanted else ()
        return tuple(replace(item, plan=self._planned(item.situation, prune_plan)) for item in found)

    def unseen(self, reason: str) -> tuple[DocumentStatus, ...]:
        """What can be said of every document while the engine cannot be asked."""
        records = self.journal.records()
        look = self._look(records, Observation(), {})
        return tuple(
            unseen(self._situation(desired, look), reason)
            for desired in self.catalogue.choose((), records).values()
        )

    def _look(
        self, records: Mapping[str, Record], observation: Observation, subjects: Mapping[str, Subject]
    ) -> Look:
        desired, rows = self.catalogue.desired(), observation.containers
        return Look(
            records=records,
            observation=observation,
            subjects=subjects,
            rows=self.memory.rows.of("", (rows,), lambda: RowIndex(rows)),
            policy=self.policy(),
            needed_by=self.memory.needed_by.of("", (desired, records), lambda: needed_by(desired, records)),
        )

    def _plans(self, chosen: Mapping[str, DesiredState], look: Look) -> dict[str, Assessment]:
        desired = self.catalogue.desired()
        found = {}
        for name, wish in chosen.items():
            situation = self._situation(wish, look)
            gone = name not in desired and situation.record.open is None
            plan = self._orphaned(situation) if gone else self._decided(situation, look)
            found[name] = Assessment(situation=situation, plan=plan, settled=self.settled)
        return found

    def _orphaned(self, situation: Situation) -> Plan:
        return self._unless_busy(self._planned(situation, orphan_plan))

    def _decided(self, situation: Situation, look: Look) -> Plan:
        name = situation.desired.name
        ground = grounds(situation, look.subjects[name], look.rows)
        known = self.settled.plan(name, ground)
        if known is not None:
            return known
        plan = self._planned(situation, make_plan)
        self.settled.decided(ground, plan)
        return self._unless_busy(plan)

    def _planned(self, situation: Situation, planner: Callable[[Situation], Plan]) -> Plan:
        desired = situation.desired
        what = f"{desired.name} cannot be planned"
        try:
            plan = planner(situation)
        except ReconcilerError:
            raise
        except Exception as error:  # noqa: BLE001  (a bug that one document brings out must not stop the others)
            self.troubles.begins(what, error)
            return Plan(
                document=desired.name,
                fingerprint=desired.fingerprint,
                kind=desired.kind,
                target=desired.target or "",
                blocked=f"this document cannot be planned: {type(error).__name__}: {error}; please report it",
            )
        self.troubles.ends(what, told=f"{desired.name} can be planned again")
        return plan

    def _unless_busy(self, plan: Plan) -> Plan:
        """What is open may be in good hands: it is taken back only by whoever holds the state directory."""
        holder = self.busy() if plan.purpose == "undo" else ""
        if not holder:
            return plan
        blocked = f"for {holder}, which is at work on it"
        return replace(plan, purpose="none", actions=(), blocked=blocked, waiting=True)

    def _situation(self, desired: DesiredState, look: Look) -> Situation:
        name, record = desired.name, self._record(look.records, desired.name)
        reading = look.observation.stickers.get(name)
        return Situation(
            desired=desired,
            observation=look.observation,
            record=record,
            sticker=self.memory.stickers.of(
                name, (reading, record, desired), lambda: judge_sticker(reading, record, desired, self.key)
            ),
            now=self.clock(),
            unmet=unmet_dependencies(desired, look.observation, look.records),
            refusals=self.refused(desired, look.policy, look.links),
            needed_by=look.needed_by,
            places=self.places,
            signatures=look.policy.signatures,
            own=self.own,
        )

    def refused(
        self, desired: DesiredState, policy: Policy | None = None, links: Links | None = None
    ) -> tuple[str, ...]:
        """What the host's policy refuses of a document, each in words. ``policy`` and ``links``: as they were
        found a moment ago; else they are looked at now.
        """
        policy = policy or self.policy()
        paths = self.memory.paths.of(desired.name, (desired,), lambda: tuple(host_paths(desired)))
        found = (links or Links()).lead_to(paths)
        return self.memory.refusals.of(
            desired.name, (desired, desired.source, policy, found), lambda: refusals(desired, policy, links=found)
        )

    def _subject(self, desired: DesiredState, records: Mapping[str, Record]) -> Subject:
        record = self._record(records, desired.name)
        return self.memory.subjects.of(desired.name, (desired, record), lambda: subject(desired, record))

    def _with_dependencies(self, chosen: Mapping[str, DesiredState]) -> dict[str, DesiredState]:
        everything = self.catalogue.desired()
        needed = {item.name for desired in chosen.values() for item in desired.depends_on}
        return {**{name: everything[name] for name in sorted(needed) if name in everything}, **chosen}

    def _record(self, records: Mapping[str, Record], name: str) -> Record:
        return records.get(name) or Record(document=name, owner=self.journal.owner)


def _only(orphans: Mapping[str, DesiredState]) -> str:
    known = f"these are gone: {', '.join(orphans)}" if orphans else "none is"
    return f"only what a document that is gone has left is pruned; {known}"


def _to_complete(situation: Situation) -> Iterator[Subject]:
    """The wanted revision, and the committed one, which is kept well while the wanted one is quarantined."""
    yield subject(situation.desired, situation.record)
    former = situation.record.committed_revision
    if former is not None and situation.quarantine:
        yield subject(former.desired, situation.record)
