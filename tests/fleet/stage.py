"""Both sides as they are, but no controller: the orchestrator's program, the agent's talk, a network between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from reconciler.protocol.reconnect import SessionGate
from tests.agent.host import Host
from tests.orchestrator.fleet import Fleet, fleet
from tests.parts.tcp_proxy import TcpProxy

T = TypeVar("T")
HOST = "host-a"
OVER = frozenset({"succeeded", "failed", "rolled-back", "expired", "cancelled"})


def run(work: Coroutine[Any, Any, T]) -> T:
    """To its end, also where the machine has much else to do."""
    return asyncio.run(asyncio.wait_for(work, 120))


class Desk:
    """Where one host enrolls and is heard: through the network."""

    def __init__(self, world: Fleet, port: int, name: str) -> None:
        self._world, self._name = world, name
        self.url, self.desk_url = f"https://127.0.0.1:{port}", world.enroll_url

    def token(self) -> str:
        return self._world.token(self._name)


class Stage:
    """``network`` lies between the orchestrator and all hosts."""

    def __init__(self, folder: Path, world: Fleet, network: TcpProxy) -> None:
        self._folder = folder
        self.world = world
        self.network = network
        self.admin = world.admin()

    async def host(self, name: str = HOST, *, sockets: bool = True) -> Host:
        """One that has joined."""
        made = Host(self._folder / name, Desk(self.world, self.network.port, name), sockets=sockets)
        await made.enroll()
        return made

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """The API, as the admin asks it, past the network."""
        return await self.world.ask(self.admin, method, path, **options)

    async def submit(self, target: str = HOST, **changes: Any) -> str:
        """A task that changes something; its id."""
        key = changes.pop("key", None) or f"key-{id(changes)}-{asyncio.get_running_loop().time()}"
        body = {
            "type": "write-sticker",
            "targets": {"target": target},
            "payload": {},
            "document": "web",
            "idempotencyKey": key,
            **changes,
        }
        status, told = await self.ask("POST", "/v1/tasks", json=body)
        assert status == 201, told
        return str(told["items"][0]["id"])

    async def task(self, task_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (await self.ask("GET", f"/v1/tasks/{task_id}"))[1]
        return found

    async def ended(self, task_id: str, *, within_s: float = 20.0) -> Mapping[str, Any]:
        """When it is over."""
        async with asyncio.timeout(within_s):
            while (found := await self.task(task_id))["state"] not in OVER:  # noqa: ASYNC110  (another process)
                await asyncio.sleep(0.1)
        return found


@asynccontextmanager
async def stage(folder: Path, *, gate: SessionGate | None = None, interval_s: int = 1) -> AsyncIterator[Stage]:
    """A new orchestrator and its network, while the block lasts. ``interval_s``: between heartbeats."""
    options: dict[str, Any] = {"interval_s": interval_s, **({"gate": gate} if gate else {})}
    async with fleet(folder, **options) as world, TcpProxy(world.server.members.port).serving() as network:
        yield Stage(folder, world, network)
