"""Service: what a person can ask of one host's reconciler, opened for one command.

The command line's only door to the controller; it renders, this answers. Everything is done by the same
assessing, planning and performing as in the running controller.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from reconciler.controller.assess import Assessment, Assessor
from reconciler.controller.conclude import with_remark
from reconciler.controller.decisions import Decision, Decisions
from reconciler.controller.loop import Pass, Reconciler, refuse_changed, unheard
from reconciler.controller.stop_flag import StopFlag
from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.interfaces import Compose, Stickers
from reconciler.core.observation import StickerState
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan
from reconciler.core.record import Allowance, Event, Record, helper_image
from reconciler.core.signing import rule_for
from reconciler.core.signing_steps import ALLOWED, REVOKED, revoked_note
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import timestamp
from reconciler.core.sticker import judge as judge_sticker
from reconciler.engine.client import DockerEngine
from reconciler.errors import EngineUnavailable, ReconcilerError, StalePlan, UnknownDocument
from reconciler.history import History
from reconciler.sources.files import Loaded

if TYPE_CHECKING:
    from reconciler.controller.checkup import Finding
    from reconciler.executors.record import RecordExecutor

AppliedOutcome = Literal["converged", "rolled-back", "failed", "held", "blocked"]
SEARCHED_EVENTS = 1000
DocumentProgress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying one document came to, and every Outcome on the way."""

    name: str
    outcome: AppliedOutcome
    error: str = ""
    remark: str = ""
    outcomes: tuple[Outcome, ...] = field(default=())


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
        """What would be done, without doing it. Raises UnknownDocument, EngineUnavailable."""
        return tuple(item.plan for item in self.assessor.assess(names, full=True))

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
        """Converge the named documents, or all; ``expected`` is a saved plan, refused with StalePlan if either
        side moved. Documents that wait for others are tried again as long as any of them gets further, and
        nobody asked to ``stop``: those that were not done by then are ``blocked``.
        """
        progress = SerialProgress(progress)
        wanted = self._expected(expected)
        chosen = self.assessor.catalogue.choose(names or tuple(wanted), self.history.records())
        done: dict[str, list[Pass]] = {name: [] for name in chosen}
        done.update(self._quiet(tuple(chosen), wanted))
        pending = [name for name in chosen if not done[name]]
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            while pending:
                settle = pool.map(lambda name: (name, self._settle(name, wanted.get(name), progress)), pending)
                for name, passes in settle:
                    done[name] += passes
                waiting = [name for name in pending if done[name][-1].verdict.kind == "waiting"]
                further = len(waiting) < len(pending) and not self.stop_flag.stopping
                pending = waiting if further else []
        applied = tuple(applied_of(name, passes) for name, passes in done.items())
        return (*applied, *(self.prune(progress=progress) if prune and not self.stop_flag.stopping else ()))

    def _quiet(
        self, names: Sequence[str], expected: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[str, list[Pass]]]:
        """Passes over the documents that one look at all finds as they should be. Where there is something to do,
        the document's own passes look again, right before it is done.
        """
        for item in self.assessor.assess(names) if names else ():
            name = item.plan.document
            if item.plan.quiet:
                yield name, [self.reconciler().pass_on(item, progress=unheard, expected=expected.get(name))]

    def _settle(
        self, name: str, expected: Mapping[str, Any] | None, progress: DocumentProgress
    ) -> tuple[Pass, ...]:
        def tell(line: str) -> None:
            progress(name, line)

        passes = self._settled(name, expected, tell)
        if any(item.outcomes for item in passes):
            tell(applied_of(name, passes).outcome)
        return passes

    def _settled(
        self, name: str, expected: Mapping[str, Any] | None, tell: Callable[[str], None]
    ) -> tuple[Pass, ...]:
        passes = self.reconciler().until_settled(name, progress=tell, expected=expected)
        if not self.stop_flag.stopping or self.history.record(name).open is None:
            return passes
        back = self.reconciler().one_pass(name, progress=tell)
        if self.history.record(name).open is None:
            # What the person is told is why the release is not there; that it was taken back comes with it.
            reason = with_remark(passes[-1].verdict.reason, "; what was begun is taken back")
            back = replace(back, verdict=replace(passes[-1].verdict, kind="waiting", reason=reason))
        return (*passes, back)

    def _expected(self, saved: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
        """A saved plan by document, after all of it was compared with the plans of this moment."""
        if saved is None:
            return {}
        wanted = {item["name"]: item for item in saved.get("documents", ())}
        try:
            plans = self.plans(tuple(wanted))
        except UnknownDocument as error:
            raise StalePlan(f"the plan no longer fits: {error.message}", hint=error.hint) from error
        for plan in plans:
            refuse_changed(wanted[plan.document], plan)
        return wanted

    def prunable(self, names: Sequence[str] = ()) -> tuple[Plan, ...]:
        """What pruning would remove: the named orphans, else those whose last document said ``delete``."""
        return tuple(item.plan for item in self.assessor.prunable(names))

    def prune(self, names: Sequence[str] = (), *, progress: DocumentProgress) -> tuple[Applied, ...]:
        """Remove orphans. The cap is the caller's to ask a person about (``over_the_cap``)."""
        return tuple(self._prune_one(plan.document, progress) for plan in self.prunable(names))

    def _prune_one(self, name: str, progress: DocumentProgress) -> Applied:
        with self.decisions.taking("prune", name, cause="its removal was confirmed") as decision:
            done = self.reconciler().one_pass(name, progress=lambda line: progress(name, line), prune=True)
            applied = applied_of(name, (done,))
            decision.changed, decision.detail = bool(done.outcomes), applied.error
        return applied

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


def applied_of(name: str, passes: Sequence[Pass]) -> Applied:
    """The outcome of one document from all its passes: a rollback on the way is told, whatever came after."""
    kinds: dict[str, AppliedOutcome] = {
        "converged": "converged",
        "rolled-back": "rolled-back",
        "held": "held",
        "blocked": "blocked",
        "waiting": "blocked",
    }
    last = passes[-1].verdict
    outcome: AppliedOutcome = kinds.get(last.kind, "failed")
    error = "" if outcome == "converged" else last.reason
    outcomes = tuple(item for one in passes for item in one.outcomes)
    remarks = dict.fromkeys(one.verdict.reason for one in passes if one.verdict.kind == "converged")
    remark = "; ".join(filter(None, remarks))
    return Applied(name=name, outcome=outcome, error=error, remark=remark, outcomes=outcomes)


class SerialProgress:
    """Lets many threads tell their progress to one listener, a line at a time."""

    def __init__(self, listener: DocumentProgress) -> None:
        self._listener = listener
        self._lock = threading.Lock()

    def __call__(self, document: str, line: str) -> None:
        """Pass one line on."""
        with self._lock:
            self._listener(document, line)
