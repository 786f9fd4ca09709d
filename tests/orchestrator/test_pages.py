"""The fleet's pages: what is on them, worst first, in few questions to the store, and no markup of others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import event

from reconciler.orchestrator.pages.condition import CONDITIONS, condition_of, spoken
from reconciler.orchestrator.pages.drawn import MOST, Drawn
from reconciler.orchestrator.pages.facts import AgentFacts, FleetFacts, Report
from reconciler.orchestrator.pages.filter import PAGE, AgentFilter
from reconciler.orchestrator.pages.fleet import title_of
from reconciler.orchestrator.pages.opening import keep_live
from reconciler.orchestrator.pages.reading import Kept
from reconciler.orchestrator.pages.routes import FleetPages
from reconciler.orchestrator.pages.standing import reports_of, worst_first
from reconciler.orchestrator.store import agents, tasks
from reconciler.orchestrator.store.tables import agents as agents_table
from reconciler.orchestrator.wishes import read_wishes
from reconciler.protocol.message.common import NOTHING_HELD
from reconciler.web.live import Live
from reconciler.web.routes import Asked
from tests.orchestrator.fleet import eventually, run
from tests.orchestrator.furnished import DEGRADED, DRIFTED, LAYOUT, SECRET, Stage, ask, changed, furnished, join
from tests.web.test_pages import read

MARKUP = "<script>alert(1)</script>"
PAGES = {
    "fleet": ("/", {}),
    "agent": ("/agents/{name}", {"name": "host-001"}),
    "documents": ("/documents", {}),
    "document": ("/documents/{name}", {"name": "orders"}),
    "rollouts": ("/rollouts", {}),
    "tasks": ("/tasks", {}),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Of which nothing is changed."""
    with furnished(tmp_path_factory.mktemp("fleet"), 34) as made:
        yield made


def page(stage: Stage, name: str, *, named: Mapping[str, str] | None = None, **query: str) -> tuple[int, str]:
    path, usual = PAGES[name]
    return stage.pages().routes[path](LAYOUT, Asked(named or usual, query))


def words(stage: Stage, name: str, *, named: Mapping[str, str] | None = None, **query: str) -> str:
    """What is read there, one space between any two words."""
    status, html = page(stage, name, named=named, **query)
    assert status == 200
    return read(html)


def rows(html: str) -> list[str]:
    return re.findall(r'<tr id="([^"]*)"', html)


def an_agent(name: str, *conditions: str, presence: str = "online", **fields: Any) -> AgentFacts:
    reports = tuple(Report(document=f"d{number}", condition=item) for number, item in enumerate(conditions))
    usual: dict[str, Any] = {"drained": False, "carrier": "WebSocket", "version": "1.0", "labels": ()}
    return AgentFacts(name=name, presence=presence, reports=reports, **{**usual, **fields})


@pytest.mark.parametrize(
    ("told", "condition"),
    [
        ({"phase": "converged", "sync": "synced", "health": "healthy"}, "Converged"),
        ({"phase": "converged", "sync": "synced", "health": "degraded"}, "Degraded"),
        ({"phase": "rolled-back", "sync": "out-of-sync", "health": "healthy"}, "RolledBack"),
        ({"phase": "reconciling", "sync": "out-of-sync", "health": "healthy"}, "OutOfSync"),
        ({"phase": "held", "sync": "synced", "health": "suspended"}, "Held"),
        ({"phase": "converged", "refused": "no key signed it"}, "Refused"),
        ({"version": "sha256:x"}, "Unknown"),
        ({"phase": "of-another-time", "sync": "synced", "health": "healthy"}, "Unknown"),
        ({"phase": "failed", "health": "of-another-time"}, "Failed"),
        ({"phase": "rolled-back", "sync": "out-of-sync", "health": "missing"}, "Missing"),
    ],
)
def test_the_worst_word_is_the_condition(told: dict[str, str], condition: str) -> None:
    assert condition_of(told) == condition
    assert spoken(None) == ""


