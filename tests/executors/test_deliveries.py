"""Secrets in executors: opened for the one call, told to nobody, and masked in what containers say."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import CollectFiles, CreateContainer, DeliverFiles, RunHook, WaitHealthy
from reconciler.core.container import Mount
from reconciler.core.delivery import delivered_file, delivered_secret, sealed_variable
from reconciler.core.desired import DesiredState
from reconciler.core.hook import Hook, HookFacts
from reconciler.core.secret import Secret
from reconciler.errors import HookFailed, SecretSealed, StateUnwritable, Unhealthy, VerificationFailed
from reconciler.executors.delivery import DeliveryExecutor
from reconciler.executors.discretion import DeliveredSecrets, NoSecrets, hide, spellings
from reconciler.executors.docker import DockerExecutor
from tests.executors.stage import Stage
from tests.simulator.behaviour import exits
from tests.simulator.deliveries import MemoryDeliveries

FILE = delivered_file("/etc/app.yml", b"level: info\n")
SECRET = delivered_secret("db", "one", "/run/secrets/db")
VARIABLE = sealed_variable("token", "two", "APP_SETTING")
OPENED_SECRET, OPENED_VARIABLE = "value of one", "value of two"


class SecretStage(Stage):
    """A stage whose document has a secret as a file and one as a variable."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.deliveries = MemoryDeliveries(self.engine.host.paths)
        self.executor = DockerExecutor(
            self.engine,
            self.journal,
            clock=self.clock.monotonic,
            sleep=self.clock.sleep,
            pull_deadline_s=60.0,
            wall_clock=self.clock,
            deliveries=self.deliveries,
        )
        self.deliverer = DeliveryExecutor(self.deliveries)

    def desired(self) -> DesiredState:
        return replace(super().desired(), deliveries=(SECRET,), variables=(VARIABLE,))

    def creation(self, **changes: Any) -> CreateContainer:
        return super().creation(**{"variables": (VARIABLE,), **changes})

    def hook(self, *said: str, status: int = 0) -> RunHook:
        image = self.engine.registry.publish("registry.example.com/hook", behaviour=exits(status, 1.0, logs=said))
        self.engine.pull(image, deadline_s=60.0, progress=self.lines.append)
        facts = HookFacts(
            document="web",
            release_id="1",
            release_name="Web 1",
            digest="d",
            previous_digest="",
            generation=1,
        )
        return RunHook(
            document="web",
            cause="test",
            hook=Hook(name="preDeploy", command=("work",), image=image),
            facts=facts,
            mounts=(SECRET.mount(self.deliveries.places, "web"),),
            variables=(VARIABLE,),
        )


@pytest.fixture
def stage() -> SecretStage:
    made = SecretStage()
    made.pulled()
    made.intent()
    made.deliveries.write("web", (SECRET,))
    return made


def environment(stage: Stage, name: str = "web-next-g1") -> dict[str, str]:
    return dict(stage.engine.container(name).config.environment or {})


def test_a_variable_is_opened_for_the_call_and_in_no_outcome(stage: SecretStage) -> None:
    outcome = stage.perform(stage.creation())
    assert outcome.kind == "done"
    assert environment(stage)["APP_SETTING"] == OPENED_VARIABLE
    assert OPENED_VARIABLE not in repr(outcome)


def test_a_container_that_is_there_is_not_opened_for_again(stage: SecretStage) -> None:
    stage.perform(stage.creation())
    before = list(stage.deliveries.opened)
    assert stage.perform(stage.creation()).kind == "already"
    assert stage.deliveries.opened == before


def test_what_cannot_be_opened_creates_nothing(stage: SecretStage) -> None:
    stage.deliveries.lost = "is encrypted for others"
    outcome = stage.perform(stage.creation())
    assert isinstance(outcome.error, SecretSealed)
    assert stage.engine.host.named("web-next-g1") is None


def test_a_container_without_its_variable_is_not_what_was_asked(stage: SecretStage) -> None:
    stage.perform(stage.creation(variables=()))
    error = stage.perform(stage.creation()).error
    assert isinstance(error, VerificationFailed)
    assert "variable APP_SETTING" in str(error)


def test_without_deliveries_nothing_sealed_is_made() -> None:
    plain = Stage()
    plain.pulled()
    plain.intent()
    assert plain.perform(plain.creation()).kind == "done"
    with pytest.raises(SecretSealed, match="nothing is opened here"):
        NoSecrets().opened(plain.config, (VARIABLE,))
    assert NoSecrets().words("web") == ()


