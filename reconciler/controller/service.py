"""Service: what a person can ask of one host's reconciler, opened for one command.

The command line's only door to the controller; it renders, this answers. Everything is done by the same
assessing, planning and performing as in the running controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reconciler.controller.assess import Assessment, Assessor
from reconciler.controller.decisions import Decision, Decisions
from reconciler.controller.loop import Reconciler
from reconciler.controller.stop_flag import StopFlag
from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.interfaces import Compose, Stickers
from reconciler.core.observation import StickerState
from reconciler.core.plan import Plan
from reconciler.core.record import Allowance, Event, Record, helper_image
from reconciler.core.signing import rule_for
from reconciler.core.signing_steps import ALLOWED, REVOKED, revoked_note
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import timestamp
from reconciler.core.sticker import judge as judge_sticker
from reconciler.engine.client import DockerEngine
from reconciler.errors import EngineUnavailable, ReconcilerError
from reconciler.history import History
from reconciler.sources.files import Loaded

if TYPE_CHECKING:
    from reconciler.controller.applied import Applied
    from reconciler.controller.applying import Applying, DocumentProgress
    from reconciler.controller.checkup import Finding
    from reconciler.executors.record import RecordExecutor

SEARCHED_EVENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One host's reconciler. Safe from one thread at a time; its own work runs in ``workers`` threads.

    ``audit_fault`` reads the whole audit log and says what is wrong with it. ``reconciler`` and ``records`` are
    made when something is to be done; the former must ask ``stop_flag`` between Actions and sleep by it, or
    ``stop`` has no effect.
    """

    assessor: Assessor
    reconciler: Callable[[], Reconciler]
    history: History
    engine: DockerEngine
    workers: int
    prune_cap_percent: int
    stickers: Stickers
    records: Callable[[], RecordExecutor]
    compose: Compose
    decisions: Decisions
    audit_fault: Callable[[], str]
    stop_flag: StopFlag = field(default_factory=StopFlag)

    def loaded(self) -> Loaded:
        """The folder's documents and problems."""
        return self.assessor.catalogue.loaded

    def plans(self, names: Sequence[str] = ()) -> tuple[Plan, ...]:
        """As ``Applying``."""
        return self._applying.plans(names)

    def status(self, names: Sequence[str] = ()) -> tuple[DocumentStatus, ...]:
        """Status of the named documents, or of all; unknown, with the reason, while the engine is away. Reads the
        folder anew, so that one service can be asked again and again.
        """
        self.assessor.catalogue.reload()
        try:
            found = self.assessor.assess(names, full=True)
        except EngineUnavailable as error:
            return tuple(item for item in self.assessor.unseen(str(error)) if not names or item.name in names)
        return tuple(self._status_of(item) for item in found)

    def _status_of(self, assessment: Assessment) -> DocumentStatus:
        """With what nobody can see of the host: that an exception was ended which it still rests on."""
        name, desired = assessment.plan.document, assessment.situation.desired
        status = assessment.status(self.history.drift_since(name))
        rules = self.assessor.policy().signatures
        if not any(rule_for(image.repository, rules) for image in (*desired.images, *desired.hook_images)):
            return status
        note = revoked_note(self.history.events(name, SEARCHED_EVENTS))
        return replace(status, reason="; ".join(filter(None, (status.reason, note))))

    def stop(self) -> None:
        """Ask what is at work to end: waits end at once, no further Action begins, and what was begun is taken
        back before ``apply`` or ``prune`` return. For good; may be called from a signal handler or any thread.
        """
        self.stop_flag.ask()

    def apply(
        self,
        names: Sequence[str] = (),
        *,
        expected: Mapping[str, Any] | None = None,
        progress: DocumentProgress,
        prune: bool = False,
    ) -> tuple[Applied, ...]:
        """As ``Applying``."""
        return self._applying.apply(names, expected=expected, progress=progress, prune=prune)

    def prunable(self, names: Sequence[str] = ()) -> tuple[Plan, ...]:
        """As ``Applying``."""
        return self._applying.prunable(names)

    def prune(self, names: Sequence[str] = (), *, progress: DocumentProgress) -> tuple[Applied, ...]:
        """As ``Applying``."""
        return self._applying.prune(names, progress=progress)

    @property
    def _applying(self) -> Applying:
        from reconciler.controller.applying import Applying  # noqa: PLC0415  (who only looks does without)

        return Applying(
            assessor=self.assessor,
            reconciler=self.reconciler,
            history=self.history,
            decisions=self.decisions,
            workers=self.workers,
            stop_flag=self.stop_flag,
        )

    def events(self, name: str, *, limit: int = 50) -> tuple[Event, ...]:
        """The document's last events, oldest first. Raises UnknownDocument."""
        self.record(name)
        return self.history.events(name, limit)

    def events_after(self, number: int, names: Sequence[str] = (), *, limit: int) -> tuple[tuple[int, Event], ...]:
        """As the history. Raises UnknownDocument where it begins (``number`` 0) with a name that nobody knows."""
        for name in names if number == 0 else ():
            self.record(name)
        return self.history.events_after(number, documents=names, limit=limit)

    def audit_problem(self) -> str:
        """What a running controller last found wrong with the audit log; "" for nothing."""
        return self.history.audit_problem()

    def channel_problems(self) -> Mapping[str, str]:
        """Channels of notifications through which a running controller could not deliver, by name, and why."""
        return self.history.channel_problems()

    def record(self, name: str) -> Record:
        """What the history knows of a document. Raises UnknownDocument where neither it nor the folder does."""
        record = self.history.records().get(name)
        if record is None:
            self.assessor.catalogue.choose((name,), {})
            return Record(document=name, owner=self.history.owner)
        return record

    def suspend(self, name: str, suspension: Suspension) -> None:
        """Change nothing of this document until it ends. Raises UnknownDocument."""
        self.record(name)
        with self.decisions.taking("suspend", name, cause=suspension.reason) as decision:
            self.history.suspend(name, suspension)
            end = timestamp(suspension.until)
            decision.detail = f"by {suspension.by}, until {end or 'resumed'}"

    def resume(self, name: str) -> bool:
        """End an operator's suspension; False when there was none."""
        self.record(name)
        with self.decisions.taking("resume", name) as decision:
            decision.changed = self.history.resume(name)
        return decision.changed

    def clear(self, name: str) -> bool:
        """End quarantine, hold and backoff; False when there was nothing to end."""
        self.record(name)
        with self.decisions.taking("clear", name) as decision:
            decision.changed = self.history.clear(name)
        return decision.changed

    def editing_back(self, name: str, now: DesiredState, then: DesiredState) -> AbstractContextManager[Decision]:
        """Around the edit of a document's files back to what it asked for ``then``."""
        cause = f"back to release {then.release.id}"
        target = now.source.file if now.source else ""
        return self.decisions.taking("rollback-edit", name, cause=cause, target=target, change=(now, then))

    def allow_unsigned(self, name: str, *, actor: str, reason: str) -> tuple[Allowance, ...]:
        """Let the images that the document wants now run without a signature, and it be tried at once; () when the
        policy wants none of them signed. Raises UnknownDocument.
        """
        desired, rules = self._desired(name), self.assessor.policy().signatures
        images = (*desired.images, *desired.hook_images)
        at = self.assessor.clock()
        allowances = tuple(
            Allowance(image=str(image), actor=actor, reason=reason, at=at)
            for image in images
            if rule_for(image.repository, rules) is not None
        )
        if allowances:
            target = ", ".join(item.image for item in allowances)
            with self.decisions.taking(ALLOWED, name, cause=reason, target=target):
                self.history.allow(name, allowances)
                self.history.passed(name)
        for item in allowances:
            self._told(name, ALLOWED, target=item.image, cause=reason, actor=actor)
        return allowances

    def revoke_unsigned(self, name: str, *, actor: str) -> bool:
        """End what was allowed; what runs goes on. False when there was nothing. Raises UnknownDocument."""
        self.record(name)
        with self.decisions.taking(REVOKED, name) as decision:
            ended = decision.changed = self.history.revoke(name)
        if ended:
            self._told(name, REVOKED, target=name, cause="signatures are wanted again", actor=actor)
        return ended

    def _told(self, document: str, action: str, *, target: str, cause: str, actor: str) -> None:
        self.history.add_event(
            Event(
                at=self.assessor.clock(),
                document=document,
                action=action,
                target=target,
                cause=cause,
                outcome="done",
                actor=actor,
            )
        )

    def sticker(self, name: str) -> tuple[StickerState, bytes]:
        """The sticker as it lies on the host, and what it is worth."""
        desired, record = self._desired(name), self.record(name)
        reading = self.stickers.read(desired.sticker, helper=helper_image(record, desired))
        return judge_sticker(reading, record, desired, self.assessor.key), reading.content

    def write_sticker(self, name: str) -> None:
        """Write the sticker of the committed generation anew."""
        desired = self._desired(name)
        with self.decisions.taking("write-sticker", name) as decision:
            decision.changed = self.records().write_sticker(desired)

    def resolve_tag(self, repository: str, tag: str) -> str:
        """The digest a tag stands for at this moment, as the registry tells the engine."""
        return self.engine.resolve_tag(repository, tag)

    def engine_version(self) -> str:
        """The engine's, "" where it does not answer."""
        try:
            return self.engine.known_facts().version
        except ReconcilerError:
            return ""

    def doctor(self) -> tuple[Finding, ...]:
        """What is in the way of working well on this host, each with a way to mend it."""
        from reconciler.controller import checkup  # noqa: PLC0415  (no other command needs it)
        from reconciler.controller.checkup_projects import check_projects  # noqa: PLC0415  (the same)

        documents = self.assessor.catalogue.desired()
        refused = {name: self.assessor.refused(desired) for name, desired in documents.items()}
        found = checkup.check_up(self.engine, self.assessor.catalogue.loaded, self.history, own=self.assessor.own)
        projects = check_projects(self.compose, self.engine, documents.values())
        audit = checkup.audit_finding(self.audit_fault())
        return (*found, audit, *projects, *checkup.policy_findings(self.assessor.policy(), refused))

    def _desired(self, name: str) -> DesiredState:
        return self.assessor.catalogue.choose((name,), self.history.records())[name]
