"""What the status page is told by a controller that looked at a host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.controller.showing import Showing
from reconciler.core.excerpt import excerpt
from reconciler.core.plan import Plan
from reconciler.core.views import view_of
from reconciler.errors import EngineUnavailable, StateUnwritable
from reconciler.web.facts import Part
from tests.controller.stage import Stage, quiet
from tests.simulator.behaviour import exits

CHECK = {"healthCheck": {"test": ["CMD", "true"], "interval": "5s"}}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.history.close()


def showing(stage: Stage, **more: object) -> Showing:
    return Showing(
        board=stage.board,
        catalogue=stage.catalogue,
        history=stage.history,
        clock=stage.clock.time,
        host="host-a",
        **more,  # type: ignore[arg-type]  # fields of Showing
    )


def looked(stage: Stage) -> None:
    """One look at everything."""
    stage.board.show(stage.assessor.assess(), everything=True)


def deployed(stage: Stage, *names: str, **spec: Any) -> None:
    for name in names:
        stage.write(name, **spec)
    stage.service().apply(names, progress=quiet)


def parts(stage: Stage, name: str = "web", **more: object) -> tuple[Part, ...]:
    portrait = showing(stage, **more).portrait(name)
    assert portrait is not None
    return portrait.parts


def test_before_the_first_look_nothing_is_known_and_it_is_said_why(stage: Stage) -> None:
    seen = showing(stage).overview()
    assert seen.statuses == ()
    assert seen.troubles == ("the first look at everything is not done",)
    assert showing(stage).portrait("web") is None


def test_documents_are_worst_first_and_broken_files_are_told(stage: Stage) -> None:
    deployed(stage, "api", "web")
    stage.world.engine.by_hand.remove("web")
    stage.break_file("other")
    looked(stage)
    seen = showing(stage).overview()
    assert [(item.name, item.health) for item in seen.statuses] == [("web", "Missing"), ("api", "Healthy")]
    assert seen.troubles == ()
    stage.board.note_audit("the audit log is broken: cut")
    assert showing(stage).overview().troubles == ("the audit log is broken: cut",)
    assert len(seen.problems) == 1
    assert "other.yaml" in seen.problems[0]
    assert seen.looked_at == stage.clock.time() == seen.now


def test_a_documents_page_has_its_plan_its_fields_its_past_and_its_sticker(stage: Stage) -> None:
    deployed(stage, "web", config={"memoryLimit": "64Mi"})
    stage.world.engine.by_hand.update_memory("web", 128 << 20)
    looked(stage)
    portrait = showing(stage).portrait("web")
    assert portrait is not None
    assert portrait.plan is not None
    assert [action.kind for action in portrait.plan.actions] == ["update-limits"]
    (part,) = portrait.parts
    assert (part.name, part.state) == ("web", "running")
    differing = [item for item in part.fields if item.standing == "differs"]
    assert [item.path for item in differing] == ["config.memoryLimit", "config.memoryLimit.swap"]
    assert {(item.wanted, item.found) for item in differing} == {("64Mi", "128Mi")}
    assert portrait.sticker_place == str(stage.folder / "stickers" / "web.json")
    assert portrait.record.committed is not None
    assert showing(stage).record("web") == portrait.record
    newest = showing(stage).events("web", before=0, limit=1)
    assert newest[0][1].document == "web"
    assert showing(stage).events("web", before=newest[0][0], limit=100)[0][0] < newest[0][0]


def test_what_a_single_pass_found_is_shown_like_what_a_look_found(stage: Stage) -> None:
    deployed(stage, "api", "web")
    looked(stage)
    whole = showing(stage).portrait("web")
    stage.board.show(stage.assessor.assess(("web",)), everything=False)
    alone = showing(stage).portrait("web")
    assert alone == whole
    kept = stage.board.assessment("web")
    assert kept is not None
    assert [row.name for row in kept.situation.observation.containers] == ["web"]


def test_of_an_excerpt_everything_is_told_as_of_the_whole(stage: Stage) -> None:
    deployed(stage, "api", "web", "db")
    stage.world.engine.by_hand.update_memory("web", 128 << 20)
    for found in stage.assessor.assess():
        whole, part = view_of(found.situation), view_of(excerpt(found.situation))
        assert part.drift == whole.drift
        assert part.running() == whole.running()
        assert part.health() == whole.health()
        assert [item.row for item in part.counterparts()] == [item.row for item in whole.counterparts()]
        assert len(part.situation.observation.containers) == 1
        assert set(part.situation.observation.stickers) <= {found.plan.document}


def test_while_the_engine_is_away_nothing_is_shown_as_if_it_were_so(stage: Stage) -> None:
    deployed(stage, "web")
    looked(stage)
    stage.board.engine_away(stage.assessor.unseen("no answer"), "no answer")
    portrait = showing(stage).portrait("web")
    assert portrait is not None
    assert (portrait.status.sync, portrait.plan, portrait.parts, portrait.sticker_place) == (
        "Unknown",
        None,
        (),
        "",
    )
    assert portrait.record.operations
    assert showing(stage).overview().troubles == ("no answer",)


def test_after_a_release_that_failed_the_next_step_is_told(stage: Stage) -> None:
    deployed(stage, "web")
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad")
    stage.service().apply(("web",), progress=quiet)
    looked(stage)
    portrait = showing(stage).portrait("web")
    assert portrait is not None
    assert portrait.advice.startswith("web: look at `docker logs web-failed-g2`")


def with_health_log(stage: Stage, *lines: str) -> None:
    """As if the container's health checks had said this."""
    (found,) = stage.assessor.assess()
    seen = found.situation.observation
    details = {key: replace(item, health="healthy", health_log=lines) for key, item in seen.details.items()}
    rows = tuple(replace(row, health="healthy") for row in seen.containers)
    changed = replace(found.situation, observation=replace(seen, details=details, containers=rows))
    stage.board.show([replace(found, situation=changed)], everything=True)


