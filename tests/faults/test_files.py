"""Files of documents as they should not be: each is told with its place, and what runs goes on untouched.

What is asserted is that each bad file is named, that good ones and the last good state of the bad ones stay in
force, and that nobody waits.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.spec.document import read_documents
from tests.e2e.documents import as_yaml
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.small_disk import small_disk

OFTEN = {"RECONCILER_RESYNC": "1"}
AT_ONCE_S = 1.0
BOMB_S = 0.1
MOST = 10_000
"""Files that a folder may have."""
PAUSE_S = 0.05
"""Shorter than the time that a file must stay the same to be taken."""
SMALL = 400 << 20
"""Bytes of memory that no bad file may make the program exceed."""


def _bomb() -> str:
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 9)]
    return "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *levels]) + "\n"


def _in(text: str, old: str, new: str) -> bytes:
    assert old in text
    return text.replace(old, new, 1).encode()


BROKEN: dict[str, Callable[[str], bytes]] = {
    "half written": lambda good: good[: len(good) // 2].encode() + b"\n  con",
    "only blanks": lambda good: b"  \n\n \n",
    "empty": lambda good: b"",
    "no yaml": lambda good: b"kind: [Container\n",
    "utf-16": lambda good: good.encode("utf-16"),
    "latin-1": lambda good: _in(good, "hello", "caf\u00e9").decode().encode("latin-1"),
    "with a NUL": lambda good: _in(good, "hello", "he\0llo"),
    "a key twice": lambda good: good.encode() + b"metadata: {name: twice}\n",
    "an alias bomb": lambda good: _bomb().encode(),
    "nested deep": lambda good: b"a: " + b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "of 50 MB": lambda good: b"# " + b"x" * (50 << 20) + b"\n" + good.encode(),
    "of a newer version": lambda good: _in(good, "stella/v1", "stella/v9"),
    "of an older kind": lambda good: _in(good, "kind: Container", "kind: Pod"),
    "a sexagesimal number": lambda good: _in(good, "memoryLimit: 64Mi", "memoryLimit: 22:22"),
    "an octal number": lambda good: _in(good, "memoryLimit: 64Mi", "memoryLimit: 010"),
    "a date": lambda good: _in(good, "memoryLimit: 64Mi", "memoryLimit: 2026-11-24"),
    "a name of another case": lambda good: _in(good, "name: ", "name: W"),
    "yes": lambda good: _in(good, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: yes"),
}


@pytest.fixture
def good(stage: Stage, oracle: Oracle) -> str:
    """The document in its good state, deployed; to the oracle it is not foreign."""
    config = {"memoryLimit": "64Mi", "readOnlyRootFilesystem": True}
    stage.deploy_here("v1", config=config)
    return as_yaml(stage.web("v1", config=config))


@pytest.mark.fault("F1", "F2", "F3", "F5", "F6", "F7", "F8", "F16")
def test_no_bad_file_touches_what_runs_and_each_is_told_with_its_place(
    good: str, stage: Stage, oracle: Oracle
) -> None:
    """The same file, broken in each way in turn, under a controller that runs."""
    identity = stage.identity()
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        for what, broken in BROKEN.items():
            (stage.desired / "web.yaml").write_bytes(broken(good))
            eventually(f"{what}: it is told", lambda: controller.metric("reconciler_invalid_documents") == 1)
            assert stage.page() == "web v1", what
            said = stage.here("validate")
            assert "web.yaml" in said, f"{what}: {said}"
            assert "Traceback" not in said, what
            stage.write(good)
            eventually(f"{what}: mended", lambda: controller.metric("reconciler_invalid_documents") == 0)
        assert controller.process.poll() is None
        controller.settles(stage.name)
        assert _peak(controller.process.pid) < SMALL
    assert stage.identity() == identity
    assert len(stage.history()["generations"]) == 1
    oracle.holds("v1")


@pytest.mark.fault("F1")
def test_a_file_that_is_written_slowly_counts_when_all_of_it_is_there(
    good: str, stage: Stage, oracle: Oracle
) -> None:
    """What is there in between would do as a document, and would be another one than the writer means."""
    start, _, end = as_yaml(stage.web("v2")).partition("  deletionPolicy:")
    assert end.strip() == "delete", "what comes last is what can be left out"
    identity, padding = stage.identity(), [f"# {number}\n" for number in range(40)]
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        with (stage.desired / "web.yaml").open("w") as file:
            for part in (start, *padding):
                file.write(part)
                file.flush()
                time.sleep(PAUSE_S)
            assert stage.identity() == identity
            assert controller.process.poll() is None
            file.write(f"  deletionPolicy:{end}")
        eventually("it is deployed when it is whole", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
    assert len(stage.history()["generations"]) == 2
    oracle.holds("v2")


@pytest.mark.fault("F5")
def test_an_alias_bomb_costs_no_more_than_its_bytes() -> None:
    began = time.process_time()
    documents, problems = read_documents(_bomb().encode(), "bomb.yaml")
    assert time.process_time() - began < BOMB_S
    assert documents == ()
    assert any("aliases are not allowed" in problem.message for problem in problems)


@pytest.mark.fault("F2")
def test_a_byte_order_mark_changes_nothing(good: str, stage: Stage, oracle: Oracle) -> None:
    identity = stage.identity()
    (stage.desired / "web.yaml").write_bytes(b"\xef\xbb\xbf" + good.encode())
    assert stage.plan()["actions"] == []
    stage.apply()
    assert stage.identity() == identity
    oracle.holds("v1")


def _peak(process: int) -> int:
    """The most memory that a process ever had, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@pytest.mark.fault("F8")
