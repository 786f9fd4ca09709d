"""Upload tasks over the real session, onto a real disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.agent.contents import Contents
from reconciler.agent.uploads import Uploads
from reconciler.audit import AuditLog
from reconciler.protocol.agent_policy import BY_DEFAULT, AgentPolicy
from reconciler.protocol.message.payload import UploadedFile, UploadFilesPayload
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.task import AgentTask
from tests.agent.host import Host, comes, run
from tests.agent.orchestrator import Orchestrator


@pytest.fixture
def orchestrator() -> Iterator[Orchestrator]:
    made = Orchestrator().start()
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "uploads"
    made.mkdir()
    return made


@pytest.fixture
def host(tmp_path: Path, orchestrator: Orchestrator, root: Path) -> Host:
    policy = AgentPolicy(task_types=BY_DEFAULT | {"upload-files"}, upload_roots=(str(root),), upload_bytes=1000)
    audit = AuditLog(tmp_path / "audited", lambda: b"k" * 32)
    (tmp_path / "audited").mkdir()

    def handlers(host: Host) -> dict[str, object]:
        contents = Contents(host.place.enrolment(), host.passports)
        return {
            "upload-files": Uploads(
                contents, audit, host.policy, waiting=host.place.path, running=lambda _: "v1"
            ).upload
        }

    made = Host(tmp_path, orchestrator, policy=policy, handlers=handlers)  # type: ignore[arg-type]
    run(made.enroll())
    return made


def offered(orchestrator: Orchestrator, path: str, content: bytes, mode: str = "0640") -> UploadedFile:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    orchestrator.artifacts[digest] = content
    return UploadedFile(path=path, sha256=digest, size_bytes=len(content), mode=mode)


def ask(orchestrator: Orchestrator, directory: Path | str, *files: UploadedFile) -> AgentTask:
    payload = UploadFilesPayload(directory=str(directory), files=files)
    return orchestrator.ask("upload-files", payload, document=None)


def audited(folder: Path) -> list[tuple[str, str]]:
    lines = [
        json.loads(line) for file in sorted(folder.rglob("*.jsonl")) for line in file.read_text().splitlines()
    ]
    return [(line["kind"], line["target"]) for line in lines if line.get("action") == "upload-file"]


def names_in(folder: Path) -> list[str]:
    return [item.name for item in folder.iterdir()]


async def answered(orchestrator: Orchestrator, task: AgentTask) -> TaskResult:
    await comes(lambda: orchestrator.results.get(task.id))
    return orchestrator.results[task.id][0]


def test_files_are_written_as_one_and_a_repeat_writes_nothing(
    host: Host, orchestrator: Orchestrator, root: Path
) -> None:
    async def story() -> None:
        files = (offered(orchestrator, "app.conf", b"one"), offered(orchestrator, "d/b.bin", b"\0" * 400, "0755"))
        async with host.running():
            result = await answered(orchestrator, ask(orchestrator, root / "in", *files))
            assert (result.outcome, result.error) == ("succeeded", None)
            assert result.outputs is not None
            assert result.outputs["directory"] == str(root / "in")
            told = [{**item} for item in result.outputs["files"]]
            assert told[0] == {"path": "app.conf", "sha256": files[0].sha256, "sizeBytes": 3, "changed": True}
            assert (root / "in/app.conf").read_bytes() == b"one"
            assert (root / "in/d/b.bin").stat().st_mode & 0o777 == 0o755
            orchestrator.artifacts.clear()
            again = await answered(orchestrator, ask(orchestrator, root / "in", *files))
            assert again.outputs is not None
            assert [item["changed"] for item in again.outputs["files"]] == [False, False]

    run(story())


def test_each_file_is_in_the_audit_log_before_and_after(
    host: Host, orchestrator: Orchestrator, root: Path, tmp_path: Path
) -> None:
    async def story() -> None:
        async with host.running():
            await answered(orchestrator, ask(orchestrator, root, offered(orchestrator, "a", b"x")))

    run(story())
    kinds = [entry for entry, target in audited(tmp_path / "audited") if target == str(root / "a")]
    assert kinds == ["intent", "outcome"]


@pytest.mark.fault("X8")
def test_what_the_host_does_not_allow_is_refused_and_nothing_is_written(
    host: Host, orchestrator: Orchestrator, root: Path, tmp_path: Path
) -> None:
    async def story() -> None:
        async with host.running():
            file = offered(orchestrator, "a", b"x")
            outside = ask(orchestrator, tmp_path, file)
            detour = ask(orchestrator, f"{root}/../elsewhere", file)
            escape = ask(orchestrator, root, replace(file, path="../a"))
            hidden = ask(orchestrator, root, replace(file, path="d/../../a"))
            large = ask(orchestrator, root, offered(orchestrator, "big", b"x" * 1001))
            twice = ask(orchestrator, root, file, file)
            nested = ask(orchestrator, root, file, replace(file, path="a/b"))
            (root / "linked").symlink_to(tmp_path)
            linked = ask(orchestrator, root / "linked", file)
            other = orchestrator.ask(
                "upload-files",
                UploadFilesPayload(directory=str(root), files=(file,)),
                document="web",
                expected_release="v2",
            )
            kinds = {
                other: "unexpected-release",
                outside: "policy",
                detour: "policy",
                escape: "policy",
                hidden: "policy",
                large: "policy",
                twice: "files",
                nested: "files",
                linked: "in-the-way",
            }
            for task, kind in kinds.items():
                result = await answered(orchestrator, task)
                assert (result.outcome, result.error_type) == ("refused", kind)

    run(story())
    assert [item.name for item in root.iterdir()] == ["linked"]
    assert not (tmp_path / "a").exists()


def test_uploads_are_off_unless_the_host_turns_them_on(host: Host, orchestrator: Orchestrator, root: Path) -> None:
    host.policy = AgentPolicy(upload_roots=(str(root),))

    async def story() -> None:
        async with host.running():
            result = await answered(orchestrator, ask(orchestrator, root, offered(orchestrator, "a", b"x")))
            assert (result.outcome, result.error_type) == ("refused", "policy")
            assert "taskTypes of the agent's policy does not name it" in (result.error or "")

    run(story())
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("lie", [b"xy", b"", b"z"])
def test_content_that_is_not_what_was_named_is_not_used(
    host: Host, orchestrator: Orchestrator, root: Path, lie: bytes
) -> None:
    async def story() -> None:
        good, bad = offered(orchestrator, "good", b"x"), offered(orchestrator, "bad", b"w")
        orchestrator.artifacts[bad.sha256] = lie
        async with host.running():
            result = await answered(orchestrator, ask(orchestrator, root, good, bad))
            assert (result.outcome, result.error_type) == ("failed", "verification-failed")
            missing = replace(bad, sha256=f"sha256:{'0' * 64}")
            result = await answered(orchestrator, ask(orchestrator, root, good, missing))
            assert (result.outcome, result.error_type) == ("failed", "access-refused")

    run(story())
    assert list(root.iterdir()) == []


def test_a_task_that_was_cut_off_by_a_kill_goes_on_and_leaves_nothing_over(
    host: Host, orchestrator: Orchestrator, root: Path
) -> None:
    async def story() -> None:
        one, two = offered(orchestrator, "one", b"1"), offered(orchestrator, "two", b"2")
        held = orchestrator.artifacts.pop(two.sha256)
        orchestrator.unavailable.add(two.sha256)
        async with host.running():
            task = ask(orchestrator, root, one, two)
            await comes(lambda: "asked again" in orchestrator.texts.get(task.id, ""))
            assert names_in(root) == []
        (root / "one").write_bytes(b"1")  # a kill in the midst of it has left so much
        (root / "one").chmod(0o640)
        (root / f".one.{'1' * 16}.tmp").write_bytes(b"former")
        orchestrator.artifacts[two.sha256] = held
        orchestrator.unavailable.clear()
        async with host.running():
            result = await answered(orchestrator, task)
            assert result.outputs is not None
            assert [item["changed"] for item in result.outputs["files"]] == [False, True]

    run(story())
    assert {path.name: path.read_bytes() for path in root.iterdir()} == {"one": b"1", "two": b"2"}


def test_a_task_nobody_wants_any_more_or_whose_time_is_up_writes_nothing(
    host: Host, orchestrator: Orchestrator, root: Path
) -> None:
    async def story() -> None:
        file = offered(orchestrator, "one", b"1")
        orchestrator.unavailable.add(file.sha256)
        async with host.running():
            task = ask(orchestrator, root, file)
            await comes(lambda: "asked again" in orchestrator.texts.get(task.id, ""))
            orchestrator.cancel(task)
            assert (await answered(orchestrator, task)).outcome == "cancelled"
            payload = UploadFilesPayload(directory=str(root), files=(file,))
            late = orchestrator.ask("upload-files", payload, document=None, timeout_seconds=1)
            assert (await answered(orchestrator, late)).error_type == "timeout"

    run(story())
    assert list(root.iterdir()) == []
