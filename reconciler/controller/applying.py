"""Applying: converge and prune documents for a person who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from reconciler.controller.applied import Applied, applied_of
from reconciler.controller.assess import Assessor
from reconciler.controller.conclude import with_remark
from reconciler.controller.decisions import Decisions
from reconciler.controller.loop import Pass, Reconciler, refuse_changed, unheard
from reconciler.controller.stop_flag import StopFlag
from reconciler.core.plan import Plan
from reconciler.errors import StalePlan, UnknownDocument
from reconciler.history import History

DocumentProgress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """Its own work runs in ``workers`` threads; ``progress`` is called by one of them at a time. Begins nothing
    more, and takes back what was begun, once ``stop_flag`` is asked.
    """

    assessor: Assessor
    reconciler: Callable[[], Reconciler]
    history: History
    decisions: Decisions
    workers: int
    stop_flag: StopFlag

    def plans(self, names: Sequence[str] = ()) -> tuple[Plan, ...]:
        """What would be done, without doing it. Raises UnknownDocument, EngineUnavailable."""
        return tuple(item.plan for item in self.assessor.assess(names, full=True))

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


class SerialProgress:
    """Lets many threads tell their progress to one listener, a line at a time."""

    def __init__(self, listener: DocumentProgress) -> None:
        self._listener = listener
        self._lock = threading.Lock()

    def __call__(self, document: str, line: str) -> None:
        """Pass one line on."""
        with self._lock:
            self._listener(document, line)