def test_what_health_checks_said_is_shown_without_secrets_and_without_what_steers_a_terminal(stage: Stage) -> None:
    deployed(stage, "web", config={"environment": {"DB_PASSWORD": "hunter2"}})
    with_health_log(stage, "\x1b[31mcannot log in with hunter2", "token opened-secret is wrong")
    (part,) = parts(stage, secrets=lambda _: ("opened-secret",))
    assert part.state == "running, healthy"
    assert part.health_log == ("cannot log in with ***", "token [secret] is wrong")


def test_where_its_secrets_cannot_be_known_what_a_container_said_is_not_shown(stage: Stage) -> None:
    def unreadable(_: str) -> tuple[str, ...]:
        raise StateUnwritable("the folder of secrets cannot be read")

    deployed(stage, "web")
    with_health_log(stage, "it says a secret")
    assert parts(stage, secrets=unreadable)[0].health_log == ("not shown: the folder of secrets cannot be read",)


def test_a_sticker_in_a_volume_is_told_as_that(stage: Stage) -> None:
    stage.write("web", sticker={"location": "volume", "path": "v.json", "volume": "stickers"})
    looked(stage)
    portrait = showing(stage).portrait("web")
    assert portrait is not None, stage.catalogue.loaded.problems
    assert portrait.sticker_place == "v.json in the volume stickers"


def test_asking_for_pages_asks_the_engine_for_nothing(stage: Stage) -> None:
    deployed(stage, "web")
    looked(stage)

    def away(*_: object) -> None:
        raise EngineUnavailable("nobody is to be asked")

    stage.world.engine.list_containers = away  # type: ignore[method-assign,assignment]  # whoever asks is found out
    stage.world.engine.inspect_container = away  # type: ignore[method-assign,assignment]
    room = showing(stage)
    assert room.overview().statuses
    assert room.portrait("web") is not None


def test_the_board_tells_whenever_there_is_something_new(stage: Stage) -> None:
    told: list[str] = []
    stage.board._changed = lambda: told.append("new")
    looked(stage)
    stage.board.look_failed("it is dark")
    stage.board.engine_away((), "it is away")
    assert told == ["new"] * 3
    assert Plan(document="web").standstill == ""
