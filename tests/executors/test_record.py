from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from reconciler.core.action import (
    Action,
    Commit,
    ContainerRef,
    ForgetDocument,
    Hold,
    RecordAction,
    RecordHeal,
    RecordIntent,
    RecordUndone,
    ReleaseHold,
    RemoveSticker,
    StopContainer,
    WriteSticker,
)
from reconciler.core.desired import StickerPlace
from reconciler.core.observation import StickerReading
from reconciler.core.outcome import Outcome
from reconciler.core.record import Record
from reconciler.core.sticker import judge
from reconciler.errors import StateDamaged, StateError, StateUnwritable, VerificationFailed
from reconciler.executors.record import RecordExecutor
from tests.simulator.stickers import MemoryStickers
from tests.simulator.world import World

KEY = bytes(32)
WORLD = World()
DESIRED = WORLD.desired()
INTENT = RecordIntent(document="web", cause="it is wanted", generation=1, operation="deploy", desired=DESIRED)
COMMIT = Commit(document="web", cause="it is healthy", generation=1)
UNDONE = RecordUndone(document="web", cause="it failed", generation=1)
WRITE = WriteSticker(document="web", cause="it is absent", desired=DESIRED)
REMOVE = RemoveSticker(document="web", cause="pruned", desired=DESIRED)
FORGET = ForgetDocument(document="web", cause="pruned")
HEAL = RecordHeal(document="web", cause="it is exited")
HOLD = Hold(document="web", cause="healed 5 times in 300 s")
RELEASE = ReleaseHold(document="web", cause="stable for 300 s")

Perform = Callable[[Action], Outcome]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def perform(world: World) -> Perform:
    executor = RecordExecutor(world.journal, world.stickers, key=KEY, actor=lambda document: f"ana for {document}")

    def perform(action: Action) -> Outcome:
        assert executor.handles(action)
        return executor.perform(action, progress=lambda _: None)

    return perform


def below(family: type[Action]) -> Iterator[type[Action]]:
    for kind in family.__subclasses__():
        yield kind
        yield from below(kind)


def test_every_action_on_the_record_is_handled_and_no_other(world: World) -> None:
    executor = RecordExecutor(world.journal, world.stickers, key=KEY, actor=str)
    family = {kind.kind for kind in below(RecordAction)} - {""}
    assert family == set(executor._writes)
    stop = StopContainer(document="web", cause="a newer one serves", container=ContainerRef("web", "c1"))
    assert not executor.handles(stop)


def test_a_deploy_is_journalled_with_its_cause_and_actor(world: World, perform: Perform) -> None:
    assert perform(replace(INTENT, container_id="c0")) == Outcome(
        kind="done", action=replace(INTENT, container_id="c0")
    )
    operation = world.journal.record("web").open
    assert operation is not None
    assert (operation.kind, operation.cause, operation.actor) == ("deploy", "it is wanted", "ana for web")
    assert operation.container_id == "c0"
    assert perform(COMMIT).kind == "done"
    assert world.journal.record("web").committed_revision is not None


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), INTENT),
        ((INTENT,), COMMIT),
        ((INTENT,), UNDONE),
        ((), HOLD),
        ((HEAL, HOLD), RELEASE),
        ((HEAL,), RELEASE),
        ((INTENT, COMMIT), WRITE),
        ((INTENT, COMMIT, WRITE), REMOVE),
        ((INTENT, COMMIT), FORGET),
    ],
    ids=lambda value: (
        value.kind if isinstance(value, Action) else "+".join(item.kind for item in value) or "nothing"
    ),
)
def test_what_is_so_already_is_success_and_changes_nothing(
    world: World, perform: Perform, before: tuple[Action, ...], action: Action
) -> None:
    for step in before:
        perform(step)
    assert perform(action).kind == "done"
    record, contents = world.journal.record("web"), dict(world.stickers.contents)
    writes = world.stickers.writes, world.stickers.removals
    world.clock.advance(5)
    assert perform(action) == Outcome(kind="already", action=action)
    assert (world.journal.record("web"), world.stickers.contents) == (record, contents)
    assert (world.stickers.writes, world.stickers.removals) == writes


def test_every_heal_counts(world: World, perform: Perform) -> None:
    assert [perform(HEAL).kind, perform(HEAL).kind] == ["done", "done"]
    assert len(world.journal.record("web").heals) == 2


