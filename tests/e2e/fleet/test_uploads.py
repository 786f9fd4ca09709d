"""Upload tasks with the agent as a program of its own."""

from __future__ import annotations

import hashlib

import pytest

from reconciler.protocol.message.payload import UploadedFile, UploadFilesPayload
from tests.e2e.fleet.fleet import Fleet
from tests.e2e.stage import eventually

pytestmark = pytest.mark.engine


def test_files_come_where_the_hosts_policy_lets_them_also_after_a_kill(fleet: Fleet) -> None:
    orchestrator, root = fleet.orchestrator, fleet.stage.folder / "uploads"
    root.mkdir()
    fleet.permit(taskTypes=["upload-files"], uploadRoots=[str(root)])
    contents = {"app.conf": b"port = 1\n", "d/big.bin": b"\0" * (1 << 20)}
    digests = {path: f"sha256:{hashlib.sha256(content).hexdigest()}" for path, content in contents.items()}
    orchestrator.artifacts.update({digests[path]: content for path, content in contents.items()})
    orchestrator.unavailable.add(digests["d/big.bin"])
    files = tuple(
        UploadedFile(path=path, sha256=digests[path], size_bytes=len(content), mode="0640")
        for path, content in contents.items()
    )
    payload = UploadFilesPayload(directory=str(root / "in"), files=files)
    with fleet.agent() as running:
        task = orchestrator.ask("upload-files", payload, document=None)
        eventually("it is at work", lambda: "asked again" in orchestrator.texts.get(task.id, ""))
        running.process.kill()
        running.process.wait(10)
    assert list(root.iterdir()) == []
    orchestrator.unavailable.clear()
    with fleet.agent():
        result = orchestrator.result(task)
        assert (result.outcome, result.error) == ("succeeded", None)
        found = {
            str(path.relative_to(root / "in")): path.read_bytes() for path in root.rglob("*") if path.is_file()
        }
        assert found == contents
        assert "upload-file" in str(fleet.stage.json("audit", "show"))
