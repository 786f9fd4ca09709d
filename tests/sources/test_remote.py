from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.sources.files import FolderSource
from reconciler.sources.remote import ORIGIN, SHADOWED, CombinedSource, is_remote, split

DIGEST = f"sha256:{'a' * 64}"


class Host:
    """Two folders: the host's own, and the orchestrator's."""

    def __init__(self, folder: Path) -> None:
        self.own, self.theirs = folder / "own", folder / "theirs"
        self.own.mkdir()
        self.theirs.mkdir()
        self.remembered: Any = {}
        self.restart()

    def restart(self) -> None:
        own, theirs = split(self.remembered)
        self.source = CombinedSource(
            FolderSource(self.own, remember=own, clock=lambda: 1e12, sleep=lambda _: None),
            FolderSource(
                self.theirs, may_be_empty=True, remember=theirs, clock=lambda: 1e12, sleep=lambda _: None
            ),
            remember=self.remembered,
        )

    def load(self) -> dict[str, str]:
        """Release by name; what is the orchestrator's with a star."""
        loaded = self.source.load()
        self.remembered = self.source.good_by_file()
        return {item.name: f"{item.release.id}{'*' if is_remote(item) else ''}" for item in loaded.documents}

    @property
    def problems(self) -> str:
        return "\n".join(map(str, self.source.load().problems))


def write(folder: Path, name: str, release: str, port: int = 0) -> None:
    ports = f"    ports: ['{port}:80']\n" if port else ""
    text = (
        f"apiVersion: stella/v1\nkind: Container\nmetadata: {{name: {name}}}\nspec:\n"
        f"  release: {{id: '{release}'}}\n  image: registry.example.com/{name}\n  digest: {DIGEST}\n"
        f"  config:\n    stopTimeout: 3s\n{ports}"
    )
    folder.mkdir(exist_ok=True)
    (folder / "document.yaml").write_text(text)


def test_documents_of_both_are_in_force(tmp_path: Path) -> None:
    host = Host(tmp_path)
    write(host.own / "db", "db", "1")
    write(host.theirs / "web", "web", "2")
    assert host.load() == {"db": "1", "web": "2*"}
    assert host.source.load() is host.source.load()
    assert list(host.remembered) == ["db/document.yaml", f"{ORIGIN}web/document.yaml"]


def test_the_hosts_own_document_wins_by_its_name_also_over_one_that_was_in_force(tmp_path: Path) -> None:
    host = Host(tmp_path)
    write(host.theirs / "web", "web", "2")
    assert host.load() == {"web": "2*"}
    write(host.own / "web", "web", "mine")
    assert host.load() == {"web": "mine"}
    assert SHADOWED in host.problems
    (host.own / "web" / "document.yaml").unlink()
    write(host.own / "db", "db", "1")
    assert host.load() == {"db": "1", "web": "2*"}


def test_what_is_in_force_is_not_refused_for_what_is_new_also_after_a_restart(tmp_path: Path) -> None:
    host = Host(tmp_path)
    write(host.theirs / "web", "web", "2", port=8080)
    host.load()
    write(host.theirs / "shop", "shop", "1", port=8080)
    assert host.load() == {"web": "2*"}
    host.restart()
    assert host.load() == {"web": "2*"}
    assert "8080" in host.problems


def test_a_bad_document_never_replaces_a_good_one(tmp_path: Path) -> None:
    host = Host(tmp_path)
    write(host.theirs / "web", "web", "2")
    host.load()
    (host.theirs / "web" / "document.yaml").write_text("kind: Container\nspec: {oops")
    assert host.load() == {"web": "2*"}
    host.restart()
    assert host.load() == {"web": "2*"}
    assert f"{ORIGIN}web/document.yaml:3" in host.problems


def test_a_host_without_documents_of_its_own_is_no_mistake_and_an_empty_assignment_neither(tmp_path: Path) -> None:
    host = Host(tmp_path)
    write(host.theirs / "web", "web", "2")
    host.load()
    loaded = host.source.load()
    assert (loaded.complete, loaded.problems) == (True, ())
    (host.theirs / "web" / "document.yaml").unlink()
    assert host.load() == {}
    assert host.source.load().complete


def test_a_folder_of_the_hosts_that_goes_missing_keeps_its_documents(tmp_path: Path) -> None:
    host = Host(tmp_path)
    write(host.own / "db", "db", "1")
    host.load()
    host.own.rename(tmp_path / "away")
    assert host.load() == {"db": "1"}
    assert not host.source.load().complete


def test_only_the_hosts_own_files_have_a_digest_for_git(tmp_path: Path) -> None:
    host = Host(tmp_path)
    write(host.own / "db", "db", "1")
    write(host.theirs / "web", "web", "2")
    host.load()
    assert host.source.digest("db/document.yaml") is not None
    assert host.source.digest(f"{ORIGIN}web/document.yaml") is None
