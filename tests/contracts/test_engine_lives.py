"""Engine contract: containers start, run, fall ill, stop and go, and each call that is already so succeeds."""

from __future__ import annotations

import pytest

from reconciler.core.container import ContainerConfig, PortBinding, RestartPolicy
from reconciler.core.desired import ImageReference
from reconciler.core.hook import Hook, sandbox
from reconciler.errors import EngineRefused, NameTaken, NotFound, PortTaken
from reconciler.executors.read_back import dropped_fields
from tests.contracts.engine_steps import (
    BARE,
    GONE,
    have,
    limits,
    listed,
    make,
    run,
    shown,
    wait_for_health,
    wait_for_status,
)
from tests.contracts.engine_worlds import EngineWorld
from tests.contracts.samples import (
    ENDS,
    FAILS,
    FLOODS,
    GETS_SICK,
    LOG_LINES,
    MISSING_PROGRAM,
    PASSING,
    PROGRAM,
    STUBBORN,
    TALKS,
    WATCHING,
)

ALWAYS = ContainerConfig(restart_policy=RestartPolicy("always"))


@pytest.fixture
def serves(world: EngineWorld) -> ImageReference:
    return have(world)


def test_starting_twice_starts_once(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    first = shown(world, container)
    world.engine.start(container)
    assert first.status == listed(world, container).status == "running"
    assert shown(world, container).started_at == first.started_at


def test_stopping_ends_the_process_with_its_own_answer(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    world.engine.stop(container, timeout_s=None)
    detail = shown(world, container)
    assert (detail.status, detail.exit_code, detail.oom_killed) == ("exited", 0, False)
    assert listed(world, container).status == "exited"


def test_stopping_what_is_stopped_or_gone_succeeds(world: EngineWorld, serves: ImageReference) -> None:
    container = make(world, serves)
    world.engine.stop(container, timeout_s=1)
    assert shown(world, container).status == "created"
    world.engine.start(container)
    world.engine.stop(container, timeout_s=1)
    world.engine.stop(container, timeout_s=1)
    world.engine.stop(GONE, timeout_s=1)
    assert shown(world, container).status == "exited"


def test_what_was_stopped_is_listed_as_stopped_at_once(world: EngineWorld, serves: ImageReference) -> None:
    container = make(world, serves)
    for _ in range(5):
        world.engine.start(container)
        world.engine.stop(container, timeout_s=None)
        assert listed(world, container).status == "exited"


@pytest.mark.parametrize("own", [True, False], ids=["its own timeout", "the timeout of the call"])
def test_a_stubborn_process_is_killed_after_the_timeout(world: EngineWorld, own: bool) -> None:
    config = ContainerConfig(stop_timeout_s=1) if own else BARE
    container = run(world, have(world, STUBBORN), config)
    world.engine.stop(container, timeout_s=None if own else 1)
    detail = shown(world, container)
    assert (detail.status, detail.exit_code) == ("exited", 137)


def test_a_stopped_container_starts_anew(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    first = shown(world, container).started_at
    world.engine.stop(container, timeout_s=None)
    world.engine.start(container)
    detail = shown(world, container)
    assert detail.status == "running"
    assert detail.started_at != first


def test_a_stop_is_not_answered_by_the_restart_policy(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves, ALWAYS)
    world.engine.stop(container, timeout_s=None)
    assert (shown(world, container).status, shown(world, container).restart_count) == ("exited", 0)


def test_a_kill_by_hand_is_not_answered_by_the_restart_policy(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves, ALWAYS)
    world.kill(container)
    wait_for_status(world, container, "exited")
    assert shown(world, container).exit_code == 137


def test_unpausing_goes_on(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    started = shown(world, container).started_at
    world.pause(container)
    assert shown(world, container).status == listed(world, container).status == "paused"
    world.engine.unpause(container)
    world.engine.unpause(container)
    assert (shown(world, container).status, shown(world, container).started_at) == ("running", started)


def test_a_paused_container_can_be_stopped_but_not_started(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    world.pause(container)
    with pytest.raises(EngineRefused):
        world.engine.start(container)
    world.engine.stop(container, timeout_s=None)
    assert shown(world, container).status == "exited"


def test_a_program_that_is_missing_is_refused_at_start(world: EngineWorld) -> None:
    container = make(world, have(world, MISSING_PROGRAM), ALWAYS)
    with pytest.raises(EngineRefused):
        world.engine.start(container)
    detail = shown(world, container)
    assert (detail.status, detail.exit_code, detail.restart_count) == ("created", 127, 0)
    assert "no such file or directory" in detail.error


def test_an_exit_shows_its_code(world: EngineWorld) -> None:
    container = run(world, have(world, FAILS))
    wait_for_status(world, container, "exited")
    assert shown(world, container).exit_code == 3


def test_restarts_after_failures_are_counted_and_end(world: EngineWorld) -> None:
    container = run(world, have(world, FAILS), ContainerConfig(restart_policy=RestartPolicy("on-failure", 2)))
    wait_for_status(world, container, "exited")
    detail = shown(world, container)
    assert (detail.restart_count, detail.exit_code) == (2, 3)


def test_a_good_end_is_no_failure(world: EngineWorld) -> None:
    container = run(world, have(world, ENDS), ContainerConfig(restart_policy=RestartPolicy("on-failure", 2)))
    wait_for_status(world, container, "exited")
    assert (shown(world, container).restart_count, shown(world, container).exit_code) == (0, 0)


def test_a_crash_loop_shows_restarting_and_can_be_stopped_and_removed(world: EngineWorld) -> None:
    container = run(world, have(world, FAILS), ALWAYS)
    world.wait(
        lambda: shown(world, container).restart_count >= 2 and shown(world, container).status == "restarting"
    )
    assert listed(world, container).status in {"restarting", "running"}
    with pytest.raises(EngineRefused):
        world.engine.remove(container, volumes=False)
    world.engine.stop(container, timeout_s=1)
    assert shown(world, container).status == "exited"
    world.engine.remove(container, volumes=False)
    assert world.engine.inspect_container(container) is None


def test_a_start_by_us_begins_the_count_of_restarts_anew(world: EngineWorld) -> None:
    container = run(world, have(world, FAILS), ContainerConfig(restart_policy=RestartPolicy("on-failure", 1)))
    world.wait(lambda: shown(world, container).status == "exited" and shown(world, container).restart_count == 1)
    world.engine.set_restart_policy(container, RestartPolicy("no"))
    world.engine.start(container)
    wait_for_status(world, container, "exited")
    assert shown(world, container).restart_count == 0


def test_a_restart_policy_set_to_no_ends_a_crash_loop(world: EngineWorld) -> None:
    container = run(world, have(world, FAILS), ALWAYS)
    world.engine.set_restart_policy(container, RestartPolicy("no"))
    wait_for_status(world, container, "exited")


def test_a_health_check_goes_from_starting_to_healthy(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves, ContainerConfig(health=PASSING))
    assert shown(world, container).health in {"starting", "healthy"}
    wait_for_health(world, container, "healthy")
    assert listed(world, container).health == "healthy"
    assert shown(world, container).health_log


def test_a_failing_health_check_makes_it_unhealthy_and_it_runs_on(world: EngineWorld) -> None:
    container = run(world, have(world, GETS_SICK), ContainerConfig(health=WATCHING))
    wait_for_health(world, container, "healthy")
    wait_for_health(world, container, "unhealthy")
    assert listed(world, container).health == "unhealthy"
    assert (shown(world, container).status, shown(world, container).restart_count) == ("running", 0)


def test_without_a_health_check_there_is_no_health(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    assert shown(world, container).health == listed(world, container).health == "none"


def test_nobody_is_healthy_who_does_not_run(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves, ContainerConfig(health=PASSING))
    wait_for_health(world, container, "healthy")
    world.pause(container)
    assert listed(world, container).health == "none"
    assert shown(world, container).health == "unhealthy"
    world.engine.unpause(container)
    wait_for_health(world, container, "healthy")
    world.engine.stop(container, timeout_s=None)
    assert listed(world, container).health == "none"
    assert shown(world, container).health == "unhealthy"


def test_a_host_port_is_given_once(world: EngineWorld, serves: ImageReference) -> None:
    port = PortBinding(80, host_port=world.free_port())
    config = ContainerConfig(ports=(port,))
    first = run(world, serves, config)
    second = make(world, serves, config, word="second")
    with pytest.raises(PortTaken):
        world.engine.start(second)
    detail = shown(world, second)
    assert (detail.status, detail.exit_code, detail.published) == ("created", 128, ())
    assert detail.error
    world.engine.stop(first, timeout_s=None)
    world.engine.start(second)
    assert shown(world, second).published == listed(world, second).ports == (port,)


def test_a_host_port_left_open_is_chosen_by_the_engine(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves, ContainerConfig(ports=(PortBinding(80), PortBinding(81, "udp", "127.0.0.1"))))
    *tcp, udp = shown(world, container).published  # an engine may choose one for each family of addresses
    assert {(port.container_port, port.protocol, port.host_ip) for port in tcp} == {(80, "tcp", "")}
    assert (udp.container_port, udp.protocol, udp.host_ip) == (81, "udp", "127.0.0.1")
    assert min(port.host_port for port in (*tcp, udp)) > 1023
    assert listed(world, container).ports == (*tcp, udp)
    world.engine.stop(container, timeout_s=None)
    assert shown(world, container).published == listed(world, container).ports == ()


def test_renaming_keeps_the_container_running(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    started = shown(world, container).started_at
    world.engine.rename(container, world.name("other"))
    world.engine.rename(container, world.name("other"))
    assert shown(world, container).name == listed(world, container).name == world.name("other")
    assert (shown(world, container).status, shown(world, container).started_at) == ("running", started)


def test_a_name_that_is_taken_is_not_given_by_renaming(world: EngineWorld, serves: ImageReference) -> None:
    make(world, serves)
    second = make(world, serves, word="second")
    with pytest.raises(NameTaken):
        world.engine.rename(second, world.name("web"))
    assert shown(world, second).name == world.name("second")


def test_a_running_or_paused_container_is_not_removed(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves)
    with pytest.raises(EngineRefused):
        world.engine.remove(container, volumes=False)
    world.pause(container)
    with pytest.raises(EngineRefused):
        world.engine.remove(container, volumes=True)
    assert shown(world, container).status == "paused"


def test_removing_twice_removes_once(world: EngineWorld, serves: ImageReference) -> None:
    container = make(world, serves)
    world.engine.remove(container, volumes=False)
    world.engine.remove(container, volumes=False)
    assert container not in {row.id for row in world.engine.list_containers()}
    assert make(world, serves) != container


def test_what_is_gone_shows_nothing(world: EngineWorld) -> None:
    assert world.engine.inspect_container(GONE) is None
    assert world.engine.logs(GONE, lines=5) == ()


@pytest.mark.parametrize("call", ["start", "unpause", "rename", "set_restart_policy", "update_limits"])
def test_what_is_gone_cannot_be_changed(world: EngineWorld, call: str) -> None:
    engine = world.engine
    calls = {
        "start": lambda: engine.start(GONE),
        "unpause": lambda: engine.unpause(GONE),
        "rename": lambda: engine.rename(GONE, world.name("web")),
        "set_restart_policy": lambda: engine.set_restart_policy(GONE, RestartPolicy("no")),
        "update_limits": lambda: engine.update_limits(GONE, limits(pids_limit=50)),
    }
    with pytest.raises(NotFound):
        calls[call]()


def test_the_list_tells_what_inspect_tells(world: EngineWorld, serves: ImageReference) -> None:
    container = run(world, serves, ContainerConfig(labels={"team": "shop"}, ports=(PortBinding(80),)))
    row, detail = listed(world, container), shown(world, container)
    assert (row.id, row.name, row.image_id) == (detail.id, detail.name, detail.image_id)
    assert (row.status, row.health, row.ports) == (detail.status, detail.health, detail.published)
    assert dict(row.labels) == dict(detail.config.labels or {})
    assert row.networks == tuple(item.name for item in detail.config.networks or ())
    assert row.created > 1_500_000_000


def test_a_list_by_a_label_takes_its_whole_value(world: EngineWorld, serves: ImageReference) -> None:
    mark = world.name("mark")
    one, _ = (
        run(world, serves, ContainerConfig(labels={"mark": f"{mark}{end}"}), word=f"web{end}")
        for end in ("1", "12")
    )
    assert [row.id for row in world.engine.list_containers(label=("mark", f"{mark}1"))] == [one]


def test_logs_are_the_last_lines_oldest_first(world: EngineWorld) -> None:
    container = run(world, have(world, TALKS))
    world.wait(lambda: len(world.engine.logs(container, lines=100)) == len(LOG_LINES))
    assert world.engine.logs(container, lines=100) == LOG_LINES
    assert world.engine.logs(container, lines=2) == LOG_LINES[-2:]
    world.engine.stop(container, timeout_s=None)
    assert world.engine.logs(container, lines=1) == LOG_LINES[-1:]


def test_logs_are_bounded(world: EngineWorld) -> None:
    container = run(world, have(world, FLOODS))
    world.wait(lambda: "".join(world.engine.logs(container, lines=1)).startswith("99 "))
    lines = world.engine.logs(container, lines=1000)
    assert 32 * 1024 < sum(len(line) + 1 for line in lines) <= 64 * 1024
    assert lines[-1].startswith("99 ")


def test_a_container_that_never_ran_has_no_logs(world: EngineWorld, serves: ImageReference) -> None:
    assert world.engine.logs(make(world, serves), lines=5) == ()


def test_a_sandbox_is_a_container_that_shares_the_network_it_was_told_to(
    world: EngineWorld, serves: ImageReference
) -> None:
    neighbour = run(world, serves)
    hook = Hook(name="postDeploy", command=PROGRAM, image=serves, network="container")
    labels = {"stella.hook": "postDeploy"}
    made = world.engine.create_sandbox(
        world.name("hook"),
        image=serves,
        config=sandbox(hook, {"STELLA_HOOK": "x"}),
        labels=labels,
        beside=neighbour,
    )
    world.engine.start(made)
    detail = shown(world, made)
    assert detail.status == "running"
    assert [item.name for item in detail.config.networks or ()] == [f"container:{neighbour}"]
    assert (detail.config.read_only_root, detail.config.cap_drop) == (True, ("ALL",))
    assert (detail.config.labels or {}).items() >= labels.items()
    world.engine.stop(made, timeout_s=0)
    world.engine.remove(made, volumes=True)
    assert world.engine.inspect_container(made) is None
    assert shown(world, neighbour).status == "running"


def test_a_sandbox_has_what_was_asked_and_no_network(world: EngineWorld, serves: ImageReference) -> None:
    hook = Hook(name="preDeploy", command=PROGRAM, image=serves)
    config = sandbox(hook, {})
    made = world.engine.create_sandbox(world.name("hook"), image=serves, config=config, labels={}, beside="")
    detail = shown(world, made)
    image = world.engine.inspect_image(str(serves))
    assert dropped_fields(config, detail.config, image=image, engine=world.engine.facts()) == ()
    assert [item.name for item in detail.config.networks or ()] == ["none"]
    world.engine.remove(made, volumes=True)


def test_an_image_tells_where_it_wants_volumes(world: EngineWorld) -> None:
    image = world.publish(repository="cache", volumes=("/var/cache", "/data"))
    world.engine.pull(image, deadline_s=30, progress=lambda line: None)
    found = world.engine.inspect_image(str(image))
    assert found is not None
    assert found.volumes == ("/data", "/var/cache")