def test_who_needs_a_look_stands_first_and_who_is_revoked_last() -> None:
    found = worst_first(
        [
            an_agent("gone", presence="revoked"),
            an_agent("well", "Converged"),
            an_agent("empty"),
            an_agent("quiet", "Converged", presence="degraded"),
            an_agent("drifted", "OutOfSync"),
            an_agent("held", "Held"),
            an_agent("away", "Converged", presence="offline"),
            an_agent("lost", "Converged", presence="stale"),
            an_agent("broken", "Failed"),
            an_agent("broken-and-away", "Failed", presence="offline"),
        ]
    )
    order = ["broken", "broken-and-away", "lost", "away", "held", "drifted", "quiet", "well", "empty", "gone"]
    assert [item.name for item in found] == order


def test_the_title_says_how_much_is_wrong() -> None:
    def seen(*found: AgentFacts, **more: Any) -> FleetFacts:
        return FleetFacts(**{"now": 0.0, "agents": found, "tasks": {}, "rollouts": {}, **more})

    assert title_of(seen()) == "no agents"
    assert title_of(seen(an_agent("a", "Converged"), an_agent("b", presence="revoked"))) == "all well"
    bad = seen(
        an_agent("a", "Failed", "OutOfSync"),
        an_agent("b", "Failed", presence="offline"),
        rollouts={"web": "paused", "shop": "going"},
        problems=("x",),
    )
    assert title_of(bad) == "1 offline, 2 Failed, 1 OutOfSync, 1 rollout paused, 1 problem"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["a", "b", "c"]),
        ({"q": "NORTH polling"}, ["b"]),
        ({"q": "d1"}, ["a"]),
        ({"label": "region=north"}, ["a", "b"]),
        ({"label": "region=north, role"}, ["b"]),
        ({"label": "region="}, []),
        ({"presence": "offline"}, ["c"]),
        ({"presence": "drained"}, ["b"]),
        ({"condition": "Held"}, ["a"]),
        ({"condition": "<b>", "presence": "?"}, ["a", "b", "c"]),
    ],
)
def test_what_passes(query: dict[str, str], names: list[str]) -> None:
    north = ("region", "north")
    found = (
        an_agent("a", "Degraded", "Held", labels=(north,)),
        an_agent("b", "Converged", labels=(north, ("role", "front")), carrier="polling", drained=True),
        an_agent("c", presence="offline", labels=(("region", "south"),)),
    )
    chosen = AgentFilter.of(query)
    assert [item.name for item in chosen.chosen(found)] == names
    assert AgentFilter.of({"q": "x", "label": "y", "page": "3"}).address(page=1) == "/?q=x&label=y"


def test_many_agents_are_shown_page_by_page(stage: Stage) -> None:
    chosen = AgentFilter.of({"page": "2"})
    leaf = chosen.leaf(PAGE + 1)
    assert (leaf.first, leaf.shown, leaf.last_page) == (PAGE, 1, 2)
    assert leaf.words("agent", PAGE + 1, filtered=False) == f"{PAGE + 1} to {PAGE + 1} of {PAGE + 1} agents"
    assert "None of 34 agents is like that" in words(stage, "fleet", page="9", q="nobody is like that")
    assert "None of 34 agents is on page 9" in words(stage, "fleet", page="9")


def test_the_first_page_counts_what_there_is_and_shows_the_worst_first(stage: Stage) -> None:
    said = words(stage, "fleet")
    for text in (
        "1 stale",
        "1 offline",
        "31 online",
        "1 revoked",
        "1 drained",
        "1 RolledBack",
        "1 paused",
        "2 running",
    ):
        assert text in said, text
    _, html = page(stage, "fleet")
    assert rows(html)[:2] == ["agent-host-011", "agent-host-001"]
    assert rows(html)[-1] == "agent-host-034"
    assert "Worst Documents drifted Heard of" in said
    assert "host-004 online Converged 0 of 3" in said
    assert "polling" in said
    assert 'href="/?label=region%3Dnorth"' in html


