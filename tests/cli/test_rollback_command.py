"""``rollback``: the edit of the file, end to end on text, and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.folder import read_folder
from reconciler.core.desired import DesiredState
from reconciler.core.record import Operation, Record, Revision
from tests.cli.recorded import Ran, RecordedService, run

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64

OLD = f"""\
apiVersion: stella/v1
kind: Container
metadata: {{name: web, labels: {{team: shop}}}}
spec:
  release: {{id: r1, name: One}}
  image: registry.example.com/shop/web
  digest: {A}
"""
NEW = f"""\
# The shop's face 🛒; ask Ana before you touch it.
apiVersion: stella/v1
kind: Container
metadata:
  name: web   # also the container's name
  labels: {{team: shop}}
spec:
  release:
    id: "r2"  # from the shop's calendar
    name: Two
  image: registry.example.com/shop/web2
  digest: {B}  # tag: v2
  dependsOn: [{{name: db}}]
---
apiVersion: stella/v1
kind: Container
metadata: {{name: db}}
spec: {{release: {{id: r2}}, image: registry.example.com/db, digest: {B}}}
"""
BACK = (
    NEW.replace('"r2"', '"r1"', 1)
    .replace("name: Two", "name: One")
    .replace("shop/web2", "shop/web")
    .replace(f"{B}  # tag: v2", A)
)


@dataclass
class Case:
    """A folder whose document was edited from ``old`` to what is there now, and a history that knows both."""

    folder: Path
    states: list[DesiredState] = field(default_factory=list)
    service: RecordedService = field(default_factory=RecordedService)

    @property
    def file(self) -> Path:
        return self.folder / "desired" / "web.yaml"

    def load(self) -> DesiredState:
        examined = read_folder(self.folder / "desired").examined()
        assert examined.problems == ()
        return next(item for item in examined.documents if item.name == "web")

    def rollback(self, *arguments: str, **options: Any) -> Ran:
        desired = str(self.folder / "desired")
        return run(
            self.service, "rollback", "web", "--desired", desired, *arguments, folder=self.folder, **options
        )


def case(folder: Path, *texts: str, quarantined: int | None = None) -> Case:
    """Each text was deployed in turn; the last is what the file says now."""
    found = Case(folder)
    found.file.parent.mkdir(exist_ok=True)
    for text in texts:
        found.file.write_text(text)
        found.states.append(found.load())
    revisions = {item.fingerprint: Revision(fingerprint=item.fingerprint, desired=item) for item in found.states}
    record = Record(
        document="web",
        owner="o",
        revisions=tuple(revisions.values()),
        operations=tuple(
            Operation(generation=place, kind="deploy", fingerprint=item.fingerprint, state="committed")
            for place, item in enumerate(found.states, start=1)
        ),
        quarantined={} if quarantined is None else {found.states[quarantined].fingerprint: "it crashed"},
    )
    found.service = RecordedService(documents=(found.states[-1],), records={"web": record})
    return found


def test_only_release_image_and_digest_change(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, NEW)
    ran = there.rollback()
    assert there.file.read_text() == BACK
    assert there.load().fingerprint == there.states[0].fingerprint
    assert ran.status == 0
    assert ran.out == f"web: release r2 -> r1 in {there.file}\n"
    assert ran.err == (
        "its comment on the tag v2 was taken out: that is not where r1 came from\n"
        "the controller follows; without one: reconciler apply web\n"
    )
    assert ran.exclusive == [False]


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("  # tag: v2", ""),
        ("  # tag: v2  # signed by Ana", "  # signed by Ana"),
        (" # tag: v2 (nightly)", " # (nightly)"),
        ("  # signed by Ana # tag: v2", "  # signed by Ana"),
        ("  # pinned # tag: v2 # by Ana", "  # pinned  # by Ana"),
        ("  # tagged by hand", "  # tagged by hand"),
    ],
)
def test_a_digest_that_changes_loses_the_tag_it_no_longer_came_from(
    tmp_path: Path, comment: str, left: str
) -> None:
    there = case(tmp_path, OLD, NEW.replace("  # tag: v2", comment))
    assert there.rollback().status == 0
    assert there.file.read_text() == BACK.replace(A, A + left)


def test_a_digest_that_stays_keeps_its_tag(tmp_path: Path) -> None:
    there = case(
        tmp_path, OLD.replace(A, f"{A}  # tag: v1"), OLD.replace("r1", "r2").replace(A, f"{A}  # tag: v1")
    )
    assert there.rollback().status == 0
    assert f"{A}  # tag: v1\n" in there.file.read_text()


def test_a_dry_run_prints_the_patch_and_writes_nothing(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, NEW)
    ran = there.rollback("--dry-run")
    assert there.file.read_text() == NEW
    assert ran.out.startswith("--- a/web.yaml\n+++ b/web.yaml\n@@ ")
    assert '-    id: "r2"  # from the shop\'s calendar\n' in ran.out
    assert '+    id: "r1"  # from the shop\'s calendar\n' in ran.out
    assert ran.out.count("\n-") == 4
    assert ran.out.count("\n+") == 4 + 1
    assert "\x1b" not in ran.out
    assert ran.err == ""


def test_the_patch_is_coloured_on_a_terminal(tmp_path: Path) -> None:
    out = case(tmp_path, OLD, NEW).rollback("--dry-run", terminal=100).out
    assert "\x1b[32m+" in out
    assert "\x1b[31m-" in out


def test_json_has_the_patch(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, NEW)
    value = json.loads(there.rollback("--json", "--dry-run").out)
    patch = value.pop("patch")
    assert patch.startswith("--- a/web.yaml\n")
    assert value == {
        "version": 1,
        "name": "web",
        "from": "r2",
        "to": "r1",
        "file": str(there.file),
        "files": [str(there.file)],
        "written": False,
    }
    assert json.loads(there.rollback("--json").out)["written"] is True


CONFIGS = [
    ("", "  config:\n    user: app\n"),
    ("  config:\n    user: app\n", ""),
    ("  config: {user: app, init: true}\n", "  config:\n    user: root # sorry\n    init: false\n"),
    ('  config: {command: ["./web", "--fast"]}\n', "  config:\n    command: [./web]\n    user: app\n"),
    (
        "  config: {environment: {A: one, B: two}}\n",
        "  config:\n    environment:\n      A: 'uno' # 1\n      C: 3rd\n",
    ),
    (
        "  config: {environment: {A: one}}\n",
        "  config:\n    environment:\n      A: |\n        two\n        lines\n",
    ),
    ('  config: {environment: {A: "many\\nlines"}}\n', "  config:\n    environment:\n      A: one\n"),
    ("  config: {environment: {}}\n", "  config:\n    environment: {A: one}\n    user: app\n"),
    ("  config: {cpuLimit: 1.5, memoryLimit: 256Mi}\n", "  config:\n    cpuLimit: 2\n    memoryLimit: 1Gi\n"),
    ('  config: {ports: ["8080:80"], containerName: old}\n', "  config:\n    ports:\n      - 9090:80\n"),
    (
        "  config: {healthCheck: {test: [NONE]}}\n",
        "  config:\n    healthCheck:\n      test: [CMD, a]\n      retries: 3\n",
    ),
    ('  config: {labels: {m: \'c: d # e\', n: "no", v: "1.10"}}\n', "  config:\n    labels: {n: 'yes'}\n"),
]


@pytest.mark.parametrize(("old", "new"), CONFIGS)
def test_the_configuration_comes_back_too(tmp_path: Path, old: str, new: str) -> None:
    there = case(tmp_path, OLD + old, OLD.replace("r1", "r2").replace(A, B) + "  # stays\n" + new)
    ran = there.rollback()
    assert ran.err == "the controller follows; without one: reconciler apply web\n"
    assert there.load().fingerprint == there.states[0].fingerprint
    assert there.load().document["spec"] == there.states[0].document["spec"]
    assert "  # stays\n" in there.file.read_text()


SEALED = {
    word: f"-----BEGIN AGE ENCRYPTED FILE-----\\n{body}\\n-----END AGE ENCRYPTED FILE-----\\n"
    for word, body in (
        ("old", "YWdlLWVuY3J5cHRpb24ub3JnL3YxCm9sZA=="),
        ("new", "YWdlLWVuY3J5cHRpb24ub3JnL3YxCm5ldw=="),
    )
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            f'secrets: [{{name: db, encrypted: "{SEALED["old"]}"}}]',
            f'secrets: [{{name: db, encrypted: "{SEALED["new"]}"}}]',
        ),
        (
            f'secrets: [{{name: db, encrypted: "{SEALED["old"]}"}}]',
            f'secrets: [{{name: db, encrypted: "{SEALED["old"]}", mountPath: /etc/db}}]',
        ),
        ("files: [{path: /etc/a.yml, content: old}]", "files: [{path: /etc/a.yml, content: new}]"),
        ("files: [{path: /etc/a.yml, content: old}]", "environment: {}"),
    ],
    ids=["rotated secret", "secret elsewhere", "file", "file that went"],
)
def test_files_and_secrets_come_back_also_where_nothing_else_of_the_configuration_differs(
    tmp_path: Path, old: str, new: str
) -> None:
    there = case(tmp_path, f"{OLD}  config: {{{old}}}\n", f"{OLD.replace('r1', 'r2')}  config: {{{new}}}\n")
    assert there.states[0].fingerprint != there.states[1].fingerprint
    ran = there.rollback()
    assert ran.status == 0, ran.err
    assert there.load().fingerprint == there.states[0].fingerprint


def test_how_to_deploy_stays_as_it_is_now(tmp_path: Path) -> None:
    waits = "  config: {healthCheck: {timeout: 30s}}\n  strategy: {order: start-first}\n"
    there = case(tmp_path, OLD, OLD.replace("r1", "r2") + waits)
    there.rollback()
    assert there.file.read_text() == OLD + waits


def test_a_named_release_is_brought_back(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, OLD.replace("r1", "r2"), OLD.replace("r1", "r3"))
    assert there.rollback("--to", "r1").status == 0
    assert there.file.read_text() == OLD


def test_an_unknown_release_changes_nothing(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, NEW)
    ran = there.rollback("--to", "r9")
    assert (ran.status, ran.err) == (
        1,
        "error: release r9 is not in the history of web\nhint: known: r1, r2\n",
    )
    assert there.file.read_text() == NEW


def test_a_quarantined_release_needs_force_which_ends_the_quarantine(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, NEW, quarantined=0)
    refused = there.rollback()
    assert refused.status == 1
    assert "release r1 of web is quarantined: it crashed" in refused.err
    assert there.file.read_text() == NEW
    assert there.rollback("--force", "--dry-run").status == 0
    assert ("clear", "web") not in there.service.calls
    assert there.rollback("--force").status == 0
    assert there.file.read_text() == BACK
    assert there.service.calls[-1] == ("clear", "web")


def test_values_of_the_defaults_are_written_over_where_that_is_possible(tmp_path: Path) -> None:
    there = case(tmp_path, OLD + "  config: {user: app}\n", OLD.replace("r1", "r2"))
    defaults = "apiVersion: stella/v1\nkind: Defaults\nspec: {config: {user: root}}\n"
    (there.folder / "desired" / "defaults.yaml").write_text(defaults)
    there.service.documents = (there.load(),)
    assert there.rollback("--to", "r1").status == 0
    assert there.load().fingerprint == there.states[0].fingerprint


def test_a_value_of_the_defaults_that_is_in_the_way_is_named(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, OLD.replace("r1", "r2"))
    defaults = "apiVersion: stella/v1\nkind: Defaults\nspec: {config: {environment: {A: secret}}}\n"
    (there.folder / "desired" / "defaults.yaml").write_text(defaults)
    there.service.documents = (there.load(),)
    before = there.file.read_text()
    ran = there.rollback("--to", "r1")
    assert ran.status == 1
    assert ran.err == (
        "error: no edit of web.yaml brings web back to release r1: spec.config.environment.A would differ\n"
        "hint: nothing was written; a value of the Defaults may be in the way\n"
    )
    assert there.file.read_text() == before


def test_a_conflict_with_what_is_there_now_is_refused(tmp_path: Path) -> None:
    there = case(tmp_path, OLD + '  config: {ports: ["8080:80"]}\n', OLD.replace("r1", "r2"))
    (there.folder / "desired" / "new.yaml").write_text(
        OLD.replace("name: web", "name: new") + '  config: {ports: ["8080:80"]}\n'
    )
    before = there.file.read_text()
    ran = there.rollback()
    assert ran.status == 1
    assert ran.err.startswith("error: with release r1 web.yaml would be wrong:\n       web.yaml:9:12:")
    assert there.file.read_text() == before


def test_a_document_without_a_file_cannot_be_edited(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, NEW)
    there.service.documents = ()
    ran = there.rollback()
    assert (ran.status, ran.err) == (
        1,
        "error: no file has the document web now\nhint: bring its file back first\n",
    )


def test_a_document_that_left_its_file_meanwhile_is_an_error(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, OLD.replace("r1", "r2"))
    there.file.write_text(OLD.replace("name: web", "name: bew"))
    ran = there.rollback()
    assert ran.status == 1
    assert 'the file has no document called "web"' in ran.err


def test_a_document_that_is_refused_in_its_company_is_an_error(tmp_path: Path) -> None:
    there = case(tmp_path, OLD, OLD.replace("r1", "r2"))
    (there.folder / "desired" / "twin.yaml").write_text(OLD)
    ran = there.rollback()
    assert ran.status == 1
    assert "web.yaml would be wrong" in ran.err
