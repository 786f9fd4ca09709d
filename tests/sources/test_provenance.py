"""Which commit asks for a document, read from real repositories that git itself made."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.core.audit import NOWHERE, Origin
from reconciler.core.desired import DesiredState, Release, SourceLocation
from reconciler.sources.provenance import Provenance
from tests.parts import host

ANA = "Ana Müller <ana@example.com>"
TEXT = "kind: Container\n" + "".join(f"# line {number}\n" for number in range(200))


class Checkout:
    """A repository with one document in a folder, committed by Ana."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "desired"
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.write(TEXT)
        self.commit("one")

    def git(self, *words: str, where: Path | None = None) -> str:
        program = host.program("git", package="git")
        names = ("-c", "user.name=Ana Müller", "-c", "user.email=ana@example.com")
        done = subprocess.run(
            [program, *names, *words], cwd=where or self.root, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, text: str, file: str = "web.yaml") -> None:
        (self.folder / file).write_text(text)

    def commit(self, subject: str) -> str:
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", subject)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


def origin(folder: Path, file: str = "web.yaml", digest: bytes | None = b"") -> Origin:
    """What is told of a file, as it is there now unless a digest says otherwise."""
    now = hashlib.sha256((folder / file).read_bytes()).digest() if digest == b"" else digest
    wish = DesiredState(name="web", release=Release("1", "one"), source=SourceLocation(file, 1))
    return Provenance(folder, lambda _: now).origin(wish)


def loose(_: Checkout) -> None:
    """As git commit leaves it."""


def packed(checkout: Checkout) -> None:
    for number in range(8):
        checkout.write(TEXT.replace("line 7\n", f"line seven {number}\n"))
        checkout.commit(f"edit {number}")
    checkout.git("gc", "--quiet", "--aggressive", "--prune=now")


def packed_with_ids_of_bases(checkout: Checkout) -> None:
    packed(checkout)
    checkout.git("-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-a", "-d", "-f", "--depth=20")


def detached(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "--detach")


@pytest.mark.parametrize("arranged", [loose, packed, packed_with_ids_of_bases, detached])
def test_the_commit_and_its_author_are_told_however_git_keeps_them(
    arranged: Callable[[Checkout], None], checkout: Checkout
) -> None:
    arranged(checkout)
    assert origin(checkout.folder) == Origin(file="web.yaml", commit=checkout.head, author=ANA)


@pytest.mark.parametrize("shared", ["--shared", "--no-hardlinks"])
def test_a_clone_and_a_worktree_know_their_commit_too(shared: str, checkout: Checkout, tmp_path: Path) -> None:
    clone, tree = tmp_path / "clone", tmp_path / "tree"
    checkout.git("clone", "--quiet", shared, str(checkout.root), str(clone))
    checkout.git("worktree", "add", "--quiet", "--detach", str(tree))
    checkout.git("pack-refs", "--all")
    link = tmp_path / "link"
    link.symlink_to(tree / "desired")
    for folder in (clone / "desired", tree / "desired", link, checkout.folder):
        assert origin(folder).commit == checkout.head


def test_changes_that_nobody_committed_are_told_as_such(checkout: Checkout) -> None:
    checkout.write("kind: Container # edited\n")
    assert origin(checkout.folder) == Origin(file="web.yaml", commit=f"uncommitted changes after {checkout.head}")
    checkout.git("add", "-A")
    assert origin(checkout.folder).commit.startswith("uncommitted changes after")
    checkout.write(TEXT, file="new.yaml")
    assert origin(checkout.folder, "new.yaml").commit.startswith("uncommitted changes after")


def test_a_file_below_a_folder_that_git_does_not_know_is_not_committed(checkout: Checkout) -> None:
    (checkout.folder / "team").mkdir()
    checkout.write(TEXT, file="team/web.yaml")
    assert origin(checkout.folder, "team/web.yaml").commit.startswith("uncommitted changes after")


def test_what_is_no_longer_as_it_was_read_is_unknown(checkout: Checkout) -> None:
    assert origin(checkout.folder, digest=b"another").commit == "unknown"
    assert origin(checkout.folder, digest=None).commit == "unknown"


def test_what_was_read_once_is_not_read_again_while_the_commit_is_the_same(checkout: Checkout) -> None:
    digest = hashlib.sha256(TEXT.encode()).digest()
    provenance = Provenance(checkout.folder, lambda _: digest)
    wish = DesiredState(name="web", release=Release("1", "one"), source=SourceLocation("web.yaml", 1))
    known = provenance.origin(wish)
    checkout.write("changed\n")
    assert provenance.origin(wish) is known
    checkout.commit("two")
    assert provenance.origin(wish).commit == "unknown"


def test_without_a_checkout_there_is_a_file_and_without_a_file_nothing(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(TEXT)
    assert origin(tmp_path) == Origin(file="web.yaml")
    wish = DesiredState(name="web", release=Release("1", "one"))
    assert Provenance(tmp_path, lambda _: None).origin(wish) == NOWHERE


def no_ref(checkout: Checkout) -> None:
    (checkout.root / ".git" / "HEAD").write_text("ref: refs/heads/../../../../etc/passwd\n")


def no_branch(checkout: Checkout) -> None:
    (checkout.root / ".git" / "HEAD").write_text("ref: refs/heads/none\n")


def huge_head(checkout: Checkout) -> None:
    (checkout.root / ".git" / "HEAD").write_bytes(b"x" * 10_000)


def no_objects(checkout: Checkout) -> None:
    (checkout.root / ".git" / "objects").rename(checkout.root / ".git" / "gone")


def head_is_a_file(checkout: Checkout) -> None:
    blob = checkout.git("hash-object", "desired/web.yaml")
    (checkout.root / ".git" / "HEAD").write_text(f"{blob}\n")


def damaged(checkout: Checkout) -> None:
    packed(checkout)
    (pack,) = (checkout.root / ".git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:12] + b"\xff" * pack.stat().st_size)


def another_index(checkout: Checkout) -> None:
    packed(checkout)
    (index,) = (checkout.root / ".git" / "objects" / "pack").glob("*.idx")
    index.chmod(0o600)
    index.write_bytes(b"\xfftOc\x00\x00\x00\x03")


@pytest.mark.parametrize(
    "harm", [no_ref, no_branch, huge_head, no_objects, head_is_a_file, damaged, another_index]
)
def test_a_repository_that_cannot_be_read_is_unknown(harm: Callable[[Checkout], None], checkout: Checkout) -> None:
    harm(checkout)
    assert origin(checkout.folder) == Origin(file="web.yaml", commit="unknown")
