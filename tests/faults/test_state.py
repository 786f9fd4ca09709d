"""The history is lost, damaged or of yesterday, or a sticker cannot be written: what runs goes on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.desired import DesiredState, StickerPlace
from reconciler.core.record import Record
from reconciler.core.sticker import judge, make_sticker, seal
from reconciler.history import History
from reconciler.sources.files import FolderSource
from reconciler.spec.build import build
from reconciler.spec.problem import is_error
from reconciler.sticker_store import StickerStore
from tests.e2e.documents import as_yaml, document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts import host
from tests.parts.images import PublishedImage
from tests.parts.socket_proxy import SocketProxy

PAGE = 4096
HARD = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="\"'`$(){}|;&<>\\\n\r\t\0 #:-%!*?~=,[]@\x85\u2028\ufeff\U0001f600\U0010ffff", max_size=30),
    st.sampled_from(
        (
            "$(touch /tmp/x)",
            "a\nb",
            "'; rm -rf /",
            "--privileged",
            "null",
            "1.10",
            "22:22",
            "\U0001f4a9",
            "${HOME}",
        )
    ),
)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder is on a file system that nobody can write to."""
    mount = host.program("mount", package="mount")
    host.run(mount, "--bind", str(folder), str(folder))
    try:
        host.run(mount, "-o", "remount,bind,ro", str(folder))
        yield
    finally:
        host.run(host.program("umount", package="mount"), str(folder))


def history_files(stage: Stage) -> list[Path]:
    return sorted(stage.state.glob("history.db*"))


def back_up(stage: Stage) -> Path:
    """As the manual says: a copy that knows SQLite, in the middle of whatever goes on."""
    copy = stage.folder / "backup.db"
    with closing(sqlite3.connect(stage.state / "history.db")) as source, closing(sqlite3.connect(copy)) as goal:
        source.backup(goal)
    return copy


def put_back(stage: Stage, copy: Path) -> None:
    """In place of what is there."""
    for file in history_files(stage):
        file.unlink()
    shutil.copy(copy, stage.state / "history.db")
    (stage.state / "history.db").chmod(0o600)


def assert_untouched(stage: Stage, proxy: SocketProxy, identity: tuple[str, str], page: str) -> None:
    """Nothing was asked of the engine that changes anything, and the container goes on."""
    assert proxy.mutating() == ()
    assert stage.identity() == identity
    assert stage.page() == page


@pytest.mark.fault("S4")
def test_a_sticker_that_cannot_be_written_leaves_the_release_running_and_is_told(
    stage: Stage, oracle: Oracle
) -> None:
    """The container is fine; the old sticker is told as stale, in the status and as a metric; it heals."""
    stage.deploy_here("v1")
    with read_only(stage.sticker().parent):
        stage.write(stage.web("v2"))
        failed = stage.apply(expect=4)
        assert "the release runs" in failed.stdout
        assert "Read-only file system" in failed.stdout
        assert stage.page() == "web v2"
        identity = stage.identity()
        with stage.controller() as controller:
            eventually(
                "the sticker is told as stale",
                lambda: controller.metric("reconciler_sticker_state", document=stage.name, state="stale") == 1,
            )
            assert controller.metric("reconciler_drift", document=stage.name, kind="sticker") == 1
    stage.apply()
    assert stage.identity() == identity
    oracle.holds("v2")