def test_an_agents_page_tells_what_it_has_what_it_was_asked_for_and_when_its_certificate_ends(
    stage: Stage,
) -> None:
    said = words(stage, "agent")
    for text in (
        "ends in 14h",
        "orders failed RolledBack OutOfSync 5.2.0",
        "edge converged Converged Synced 4.0.2 1",
        "inspect",
        "by stella://admin/ada",
        "region=north",
        "right to the second",
    ):
        assert text in said, text


def test_an_agent_that_lacks_something_is_told_so(tmp_path: Path) -> None:
    with furnished(tmp_path, 1) as stage:
        with stage.database.write() as on:
            join(on, "new", {}, seen=None, now=stage.now)
            join(on, "late", {}, seen=stage.now, now=stage.now)
            on.execute(
                agents_table.update()
                .where(agents_table.c.name == "late")
                .values(clock_offset_ms=-90_000, certificate_ends=stage.now - timedelta(hours=3))
            )
        new = words(stage, "agent", named={"name": "new"})
        for text in ("never", "Clock -", "Labels none", "It has no documents.", "It was asked for none."):
            assert text in new, text
        late = words(stage, "agent", named={"name": "late"})
        assert "ended 3h ago: it has to join anew" in late
        assert "90 s behind" in late
        assert "stale" in words(stage, "fleet", q="new")


def test_what_the_folder_says_wrongly_is_told_on_every_page(tmp_path: Path) -> None:
    with furnished(tmp_path, 1) as stage:
        for number in range(25):
            (stage.home.desired / f"broken-{number:02}.yaml").write_text("kind: [\n")
        broken = replace(stage, wishes=read_wishes(stage.home.desired))
        for name in PAGES:
            said = words(broken, name)
            assert "Not handed out as it is written: broken-00.yaml" in said, name
            assert "and 5 more problems" in said
        assert "25 problems" in words(broken, "fleet")


def test_a_document_tells_on_how_many_hosts_it_is_and_why_not_on_others(stage: Stage) -> None:
    said = words(stage, "documents")
    assert "orders region=north 0 of 1 1 - paused folder rollout paused: 1 of 11 hosts failed" in said
    assert "mail role=front" in said
    assert words(stage, "documents", q="region=coast").count("folder") == 1
    one = words(stage, "document")
    assert "host-001 failed RolledBack 5.2.0 1" in one
    assert "wants 5.3.0, RolledBack: its health check fails" in one
    assert "10 hosts, the rollout is paused: host-004, host-007" in one
    assert "1 host, it is revoked: host-034" in one


def test_why_is_told_of_the_version_that_is_there_and_of_a_document_of_the_hosts_own(tmp_path: Path) -> None:
    with furnished(tmp_path, 3) as stage:
        with stage.database.write() as on:
            changed(on, "host-001", "orders", version=f"sha256:{'0' * 64}", observed=f"sha256:{'0' * 64}")
            own = {"id": "own", "phase": "failed", "health": "missing", "reason": "no disk"}
            agents.reported(on, "host-001", [*agents.find(on, "host-001").documents, own])
        assert "its health check fails" not in words(stage, "document")
        assert "of its host's own; no disk" in words(stage, "agent")


def test_rollouts_tell_how_far_they_are(stage: Stage) -> None:
    assert "orders paused canary 0 of 11 - 1 10" in words(stage, "rollouts", state="paused")
    assert "0 of 1 rollout" in words(stage, "rollouts", state="done")


def test_tasks_are_told_with_what_went_wrong_and_leafed_through(stage: Stage) -> None:
    said = words(stage, "tasks", state="failed")
    assert said.count("the container edge is not there") == 2
    assert words(stage, "tasks", agent="host-003", document="metrics").count("inspect") == 1
    assert "None is like that" in words(stage, "tasks", agent="nobody")
    assert "There are no older ones" in words(stage, "tasks", before="1")


