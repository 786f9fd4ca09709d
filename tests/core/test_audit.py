from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.action import Commit
from reconciler.core.audit import NOTHING, Actor, Origin, account_of, actor_of, standing
from reconciler.core.container import ContainerConfig
from reconciler.core.hook import Hook
from reconciler.core.observation import Observation
from reconciler.core.plan import Plan, Purpose
from reconciler.core.record import Operation, OperationState, Record, Revision
from reconciler.core.situation import Situation
from tests.cli.parts import ONE, PROJECT, TWO, A

FROM = Origin(file="web.yaml")


def record(*states: OperationState) -> Record:
    wishes = (ONE, TWO)
    return Record(
        document="web",
        owner="o",
        revisions=tuple(Revision(fingerprint=item.fingerprint, desired=item) for item in wishes),
        operations=tuple(
            Operation(generation=number, kind="deploy", fingerprint=wishes[number - 1].fingerprint, state=state)
            for number, state in enumerate(states, start=1)
        ),
    )


def situation(*states: OperationState) -> Situation:
    return Situation(desired=TWO, observation=Observation(), record=record(*states))


@pytest.mark.parametrize(
    ("said", "actor"),
    [
        ("user:ana", Actor("user", "ana")),
        ("file:web.yaml", Actor("file", "web.yaml")),
        ("file", Actor("file", "")),
        ("agent:stella://agent/a", Actor("agent", "stella://agent/a")),
        ("ana", Actor("user", "ana")),
        ("user", Actor("user", "user")),
        ("group:x", Actor("user", "group:x")),
    ],
)
def test_an_actor_is_known_by_what_it_begins_with(said: str, actor: Actor) -> None:
    assert actor_of(said) == actor


@pytest.mark.parametrize(
    ("purpose", "states", "before", "after"),
    [
        ("deploy", ("committed",), ONE, TWO),
        ("deploy", (), None, TWO),
        ("adopt", (), None, TWO),
        ("heal", ("committed",), ONE, ONE),
        ("prune", ("committed",), ONE, None),
        ("undo", ("committed", "intent"), TWO, ONE),
        ("undo", ("committed",), None, ONE),
    ],
)
def test_what_was_there_and_what_is_to_be_there_follows_from_the_purpose(
    purpose: Purpose, states: tuple[OperationState, ...], before: object, after: object
) -> None:
    plan = Plan(document="web", purpose=purpose)
    account = account_of(situation(*states), plan, actor="file:web.yaml", origin=FROM)
    assert (account.before, account.after) == (standing(before), standing(after))  # type: ignore[arg-type]
    assert standing(None) == NOTHING


@pytest.mark.parametrize(
    ("purpose", "said", "type_"),
    [
        ("deploy", "file:web.yaml", "file"),
        ("heal", "file:web.yaml", "system"),
        ("undo", "file:web.yaml", "system"),
        ("heal", "user:ana", "user"),
        ("prune", "file:web.yaml", "file"),
    ],
)
def test_what_nobody_asked_for_anew_is_the_controllers_own(purpose: Purpose, said: str, type_: str) -> None:
    account = account_of(situation("committed"), Plan(document="web", purpose=purpose), actor=said, origin=FROM)
    assert (account.actor.type, account.origin) == (type_, FROM)


def test_the_generation_is_the_plans_else_the_committed_one() -> None:
    begins = Plan(document="web", actions=(Commit(document="web", cause="x", generation=9),))
    for plan, states, generation, operation in (
        (begins, ("committed",), 9, "o.web.9"),
        (Plan(document="web"), ("committed",), 1, "o.web.1"),
        (Plan(document="web"), (), 0, ""),
    ):
        account = account_of(situation(*states), plan, actor="user:ana", origin=FROM)
        assert (account.generation, account.operation) == (generation, operation)


def test_values_of_secret_looking_variables_are_known_as_sensitive_wherever_they_stand() -> None:
    hook = Hook(name="preDeploy", command=("true",), image=A, environment={"A_TOKEN": "of-the-hook"})
    config = ContainerConfig(environment={"PASSWORD": "of-the-config", "GREETING": "hello"})
    (db, *rest) = PROJECT.project.services if PROJECT.project else ()
    secret = replace(db, config=replace(db.config, environment={"DB_PASSWORD": "of-the-service"}))
    project = replace(PROJECT.project, services=(secret, *rest))  # type: ignore[type-var]
    for desired, values in (
        (replace(TWO, config=config, hooks=(hook,)), ("of-the-config", "of-the-hook")),
        (replace(PROJECT, project=project), ("of-the-service",)),
    ):
        seen = replace(situation(), desired=desired, record=Record(document="web", owner="o"))
        account = account_of(seen, Plan(document="web"), actor="user:ana", origin=FROM)
        assert account.sensitive == values
        assert values[0] not in repr(account)