def test_what_looks_like_something_else_is_what_was_written(stage: Stage, oracle: Oracle) -> None:
    """Where text is wanted: other readers of YAML make numbers, dates and booleans of these."""
    texts = ["22:22", "2222:22", "010", "0x1F", "no", "on", "1e3", "2026-11-24", "~x", "=", "1_000"]
    lines = "".join(f"      V{number}: {text}\n" for number, text in enumerate(texts))
    written = as_yaml(stage.web("v1")).replace("      GREETING: hello\n", lines)
    assert lines in written
    stage.write(written)
    stage.apply()
    environment = dict(line.split("=", 1) for line in stage.inspect()["Config"]["Env"])
    assert [environment[f"V{number}"] for number in range(len(texts))] == texts
    oracle.holds("v1")


@pytest.mark.fault("F8")
def test_what_could_lose_its_meaning_is_refused_with_its_line(good: str, stage: Stage) -> None:
    for text in ("1.10", "null", "true", "[a]"):
        stage.write(good.replace("GREETING: hello\n", f"GREETING: {text}\n"))
        said = stage.apply(expect=1).stderr
        assert "web.yaml:" in said
        assert "spec.config.environment.GREETING" in said, text
        assert "must be a text" in said, text


@pytest.mark.fault("F4")
def test_of_two_that_claim_the_same_both_are_refused_and_others_go_on(
    good: str, stage: Stage, oracle: Oracle
) -> None:
    """A name in two files, and one host port in two documents."""
    identity = stage.identity()
    stage.write(good, file="copy.yaml")
    refused = stage.apply(expect=1)
    assert "web.yaml" in refused.stderr
    assert "copy.yaml" in refused.stderr
    assert stage.identity() == identity
    other = good.replace(f"name: {stage.name}\n", f"name: {stage.name}-two\n")
    stage.write(other, file="copy.yaml")
    refused = stage.apply(expect=1)
    assert str(stage.port) in refused.stderr
    assert stage.identity() == identity
    assert f"{stage.name}-two" not in stage.docker("ps", "-a", "--format", "{{.Names}}").splitlines()
    (stage.desired / "copy.yaml").unlink()
    stage.apply()
    oracle.holds("v1")


@contextlib.contextmanager
def oddities(stage: Stage) -> Iterator[None]:
    """What is no plain file, in the folder of documents."""
    outside = stage.folder / "outside.yaml"
    outside.write_text("kind: [\n")
    folder = stage.desired
    (folder / "outside.yaml").symlink_to(outside)
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "nowhere.yaml").symlink_to("/nonexistent/x.yaml")
    os.mkfifo(folder / "fifo.yaml")
    os.mknod(folder / "device.yaml", 0o600 | 0o020000, os.makedev(1, 5))
    (folder / "folder.yaml").mkdir()
    yield
    shutil.rmtree(folder / "folder.yaml")
    for name in ("outside", "loop", "nowhere", "fifo", "device"):
        (folder / f"{name}.yaml").unlink()


@pytest.mark.fault("F9")
def test_links_fifos_devices_and_folders_are_never_waited_for(good: str, stage: Stage, oracle: Oracle) -> None:
    identity = stage.identity()
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        with oddities(stage):
            eventually("they are told", lambda: (controller.metric("reconciler_invalid_documents") or 0) >= 1)
            stage.docker("kill", stage.name)
            eventually("the good one is healed beside them", lambda: stage.page() == "web v1")
            said = stage.here("validate")
            assert all(f"{name}.yaml" in said for name in ("outside", "loop", "nowhere", "fifo", "device"))
        eventually("all is well again", lambda: controller.metric("reconciler_invalid_documents") == 0)
        controller.settles(stage.name)
    assert stage.identity()[0] == identity[0]
    oracle.holds("v1")


