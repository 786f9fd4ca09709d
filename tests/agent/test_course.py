"""The course of one deploy whose loop does nothing: what is kept of the release that it may have to go back to."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.agent import course
from reconciler.agent.artifacts import UNNAMED_S
from reconciler.agent.course import Course, Host, LoopSide
from reconciler.agent.work import Work
from reconciler.protocol.message.common import Artifact
from reconciler.protocol.session.events import TakeWish
from tests.agent.host import comes, run
from tests.agent.test_documents import CONTENT, Scene
from tests.protocol.makers import task as make_task
from tests.protocol.makers import uid


class Talk:
    """Keeps that the point of no return is passed, as the session does."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def pass_no_return(self, task_id: str) -> None:
        self._scene.store.keep([TakeWish(task_id)])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.store.close()
    made.history.close()


def test_files_of_the_release_that_it_may_go_back_to_stay_until_it_is_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wish that is taken comes in the place of the former one, which nothing names from then on."""
    monkeypatch.setattr(course, "BACK_S", 0.0)
    digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    file = Artifact(type="config", name="nginx.conf", sha256=digest, size_bytes=len(CONTENT))

    async def story() -> None:
        scene.documents.keep_artifact(CONTENT)
        scene.wish("2", task=uid(2))
        wish = scene.store.wishes()["web"]
        former = scene.wish("1", task=uid(1), artifacts=(file,))
        assert scene.documents.show() == ()
        queued: list[str] = []
        talk: Any = Talk(scene)
        task = make_task(2, "deploy", document="web")
        work = Work(task=task, deadline=time.monotonic() + 30, again=False, talk=talk)
        loop = LoopSide(look=pytest.fail, queue=queued.append)
        here = Course(
            Host(store=scene.store, documents=scene.documents, loop=loop, fetch=lambda: None), work, wish
        )
        await here.try_out()
        ending = asyncio.create_task(here.settled())
        await comes(lambda: queued)
        assert await here.pass_no_return()
        assert [scene.documents.collect(at * UNNAMED_S) for at in (0, 1)] == [0, 0]
        work.deadline = 0.0
        assert (await ending).outcome == "unknown"
        assert scene.documents.wanted_by("web") == former
        assert scene.release() == "1"
        await here.give_up()
        scene.wish("3")
        assert [scene.documents.collect(at * UNNAMED_S) for at in (2, 3)] == [0, 1]

    run(story())
