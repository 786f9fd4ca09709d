"""Assess: observe, compare and plan for any number of documents. Reads only.

One list of the containers serves all documents. What only a deploy needs to know (image references, networks)
is looked up for those documents alone that differ. A bug in planning one document blocks that document alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.controller.catalogue import Catalogue
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
from reconciler.core.situation import Situation, unmet_dependencies
from reconciler.core.status import DocumentStatus
from reconciler.core.sticker import judge as judge_sticker
from reconciler.core.subject import subject
from reconciler.engine.observe import Observer
from reconciler.errors import ReconcilerError, UnknownDocument
from reconciler.policy_file import leads_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One document: what the decision rested on, and the decision."""

    situation: Situation
    plan: Plan

    def status(self, since: float) -> DocumentStatus:
        """The document's status; ``since`` is when its sync last changed."""
        return judge(self.situation, self.plan, since=since)


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

    def assess(self, names: Sequence[str] = (), *, full: bool = False) -> tuple[Assessment, ...]:
        """Plans for the named documents and orphans, or for all. Raises EngineUnavailable, UnknownDocument."""
        records = self.journal.records()
        chosen = self.catalogue.choose(names, records)
        involved = self._with_dependencies(chosen)
        subjects = {name: subject(desired, self._record(records, name)) for name, desired in involved.items()}
        observation = self.observer.observe(tuple(subjects.values()), full=full)
        first = self._plans(chosen, records, observation)
        differing = [item.situation for item in first.values() if item.plan.drift or item.plan.actions]
        if not differing:
            return tuple(first.values())
        wanted = tuple(item for situation in differing for item in _to_complete(situation))
        completed = self.observer.complete(observation, wanted)
        return tuple(self._plans(chosen, records, completed).values())

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
        return tuple(
            unseen(self._situation(desired, records, Observation()), reason)
            for desired in self.catalogue.choose((), records).values()
        )

    def _plans(
        self, chosen: Mapping[str, DesiredState], records: Mapping[str, Record], observation: Observation
    ) -> dict[str, Assessment]:
        desired = self.catalogue.desired()
        found = {}
        needed_by = self._needed_by(records)
        for name, wish in chosen.items():
            situation = replace(self._situation(wish, records, observation), needed_by=needed_by)
            gone = name not in desired and situation.record.open is None
            plan = self._planned(situation, orphan_plan if gone else make_plan)
            found[name] = Assessment(situation=situation, plan=self._unless_busy(plan))
        return found

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

    def _situation(
        self, desired: DesiredState, records: Mapping[str, Record], observation: Observation
    ) -> Situation:
        record = self._record(records, desired.name)
        reading = observation.stickers.get(desired.name)
        return Situation(
            desired=desired,
            observation=observation,
            record=record,
            sticker=judge_sticker(reading, record, desired, self.key),
            now=self.clock(),
            unmet=unmet_dependencies(desired, observation, records),
            refusals=self.refused(desired),
            places=self.places,
            signatures=self.policy().signatures,
            own=self.own,
        )

    def refused(self, desired: DesiredState) -> tuple[str, ...]:
        """What the host's policy refuses of a document, each in words."""
        return refusals(desired, self.policy(), links=leads_to(host_paths(desired)))

    def _needed_by(self, records: Mapping[str, Record]) -> dict[str, frozenset[str]]:
        """Which documents want an image or may go back to it."""
        found: dict[str, set[str]] = {}
        for name, desired in self.catalogue.desired().items():
            for image in desired.all_images:
                found.setdefault(str(image), set()).add(name)
        for name, record in records.items():
            for image in (image for revision in record.revisions for image in revision.all_images):
                found.setdefault(str(image), set()).add(name)
        return {reference: frozenset(names) for reference, names in found.items()}

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