def test_the_sticker_that_is_written_is_current(world: World, perform: Perform) -> None:
    for action in (INTENT, COMMIT, WRITE):
        assert perform(action).kind == "done"
    reading = world.stickers.read(DESIRED.sticker, helper="")
    assert judge(reading, world.journal.record("web"), DESIRED, KEY) == "current"


def test_a_sticker_that_was_changed_is_written_again_the_same(world: World, perform: Perform) -> None:
    for action in (INTENT, COMMIT, WRITE):
        perform(action)
    content = world.stickers.contents[DESIRED.sticker]
    world.stickers.contents[DESIRED.sticker] = b"by hand"
    world.clock.advance(1000)
    assert perform(WRITE).kind == "done"
    assert world.stickers.contents[DESIRED.sticker] == content


def test_a_sticker_tells_what_is_committed_not_what_is_wanted(world: World, perform: Perform) -> None:
    perform(INTENT)
    perform(COMMIT)
    newer = WORLD.desired(release="2")
    perform(replace(WRITE, desired=newer))
    assert b'"id": "1"' in world.stickers.contents[newer.sticker]


def test_without_a_commit_no_sticker_is_written(world: World, perform: Perform) -> None:
    outcome = perform(WRITE)
    assert (outcome.kind, type(outcome.error)) == ("failed", StateError)
    assert world.stickers.writes == 0


def test_an_error_becomes_a_failed_outcome(world: World, perform: Perform) -> None:
    assert isinstance(perform(COMMIT).error, StateDamaged)
    assert isinstance(perform(UNDONE).error, StateDamaged)
    perform(INTENT)
    perform(COMMIT)
    world.stickers.write_error = StateUnwritable("no space")
    outcome = perform(WRITE)
    assert (outcome.kind, outcome.error) == ("failed", world.stickers.write_error)


class ForgetfulStickers(MemoryStickers):
    """A place that takes what is written and gives back something else."""

    def write(self, place: StickerPlace, content: bytes, *, helper: str) -> None:
        super().write(place, content[:-1], helper=helper)


class HiddenStickers(ForgetfulStickers):
    def read(self, place: StickerPlace, *, helper: str) -> StickerReading:
        return StickerReading(fact="unreadable", problem="permission denied")


@pytest.mark.parametrize(
    ("stickers", "words"),
    [(ForgetfulStickers(), "does not read back the same"), (HiddenStickers(), "the same: permission denied")],
)
def test_a_sticker_that_does_not_stay_as_written_is_a_failure(
    world: World, stickers: MemoryStickers, words: str
) -> None:
    executor = RecordExecutor(world.journal, stickers, key=KEY, actor=str)
    for action in (INTENT, COMMIT):
        executor.perform(action, progress=lambda _: None)
    outcome = executor.perform(WRITE, progress=lambda _: None)
    assert isinstance(outcome.error, VerificationFailed)
    assert words in str(outcome.error)


class HelpedStickers(MemoryStickers):
    """Notes which image was offered for helper containers."""

    def __init__(self) -> None:
        super().__init__()
        self.helpers: list[str] = []

    def read(self, place: StickerPlace, *, helper: str) -> StickerReading:
        self.helpers.append(helper)
        return super().read(place, helper=helper)


def test_helpers_run_on_the_committed_image(world: World) -> None:
    stickers = HelpedStickers()
    executor = RecordExecutor(world.journal, stickers, key=KEY, actor=str)
    executor.perform(REMOVE, progress=lambda _: None)
    executor.perform(INTENT, progress=lambda _: None)
    executor.perform(COMMIT, progress=lambda _: None)
    executor.perform(REMOVE, progress=lambda _: None)
    world.journal.verified("web", DESIRED.fingerprint, image_id="sha256:1")
    executor.perform(REMOVE, progress=lambda _: None)
    assert stickers.helpers == [str(DESIRED.image), str(DESIRED.image), "sha256:1"]


def test_forgetting_leaves_the_generation(world: World, perform: Perform) -> None:
    perform(INTENT)
    perform(COMMIT)
    perform(FORGET)
    assert world.journal.record("web") == Record(document="web", owner=world.journal.owner, generation=1)
