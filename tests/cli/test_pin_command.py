"""``pin``: which tag, what is written, what stays as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.pin_text import find_pin, pinned
from reconciler.errors import ImageNotFound, InputError
from reconciler.spec.yaml_tree import read_trees
from tests.cli.recorded import Ran, RecordedService, run

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
HEAD = "apiVersion: stella/v1\nkind: Container\nmetadata: {name: web}\nspec:\n"
WEB = f"""\
# the shop's face 🛒
{HEAD}  release: {{id: r1}}   # as the shop says
  image: registry.example.com:5000/shop/web
  digest: {OLD}  # tag: v1
  config: {{user: app}}
"""


def pin(text: str, *, document: str = "", tag: str = "") -> str:
    return pinned(text, find_pin(text, "web.yaml", document=document, tag=tag), NEW)


@pytest.mark.parametrize(
    ("spec", "tag", "expected"),
    [
        (f"image: a/b\n  digest: {OLD}\n", "v2", f"image: a/b\n  digest: {NEW}  # tag: v2\n"),
        (f"image: a/b\n  digest: {OLD}  # tag: v1\n", "", f"image: a/b\n  digest: {NEW}  # tag: v1\n"),
        (f"image: a/b\n  digest: {OLD}  # tag: v1\n", "v2", f"image: a/b\n  digest: {NEW}  # tag: v2\n"),
        (f"image: a/b\n  digest: {OLD} # so: 1\n", "v2", f"image: a/b\n  digest: {NEW} # tag: v2  # so: 1\n"),
        (f"image: a/b\n  digest: '{OLD}' #tag:v1, ok\n", "", f"image: a/b\n  digest: {NEW} # tag: v1, ok\n"),
        (f"image: a/b\n  digest: {OLD}", "v2", f"image: a/b\n  digest: {NEW}  # tag: v2"),
        (f"image: a/b:v3\n  digest: {OLD}  # tag: v1\n", "", f"image: a/b\n  digest: {NEW}  # tag: v3\n"),
        (f"image: 'a/b:v3'\n  digest: {OLD}\n", "", f"image: 'a/b'\n  digest: {NEW}  # tag: v3\n"),
        ('image: "h:5/b:v3"\n', "", f'image: "h:5/b"\n  digest: {NEW}  # tag: v3\n'),
        ("image: a/b:v3  # mine\n  x: 1\n", "", f"image: a/b  # mine\n  digest: {NEW}  # tag: v3\n  x: 1\n"),
        ("image: a/b:v3\r\n", "", f"image: a/b\r\n  digest: {NEW}  # tag: v3\r\n"),
        ("image: a/b", "v1", f"image: a/b\n  digest: {NEW}  # tag: v1"),
        ("image: a/b\n  digest:\n", "v1", f"image: a/b\n  digest: {NEW}  # tag: v1\n"),
        ("image: a/b\n  digest:  # tag: v1\n", "", f"image: a/b\n  digest: {NEW}  # tag: v1\n"),
        ('image: a/b\n  digest: ""\n', "v1", f"image: a/b\n  digest: {NEW}  # tag: v1\n"),
        (f"image: a/b@{OLD}\n  digest: {OLD}\n", "v1", f"image: a/b\n  digest: {NEW}  # tag: v1\n"),
    ],
)  # fmt: skip
def test_the_digest_is_written_with_its_tag_beside_it(spec: str, tag: str, expected: str) -> None:
    assert pin(f"{HEAD}  {spec}", tag=tag) == f"{HEAD}  {expected}"


def test_a_document_on_one_line_gets_no_comment() -> None:
    text = f"{{kind: Container, metadata: {{name: web}}, spec: {{digest: {OLD}, image: a/b}}}}\n"
    assert pin(text, tag="v1") == text.replace(OLD, NEW)


def test_a_byte_order_mark_stays_where_it_was() -> None:
    assert pin("\ufeff" + WEB) == "\ufeff" + WEB.replace(OLD, NEW)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("kind: Defaults\n", {}, "has 0 Container documents"),
        (WEB + "---\n" + WEB.replace("name: web", "name: db"), {}, "has 2 Container documents"),
        (WEB, {"document": "db"}, "has no Container document named db"),
        (HEAD + "  digest: x\n", {"tag": "v1"}, "web has no spec.image"),
        (HEAD + "  image: 7\n", {"tag": "v1"}, "web has no spec.image"),
        (HEAD + f"  image: a/b\n  digest: {OLD}\n", {}, "no tag to pin web to"),
        (HEAD + "  image: a/b\n", {}, "no tag to pin web to"),
        (WEB, {"tag": "v 1"}, "'v 1' is not a tag"),
        (
            "{kind: Container, metadata: {name: web}, spec: {image: a/b}}",
            {"tag": "v1"},
            "spec.digest of web is not",
        ),
        ("kind: [", {}, "web.yaml:2:1: a value is missing"),
    ],
)
def test_what_cannot_be_pinned_is_refused(text: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        pin(text, **options)
    assert message in str(caught.value)


def test_of_several_documents_only_the_chosen_one_changes() -> None:
    both = WEB + "---\n" + WEB.replace("name: web", "name: db")
    assert pin(both, document="db") == WEB + "---\n" + WEB.replace("name: web", "name: db").replace(OLD, NEW)


tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)


@given(tag=tags, comment=st.text("ab #:tv1\t", max_size=12), quote=st.sampled_from(["", "'", '"']))
def test_pinning_twice_is_pinning_once_and_the_tag_is_found_again(tag: str, comment: str, quote: str) -> None:
    text = f"{HEAD}  image: {quote}a/b{quote}\n  digest: {OLD} # {comment}\n  adopt: true\n"
    once = pin(text, tag=tag)
    assert pin(once) == once
    assert find_pin(once, "web.yaml").tag == tag
    (tree,), problems = read_trees(once.encode(), "web.yaml")
    assert problems == ()
    assert tree.root.value["spec"] == {"image": "a/b", "digest": NEW, "adopt": True}


def command(folder: Path, *arguments: str, text: str = WEB, **options: Any) -> tuple[Ran, Path, RecordedService]:
    file = folder / "web.yaml"
    file.write_text(text)
    service = RecordedService(digests={"registry.example.com:5000/shop/web:v1": NEW}, **options)
    return run(service, "pin", str(file), *arguments, folder=folder), file, service


def test_the_registry_is_asked_and_the_file_written(tmp_path: Path) -> None:
    ran, file, service = command(tmp_path)
    assert (ran.status, ran.out) == (0, f"web: registry.example.com:5000/shop/web:v1 is {NEW}\n")
    assert file.read_text() == WEB.replace(OLD, NEW)
    assert service.calls == [("resolve_tag", "registry.example.com:5000/shop/web", "v1")]
    assert ran.exclusive == [False]


def test_a_dry_run_shows_the_patch_and_writes_nothing(tmp_path: Path) -> None:
    ran, file, _ = command(tmp_path, "--dry-run")
    assert f"-  digest: {OLD}  # tag: v1\n+  digest: {NEW}  # tag: v1\n" in ran.out
    assert file.read_text() == WEB


def test_json_tells_what_changed(tmp_path: Path) -> None:
    value = json.loads(command(tmp_path, "--json")[0].out)
    patch = value.pop("patch")
    assert patch.startswith("--- a/")
    assert value == {
        "version": 1,
        "document": "web",
        "image": "registry.example.com:5000/shop/web",
        "tag": "v1",
        "digest": NEW,
        "changed": True,
    }


def test_a_file_that_is_right_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(WEB)
    before = (tmp_path / "web.yaml").stat()
    service = RecordedService(digests={"registry.example.com:5000/shop/web:v1": OLD})
    ran = run(service, "pin", str(tmp_path / "web.yaml"), folder=tmp_path)
    assert ran.out.endswith("(as it was)\n")
    assert (tmp_path / "web.yaml").stat().st_ino == before.st_ino


def test_a_tag_that_is_not_there_leaves_the_file_alone(tmp_path: Path) -> None:
    ran, file, _ = command(tmp_path, failing=ImageNotFound("registry.example.com:5000/shop/web has no tag v1"))
    assert (ran.status, ran.err) == (1, "error: registry.example.com:5000/shop/web has no tag v1\n")
    assert file.read_text() == WEB
