"""Many agents at once: open files, memory of connections, how little is asked of the store for who is quiet."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from reconciler.orchestrator import many, stream
from reconciler.orchestrator.bringing_up import BringingUp
from reconciler.orchestrator.line import Line
from tests.orchestrator.fleet import Agent, eventually, fleet, run

PREPARED = """
import resource
from asyncio.sslproto import SSLProtocol
from reconciler.orchestrator.many import prepare
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
prepare()
prepare()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard), SSLProtocol.max_size)
"""


def test_the_program_may_open_as_many_files_as_the_system_lets_it_and_reads_into_small_buffers() -> None:
    done = subprocess.run([sys.executable, "-c", PREPARED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", str(many.READ_BYTES)]


def test_for_an_agent_that_is_quiet_the_store_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    told_all = Line._told_all

    def counted(line: Line, part: BringingUp, now: datetime) -> bool:
        asked.append(now)
        return told_all(line, part, now)

    monkeypatch.setattr(Line, "_told_all", counted)
    monkeypatch.setattr(stream, "LOOK_S", 0.02)

    async def scene() -> None:
        async with fleet(tmp_path, interval_s=1) as world:
            agent = Agent(world, await world.join("host-a"))
            async with agent.streaming():
                await eventually(lambda: bool(agent.session.session) and bool(asked))
                await asyncio.sleep(1.5)
                before = len(asked)
                await asyncio.sleep(1)
                assert len(asked) == before

    run(scene())
