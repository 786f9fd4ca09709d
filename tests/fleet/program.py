"""The orchestrator as a program of its own, to be killed and started again at the same place."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from reconciler.orchestrator.app import create, invite
from reconciler.orchestrator.home import Reached
from reconciler.tls.contexts import client_context
from tests.orchestrator.fleet import ADMIN
from tests.parts.ports import free_port
from tests.parts.warm import ROOT, Process, Programs


@dataclass
class OrchestratorProgram:
    """``url`` and ``desk_url`` stay the same. ``kills``: how often it was killed."""

    folder: Path
    programs: Programs
    agent: str = "host-a"
    port: int = field(default_factory=free_port)
    desk_port: int = field(default_factory=free_port)
    monitor_port: int = field(default_factory=free_port)
    kills: int = 0

    def __post_init__(self) -> None:
        reached = Reached(
            names=("127.0.0.1",), listen=f"127.0.0.1:{self.port}", enroll=f"127.0.0.1:{self.desk_port}"
        )
        self.home = create(self.folder / "home", reached, ADMIN.name)
        self._process: Process | None = None
        passport = self.home.authority.authority().passport(ADMIN, now=datetime.now(UTC))
        self._context = client_context(passport)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def desk_url(self) -> str:
        return f"https://127.0.0.1:{self.desk_port}"

    def token(self) -> str:
        return invite(self.home, self.agent, life=timedelta(hours=1), actor="user:ada")[0].reveal().decode()

    def start(self) -> None:
        """Begun, and not yet listening."""
        words = ("orchestrator", "run", "--interval", "1", "--home", str(self.home.path))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / "log").open("ab") as log:
            self._process = self.programs.start(
                *words,
                *("--monitor", f"127.0.0.1:{self.monitor_port}"),
                environment=environment,
                folder=self.folder,
                out=log.fileno(),
                err=log.fileno(),
            )

    def kill(self) -> None:
        """SIGKILL, and it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self.kills += 1

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """The API, as the admin asks it. Raises aiohttp's errors while nobody answers."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.request(method, self.url + path, ssl=self._context, **options) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def asked_until_answered(self, method: str, path: str, **options: Any) -> Any:
        """The same, asked again and again by somebody who does not give up."""
        while True:
            try:
                status, told = await self.ask(method, path, **options)
                if status // 100 == 2:
                    return told
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass  # it is killed in the midst of this
            await asyncio.sleep(0.05)
