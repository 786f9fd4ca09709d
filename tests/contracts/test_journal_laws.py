"""Two journals, one random life: after every step they say the same, and the laws of generations hold."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reconciler.core.desired import Suspension
from reconciler.core.hook import HookName
from reconciler.core.interfaces import Journal
from reconciler.core.record import HookEnd, OperationKind
from reconciler.errors import StateDamaged
from tests.contracts.journals import SIDES, opened, wish
from tests.simulator.clock import SimulatedClock

NAMES = st.sampled_from(["web", "api"])
RELEASES = st.sampled_from(["1", "2", "3"])
GENERATIONS = st.integers(1, 8)
KINDS: st.SearchStrategy[OperationKind] = st.sampled_from(["deploy", "rollback", "heal", "adopt"])
HOOKS: st.SearchStrategy[HookName] = st.sampled_from(["preDeploy", "postDeploy", "preRollback"])
ENDS: st.SearchStrategy[HookEnd] = st.sampled_from(["done", "not-now", "failed"])
TEXTS = st.sampled_from(["one", "two"])


class TwoJournals(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = SimulatedClock()
        self.opened = ExitStack()
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory()))
        self.memory, self.real = (self.opened.enter_context(opened(side, folder, self.clock)) for side in SIDES)
        self.highest = {"web": 0, "api": 0}

    def teardown(self) -> None:
        self.opened.close()

    def both(self, step: Callable[[Journal], object]) -> None:
        """The same answer, or the same refusal, from each."""
        self.clock.advance(1)
        assert _answer(self.memory, step) == _answer(self.real, step)

    @rule(name=NAMES, release=RELEASES, generation=GENERATIONS, kind=KINDS, retries=st.integers(0, 1))
    def begin(self, name: str, release: str, generation: int, kind: OperationKind, retries: int) -> None:
        desired = wish(name, release, retries=retries)
        self.both(
            lambda journal: journal.begin(
                desired, generation=generation, kind=kind, container_id="", cause="because", actor="ana"
            )
        )

    @rule(name=NAMES, release=RELEASES, kind=KINDS)
    def begin_the_next(self, name: str, release: str, kind: OperationKind) -> None:
        self.begin(name, release, self.memory.record(name).generation + 1, kind, 0)

    @rule(name=NAMES, generation=GENERATIONS, text=TEXTS)
    def created(self, name: str, generation: int, text: str) -> None:
        self.both(lambda journal: journal.created(name, generation, container_id=text))

    @rule(name=NAMES, release=RELEASES, text=TEXTS)
    def verified(self, name: str, release: str, text: str) -> None:
        self.both(lambda journal: journal.verified(name, wish(name, release).fingerprint, image_id=text))

    @rule(name=NAMES, release=RELEASES)
    def image_collected(self, name: str, release: str) -> None:
        self.both(lambda journal: journal.image_collected(name, wish(name, release).fingerprint))

    @rule(name=NAMES, generation=GENERATIONS, text=TEXTS)
    def hashed(self, name: str, generation: int, text: str) -> None:
        self.both(lambda journal: journal.hashed(name, generation, {"web": text}))

    @rule(name=NAMES, generation=GENERATIONS, hook=HOOKS, text=TEXTS)
    def hook_began(self, name: str, generation: int, hook: HookName, text: str) -> None:
        self.both(lambda journal: journal.hook_began(name, generation, hook=hook, wish=text))

    @rule(name=NAMES, generation=GENERATIONS, hook=HOOKS, state=ENDS)
    def hook_ended(self, name: str, generation: int, hook: HookName, state: HookEnd) -> None:
        self.both(lambda journal: journal.hook_ended(name, generation, hook=hook, state=state))

    @rule(name=NAMES, generation=GENERATIONS)
    def commit(self, name: str, generation: int) -> None:
        self.both(lambda journal: journal.commit(name, generation))

    @rule(name=NAMES, generation=GENERATIONS, text=TEXTS, quarantine=st.booleans())
    def failed(self, name: str, generation: int, text: str, *, quarantine: bool) -> None:
        self.both(lambda journal: journal.failed(name, generation, reason=text, quarantine=quarantine))

    @rule(name=NAMES, generation=GENERATIONS)
    def undone(self, name: str, generation: int) -> None:
        self.both(lambda journal: journal.undone(name, generation))

    @rule(name=NAMES, generation=GENERATIONS)
    def restored(self, name: str, generation: int) -> None:
        self.both(lambda journal: journal.restored(name, generation))

    @rule(name=NAMES)
    def healed(self, name: str) -> None:
        self.both(lambda journal: journal.healed(name, cause="it was gone"))

    @rule(name=NAMES, text=TEXTS)
    def hold(self, name: str, text: str) -> None:
        self.both(lambda journal: journal.hold(name, reason=text))

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        self.both(lambda journal: journal.release(name))

    @rule(name=NAMES)
    def clear(self, name: str) -> None:
        self.both(lambda journal: journal.clear(name))

    @rule(name=NAMES, text=TEXTS, until=st.none() | st.floats(1, 1e9))
    def suspend(self, name: str, text: str, until: float | None) -> None:
        self.both(lambda journal: journal.suspend(name, Suspension(by=text, reason=text, until=until)))

    @rule(name=NAMES)
    def resume(self, name: str) -> None:
        self.both(lambda journal: journal.resume(name))

    @rule(name=NAMES, text=TEXTS, at=st.floats(0, 1e9))
    def retry_later(self, name: str, text: str, at: float) -> None:
        self.both(lambda journal: journal.retry_later(name, error=text, retry_at=at))

    @rule(name=NAMES)
    def passed(self, name: str) -> None:
        self.both(lambda journal: journal.passed(name))

    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        self.both(lambda journal: journal.forget(name))

    @invariant()
    def they_agree(self) -> None:
        assert _without_owner(self.memory) == _without_owner(self.real)

    @invariant()
    def generations_only_grow(self) -> None:
        for name, highest in self.highest.items():
            record = self.real.record(name)
            generations = [item.generation for item in record.operations]
            assert record.generation >= highest
            assert generations == sorted(set(generations))
            assert record.generation >= max(generations, default=0)
            self.highest[name] = record.generation

    @invariant()
    def every_operation_has_its_revision(self) -> None:
        for record in self.real.records().values():
            assert {item.fingerprint for item in record.operations} == {
                item.fingerprint for item in record.revisions
            }


def _answer(journal: Journal, step: Callable[[Journal], object]) -> object:
    try:
        return step(journal)
    except StateDamaged:
        return StateDamaged


def _without_owner(journal: Journal) -> dict[str, object]:
    return {name: {**_fields(record), "owner": ""} for name, record in journal.records().items()}


def _fields(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}  # type: ignore[attr-defined]  # any dataclass


TwoJournals.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestTwoJournals = TwoJournals.TestCase