def test_more_tasks_than_a_page_has_lead_to_the_older_ones(tmp_path: Path) -> None:
    with furnished(tmp_path, 1) as stage:
        with stage.database.write() as on:
            for number in range(102):
                ask(on, "host-001", number, now=stage.now)
        _, html = page(stage, "tasks")
        assert len(rows(html)) == 100
        (number,) = re.findall(r'href="/tasks\?before=(\d+)"', html)
        assert len(rows(page(stage, "tasks", before=number)[1])) == 2


@pytest.mark.parametrize(("name", "key"), [("agent", "agent"), ("document", "document")])
def test_what_nobody_knows_is_not_found(stage: Stage, name: str, key: str) -> None:
    status, html = page(stage, name, named={"name": MARKUP})
    assert status == 404
    assert f"Nothing is known here of the {key}" in html
    assert MARKUP not in html


def test_an_empty_fleet_says_what_to_do(tmp_path: Path) -> None:
    with furnished(tmp_path, 0) as stage:
        assert "invite one with: reconciler orchestrator token" in words(stage, "fleet")
        assert "put one into the orchestrator's folder" in words(stage, "documents")
        assert "spec.rollout says how" in words(stage, "rollouts")
        assert "No agent was asked for anything" in words(stage, "tasks")


def test_texts_of_others_are_text_and_contents_of_documents_are_not_shown(tmp_path: Path) -> None:
    with furnished(tmp_path, 3) as stage:
        with stage.database.write() as on:
            join(on, "host-004", {"region": MARKUP}, seen=stage.now, now=stage.now, version=MARKUP)
            changed(on, "host-001", "edge", refused=MARKUP, release=MARKUP, phase=MARKUP)
            agents.reported(on, "host-004", [{"id": MARKUP, "phase": "failed"}])
            ask(on, "host-001", 50, now=stage.now, state="failed", error=MARKUP)
        for name in PAGES:
            _, html = page(stage, name)
            assert MARKUP not in html, name
            assert SECRET not in html, name
        for name in ("fleet", "agent", "tasks"):
            assert "&lt;script&gt;" in page(stage, name)[1], name
        assert page(stage, "agent", named={"name": "host-004"})[0] == 200


def test_an_agent_with_very_many_labels_makes_no_page_of_others_large(tmp_path: Path) -> None:
    with furnished(tmp_path, 2) as stage:
        usual = [len(page(stage, name)[1]) for name in ("fleet", "agent")]
        with stage.database.write() as on:
            agents.change(on, "host-001", labels={f"key-{number:05}": "x" * 50 for number in range(30_000)})
        assert "and 29980 more" in words(stage, "fleet")
        assert "and 29500 more" in words(stage, "agent")
        now = [len(page(stage, name)[1]) for name in ("fleet", "agent")]
        assert [after < before + most for before, after, most in zip(usual, now, (10_000, 200_000), strict=True)]


def test_a_page_asks_the_store_few_questions_however_many_agents_there_are(tmp_path: Path) -> None:
    def asked(stage: Stage, name: str) -> int:
        found: list[str] = []

        def hear(_on: Any, _cursor: Any, statement: str, *_: Any) -> None:
            found.append(statement)

        event.listen(stage.database._engine, "before_cursor_execute", hear)
        try:
            page(stage, name)
        finally:
            event.remove(stage.database._engine, "before_cursor_execute", hear)
        return sum(item.lstrip().startswith("SELECT") for item in found)

    most = {"fleet": 3, "agent": 6, "documents": 6, "document": 6, "rollouts": 6, "tasks": 5}
    for hosts in (3, 12):
        with furnished(tmp_path / str(hosts), hosts) as stage:
            assert {name: asked(stage, name) for name in PAGES} == most


