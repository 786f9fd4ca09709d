"""``validate``: problems at their place, folders and files, JSON, exit status; no engine, no state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.cli.folder import names_in
from reconciler.config import load_settings
from tests.cli.recorded import Ran, RecordedService, run

DIGEST = "sha256:" + "a" * 64
GOOD = f"""\
apiVersion: stella/v1
kind: Container
metadata: {{name: NAME}}
spec:
  release: {{id: r1}}
  image: registry.example.com/shop/web
  digest: {DIGEST}
"""


@pytest.fixture
def desired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of documents, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desired").mkdir()
    return tmp_path / "desired"


def write(path: Path, name: str = "web", extra: str = "") -> Path:
    path.write_text(GOOD.replace("NAME", name) + extra)
    return path


def validate(*arguments: str) -> Ran:
    return run(RecordedService(), "validate", *arguments, folder=Path.cwd())


def test_documents_for_a_fleet_are_good_in_a_folder_of_an_orchestrator_alone(desired: Path) -> None:
    write(desired / "web.yaml", extra="  targets: {matchLabels: {region: north}}\n")
    assert validate("--fleet").status == 0
    for arguments in ((), ("desired/web.yaml",)):
        ran = validate(*arguments)
        assert (ran.status, "desired/web.yaml:8:12: spec.targets: is for documents of an" in ran.out) == (1, True)
    assert validate("--fleet", "desired/web.yaml").status == 0


def test_good_documents_are_counted(desired: Path) -> None:
    write(desired / "web.yaml")
    write(desired / "db.yaml", "db")
    ran = validate()
    assert (ran.status, ran.out) == (0, "2 documents good\n")
    assert ran.exclusive == []


def test_a_problem_shows_its_place_its_line_and_a_caret(desired: Path) -> None:
    write(desired / "web.yaml", extra="  config:\n    memoryLimt: 256Mi\n")
    ran = validate()
    assert ran.status == 1
    assert ran.out == (
        'desired/web.yaml:9:5: spec.config.memoryLimt: unknown key; did you mean "memoryLimit"?\n'
        "      memoryLimt: 256Mi\n"
        "      ^\n"
        "0 documents good, 1 error\n"
    )


def test_documents_of_a_folder_are_checked_against_each_other(desired: Path) -> None:
    write(desired / "a.yaml")
    write(desired / "b.yaml")
    ran = validate()
    assert ran.status == 1
    assert "desired/a.yaml:3:" in ran.out
    assert "desired/b.yaml:3:" in ran.out


def test_a_file_of_the_folder_is_checked_in_its_company(desired: Path) -> None:
    ports = '  config: {ports: ["8080:80"]}\n'
    write(desired / "a.yaml", "aa", extra=ports)
    write(desired / "b.yaml", "bb", extra=ports)
    ran = validate("desired/b.yaml")
    assert ran.status == 1
    assert "desired/b.yaml:8" in ran.out
    assert "desired/a.yaml:8:" not in ran.out
    assert ran.out.endswith("0 documents good, 1 error\n")


def test_the_defaults_of_the_folder_hold_for_a_file_of_it(desired: Path) -> None:
    defaults = "apiVersion: stella/v1\nkind: Defaults\nspec: {config: {ports: ['8080:80']}}\n"
    (desired / "defaults.yaml").write_text(defaults)
    write(desired / "a.yaml", "aa")
    write(desired / "b.yaml", "bb")
    assert validate("desired/b.yaml").status == 1


def test_other_files_are_checked_together_and_folders_each_for_itself(desired: Path) -> None:
    write(desired / "web.yaml")
    other = desired.parent / "other"
    other.mkdir()
    write(other / "web.yaml")
    write(desired.parent / "alone.yaml")
    ran = validate("desired", "other", "alone.yaml")
    assert (ran.status, ran.out) == (0, "3 documents good\n")


@pytest.mark.parametrize("path", ["no-such.yaml", "desired/no-such.yaml"])
def test_a_file_that_is_not_there_is_an_error(desired: Path, path: str) -> None:
    ran = validate(path)
    assert ran.status == 1
    assert "cannot be read: No such file or directory" in ran.out


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = validate("--desired", "nowhere")
    assert ran.status == 1
    assert "nowhere" in ran.out


def test_the_working_directory_may_be_the_folder(desired: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desired)
    write(desired / "web.yaml", extra="  x: 1\n")
    assert validate("--desired", ".").out.startswith("web.yaml:8:3: spec.x: unknown key")


def test_a_folder_elsewhere_is_named_in_full(desired: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere / "web.yaml", extra="  x: 1\n")
    assert validate(str(elsewhere)).out.startswith(f"{elsewhere}/web.yaml:8:3")


def test_json_lists_problems(desired: Path) -> None:
    write(desired / "web.yaml", extra="  x: 1\n")
    write(desired / "db.yaml", "db")
    value = json.loads(validate("--json").out)
    (problem,) = value.pop("problems")
    assert value == {"version": 1, "valid": False, "documents": 1}
    message = problem.pop("message")
    assert message.startswith("unknown key")
    assert problem == {
        "file": "desired/web.yaml",
        "line": 8,
        "column": 3,
        "path": "spec.x",
        "level": "error",
        "document": "web",
    }


def test_names_of_good_documents_can_be_completed(desired: Path) -> None:
    write(desired / "web.yaml")
    write(desired / "db.yaml", "db", extra="  x: 1\n")
    settings = load_settings({}, environment={}, folder=desired.parent, file=None, root=True)
    assert names_in(settings) == ("web",)


def policy(folder: Path, text: str = "") -> str:
    path = folder / "policy.yaml"
    path.write_text("version: 1\n" + text)
    path.chmod(0o644)
    return str(path)


ASKING = """\
  config:
    volumes:
      - data:/data
      - /srv/www:/www:ro
"""


def test_what_the_policy_refuses_is_told_at_its_field_and_makes_no_good_document(desired: Path) -> None:
    write(desired / "web.yaml", extra=ASKING)
    write(desired / "db.yaml", "db")
    ran = validate("--policy", policy(desired.parent))
    assert ran.status == 1
    assert ran.out.startswith(
        "desired/web.yaml:11:9: spec.config.volumes[1]: the host's policy refuses: web mounts /srv/www of the host"
    )
    assert "      - /srv/www:/www:ro\n" in ran.out
    assert ran.out.endswith("1 document good, 1 error\n")


def test_what_the_policy_refuses_of_the_defaults_names_them(desired: Path) -> None:
    (desired / "defaults.yaml").write_text(
        "apiVersion: stella/v1\nkind: Defaults\nspec: {sticker: {path: /srv/}}\n"
    )
    write(desired / "web.yaml")
    ran = validate("--policy", policy(desired.parent))
    assert "spec.sticker.path: the host's policy refuses: web has its sticker at /srv/web/version.json" in ran.out
    assert "(from the Defaults in desired/defaults.yaml:3:24)" in ran.out
    assert ran.out.endswith("0 documents good, 1 error\n")


def test_that_no_policy_was_looked_at_is_said(desired: Path) -> None:
    write(desired / "web.yaml", extra=ASKING)
    ran = validate()
    assert (ran.status, ran.out) == (0, "1 document good\n")
    assert ran.err == "no host's policy was looked at, there is none here; with that of the host: --policy FILE\n"
    assert validate("--policy", policy(desired.parent, "hostPaths: ['/srv/www:ro']\n")).err == ""
