"""``init``: a first document that is right, with the digest that the tag stands for, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.cli.init import draft, scalar, with_digest, with_tag
from reconciler.spec.document import read_documents
from tests.cli.recorded import Ran, RecordedService, run

DIGEST = "sha256:" + "b" * 64
REPOSITORY = "registry.example.com:5000/shop/web"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Ran:
    service = RecordedService(digests={f"{REPOSITORY}:{tag}": DIGEST for tag in ("1.4.1", "latest")})
    return run(service, "init", *arguments, folder=Path.cwd())


def written(host: Path, name: str = "web") -> str:
    return (host / "desired" / f"{name}.yaml").read_text()


def test_a_document_is_written_with_the_digest_of_the_tag(host: Path) -> None:
    ran = call(f"{REPOSITORY}:1.4.1", "--port", "127.0.0.1:8080:80")
    assert (ran.status, ran.out) == (0, "wrote desired/web.yaml\n")
    assert "reconciler plan web" in ran.err
    text = written(host)
    assert f"digest: {DIGEST}  # tag: 1.4.1\n" in text
    (document,), problems = read_documents(text.encode(), "web.yaml")
    assert problems == ()
    spec = document.value["spec"]
    assert (spec["release"], spec["image"], spec["digest"]) == ({"id": "1.4.1"}, REPOSITORY, DIGEST)
    assert spec["config"] == {"ports": ["127.0.0.1:8080:80"]}


@pytest.mark.parametrize("image", [REPOSITORY, f"{REPOSITORY}:latest"])
def test_latest_says_nothing_of_a_release(host: Path, image: str) -> None:
    assert call(image).status == 0
    assert yaml.safe_load(written(host))["spec"]["release"] == {"id": "1"}
    assert "# tag: latest" in written(host)


def test_with_a_digest_nobody_is_asked(host: Path) -> None:
    ran = call(f"{REPOSITORY}@{DIGEST}", "--name", "shop")
    assert (ran.status, ran.exclusive) == (0, [])
    assert yaml.safe_load(written(host, "shop"))["spec"]["digest"] == DIGEST


def test_a_file_that_is_there_stays_as_it_is(host: Path) -> None:
    (host / "desired").mkdir()
    (host / "desired" / "web.yaml").write_text("mine\n")
    ran = call(f"{REPOSITORY}:1.4.1")
    assert ran.status == 1
    assert "is there already" in ran.err
    assert written(host) == "mine\n"


def test_a_name_that_another_file_has_is_refused(host: Path) -> None:
    assert call(f"{REPOSITORY}@{DIGEST}").status == 0
    (host / "desired" / "web.yaml").rename(host / "desired" / "other.yaml")
    ran = call(f"{REPOSITORY}@{DIGEST}")
    assert ran.status == 1
    assert "there is a document web already in desired/other.yaml:1" in ran.err
    assert [path.name for path in (host / "desired").iterdir()] == ["other.yaml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((f"{REPOSITORY}@sha256:short",), "spec.digest: "),
        ((f"{REPOSITORY}@{DIGEST}", "--port", "eighty"), "spec.config.ports"),
        ((f"{REPOSITORY}@{DIGEST}", "--port", "99999999:80"), "spec.config.ports"),
        ((f"{REPOSITORY}@{DIGEST}", "--name", "p"), "at least 2 characters"),
        ((f"{REPOSITORY}@{DIGEST}", "--name", "Web_1"), "metadata.name: "),
        ((f"{REPOSITORY}:1.4.1", "--name", "../web"), "metadata.name: "),
        ((f"UPPER/Web@{DIGEST}", "--name", "web"), "spec.image: "),
    ],
)
def test_what_makes_no_document_writes_nothing(host: Path, arguments: tuple[str, ...], words: str) -> None:
    ran = call(*arguments)
    assert ran.status == 1
    assert words in ran.err
    assert ran.exclusive == []
    assert not (host / "desired").exists()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1))
@example("1.10")
@example("no")
@example("a: b")
@example('"')
@example("\\")
def test_a_text_comes_back_from_yaml_as_it_was(text: str) -> None:
    assert yaml.safe_load(scalar(text)) == text


def test_a_draft_without_ports_shows_what_a_configuration_looks_like() -> None:
    text = with_digest(draft("web", "shop/web", ()), DIGEST)
    assert "  # config:\n" in text
    _, problems = read_documents(text.encode(), "web.yaml")
    assert problems == ()
    assert with_tag("host:5000/web") == "host:5000/web:latest"
