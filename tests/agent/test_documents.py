"""The folder of the orchestrator's documents, made of what the inbox holds, with a real catalogue."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.agent.artifacts import UNNAMED_S, Artifacts
from reconciler.agent.documents import TEXT, RemoteDocuments
from reconciler.controller.catalogue import Catalogue
from reconciler.history import History
from reconciler.inbox.store import InboxStore
from reconciler.inbox.wish import InlineFile, Wish
from reconciler.protocol.message.common import Artifact
from reconciler.sources.files import FolderSource
from reconciler.sources.remote import SHADOWED, CombinedSource
from reconciler.spec.build import build
from tests.protocol.makers import ALICE
from tests.sources.test_remote import write

CONTENT = b"listen 80;\n"


class Scene:
    def __init__(self, folder: Path) -> None:
        self.own, self.theirs, self.artifacts = (folder / name for name in ("own", "documents", "artifacts"))
        for place in (self.own, self.theirs, self.artifacts):
            place.mkdir()
        self.history = History.open(folder / "history.db", clock=lambda: 0.0, rebuild=build)
        self.store = InboxStore(folder / "inbox.db")
        own = FolderSource(self.own, clock=lambda: 1e12, sleep=lambda _: None)
        theirs = FolderSource(self.theirs, may_be_empty=True, clock=lambda: 1e12, sleep=lambda _: None)
        self.catalogue = Catalogue(CombinedSource(own, theirs), self.history)
        self.woken: list[str] = []
        self.restart()

    def restart(self) -> None:
        self.documents = RemoteDocuments(
            self.theirs,
            Artifacts(self.artifacts),
            store=self.store,
            catalogue=self.catalogue,
            changed=self.woken.append,
        )

    def wish(self, release: str, name: str = "web", *, called: str = "", **more: object) -> Wish:
        write(self.own.parent / "draft", called or name, release)
        text = (self.own.parent / "draft" / TEXT).read_text()
        made = replace(Wish(document=name, generation=1, text=text, actor=ALICE), **more)  # type: ignore[arg-type]
        self.store.put_back(made, document=name)
        return made

    def release(self, name: str = "web") -> str:
        found = self.documents.desired(name)
        return found.release.id if found else ""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.store.close()
    made.history.close()


def test_what_is_wished_for_is_in_force_and_the_loop_is_woken_once(scene: Scene) -> None:
    wish = scene.wish("1")
    assert scene.documents.show() == ()
    assert scene.documents.show() == ()
    assert (scene.release(), scene.woken, scene.documents.wanted_by("web")) == ("1", ["web"], wish)
    scene.wish("2")
    scene.documents.show()
    assert (scene.release(), scene.documents.refusal("web")) == ("2", "")


def test_the_folder_is_made_anew_from_what_is_kept(scene: Scene) -> None:
    scene.wish("1")
    (scene.theirs / "web").mkdir()
    (scene.theirs / "web" / TEXT).write_text("half of a docu")
    (scene.theirs / "stranger").mkdir()
    scene.restart()
    scene.documents.show()
    assert (scene.release(), [path.name for path in scene.theirs.iterdir()]) == ("1", ["web"])


def test_what_is_no_longer_wished_for_is_gone(scene: Scene) -> None:
    scene.wish("1")
    scene.documents.show()
    scene.store.put_back(None, document="web")
    scene.documents.show()
    assert (scene.release(), scene.woken, list(scene.theirs.iterdir())) == ("", ["web", "web"], [])


def test_a_document_waits_for_its_files_and_the_former_stays(scene: Scene) -> None:
    scene.wish("1")
    scene.documents.show()
    digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    lacking = Artifact(type="config", name="nginx.conf", sha256=digest, size_bytes=len(CONTENT))
    here = InlineFile(path="below/lock.yml", content=base64.b64encode(b"x").decode())
    scene.wish("2", artifacts=(lacking,), files=(here,))
    assert scene.documents.show() == (lacking,)
    assert scene.release() == "1"
    scene.documents.keep_artifact(CONTENT)
    assert scene.documents.show() == ()
    assert scene.release() == "2"
    assert (scene.theirs / "web" / "nginx.conf").read_bytes() == CONTENT
    assert (scene.theirs / "web" / "below" / "lock.yml").read_bytes() == b"x"


def test_a_document_that_is_another_one_is_refused_and_the_former_stays(scene: Scene) -> None:
    scene.wish("1")
    scene.documents.show()
    scene.wish("2", called="other")
    scene.documents.show()
    assert scene.release() == "1"
    assert scene.documents.refusal("web") == "it names itself other, and is assigned as web"
    scene.wish("3", text="kind: Defaults\napiVersion: stella/v1\nspec: {}\n")
    scene.documents.show()
    assert "or Defaults" in scene.documents.refusal("web")


def test_a_broken_document_and_one_that_the_host_has_too_are_told(scene: Scene) -> None:
    scene.wish("1", text="kind: Container\nspec: {oops")
    scene.documents.show()
    assert "orchestrator://web/document.yaml" in scene.documents.refusal("web")
    write(scene.own / "web", "web", "mine")
    scene.wish("2")
    scene.documents.show()
    assert (scene.documents.refusal("web"), scene.documents.desired("web")) == (SHADOWED, None)


def test_a_file_that_nothing_names_any_more_is_removed_after_a_while(scene: Scene) -> None:
    digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    named = Artifact(type="config", name="nginx.conf", sha256=digest, size_bytes=len(CONTENT))
    scene.wish("1", artifacts=(named,))
    scene.documents.keep_artifact(CONTENT)
    scene.documents.show()
    assert scene.documents.collect(0.0) == 0
    trial = replace(scene.wish("2"), task="t", artifacts=(named,))
    scene.store.try_out(trial)
    assert scene.documents.collect(2 * UNNAMED_S) == 0, "a wish on trial names it"
    scene.store.give_up("t")
    assert [scene.documents.collect(at * UNNAMED_S) for at in (3, 3.9, 4)] == [0, 0, 1]
    assert list(scene.artifacts.iterdir()) == []
    scene.wish("3", artifacts=(named,))
    assert scene.documents.show() == (named,), "it is fetched again where it is named again"