def test_a_hook_gets_its_secrets_and_cannot_tell_them(stage: SecretStage) -> None:
    encoded = base64.b64encode(OPENED_SECRET.encode()).decode()
    said = (
        f"file: {OPENED_SECRET}",
        f"variable: {OPENED_VARIABLE}!",
        f"as {encoded}",
        "as value%20of%20one",
        "fine",
    )
    seen: list[tuple[Mount, ...] | None] = []
    create = stage.engine.create_sandbox

    def remember(*words: Any, **more: Any) -> str:
        seen.append(more["config"].mounts)
        assert more["config"].environment["APP_SETTING"] == OPENED_VARIABLE
        return create(*words, **more)

    stage.engine.create_sandbox = remember  # type: ignore[method-assign]  # looks at what is asked
    outcome = stage.perform(stage.hook(*said))
    assert seen == [(SECRET.mount(stage.deliveries.places, "web"),)]
    assert outcome.detail.splitlines() == [
        "file: [secret]",
        "variable: [secret]!",
        "as [secret]",
        "as [secret]",
        "fine",
    ]


def test_the_error_of_a_hook_is_as_discreet(stage: SecretStage) -> None:
    error = stage.perform(stage.hook(OPENED_SECRET, status=1)).error
    assert isinstance(error, HookFailed)
    assert "[secret]" in str(error)
    assert OPENED_SECRET not in str(error)


def test_a_hook_whose_secret_cannot_be_opened_is_not_made(stage: SecretStage) -> None:
    stage.deliveries.lost = "is encrypted for others"
    assert isinstance(stage.perform(stage.hook()).error, SecretSealed)


def test_what_an_unhealthy_container_says_is_masked() -> None:
    said = (f"cannot reach {OPENED_SECRET}", f"token is {OPENED_VARIABLE}")
    stage = SecretStage(behaviour=exits(1, 0.5, logs=said))
    container = stage.started()
    stage.deliveries.write("web", (SECRET,))
    wait = WaitHealthy(document="web", cause="test", container=container, timeout_ms=5_000, min_healthy_ms=1_000)
    error = stage.perform(wait).error
    assert isinstance(error, Unhealthy)
    assert "cannot reach [secret]" in str(error)
    assert "token is [secret]" in str(error)
    assert OPENED_SECRET not in str(error)


def test_what_cannot_be_masked_is_not_shown(stage: SecretStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_document: str) -> tuple[Secret, ...]:
        raise StateUnwritable("reading the secrets of web: input/output error")

    monkeypatch.setattr(stage.deliveries, "values", unreadable)
    error = HookFailed("it failed\n  last lines:\n    hunter2")
    hide(error, DeliveredSecrets(stage.deliveries, stage.journal), "web")
    assert str(error) == "it failed\n  what it said is not shown: reading the secrets of web: input/output error"


def test_a_variable_whose_key_is_gone_does_not_keep_the_rest_from_being_masked(stage: SecretStage) -> None:
    stage.deliveries.sealed[VARIABLE.version] = "is encrypted for others"
    words = DeliveredSecrets(stage.deliveries, stage.journal).words("web")
    assert OPENED_SECRET in words
    assert OPENED_VARIABLE not in words


def test_spellings_are_lines_base64_parts_of_urls_and_of_json() -> None:
    assert set(spellings(Secret('first line\n  p@ß/"word\nabc\n'.encode()))) == {
        "first line",
        'p@ß/"word',
        "first%20line",
        "p%40%C3%9F%2F%22word",
        "p%40%C3%9F/%22word",
        r"p@\u00df/\"word",
        r"p@ß/\"word",
        base64.b64encode('first line\n  p@ß/"word\nabc\n'.encode()).decode().rstrip("="),
        base64.b64encode('first line\n  p@ß/"word\nabc'.encode()).decode().rstrip("="),
    }


def test_spellings_are_those_of_both_alphabets_of_base64() -> None:
    assert {"cMOkc3Midz4/cmRceD9+fg", "cMOkc3Midz4_cmRceD9-fg"} <= set(
        spellings(Secret(b'p\xc3\xa4ss"w>?rd\\x?~~'))
    )


def test_files_are_delivered_once_and_collected(stage: SecretStage) -> None:
    deliver = DeliverFiles(document="web", cause="test", deliveries=(FILE, SECRET))
    collect = CollectFiles(document="web", cause="test", keep=frozenset({SECRET.version}))
    kinds = [stage.deliverer.perform(item, progress=print).kind for item in (deliver, deliver, collect, collect)]
    assert kinds == ["done", "already", "done", "already"]
    assert stage.deliverer.handles(deliver)
    assert stage.deliverer.handles(collect)
    assert not stage.deliverer.handles(stage.creation())
    with pytest.raises(TypeError):
        stage.deliverer.perform(stage.creation(), progress=print)


def test_what_cannot_be_delivered_is_a_failed_outcome(stage: SecretStage) -> None:
    stage.deliveries.lost = "is encrypted for others"
    rotated = delivered_secret("db", "three", "/run/secrets/db")
    action = DeliverFiles(document="web", cause="test", deliveries=(rotated,))
    outcome = stage.deliverer.perform(action, progress=print)
    assert (outcome.kind, type(outcome.error)) == ("failed", SecretSealed)
