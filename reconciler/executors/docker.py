"""Carries out Actions on the containers, images and networks of one Docker host.

Decides nothing: the plan has decided. Every method looks first, so that an Action which is already so is
success, and makes sure afterwards where the engine's "yes" is not enough. Errors of the engine and of the
history become failed Outcomes here and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core import action as actions
from reconciler.core.action import Action, ContainerAction
from reconciler.core.interfaces import Deliveries, Engine, Journal, Progress
from reconciler.core.observation import ALIVE, ContainerDetail
from reconciler.core.outcome import Outcome
from reconciler.errors import ComposeBusy, EngineRefused, ReconcilerError, Unhealthy, VerificationFailed
from reconciler.executors.creation import ContainerCreation
from reconciler.executors.discretion import DeliveredSecrets, Discretion, NoSecrets, hide
from reconciler.executors.health_gate import Ask, HealthGate
from reconciler.executors.hooks import HookActions
from reconciler.executors.images import ImageActions
from reconciler.executors.lookup import ContainerLookup
from reconciler.executors.read_back import differing_limits, refuse_unpublished

Method = Callable[[Any, Progress], Outcome]


class DockerExecutor:
    """The executor of what is done to containers, images and networks one by one.

    ``clock`` is monotonic seconds, ``wall_clock`` seconds since the epoch. ``sleep`` takes seconds; it may raise
    ``Interrupted``, which ends the wait for a container's health; ``linger`` (else ``sleep``) does the same to a
    hook. ``engine_breaks`` counts how often the engine may have died: what ends with it is not held against a
    release. ``deliveries`` opens what is sealed; without it nothing is.
    """

    def __init__(  # noqa: PLR0913  (what it needs of the world, each handed in by name)
        self,
        engine: Engine,
        journal: Journal,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        pull_deadline_s: float,
        linger: Callable[[float], None] | None = None,
        engine_breaks: Callable[[], int] = lambda: 0,
        deliveries: Deliveries | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._discretion: Discretion = DeliveredSecrets(deliveries, journal) if deliveries else NoSecrets()
        self._engine = engine
        self._lookup = ContainerLookup(engine, journal)
        self._gate = HealthGate(engine, clock=clock, sleep=sleep, engine_breaks=engine_breaks)
        self._images = ImageActions(engine, journal, pull_deadline_s=pull_deadline_s)
        self._creation = ContainerCreation(
            engine, journal, lookup=self._lookup, wall_clock=wall_clock, discretion=self._discretion
        )
        self._hooks = HookActions(
            engine,
            journal,
            clock=clock,
            sleep=linger or sleep,
            engine_breaks=engine_breaks,
            discretion=self._discretion,
        )
        self._methods = self._dispatch_table()

    def handles(self, action: Action) -> bool:
        """True for every Action on a Docker host that this executor knows."""
        return action.kind in self._methods

    def perform(self, action: Action, *, progress: Progress) -> Outcome:
        """Carry out one Action that it handles. Never raises a ReconcilerError."""
        try:
            return self._methods[action.kind](action, progress)
        except ReconcilerError as error:
            hide(error, self._discretion, action.document)
            return Outcome(kind="failed", action=action, error=error)

    def _dispatch_table(self) -> Mapping[str, Method]:
        return {
            actions.PullImage.kind: self._images.pull,
            actions.VerifyImage.kind: self._images.verify,
            actions.RemoveImage.kind: self._images.remove,
            actions.CreateNetwork.kind: self._create_network,
            actions.CreateContainer.kind: lambda action, _progress: self._creation.perform(action),
            actions.RenameContainer.kind: self._rename,
            actions.SetRestartPolicy.kind: self._set_restart_policy,
            actions.UpdateLimits.kind: self._update_limits,
            actions.ConnectNetwork.kind: self._connect,
            actions.DisconnectNetwork.kind: self._disconnect,
            actions.StartContainer.kind: self._start,
            actions.UnpauseContainer.kind: self._unpause,
            actions.StopContainer.kind: self._stop,
            actions.WaitHealthy.kind: self._wait_healthy,
            actions.RemoveContainer.kind: self._remove,
            actions.RunHook.kind: self._hooks.run,
            actions.RemoveHook.kind: self._hooks.remove,
        }

    def _ensure(
        self,
        action: ContainerAction,
        so: Callable[[ContainerDetail], bool],
        change: Callable[[str], None],
    ) -> Outcome:
        """``change`` the container of the Action by its id, unless it is ``so``."""
        found = self._lookup.get(action.document, action.container)
        if so(found):
            return Outcome(kind="already", action=action, container_id=found.id)
        change(found.id)
        return Outcome(kind="done", action=action, container_id=found.id)

    def _create_network(self, action: actions.CreateNetwork, _progress: Progress) -> Outcome:
        if action.network in self._engine.list_networks():
            return Outcome(kind="already", action=action)
        self._engine.create_network(action.network)
        return Outcome(kind="done", action=action)

    def _rename(self, action: actions.RenameContainer, _progress: Progress) -> Outcome:
        return self._ensure(
            action,
            lambda found: found.name == action.to,
            lambda container_id: self._engine.rename(container_id, action.to),
        )

    def _set_restart_policy(self, action: actions.SetRestartPolicy, _progress: Progress) -> Outcome:
        return self._ensure(
            action,
            lambda found: found.config.restart_policy == action.policy,
            lambda container_id: self._engine.set_restart_policy(container_id, action.policy),
        )

    def _update_limits(self, action: actions.UpdateLimits, _progress: Progress) -> Outcome:
        facts = self._engine.known_facts()
        outcome = self._ensure(
            action,
            lambda found: not differing_limits(action, found.config, facts),
            lambda container_id: self._engine.update_limits(container_id, action),
        )
        if outcome.kind == "done":
            left = differing_limits(action, self._again(action).config, facts)
            if left:
                raise VerificationFailed(
                    f"set limits of {action.container}, but the engine did not take: {', '.join(left)}",
                    hint="a new container can have them; this engine cannot change them in place",
                )
        return outcome

    def _connect(self, action: actions.ConnectNetwork, _progress: Progress) -> Outcome:
        wanted = action.network
        return self._ensure(
            action,
            lambda found: any(
                wanted.name == network.name and set(wanted.aliases) <= set(network.aliases)
                for network in found.config.networks or ()
            ),
            lambda container_id: self._engine.connect(container_id, wanted),
        )

    def _disconnect(self, action: actions.DisconnectNetwork, _progress: Progress) -> Outcome:
        return self._ensure(
            action,
            lambda found: all(action.network != network.name for network in found.config.networks or ()),
            lambda container_id: self._engine.disconnect(container_id, action.network),
        )

    def _start(self, action: actions.StartContainer, _progress: Progress) -> Outcome:
        outcome = self._ensure(action, lambda found: found.status == "running", self._engine.start)
        if outcome.kind == "done":
            refuse_unpublished(action.container.name, self._again(action))
        return outcome

    def _unpause(self, action: actions.UnpauseContainer, _progress: Progress) -> Outcome:
        return self._ensure(action, lambda found: found.status != "paused", self._engine.unpause)

    def _stop(self, action: actions.StopContainer, _progress: Progress) -> Outcome:
        found = self._lookup.find(action.document, action.container)
        if found is None or found.status not in ALIVE:
            return Outcome(kind="already", action=action, detail="" if found else "it is gone")
        self._engine.stop(found.id, timeout_s=action.timeout_s)
        after = self._engine.inspect_container(found.id)
        if after is not None and after.status in ALIVE:
            raise EngineRefused(
                f"stopped {action.container}, but it is {after.status}", hint="look at the engine's log"
            )
        detail = f"exit code {after.exit_code}" if after else "it is gone"
        return Outcome(kind="done", action=action, detail=detail, container_id=found.id)

    def _wait_healthy(self, action: actions.WaitHealthy, progress: Progress) -> Outcome:
        found = self._lookup.find(action.document, action.container)
        if found is None:
            raise Unhealthy(f"{action.container} is not healthy: it is gone", reason="gone")
        ask = Ask(timeout_ms=action.timeout_ms, min_healthy_ms=action.min_healthy_ms, completes=action.completes)
        detail = self._gate.wait(
            action.container.name,
            found.id,
            ask=ask,
            progress=progress,
            words=lambda: self._discretion.words(action.document),
        )
        return Outcome(kind="done", action=action, detail=detail, container_id=found.id)

    def _remove(self, action: actions.RemoveContainer, _progress: Progress) -> Outcome:
        found = self._lookup.find(action.document, action.container)
        if found is None:
            return Outcome(kind="already", action=action)
        if found.status in ALIVE:
            raise EngineRefused(
                f"refused to remove {action.container}: it is {found.status}", hint="the next pass plans anew"
            )
        if action.beside:
            self._refuse_the_last(action)
        self._engine.remove(found.id, volumes=action.volumes)
        return Outcome(kind="done", action=action, container_id=found.id)

    def _refuse_the_last(self, action: actions.RemoveContainer) -> None:
        """The engine finishes what a dead client asked for last: what was there may just have gone."""
        rows = self._engine.list_containers()
        if not any(row.name == action.beside and row.status != "removing" for row in rows):
            raise ComposeBusy(
                f"{action.container} is kept: {action.beside}, which it was made to replace, has just gone",
                hint="the next pass gives it that name",
                retry_after=0.5,
            )

    def _again(self, action: ContainerAction) -> ContainerDetail:
        return self._lookup.get(action.document, action.container)
