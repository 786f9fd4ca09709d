"""Processes over time: start, health, end, restart policy, engine restarts.

Time passes only between calls: ``settle`` carries out, in order, what fell due until now.
"""

from __future__ import annotations

from reconciler.core.container import RestartPolicy
from reconciler.engine.failures import engine_failure
from reconciler.errors import EngineRefused, NotFound, PortTaken
from tests.simulator import ports
from tests.simulator.behaviour import Behaviour, Step
from tests.simulator.state import Container, Host

FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 60.0
BACKOFF_ENDS_AFTER_S = 10.0
DEFAULT_STOP_TIMEOUT_S = 10
KILLED = 137
PROBE_S = 0.5


def start(host: Host, container: Container) -> None:
    """A person or a client starts it. Raises PortTaken, EngineRefused, NotFound (network)."""
    if container.status == "paused":
        raise EngineRefused(f"cannot start {container.name}: it is paused")
    if container.status in {"removing", "dead"}:
        raise EngineRefused(f"cannot start {container.name}: it is marked for removal")
    if container.status == "running":
        return
    container.stopped_by_hand = False
    container.restart_count = 0
    container.backoff_s = 0.0
    _run(host, container, host.clock())


def _run(host: Host, container: Container, at: float) -> None:
    container.restart_due = None
    try:
        _check_networks(host, container)
        _check_binds(host, container)
        container.published = ports.bind(host, container)
    except (PortTaken, NotFound) as error:
        _refused(container, error.message, 128)
        raise
    if container.behaviour.start_error:
        _refused(container, container.behaviour.start_error, 127)
        raise engine_failure(f"cannot start {container.name}", container.behaviour.start_error)
    container.status = "running"
    container.health = "starting" if container.probed else "none"
    container.exit_code, container.error, container.oom_killed = 0, "", False
    container.started, container.started_at = at, host.start_text(at)
    container.due = [(at + step.after_s, step) for step in container.behaviour.steps]
    container.logs += container.behaviour.logs
    host.emit(container, "start", at)


def _check_networks(host: Host, container: Container) -> None:
    for network in container.config.networks or ():
        beside = host.containers.get(network.name.removeprefix("container:"))
        if network.name not in host.networks and (beside is None or not beside.alive):
            raise NotFound(f"cannot start {container.name}: no network {network.name}")


def _check_binds(host: Host, container: Container) -> None:
    """The engine makes no missing path, as far as a container was created by mounts."""
    for mount in container.config.mounts or ():
        if mount.type == "bind" and mount.source not in host.paths:
            raise NotFound(f"cannot start {container.name}: bind source path does not exist: {mount.source}")


def _refused(container: Container, error: str, code: int) -> None:
    """The engine leaves it as it was (``created`` when it never ran), with the reason."""
    container.status = "created" if container.started == 0.0 else "exited"
    container.published = ()
    container.exit_code, container.error = code, error


def stop(host: Host, container: Container, timeout_s: int | None) -> None:
    """The stop signal, then after the timeout the end. Time passes if the process ignores the signal."""
    if not container.alive:
        return
    code = container.exit_code if container.status == "restarting" else container.behaviour.exit_on_stop
    container.stopped_by_hand = True
    if container.status != "restarting" and container.behaviour.ignores_stop_signal:
        own = container.config.stop_timeout_s
        patience = timeout_s if timeout_s is not None else own if own is not None else DEFAULT_STOP_TIMEOUT_S
        host.clock.advance(patience)
        code = KILLED
    if container.alive:
        end(host, container, code, at=host.clock())
    host.emit(container, "stop")


def end(host: Host, container: Container, code: int, *, at: float, oom: bool = False) -> None:
    """The process is gone; the restart policy decides what follows."""
    ran = at - container.started
    container.status = "exited"
    _stop_probing(container)
    container.exit_code, container.oom_killed = code, oom
    container.published, container.due, container.restart_due = (), [], None
    host.emit(container, "die", at)
    if _restarts(container):
        longer = min(container.backoff_s * 2, LONGEST_BACKOFF_S)
        container.backoff_s = FIRST_BACKOFF_S if ran >= BACKOFF_ENDS_AFTER_S else longer or FIRST_BACKOFF_S
        container.status = "restarting"
        container.restart_count += 1
        container.restart_due = at + container.backoff_s


def _restarts(container: Container) -> bool:
    policy = container.config.restart_policy or RestartPolicy()
    if container.stopped_by_hand or policy.name == "no":
        return False
    if policy.name == "on-failure":
        left = not policy.max_retries or container.restart_count < policy.max_retries
        return container.exit_code != 0 and left
    return True