@pytest.mark.every_run("the mount")
@pytest.mark.fault("F10")
@pytest.mark.parametrize("gone", ["the file", "the folder", "the mount"])
def test_what_is_gone_removes_nothing(gone: str, good: str, stage: Stage, oracle: Oracle) -> None:
    identity = stage.identity()
    (stage.desired / "other.yaml").write_text("# nothing\n")
    aside = stage.folder / "aside"
    with stage.controller(RECONCILER_PRUNE="true", RECONCILER_PRUNE_CAP="1", **OFTEN) as controller:
        controller.settles(stage.name)
        with contextlib.ExitStack() as undo:
            if gone == "the file":
                (stage.desired / "web.yaml").rename(aside)
                undo.callback(aside.rename, stage.desired / "web.yaml")
            elif gone == "the folder":
                stage.desired.rename(aside)
                undo.callback(aside.rename, stage.desired)
            else:
                stage.desired.rename(aside)
                stage.desired.mkdir()
                undo.callback(aside.rename, stage.desired)
                undo.callback(stage.desired.rmdir)
                undo.enter_context(small_disk(stage.desired, size="1m"))
            time.sleep(3)  # several looks; nothing tells that nothing is done
            assert stage.identity() == identity
            assert controller.process.poll() is None
        eventually("all is well again", lambda: controller.phase(stage.name) == "Converged")
    assert stage.identity() == identity
    oracle.holds("v1")


@pytest.mark.fault("F12")
def test_a_link_s_goal_that_changes_is_read_anew(stage: Stage, oracle: Oracle) -> None:
    """As volumes of settings are mounted: files are links into a hidden folder, itself a link that is turned."""
    stage.deploy_here("v1")
    for version in ("v1", "v2"):
        (stage.desired / f"..{version}").mkdir()
        (stage.desired / f"..{version}" / "web.yaml").write_text(as_yaml(stage.web(version)))
    data, turned, web = (stage.desired / name for name in ("..data", "..turned", "web.yaml"))
    data.symlink_to("..v1")
    web.unlink()
    web.symlink_to("..data/web.yaml")
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        identity = stage.identity()
        turned.symlink_to("..v2")
        turned.replace(data)
        eventually("the new goal is read", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        assert stage.identity() != identity
    assert len(stage.history()["generations"]) == 2
    web.unlink()
    for name in ("..v1", "..v2"):
        shutil.rmtree(stage.desired / name)
    data.unlink()
    stage.write(stage.web("v2"))
    oracle.holds("v2")


@pytest.mark.fault("F11")
def test_a_folder_or_a_link_s_goal_that_is_replaced_is_read_anew(stage: Stage, oracle: Oracle) -> None:
    """As git-sync does it: the folder is a link, and the link is turned; and as a checkout does it."""
    stage.deploy_here("v1")
    one, two = stage.folder / "one", stage.folder / "two"
    stage.desired.rename(one)
    shutil.copytree(one, two)
    (two / "web.yaml").write_text(as_yaml(stage.web("v2")))
    stage.desired.symlink_to(one)
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        turned = stage.folder / "turned"
        turned.symlink_to(two)
        turned.replace(stage.desired)
        eventually("the link's new goal is read", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        stage.desired.unlink()
        one.rename(stage.desired)
        eventually("the new folder is read", lambda: stage.page() == "web v1")
        controller.settles(stage.name)
    oracle.holds("v1")


@pytest.mark.fault("F13")
def test_a_storm_of_edits_is_one_deploy_of_the_last(good: str, stage: Stage, oracle: Oracle) -> None:
    stage.docker("pull", "-q", stage.image("v2").reference)
    with stage.controller() as controller:
        controller.settles(stage.name)
        for number in range(1000):
            stage.write(stage.web("v2", config={"environment": {"GREETING": f"number {number}"}}))
        eventually("the last is deployed", lambda: _greeting(stage) == "number 999")
        controller.settles(stage.name)
    generations = stage.history()["generations"]
    assert len(generations) <= 4, "not every edit was deployed"
    oracle.holds("v2")


def _greeting(stage: Stage) -> str:
    for row in stage.sdk.containers(filters={"name": f"^{stage.name}$"}):
        environment = stage.inspect(row["Id"])["Config"]["Env"]
        return next((line.partition("=")[2] for line in environment if line.startswith("GREETING=")), "")
    return ""


@pytest.mark.fault("F15")
def test_an_edit_back_is_a_rollback_and_a_generation_of_its_own(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1", "v2", "v1")
    told = [(item["generation"], item["release"]) for item in stage.history()["generations"]]
    assert told == [(1, "v1"), (2, "v2"), (3, "v1")]
    oracle.holds("v1")


@pytest.mark.fault("F6")
@pytest.mark.every_run("2000")
@pytest.mark.parametrize("files", [2_000, 100_000])
@pytest.mark.timeout(600)
def test_a_folder_of_many_files_is_read_within_bounds(files: int, good: str, stage: Stage, oracle: Oracle) -> None:
    """Each is a document's by its name. Where they are too many, that is told, and the rest stays as it is."""
    many = stage.desired / "many"
    many.mkdir()
    for number in range(files):
        (many / f"note-{number}.yaml").write_text("# not a document\n")
    identity = stage.identity()
    began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    said = stage.here("validate")
    spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began
    assert spent < AT_ONCE_S * max(1, min(files, MOST) / 2_000)
    assert ("the rest is not read" in said) == (files > MOST)
    stage.reconciler("apply")
    assert stage.identity() == identity
    shutil.rmtree(many)
    stage.apply()
    oracle.holds("v1")