def test_what_is_read_serves_everybody_for_a_moment() -> None:
    now, read = [0.0], iter(range(9))
    kept = Kept(lambda: next(read), lambda: now[0], 2.0)
    assert [kept.get(), kept.get()] == [0, 0]
    now[0] = 2.0
    assert kept.get() == 1


def test_a_page_is_made_once_for_all_who_ask_for_it_until_something_changes() -> None:
    now, made = [0.0], iter(range(99))
    drawn = Drawn(lambda: now[0], 2.0)
    make = drawn.once("/", lambda layout, asked: (200, f"{next(made)}"))

    def asked(number: int = 0, **query: str) -> str:
        return make(replace(LAYOUT, number=number), Asked({}, query))[1]

    assert [asked(), asked(), asked(q="x"), asked(q="x"), asked()] == ["0", "0", "1", "1", "0"]
    assert asked(number=1) == "2"
    now[0] = 2.0
    assert asked(number=1) == "3"
    assert [asked(q=str(number)) for number in range(MOST)] == [str(number + 4) for number in range(MOST)]
    assert asked(number=1) == str(MOST + 4)


def test_who_watches_is_told_of_changes_and_not_of_every_heartbeat(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        live = Live(pause_s=0.0)
        app = web.Application()
        app.router.add_get("/live", live.stream)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        place = web.TCPSite(runner, "127.0.0.1", 0)
        await place.start()
        port = runner.addresses[0][1]
        telling = asyncio.create_task(keep_live(live, stage.reading(), look_s=0.02))
        before = live.number
        await asyncio.sleep(0.1)
        assert live.number == before  # nobody watches
        try:
            async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/live") as watching:
                await eventually(lambda: live.number == before + 1)
                with stage.database.write() as on:
                    agents.alive(
                        on, {"host-002": agents.Heard(stage.now + timedelta(seconds=1), 12, NOTHING_HELD)}
                    )
                await asyncio.sleep(0.2)
                assert live.number == before + 1
                with stage.database.write() as on:
                    changed(on, "host-002", "edge", **DEGRADED)
                await eventually(lambda: live.number == before + 2)
                said = await watching.content.readuntil(f"data: {live.number}\n\n".encode())
                assert said.startswith(b"retry: ")
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await runner.cleanup()

    with furnished(tmp_path, 2) as stage:
        run(scene(stage))


def test_a_page_that_is_asked_for_since_something_changed_shows_the_change(tmp_path: Path) -> None:
    """Also where what it is made of was read for somebody else right before."""

    async def scene(stage: Stage) -> None:
        reading, live = stage.reading(kept_s=60.0), Live(pause_s=0.0)
        routes = FleetPages(reading).routes

        def shown(path: str, **named: str) -> str:
            return read(routes[path](replace(LAYOUT, number=live.number), Asked(named, {}))[1])

        def all_shown() -> tuple[str, ...]:
            return shown("/documents"), shown("/documents/{name}", name="orders"), shown("/rollouts")

        before, number = all_shown(), live.number
        with stage.database.write() as on:
            changed(on, "host-001", "orders", **DEGRADED)
        live._watching.add(asyncio.Event())  # a browser
        telling = asyncio.create_task(keep_live(live, reading, look_s=0.02))
        await eventually(lambda: live.number > number)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        assert [old != new for old, new in zip(before, all_shown(), strict=True)] == [True, True, True]

    with furnished(tmp_path, 3) as stage:
        run(scene(stage))


def test_reports_stand_worst_first() -> None:
    found = reports_of(
        [{"id": "b", "phase": "converged"}, {"id": "a", **DRIFTED}, {"id": "c", "phase": "converged"}]
    )
    assert [item.document for item in found] == ["a", "b", "c"]
    assert tuple(CONDITIONS)[-1] == "Converged"


def test_tasks_are_counted_by_state(stage: Stage) -> None:
    with stage.database.read() as on:
        assert tasks.by_state(on) == {"succeeded": 2, "failed": 2, "running": 2, "queued": 2}