@pytest.mark.fault("S6")
def test_a_history_that_was_deleted_leaves_everything_alone_and_says_how_to_go_on(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """What runs is a stranger's to an empty history; adoption takes it over as it is."""
    stage.deploy_here("v1", "v2")
    identity = stage.identity()
    for file in history_files(stage):
        file.unlink()
    proxy.forget()
    refused = stage.reconciler("apply", engine=proxy.url)
    assert refused.returncode == 5
    assert "set spec.adopt: true" in refused.stdout
    assert "lost" in refused.stdout
    assert "adopt: true" in stage.status()["reason"]
    with stage.controller(RECONCILER_ENGINE=proxy.url, RECONCILER_RESYNC="1") as controller:
        eventually("it is told", lambda: controller.phase(stage.name) == "Blocked")
        assert controller.metric("reconciler_drift", document=stage.name, kind="foreign") == 1
    assert_untouched(stage, proxy, identity, "web v2")
    stage.write(stage.web("v2", adopt=True))
    stage.apply()
    assert stage.identity() == identity
    stage.write(stage.web("v2"))
    oracle.holds("v2")


@pytest.mark.fault("S6")
def test_a_history_deleted_under_the_controller_ends_all_changes(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """What is written to it from then on would be lost: so nothing is begun, it is not ready, and says why."""
    stage.deploy_here("v1")
    identity, files = stage.identity(), {path: path.read_bytes() for path in history_files(stage)}
    with stage.controller(RECONCILER_ENGINE=proxy.url, RECONCILER_RESYNC="1") as controller:
        controller.settles(stage.name)
        proxy.forget()
        for file in history_files(stage):
            file.unlink()
        stage.write(stage.web("v2"))
        eventually("it is not ready", lambda: controller.metric("reconciler_state_writable") == 0)
        assert "moved, removed or replaced while it was in use" in controller.text
        assert_untouched(stage, proxy, identity, "web v1")
    for path, content in files.items():
        path.write_bytes(content)
    stage.apply()
    oracle.holds("v2")


@pytest.mark.fault("S7")
def test_the_history_of_yesterday_goes_back_on_nothing(stage: Stage, oracle: Oracle, proxy: SocketProxy) -> None:
    """The container's generation is of a time that the history does not know: that is told, with the ways on."""
    stage.deploy_here("v1")
    yesterday = back_up(stage).rename(stage.folder / "yesterday.db")
    stage.deploy_here("v2")
    today = _copy_of_today(stage)
    identity = stage.identity()
    put_back(stage, yesterday)
    proxy.forget()
    for release in ("v2", "v1"):
        stage.write(stage.web(release))
        refused = stage.reconciler("apply", engine=proxy.url)
        assert refused.returncode == 5
        assert "its generation is 2, the history ends with 1" in refused.stdout
    with stage.controller(RECONCILER_ENGINE=proxy.url, RECONCILER_RESYNC="1") as controller:
        eventually("it is told", lambda: controller.phase(stage.name) == "Blocked")
    assert_untouched(stage, proxy, identity, "web v2")
    put_back(stage, today)
    stage.write(stage.web("v2"))
    stage.apply()
    assert stage.identity() == identity
    oracle.holds("v2")


def _copy_of_today(stage: Stage) -> Path:
    return back_up(stage).rename(stage.folder / "today.db")


@pytest.mark.fault("S9")
def test_a_damaged_page_is_found_at_the_start_and_nothing_is_touched(
    stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """Every command and the controller end with the reason and what to do; a backup puts all right."""
    stage.deploy_here("v1", "v2")
    identity, backup = stage.identity(), back_up(stage)
    put_back(stage, backup)
    with (stage.state / "history.db").open("r+b") as file:
        for page in range(1, os.fstat(file.fileno()).st_size // PAGE):
            file.seek(page * PAGE)
            file.write(os.urandom(64))
    stage.write(stage.web("v1"))
    proxy.forget()
    for words in (("apply",), ("run",), ("status",), ("prune", "--confirm")):
        ended = stage.reconciler(*words, engine=proxy.url)
        assert ended.returncode == 1, words
        assert "is damaged" in ended.stderr
        assert "put back a backup of the file, or move it aside" in ended.stderr
        assert "Traceback" not in ended.stderr
    assert_untouched(stage, proxy, identity, "web v2")
    put_back(stage, backup)
    stage.apply()
    oracle.holds("v1")


@pytest.mark.fault("S5")
@settings(max_examples=50)
@given(field=st.sampled_from(("release", "name", "value", "word", "label")), text=HARD)
def test_any_text_in_a_document_is_kept_byte_for_byte_or_refused(
    tmp_path_factory: pytest.TempPathFactory, field: str, text: str
) -> None:
    """From the file through the history to the sticker and back, by the real readers and writers of all three."""
    plain = {"release": "v1", "name": "Web", "value": "a", "word": "b", "label": "c", field: text}
    release, name = plain["release"], plain["name"]
    folder = tmp_path_factory.mktemp("hard")
    (folder / "desired").mkdir()
    wanted: dict[str, Any] = {
        "environment": {"VALUE": plain["value"]},
        "command": ["run", plain["word"]],
        "labels": {"note": plain["label"]},
    }
    image = PublishedImage(repository="registry.example.com/web", digest=f"sha256:{'0' * 64}", image_id="", tag="")
    spec = document("web", image, release, release={"id": release, "name": name}, config=wanted)
    (folder / "desired" / "web.yaml").write_bytes(as_yaml(spec).encode())
    loaded = FolderSource(folder / "desired", sleep=lambda _: None).load()
    if not loaded.documents:
        assert any(is_error(problem) for problem in loaded.problems)
        return
    (desired,) = loaded.documents
    told = desired.config
    assert (desired.release.id, desired.release.name) == (release, name)
    assert (told.environment, told.labels) == (wanted["environment"], wanted["labels"])
    assert told.command == tuple(wanted["command"])
    record = remembered(folder / "history.db", desired)
    assert record.committed_revision is not None
    assert record.committed_revision.desired == replace(desired, source=None)
    place, store, key = StickerPlace(path=str(folder / "stickers" / "web.json")), StickerStore(None), b"k" * 32
    store.write(place, seal(make_sticker(record), key), helper="")
    reading = store.read(place, helper="")
    assert judge(reading, record, desired, key) == "current"
    said = json.loads(reading.content)["release"]
    assert (said["id"], said["name"]) == (release, name)


def remembered(path: Path, desired: DesiredState) -> Record:
    """Committed to a history, and what another process finds in it."""
    with closing(History.open(path, clock=lambda: 1.0, rebuild=build)) as history:
        history.begin(desired, generation=1, kind="deploy", container_id="c", cause="", actor="user:ana")
        history.commit(desired.name, 1)
    with closing(History.open(path, clock=lambda: 2.0, rebuild=build)) as again:
        return again.record(desired.name)


@pytest.mark.fault("S5")
def test_text_that_looks_like_a_program_reaches_the_container_as_it_is(stage: Stage, oracle: Oracle) -> None:
    """Quotes, newlines, substitutions and characters of four bytes, in every place that takes free text."""
    text = "$(touch /pwned) `id` '\"; rm -rf / #\\\n\ttwo: [lines] ${HOME} %s \U0001f600 \u2028 --privileged"
    line = text.replace("\n", " ").replace("\t", " ").replace("\u2028", " ")
    config = {"environment": {"HARD": text}, "labels": {"note": text}}
    stage.write(stage.web("v1", release={"id": "v1", "name": line}, config=config))
    stage.apply()
    told = stage.inspect()
    assert f"HARD={text}" in told["Config"]["Env"]
    assert told["Config"]["Labels"]["note"] == text
    environment = Path(f"/proc/{told['State']['Pid']}/environ").read_bytes().split(b"\0")
    assert f"HARD={text}".encode() in environment
    assert json.loads(stage.sticker().read_bytes())["release"]["name"] == line
    assert stage.status()["sync"] == "Synced", "what comes back from the engine is the same"
    oracle.holds("v1")
