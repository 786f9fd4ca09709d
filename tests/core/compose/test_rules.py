"""The rules of planning for projects: what blocks, what is kept, what is collected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import names
from reconciler.core.action import ComposeUp, PullImage, StartService
from reconciler.core.container import Mount, PortBinding
from reconciler.core.deployment import compose_files
from reconciler.core.desired import Condition, Dependency, DesiredState, Release, Suspension
from reconciler.core.hook import Hook
from reconciler.core.judge import judge, unseen
from reconciler.core.observation import Status
from reconciler.core.planning import make_plan, orphan_plan
from reconciler.core.project import DIRECTORY_LABEL, PROJECT_LABEL, SERVICE_LABEL, Need, artifact, stages
from reconciler.core.pruning import prune_plan
from reconciler.core.situation import unmet_dependencies
from reconciler.core.subject import subject
from reconciler.core.views import view_of
from tests.core.compose.host import DOCUMENT, Box, Dies, Host, document, reference, service
from tests.core.compose.test_never_worse import deployed, killed, release, wants
from tests.simulator.player import Player
from tests.simulator.world import World


def one(number: str = "1", **fields: Any) -> DesiredState:
    return document(number, service("web", fields.pop("image", "web"), config=fields.pop("config", {})), **fields)


def container() -> DesiredState:
    return DesiredState(name=DOCUMENT, release=Release("2", "2"), image=reference("web"), container_name="web")


def running(**fields: Any) -> Host:
    host = Host()
    host.settle(one(**fields))
    return host


def stranger(host: Host, name: str = "theirs", **labels: str) -> Box:
    theirs = {PROJECT_LABEL: "shop", DIRECTORY_LABEL: "/home/ana/shop", SERVICE_LABEL: "web"}
    return host.add(name, {**theirs, **labels})


def kinds(host: Host, **fields: Any) -> list[str]:
    return [action.kind for action in host.plan(**fields).actions]


def words(host: Host) -> tuple[str, str, str]:
    situation = host.situation()
    found = judge(situation, make_plan(situation))
    return found.sync, found.health, found.phase


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {DIRECTORY_LABEL: "/srv/shop", names.OWNER: "somebody"},
        {DIRECTORY_LABEL: "/srv/shop", names.DOCUMENT: "another"},
    ],
)
def test_a_strangers_container_in_the_project_blocks_everything(labels: dict[str, str]) -> None:
    host = running()
    stranger(host, **labels)
    host.boxes.remove(host.box("shop-web-1"))
    for wanted in (one(), one("2")):
        host.wanted = wanted
        plan = host.plan()
        assert "which is not ours" in plan.blocked
        assert plan.actions == ()
        assert "foreign" in {item.kind for item in plan.drift}


def test_a_strangers_container_keeps_undo_and_prune_from_taking_it_down() -> None:
    host = wants(running(), one("2", image="new"))
    host.die_in_up = 1
    with pytest.raises(Dies):
        host.one_pass()
    assert host.plan().purpose == "undo"
    box = stranger(host)
    assert (host.plan().purpose, host.plan().actions) == ("none", ())
    assert host.plan().blocked.startswith("generation 2 is to be taken back, but project shop has theirs")
    assert words(host)[2] == "Blocked"
    assert "theirs" in prune_plan(host.situation()).blocked
    host.boxes.remove(box)
    host.settle()
    host.add("theirs", {PROJECT_LABEL: "store"})
    assert prune_plan(host.situation()).actions


def test_a_stranger_on_a_name_that_is_needed_blocks() -> None:
    host = wants(Host(), one())
    host.add("shop-web-1")
    assert "the name shop-web-1 is held by" in host.plan().blocked
    assert words(host) == ("OutOfSync", "Missing", "Blocked")


def test_a_strangers_project_with_the_former_name_blocks_prune() -> None:
    host = running()
    host.settle(one("2", project_name="store"))
    stranger(host)
    assert host.plan().blocked == ""
    assert "theirs" in prune_plan(host.situation()).blocked


def test_what_the_policy_refuses_is_not_deployed_and_the_former_is_kept_well() -> None:
    host = wants(running(), one("2"))
    plan = host.plan(refusals=("web: privileged",))
    assert plan.blocked == "the host's policy refuses: web: privileged"
    assert plan.actions == ()
    host.box("shop-web-1").status = "exited"
    assert "start-service" in kinds(host, refusals=("web: privileged",))


def test_what_was_deployed_before_the_policy_refused_it_stays_in_sync_and_says_so() -> None:
    host = running()
    situation = host.situation(refusals=("shop, service web is privileged",))
    found = judge(situation, make_plan(situation))
    assert (found.sync, found.health, found.phase) == ("Synced", "Healthy", "Converged")
    assert found.reason == "the host's policy refuses: shop, service web is privileged"


def test_what_the_policy_refuses_is_not_adopted_either() -> None:
    world = World()
    player = Player(world, world.desired(adopt=True))
    world.engine.by_hand.run("web")
    plan = make_plan(replace(player.situation("web"), refusals=("privileged",)))
    assert (plan.blocked, plan.actions) == ("the host's policy refuses: privileged", ())


def test_a_document_becomes_no_other_kind_of_thing() -> None:
    host = running()
    host.wanted = container()
    assert "give it another name" in host.plan().blocked
    host.box("shop-web-1").status = "exited"
    assert "start-service" in kinds(host)


def test_what_was_begun_as_another_kind_is_taken_back_as_that() -> None:
    host = wants(Host(), one())
    host.die_in_up = 0
    with pytest.raises(Dies):
        host.one_pass()
    host.wanted = container()
    assert kinds(host)[-2:] == ["compose-down", "record-undone"]


def test_a_host_port_that_another_container_holds_waits() -> None:
    ports = (PortBinding(80, host_port=8080),)
    host = wants(Host(), one(config={"ports": ports}))
    host.add("proxy", config=replace(service("x").config, ports=ports))
    assert host.plan().blocked == "host port 8080/tcp is held by container proxy"
    assert host.plan().waiting


def test_the_projects_own_containers_hold_no_port_against_it() -> None:
    config = {"ports": (PortBinding(80, host_port=8080),)}
    host = running(config=config)
    host.settle(one("2", image="new", config=config))
    assert host.box("shop-web-1").image == reference("new")


def test_dependencies_keep_a_heal_and_a_deploy_waiting() -> None:
    host = running()
    host.boxes.clear()
    assert host.plan(unmet=("db",)).waiting
    assert wants(host, one("2")).plan(unmet=("db",)).waiting


def test_a_suspended_project_is_left_alone() -> None:
    host = wants(running(), replace(one("2"), suspend=Suspension("ana", "look")))
    assert host.plan().blocked == "suspended by ana: look"
    assert words(host)[1] == "Suspended"


def test_a_heal_that_does_not_help_is_held_and_let_go_when_it_is_stable() -> None:
    host = running()
    host.behaviours["web"] = "exits"
    host.box("shop-web-1").status = "exited"
    for _ in range(5):
        assert "record-heal" in [action.kind for action in host.one_pass().actions]
    assert kinds(host) == ["hold"]
    host.one_pass()
    assert host.plan().held
    host.behaviours.clear()
    host.box("shop-web-1").status = "running"
    host.now = 1000.0
    assert kinds(host) == ["release-hold"]
    host.box("shop-web-1").health = "unhealthy"
    assert kinds(host) == []
    host.boxes.clear()
    assert host.plan().held


def test_a_failed_release_is_quarantined_and_the_former_is_kept_well() -> None:
    host = Host(behaviours={"bad": "exits"})
    host.settle(one())
    host.settle(one("2", image="bad"))
    assert host.plan().held
    assert host.box("shop-web-1").image == reference("web")
    host.box("shop-web-1").status = "exited"
    assert host.settle().held
    assert host.box("shop-web-1").status == "running"
    host.settle(one())
    assert not host.journal.record(DOCUMENT).quarantined


def test_a_former_release_that_does_not_serve_comes_before_another_try() -> None:
    host = wants(running(), one("2"))
    host.box("shop-web-1").status = "exited"
    record = replace(host.journal.record(DOCUMENT), failures=1)
    plan = make_plan(replace(host.situation(), record=record))
    assert plan.notes == ("the wanted release is tried again once the former one serves",)


def test_a_committed_revision_that_failed_since_is_not_made_anew_for_a_difference() -> None:
    host = running()
    host.box("shop-web-1").image = reference("else")
    record = host.journal.record(DOCUMENT)
    record = replace(record, quarantined={one().fingerprint: "failed"})
    plan = make_plan(replace(host.situation(), record=record))
    assert (plan.held, plan.actions) == (True, ())


def test_images_that_are_not_there_are_pulled_before_compose_runs() -> None:
    host = running()
    host.boxes.clear()
    host.absent_images.add(str(reference("web")))
    (pull,) = [action for action in host.plan().actions if isinstance(action, PullImage)]
    assert pull.cause == "the host does not have the image of web"
    host.settle()
    assert not host.absent_images


def test_a_stopped_container_whose_network_is_gone_is_made_anew() -> None:
    host = running()
    host.box("shop-web-1").status = "exited"
    situation = host.situation()
    plan = make_plan(replace(situation, observation=replace(situation.observation, networks=frozenset())))
    (up,) = [action for action in plan.actions if isinstance(action, ComposeUp)]
    assert (up.recreate, up.restarts) == (("web",), ())


def test_a_container_that_is_being_removed_is_waited_for() -> None:
    host = running()
    host.box("shop-web-1").status = "removing"
    assert kinds(host) == []


def starts(host: Host) -> list[tuple[str, str]]:
    return [(item.service, item.cause) for item in host.plan().actions if isinstance(item, StartService)]


def test_every_service_is_started_after_compose_whatever_it_was_expected_to_recreate() -> None:
    host = Host()
    services = (service("db"), service("web", needs=(Need("db"),)))
    host.settle(document("1", *services))
    host.box("shop-web-1").status = "exited"
    host.wanted = document("2", *services)
    assert starts(host) == [("db", "Compose may have recreated it"), ("web", "release 2 is wanted, 1 runs")]
    host.wanted = document("1", *services)
    assert [name for name, _ in starts(host)] == ["web"]
    host.boxes.remove(host.box("shop-web-1"))
    assert [name for name, _ in starts(host)] == ["db", "web"]


@pytest.mark.parametrize("lost", ["web", "db"])
def test_what_a_newer_compose_recreates_besides_is_started_too(lost: str) -> None:
    """Its hashes are others, so that it recreates what nobody expects."""
    host = deployed()
    host.compose = "next"
    host.boxes.remove(host.box(f"shop-{lost}-1"))
    host.one_pass()
    assert host.plan().actions == ()
    assert {box.status for box in host.boxes if box.service != "job"} == {"running"}


def test_a_service_that_is_not_well_keeps_no_other_back() -> None:
    host = Host()
    needs = {"a-web": (Need("db", "healthy"),), "export": (Need("cache"),), "z-web": (Need("queue", "healthy"),)}
    names = ("a-web", "cache", "db", "export", "queue", "z-web")
    host.settle(document("1", *(service(name, needs=needs.get(name, ())) for name in names)))
    for name in ("shop-export-1", "shop-z-web-1"):
        host.boxes.remove(host.box(name))
    kinds = [action.target for action in host.plan().actions if action.kind in {"start-service", "wait-service"}]
    started = ["cache", "db", "queue", "export", "queue", "z-web", "db", "a-web"]
    assert kinds == [f"shop/{name}" for name in started]


def test_nothing_is_paused_when_compose_comes() -> None:
    """It fails over a paused container that it leaves as it is."""
    host = Host()
    host.settle(document("1", service("db"), service("web")))
    host.box("shop-db-1").status = "paused"
    host.boxes.remove(host.box("shop-web-1"))
    assert [kind for kind in kinds(host) if kind in {"unpause-container", "compose-up"}] == [
        "unpause-container",
        "compose-up",
    ]
    host.wanted = document("2", service("db"), service("web"))
    assert "unpause-container" in kinds(host)
    host.wanted = document("1", service("db"), service("web"))
    host.settle()
    assert {box.status for box in host.boxes} == {"running"}


def test_what_compose_sees_for_itself_is_not_forced_besides() -> None:
    host = wants(deployed(), release("2", "bad"))
    host.one_pass()
    (up,) = [action for action in host.plan().actions if isinstance(action, ComposeUp)]
    assert (up.recreate, up.changes) == ((), ("web",))


def test_folders_and_images_beyond_the_last_three_good_releases_go() -> None:
    host = Host()
    for number in "12345":
        host.settle(one(number, image=f"web{number}"))
    folders = {path.split("/")[1] for path in host.files["/srv/shop"] if path.startswith("revisions/")}
    assert folders == {one(number, image=f"web{number}").fingerprint for number in "345"}
    assert host.absent_images == {str(reference("web1")), str(reference("web2"))}


def test_images_of_hooks_go_with_the_releases_that_needed_them() -> None:
    host = Host()
    for number in "12345":
        # a hook of the way back: none of these deploys runs it, all keep its image
        hook = Hook(name="preRollback", command=("x",), image=reference(f"tools{number}"))
        host.settle(one(number, image="web", hooks=(hook,)))
    assert host.absent_images == {str(reference("tools1")), str(reference("tools2"))}


def test_an_image_that_another_document_needs_stays() -> None:
    host = Host()
    for number in "123":
        host.settle(one(number, image=f"web{number}"))
    host.wanted = one("4", image="web4")
    needed = {str(reference("web1")): frozenset({DOCUMENT, "other"})}
    assert "remove-image" in kinds(host)
    assert "remove-image" not in kinds(host, needed_by=needed)


def test_a_former_project_in_its_own_directory_goes_with_it() -> None:
    host = running()
    host.settle(one("2", project_name="store", directory="/srv/store"))
    assert set(host.files) == {"/srv/store"}
    assert [box.name for box in host.boxes] == ["store-web-1"]


@pytest.mark.parametrize("config", [{"mounts": (Mount("/data", "/data", "bind"),)}, {}])
def test_two_projects_that_write_the_same_data_are_never_there_together(config: dict[str, Any]) -> None:
    host = wants(running(config=config), one("2", project_name="store", config=config))
    found = kinds(host)
    assert (found.index("compose-down") < found.index("compose-up")) == bool(config)


def test_prune_takes_down_and_removes_everything_but_volumes() -> None:
    host = running()
    plan = prune_plan(host.situation())
    assert orphan_plan(host.situation()).drift[0].found == "project shop"
    assert [action.kind for action in plan.actions] == [
        "compose-down",
        "remove-deployment",
        "remove-sticker",
        "forget-document",
    ]
    for action in plan.actions:
        host.perform(action)
    assert (host.boxes, host.files) == ([], {})


def test_leftovers_of_a_killed_compose_are_removed_or_take_the_name() -> None:
    found = set()
    for step in range(1, 5):
        host = wants(running(), one("2", image="new"))
        host.die_in_up = step
        killed(host, 0, "")
        found |= {kind for kind in kinds(host) if kind in {"remove-container", "rename-container"}}
        found |= {item.found for item in host.plan().drift if item.kind == "compose-service-extra"}
        host.settle()
        assert [box.name for box in host.boxes] == ["shop-web-1"]
    assert found == {"remove-container", "rename-container", "left half-made"}


@pytest.mark.parametrize("key", ["0", "f"])
@pytest.mark.parametrize("status", ["running", "paused", "exited"])
def test_of_two_containers_with_one_number_the_one_with_the_right_name_stays(key: str, status: Status) -> None:
    host = running()
    real = host.box("shop-web-1")
    host.add("copy", dict(real.labels), status=status).id = key * 64
    assert [item for item in kinds(host) if item.endswith("container")] == [
        *(["stop-container"] if status != "exited" else []),
        "remove-container",
    ]
    host.settle()
    assert host.boxes == [real]
    host.add("copy", dict(real.labels), status=status).id = key * 64
    host.settle(one("2", image="new"))
    assert [box.name for box in host.boxes] == ["shop-web-1"]


def test_too_many_containers_of_a_service_are_removed() -> None:
    host = Host()
    host.settle(document("1", service("web", replicas=2)))
    host.settle(document("2", service("web", replicas=1)))
    assert [box.name for box in host.boxes] == ["shop-web-1"]


def test_status_tells_release_and_health_from_live_containers() -> None:
    host = Host(behaviours={"job": "done", "bad": "exits"})
    host.settle(release("1"))
    assert words(host) == ("Synced", "Healthy", "Converged")
    found = judge(host.situation(), host.plan())
    assert (found.running_release, found.running_digest) == ("1", found.desired_digest)
    host.settle(release("2", "bad"))
    assert words(host) == ("OutOfSync", "Healthy", "RolledBack")
    assert judge(host.situation(), host.plan()).running_release == "1"
    assert unseen(host.situation(), "away").running_release == "1"


@pytest.mark.parametrize(
    ("status", "health", "word"),
    [
        ("running", "starting", "Progressing"),
        ("running", "unhealthy", "Degraded"),
        ("exited", "none", "Degraded"),
        ("created", "none", "Progressing"),
    ],
)
def test_health_is_the_worst_of_the_services(status: Any, health: Any, word: str) -> None:
    host = deployed()
    box = host.box("shop-web-1")
    box.status, box.health = status, health
    assert words(host)[1] == word
    host.boxes.remove(box)
    assert words(host)[1] == "Degraded"


def test_a_project_of_which_nothing_runs_is_missing_and_has_no_release() -> None:
    host = running()
    host.box("shop-web-1").status = "exited"
    assert words(host)[1] == "Missing"
    assert judge(host.situation(), host.plan()).running_release == ""
    host.box("shop-web-1").status = "running"
    host.box("shop-web-1").image = reference("strange")
    assert judge(host.situation(), host.plan()).running_release == ""


def test_of_releases_with_the_same_images_the_hashes_tell_which_one_runs() -> None:
    host = running()
    host.settle(one("2", config={"environment": {"LEVEL": "debug"}}))
    assert judge(host.situation(), host.plan()).running_release == "2"
    kind = container()
    record = host.journal.record(DOCUMENT)
    older = replace(record.revisions[0], desired=kind, fingerprint=kind.fingerprint)
    more = replace(host.situation(), record=replace(record, revisions=(older, *record.revisions)))
    assert judge(more, make_plan(more)).running_release == "2"


@pytest.mark.parametrize(
    ("condition", "change", "problem"),
    [
        ("started", {}, ""),
        ("healthy", {}, ""),
        ("completed", {}, "web is no job, it never ends"),
        ("started", {"status": "exited"}, "web is exited"),
        ("healthy", {"health": "starting"}, "web is starting"),
        ("started", {"health": "starting"}, ""),
    ],
)
def test_others_may_depend_on_a_project(condition: Condition, change: dict[str, Any], problem: str) -> None:
    host = running()
    for key, value in change.items():
        setattr(host.box("shop-web-1"), key, value)
    assert _unmet(host, condition) == problem


@pytest.mark.parametrize(
    ("condition", "exit_code", "problem"),
    [
        ("completed", 0, ""),
        ("completed", 1, "job is exited, not ended with 0"),
        ("healthy", 1, "job is exited, not ended with 0"),
        ("started", 1, ""),
    ],
)
def test_others_may_depend_on_jobs(condition: Condition, exit_code: int, problem: str) -> None:
    host = Host(behaviours={"job": "done"})
    host.settle(document("1", service("job", completes=True)))
    host.box("shop-job-1").exit_code = exit_code
    assert _unmet(host, condition) == problem


def test_a_project_that_lacks_a_container_serves_nobody() -> None:
    host = running()
    host.boxes.clear()
    assert _unmet(host, "started") == "web is not there"


def _unmet(host: Host, condition: Condition) -> str:
    desired = replace(one(), name="other", depends_on=(Dependency(DOCUMENT, condition),))
    found = unmet_dependencies(desired, host.situation().observation, host.journal.records())
    return found[0].partition("): ")[2] if found else ""


def test_a_subject_names_what_must_be_read() -> None:
    host = running()
    host.settle(one("2", project_name="store", directory="/srv/store"))
    wanted = one("3", directory="/srv/store", files=(artifact("a.conf", b"a"),), project_name="store")
    found = subject(wanted, host.journal.record(DOCUMENT))
    assert found.projects == {"shop", "store"}
    assert found.directory == "/srv/store"
    assert sum(path.startswith("revisions/") for path in found.files) == 6
    assert f"files/{artifact('', b'a').sha256}/a.conf" in found.files
    assert wanted.project is not None
    assert compose_files(wanted.project, "f")[0] == "/srv/store/revisions/f/compose.stella.lock.yml"
    assert subject(container(), host.journal.record("other")).files == ()


def test_a_service_of_which_none_is_wanted_is_not_started() -> None:
    host = Host()
    host.settle(document("1", service("web"), service("idle", replicas=0)))
    assert [box.name for box in host.boxes] == ["shop-web-1"]


def test_actions_on_a_document_that_is_no_project_are_a_mistake() -> None:
    action = ComposeUp(document="web", cause="", desired=container())
    with pytest.raises(ValueError, match="no Compose project"):
        _ = action.project


def test_every_action_of_a_project_says_what_it_acts_on() -> None:
    host = Host()
    for number in "12345":
        host.wanted = one(number, image=f"web{number}")
        targets = {action.kind: action.target for action in host.one_pass().actions}
    host.wanted = one("6")
    targets |= {action.kind: action.target for action in prune_plan(host.situation()).actions}
    assert targets["compose-up"] == "shop (web)"
    assert targets["start-service"] == "shop/web"
    assert targets["write-revision"].startswith("/srv/shop/revisions/")
    assert targets["remove-revision"].startswith("/srv/shop/revisions/")
    assert targets["activate-revision"].startswith("shop -> ")
    assert targets["remove-deployment"] == "/srv/shop"
    assert targets["check-project"] == "shop"
    assert ComposeUp(document="shop", cause="", desired=one()).target == "shop"


def test_needs_in_a_circle_end_nothing() -> None:
    project = document("1", service("a", needs=(Need("b"),)), service("b", needs=(Need("a"),))).project
    assert project is not None
    assert [len(stage) for stage in stages(project)] == [2]


def test_a_project_that_lacks_a_job_is_not_stable() -> None:
    host = deployed()
    assert view_of(host.situation()).stable()
    host.boxes.remove(host.box("shop-job-1"))
    assert not view_of(host.situation()).stable()


def test_what_was_begun_of_a_revision_that_history_lost_is_taken_back_as_the_wanted_one() -> None:
    host = wants(Host(), one())
    host.die_in_up = 0
    with pytest.raises(Dies):
        host.one_pass()
    situation = host.situation()
    lost = replace(situation, record=replace(situation.record, revisions=()))
    assert [action.kind for action in make_plan(lost).actions] == ["compose-down", "record-undone"]


def test_a_container_that_was_begun_before_the_document_became_a_project_is_taken_back() -> None:
    world = World()
    player = Player(world, world.desired())
    player.settle_killed_at(5, "after")
    situation = replace(player.situation("web"), desired=replace(one(), name="web"))
    plan = make_plan(situation)
    assert (plan.purpose, plan.actions[-1].document) == ("undo", "web")


def test_a_container_that_is_gone_is_not_stable() -> None:
    player = Player(world := World(), world.desired())
    player.settle()
    assert view_of(player.situation("web")).stable()
    world.engine.by_hand.remove("web")
    assert not view_of(player.situation("web")).stable()


def test_what_two_services_need_is_waited_for_once() -> None:
    needs = (Need("db", "healthy"),)
    host = wants(Host(), document("1", service("db"), service("a", needs=needs), service("b", needs=needs)))
    assert kinds(host).count("wait-service") == 1


@pytest.mark.parametrize("former", ["fixed", "other"])
def test_services_exchange_their_container_names_and_take_them_back(former: str) -> None:
    host = Host(behaviours={"bad": "exits"})
    first = document("1", service("db", container_name="fixed"), service("api", container_name="other"))
    host.settle(first)
    swapped = (service("db", container_name="other"), service("api", container_name=former))
    swapped = swapped if former == "fixed" else (replace(swapped[0], container_name=""), swapped[1])
    host.settle(document("2", *swapped))
    held = {box.name: box.service for box in host.boxes}
    assert held == ({"other": "db", "fixed": "api"} if former == "fixed" else {"shop-db-1": "db", "other": "api"})
    host.settle(document("3", service("db", "bad", container_name="fixed"), service("api", container_name="x")))
    assert {box.name: box.service for box in host.boxes} == held
    host.settle(first)
    assert {box.name: box.service for box in host.boxes} == {"fixed": "db", "other": "api"}
