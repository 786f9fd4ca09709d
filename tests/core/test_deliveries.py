"""Files and secrets from the plan to the container, on a simulated host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.action import (
    CollectFiles,
    CreateContainer,
    DeliverFiles,
    RecordIntent,
    RunHook,
    StartContainer,
)
from reconciler.core.container import ContainerConfig, HealthProbe, Mount
from reconciler.core.delivery import Places, brought, delivered_file, delivered_secret, sealed_variable
from reconciler.core.desired import DesiredState, DriftPolicy
from reconciler.core.hook import Hook
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plan_json
from reconciler.core.planning import make_plan
from reconciler.core.policy import Policy, on_host, refusals
from reconciler.core.subject import subject
from tests.simulator.behaviour import unhealthy
from tests.simulator.deliveries import PLACES, opened
from tests.simulator.oracle import violations
from tests.simulator.player import Player
from tests.simulator.world import Killed, World

CONFIG = ContainerConfig(health=HealthProbe(test=("CMD", "probe")))
FILE = delivered_file("/etc/app.yml", b"level: info\n")
SECRET = delivered_secret("db", "cipher-1", "/run/secrets/db")
ROTATED = delivered_secret("db", "cipher-2", "/run/secrets/db")
TOKEN = sealed_variable("token", "cipher-t", "API_TOKEN")
NEW_TOKEN = sealed_variable("token", "cipher-u", "API_TOKEN")
BOTH = (FILE, SECRET)
MOST_ACTIONS = 60


def deployed(world: World | None = None, **fields: Any) -> Player:
    """Release 1 serves, with a file, a secret and a variable."""
    own = world or World()
    wish = {"deliveries": BOTH, "variables": (TOKEN,), "config": CONFIG, **fields}
    player = Player(own, own.desired(**wish))
    assert player.settle().kind == "converged"
    assert violations(player) == []
    return player


def changed(player: Player, **fields: Any) -> Player:
    player.want(replace(player.documents["web"], **fields))
    return player


def told(plan: Plan) -> set[tuple[str, str, str, str]]:
    return {(item.kind, item.path, item.wanted, item.found) for item in plan.drift}


def kinds(plan: Plan) -> list[str]:
    return [action.kind for action in plan.actions]


def path(player: Player, item: Any = SECRET) -> str:
    return str(item.path(player.world.deliveries.places, "web"))


# Deploying.


def test_all_is_delivered_after_the_intent_and_before_the_container_is_made() -> None:
    world = World()
    plan = Player(world, world.desired(deliveries=BOTH, variables=(TOKEN,))).plan()
    order = [type(action) for action in plan.actions]
    assert order.index(RecordIntent) < order.index(DeliverFiles) < order.index(CreateContainer)
    assert order.index(CreateContainer) < order.index(StartContainer)
    (deliver,) = (action for action in plan.actions if isinstance(action, DeliverFiles))
    assert (deliver.deliveries, deliver.target) == (BOTH, "/etc/app.yml, db")


def test_the_container_is_made_with_the_mounts_and_the_label_but_not_with_the_value() -> None:
    player = deployed()
    container = player.world.engine.container("web")
    assert set(container.config.mounts or ()) == {item.mount(PLACES, "web") for item in BOTH}
    assert all(mount.read_only for mount in container.config.mounts or ())
    assert (container.config.labels or {})["stella.secret.token"] == TOKEN.version[:12]
    assert (container.config.environment or {})["API_TOKEN"] == opened("cipher-t").decode()
    assert player.plan().drift == ()
    assert player.idle()


def test_no_plan_holds_what_a_secret_or_its_ciphertext_says() -> None:
    world = World()
    plan = Player(world, world.desired(deliveries=BOTH, variables=(TOKEN,))).plan()
    for word in ("cipher-1", "cipher-t", "level: info", "value of"):
        assert word not in str(plan_json(plan)) + repr(plan)


def test_declared_mounts_stay_beside_what_is_delivered() -> None:
    config = replace(CONFIG, mounts=(Mount("/data", "data"),))
    player = deployed(config=config)
    assert player.plan().drift == ()
    container = player.world.engine.container("web")
    other = tuple(item for item in container.config.mounts or () if item.target != "/data")
    container.config = replace(container.config, mounts=(*other, Mount("/data", "other")))
    assert told(player.plan()) == {("mounts", "config.volumes", "[data:/data]", "[other:/data]")}


def test_a_kept_container_finds_its_files_before_it_is_started_again() -> None:
    player = deployed(cleanup_previous=False)
    first = player.documents["web"]
    changed(player, deliveries=(FILE, ROTATED)).settle()
    player.world.deliveries.reboot()
    player.world.deliveries.lost = ""
    player.want(first)
    plan = player.plan()
    assert "create-container" not in kinds(plan)
    assert kinds(plan).index("deliver-files") < kinds(plan).index("start-container")
    player.settle()
    assert violations(player) == []


# What differs.


def test_a_rotated_secret_is_drift_of_its_own_kind_and_is_deployed() -> None:
    player = changed(deployed(), deliveries=(FILE, ROTATED))
    plan = player.plan()
    assert plan.purpose == "deploy"
    assert told(plan) == {("secret", "config.secrets.db", ROTATED.version[:12], SECRET.version[:12])}
    player.settle()
    assert violations(player) == []
    assert player.plan().drift == ()


def test_a_changed_file_is_drift_and_is_deployed() -> None:
    other = delivered_file("/etc/app.yml", b"level: debug\n")
    player = changed(deployed(), deliveries=(other, SECRET))
    assert told(player.plan()) == {("files", "config.files./etc/app.yml", other.version[:12], FILE.version[:12])}
    player.settle()
    assert violations(player) == []


def test_another_value_in_a_variable_is_drift_by_its_label() -> None:
    player = changed(deployed(), variables=(NEW_TOKEN,))
    assert told(player.plan()) == {("secret", "config.secrets.token", NEW_TOKEN.short, TOKEN.short)}
    player.settle()
    assert violations(player) == []


def test_what_is_no_longer_declared_is_drift_and_its_value_is_not_shown() -> None:
    player = changed(deployed(), deliveries=(), variables=())
    plan = player.plan()
    assert told(plan) == {
        ("files", "config.files./etc/app.yml", "none", FILE.short),
        ("secret", "config.secrets.db", "none", SECRET.short),
        ("secret", "config.secrets.token", "none", TOKEN.short),
    }
    assert "value of" not in str(plan_json(plan))
    player.settle()
    assert player.plan().drift == ()


def test_a_variable_becomes_a_plain_one_and_is_compared_again() -> None:
    plain = replace(CONFIG, environment={"API_TOKEN": "plain"})
    player = changed(deployed(), variables=(), config=plain)
    assert "value of" not in str(player.plan().drift)
    player.settle()
    assert player.plan().drift == ()
    container = player.world.engine.container("web")
    container.config = replace(container.config, environment={"API_TOKEN": "else"})
    assert [item.path for item in player.plan().drift] == ["config.environment.API_TOKEN"]


def test_a_container_without_what_it_should_have_says_none() -> None:
    world = World()
    image = world.publish("shop/web")
    world.engine.by_hand.run("web", image=image, config=ContainerConfig(mounts=(Mount("/etc/app.yml", "data"),)))
    player = Player(world, world.desired(image=image, deliveries=BOTH, variables=(TOKEN,), adopt=True))
    assert {
        ("files", "config.files./etc/app.yml", FILE.short, "data:/etc/app.yml"),
        ("secret", "config.secrets.db", SECRET.short, "none"),
        ("secret", "config.secrets.token", TOKEN.short, "none"),
    } <= told(player.plan())
    player.settle()
    assert violations(player) == []
    assert player.plan().drift == ()


@pytest.mark.parametrize(
    ("item", "kind", "place"),
    [(FILE, "files", "config.files./etc/app.yml"), (SECRET, "secret", "config.secrets.db")],
)
def test_what_was_altered_on_the_host_is_put_right_and_the_container_replaced(
    item: Any, kind: str, place: str
) -> None:
    player = deployed()
    before = player.world.engine.container("web").id
    player.world.deliveries.alter(path(player, item))
    plan = player.plan()
    assert told(plan) == {(kind, place, f"version {item.short}", "altered")}
    assert plan.purpose == "heal"
    player.settle()
    assert player.world.engine.container("web").id != before
    assert violations(player) == []


@pytest.mark.parametrize("item", BOTH)
def test_what_is_gone_from_under_a_running_container_comes_back_without_a_restart(item: Any) -> None:
    player = deployed()
    before = player.world.engine.container("web").started_at
    player.world.deliveries.drop(path(player, item))
    assert [entry[3] for entry in told(player.plan())] == ["absent"]
    assert kinds(player.plan()) == ["deliver-files"]
    player.settle()
    assert player.world.engine.container("web").started_at == before
    assert violations(player) == []


def test_a_host_that_only_warns_shows_what_is_gone_and_leaves_it() -> None:
    player = deployed(drift=DriftPolicy(mode="warn"))
    player.world.deliveries.drop(path(player))
    plan = player.plan()
    assert (kinds(plan), plan.blocked) == ([], "")
    assert plan.drift


def test_what_the_document_ignores_is_no_difference() -> None:
    player = deployed(drift=DriftPolicy(ignore=("config.secrets",)))
    player.world.deliveries.drop(path(player))
    assert player.plan().drift == ()


# What cannot be opened.


def test_a_secret_that_cannot_be_opened_blocks_before_anything_is_touched() -> None:
    world = World()
    world.deliveries.lost = "no identity fits; ask whoever encrypted it"
    player = Player(world, world.desired(deliveries=BOTH))
    plan = player.plan()
    assert plan.actions == ()
    assert plan.blocked == "the secret db cannot be had here: no identity fits; ask whoever encrypted it"
    assert player.settle().kind == "blocked"
    assert world.engine.mutations == 0


def test_a_variable_that_cannot_be_opened_blocks_too() -> None:
    world = World()
    world.deliveries.sealed[TOKEN.version] = "it is damaged"
    plan = Player(world, world.desired(variables=(TOKEN,))).plan()
    assert (plan.actions, plan.blocked) == ((), "the secret token cannot be had here: it is damaged")


def test_a_host_that_can_deliver_nothing_blocks_what_has_something_to_deliver() -> None:
    world = World()
    world.deliveries.problem = "the engine is on another host"
    assert Player(world, world.desired(deliveries=(FILE,))).plan().blocked == "the engine is on another host"
    assert Player(world, world.desired(variables=(TOKEN,))).plan().blocked == ""


def test_an_adoption_waits_for_secrets_that_cannot_be_opened() -> None:
    world = World()
    image = world.publish("shop/web")
    world.engine.by_hand.run("web", image=image)
    world.deliveries.lost = "no identity"
    player = Player(world, world.desired(image=image, variables=(TOKEN,), adopt=True))
    plan = player.plan()
    assert plan.actions == ()
    assert "no identity" in plan.blocked
    world.deliveries.lost = ""
    assert player.settle().kind == "converged"


def test_while_the_wanted_secret_cannot_be_opened_the_former_release_is_kept_well() -> None:
    player = deployed()
    player.world.deliveries.sealed[ROTATED.version] = "is for another host"
    changed(player, deliveries=(FILE, ROTATED))
    player.world.engine.by_hand.stop("web")
    assert player.plan().blocked == "the secret db cannot be had here: is for another host"
    player.settle()
    assert player.world.engine.container("web").status == "running"
    assert violations(player) == []
    player.world.deliveries.sealed.clear()
    player.settle()
    assert player.plan().drift == ()


def test_a_container_that_runs_well_is_left_alone_when_its_secret_can_no_longer_be_opened() -> None:
    player = deployed()
    player.world.deliveries.lost = "the identity is gone"
    assert player.idle()
    assert player.plan().blocked == ""
    player.world.deliveries.drop(path(player))
    plan = player.plan()
    assert (plan.actions, plan.blocked) == ((), "the secret db cannot be had here: the identity is gone")
    assert player.world.engine.container("web").status == "running"


def test_a_restart_that_needs_the_secret_and_cannot_have_it_is_blocked() -> None:
    player = deployed()
    player.world.deliveries.lost = "the identity is gone"
    player.world.reboot()
    plan = player.plan()
    assert (plan.actions, plan.blocked) == ((), "the secret db cannot be had here: the identity is gone")
    player.world.deliveries.lost = ""
    player.settle()
    assert violations(player) == []


def test_a_restart_needs_nothing_opened_while_what_it_needs_lies_there() -> None:
    player = deployed()
    player.world.deliveries.lost = "the identity is gone"
    player.world.engine.by_hand.stop("web")
    player.settle()
    assert violations(player) == []


def test_what_is_gone_and_can_be_had_comes_back_beside_what_cannot() -> None:
    player = deployed()
    for item in BOTH:
        player.world.deliveries.drop(path(player, item))
    player.world.deliveries.lost = "the identity is gone"
    plan = player.plan()
    (deliver,) = (action for action in plan.actions if isinstance(action, DeliverFiles))
    assert deliver.deliveries == (FILE,)
    assert "the identity is gone" in plan.blocked


# Going back, and collecting.


def test_a_failed_release_gives_way_to_the_former_one_with_its_own_secret() -> None:
    player = deployed()
    bad = player.world.publish("shop/bad", behaviour=unhealthy())
    changed(player, image=bad, deliveries=(FILE, ROTATED))
    player.settle()
    assert violations(player) == []
    assert set(player.world.engine.container("web").config.mounts or ()) == {x.mount(PLACES, "web") for x in BOTH}


def test_taking_back_waits_for_the_secret_of_the_former_release_and_then_goes_on() -> None:
    player = changed(deployed(), deliveries=(FILE, ROTATED))
    stops = kinds(player.plan()).index("stop-container") + 1
    assert player.settle_killed_at(stops, "after")
    player.world.deliveries.lost = "the identity is gone"
    player.world.reboot()
    plan, outcomes, _ = player.one_pass()
    assert plan.purpose == "undo"
    assert "the identity is gone" in str(outcomes[-1].error)
    assert player.world.journal.record("web").open is not None
    player.world.deliveries.lost = ""
    player.world.clock.advance(3600)
    player.settle()
    assert violations(player) == []
    assert player.idle()


def test_versions_of_the_last_three_good_revisions_stay_and_others_go() -> None:
    player = deployed()
    versions = [SECRET.version]
    for number in range(4):
        item = delivered_secret("db", f"cipher-{number}0", "/run/secrets/db")
        versions.append(item.version)
        changed(player, deliveries=(FILE, item)).settle()
    lying = {name.split("/")[-2] for name in player.world.deliveries.files}
    assert lying == {FILE.version, *versions[-3:]}
    assert player.idle()


def test_what_nobody_asked_for_is_collected() -> None:
    player = deployed()
    stray = delivered_file("/etc/app.yml", b"older")
    player.world.deliveries.write("web", (stray,))
    (action,) = player.plan().actions
    assert isinstance(action, CollectFiles)
    assert action.keep == {item.version for item in BOTH}
    player.settle()
    assert path(player, stray) not in player.world.deliveries.files


def test_pruning_removes_all_that_was_delivered() -> None:
    player = deployed(deletion_policy="delete")
    player.documents.clear()
    player.one_pass(prune=True)
    assert player.world.deliveries.files == {}


def test_pruning_a_document_without_deliveries_speaks_of_none() -> None:
    player = deployed(deliveries=(), variables=())
    player.documents.clear()
    plan, _, _ = player.one_pass(prune=True)
    assert "collect-files" not in kinds(plan)


def test_pruning_collects_strays_of_revisions_that_history_does_not_know() -> None:
    player = deployed(deliveries=(), variables=())
    player.world.deliveries.write("web", (FILE,))
    player.documents.clear()
    player.one_pass(prune=True)
    assert player.world.deliveries.files == {}


def test_what_is_looked_at_is_of_every_revision_that_may_run_again() -> None:
    player = changed(deployed(), deliveries=(FILE, ROTATED), variables=(NEW_TOKEN,))
    record = player.world.journal.record("web")
    asked = subject(player.documents["web"], record)
    assert set(asked.deliveries) == {FILE, SECRET, ROTATED}
    assert set(asked.variables) == {TOKEN, NEW_TOKEN}
    player.settle_killed_at(3, "after")
    record = player.world.journal.record("web")
    assert record.open is not None
    first = replace(player.documents["web"], deliveries=(), variables=())
    assert ROTATED in subject(first, record).deliveries


# Hooks.


def test_a_hook_has_its_secrets_mounted_and_to_be_opened() -> None:
    world = World()
    image = world.publish("shop/web")
    hook = Hook(name="preDeploy", command=("x",), image=image, deliveries=(SECRET,), variables=(TOKEN,))
    player = Player(world, world.desired(image=image, deliveries=BOTH, variables=(TOKEN,), hooks=(hook,)))
    order = kinds(player.plan())
    assert order.index("deliver-files") < order.index("run-hook")
    (run,) = (action for action in player.plan().actions if isinstance(action, RunHook))
    assert (run.mounts, run.variables) == ((SECRET.mount(PLACES, "web"),), (TOKEN,))
    world.deliveries.sealed[TOKEN.version] = "it is damaged"
    assert "it is damaged" in player.plan().blocked


# The host's policy.


def test_what_is_delivered_is_no_host_path_that_a_document_asks_for_and_its_folders_are_guarded() -> None:
    world = World()
    policy = on_host(Policy(), guarded=(PLACES.files, PLACES.secrets))
    assert refusals(world.desired(deliveries=BOTH, variables=(TOKEN,)), policy) == ()
    stolen = Mount("/loot", f"{PLACES.secrets}/other", "bind", read_only=True)
    thief = world.desired(config=ContainerConfig(mounts=(stolen,)))
    assert "mounts /run/reconciler/owner/other of the host" in refusals(thief, policy)[0]


def test_only_a_mount_below_our_folders_is_one_that_we_delivered() -> None:
    version = SECRET.version
    ours = SECRET.mount(PLACES, "web")
    found = brought(ours, PLACES, "web")
    assert found is not None
    assert (found.secret, found.version, found.file_name) == (True, version, "db")
    for mount, places, document in (
        (replace(ours, type="volume"), PLACES, "web"),
        (ours, PLACES, "we"),
        (ours, Places(), "web"),
        (Mount("/x", f"{PLACES.files}/web/{version}", "bind"), PLACES, "web"),
    ):
        assert brought(mount, places, document) is None


def test_where_nobody_looked_nothing_is_said_and_all_is_delivered_before_a_start() -> None:
    player = deployed()
    player.world.engine.by_hand.stop("web")
    seen = replace(player.observe(), deliveries={})
    plan = make_plan(player.situation("web", seen))
    assert plan.blocked == ""
    assert [item.kind for item in plan.drift] == ["stopped"]
    (deliver,) = (action for action in plan.actions if isinstance(action, DeliverFiles))
    assert deliver.deliveries == BOTH


# Killed and rebooted at any point.


def first_deploy() -> Player:
    world = World()
    return Player(world, world.desired(deliveries=BOTH, variables=(TOKEN,), config=CONFIG))


def rotation() -> Player:
    return changed(deployed(), deliveries=(FILE, ROTATED), variables=(NEW_TOKEN,))


def failing_rotation() -> Player:
    player = deployed()
    bad = player.world.publish("shop/bad", behaviour=unhealthy())
    return changed(player, image=bad, deliveries=(FILE, ROTATED))


def back_to_kept() -> Player:
    player = deployed(cleanup_previous=False)
    first = player.documents["web"]
    changed(player, deliveries=(FILE, ROTATED)).settle()
    player.want(first)
    return player


def altered() -> Player:
    player = deployed()
    player.world.deliveries.alter(path(player))
    return player


def rebooted() -> Player:
    player = deployed()
    player.world.reboot()
    return player


STORIES: list[Callable[[], Player]] = [first_deploy, rotation, failing_rotation, back_to_kept, altered, rebooted]


@pytest.mark.parametrize("reboot", [False, True], ids=["killed", "rebooted"])
@pytest.mark.parametrize("edge", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_kill_or_a_reboot_at_any_action_is_healed(
    story: Callable[[], Player], edge: str, *, reboot: bool
) -> None:
    for number in range(1, MOST_ACTIONS):
        player = story()
        if not player.settle_killed_at(number, edge):
            assert number > 3
            return
        if reboot:
            player.world.reboot()
        verdict = player.settle()
        assert violations(player) == [], f"{edge} action {number}: {verdict}"
        assert player.idle(), f"{edge} action {number}: not idle afterwards"
    pytest.fail("the story has no end")


@pytest.mark.parametrize("story", STORIES)
def test_a_kill_between_two_files_is_healed(story: Callable[[], Player]) -> None:
    for number in range(1, 4):
        player = story()
        player.world.deliveries.fail_change(number, Killed("between two files"))
        try:
            player.settle()
        except Killed:
            player.settle()
        assert violations(player) == []
        assert player.idle()


POINTS = st.tuples(st.integers(1, 14), st.sampled_from(["before", "after"]), st.booleans())


@pytest.mark.no_cover
@settings(max_examples=40, deadline=None)
@given(story=st.sampled_from(STORIES), points=st.lists(POINTS, min_size=2, max_size=4))
def test_kills_and_reboots_during_recovery_are_healed_too(
    story: Callable[[], Player], points: list[tuple[int, str, bool]]
) -> None:
    player = story()
    for number, edge, reboot in points:
        player.settle_killed_at(number, edge)
        if reboot:
            player.world.reboot()
    player.settle()
    assert violations(player) == []
    assert player.idle()


WISHES = st.fixed_dictionaries(
    {
        "deliveries": st.sampled_from([(), (FILE,), (SECRET,), BOTH, (FILE, ROTATED)]),
        "variables": st.sampled_from([(), (TOKEN,), (NEW_TOKEN,)]),
    }
)
TROUBLES = st.sampled_from(["", "reboot", "alter", "drop", "lost"])


@pytest.mark.no_cover
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WISHES, TROUBLES), min_size=1, max_size=5))
def test_whatever_happens_the_document_converges_or_says_why(story: list[tuple[dict[str, Any], str]]) -> None:
    world = World()
    base: DesiredState = world.desired(config=CONFIG)
    player = Player(world, base)
    for wish, trouble in story:
        player.want(replace(base, **wish))
        world.deliveries.lost = "no identity" if trouble == "lost" else ""
        if trouble == "reboot":
            world.reboot()
        for name in sorted(world.deliveries.files)[:1]:
            if trouble == "alter":
                world.deliveries.alter(name)
            if trouble == "drop":
                world.deliveries.drop(name)
        verdict = player.settle()
        assert verdict.kind == "converged" or "no identity" in player.plan().blocked
    world.deliveries.lost = ""
    world.clock.advance(3600)
    player.settle()
    assert violations(player) == []
    assert player.plan().drift == ()
    assert player.idle()
