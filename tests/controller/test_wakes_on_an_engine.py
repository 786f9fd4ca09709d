"""The wakes on a real engine: its stream blocks, dies with it, and comes back."""

from __future__ import annotations

import asyncio
import time

import docker

from reconciler.controller.wakes import EngineWakes
from reconciler.core.interfaces import EngineEvent
from reconciler.engine.client import DockerEngine
from tests.parts.engine import PrivateEngine
from tests.parts.standard_images import StandardImages

LONG = 60.0


def test_events_are_heard_again_after_the_engine_was_killed_and_closing_is_quick(
    fresh_engine: PrivateEngine, images: StandardImages
) -> None:
    engine = DockerEngine(fresh_engine.url, clock=time.time)
    sdk = docker.APIClient(base_url=fresh_engine.url, version="auto", timeout=60)
    sdk.pull(images.plain.reference)
    heard: list[EngineEvent] = []
    connects: list[float] = []

    async def until(count: int, told: list[EngineEvent] | list[float]) -> None:
        async with asyncio.timeout(LONG):
            while len(told) < count:  # noqa: ASYNC110  (told from the loop's own thread)
                await asyncio.sleep(0.02)

    async def main() -> None:
        wakes = EngineWakes(
            engine,
            on_event=heard.append,
            on_connect=lambda: connects.append(time.monotonic()),
            chance=lambda: 0.0,
        )
        wakes.start()
        await until(1, connects)
        await asyncio.to_thread(sdk.create_container, images.plain.reference, name="first")
        await until(1, heard)
        await asyncio.to_thread(fresh_engine.kill)
        async with asyncio.timeout(LONG):
            while wakes.up:  # noqa: ASYNC110  (told by a thread)
                await asyncio.sleep(0.02)
        await asyncio.to_thread(fresh_engine.start)
        await until(2, connects)
        assert wakes.up
        await asyncio.to_thread(sdk.rename, "first", "second")
        await until(2, heard)
        began = time.monotonic()
        await asyncio.to_thread(wakes.close)
        assert time.monotonic() - began < 1.0
        assert not wakes.up

    try:
        asyncio.run(main())
    finally:
        sdk.close()
        engine.close()
    assert [(event.action, event.container_name) for event in heard[:2]] == [
        ("create", "first"),
        ("rename", "second"),
    ]