def settle(host: Host) -> None:
    """Carry out what fell due until now, in the order of time."""
    while True:
        waiting = [(_next_due(item), item.id) for item in host.containers.values()]
        due = [(at, container_id) for at, container_id in waiting if at is not None and at <= host.clock()]
        if not due:
            return
        at, container_id = min(due)
        _advance(host, host.containers[container_id], at)


def _next_due(container: Container) -> float | None:
    if container.status == "restarting":
        return container.restart_due
    if container.status == "running" and container.due:
        return container.due[0][0]
    return None


def _advance(host: Host, container: Container, at: float) -> None:
    if container.status == "restarting":
        try:
            _run(host, container, at)
        except (EngineRefused, NotFound):
            host.emit(container, "die", at)
        return
    _, step = container.due.pop(0)
    _take(host, container, step, at)


def _take(host: Host, container: Container, step: Step, at: float) -> None:
    if step.kind == "exit":
        end(host, container, step.code, at=at)
    elif step.kind == "oom":
        host.emit(container, "oom", at)
        end(host, container, step.code, at=at, oom=True)
    elif container.probed:
        container.health = step.kind
        container.health_log = [*container.health_log[-4:], f"probe: {step.kind}"]
        host.emit(container, f"health_status: {step.kind}", at)


def engine_died(host: Host) -> None:
    """Killed without live-restore: on its next start it ends the survivors and marks them stopped by hand.

    Then ``always`` comes back, even if stopped before, and ``on-failure`` with a failure; ``unless-stopped``
    and what was only created do not (measured on engine 20.10).
    """
    for container in tuple(host.containers.values()):
        if container.alive:
            container.stopped_by_hand = True
            end(host, container, _last_word(container), at=host.clock())
    _come_back(host)


def _last_word(container: Container) -> int:
    """The exit code after a stop by the engine itself."""
    return KILLED if container.behaviour.ignores_stop_signal else container.behaviour.exit_on_stop


def engine_restarted(host: Host) -> None:
    """Stopped and started in good order: nobody is marked as stopped by hand."""
    for container in tuple(host.containers.values()):
        if container.alive:
            by_hand, container.stopped_by_hand = container.stopped_by_hand, True
            end(host, container, _last_word(container), at=host.clock())
            container.stopped_by_hand = by_hand
    _come_back(host)


def _come_back(host: Host) -> None:
    for container in tuple(host.containers.values()):
        policy = (container.config.restart_policy or RestartPolicy()).name
        back = policy == "always" or (policy == "unless-stopped" and not container.stopped_by_hand)
        if container.status == "exited" and (back or (policy == "on-failure" and container.exit_code != 0)):
            try:
                _run(host, container, host.clock())
            except (EngineRefused, NotFound):
                host.emit(container, "die")


def kill(host: Host, container: Container) -> None:
    """SIGKILL by a client: like a stop, the restart policy does not answer it."""
    if not container.alive:
        raise EngineRefused(f"cannot kill {container.name}: it is not running")
    container.stopped_by_hand = True
    end(host, container, KILLED, at=host.clock())


def _stop_probing(container: Container) -> None:
    if container.probed:
        container.health = "unhealthy"


def _time(due: tuple[float, Step]) -> float:
    return due[0]


def crash(host: Host, container: Container, code: int = 1) -> None:
    """The process dies by itself; the restart policy answers."""
    end(host, container, code, at=host.clock())


def pause(host: Host, container: Container) -> None:
    if container.status != "running":
        raise EngineRefused(f"cannot pause {container.name}: it is {container.status}")
    container.status, container.paused_at = "paused", host.clock()
    container.healthy_before_pause = container.health == "healthy"
    _stop_probing(container)
    host.emit(container, "pause")


def unpause(host: Host, container: Container) -> None:
    """Not paused is success. What the process had ahead goes on from where it stood, and a healthy one stays
    ``unhealthy`` until the next probe.
    """
    if container.status == "paused":
        frozen = host.clock() - container.paused_at
        container.status = "running"
        container.due = [(at + frozen, step) for at, step in container.due]
        if container.healthy_before_pause:
            container.due = sorted([*container.due, (host.clock() + PROBE_S, Step(0.0, "healthy"))], key=_time)
        host.emit(container, "unpause")


def behave(host: Host, container: Container, behaviour: Behaviour) -> None:
    """Replace the behaviour; a running process takes the new steps from now."""
    container.behaviour = behaviour
    if container.status == "running":
        container.due = [(host.clock() + step.after_s, step) for step in behaviour.steps]
        settle(host)
