"""``rollback`` of projects: the document, its lock file and its config files come back together, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.folder import read_folder
from reconciler.cli.rollback_files import Change, write_all
from reconciler.core.desired import DesiredState
from reconciler.core.record import Operation, Record, Revision
from reconciler.errors import InputError, StateUnwritable
from reconciler.spec.build_deliveries import EXAMPLE
from tests.cli.parts import ONE
from tests.cli.recorded import Ran, RecordedService, run
from tests.spec.locks import OTHER, lock, project
from tests.spec.texts import DIGEST

LOCK = "shop/compose.stella.lock.yml"
CONF = "shop/app.conf"
KEY = "shop/api.key"
MOUNTS = """\
configs:
  - {source: conf, target: /etc/app.conf}
secrets:
  - {source: key, target: /run/secrets/key}
"""
SOURCES = "configs: {conf: {file: ./app.conf}}\nsecrets: {key: {file: ./api.key}}\n"

Files = Mapping[str, str | bytes]


def digest_of(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def release(
    number: int,
    *,
    digest: str = DIGEST,
    conf: str | bytes = "level = info\n",
    key: str = "s3cr3t\n",
    head: str = "",
) -> Files:
    """The folder of one release: the document with digests of its files, as ``lock`` writes it."""
    text = lock(MOUNTS, rest=SOURCES).replace(DIGEST, digest)
    files = f"configFiles:\n  - {{name: app.conf, source: {CONF}, sha256: {digest_of(conf)}}} # ours\n"
    files += f"  - {{name: api.key, source: {KEY}, sha256: {digest_of(key)}}}\nhealthCheck: {{timeout: 20s}}\n"
    source = f"{{source: {LOCK}, sha256: {digest_of(text)}, size: {len(text)}}}"
    document = project(config=files, digests=f"web: {digest}", source=source).replace("rel-1", f"rel-{number}")
    return {"shop.yaml": head + document, LOCK: text, CONF: conf, KEY: key}


@dataclass
class Case:
    """A folder that had each of these contents in turn, and a history that knows all."""

    folder: Path
    states: list[DesiredState] = field(default_factory=list)
    service: RecordedService = field(default_factory=RecordedService)

    @property
    def desired(self) -> Path:
        return self.folder / "desired"

    def write(self, files: Files) -> None:
        for name, content in files.items():
            place = self.desired / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def load(self) -> DesiredState:
        examined = read_folder(self.desired).examined()
        assert examined.problems == ()
        return next(item for item in examined.documents if item.name == "shop")

    def now(self) -> dict[str, str | bytes]:
        """The files as they are, texts where they are."""
        found: dict[str, str | bytes] = {}
        for path in sorted(self.desired.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                text = content.decode("utf-8", "replace")
                found[str(path.relative_to(self.desired))] = content if "\ufffd" in text else text
        return found

    def rollback(self, *arguments: str) -> Ran:
        return run(
            self.service, "rollback", "shop", "--desired", str(self.desired), *arguments, folder=self.folder
        )


def case(folder: Path, *releases: Files, others: tuple[DesiredState, ...] = ()) -> Case:
    found = Case(folder)
    for files in releases:
        found.write(files)
        found.states.append(found.load())
    found.service = RecordedService(
        documents=(found.states[-1], *others),
        records={
            "shop": Record(
                document="shop",
                owner="o",
                revisions=tuple(Revision(fingerprint=item.fingerprint, desired=item) for item in found.states),
                operations=tuple(
                    Operation(generation=place, kind="deploy", fingerprint=item.fingerprint, state="committed")
                    for place, item in enumerate(found.states, start=1)
                ),
            )
        },
    )
    return found


def test_lock_file_and_config_files_come_back_with_the_document(tmp_path: Path) -> None:
    there = case(tmp_path, release(1), release(2, digest=OTHER, conf="level = debug\n"))
    ran = there.rollback()
    assert ran.status == 0, ran.err
    assert there.load().fingerprint == there.states[0].fingerprint
    assert there.now()[LOCK] == release(1)[LOCK]
    assert there.now()[CONF] == release(1)[CONF]
    desired = there.desired
    assert ran.out == (
        f"shop: release rel-2 -> rel-1 in {desired}/shop.yaml\n  and {desired}/{LOCK}\n  and {desired}/{CONF}\n"
    )
    assert ran.err == "the controller follows; without one: reconciler apply shop\n"


def test_how_to_wait_and_comments_stay(tmp_path: Path) -> None:
    now = dict(release(2, digest=OTHER, head="# Ana's\n"))
    now["shop.yaml"] = str(now["shop.yaml"]).replace("{timeout: 20s}", "{timeout: 90s} # slow disks")
    there = case(tmp_path, release(1), now)
    assert there.rollback().status == 0
    text = str(there.now()["shop.yaml"])
    assert "{timeout: 90s} # slow disks" in text
    assert text.startswith("# Ana's\n")
    assert "# ours" in text


def test_what_is_already_so_is_not_written(tmp_path: Path) -> None:
    there = case(tmp_path, release(1), release(2))
    before = (there.desired / LOCK).stat().st_ino
    assert there.rollback().out == f"shop: release rel-2 -> rel-1 in {there.desired}/shop.yaml\n"
    assert (there.desired / LOCK).stat().st_ino == before


def test_a_dry_run_shows_patches_of_all_files_and_no_secret(tmp_path: Path) -> None:
    there = case(tmp_path, release(1), release(2, digest=OTHER, conf="level = debug\n", key="hunter2\n"))
    before = there.now()
    out = there.rollback("--dry-run").out
    assert there.now() == before
    assert out.index(f"--- a/{LOCK}\n") < out.index(f"Files a/{CONF} and b/{CONF} differ\n")
    assert out.index(f"Files a/{KEY} and b/{KEY} differ\n") < out.index("--- a/shop.yaml\n")
    assert f"-    image: registry.example.com/shop/web@{OTHER}\n" in out
    assert "s3cr3t" not in out
    assert "hunter2" not in out


def test_a_secret_of_mappings_is_not_shown_either_and_a_config_of_mappings_is(tmp_path: Path) -> None:
    old = release(1, conf="level: info\n", key="user: ana\n")
    there = case(tmp_path, old, release(2, conf="level: debug\n", key="user: bob\n"))
    out = there.rollback("--dry-run").out
    assert "-level: debug\n+level: info\n" in out
    assert "ana" not in out
    assert "bob" not in out


def test_json_lists_the_files_in_the_order_of_writing(tmp_path: Path) -> None:
    there = case(tmp_path, release(1), release(2, digest=OTHER))
    value = json.loads(there.rollback("--json").out)
    assert value["files"] == [f"{there.desired}/{LOCK}", f"{there.desired}/shop.yaml"]
    assert value["file"] == f"{there.desired}/shop.yaml"
    assert value["written"] is True


def test_a_file_that_is_gone_is_made_again_with_its_folder(tmp_path: Path) -> None:
    moved = {name.replace("shop/", "new/"): value for name, value in release(2).items()}
    moved["shop.yaml"] = str(moved["shop.yaml"]).replace("shop/", "new/")
    there = case(tmp_path, release(1), moved)
    for name in (LOCK, CONF, KEY):
        (there.desired / name).unlink()
    (there.desired / "shop").rmdir()
    dry = there.rollback("--dry-run").out
    assert f"New file b/{CONF}\n" in dry
    assert there.rollback().status == 0
    assert there.load().fingerprint == there.states[0].fingerprint
    assert there.now()[KEY] == "s3cr3t\n"


def test_bytes_that_are_no_text_come_back_too(tmp_path: Path) -> None:
    there = case(tmp_path, release(1, conf=b"\xff\x00\x01"), release(2))
    assert f"Files a/{CONF} and b/{CONF} differ\n" in there.rollback("--dry-run").out
    assert there.rollback().status == 0
    assert there.now()[CONF] == b"\xff\x00\x01"


def test_what_was_edited_meanwhile_is_only_lost_by_force(tmp_path: Path) -> None:
    there = case(tmp_path, release(1), release(2, conf="level = debug\n"), others=(ONE,))
    (there.desired / CONF).write_text("level = mine\n")
    before = there.now()
    refused = there.rollback()
    assert refused.status == 1
    assert refused.err == (
        f"error: {CONF} is not what release rel-2 of shop has: somebody edited it\n"
        "hint: nothing was written; keep a copy, then --force writes over it\n"
    )
    assert there.now() == before
    assert there.rollback("--force").status == 0
    assert there.now()[CONF] == "level = info\n"


def test_a_strange_file_where_the_earlier_revision_had_one_is_not_written_over(tmp_path: Path) -> None:
    moved = {name.replace("shop/", "new/"): value for name, value in release(2).items()}
    moved["shop.yaml"] = str(moved["shop.yaml"]).replace("shop/", "new/")
    there = case(tmp_path, release(1), moved)
    (there.desired / LOCK).write_text("mine\n")
    assert f"{LOCK} is not what release rel-2 of shop has" in there.rollback().err


def test_a_file_that_another_document_names_is_never_written(tmp_path: Path) -> None:
    first, second = release(1), release(2, conf="level = debug\n")
    there = case(tmp_path, first, second)
    other = str(second["shop.yaml"]).replace("{name: shop}", "{name: twin}")
    there.write({"twin.yaml": other.replace("config:\n", "config:\n    projectName: twin\n")})
    there.service.documents = tuple(read_folder(there.desired).examined().documents)
    before = there.now()
    refused = there.rollback("--force")
    assert refused.status == 1
    assert f"error: {CONF} is also twin's, which would change with it\n" in refused.err
    assert there.now() == before


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    there = case(tmp_path, release(1), release(2, conf="level = debug\n"))
    (tmp_path / "outside").write_text("level = debug\n")
    (there.desired / CONF).unlink()
    (there.desired / CONF).symlink_to(tmp_path / "outside")
    refused = there.rollback("--force")
    assert refused.status == 1
    assert "is a link that leaves the folder" in refused.err
    assert (tmp_path / "outside").read_text() == "level = debug\n"


def test_no_folder_outside_is_made(tmp_path: Path) -> None:
    moved = {name.replace("shop/", "new/"): value for name, value in release(2).items()}
    moved["shop.yaml"] = str(moved["shop.yaml"]).replace("shop/", "new/")
    there = case(tmp_path, release(1), moved)
    for name in (LOCK, CONF, KEY):
        (there.desired / name).unlink()
    (there.desired / "shop").rmdir()
    (tmp_path / "outside").mkdir()
    (there.desired / "shop").symlink_to(tmp_path / "outside")
    refused = there.rollback()
    assert refused.err.startswith(f"error: {LOCK} leads out of the folder\n")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_document_that_has_changed_its_kind_is_refused(tmp_path: Path) -> None:
    there = case(tmp_path, release(1))
    container = (
        "apiVersion: stella/v1\nkind: Container\nmetadata: {name: shop}\n"
        f"spec: {{release: {{id: r9}}, image: registry.example.com/web, digest: {DIGEST}}}\n"
    )
    there.write({"shop.yaml": container})
    there.service.documents = (there.load(),)
    refused = there.rollback("--to", "rel-1")
    assert refused.status == 1
    assert "release rel-1 of shop was a ComposeProject; the document is a Container" in refused.err


def test_a_name_of_the_project_comes_back_and_goes_again(tmp_path: Path) -> None:
    named: dict[str, Any] = dict(release(2))
    named["shop.yaml"] = named["shop.yaml"].replace("  config:\n", "  config:\n    projectName: other\n")
    there = case(tmp_path, release(1), named)
    assert there.rollback().status == 0
    assert "projectName" not in str(there.now()["shop.yaml"])
    assert there.load().fingerprint == there.states[0].fingerprint


def test_a_write_that_fails_takes_back_those_before_it(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    good = (
        Change(file="old", before=b"old\n", after=b"new\n"),
        Change(file="made", before=None, after=b"new\n"),
    )
    with pytest.raises(StateUnwritable):
        write_all(tmp_path, (*good, Change(file="folder", before=None, after=b"x")))
    with pytest.raises(InputError, match="cannot write"):
        write_all(tmp_path, (*good, Change(file="file/below/x", before=None, after=b"x")))
    assert (tmp_path / "old").read_text() == "old\n"
    assert not (tmp_path / "made").exists()


def test_a_rotated_secret_comes_back_and_is_written_as_people_write_it(tmp_path: Path) -> None:
    rotated = EXAMPLE.replace("\n-----END", "\nAAAA\n-----END").replace("Cg==", "CgAA")

    def sealed(number: int, value: str) -> Files:
        text = lock("secrets: [db]", rest="secrets: {db: {external: true}}\n")
        source = f"{{source: {LOCK}, sha256: {digest_of(text)}, size: {len(text)}}}"
        config = f"secrets: [{{name: db, encrypted: {json.dumps(value)}}}]\n"
        document = project(config=config, digests=f"web: {DIGEST}", source=source)
        return {"shop.yaml": document.replace("rel-1", f"rel-{number}"), LOCK: text}

    there = case(tmp_path, sealed(1, EXAMPLE), sealed(2, rotated))
    ran = there.rollback()
    assert ran.status == 0, ran.err
    assert there.load().fingerprint == there.states[0].fingerprint
    written = str(there.now()["shop.yaml"])
    assert written.index("name: db") < written.index("encrypted:")
