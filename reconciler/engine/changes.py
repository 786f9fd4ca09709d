"""What can be changed on the engine: each method makes one thing so, and "already so" is success.

Decides which refusals mean "already so". Nothing without an answer is retried: it may have been carried out, so
whoever asked has to look again. One answer is: that a container's process ended under an update, which then has
changed nothing (moby ``daemon/update.go`` takes it back). Newer engines than 20.10 answer a stop before lists know
of it; an inspect waits for that (moby ``daemon/monitor.go`` holds the container meanwhile).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from reconciler.core.action import UpdateLimits
from reconciler.core.container import ContainerConfig, NetworkAttachment, RestartPolicy
from reconciler.core.desired import ImageReference
from reconciler.engine.connection import Answer, Request, route
from reconciler.engine.limits import NO_QUOTA, blocked_by_quota, unliftable, update_body
from reconciler.engine.reads import EngineReads
from reconciler.engine.translate_create import creation, endpoint, further_networks, isolation, restart_policy
from reconciler.errors import EngineRefused, NotFound, ReconcilerError

DEFAULT_STOP_S = 10
UPDATE_PAUSES_S = (0.05, 0.2, 0.5)
"""How long a container that ends just now is given until the engine has noticed."""

PREDEFINED_NETWORKS = frozenset({"bridge", "host", "none"})
_NOT_PAUSED = re.compile(r"is not paused", re.IGNORECASE)
_SAME_NAME = re.compile(r"same name as its current name", re.IGNORECASE)
_CONNECTED = re.compile(r"already exists in network|already attached to network", re.IGNORECASE)
_NOT_CONNECTED = re.compile(r"is not connected to (the )?network", re.IGNORECASE)
_NETWORK_EXISTS = re.compile(r"network with name \S+ already exists", re.IGNORECASE)
_BEING_REMOVED = re.compile(r"removal of container \S+ is already in progress", re.IGNORECASE)
_ENDED_MEANWHILE = re.compile(
    r"container not running|process already finished|task \w+ not found|cannot update a stopped container",
    re.IGNORECASE,
)
_IMAGE_IN_USE = re.compile(r"^conflict: unable to (remove|delete)", re.IGNORECASE)


class EngineChanges(EngineReads):
    """The changing half of ``core.interfaces.Engine``."""

    def create(
        self, name: str, *, image: ImageReference, config: ContainerConfig, labels: Mapping[str, str]
    ) -> str:
        container_id = self._create(name, self._creation(image, config, labels))
        try:
            for network in further_networks(config):
                self.connect(container_id, network)
        except ReconcilerError:
            with suppress(ReconcilerError):  # the cause is what counts; by its labels the rest is found again
                self.remove(container_id, volumes=True)
            raise
        return container_id

    def create_sandbox(
        self, name: str, *, image: ImageReference, config: ContainerConfig, labels: Mapping[str, str], beside: str
    ) -> str:
        body = self._creation(image, config, labels)
        return self._create(name, {**body, "HostConfig": {**body["HostConfig"], **isolation(beside)}})

    def start(self, container_id: str) -> None:
        doing = f"starting container {container_id[:12]}"
        self._post(doing, route("/containers/{}/start", container_id)).must(doing)

    def stop(self, container_id: str, *, timeout_s: int | None) -> None:
        doing = f"stopping container {container_id[:12]}"
        patience = self._own_stop_timeout(container_id) if timeout_s is None else timeout_s
        request = Request(
            method="POST",
            path=route("/containers/{}/stop", container_id),
            params={} if timeout_s is None else {"t": str(timeout_s)},
            timeout_s=None if patience < 0 else patience + self._connection.change_s,
        )
        _accept(self._connection.send(doing, request), doing, gone_is_fine=True)
        self._container(container_id)  # waits until the engine has written the end down, and lists know of it

    def unpause(self, container_id: str) -> None:
        doing = f"unpausing container {container_id[:12]}"
        _accept(self._post(doing, route("/containers/{}/unpause", container_id)), doing, already=_NOT_PAUSED)

    def rename(self, container_id: str, name: str) -> None:
        doing = f"renaming container {container_id[:12]} to {name}"
        answer = self._post(doing, route("/containers/{}/rename", container_id), None, {"name": name})
        _accept(answer, doing, already=_SAME_NAME)

    def set_restart_policy(self, container_id: str, policy: RestartPolicy) -> None:
        doing = f"setting the restart policy of container {container_id[:12]} to {policy}"
        self._update(doing, container_id, {"RestartPolicy": restart_policy(policy)})

    def update_limits(self, container_id: str, limits: UpdateLimits) -> None:
        doing = f"changing limits of container {container_id[:12]}"
        told = self._container(container_id)
        if told is None:
            raise NotFound(f"{doing}: no such container")
        fixed = unliftable(limits, told["HostConfig"])
        if fixed:
            raise EngineRefused(
                f"{doing}: the engine can change but not lift a {' and a '.join(fixed)} limit",
                hint="only a new container is without it",
            )
        if blocked_by_quota(limits, told["HostConfig"]):
            self._update(doing, container_id, NO_QUOTA)
        body = update_body(limits, swap_limit=self._known_host().facts.swap_limit)
        if body:
            self._update(doing, container_id, body)

    def connect(self, container_id: str, network: NetworkAttachment) -> None:
        self._require_network(network.name)
        doing = f"connecting container {container_id[:12]} to network {network.name}"
        body = {"Container": container_id, "EndpointConfig": endpoint(network)}
        _accept(self._post(doing, route("/networks/{}/connect", network.name), body), doing, already=_CONNECTED)

    def disconnect(self, container_id: str, network: str) -> None:
        doing = f"disconnecting container {container_id[:12]} from network {network}"
        answer = self._post(doing, route("/networks/{}/disconnect", network), {"Container": container_id})
        _accept(answer, doing, already=_NOT_CONNECTED)

    def create_network(self, name: str) -> None:
        if name in PREDEFINED_NETWORKS:
            return
        doing = f"creating network {name}"
        body = {"Name": name, "Driver": "bridge", "CheckDuplicate": True}
        _accept(self._post(doing, "/networks/create", body), doing, already=_NETWORK_EXISTS)

    def remove(self, container_id: str, *, volumes: bool) -> None:
        doing = f"removing container {container_id[:12]}"
        request = Request(
            method="DELETE",
            path=route("/containers/{}", container_id),
            params={"v": "1" if volumes else "0", "force": "0"},
        )
        _accept(self._connection.send(doing, request), doing, already=_BEING_REMOVED, gone_is_fine=True)

    def remove_image(self, reference: str) -> bool:
        doing = f"removing image {reference}"
        request = Request(method="DELETE", path=route("/images/{}", reference), params={"force": "0"})
        answer = self._connection.send(doing, request)
        return _accept(answer, doing, already=_IMAGE_IN_USE, gone_is_fine=True)

    def _creation(
        self, image: ImageReference, config: ContainerConfig, labels: Mapping[str, str]
    ) -> dict[str, Any]:
        for network in config.networks or ():
            self._require_network(network.name)
        return creation(image, config, labels, swap_limit=self._known_host().facts.swap_limit)

    def _create(self, name: str, body: Mapping[str, Any]) -> str:
        doing = f"creating container {name}"
        answer = self._post(doing, "/containers/create", dict(body), {"name": name})
        return str(answer.must(doing).json["Id"])

    def _post(self, doing: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Answer:
        return self._connection.send(doing, Request(method="POST", path=path, body=body, params=params or {}))

    def _update(self, doing: str, container_id: str, body: Mapping[str, Any]) -> None:
        path = route("/containers/{}/update", container_id)
        answer = self._post(doing, path, dict(body))
        for pause in UPDATE_PAUSES_S:
            if answer.accepted or not _ENDED_MEANWHILE.search(answer.message):
                break
            time.sleep(pause)
            answer = self._post(doing, path, dict(body))
        answer.must(doing)

    def _own_stop_timeout(self, container_id: str) -> int:
        """Seconds that the engine will wait by itself; negative: for ever."""
        told = self._container(container_id) or {"Config": {}}
        timeout = told["Config"].get("StopTimeout")
        return DEFAULT_STOP_S if timeout is None else int(timeout)

    def _require_network(self, name: str) -> None:
        """Engines accept a network that is not there for a container that does not run, and refuse only to start
        it: too late for us.
        """
        if name not in PREDEFINED_NETWORKS:
            doing = f"looking for network {name}"
            self._connection.get(doing, route("/networks/{}", name)).must(doing)


def _accept(
    answer: Answer, doing: str, *, already: re.Pattern[str] | None = None, gone_is_fine: bool = False
) -> bool:
    """Whether it was done now; False when it was so before. Raises what any other refusal means."""
    if answer.accepted:
        return True
    refusal = answer.refusal(doing)
    if (already and already.search(answer.message)) or (gone_is_fine and isinstance(refusal, NotFound)):
        return False
    raise refusal
