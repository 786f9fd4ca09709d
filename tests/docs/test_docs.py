"""The documentation is true where a test can tell: documents, commands, links, named tests and files."""

from __future__ import annotations

import contextlib
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.exceptions import NoArgsIsHelpError
from click.testing import CliRunner

from reconciler import __version__
from reconciler.agent.policy import read_agent_policy
from reconciler.cli.root import ENTRIES, cli
from reconciler.core.policy import Policy, refusals
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.sealing.release_keys import new_release_key
from reconciler.sources.artifacts import reading_in
from reconciler.spec.assemble import examine
from reconciler.spec.notify import read_notify
from reconciler.spec.policy import read_policy
from tests.docs.pages import PAGES, ROOT, Block, anchors, blocks, commands, links, mentioned, named_tests
from tests.parts.command_line import parse

DOCUMENTS = [
    (page, block)
    for page in PAGES
    for block in blocks(page)
    if block.language == "yaml" and "apiVersion:" in block.text
]
VERSIONED = [
    (page, block)
    for page in PAGES
    for block in blocks(page)
    if block.language == "yaml" and block.text.startswith("version: 1")
]
POLICIES = [
    (page, block) for page, block in VERSIONED if not {"channels:", "taskTypes:"} & set(block.text.split())
]
NOTIFICATIONS = [(page, block) for page, block in VERSIONED if "channels:" in block.text]
CALLS = [
    (page, call)
    for page in PAGES
    for block in blocks(page)
    if block.language == "sh"
    for call in commands(block, "reconciler")
]
WITHOUT_ENGINE = {"validate", "config", "completion", "--version", "--help"}
RUNNABLE = sorted({call for _, call in CALLS if call and call[0] in WITHOUT_ENGINE})
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def place(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_there_is_something_to_test() -> None:
    assert len(PAGES) > 20
    assert len(DOCUMENTS) > 5
    assert len(CALLS) > 20
    assert RUNNABLE


@pytest.mark.parametrize(
    ("page", "block"), DOCUMENTS, ids=[f"{place(page)}:{block.line}" for page, block in DOCUMENTS]
)
def test_a_document_in_the_documentation_is_valid(page: Path, block: Block) -> None:
    """Files that come with a ComposeProject are those of the example."""
    beside = reading_in({"": ROOT / "examples" / "04-compose"})
    examined = examine({page.name: block.text.encode()}, read=beside, every=True)
    assert examined.problems == ()
    assert examined.documents or "kind: Defaults" in block.text


@pytest.mark.parametrize(
    ("page", "block"), POLICIES, ids=[f"{place(page)}:{block.line}" for page, block in POLICIES]
)
def test_a_policy_in_the_documentation_is_valid(page: Path, block: Block) -> None:
    policy, problems = read_policy(block.text.encode(), place(page))
    assert problems == ()
    assert policy is not None


@pytest.mark.parametrize(
    ("page", "block"), NOTIFICATIONS, ids=[f"{place(page)}:{block.line}" for page, block in NOTIFICATIONS]
)
def test_a_file_of_notifications_in_the_documentation_is_valid(page: Path, block: Block) -> None:
    notify, problems = read_notify(block.text.encode(), place(page))
    assert problems == ()
    assert notify is not None


def test_an_agents_policy_in_the_documentation_is_valid(tmp_path: Path) -> None:
    (block,) = (block for _, block in VERSIONED if "taskTypes:" in block.text)
    key = tmp_path / "release.pem"
    key.write_bytes(new_release_key().public)
    path = tmp_path / "agent.yaml"
    path.write_text(block.text.replace("/etc/reconciler/release.pem", str(key)))
    assert read_agent_policy(path, needed=True).policy == AgentPolicy()


def test_the_policy_beside_the_full_example_permits_it_and_the_others_need_none() -> None:
    (shown,) = (block for page, block in POLICIES if page.parent.name == "02-full")
    policy, _ = read_policy(shown.text.encode(), "policy.yaml")
    assert policy is not None
    for file in sorted((ROOT / "examples").glob("0[1-3]-*/*.yaml")):
        for document in examine({file.name: file.read_bytes()}, every=True).documents:
            assert refusals(document, policy) == ()
            assert bool(refusals(document, Policy())) == (document.name == "web" and "full" in str(file))


@pytest.mark.parametrize(("page", "call"), CALLS, ids=[f"{place(page)}:{' '.join(call)}" for page, call in CALLS])
def test_a_command_in_the_documentation_exists_with_its_options(page: Path, call: tuple[str, ...]) -> None:
    parse(cli, call)


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_a_command_that_a_sentence_speaks_of_exists_with_its_options(page: Path) -> None:
    """What it is about may be left out in a sentence."""
    for call in mentioned(page, "reconciler"):
        with contextlib.suppress(click.MissingParameter, NoArgsIsHelpError):
            parse(cli, call)


@pytest.mark.parametrize("call", RUNNABLE, ids=" ".join)
def test_what_needs_no_engine_runs(call: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path))
    result = CliRunner().invoke(cli, list(call))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_named_tests_exist(page: Path) -> None:
    for file, name in named_tests(page):
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_make_targets_exist(page: Path) -> None:
    called = {call[0] for block in blocks(page) if block.language == "sh" for call in commands(block, "make")}
    assert called <= set(TARGETS)


def test_files_that_contributors_are_sent_to_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "docs" / "glossary.md").read_text()
    rooms = (ROOT, ROOT / "reconciler")
    for path in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|yaml|txt|toml))`", text):
        found = [match for room in rooms for match in room.glob(path)]
        assert found or "NAME" in path, path


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_every_command_is_spoken_of() -> None:
    text = "\n".join(page.read_text() for page in PAGES if page.name != "cli.md")
    assert not [name for name in ENTRIES if not re.search(rf"\b{name}\b", text)]


def test_each_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = folder / "README.md"
    assert sorted(links(index)) == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_each_dependency_has_its_reason() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    needed = {re.split(r"[>=<!~\[ ]", item)[0] for items in wanted for item in items}
    page = (ROOT / "docs" / "decisions" / "0009-dependencies.md").read_text()
    reasons = re.findall(r"^\| `([\w.-]+)`(?:, `([\w.-]+)`)? \|", page, re.MULTILINE)
    assert {name for row in reasons for name in row if name} == needed


def test_the_sample_folder_is_valid() -> None:
    contents = {path.name: path.read_bytes() for path in (ROOT / "desired").glob("*.yaml")}
    examined = examine(contents, every=True)
    assert examined.problems == ()
    assert examined.documents


def test_the_version_is_in_the_changelog() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
